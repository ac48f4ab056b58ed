"""What the trials say about the parameters: intervals, sensitivities, slices of the surrogate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import qmc

from .refine import Groups
from .space import Space
from .surrogate import Surrogate
from .trials import Trial

Array = NDArray[np.float64]

NEAREST, FARTHEST = 5e-4, 0.1
"""Trials between these distances of the best (largest coordinate in the unit cube) tell the slopes of its
residuals: nearer ones tell the noise of the model."""

INTERVALS_FROM = (
    "95 %, Student's t: covariance of the residuals linearised about the best trial, with the slopes fitted "
    "to the nearest trials and each norm of the objective counted as one observation"
)


def analyse(space: Space, trials: Sequence[Trial], groups: Groups, seed: int) -> dict[str, Any]:
    """Intervals, sensitivities and slices, as JSON values by parameter; None where there are too few trials.

    Args:
        space: the parameters.
        trials: at least one with a distance.
        groups: of their residuals.
        seed: of the samples drawn here.
    """
    answered = sorted((t for t in trials if t.distance is not None), key=lambda t: t.value)
    if len(answered) < 3:
        return dict.fromkeys(("intervals", "intervals_from", "sensitivity", "slices"))
    surrogate = Surrogate(np.array([t.unit for t in answered]), np.array([t.value for t in answered]))
    return {
        "intervals": intervals(space, answered, groups),
        "intervals_from": INTERVALS_FROM,
        "sensitivity": _sensitivity(space, surrogate, seed),
        "slices": _slices(space, surrogate, np.array(answered[0].unit)),
    }


def intervals(space: Space, trials: Sequence[Trial], groups: Groups) -> dict[str, list[float]] | None:
    """95 % intervals from the linearised residuals about the best trial; None if they cannot be had.

    The Jacobian J is fitted to the residuals of the nearest trials.  With the
    weights a_g/‖r_g‖, which make the least squares problem agree with the
    objective at the optimum, the covariance is s² (Jᵀ W J)⁻¹.  Residuals of one
    group are taken as one observation, for they are correlated.
    """
    known = [t for t in trials if t.residual is not None]
    best = min(known, key=lambda t: t.value)
    d = len(space.names)
    at = np.array(best.unit)
    offsets = np.array([t.unit for t in known]) - at
    apart = np.abs(offsets).max(axis=1)
    near = [k for k in np.argsort(apart, kind="stable") if NEAREST <= apart[k] <= FARTHEST][: 3 * d]
    freedom = len(groups.weight) - d
    scale = 1.0 / np.linalg.norm(offsets[near], axis=1)[:, None]  # near ones are the more linear
    if np.linalg.matrix_rank(scale * offsets[near], tol=1e-2) < d or freedom < 1:
        return None
    changes = np.array([known[k].residual - best.residual for k in near])
    jacobian = np.linalg.lstsq(scale * offsets[near], scale * changes, rcond=None)[0].T
    norms = groups.norms(best.residual)
    weight = groups.weight / np.maximum(norms, 1e-3 * norms.max() + 1e-300)
    variance = float(weight @ norms**2) / freedom
    normal = jacobian.T @ (weight[groups.index][:, None] * jacobian)
    deviation = np.sqrt(np.maximum(variance * np.diag(np.linalg.pinv(normal)), 0.0))
    half = stats.t.ppf(0.975, freedom) * deviation
    low, high = space.physical(np.clip(at - half, 0.0, 1.0)), space.physical(np.clip(at + half, 0.0, 1.0))
    return {name: [low[name], high[name]] for name in space.names}


def _sensitivity(space: Space, surrogate: Surrogate, seed: int) -> dict[str, float]:
    """Shares of the variance of log distance by each parameter alone (first-order Sobol indices)."""
    d, count, levels = len(space.names), 128, np.linspace(0.05, 0.95, 10)
    base = qmc.Sobol(d, rng=np.random.default_rng([seed, 2])).random(count)
    total = float(np.var(surrogate.predict(base)[0]))
    shares = {}
    for k, name in enumerate(space.names):
        grid = np.repeat(base[None], len(levels), axis=0)
        grid[:, :, k] = levels[:, None]
        means = surrogate.predict(grid.reshape(-1, d))[0].reshape(len(levels), count).mean(axis=1)
        shares[name] = float(np.var(means)) / max(total, 1e-300)
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _slices(space: Space, surrogate: Surrogate, at: Array) -> dict[str, Any]:
    """Mean and deviation of the log distance along each parameter through the best point."""
    levels = np.linspace(0.0, 1.0, 101)
    slices = {}
    for k, name in enumerate(space.names):
        line = np.repeat(at[None], len(levels), axis=0)
        line[:, k] = levels
        mean, deviation = surrogate.predict(line)
        values = [space.physical(point)[name] for point in line]
        slices[name] = {"value": values, "mean": mean.tolist(), "deviation": deviation.tolist()}
    return slices
