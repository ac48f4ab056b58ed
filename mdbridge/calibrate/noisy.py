"""The optimum of a model whose answers scatter: that of a surrogate's mean, not the luckiest trial.

The residuals of all trials are decomposed into their principal components.  A Gaussian process
with noise is fitted to each that stands out of the noise; the mean residual at a point is what
these predict, and the optimum is where the distance made of it is least.  Of a model without
residuals the objective itself is smoothed so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize

from .likelihood import Likelihood
from .objective import Score
from .refine import Groups
from .sampling import sample
from .space import Space
from .surrogate import Smoother
from .trials import Trial

Array = NDArray[np.float64]

SCATTER, ROUND_OFF = 1e-3, 1e-6
"""A run repeated at the best point that differs by more than these, relative to what it left there and to
what trials leave on the median, is one of a noisy model."""

COMPONENTS = 12
STEP = 0.02
"""Of the differences that give the slopes of the mean residuals."""


@dataclass(frozen=True)
class Smoothed:
    """The optimum of the mean.

    Attributes:
        unit: the point, ``(d,)``.
        distance: made of the mean residuals there; what the noise adds is not in it.
        noise: standard deviation of one residual between runs at the same point.
        residual: mean residuals there, ``(m,)``; None if there are none.
        jacobian: their slopes, ``m x d``.
        spread: ``m x c``, square root of the covariance that the noise of the trials leaves in them.
    """

    unit: Array
    distance: float
    noise: float
    residual: Array | None = None
    jacobian: Array | None = None
    spread: Array | None = None

    @property
    def said(self) -> str:
        """What has been done."""
        return (
            "the model is noisy: two runs at the best trial's parameters differ (standard deviation of one "
            f"residual: {self.noise:.3g}); 'best' is the optimum of the mean of a surrogate of all trials"
        )


def scatter(best: Trial, again: Score, trials: Sequence[Trial]) -> float:
    """The standard deviation of one residual between two runs at one point; 0 where that is round-off."""
    if best.residual is None:
        first, second = np.array([best.value]), np.array([again.distance])
        sizes = [abs(t.value) for t in trials if t.distance is not None]
    else:
        first, second = best.residual, again.residual
        sizes = [float(np.linalg.norm(t.residual)) for t in trials if t.residual is not None]
    gap = float(np.linalg.norm(second - first))
    if gap <= SCATTER * float(np.linalg.norm(first)) or gap <= ROUND_OFF * float(np.median(sizes)):
        return 0.0
    return gap / np.sqrt(2.0 * len(first))


def smoothed(
    space: Space, trials: Sequence[Trial], groups: Groups | None, noise: float, seed: int
) -> Smoothed:
    """The optimum of the mean over the trials that have an answer."""
    known = [t for t in trials if t.distance is not None]
    points = np.array([t.unit for t in known])
    if groups is None or any(t.residual is None for t in known):
        values = np.array([t.value for t in known])
        objective = Smoother(points, values, space.categories)
        unit = _least(space, lambda at: objective.predict(at)[0], points, seed)
        return Smoothed(unit, float(objective.predict(unit[None])[0][0]), noise)
    residuals = np.array([t.residual for t in known])
    centre = residuals.mean(axis=0)
    # each component is a function of the parameters; those of the noise alone are not worth a surrogate
    scores, sizes, axes = np.linalg.svd(residuals - centre, full_matrices=False)
    # a component of noise alone has the variance of the noise; four times that is more than its share
    count = int(np.sum(sizes**2 / len(known) > 4.0 * noise**2 * (1.0 + len(centre) / len(known))))
    count = min(max(count, 1), COMPONENTS, len(sizes))
    smoothers = [Smoother(points, scores[:, k] * sizes[k], space.categories) for k in range(count)]

    def mean(at: Array) -> Array:
        return centre + np.stack([s.predict(at)[0] for s in smoothers], axis=1) @ axes[:count]

    unit = _least(space, lambda at: np.array([groups.value(r) for r in mean(at)]), points, seed)
    (residual,) = mean(unit[None])
    columns = []
    for k in space.free:
        # both sides, where the cube has room for them
        low, high = max(-STEP, -unit[k]), min(STEP, 1.0 - unit[k])
        below, above = mean(unit + np.outer([low, high], np.eye(len(unit))[k]))
        columns.append((above - below) / (high - low))
    deviations = np.array([s.predict(unit[None])[1][0] for s in smoothers])
    jacobian = np.stack(columns, axis=1) if columns else np.zeros((len(residual), 0))
    return Smoothed(unit, groups.value(residual), noise, residual, jacobian, deviations * axes[:count].T)


def intervals(space: Space, served: Smoothed, likelihood: Likelihood | None) -> dict[str, Any] | str:
    """95 % intervals and the estimate, by parameter, and the noise of the terms; or why there are none."""
    if likelihood is None or not likelihood.told or served.residual is None or served.jacobian is None:
        return "the model is noisy and has no likelihood of residuals: average several runs in the model"
    if likelihood.discrepant:
        return (
            "the model is noisy, and a term has a discrepancy: average several runs in the model to have both"
        )
    free, d = space.free, len(space.free)
    if reason := likelihood.untold(d):
        return reason
    standard = list(likelihood.parts(served.residual))
    slopes = np.vstack([z for _, z in likelihood.parts(served.jacobian)])
    spread = np.vstack([z for _, z in likelihood.parts(np.asarray(served.spread))])
    if np.linalg.matrix_rank(slopes) < d:
        return "the trials of the noisy model do not tell the slopes of its residuals: allow more of them"
    # of each term its own scale: known, or that of what is left over
    scales = np.concatenate([np.full(len(z), noise.deviation(z)) for noise, z in standard])
    freedom = max(likelihood.count - d, 1.0)
    solve = np.linalg.pinv(slopes)
    data = (solve * scales**2) @ solve.T * (1.0 if likelihood.known else likelihood.count / freedom)
    model = solve @ spread
    deviation = np.sqrt(np.diag(data + model @ model.T))
    half = float(stats.norm.ppf(0.975) if likelihood.known else stats.t.ppf(0.975, freedom)) * deviation
    low, high = served.unit.copy(), served.unit.copy()
    low[free], high[free] = np.clip(low[free] - half, 0.0, 1.0), np.clip(high[free] + half, 0.0, 1.0)
    ends = [space.physical(point) for point in (low, high)]
    names = [space.names[k] for k in free]
    share = max(1.0 - d / likelihood.count, 1e-3)  # the fit has taken its part of the scatter
    return {
        "noise": {n.term: n.deviation(z) / np.sqrt(share) for n, z in standard if not n.known},
        "intervals": {name: [end[name] for end in ends] for name in names},
        "estimate": space.physical(served.unit),
        "intervals_from": "95 %: normal approximation about the optimum of the mean: the scatter of the "
        "data, and what the noise of the model leaves open",
    }


def _least(space: Space, function: Callable[[Array], Array], points: Array, seed: int) -> Array:
    """Where a smooth function of points ``n x d`` is least in the space: the best of many, moved on."""
    random = np.random.default_rng([seed, 6])
    candidates = np.vstack([points, sample(space, 512, random)])
    order = np.argsort(function(candidates), kind="stable")
    free, best = space.free, candidates[order[0]]
    value = float(function(best[None])[0])
    for start in candidates[order[:4]]:
        if not len(free):
            break

        def at(x: Array, start: Array = start) -> Array:
            whole = start.copy()
            whole[free] = np.clip(x, 0.0, 1.0)
            return whole

        def value_at(x: Array, at: Callable[[Array], Array] = at) -> float:
            return float(function(at(x)[None])[0])

        begin: Array = start[free]
        limits = [(0.0, 1.0)] * len(free)
        options: Any = {"maxiter": 40, "eps": 1e-4}
        end = at(minimize(value_at, begin, method="L-BFGS-B", bounds=limits, options=options).x)
        # beyond a constraint the candidate itself stays the answer
        if space.feasible(end[None])[0] and (least := float(function(end[None])[0])) < value:
            best, value = end, least
    return np.asarray(best)
