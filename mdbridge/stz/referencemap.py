"""The reference map, carried along by the flow once a step, [Kontolati2021, sec. 5.1.3].

Nothing depends on it but the strain that is shown, so that it need not go through the
stages of a step: two sums with the velocities at the step's ends are second order too.
"""

import math

from . import compiled
from .staggered import Domain, Fields, extrapolate_corners_at_plates, ghosted

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
            compiled.carry(u, start, end, first, grid.dx, grid.dy, step / parts, 1.0, predicted)
            self._fill(predicted)
            compiled.carry(predicted, start, end, last, grid.dx, grid.dy, step / parts, 0.5, u)
            self._fill(u)

    def _fill(self, corners: Fields) -> None:
        self._domain.fill(corners)
        if any(self._plates):
            extrapolate_corners_at_plates(corners, *self._plates)
