"""The continuous part of a space through a point."""

import numpy as np
import pytest

from mdbridge.calibrate.constraints import Constraint
from mdbridge.calibrate.slices import Slice, bottom
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.trials import Trial

PARAMETERS = {"a": Parameter(0.0, 2.0), "n": Parameter(1, 4, integer=True), "b": Parameter(0.0, 1.0)}
SPACE = Space(PARAMETERS, constraints=[Constraint.read("a < n", ["a", "n", "b"])])


def trial(k, a, n, b, value=1.0):
    unit = SPACE.unit({"a": a, "n": n, "b": b}).tolist()
    return Trial(k, "initial", unit, {"a": a, "n": n, "b": b}, "ok", value)


def test_points_go_down_and_up_again():
    here = Slice(SPACE, SPACE.unit({"a": 0.5, "n": 1, "b": 0.25}))
    np.testing.assert_allclose(here.down(here.point), [0.25, 0.25])
    whole = here.up(np.array([[0.1, 0.2], [0.3, 0.4]]))
    assert [SPACE.physical(p) for p in whole] == [
        pytest.approx({"a": 0.2, "n": 1, "b": 0.2}),
        pytest.approx({"a": 0.6, "n": 1, "b": 0.4}),
    ]
    assert here.feasible([np.array([0.4, 0.0]), np.array([0.6, 0.0])]) == [True, False]
    assert here.margins(np.array([0.4, 0.0])) == pytest.approx([0.2])


def test_only_trials_with_the_same_whole_numbers_lie_in_it():
    trials = [trial(0, 0.5, 1, 0.1), trial(1, 0.5, 2, 0.1), trial(2, 0.9, 1, 0.3)]
    inside = Slice(SPACE, np.array(trials[0].unit)).trials(trials)
    assert [t.index for t in inside] == [0, 2] and inside[1].unit == pytest.approx([0.45, 0.3])


def test_another_whole_number_is_another_basin():
    trials = [trial(0, 0.5, 1, 0.5, 1.0), trial(1, 0.5, 2, 0.5, 2.0), trial(2, 0.52, 1, 0.5, 1.5)]
    assert bottom(SPACE, trials, []).index == 0
    assert bottom(SPACE, trials, [np.array(trials[0].unit)]).index == 1
    assert bottom(SPACE, trials, [np.array(t.unit) for t in trials[:2]]) is None
