"""The reference map, carried along by the flow once a step, [Kontolati2021, sec. 5.1.3].

Nothing depends on it but the strain that is shown, so that it need not go through the
stages of a step: two sums with the velocities at the step's ends are second order too.
"""

import math

import numpy as np

from ..core.loops import compiled
from .differences import advection
from .pointwise import FAST, larger
from .staggered import GHOST, Domain, Fields, extrapolate_corners_at_plates, ghosted

_COURANT = 0.5
"""Cells that the fastest flow may cross at a time; the differences bear no more."""


class ReferenceMap:
    """u = X_ref − X at corners.

    Attributes:
        displacement: u in Å, ghosts filled, ``(2, rows + 4, columns + 4)``.
    """

    def __init__(self, domain: Domain, low_plate: bool, high_plate: bool):
        """The undeformed state of this rank's block, which may touch plates."""
        self._domain, self._plates = domain, (low_plate, high_plate)
        self.displacement, self._predicted = ghosted(2, domain.shape), ghosted(2, domain.shape)

    def carry(self, step: float, start: Fields, end: Fields, courant: float) -> None:
        """Go on by ``step``, with Heun's method (collective).

        Args:
            step: of γ.
            start, end: V in Å at its beginning and end, ``(2, rows + 4, columns + 4)``.
            courant: cells that the fastest flow crosses in the step; the same on all ranks.
        """
        u, predicted, grid = self.displacement, self._predicted, self._domain.grid
        # steps are chosen for the state, which may not mind a flow that crosses more
        parts = max(1, math.ceil(courant / _COURANT))
        for part in range(parts):
            first, last = part / parts, (part + 1) / parts
            carry(u, start, end, first, grid.dx, grid.dy, step / parts, 1.0, predicted)
            self._fill(predicted)
            carry(predicted, start, end, last, grid.dx, grid.dy, step / parts, 0.5, u)
            self._fill(u)

    def _fill(self, corners: Fields) -> None:
        self._domain.fill(corners)
        if any(self._plates):
            extrapolate_corners_at_plates(corners, *self._plates)


@compiled(**FAST)
def carry(
    u: Fields,
    start: Fields,
    end: Fields,
    part: float,
    dx: float,
    dy: float,
    step: float,
    weight: float,
    out: Fields,
) -> None:
    """Carry the reference map along: ``out`` (1 − weight) + weight (u + step F), F = −V − V·∇u.

    Args:
        u: X_ref − X at corners in Å, ``(2, rows + 4, columns + 4)``, ghosts filled.
        start, end: velocities in Å, like ``u``; V is ``part`` of the way from one to the other.
        part: see above.
        dx, dy: spacing in Å.
        step: of γ.
        weight: see above.
        out: like ``u``, not ``u`` itself; set at owned places.
    """
    hx, hy = 0.5 / dx, 0.5 / dy
    for j in range(GHOST, u.shape[1] - GHOST):
        for column in range(u.shape[2] - 2 * GHOST):
            i = column + GHOST
            vx = start[0, j, i] + part * (end[0, j, i] - start[0, j, i])
            vy = start[1, j, i] + part * (end[1, j, i] - start[1, j, i])
            x = u[0, j, i] - step * (vx + advection(u[0], j, i, hx * vx, hy * vy))
            y = u[1, j, i] - step * (vy + advection(u[1], j, i, hx * vx, hy * vy))
            # Heun's second half: the mean of what was there and of a full step from the prediction
            out[0, j, i] += weight * (x - out[0, j, i])
            out[1, j, i] += weight * (y - out[1, j, i])


@compiled(**FAST)
def crossings(velocity: Fields, dx: float, dy: float) -> float:
    """The most cells that V crosses per unit of strain, |V_x|/dx + |V_y|/dy, at an owned place."""
    most = np.zeros(velocity.shape[2])
    for j in range(GHOST, velocity.shape[1] - GHOST):
        for column in range(len(most) - 2 * GHOST):
            i = column + GHOST
            most[i] = larger(abs(velocity[0, j, i]) / dx + abs(velocity[1, j, i]) / dy, most[i])
    return most.max()
