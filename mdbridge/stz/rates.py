"""The right-hand side of the STZ equations in the sheared frame."""

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .frame import Frame
from .grid import Domain, Fields, extrapolate_at_plates, ghosted, owned
from .model import Material
from .projection import Projection

SWEEPS = 2
"""Projections per evaluation.  The transport terms carry V times Σ, the elastic
ones V times C, so that one sweep leaves about |Σ|/μ < 0.1 of the error of the
last stage's V: two leave nothing that a third would change (see the tests)."""


class Rates:
    """d(state)/dγ for :class:`~mdbridge.stz.scheme.Stepper`.

    Attributes:
        velocity: V of the last evaluation in Å, ghosts filled, ``(2, rows + 4, columns + 4)``.
        flow: D of the last evaluation, ``(rows + 4, columns + 4)``.
    """

    def __init__(
        self,
        material: Material,
        frame: Frame,
        rate: float,
        domain: Domain,
        projection: Projection,
        sweeps: int = SWEEPS,
    ):
        """``rate`` is λ in 1/s."""
        grid = domain.grid
        self._constants = kernels.Constants(
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
        self._frame, self._domain, self._projection, self._sweeps = frame, domain, projection, sweeps
        clamped = grid.boundary == "clamped"
        self._low_plate = clamped and domain.origin[0] == 0
        self._high_plate = clamped and domain.origin[0] + domain.shape[0] == grid.ny
        self.velocity = ghosted(2, domain.shape)
        self.flow = ghosted(1, domain.shape)[0]
        self._stress_rate = ghosted(3, domain.shape)
        self._force = np.zeros((2, *domain.shape))
        self._relaxation = 0.0

    def __call__(self, gamma: float, state: Fields, rate: Fields) -> None:
        """Set ``rate`` at owned places; fills the ghosts of ``state`` (collective).

        Args:
            gamma: net strain.
            state: ``(7, rows + 4, columns + 4)``, see :data:`~mdbridge.stz.grid.STATE`.
            rate: same shape.
        """
        k, matrix = self._constants, self._frame.matrix(gamma)
        t = _geometry(self._frame, gamma)
        self.fill(state)
        self._relaxation = kernels.plastic_flow(state, k, t, rate, self.flow)
        for _ in range(self._sweeps):
            kernels.transport(state, self.velocity, k, rate, self._stress_rate)
            self._domain.fill(self._stress_rate)
            kernels.imbalance(self._stress_rate, k, t, self._force)
            self._projection.solve(self._force, matrix, self.velocity)
            self._domain.fill(self.velocity)
        kernels.close(
            state, self.velocity, self._stress_rate, self.flow, k, t, self._low_plate, self._high_plate, rate
        )

    def fill(self, state: Fields) -> None:
        """Fill the ghost layers of the state (collective)."""
        self._domain.fill(state)
        if self._low_plate or self._high_plate:
            extrapolate_at_plates(state, self._low_plate, self._high_plate)

    def spectral_radius(self) -> float:
        """A bound on the eigenvalues at the last evaluation, per unit of strain (collective)."""
        k = self._constants
        speed_x, speed_y = np.abs(owned(self.velocity)).max(axis=(1, 2))
        local = np.array([self._relaxation, owned(self.flow).max(), speed_x, speed_y])
        relaxation, flow, speed_x, speed_y = self._domain.maximum(local).tolist()
        diffusion = 4.0 * k.diffusion * flow * (1.0 / k.dx**2 + 1.0 / k.dy**2)
        return relaxation + diffusion + 4.0 * (speed_x / k.dx + speed_y / k.dy)

    def forget(self) -> None:
        """Drop the velocity that the next projection would start from, as after a failed step."""
        self.velocity[...] = 0.0


def _geometry(frame: Frame, gamma: float) -> kernels.Geometry:
    (a, b), (c, d) = frame.matrix(gamma).tolist()
    (xx, xy), (yx, yy) = frame.velocity_gradient(gamma).tolist()
    return kernels.Geometry(a, b, c, d, xx, 0.5 * (xy + yx), yy)


def overstress(
    state: Fields, frame: Frame, gamma: float, s_y: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Physical stresses and s̃ of a state.

    Args:
        state: ``(7, rows, columns)`` without ghosts.

    Returns:
        σ_xx, σ_xy, σ_yy, σ_zz in GPa, ``(4, rows, columns)``, and s̃, ``(rows, columns)``.
    """
    (a, b), (c, d) = frame.matrix(gamma)
    s11, s12, s22, szz = state[:4]
    xx = a * a * s11 + 2.0 * a * b * s12 + b * b * s22
    xy = a * c * s11 + (a * d + b * c) * s12 + b * d * s22
    yy = c * c * s11 + 2.0 * c * d * s12 + d * d * s22
    p = (xx + yy + szz) / 3.0
    half = 0.5 * ((xx - p) ** 2 + (yy - p) ** 2 + (szz - p) ** 2) + xy**2
    return np.stack([xx, xy, yy, szz]), np.sqrt(half) / s_y
