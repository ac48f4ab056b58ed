"""Residuals linearised about a point, and the likelihood of that model: optimum, covariance, profiles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, lsq_linear

from .likelihood import Likelihood, Noise

Array = NDArray[np.float64]

PRIOR = 12.0
"""Inverse variance of a coordinate of which nothing is known but that it lies in the unit cube."""

EXACT = 1e-10
"""Residuals smaller than this times their change over the unit cube are none."""

_CONVERGED = 1e-6  # of the deviance, of which 3.84 is the 95 % region
# A Laplace residual that has come to zero never leaves it if its weight is at once as large as it will be.
_FLOORS = [*np.geomspace(0.3, 1e-4, 15), *[1e-4] * 100]


@dataclass(frozen=True)
class LinearModel:
    """``r(u) = residual + jacobian (u − at)`` and how it scatters.

    Attributes:
        at: where it was made, ``(d,)`` in the unit cube.
        residual: there, ``(m,)``.
        jacobian: ``m x d``.
        likelihood: of the residuals.
    """

    at: Array
    residual: Array
    jacobian: Array
    likelihood: Likelihood

    def __call__(self, unit: Array) -> Array:
        """The residuals at a point."""
        return self.residual + self.jacobian @ (unit - self.at)

    def deviance(self, unit: Array) -> float:
        """At a point ``(d,)``."""
        return self.likelihood.deviance(self(unit))

    @cached_property
    def short(self) -> "LinearModel":
        """The same deviance from fewer residuals: of a normal term Σ z² counts alone, and d + 1 tell it."""
        noises: list[Noise | None] = []
        rows = []
        parts = zip(self.likelihood.parts(self.residual), self.likelihood.parts(self.jacobian), strict=True)
        for (noise, residual), (_, jacobian) in parts:
            # ‖J s + r‖² is that of the triangle of [J r]: d + 1 rows instead of thousands
            whole = np.column_stack([jacobian, residual])
            if noise.kind == "gaussian" and len(whole) > whole.shape[1]:
                whole = np.asarray(np.linalg.qr(whole)[1])
            noises.append(replace(noise, scale=np.ones(len(whole)), ordered=False))
            rows.append(whole)
        stacked = np.vstack(rows)
        likelihood = Likelihood(noises, [len(part) for part in rows])
        return LinearModel(self.at, stacked[:, -1], stacked[:, :-1], likelihood)

    def optimum(self, low: Array | None = None, high: Array | None = None) -> Array:
        """The most likely point between bounds ``(d,)``, those of the cube, by reweighted least squares."""
        model = self.short
        d = len(self.at)
        low, high = np.zeros(d) if low is None else low, np.ones(d) if high is None else high
        point = np.clip(self.at, low, high)
        free = high > low
        if not free.any():
            return point
        before = np.inf
        for floor in _FLOORS:
            residual = model(point)
            value = model.likelihood.deviance(residual)
            if floor == _FLOORS[-1] and not value < before - _CONVERGED:
                break
            before = value
            weights = np.concatenate([n.weights(z, floor) for n, z in model.likelihood.parts(residual)])
            root = np.sqrt(weights)[:, None]
            step = _bounded(
                root * model.jacobian[:, free],
                -root[:, 0] * residual,
                (low - point)[free],
                (high - point)[free],
            )
            point = point.copy()
            point[free] = np.clip(point[free] + step, low[free], high[free])
        return point

    def covariance(self, unit: Array) -> Array:
        """Of the parameters about their most likely point, ``d x d``; at most that of the whole cube."""
        rows = [np.sqrt(PRIOR) * np.eye(len(self.at))]
        pairs = zip(self.likelihood.parts(self(unit)), self.likelihood.parts(self.jacobian), strict=True)
        for (noise, z), (_, slopes) in pairs:
            deviation = noise.deviation(z)
            if not noise.known:
                # round-off measures nothing: with it one direction would drown all others
                deviation = max(deviation, EXACT * float(np.abs(slopes).max(initial=0.0)), 1e-150)
                # the fit has taken its share of the scatter
                share = max(1.0 - len(self.at) / self.likelihood.count, 1.0 / self.likelihood.count)
                deviation /= np.sqrt(share)
            rows.append(np.sqrt(noise.information) / deviation * slopes)
        # not by the inverse of its inverse: what data tell and what they do not may be ten decades apart
        _, sizes, axes = np.linalg.svd(np.vstack(rows), full_matrices=False)
        return np.asarray((axes.T / sizes**2) @ axes, dtype=np.float64)

    def extent(self, k: int, optimum: Array, level: float) -> tuple[float, float]:
        """How far coordinate k may go from the optimum, down and up, the others free, below ``level``."""

        def least(change: float) -> float:
            fixed = np.clip(optimum[k] + change, 0.0, 1.0)
            low, high = np.zeros(len(optimum)), np.ones(len(optimum))
            low[k] = high[k] = fixed
            return self.deviance(self.optimum(low, high))

        spread = float(np.sqrt(self.covariance(optimum)[k, k]))
        return (
            -crossing(lambda t: least(-t), optimum[k], level, spread),
            crossing(least, 1.0 - optimum[k], level, spread),
        )

    def along(self, direction: Array, optimum: Array, level: float) -> Array:
        """The point where the deviance passes ``level`` on a line from the optimum, or the cube's face."""
        room = np.where(direction > 0, 1.0 - optimum, optimum) / np.maximum(np.abs(direction), 1e-12)
        far = crossing(lambda t: self.deviance(optimum + t * direction), float(room.min()), level, 1e-3)
        return optimum + far * direction


