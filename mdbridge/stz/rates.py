"""The right-hand side of the STZ equations in the sheared frame."""

import math

import numpy as np
from numpy.typing import NDArray

from . import pointwise
from .closure import close
from .equilibrium.projection import Projection
from .frame import Frame
from .localstage import Local, Weights, first_force, local_stage
from .pace import Pace, fastest_relaxation
from .pointwise import Constants, Geometry, metric
from .ratelaw import Material
from .referencemap import ReferenceMap, crossings
from .staggered import CHI, Domain, Fields, extrapolate_at_plates, ghosted, owned

DIFFUSION_CEILING = 1000.0
"""Diffusion, per unit of strain, that is followed in full however fast plastic flow relaxes.

On fine grids diffusion from cell to cell is faster than anything else and would
alone set the number of stages, yet it only keeps empty what is empty already.
Where it is faster than this and than all relaxation, it is slowed to the faster of
the two, which leaves every wave longer than about 35 Å as it was (see the tests)."""

JUST_THE_RATE = Weights(0.0, 0.0, 0.0, 0.0, 1.0)

_NOTICED = 0.4  # of the ceiling: below it smoothing would change nothing that counts

AMPLIFICATION = 0.7
"""The velocity is extrapolated no farther than this: one projection leaves about |Σ|/μ of
the error of the velocity before it, and going on r times the interval between two makes 1 + 2r of it."""


