"""What the trials say about the parameters: intervals, sensitivities, slices of the surrogate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import qmc

from . import intervals, uncertainty
from .ego import offset
from .likelihood import Likelihood
from .posterior import described
from .refine import Groups
from .slices import Slice
from .space import Space
from .surrogate import Surrogate
from .trials import Trial

Array = NDArray[np.float64]

GAP = 0.04
"""Least distance (largest coordinate) of the trials from which the surrogate of the report is made."""

NORMAL = float(stats.norm.ppf(0.975))
QUANTILES = {"gaussian": NORMAL, "laplace": float(stats.laplace.ppf(0.975, scale=2.0**-0.5))}
"""Ends of the middle 95 % of noise with the standard deviation 1."""

EXACT = 1e-6
"""Distances below this times the largest count as equal."""


def analyse(
    space: Space, trials: Sequence[Trial], groups: Groups | None, likelihood: Likelihood | None, seed: int
) -> dict[str, Any]:
    """Intervals, sensitivities and slices, as JSON values by parameter; None where there are too few trials.

    Args:
        space: the parameters.
        trials: at least one with a distance.
        groups: of their residuals; None where the objective may be negative.
        likelihood: of these; None for the intervals of :mod:`~mdbridge.calibrate.intervals`.
        seed: of the samples drawn here.
    """
    answered = sorted((t for t in trials if t.distance is not None), key=lambda t: t.value)
    inferred = _inferred(space, answered, groups, likelihood, seed)
    if len(answered) < 3:
        return {**inferred, "sensitivity": None, "slices": None}
    # no slope, no interval: what was inferred would be round-off
    if answered[-1].value - answered[0].value <= EXACT * abs(answered[0].value):
        inferred |= _flat(space)
    spread = [answered[k] for k in _spread(np.array([t.unit for t in answered]))]
    values = np.array([t.value for t in spread])
    below = offset(values) if values.min() < 0.0 else 0.0
    values = values - below
    floor = max(EXACT * values.max(), 1e-300)  # a distance of 0 has no logarithm
    surrogate = Surrogate(
        np.array([t.unit for t in spread]), np.maximum(values, floor), categories=space.categories
    )
    return {
        **inferred,
        "sensitivity": _sensitivity(space, surrogate, seed),
        "slices": _slices(space, surrogate, np.array(answered[0].unit)),
        "offset": below,
    }


def _inferred(
    space: Space,
    answered: Sequence[Trial],
    groups: Groups | None,
    likelihood: Likelihood | None,
    seed: int,
) -> dict[str, Any]:
    """Intervals and what goes with them; of whole numbers and choices those with which trials lie inside."""
    if not answered:
        return none("no trial has a distance")
    if not len(space.free):
        return none("no parameter is continuous: compare the distances of the trials (mdbridge trials)")
    best = answered[0]
    if likelihood is not None:
        best = uncertainty.most_likely(answered, likelihood) or best
    here = Slice(space, np.array(best.unit))
    trials = here.trials(answered)
    if likelihood is None:
        inferred = _norms(here, trials, groups)
    else:
        inferred = _likely(here, trials, likelihood, seed, answered[0])
    if len(space.bins) and inferred["intervals"] is not None:
        if likelihood is not None:
            inferred["intervals"] |= _compatible(space, answered, best, likelihood)
            if likelihood.discrepant:
                inferred["doubts"].append(
                    "which whole numbers and choices are possible is told as if the model were right"
                )
        # a reader takes "the others" for all of them
        held = ", ".join(f"{n} = {best.parameters[n]}" for n in (space.names[k] for k in space.bins))
        inferred["intervals_from"] += f"; those of the others hold with {held}, and say nothing of more"
    return inferred


def _compatible(
    space: Space, answered: Sequence[Trial], best: Trial, likelihood: Likelihood
) -> dict[str, Any]:
    """Of whole numbers the least and the largest, of choices all, with which a trial lies in the 95 % region.

    With unknown scales and a perfect fit only the best itself does.
    """
    deviances = [likelihood.deviance(t.residual) for t in answered if t.residual is not None]
    least, threshold = min(deviances), likelihood.threshold(len(space.names))
    known = [t for t in answered if t.residual is not None]
    inside = [t for t, v in zip(known, deviances, strict=True) if v <= least + threshold or t is best]
    intervals: dict[str, Any] = {}
    for k in space.bins:
        name = space.names[k]
        values = list(dict.fromkeys(t.parameters[name] for t in inside))
        intervals[name] = values if space.parameters[name].choices else [min(values), max(values)]
    return intervals


def _likely(
    here: Slice, answered: Sequence[Trial], likelihood: Likelihood, seed: int, served: Trial
) -> dict[str, Any]:
    """Intervals by the likelihood of the residuals, about the most likely trial and not the one served."""
    space, names = here.space, [here.space.names[k] for k in here.space.free]
    inference = uncertainty.infer(answered, likelihood, served)
    if isinstance(inference, str):
        if space.constraints:  # no number of trials tells what they do not let move
            inference += "; where a constraint leaves a thin band, compute one of its parameters in the model"
        return none(inference)
    likely = inference.estimate
    # the fit has taken its share of the scatter; with as many parameters as residuals nothing would be
    # left
    freedom = max(1.0 - len(likely) / max(likelihood.count, 1.0), 1e-3)
    noise = {
        each.term: each.deviation(z) / np.sqrt(freedom)
        for each, z in likelihood.parts(inference.model(likely))
        if not each.known
    }
    discrepancy = {} if inference.drawn is None else inference.drawn.terms
    noise |= {term: told["noise"] for term, told in discrepancy.items() if "noise" in told and term in noise}
    deviations = np.sqrt(np.diag(inference.covariance))
    # a parameter without any spread has no correlation
    correlation = inference.covariance / np.maximum(np.outer(deviations, deviations), 1e-300)
    estimate = here.up(np.clip(likely, 0.0, 1.0))
    doubts = [*inference.doubts, *_refuted(here, answered, inference)]
    if not space.feasible(estimate[None])[0]:
        doubts.append("the most likely point lies beyond a constraint, which the intervals do not know of")
    return {
        **_bounds(here, inference.low, inference.high, inference.valley),
        "intervals_from": inference.said,
        "doubts": doubts,
        "unsettled": inference.unsettled,
        "estimate": space.physical(estimate),
        "correlation": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, correlation.tolist(), strict=True)
        },
        "noise": noise,
        "discrepancy": discrepancy or None,
        "bands": _bands(inference),
        "posterior": described(here, inference, seed),
    }


def _refuted(here: Slice, answered: Sequence[Trial], inference: uncertainty.Inference) -> list[str]:
    """Which trials the intervals hold that the record itself rules out, in words."""
    told = []
    for k, trials in uncertainty.refuting(answered, inference).items():
        name = here.space.names[here.space.free[k]]
        values = [here.space.physical(here.up(np.array(trial.unit)))[name] for trial in trials]
        ends = f"{min(values):.3g}", f"{max(values):.3g}"
        several = f"{len(values)} trials between {ends[0]} and {ends[1]}"
        where = several if len(values) > 1 else f"a trial at {ends[0]}"
        told.append(
            f"{name}: the record holds {where}, far worse than the interval allows: the linearisation fails "
            "there, and the interval is too wide"
        )
    return told


def _bands(inference: uncertainty.Inference) -> dict[str, dict[str, list[float]]]:
    """Where 95 % of further measurements of each curve are expected, in the unit of its residuals.

    The parameters scatter normally about the most likely point, and the noise, as its kind says, about
    the curve; the ends of both are added as squares.
    """
    model = inference.model
    if inference.drawn is not None:
        return {
            name: dict(zip(("low", "high"), ends.tolist(), strict=True))
            for name, ends in inference.drawn.bands.items()
        }
    freedom = max(1.0 - len(inference.estimate) / max(model.likelihood.count, 1.0), 1e-3)
    bands: dict[str, dict[str, list[float]]] = {}
    pairs = zip(
        model.likelihood.parts(model(inference.estimate)),
        model.likelihood.parts(model.jacobian),
        strict=True,
    )
    for (noise, z), (_, slopes) in pairs:
        if noise.ordered:
            scatter = np.einsum("ni,ij,nj->n", slopes, inference.covariance, slopes)
            # the fit has taken its share of a scatter that was estimated from what it left
            deviation = noise.deviation(z) / (1.0 if noise.known else np.sqrt(freedom))
            half = np.sqrt(NORMAL**2 * scatter + (QUANTILES[noise.kind] * deviation) ** 2)
            low, high = (z - half) * noise.scale, (z + half) * noise.scale
            bands[noise.term] = {"low": low.tolist(), "high": high.tolist()}
    return bands


def _norms(here: Slice, answered: Sequence[Trial], groups: Groups | None) -> dict[str, Any]:
    """Intervals by the norms that make up the distance."""
    if groups is None:
        return none(
            "the objective is a number of the user's own, which tells nothing about noise: return the vector "
            "of residuals instead"
        )
    profile = intervals.profile(answered, groups)
    if profile is None:
        return none(uncertainty.UNTOLD)
    return {
        **none(profile.said),
        **_bounds(here, profile.low, profile.high, profile.valley),
    }


def _flat(space: Space) -> dict[str, Any]:
    """Of an objective that is the same everywhere."""
    said = "the objective is the same at all trials: it does not depend on the parameters"
    d = len(space.free)
    ends = {name: list(p.choices) or [p.low, p.high] for name, p in space.parameters.items() if p.discrete}
    bounds = _bounds(Slice(space, np.full(len(space.names), 0.5)), np.zeros(d), np.ones(d), np.zeros((0, d)))
    return {
        "intervals": bounds["intervals"] | ends,
        "valley": None,
        "intervals_from": said,
        "doubts": [said],
    }


def none(reason: str) -> dict[str, Any]:
    """What there is to tell without an inference: that there is none, and why."""
    keys = ("intervals", "valley", "estimate", "correlation", "noise", "discrepancy", "posterior")
    return {**dict.fromkeys(keys), "intervals_from": reason, "doubts": [], "unsettled": False, "bands": {}}


def _bounds(here: Slice, low: Array, high: Array, valley: Array) -> dict[str, Any]:
    points = (here.up(np.clip(point, 0.0, 1.0)) for point in (low, high, *valley))
    below, above, *ends = map(here.space.physical, points)
    names = [here.space.names[k] for k in here.space.free]
    return {"intervals": {name: [below[name], above[name]] for name in names}, "valley": ends}


def _spread(points: Array) -> list[int]:
    """Those of ``n x d``, from the first on, that are ``GAP`` apart.

    A refinement leaves many trials at the tip of a cone: one smooth surrogate of
    them all would be one of the tip alone.
    """
    # the trials come in the order of their distance: the best of a crowd stays
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
    base = space.snapped(qmc.Sobol(d, rng=np.random.default_rng([seed, 2])).random(count))
    shares = {}
    for k, name in enumerate(space.names):
        grid = np.repeat(base[None], len(levels), axis=0)
        # one parameter at each of its levels, the others as they were drawn
        grid[:, :, k] = space.snapped(np.tile(levels[:, None], (1, d)))[:, k, None]
        means = surrogate.predict(grid.reshape(-1, d))[0].reshape(len(levels), count)
        # variance of the means over the others; and mean of the variances while the others stay
        first, total = means.mean(axis=1).var(), means.var(axis=0).mean()
        # that of all points looked at: of another sample's a share could exceed 1; a flat surrogate has
        # shares of zero, not of 0/0
        variance = max(float(means.var()), 1e-300)
        shares[name] = {"first": float(first) / variance, "total": float(total) / variance}
    return dict(sorted(shares.items(), key=lambda item: -item[1]["total"]))


def _slices(space: Space, surrogate: Surrogate, at: Array) -> dict[str, Any]:
    """Mean and deviation of the log distance along each parameter through the best point."""
    levels = np.linspace(0.0, 1.0, 101)
    slices = {}
    for k, (name, parameter) in enumerate(space.parameters.items()):
        if parameter.choices:  # there is nothing between them
            continue
        line = np.repeat(at[None], len(levels), axis=0)
        line[:, k] = levels
        line = space.snapped(line)
        mean, deviation = surrogate.predict(line)
        values = [space.physical(point)[name] for point in line]
        slices[name] = {"value": values, "mean": mean.tolist(), "deviation": deviation.tolist()}
    return slices