def crossing(function: Callable[[float], float], end: float, level: float, first: float) -> float:
    """Where a function that grows, below ``level`` at 0, passes it; ``end`` if it does not before."""
    if end <= 0.0 or function(end) <= level:
        return max(end, 0.0)
    # from the guess outwards: the crossing may be anywhere between round-off and the cube
    low, high = 0.0, min(max(first, 1e-9), end)
    while high < end and function(high) <= level:
        low, high = high, min(3.0 * high, end)
    return float(brentq(lambda t: function(t) - level, low, high, xtol=1e-4 * high, rtol=1e-4))


def slopes(offsets: Array, changes: Sequence[Array]) -> Array | None:
    """The Jacobian ``m x d`` that fits ``n`` changes of residuals ``(m,)`` over offsets ``n x d``.

    Near trials are the more linear, and count the more.  None where the offsets do not span all
    directions.
    """
    if not spanning(offsets):
        return None
    scale = 1.0 / np.linalg.norm(offsets, axis=1)[:, None]
    return np.linalg.lstsq(scale * offsets, scale * np.array(changes), rcond=None)[0].T


def spanning(offsets: Array) -> bool:
    """Whether offsets ``n x d`` tell all directions, whatever their lengths."""
    if len(offsets) < offsets.shape[1]:
        return False
    directions = offsets / np.linalg.norm(offsets, axis=1)[:, None]
    return bool(np.linalg.matrix_rank(directions, tol=3e-2 * np.sqrt(len(offsets))) == offsets.shape[1])


def _bounded(a: Array, b: Array, low: Array, high: Array) -> Array:
    """Least squares ‖a s − b‖ with bounds; a direction that ``a`` does not see stays where it is."""
    q, r = np.linalg.qr(a)
    # far below what any residual sees, and enough where none sees anything
    ridge = 1e-9 * np.linalg.norm(r) * np.eye(r.shape[1])
    whole = np.vstack([r, ridge])
    rest = np.append(q.T @ b, np.zeros(r.shape[1]))
    step = np.linalg.lstsq(whole, rest, rcond=None)[0]
    if np.all(step >= low) and np.all(step <= high):  # as nearly always
        return step
    # scipy refuses bounds that are equal
    margin = 1e-12 * (1.0 + high - low)
    return np.clip(lsq_linear(whole, rest, (low - margin, high + margin), method="bvls").x, low, high)