class Rates:
    """d(state)/dγ for :class:`~mdbridge.stz.scheme.Stepper`.

    What carries things along needs the velocity that the projection is to find.  It takes
    V from two of the last three evaluations, extrapolated, so that all but C : D is done before
    the projection; what that leaves is of second order in the step.  In V itself it is
    less than 0.1 of that: transport carries V times Σ, the elastic terms V times C.  Where
    the velocity cannot be extrapolated, a second projection follows the first.  Either way
    the stress rate is in equilibrium exactly.

    Attributes:
        reference: the reference map at the end of the last step taken.
    """

    def __init__(
        self,
        material: Material,
        frame: Frame,
        rate: float,
        domain: Domain,
        projection: Projection,
        ceiling: float | None = None,
        tolerance: float | None = None,
    ):
        """Begin without stress.

        Args:
            material, frame, domain, projection: what flows, how the box moves, where, and its equilibrium.
            rate: λ in 1/s.
            ceiling: of diffusion, kept in place of :data:`DIFFUSION_CEILING`.
            tolerance: of a step, by which relaxation may be slowed, see :mod:`.pace`; with None none is.
        """
        grid = domain.grid
        self._constants = Constants(
            mu=material.mu,
            lame=material.lame_lambda,
            s_y=material.s_y,
            chi_inf=material.chi_inf,
            c0=material.c0,
            attempt=material.attempt_rate(rate),
            diffusion=material.diffusion_factor,
            dx=grid.dx,
            dy=grid.dy,
        )
        self._ceiling, self._ceiling_is_fixed = ceiling or DIFFUSION_CEILING, ceiling is not None
        self._frame, self._domain, self._projection = frame, domain, projection
        clamped = grid.boundary == "clamped"
        self._low_plate = clamped and domain.origin[0] == 0
        self._high_plate = clamped and domain.origin[0] + domain.shape[0] == grid.ny
        self._velocities = [ghosted(2, domain.shape) for _ in range(3)]  # the latest first
        self._times: tuple[float, ...] = ()  # of these
        self._velocity_at_start = ghosted(2, domain.shape)
        self.reference = ReferenceMap(domain, self._low_plate, self._high_plate)
        force, diffusion = np.zeros((2, *domain.shape)), np.zeros(domain.shape)
        self._made = Local(diffusion, force, ghosted(3, (2, domain.shape[1])))
        self._radius, self._stiffest, self._contrast, self._crossed = 0.0, 0.0, 0.0, 0.0
        self._material, self._rate, self._tolerance = material, rate, tolerance
        self._pace: Pace | None = None
        self._begun = False  # the pace is that of this motion

    @property
    def velocity(self) -> Fields:
        """V of the last evaluation in Å, ghosts filled, ``(2, rows + 4, columns + 4)``."""
        return self._velocities[0]

    def __call__(self, gamma: float, state: Fields, rate: Fields) -> None:
        """Set ``rate`` at owned places; fills the ghosts of ``state`` (collective).

        Args:
            gamma: net strain.
            state: ``(5, rows + 4, columns + 4)``, see :data:`~mdbridge.stz.staggered.STATE`.
            rate: same shape.
        """
        self.stage(gamma, state, state, state, JUST_THE_RATE, rate)

    def stage(
        self, gamma: float, state: Fields, base: Fields, base_rate: Fields, weights: Weights, out: Fields
    ) -> None:
        """Set ``out`` to a weighted sum at owned places; fills the ghosts of ``state`` (collective).

        Args:
            gamma, state: as in a call.
            base, base_rate: Y0 and F0 of :class:`~mdbridge.stz.localstage.Weights`, like ``state``.
            weights: of the sum of these, ``state``, its rate and Y'.
            out: Y', like ``state``; becomes the sum.
        """
        if self._pace is not None and self._pace.tolerance is not None:
            self._constants = self._constants._replace(attempt=self._pace.attempt(gamma))
        k, made, matrix = self._constants, self._made, self._frame.matrix(gamma)
        t = geometry(self._frame, gamma)
        self.fill(state)
        velocity, new = self.velocity, self._velocities[-1]
        earlier, ratio = self._foresee(gamma)
        local = (self._ceiling, k, t, self._low_plate, self._high_plate, base, base_rate, weights, made)
        if earlier is None:  # find a velocity first
            local_stage(state, velocity, velocity, 0.0, *local, out[:0])
            self._project(matrix, t, new)
            velocity = earlier = new
        extremes = local_stage(state, velocity, earlier, ratio, *local, out)
        self._project(matrix, t, new)
        self._velocities = [new, *self._velocities[:-1]]
        # of all ranks: they must come to the same number of stages
        self._radius, self._stiffest, fastest, largest = self._domain.maximum(np.array(extremes)).tolist()
        self._contrast = largest / k.mu
        self._smooth(t, fastest)
        close(self.velocity, made.diffusion, k, t, weights.rate, out)

    def _project(self, matrix: NDArray[np.float64], t: Geometry, velocity: Fields) -> None:
        """Set ``velocity`` to the V that balances the local rates."""
        self._domain.fill(self._made.edges)
        first_force(self._constants, t, self._made)
        self._projection.solve(self._made.force, matrix, velocity)
        self._domain.fill(velocity)

    def _foresee(self, gamma: float) -> tuple[Fields | None, float]:
        """What to extrapolate the last velocity from, and how far, in intervals between the two.

        The one before the last, or, where that will not do (in the first stages of a step it is too
        near), the one before that.  None: neither will.
        """
        times, self._times = self._times, (gamma, *self._times)[:3]
        for earlier, time in zip(self._velocities[1:], times[1:], strict=False):
            ratio = (gamma - times[0]) / (times[0] - time) if times[0] > time else -1.0
            if ratio >= 0.0 and (1.0 + 2.0 * ratio) * self._contrast <= AMPLIFICATION:
                return earlier, ratio
        return None, 0.0

    def _smooth(self, t: Geometry, flow: float) -> None:
        """Smooth diffusion of χ where it is faster than the ceiling; ``flow`` is the largest D."""
        k = self._constants
        n11, n12, n22 = metric(t)
        # the diagonal suffices on a periodic grid: the cross term of the symbol vanishes where it is largest
        along_x, along_y = n11, n22
        if self._domain.grid.boundary == "clamped":  # smoothing knows a bound alone
            along_x = along_y = 0.5 * (n11 + n22) + math.hypot(0.5 * (n11 - n22), n12)
        fastest = 4.0 * k.diffusion * flow * (along_x / k.dx**2 + along_y / k.dy**2)
        if fastest > _NOTICED * self._ceiling:
            tensor = np.array([[n11, n12], [n12, n22]])
            self._projection.smooth(self._made.diffusion, tensor, self._ceiling / (k.diffusion * flow))

    def fill(self, state: Fields) -> None:
        """Fill the ghost layers of the state (collective)."""
        self._domain.fill(state)
        if self._low_plate or self._high_plate:
            extrapolate_at_plates(state, self._low_plate, self._high_plate)

    def spectral_radius(self) -> float:
        """A bound on the eigenvalues at the last evaluation, per unit of strain."""
        return self._radius

    def load(self, frame: Frame, rate: float) -> None:
        """Move the box otherwise, or at another rate λ (1/s), from the next :meth:`pace` on."""
        self._frame, self._rate = frame, rate
        self._begun = False
        # velocities of another motion foretell nothing
        self.forget()

    def pace(self, gamma: float, state: Fields) -> None:
        """Choose how fast relaxation is followed from here on, see :mod:`.pace` (collective).

        Args:
            gamma, state: as in a call.
        """
        k = self._constants
        if self._pace is None or not self._begun:
            self._pace, self._begun = self._first_pace(gamma, state), True
            self._constants = k._replace(attempt=self._pace.start)
        elif self._pace.tolerance is not None:
            overstress = pointwise.largest_overstress(state, k, geometry(self._frame, gamma))
            overstress = self._domain.maximum(np.array([overstress])).item()
            ratio = self._pace.follow(gamma, overstress, self._stiffest)
            # what relaxes goes with the attempt rate, all else stays: a bound still
            self._radius, self._stiffest = (max(1.0, ratio) * v for v in (self._radius, self._stiffest))

    def _first_pace(self, gamma: float, state: Fields) -> Pace:
        """Of a motion that begins with ``state`` (collective)."""
        k, true = self._constants, self._material.attempt_rate(self._rate)
        if self._tolerance is None:
            return Pace(true, None, true)
        hottest = self._domain.maximum(np.array([owned(state)[CHI].max()])).item()
        # what flows goes to χ∞, from either side
        now, ever = (
            fastest_relaxation(true, math.exp(-1.0 / chi), 2.0 * k.mu / k.s_y)
            for chi in (hottest, max(hottest, k.chi_inf))
        )
        return Pace.of(true, self._tolerance, now, ever, gamma, k.attempt if self._pace else None)

    def accept(self, step: float) -> None:
        """Carry the reference map along a step of γ that ends at the last evaluation (collective).

        The ceiling of diffusion stays until the next one is taken, whatever trials do.
        """
        start, end, grid = self._velocity_at_start, self.velocity, self._domain.grid
        crossed = np.array([crossings(end, grid.dx, grid.dy)])
        # the more of both ends: in between the flow is taken to be no faster
        crossed_at_start, self._crossed = self._crossed, self._domain.maximum(crossed).item()
        self.reference.carry(step, start, end, step * max(crossed_at_start, self._crossed))
        start[...] = end
        if not self._ceiling_is_fixed:
            self._ceiling = max(DIFFUSION_CEILING, self._stiffest)

    def sums(self, gamma: float, state: Fields) -> tuple[float, float, float]:
        """Sums over this rank's cells, see :func:`.pointwise.sums`."""
        return pointwise.sums(state, self._constants, geometry(self._frame, gamma))

    def plastic_flow(self, gamma: float, state: Fields) -> Fields:
        """D at owned cells per unit of net strain, ``(rows, columns)``."""
        flow = np.empty(self._domain.shape)
        pointwise.plastic_flow(state, self._constants, geometry(self._frame, gamma), flow)
        return flow

    def forget(self) -> None:
        """Drop the velocities that would be extrapolated, as after a failed step."""
        for velocity in self._velocities:
            # the next evaluation begins with the last velocity, in which NaN would live on
            velocity[...] = 0.0
        self._times = ()


def geometry(frame: Frame, gamma: float) -> Geometry:
    """T and the frame's own stretching at ``gamma``, for the kernels."""
    (a, b), (c, d) = frame.matrix(gamma).tolist()
    (xx, xy), (yx, yy) = frame.velocity_gradient(gamma).tolist()
    return Geometry(a, b, c, d, xx, 0.5 * (xy + yx), yy)


def physical_stress(state: Fields, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """σ_xx, σ_xy, σ_yy, σ_zz in GPa, ``(4, rows, columns)``.

    Args:
        state: without ghosts, ``(5, rows, columns)``.
        matrix: T.
    """
    (a, b), (c, d) = matrix
    # σ = T Σ Tᵀ; out of the plane T does nothing
    s11, s12, s22, szz = state[:4]
    xx = a * a * s11 + 2.0 * a * b * s12 + b * b * s22
    xy = a * c * s11 + (a * d + b * c) * s12 + b * d * s22
    yy = c * c * s11 + 2.0 * c * d * s12 + d * d * s22
    return np.stack([xx, xy, yy, szz])
