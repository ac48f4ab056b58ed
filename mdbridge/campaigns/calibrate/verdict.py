"""What a search has come to, in words: whether it converged, bounds that it met, what its distance is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from ...calibrate.ego import SPENT
from ...calibrate.likelihood import Likelihood
from ...calibrate.settings import SearchSettings, descent
from ...calibrate.space import Parameter, Space
from ...calibrate.terms import CurveTerm, GrassmannTerm, Term
from ...calibrate.uncertainty import OUTSIDE, UNTOLD

NEAR = 0.01
"""Within this share of its range from a bound a parameter counts as lying there."""

COARSE = 0.2
"""By more of their standard errors than this parameters may not move as curves are interpolated."""

DECIDES = 0.01
"""Below this share of the variance of the distance it is no matter where a parameter lies."""


def short(search: SearchSettings, free: int) -> list[str]:
    """What there is to say of a budget that leaves too little for a descent in ``free`` parameters."""
    if not search.refines or search.left >= descent(free):
        return []
    return [
        f"of {search.evaluations} evaluations the start design takes {search.initial} and looking for basins "
        f"{search.explore}: {max(search.left, 0)} are left for the descent and the intervals, which take "
        f"{descent(free)} or more; raise ego.evaluations to {_enough(search, free)} or more, or lower "
        "ego.initial and ego.explore"
    ]


def unscaled(likelihood: Likelihood | None, free: int) -> list[str]:
    """What there is to say before the first trial of terms that will not tell how they scatter.

    Args:
        likelihood: of the residuals; None where intervals do not come from one.
        free: number of continuous parameters.
    """
    # of an objective that is a number the end says it: there, intervals are not to be expected
    if likelihood is None or not likelihood.told or not free:
        return []
    reason = likelihood.untold(free)
    return [f"there will be no intervals: {reason}"] if reason else []


def advised(reason: str, search: SearchSettings, free: int) -> str:
    """Why there are no intervals, and what to do where the search itself has to go on."""
    if not reason.startswith(UNTOLD):
        return reason
    if not search.refines:
        return f'{reason}; take ego.scheme = "ego+refine" with another --out'
    # where a budget that is large enough by the rule was not, as much again as a descent takes
    large = search.left >= descent(free)
    count = search.evaluations + descent(free) if large else _enough(search, free)
    return f"{reason}; raise ego.evaluations to {count} or more and run again, which goes on from here"


def _enough(search: SearchSettings, free: int) -> int:
    return search.initial + search.explore + descent(free)


def convergence(reason: str, findings: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Whether a search has converged (None where that is not known), and the same in words.

    Args:
        reason: why it ended.
        findings: what its trials say, see :func:`~mdbridge.calibrate.findings.analyse`.
    """
    if reason != SPENT:
        return True, f"converged: {reason}"
    more = "raise ego.evaluations and run again, which goes on from here"
    # only a likelihood tells where the residuals would be least
    if findings["estimate"] is None or findings["discrepancy"]:
        return (
            None,
            f"not known whether it has converged: {reason}; to see whether the distance falls, {more}",
        )
    if findings["unsettled"]:
        return False, f"not converged: {reason}, and as the residuals go, they are least elsewhere; {more}"
    if OUTSIDE in findings["doubts"]:
        return None, (
            f"not known whether it has converged: {reason}; the residuals are most likely elsewhere, as the "
            f"distance weighs them otherwise; to see whether that falls, {more}"
        )
    return True, (
        f"converged, though {reason}: as the residuals go, they are least at the best trial, within what the "
        "data leave open"
    )


def at_bounds(space: Space, best: Mapping[str, Any], findings: Mapping[str, Any]) -> list[str]:
    """Parameters that the data determine and that lie at a bound: their optimum is likely to lie beyond.

    Args:
        space: the parameters.
        best: where they are served, by name.
        findings: with ``intervals`` and ``sensitivity``, by name.
    """
    lines = []
    for name, parameter in space.parameters.items():
        # whole numbers and choices are all that there are
        if parameter.discrete or not _determined(name, parameter, findings):
            continue
        place = _place(parameter, best[name])
        ends = (findings["intervals"] or {}).get(name)
        low, high = (place, place) if ends is None else (_place(parameter, end) for end in ends)
        side = "low" if place <= NEAR and low <= NEAR else "high"
        if side == "high" and not (place >= 1.0 - NEAR and high >= 1.0 - NEAR):
            continue
        which, do = ("lower", "lower") if side == "low" else ("upper", "raise")
        lines.append(
            f"{name} lies at its {which} bound {getattr(parameter, side):g}: {do} parameters.{name}.{side}, "
            "unless nothing beyond makes sense; all other values and intervals hold for this bound alone"
        )
    return lines


def coarse(between: Mapping[str, float]) -> list[str]:
    """What to say where a model's points at the best trial lie so far apart that it matters.

    Args:
        between: see :meth:`~mdbridge.calibrate.terms.CurveTerm.between`, by the names of curves.
    """
    moved = float(np.linalg.norm(list(between.values())))
    if moved <= COARSE:
        return []
    name = max(between, key=lambda curve: between[curve])
    return [
        f"the points of the model's {name!r} lie far apart: straight lines between them may move parameters "
        f"by up to about {moved:.2g} of their standard errors; have the model write more points"
    ]


def _determined(name: str, parameter: Parameter, findings: Mapping[str, Any]) -> bool:
    """Whether the data say anything of a parameter: it matters, and not all of its range is open."""
    ends = (findings["intervals"] or {}).get(name)
    if ends is not None:
        low, high = (_place(parameter, end) for end in ends)
        return bool(low > NEAR or high < 1.0 - NEAR)
    shares = findings["sensitivity"] or {}
    return name in shares and bool(shares[name]["total"] >= DECIDES)


def _place(parameter: Parameter, value: float) -> float:
    """Where a value lies between the bounds, 0 … 1, in the scale of the parameter: linear or logarithmic."""
    # the quantiles of a normal distribution are close together at its ends
    normal = parameter.distribution == "normal"
    return (replace(parameter, distribution="uniform") if normal else parameter).unit(value)


def meaning(terms: Sequence[Term], weights: Sequence[float], parameters: int) -> str:
    """What the distance is, and what to expect of it where that is known."""
    count = sum(term.squares for term in terms)
    if count and all(term.squares for term in terms):
        told = f"the root mean square of {count} differences over their sigma"
        wrong = any(isinstance(term, CurveTerm) and term.discrepancy != "none" for term in terms)
        if wrong or count <= parameters:
            return told
        low, high = np.sqrt(stats.chi2.ppf([0.025, 0.975], count - parameters) / count)
        usual = f"{low:.2f} to {high:.2f} in 95 % of cases"
        return f"{told}; expected about 1 if model and sigma are right ({usual})"
    if len(terms) == 1 and weights[0] == 1.0:
        return _of_term(terms[0])
    parts = [f"{w:g} × {_of_term(t)}" for w, t in zip(weights, terms, strict=True) if not t.squares]
    parts += [f"the root mean square of {count} differences over their sigma"] if count else []
    return f"the sum of {', '.join(parts)}" if parts else ""


def _of_term(term: Term) -> str:
    if isinstance(term, GrassmannTerm):
        return f"the mean angle (Grassmann distance, rad) between snapshots of {term.name}"
    if isinstance(term, CurveTerm):
        mean = "mean absolute difference" if term.norm == "l1" else "root mean square difference"
        return f"the {mean} of {term.name}{' over its sigma' if term.known else ', in its unit'}"
    return "what the function of the objective gives"
