"""Where a point can be moved continuously, whole numbers and choices kept; and where to begin with that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .space import Space
from .trials import Trial

Array = NDArray[np.float64]

APART = 0.15
"""Starts of refinements are at least so far from each other (largest coordinate)."""


@dataclass(frozen=True)
class Slice:
    """All points that agree with one where the space has bins.

    Attributes:
        space: the whole.
        point: ``(d,)``.
    """

    space: Space
    point: Array

    def down(self, points: Array) -> Array:
        """The coordinates of points ``… x d`` that are free here."""
        return np.asarray(points)[..., self.space.free]

    def up(self, points: Array) -> Array:
        """The whole points of free coordinates ``… x f``."""
        points = np.asarray(points)
        whole = np.broadcast_to(self.point, (*points.shape[:-1], len(self.point))).copy()
        whole[..., self.space.free] = points
        return whole

    def trials(self, trials: Sequence[Trial]) -> list[Trial]:
        """Those that lie here, with the free coordinates alone."""
        if not len(self.space.bins):
            return list(trials)
        here = self.point[self.space.bins]
        return [
            replace(t, unit=self.down(np.array(t.unit)).tolist())
            for t in trials
            if np.allclose(np.array(t.unit)[self.space.bins], here, rtol=0.0, atol=1e-9)
        ]

    def margins(self, point: Array) -> Array:
        """Of the constraints, at free coordinates ``(f,)``."""
        return self.space.margins(self.up(point))

    def feasible(self, points: Sequence[Array]) -> list[bool]:
        """Whether the constraints hold at free coordinates."""
        return [bool(self.space.feasible(self.up(point)[None])[0]) for point in points]


def bottom(space: Space, candidates: Sequence[Trial], starts: Sequence[Array]) -> Trial | None:
    """The best trial apart from ``starts``, first of those that are better than their neighbours.

    These are the bottoms of basins as far as exploration has shown them; the best trial is one.
    """
    if not candidates:
        return None
    points, values = np.array([t.unit for t in candidates]), np.array([t.value for t in candidates])
    gaps = np.linalg.norm(points[:, None] - points, axis=2)
    # stable: equal gaps in the same order on every machine; the first is the point itself
    near = np.argsort(gaps, axis=1, kind="stable")[:, : points.shape[1] + 2]
    lowest = values <= values[near].min(axis=1)
    bins = space.bins  # other whole numbers or choices are another basin
    apart = [all(np.abs(p - s).max() > APART or np.any(p[bins] != s[bins]) for s in starts) for p in points]
    order = sorted(np.flatnonzero(apart), key=lambda k: (not lowest[k], values[k], k))
    return candidates[order[0]] if order else None
