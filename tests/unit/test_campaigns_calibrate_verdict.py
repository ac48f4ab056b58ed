"""What a search has come to, in words."""

import numpy as np
import pytest
from scipy import stats

from mdbridge.calibrate.ego import SPENT
from mdbridge.calibrate.likelihood import Likelihood, Noise
from mdbridge.calibrate.settings import SearchSettings
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.terms import CurveTerm
from mdbridge.calibrate.uncertainty import OUTSIDE, UNTOLD
from mdbridge.campaigns.calibrate import verdict

SPACE = Space(
    {
        "s": Parameter(50.0, 200.0),
        "b": Parameter(1.0, 1e4, "loguniform"),
        "p": Parameter(0.0, 10.0, "normal", 5.0, 1.0),
        "n": Parameter(1, 6, integer=True),
        "c": Parameter(choices=("x", "y")),
    }
)
MIDDLE = {"s": 120.0, "b": 100.0, "p": 5.0, "n": 6, "c": "y"}
ENDS = {"s": [110.0, 130.0], "b": [90.0, 110.0], "p": [4.0, 6.0], "n": [6, 6], "c": ["y"]}


def at_bounds(best=(), intervals=(), sensitivity=None):
    ends = None if intervals is None else ENDS | dict(intervals)
    findings = {"intervals": ends, "sensitivity": sensitivity}
    return verdict.at_bounds(SPACE, MIDDLE | dict(best), findings)


def test_inside_and_of_whole_numbers_and_choices_nothing_is_told():
    assert at_bounds() == []


@pytest.mark.parametrize(
    ("best", "interval", "said"),
    [
        ({"s": 200.0}, [189.0, 200.0], "s lies at its upper bound 200: raise parameters.s.high"),
        ({"s": 51.0}, [50.0, 60.0], "s lies at its lower bound 50: lower parameters.s.low"),
        # 1 % of four decades is a tenth of one
        ({"b": 1.09}, [1.0, 2.0], "b lies at its lower bound 1: lower parameters.b.low"),
        # of a normal distribution the last hundredth of its quantiles is far from the bound
        ({"p": 9.95}, [9.0, 10.0], "p lies at its upper bound 10: raise parameters.p.high"),
    ],
)
def test_what_lies_at_a_bound_in_its_own_scale_is_told_with_the_key(best, interval, said):
    (line,) = at_bounds(best, dict.fromkeys(best, interval))
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("best", "interval"),
    [
        ({"s": 200.0}, [50.0, 200.0]),  # nothing is known of it
        ({"s": 199.0}, [196.0, 198.0]),  # the interval ends before
        ({"s": 196.0}, [190.0, 200.0]),  # the interval is cut, the optimum is not
        ({"b": 200.0}, [190.0, 210.0]),  # 2 % of the range, but not of the logarithm's
        ({"p": 8.0}, [7.0, 9.0]),  # beyond 99 % of the quantiles
    ],
)
def test_there_are_no_false_alarms(best, interval):
    assert at_bounds(best, dict.fromkeys(best, interval)) == []


@pytest.mark.parametrize(("share", "count"), [(0.5, 1), (1e-3, 0)])
def test_without_intervals_the_sensitivity_tells_whether_it_matters(share, count):
    assert len(at_bounds({"s": 200.0}, None, {"s": {"total": share}})) == count
    assert not at_bounds({"s": 200.0}, None)


def test_one_rule_tells_what_a_descent_takes_before_and_after():
    search = SearchSettings(initial=15, explore=6, evaluations=30)
    (before,) = verdict.short(search, 3)
    after = verdict.advised(f"{UNTOLD}; more", search, 3)
    assert "9 are left" in before and "take 24 or more" in before
    assert "raise ego.evaluations to 45 or more" in before and "raise ego.evaluations to 45 or more" in after
    # the scheme that is in use is not advised
    assert "scheme" not in after
    assert 'ego.scheme = "ego+refine"' in verdict.advised(UNTOLD, SearchSettings("ego"), 3)
    large = SearchSettings(initial=15, explore=6, evaluations=45)
    assert not verdict.short(large, 3) and "to 69 or more" in verdict.advised(UNTOLD, large, 3)
    assert verdict.advised("another reason", search, 3) == "another reason"


def test_before_the_first_trial_it_is_told_that_a_point_does_not_tell_its_noise():
    def likelihood(known):
        noises = [
            Noise("y", "gaussian", 30, np.ones(30), False),
            Noise("peak", "gaussian", 1, np.ones(1), known),
        ]
        return Likelihood(noises, [30, 1])

    (told,) = verdict.unscaled(likelihood(False), 3)
    assert told.startswith("there will be no intervals: the residuals of peak (1) are too few")
    assert verdict.unscaled(likelihood(True), 3) == verdict.unscaled(None, 3) == []
    # of a number no one expects any, and without continuous parameters there are none
    assert verdict.unscaled(Likelihood([None], [1]), 3) == verdict.unscaled(likelihood(False), 0) == []


@pytest.mark.parametrize(
    ("reason", "changes", "converged", "said"),
    [
        ("3 refinements without improvement", {}, True, "converged: 3 refinements without improvement"),
        (SPENT, {}, True, "converged, though the budget is spent"),
        (SPENT, {"unsettled": True}, False, "not converged: the budget is spent"),
        (SPENT, {"doubts": [OUTSIDE]}, None, "not known whether it has converged: the budget is spent"),
        (SPENT, {"estimate": None}, None, "not known whether it has converged: the budget is spent"),
        (SPENT, {"discrepancy": {"y": {}}}, None, "not known whether it has converged"),
    ],
)
def test_it_is_told_whether_the_search_has_converged(reason, changes, converged, said):
    findings = {"estimate": {"a": 1.0}, "discrepancy": None, "unsettled": False, "doubts": []} | changes
    known, words = verdict.convergence(reason, findings)
    assert known is converged and words.startswith(said)
    assert ("raise ego.evaluations" in words) == (known is not True)


def curve(norm="l2", sigma=None, **more):
    return CurveTerm("y", {"y": np.arange(25.0)}, norm, sigma, **more)


def test_what_to_expect_of_a_distance_is_told_where_it_is_known():
    said = verdict.meaning([curve(sigma=3.0)], [1.0], 3)
    # of 25 normal residuals and 3 parameters, as drawn
    drawn = np.sqrt(stats.chi2(22).rvs(20000, random_state=1) / 25)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert "expected about 1 if model and sigma are right" in said
    told = [float(word) for word in said.partition("(")[2].split() if word.replace(".", "").isdigit()][:2]
    assert told == pytest.approx([low, high], abs=0.02)
    for terms in ([curve()], [curve("l1", 3.0)], [curve(sigma=3.0), curve()]):
        assert "expected" not in verdict.meaning(terms, [1.0] * len(terms), 3)
    assert verdict.meaning([curve()], [1.0], 3) == "the root mean square difference of y, in its unit"
    assert verdict.meaning([curve("l1")], [1.0], 3) == "the mean absolute difference of y, in its unit"
    assert "2 × the mean absolute" in verdict.meaning([curve("l1"), curve()], [2.0, 1.0], 3)
    # a model that may be wrong has no such expectation
    assert "expected" not in verdict.meaning([curve(sigma=3.0, discrepancy="smooth")], [1.0], 3)


def test_points_that_lie_too_far_apart_are_told():
    # together: each for itself would do
    (told,) = verdict.coarse({"load": 0.18, "heat": 0.17})
    assert "model's 'load' lie far apart" in told and "by up to about 0.25 of" in told
    assert verdict.coarse({"load": 0.1, "heat": 0.1}) == verdict.coarse({}) == []
