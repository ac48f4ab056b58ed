"""A forward run: a case in, a result out, with no file, no MPI and no state left behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConvergenceError, FlowError, InputError
from .equilibrium.projection import FourierProjection, Projection
from .frame import FRAMES, Frame
from .greenlagrange import green_lagrange
from .loading import Driven, Leg, legs
from .ratelaw import PS_PER_S, Material, cell_name
from .rates import Rates, physical_stress
from .scheme import Counts, Stepper, StepTooSmall
from .staggered import CHI, STATE, Domain, Fields, Grid, WholeGrid, ghosted, owned

Array = NDArray[np.float64]

TOLERANCE = 1e-4
"""Root-mean-square error of a step, relative to s_y and 0.1 χ∞."""


@dataclass(frozen=True)
class Case:
    """All that determines a forward run.

    Attributes:
        material: parameters of the model.
        chi: χ at γ = 0 at cell centres, ``(ny, nx)``.
        grid: cells and box.
        frame: "simple" or "pure" shear.
        rate: λ in 1/s.
        max_strain: net strain γ at the end.
        strains: net strains at which direction or rate of the shear change, and the last one, in place of
            ``max_strain``; from 0, and of any sign.
        rates: λ on the way to each of ``strains``, in 1/s; ``rate`` for all if None.
        frames: number of equal strain increments of each leg at which the means are recorded.
        fields_at: frame numbers (0 … :attr:`last_frame`) at which fields are kept; all if None.
        tolerance: see :data:`TOLERANCE`.
        stress_at_rest: σ_xy of all cells at γ = 0 in GPa: what a sample was frozen with. It is in
            equilibrium, for it is the same everywhere.

    Raises:
        InputError: a value outside its range (it is named), a field of the
            wrong shape (with both shapes), χ not positive (with the worst cell).
    """

    material: Material
    chi: Array
    grid: Grid = field(default_factory=Grid)
    frame: str = "simple"
    rate: float = 1.0e8
    max_strain: float = 0.5
    strains: Sequence[float] | None = None
    rates: Sequence[float] | None = None
    frames: int = 100
    fields_at: Sequence[int] | None = None
    tolerance: float = TOLERANCE
    stress_at_rest: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rate", "max_strain"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise InputError(f"shear: {name} = {getattr(self, name)}: must be positive and finite")
        if self.frame not in FRAMES:
            raise InputError(f"shear: frame = {self.frame!r}: must be one of {', '.join(FRAMES)}")
        if self.frames < 1:
            raise InputError(f"shear: frames = {self.frames}: must be at least 1")
        if not 0.0 < self.tolerance < 1.0:
            raise InputError(f"scheme: tolerance = {self.tolerance}: must lie between 0 and 1")
        if not np.isfinite(self.stress_at_rest):
            raise InputError(f"initial: stress_at_rest = {self.stress_at_rest}: must be finite")
        for leg in self.legs:
            _check_rate(self.material, leg.rate)
        outside = [n for n in self.fields_at or () if not 0 <= n <= self.last_frame]
        if outside:
            raise InputError(
                f"shear: fields_at = {outside[0]}: must lie between 0 and the last frame, {self.last_frame}"
            )
        _check_chi(self.chi, self.grid)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The program of loading; a single leg without ``strains``."""
        if self.strains is None:
            if self.rates is not None:
                raise InputError("loading: rates_per_s without strains: give the strain at the end of each")
            return legs((self.max_strain,), (self.rate,))
        return legs(self.strains, (self.rate,) * len(self.strains) if self.rates is None else self.rates)

    @property
    def last_frame(self) -> int:
        """Number of the last frame."""
        return self.frames * len(self.legs)

    def rate_at(self, frame: int) -> float:
        """λ with which a frame is reached, in 1/s; of frame 0 the first."""
        return self.legs[max(0, frame - 1) // self.frames].rate

    def kept(self) -> tuple[int, ...]:
        """Frame numbers at which fields are kept, in order."""
        wanted = range(self.last_frame + 1) if self.fields_at is None else self.fields_at
        return tuple(sorted(set(wanted)))


@dataclass(frozen=True)
class Result:
    """What a forward run gives.  On a rank that gathers nothing the fields are empty.

    Attributes:
        gamma: net strain of the frames reached, ``(n,)``.
        shear_stress: mean of the physical σ_xy in GPa, ``(n,)``.
        dev_stress: mean of s̃ s_y in GPa, ``(n,)``.
        plastic_power: mean of σ : D^pl in GPa per unit of the path ∫|dγ|, ``(n,)``.
        frames: the frames at which fields are kept, ``(k,)``.
        exy: Green–Lagrange E_xy at corners, ``(k, ny, nx)``.
        chi: χ at cell centres, ``(k, ny, nx)``.
        velocity: T V, the velocity beyond that of the frame, at corners in Å
            per unit of the path, ``(k, 2, ny, nx)``.
        stress: σ_xx, σ_xy, σ_yy, σ_zz at cell centres in GPa, ``(k, 4, ny, nx)``.
        counts: steps, rejections, evaluations.
    """

    gamma: Array
    shear_stress: Array
    dev_stress: Array
    plastic_power: Array
    frames: NDArray[np.int64]
    exy: Array
    chi: Array
    velocity: Array
    stress: Array
    counts: Counts

    @property
    def path(self) -> Array:
        """Length of the path, ∫|dγ|, of the frames, ``(n,)``: every turn is a frame."""
        return np.concatenate([[0.0], np.cumsum(np.abs(np.diff(self.gamma)))])


def forward(
    case: Case,
    domain: Domain | None = None,
    projection: Projection | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Result:
    """Run ``case`` to its last frame.

    Args:
        case: what to run.
        domain: this rank's part of ``case.grid``; the whole grid if None.
        projection: the elliptic solver; Fourier if None.
        on_frame: called with the number of every frame that is done.

    Raises:
        InputError: the Fourier projection does not serve this grid.
        FlowError: an unstable or non-finite state, or a projection that does
            not converge; names frame, strain and worst cell, and carries the
            result up to there.  Raised on all ranks of the domain alike.
    """
    domain = WholeGrid(case.grid) if domain is None else domain
    projection = FourierProjection(domain, case.material) if projection is None else projection
    first, motion = case.legs[0], FRAMES[case.frame]()
    rates = Rates(
        case.material, Driven(motion, first), first.rate, domain, projection, tolerance=case.tolerance
    )
    stepper = Stepper(rates, initial_state(case, domain), error_scales(case), case.tolerance, domain)
    record = _Record(case, motion, domain)
    record.keep(0, first.start, stepper, rates)
    for number in range(1, case.last_frame + 1):
        leg, part = case.legs[(number - 1) // case.frames], (number - 1) % case.frames + 1
        try:
            if part == 1 and leg is not first:
                rates.load(Driven(motion, leg), leg.rate)
                stepper.restart()
            stepper.advance(leg.path + leg.length * part / case.frames)
        except (StepTooSmall, ConvergenceError) as failure:
            if isinstance(failure, StepTooSmall):
                cell, reason = failure.cell, failure.reason
            else:
                # a projection fails everywhere at once; where most flows is where to look
                cell, reason = _fastest_flow(rates, stepper, domain), str(failure)
            raise FlowError(
                f"after frame {number - 1}, strain {leg.strain(stepper.gamma):.6g}: {reason}; "
                f"worst {cell_name(cell)}",
                frame=number - 1,
                gamma=leg.strain(stepper.gamma),
                cell=cell,
                partial=record.result(stepper.counts),
            ) from failure
        record.keep(number, leg.strain(stepper.gamma), stepper, rates)
        if on_frame is not None:
            on_frame(number)
    return record.result(stepper.counts)


def initial_state(case: Case, domain: Domain) -> Fields:
    """The state at rest with χ of the case, ``(5, rows + 4, columns + 4)``."""
    state = ghosted(len(STATE), domain.shape)
    (row, column), (rows, columns) = domain.origin, domain.shape
    # at γ = 0 the frame is that of the laboratory: S is σ
    owned(state)[STATE.index("S_xy")] = case.stress_at_rest
    owned(state)[CHI] = case.chi[row : row + rows, column : column + columns]
    return state


def _fastest_flow(rates: Rates, stepper: Stepper, domain: Domain) -> tuple[int, int]:
    """The (row, column) of the largest D where the stepper is (collective)."""
    flow = rates.plastic_flow(stepper.gamma, stepper.state)
    row, column = np.unravel_index(np.argmax(flow), flow.shape)
    return domain.worst(float(flow[row, column]), (int(row), int(column)))


def error_scales(case: Case) -> Array:
    """What the errors of the fields of the state are measured by, see :data:`TOLERANCE`."""
    return np.array([case.material.s_y] * 4 + [0.1 * case.material.chi_inf])


def _check_rate(material: Material, rate: float) -> None:
    if not 0.0 < rate < np.inf:
        raise InputError(f"shear: rate = {rate}: must be positive and finite")
    fastest = PS_PER_S / material.tau0
    if rate >= fastest:
        raise InputError(
            f"shear: rate = {rate:g} /s: must be below 1/tau0 = {fastest:g} /s, at which the sample would be "
            "sheared by 1 within one vibration of its atoms"
        )
    # ε0/(τ0 λ) is a number in the code
    if not np.isfinite(material.attempt_rate(rate)):
        raise InputError(f"shear: rate = {rate:g} /s: is too small for numbers of the machine")


def _check_chi(chi: Array, grid: Grid) -> None:
    if np.shape(chi) != grid.shape:
        raise InputError(
            f"the initial field has the shape {np.shape(chi)} (rows, columns), the grid {grid.shape}"
        )
    if not np.all(np.isfinite(chi) & (chi > 0.0)):
        worst = np.unravel_index(np.argmin(np.where(np.isfinite(chi), chi, -np.inf)), chi.shape)
        raise InputError(
            f"frame 0, strain 0: chi = {chi[worst]:.6g} at {cell_name(worst)}: must be positive everywhere"
        )


class _Record:
    """Collects means and fields, frame by frame."""

    def __init__(self, case: Case, frame: Frame, domain: Domain):
        self._case, self._frame, self._domain = case, frame, domain
        self._wanted = frozenset(case.kept())
        self._means: list[tuple[float, ...]] = []
        self._numbers: list[int] = []
        # E_xy, χ, two components of the velocity, four of the stress
        self._fields = np.empty((0, 8, *case.grid.shape))

    def keep(self, number: int, gamma: float, stepper: Stepper, rates: Rates) -> None:
        """Add frame ``number``, at the net strain ``gamma`` (collective)."""
        case = self._case
        sums = np.array(rates.sums(stepper.gamma, stepper.state))
        means = self._domain.total(sums) / (case.grid.nx * case.grid.ny)
        self._means.append((gamma, *means.tolist()))
        if number not in self._wanted:
            return
        matrix, state = self._frame.matrix(gamma), owned(stepper.state)
        exy = green_lagrange(rates.reference.displacement, matrix, case.grid.dx, case.grid.dy)[1]
        velocity = np.einsum("ij,jyx->iyx", matrix, owned(rates.velocity))
        stress = physical_stress(state, matrix)
        whole = self._domain.gather(np.concatenate([exy[None], state[CHI : CHI + 1], velocity, stress]))
        self._numbers.append(number)
        if whole is not None:
            if not len(self._fields):  # here and not before, for one rank alone keeps them
                self._fields = np.empty((len(self._wanted), *whole.shape))
            self._fields[len(self._numbers) - 1] = whole

    def result(self, counts: Counts) -> Result:
        """All frames so far."""
        gamma, shear, dev, power = np.array(self._means).T
        fields = self._fields[: len(self._numbers)]
        return Result(
            gamma=gamma,
            shear_stress=shear,
            dev_stress=dev,
            plastic_power=power,
            frames=np.array(self._numbers, dtype=np.int64),
            exy=fields[:, 0],
            chi=fields[:, 1],
            velocity=fields[:, 2:4],
            stress=fields[:, 4:],
            # a copy: the stepper goes on counting
            counts=replace(counts),
        )
