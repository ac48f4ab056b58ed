"""Expected improvement over whole numbers, choices and constraints."""

import numpy as np
import pytest

from mdbridge.calibrate.acquisition import propose
from mdbridge.calibrate.constraints import Constraint
from mdbridge.calibrate.mixed import MixedRegion, _limits, _value
from mdbridge.calibrate.sampling import start
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.surrogate import Surrogate

NUMBERS = ["x", "y", "n"]


def space(*texts):
    parameters = {
        "x": Parameter(0.5, 4.0, "loguniform"),
        "y": Parameter(-1.0, 1.0),
        "n": Parameter(0, 3, integer=True),
        "kind": Parameter(choices=("left", "right")),
    }
    return Space(parameters, {"h": 0.5}, [Constraint.read(text, [*NUMBERS, "h"]) for text in texts])


def distance(x, y, n, kind, h):
    return np.hypot(np.log(x) - 0.3, y - 0.4) + 0.5 * abs(n - 2) + (0.8 if kind == "left" else 0.01)


def proposal(region, seed=0):
    points = start(region, "lhs", 24, seed)
    values = np.array([distance(**region.physical(p)) for p in points])
    surrogate = Surrogate(points, values, categories=region.categories)
    best = points[np.argmin(values)]
    return propose(surrogate, best, np.zeros((0, 4)), [seed, 40], MixedRegion(region, points, [seed, 40]))


def test_it_finds_number_and_choice_and_is_in_the_middle_of_their_bins():
    whole = space()
    point = proposal(whole)
    np.testing.assert_array_equal(whole.snapped(point[None])[0], point)
    values = whole.physical(point)
    assert (values["n"], values["kind"], values["h"]) == (2, "right", 0.5)
    assert values["x"] == pytest.approx(np.exp(0.3), abs=0.3) and values["y"] == pytest.approx(0.4, abs=0.3)


@pytest.mark.parametrize("text", ["y < -h", "x*y**2 < 0.05", "y < n - 2.25", "x + y < 1.1"])
def test_proposals_hold_the_constraints(text):
    limited = space(text)
    assert limited.feasible(proposal(limited)[None])[0]


def test_limits_over_the_cube_are_the_margins():
    """Linear ones as rows, others as functions, of the same values."""
    both = space("2*y + n < 1 + h", "x*y < 1 <= 5 - x")
    linear, others = _limits(both)
    assert len(linear) == 1 and len(others) == 2
    import torch

    for point in start(Space(both.parameters), "lhs", 5, 1):
        index, factors, least = linear[0]
        row = float(factors @ torch.as_tensor(point)[index]) - least
        values = both.margins(point)
        got = [row, *(float(f(torch.as_tensor(point))) for f in others)]
        assert got == pytest.approx(values.tolist(), abs=1e-9)


def test_combinations_are_proposed_once_and_then_there_are_none():
    few = Space({"n": Parameter(1, 3, integer=True), "kind": Parameter(choices=("x", "y"))})
    points = start(few, "lhs", 40, 0)
    values = np.arange(1.0, 7.0)
    seen = []
    for count in (4, 5):
        surrogate = Surrogate(points[:count], values[:count], categories=few.categories)
        region = MixedRegion(few, points[:count], [0, count])
        point = propose(surrogate, points[0], np.zeros((0, 2)), [0, count], region)
        assert np.abs(points[:count] - point).max(axis=1).min() > 0.1
        seen.append(point)
    surrogate = Surrogate(points, values, categories=few.categories)
    assert propose(surrogate, points[0], np.zeros((0, 2)), [0, 6], MixedRegion(few, points, [0, 6])) is None


@pytest.mark.parametrize(
    "parameter",
    [
        Parameter(-1.0, 1.0),
        Parameter(0.5, 4.0, "loguniform"),
        Parameter(-1.0, 3.0, "normal", mean=1.5, deviation=0.4),
        Parameter(-1.0, 3.0, "normal", mean=0.0, deviation=2.0),
    ],
)
def test_quantiles_that_torch_differentiates_are_those_of_scipy(parameter):
    import torch

    unit = np.linspace(0.01, 0.99, 7)
    computed = _value(parameter, torch.as_tensor(unit)).numpy()
    np.testing.assert_allclose(computed, parameter.value(unit), rtol=1e-9)
