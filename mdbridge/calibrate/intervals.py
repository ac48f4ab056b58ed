"""What the distance leaves open about the parameters: profiles of its linearisation about the best trial.

The objective ``d(u) = Σ_g a_g ‖r_g(u)‖`` is, up to its scale, the negative
log-likelihood of residuals whose norms are exponentially distributed.  With the
scale estimated too, the logarithm of the likelihood ratio is ``n log(d(u)/d(best))``, n the
number of independent norms, so that with a small-sample correction the 95 %
region of one parameter, the others free, is

    d(u) ≤ d(best) sqrt(1 + F/ν),    F = F(0.95; 1, ν),  ν = n − number of parameters.

The norms are not independent where the model is wrong: few of them then make
up the distance.  n is estimated from their contributions ``c_g = a_g ‖r_g‖`` as
``2 (Σ c)²/Σ c²``, which is the number of groups for exponential ones and small
where few dominate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from .refine import Groups, best_step
from .trials import Trial

Array = NDArray[np.float64]

NEAREST, FARTHEST = 5e-4, 0.1
"""Trials between these distances of the best (largest coordinate in the unit cube) tell the slopes of its
residuals: nearer ones tell the noise of the model."""

SAID = (
    "95 %: parameters at which, the others free, the distance stays below {ratio:.4g} times that of the "
    "best trial: a profile of the residuals linearised about it (norms exponentially distributed, effective "
    "number {number:.1f}), widened to the trials below that level"
)


@dataclass(frozen=True)
class Profile:
    """Intervals in the unit cube.

    Attributes:
        low, high: of every parameter, ``(d,)``.
        valley: ends of the direction in which the distance grows least, ``2 x d``.
        ratio: the level over the least distance.
        number: the effective number n of independent norms.
    """

    low: Array
    high: Array
    valley: Array
    ratio: float
    number: float

    @property
    def said(self) -> str:
        """How the intervals came about."""
        return SAID.format(ratio=self.ratio, number=self.number)


def profile(trials: Sequence[Trial], groups: Groups) -> Profile | None:
    """95 % intervals about the best of ``trials``; None if these do not tell the slopes of the residuals."""
    known = sorted(
        ((t, t.residual) for t in trials if t.residual is not None), key=lambda pair: pair[0].value
    )
    if not known:
        return None
    points, residuals = np.array([t.unit for t, _ in known]), np.array([r for _, r in known])
    at, residual = points[0], residuals[0]
    jacobian = _slopes(points, residuals)
    if jacobian is None:
        return None
    contributions = groups.weight * groups.norms(residual)
    number = min(2.0 * contributions.sum() ** 2 / max((contributions**2).sum(), 1e-300), len(groups.weight))
    # at least one: F(1, ν) has no quantile at ν = 0
    freedom = max(number - len(at), 1.0)
    ratio = float(np.sqrt(1.0 + stats.f.ppf(0.95, 1, freedom) / freedom))
    level = ratio * groups.value(residual)
    ends = np.array([_extent(at, residual, jacobian, groups, k, level) for k in range(len(at))])
    low, high = at + ends[:, 0], at + ends[:, 1]
    inside = points[[groups.value(r) <= level for r in residuals]]
    valley = _valley(at, residual, jacobian, groups, level)
    return Profile(
        np.minimum(low, inside.min(axis=0)),
        np.maximum(high, inside.max(axis=0)),
        valley,
        ratio,
        float(number),
    )


def _slopes(points: Array, residuals: Array) -> Array | None:
    """The Jacobian of the residuals at the first of ``n x d`` points, ``m x d``, fitted to the nearest."""
    offsets = points - points[0]
    d = offsets.shape[1]
    apart = np.abs(offsets).max(axis=1)
    near = [k for k in np.argsort(apart, kind="stable") if NEAREST <= apart[k] <= FARTHEST][: 3 * d]
    if not near:
        return None
    scale = 1.0 / np.linalg.norm(offsets[near], axis=1)[:, None]  # near ones are the more linear
    if np.linalg.matrix_rank(scale * offsets[near], tol=1e-2) < d:
        return None
    changes = residuals[near] - residuals[0]
    return np.linalg.lstsq(scale * offsets[near], scale * changes, rcond=None)[0].T


def _extent(
    at: Array, residual: Array, jacobian: Array, groups: Groups, k: int, level: float
) -> tuple[float, float]:
    """How far coordinate k may go, down and up, while the least linearised distance stays below ``level``."""
    others = [j for j in range(len(at)) if j != k]

    def least(change: float) -> float:
        moved = residual + jacobian[:, k] * change
        if not others:
            return groups.value(moved)
        step = best_step(at[others], moved, jacobian[:, others], groups, 1.0)
        return groups.value(moved + jacobian[:, others] @ step)

    return -_crossing(lambda t: least(-t), at[k], level), _crossing(least, 1.0 - at[k], level)


def _valley(at: Array, residual: Array, jacobian: Array, groups: Groups, level: float) -> Array:
    """The two ends, ``2 x d``, of the flattest direction of the linearised distance through ``at``."""
    norms = groups.norms(residual)
    # the curvature of a norm is one over it; a group that fits exactly must not decide all
    weight = groups.weight / np.maximum(norms, 1e-3 * norms.max() + 1e-300)
    normal = jacobian.T @ (weight[groups.index][:, None] * jacobian)
    direction = np.linalg.eigh(normal)[1][:, 0]
    ends = []
    for sign in (-1.0, 1.0):
        along = sign * direction
        # as far as the cube's faces
        room = np.where(along > 0, 1.0 - at, at) / np.maximum(np.abs(along), 1e-12)
        ends.append(at + along * _reach(residual, jacobian @ along, groups, float(room.min()), level))
    return np.array(ends)


def _reach(residual: Array, slope: Array, groups: Groups, end: float, level: float) -> float:
    """How far along ``slope``, at most ``end``, the distance of the residuals stays below ``level``."""
    return _crossing(lambda t: groups.value(residual + t * slope), end, level)


def _crossing(function: Callable[[float], float], end: float, level: float) -> float:
    """Where a convex function, below ``level`` at 0, passes it; ``end`` if it does not before."""
    if end <= 0.0 or function(end) <= level:
        return max(end, 0.0)
    low, high = 0.0, min(1e-6, end)
    while high < end and function(high) <= level:
        low, high = high, min(4.0 * high, end)
    # a crossing to a thousandth: the level itself is no more exact
    return float(brentq(lambda t: function(t) - level, low, high, xtol=1e-3 * high, rtol=1e-3))
