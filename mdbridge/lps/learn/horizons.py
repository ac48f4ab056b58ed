"""Horizons whose families are alike along both axes of a nearly square grid.

Where hx and hy differ by a few per cent, a horizon between n hx and n hy holds n bonds along one axis and
n − 1 along the other.  The kernel makes up for that on the grid it is learned on, and on no other: at
δ = 25.0 Å graphene's disc, on 5.00 × 5.00 Å for 4.93 × 5.04 Å, is off by 0.97 %, at 24.6 and 25.3 Å by 0.2 %.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST = 2.3
"""Node spacings in the shortest horizon that holds enough neighbours."""
LEAST_SCATTERED = 2.8
"""The same for scattered points: with 2.3 of them, nine families of ten on random ones hold too few."""
# spacings that differ by less are meant to be equal
_ALIKE = 1.1
# of a spacing: how far inside a gap between two bond lengths a moved horizon lies, at most
_INSIDE = 0.04


def symmetric(horizon: float, spacings: Sequence[Array], largest: float = np.inf) -> float:
    """The horizon itself, or the nearest with the same family along both axes of every grid.

    Args:
        horizon: δ (Å).
        spacings: hx, hy ``(2,)`` (Å) of the grids on which the model is to be used.
        largest: that it may become (Å).
    """
    groups = _groups(spacings)
    if not any(_inside(horizon, _intervals(group, horizon, axes_only=True)) for group in groups):
        return horizon
    intervals = [part for group in groups for part in _intervals(group, horizon, axes_only=False)]
    candidates = [place for place in _gaps(intervals) if place < largest]
    return min(candidates, key=lambda place: abs(place - horizon), default=horizon)


def _groups(spacings: Sequence[Array]) -> list[Array]:
    """Nearly square grids ``(g, 2)`` of about the same spacing; a rectangular grid asks for nothing."""
    square = [np.asarray(h, dtype=float) for h in spacings if max(h) < _ALIKE * min(h)]
    groups: list[list[Array]] = []
    for h in square:
        near = next((group for group in groups if np.allclose(group[0], h, rtol=_ALIKE - 1)), None)
        if near is None:
            groups.append([h])
        else:
            near.append(h)
    return [np.array(group) for group in groups]


def _intervals(grids: Array, horizon: float, axes_only: bool) -> list[tuple[float, float]]:
    """From the shortest to the longest of the bonds (±i, ±j) and (±j, ±i) of all grids."""
    reach = int(1.5 * horizon / grids.min()) + 1
    intervals = []
    for i in range(1, reach + 1):
        for j in range(1 if axes_only else i + 1):
            both = [np.hypot(*(grids * pair).T) for pair in ((i, j), (j, i))]
            lengths = np.concatenate(both)
            intervals.append((float(lengths.min()), float(lengths.max())))
    return intervals


def _inside(horizon: float, intervals: Sequence[tuple[float, float]]) -> bool:
    # a bond as long as the horizon belongs to the family, however it is rounded
    return any(low * (1 - 1e-9) <= horizon < high * (1 - 1e-9) for low, high in intervals)


def _gaps(intervals: Sequence[tuple[float, float]]) -> list[float]:
    """Places just inside both ends of each gap between the intervals."""
    places, end = [], None
    for low, high in sorted(intervals):
        if end is not None and low > end:
            step = min(0.5 * (low - end), _INSIDE * intervals[0][1])
            places += [end + step, low - step]
        end = high if end is None else max(end, high)
    return places
