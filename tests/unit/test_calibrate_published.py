"""The published scheme: expected improvement of the distance at random points."""

import numpy as np
import pytest
from scipy import integrate, stats

from mdbridge.calibrate.constraints import Constraint
from mdbridge.calibrate.ego import Calibration
from mdbridge.calibrate.published import improvement, propose
from mdbridge.calibrate.settings import SearchSettings
from mdbridge.calibrate.space import Parameter, Space, design

SPACE = Space({"a": Parameter(0.0, 1.0), "b": Parameter(0.0, 1.0)})


def distance(points):
    return np.linalg.norm(np.asarray(points) - [0.3, 0.6], axis=-1)


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 0.2), (1.5, 0.4), (-1.0, 0.1)])
def test_expected_improvement_is_the_integral_that_it_stands_for(mean, deviation):
    expected = integrate.quad(lambda y: (1.0 - y) * stats.norm.pdf(y, mean, deviation), -8.0, 1.0)[0]
    assert improvement(1.0, np.array([mean]), np.array([deviation]))[0] == pytest.approx(expected, rel=1e-6)


def test_the_best_of_the_random_points_is_near_the_minimum_and_one_of_them():
    points = design("lhs", 30, 2, 0)
    proposal = propose(SPACE, points, distance(points), [0, 30], samples=2000)
    candidates = np.random.default_rng([0, 30]).random((2000, 2))
    assert np.any(np.all(candidates == proposal, axis=1)) and distance(proposal) < 0.1
    limited = Space(SPACE.parameters, constraints=[Constraint.read("a > 0.5", ["a", "b"])])
    assert propose(limited, points, distance(points), [0, 30], samples=500)[0] > 0.5


@pytest.mark.slow
def test_a_search_by_it_improves_on_its_design_and_is_repeatable():
    ends = []
    for _ in range(2):
        search = Calibration(SPACE, SearchSettings("published", initial=8, evaluations=14, samples=1000))
        while not search.done:
            for proposal in search.ask():
                search.report(proposal, float(distance(proposal.unit)))
        ends.append([trial.unit for trial in search.trials.values()])
    assert ends[0] == ends[1] and len(ends[0]) == 14
    proposed = [trial for trial in search.trials.values() if trial.phase == "ego"]
    assert len(proposed) == 6 and min(trial.value for trial in proposed) < 0.15


@pytest.mark.slow
def test_it_does_not_stay_where_the_model_fails():
    """The best value lies at the edge of the failures: without them in the process it goes nowhere else."""
    search = Calibration(SPACE, SearchSettings("published", initial=8, evaluations=18, samples=500))
    while not search.done:
        for proposal in search.ask():
            here = None if proposal.unit[0] < 0.35 else float(distance(proposal.unit))
            search.report(proposal, here)
    later = [trial for trial in search.trials.values() if trial.phase == "ego"]
    assert sum(trial.distance is None for trial in later) <= len(later) // 2
