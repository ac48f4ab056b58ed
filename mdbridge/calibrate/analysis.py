"""What the trials say about the parameters: intervals, sensitivities, slices of the surrogate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from . import intervals
from .refine import Groups
from .space import Space
from .surrogate import Surrogate
from .trials import Trial

Array = NDArray[np.float64]

GAP = 0.04
"""Least distance (largest coordinate) of the trials from which the surrogate of the report is made."""

EXACT = 1e-6
"""Distances below this times the largest count as equal."""


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
        return dict.fromkeys(("intervals", "intervals_from", "valley", "sensitivity", "slices"))
    spread = [answered[k] for k in _spread(np.array([t.unit for t in answered]))]
    values = np.array([t.value for t in spread])
    floor = EXACT * values.max()  # a distance of 0 has no logarithm
    surrogate = Surrogate(np.array([t.unit for t in spread]), np.maximum(values, floor))
    return {
        **_intervals(space, intervals.profile(answered, groups)),
        "sensitivity": _sensitivity(space, surrogate, seed),
        "slices": _slices(space, surrogate, np.array(answered[0].unit)),
    }


def _intervals(space: Space, profile: intervals.Profile | None) -> dict[str, Any]:
    if profile is None:
        reason = "none: too few trials near the best one tell the slopes of its residuals"
        return {"intervals": None, "intervals_from": reason, "valley": None}
    low, high, *ends = (
        space.physical(np.clip(point, 0.0, 1.0)) for point in (profile.low, profile.high, *profile.valley)
    )
    return {
        "intervals": {name: [low[name], high[name]] for name in space.names},
        "intervals_from": profile.said,
        "valley": ends,
    }


def _spread(points: Array) -> list[int]:
    """Those of ``n x d``, from the first on, that are ``GAP`` apart.

    A refinement leaves many trials at the tip of a cone: one smooth surrogate of
    them all would be one of the tip alone.
    """
    kept: list[int] = []
    for k, point in enumerate(points):
        if not kept or np.abs(points[kept] - point).max(axis=1).min() >= GAP:
            kept.append(k)
    return kept


def _sensitivity(space: Space, surrogate: Surrogate, seed: int) -> dict[str, dict[str, float]]:
    """Sobol indices of the log distance by parameter, largest total first.

    "first" is the share of its variance that the parameter explains alone,
    "total" the share that stays when all others are known.
    """
    d, count, levels = len(space.names), 256, np.linspace(0.05, 0.95, 10)
    base = qmc.Sobol(d, rng=np.random.default_rng([seed, 2])).random(count)
    variance = max(float(np.var(surrogate.predict(base)[0])), 1e-300)
    shares = {}
    for k, name in enumerate(space.names):
        grid = np.repeat(base[None], len(levels), axis=0)
        grid[:, :, k] = levels[:, None]
        means = surrogate.predict(grid.reshape(-1, d))[0].reshape(len(levels), count)
        first, total = means.mean(axis=1).var(), means.var(axis=0).mean()
        shares[name] = {"first": float(first) / variance, "total": float(total) / variance}
    return dict(sorted(shares.items(), key=lambda item: -item[1]["total"]))


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
