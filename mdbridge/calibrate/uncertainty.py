"""What the trials say about the parameters, by the likelihood of the residuals linearised about the best.

:func:`needed` asks for the trials that tell the slopes where they matter: at the ends of
the region that the data leave open, as far as it is known.  :func:`infer` takes what
there is.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .discrepancy import ROUGH, Posterior, posterior
from .likelihood import Likelihood, Noise
from .linear import EXACT, LinearModel, slopes, spanning
from .trials import Trial

Array = NDArray[np.float64]

NEAREST, FARTHEST = 5e-4, 0.1
"""Trials between these distances of the best (largest coordinate in the unit cube) tell the slopes of its
residuals, where nothing else is known: nearer ones tell the noise of the model."""

FIRST = 2e-3
"""Step of the differences where no trials tell the slopes at all."""

SPREAD = 1.5
"""Trials for the slopes are made at so many standard deviations from the most likely point."""

OFF = 0.3
"""So many standard deviations between the best trial and the most likely point are worth another trial."""

WITHIN = 3.0
"""Standard deviations within which trials tell the slopes that matter."""

STEEP = 0.3
"""Radians: beyond, the noise of a singular vector is neither small nor normal."""

UNTOLD = "the trials near the best one do not tell the slopes of its residuals"
"""Why there are no intervals of trials that are too few; what to do about it depends on the search."""

FEW = 2
"""Residuals, for each parameter and one, from which on a term among others tells its own scale well."""

REFUTED, BESIDE = 3.0, 16.0
"""A trial refutes the linearisation if its deviance exceeds the least by so many times what the linearisation
says; it is asked where that is at most so many times what is within the intervals."""

BLIND = 1e-4
"""Variance in the unit cube from which on nothing is known; a parameter without data has a twelfth."""

SAID = (
    "95 %: profile likelihood of the residuals linearised about the most likely point ({terms}), "
    "widened to the trials inside"
)


OUTSIDE = (
    "the best trial lies outside the 95 % region of these intervals: they weigh residuals by their scatter, "
    "the distance by norms and weights; if the model is right take 'estimate', the most likely point, and if "
    "it may be wrong give the terms 'sigma', or a discrepancy"
)
"""Of intervals that are not about what is served."""

WRONG = (
    "95 %: quantiles of the posterior of a model that is wrong somewhere, its discrepancy estimated from the "
    "residuals of {terms} (Markov chain, residuals linearised, flat priors over the unit cube), widened to "
    "the best trial"
)


@dataclass(frozen=True)
class Inference:
    """The parameters in the unit cube, as far as the data tell them.

    Attributes:
        estimate: the most likely point, ``(d,)``.
        low, high: ends of the 95 % intervals, ``(d,)``.
        covariance: of the normal approximation, ``d x d``.
        valley: ends of the direction that is known least, ``2 x d``.
        model: the linearisation.
        level: the deviance at the intervals' ends.
        said: how they came about.
        doubts: reasons not to believe them.
        unsettled: whether the best trial lies outside the region of its own linearisation.
        outside: whether the trial of the least distance lies outside of the region that is told.
        drawn: draws of the posterior, where a term has a discrepancy.
    """

    estimate: Array
    low: Array
    high: Array
    covariance: Array
    valley: Array
    model: LinearModel
    level: float
    said: str
    doubts: list[str]
    drawn: Posterior | None = None
    unsettled: bool = False
    outside: bool = False


def needed(
    answered: Callable[[], Sequence[Trial]], likelihood: Likelihood
) -> Generator[list[Array], None, None]:
    """Batches of points ``(d,)`` to evaluate, until the trials tell the slopes where they matter.

    Args:
        answered: the trials with residuals, as they are when it is asked.
        likelihood: of the residuals.
    """
    # a few moves of the centre at most: each costs a trial
    for _ in range(3):
        centre = most_likely(answered(), likelihood)
        # no slopes would help
        if centre is None or likelihood.untold(len(centre.unit)):
            return
        at = np.array(centre.unit)
        model = linearised(answered(), likelihood)
        if model is None:
            yield from differences(at)
            continue
        optimum, covariance = _open(model)
        if _deviations(optimum - at, covariance) < OFF:
            break
        if any(np.abs(np.array(t.unit) - optimum).max() < 1e-6 for t in answered()):
            break  # it was tried, and is no better: the noise of the model, or a bound
        yield [optimum]
    yield around(answered(), likelihood)


def around(trials: Sequence[Trial], likelihood: Likelihood, factor: float = 1.0) -> list[Array]:
    """Points ``(d,)`` about the best trial on the axes of what is left open; none if that is unknown.

    Args:
        trials, likelihood: see :func:`linearised`.
        factor: of their distance; negative for the other side.
    """
    model = linearised(trials, likelihood)
    if model is None:
        return []
    values, axes = np.linalg.eigh(_open(model)[1])
    steps = []
    for value, axis in zip(values, axes.T, strict=True):
        # not nearer than the noise of the model, not farther than the linearisation holds
        size = float(np.clip(SPREAD * np.sqrt(max(value, 0.0)), FIRST / np.abs(axis).max(), 0.3))
        steps.append(factor * size * axis)
    return [_inside(model.at, step) for step in steps]


def differences(at: Array) -> Generator[list[Array], None, None]:
    """One batch of points beside ``at`` ``(d,)``, each along a coordinate."""
    yield [_inside(at, step) for step in FIRST * np.eye(len(at))]


def linearised(trials: Sequence[Trial], likelihood: Likelihood) -> LinearModel | None:
    """The residuals about the most likely trial; None if there is nothing that they tell, or no slopes."""
    known = [t for t in trials if t.residual is not None]
    centre = most_likely(known, likelihood)
    if centre is None or likelihood.untold(len(centre.unit)):
        return None
    at = np.array(centre.unit)
    offsets = np.array([t.unit for t in known]) - at
    sizes = np.abs(offsets).max(axis=1)
    order = np.argsort(sizes, kind="stable")
    near = _chosen(offsets, [k for k in order if NEAREST <= sizes[k] <= FARTHEST])
    model = _fitted(known, centre, near, likelihood)
    if model is None:
        return None
    for _ in range(2):  # the region that matters follows from the slopes, and they from what lies in it
        whitened = offsets @ _whitening(_open(model)[1])
        deviations = np.linalg.norm(whitened, axis=1)
        order = np.argsort(np.abs(deviations - SPREAD), kind="stable")
        inside = _chosen(
            whitened,
            [k for k in order if deviations[k] <= WITHIN and sizes[k] >= NEAREST],
        )
        model = _fitted(known, centre, inside, likelihood) or model
    return model


def infer(trials: Sequence[Trial], likelihood: Likelihood, served: Trial | None = None) -> Inference | str:
    """Most likely point and 95 % intervals; or, in words, why there are none and what to do.

    Args:
        trials: those to infer from.
        likelihood: of their residuals.
        served: the best trial, where it is none of these: of another whole number or choice.
    """
    known = [t for t in trials if t.residual is not None]
    if not known:
        return "no trial has residuals: the objective is a number of its own, which tells nothing about noise"
    d = len(known[0].unit)
    if reason := likelihood.untold(d):
        return reason
    model = linearised(known, likelihood)
    if model is None:
        return UNTOLD
    return _wrong_somewhere(known, model) if _discrepant(model) else _inferred(known, model, served)


def _discrepant(model: LinearModel) -> bool:
    """Whether there is a discrepancy to be told: not of a model that reproduces the reference exactly."""
    return model.likelihood.discrepant and not _exact(model, model.at)


def _open(model: LinearModel) -> tuple[Array, Array]:
    """The most likely point and the covariance about it; with a discrepancy, of its draws."""
    if _discrepant(model):
        drawn = posterior(model, ROUGH)
        return drawn.mean, drawn.covariance
    optimum = model.optimum()
    return optimum, model.covariance(optimum)


def _wrong_somewhere(known: Sequence[Trial], model: LinearModel) -> Inference:
    """Intervals that hold for a model with a discrepancy: quantiles of draws."""
    drawn = posterior(model)
    low, high = np.quantile(drawn.inside, [0.025, 0.975], axis=0)
    # over so much of the cube the linearisation is a rough one: what fits best is never left out
    best = np.array(min(known, key=lambda t: t.value).unit)
    low, high = np.minimum(low, best), np.maximum(high, best)
    values, axes = np.linalg.eigh(drawn.covariance)
    half = 1.96 * np.sqrt(values[-1]) * axes[:, -1]
    ends = np.clip(np.stack([drawn.mean - half, drawn.mean + half]), 0.0, 1.0)
    terms = ", ".join(drawn.terms)
    return Inference(
        drawn.mean,
        low,
        high,
        drawn.covariance,
        ends,
        model,
        np.nan,
        WRONG.format(terms=terms),
        [],
        drawn,
    )


def _inferred(known: Sequence[Trial], model: LinearModel, served: Trial | None = None) -> Inference:
    estimate = model.optimum()
    covariance = model.covariance(estimate)
    if exact := _exact(model, estimate):
        return _reproduced(known, model, exact)
    d = len(estimate)
    threshold = model.likelihood.threshold(d)
    level = model.deviance(estimate) + threshold
    ends = np.array([model.extent(k, estimate, level) for k in range(d)])
    low, high = estimate + ends[:, 0], estimate + ends[:, 1]
    # trials below the level belong to the region wherever they are: a curved valley, another basin
    values = [model.likelihood.deviance(t.residual) for t in known if t.residual is not None]
    limit = min(values) + threshold
    inside = np.array([t.unit for t, v in zip(known, values, strict=True) if v <= limit])
    best = served or min(known, key=lambda t: (t.value, t.index))
    # what is served is least by the distance, which may weigh the terms otherwise
    outside = model.likelihood.deviance(np.asarray(best.residual)) > limit
    axis = np.linalg.eigh(covariance)[1][:, -1]
    valley = np.array([model.along(sign * axis, estimate, level) for sign in (-1.0, 1.0)])
    terms = ", ".join(_term(noise) for noise in model.likelihood.noises if noise is not None)
    return Inference(
        estimate,
        np.minimum(low, inside.min(axis=0)),
        np.maximum(high, inside.max(axis=0)),
        covariance,
        valley,
        model,
        level,
        SAID.format(terms=terms),
        [*([OUTSIDE] if outside else []), *doubts(model, estimate)],
        # the residuals, as they were seen, have their least elsewhere: a descent was not at its end
        unsettled=model.deviance(model.at) > level,
        outside=outside,
    )


def _reproduced(known: Sequence[Trial], model: LinearModel, exact: Sequence[str]) -> Inference:
    """Of a reference that is met but for round-off in ``exact`` terms: a profile would be one of that."""
    estimate = model.optimum()
    d = len(estimate)
    three = [estimate, model.at, np.array(min(known, key=lambda t: t.value).unit)]
    variances, axes = np.linalg.eigh(model.covariance(estimate))
    # parameters that only count together are as open as before, however exactly the reference is met
    blind = variances > BLIND
    covariance = (axes * np.where(blind, variances, 0.0)) @ axes.T
    half = 1.96 * np.sqrt(np.diag(covariance).clip(0.0))
    low = np.clip(np.min(three, axis=0) - half, 0.0, 1.0)
    high = np.clip(np.max(three, axis=0) + half, 0.0, 1.0)
    said = "no profile: the model reproduces the reference exactly, and nothing is left open"
    why = [f"the residuals of {term} are round-off" for term in exact]
    if blind.any():
        said = "95 %: what the data do not tell is as open as before; the reference is reproduced exactly"
        why.append(f"{int(blind.sum())} of {d} combinations of parameters change nothing that is compared")
    ends = np.stack([low, high])
    return Inference(estimate, low, high, covariance, ends, model, -np.inf, said, why)


def refuting(trials: Sequence[Trial], inference: Inference) -> dict[int, list[Trial]]:
    """By coordinate, trials between its interval's ends that are far worse than the linearisation has them.

    Where residuals change little near the best trial, as with the logarithm of something small, the
    intervals reach as far as the slopes there say.  Of a trial far from it, and near to where the
    residuals are said to be small, the deviance itself is known.
    """
    model, span = inference.model, inference.level - inference.model.deviance(inference.estimate)
    told: dict[int, list[Trial]] = {}
    if not np.isfinite(inference.level):
        return told
    least = inference.level - span
    for trial in trials:
        if trial.residual is None:
            continue
        unit = np.array(trial.unit)
        said = model.deviance(unit) - least
        excess = model.likelihood.deviance(trial.residual) - least
        if said > BESIDE * span or excess <= REFUTED * (said + span):
            continue
        # nearer is what the slopes were told by, and what a profile of residuals that bend is good for
        apart = np.abs(unit - model.at) > FARTHEST
        for k in np.flatnonzero(apart & (inference.low <= unit) & (unit <= inference.high)):
            told.setdefault(int(k), []).append(trial)
    return told


def most_likely(trials: Sequence[Trial], likelihood: Likelihood) -> Trial | None:
    """The most likely trial; the earliest of equal ones, such as reproduce the reference exactly.

    With a discrepancy it is the best one: the deviance, which knows of none, is least where a model that is
    wrong is bent to what it cannot meet.
    """
    known = [t for t in trials if t.residual is not None]
    if not known:
        return None
    sizes = np.array([[_largest(z) for _, z in likelihood.parts(np.asarray(t.residual))] for t in known])
    # which round-off is the smaller says nothing, and the last of them has no trials about it
    exact = [t for t, own in zip(known, sizes, strict=True) if np.all(own <= EXACT * sizes.max(axis=0))]
    if exact and sizes.size:
        return min(exact, key=lambda t: t.index)
    if likelihood.discrepant:
        return min(known, key=lambda t: (t.value, t.index))
    return min(known, key=lambda t: (likelihood.deviance(np.asarray(t.residual)), t.index))


def _largest(z: Array) -> float:
    return float(np.abs(z).max(initial=0.0))


def _chosen(offsets: Array, order: Sequence[int]) -> list[int]:
    """The first of ``order``, as many as tell all slopes: a search leaves whole lines of trials."""
    count = 3 * offsets.shape[1]
    while count < len(order) and not spanning(offsets[list(order[:count])]):
        count += 1
    return list(order[:count])


def _fitted(
    known: Sequence[Trial], centre: Trial, chosen: Sequence[int], likelihood: Likelihood
) -> LinearModel | None:
    at, residual = np.array(centre.unit), np.asarray(centre.residual)
    offsets = np.array([known[k].unit for k in chosen]).reshape(len(chosen), len(at)) - at
    jacobian = slopes(offsets, [np.asarray(known[k].residual) - residual for k in chosen])
    return None if jacobian is None else LinearModel(at, residual, jacobian, likelihood)


def _deviations(offset: Array, covariance: Array) -> float:
    """The length of an offset in standard deviations."""
    return float(np.linalg.norm(offset @ _whitening(covariance)))


def _whitening(covariance: Array) -> Array:
    """What offsets ``n x d`` are multiplied with to become independent, of standard deviation 1."""
    values, axes = np.linalg.eigh(covariance)
    # of a direction that is known to round-off the value may be negative
    return np.asarray(axes / np.sqrt(np.maximum(values, 1e-15 * values[-1])))


def _inside(at: Array, step: Array) -> Array:
    """``at + step`` or ``at - step``, whichever stays in the cube, or as far as the cube goes."""
    rooms = []
    for sign in (1.0, -1.0):
        along = sign * step
        room = np.where(along > 0, 1.0 - at, at) / np.maximum(np.abs(along), 1e-300)
        rooms.append(min(1.0, float(room.min())))
    # the roomier side: a step cut short by the cube says little about the slope
    sign = 1.0 if rooms[0] >= rooms[1] else -1.0
    return np.clip(at + sign * max(rooms) * step, 0.0, 1.0)


def _exact(model: LinearModel, estimate: Array) -> list[str]:
    """Terms of unknown scale that leave no residuals to estimate it from."""
    pairs = zip(model.likelihood.parts(model(estimate)), model.likelihood.parts(model.jacobian), strict=True)
    return [
        noise.term
        for (noise, z), (_, jacobian) in pairs
        if not noise.known and np.abs(z).max() <= EXACT * max(float(np.abs(jacobian).max()), 1e-290)
    ]


def _term(noise: Noise) -> str:
    kind = {"gaussian": "normal", "laplace": "double exponential"}[noise.kind]
    scale = "known sigma" if noise.known else "sigma estimated"
    return f"{noise.term}: {kind}, {scale}, {noise.count:.0f} values"


def doubts(model: LinearModel, estimate: Array) -> list[str]:
    """Why the residuals at a point are not what the likelihood takes them for."""
    reasons = []
    d, parts = len(estimate), list(model.likelihood.parts(model(estimate)))
    freedom = max(1.0 - d / max(model.likelihood.count, 1.0), 1e-3)
    for noise, z in parts:
        # by simulation the intervals hold the truth in 78 to 90 % of cases there, 91 % or more beyond
        if not noise.known and len(parts) > 1 and noise.count < FEW * (d + 1):
            reasons.append(
                f"{noise.count:.0f} residuals of {noise.term} tell the scale of their noise poorly beside "
                f"{d} parameter{'s' if d > 1 else ''}: the intervals are too narrow; give the term 'sigma'"
            )
        if noise.known:
            ratio = float(np.sqrt(z @ z / (noise.count * freedom)))
            # the standard error of a standard deviation; a Laplace variable has the kurtosis 6
            error = np.sqrt((2.0 if noise.kind == "gaussian" else 5.0) / (4.0 * noise.count))
            if abs(ratio - 1.0) > 4.0 * error:
                remedy = "the model or sigma is wrong" if ratio > 1.0 else "sigma is too large"
                reasons.append(f"the residuals of {noise.term} are {ratio:.3g} times their sigma: {remedy}")
        if (turned := noise.angle * noise.deviation(z)) > STEEP:
            reasons.append(
                f"the noise turns a singular vector of {noise.term} by {turned:.2g} rad: keep a smaller rank"
            )
        if noise.ordered and len(z) >= 10:
            correlation = float(z[1:] @ z[:-1]) / max(float(z @ z), 1e-300)
            if correlation > 4.0 / np.sqrt(len(z)):
                reasons.append(
                    f"neighbouring residuals of {noise.term} are alike (correlation {correlation:.2f}): the "
                    "model is wrong somewhere, or the noise not independent; the intervals are too narrow"
                )
    return reasons
