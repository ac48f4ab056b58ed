"""Start designs and candidates of spaces with bins and constraints."""

import numpy as np
import pytest

from mdbridge.calibrate.constraints import Constraint
from mdbridge.calibrate.sampling import sample, single, some, start
from mdbridge.calibrate.space import Parameter, Space, design
from mdbridge.core.errors import InputError


def space(*texts, **more):
    parameters = {"a": Parameter(0.0, 1.0), "b": Parameter(0.0, 1.0)} | more
    return Space(parameters, constraints=[Constraint.read(text, list(parameters)) for text in texts])


def test_without_any_of_them_the_design_is_the_plain_one():
    np.testing.assert_array_equal(start(space(), "lhs", 9, 3), design("lhs", 9, 2, 3))


@pytest.mark.parametrize("kind", ["lhs", "sobol", "halton"])
def test_all_points_hold_and_there_are_as_many_as_asked(kind):
    triangle = space("a < b")
    points = start(triangle, kind, 40, 0)
    assert len(points) == 40 and np.all(points[:, 0] < points[:, 1])
    # evenly spread over the triangle: its centroid
    np.testing.assert_allclose(points.mean(axis=0), [1 / 3, 2 / 3], atol=0.07)
    np.testing.assert_array_equal(points, start(triangle, kind, 40, 0))


def test_a_sliver_is_found_and_filled():
    sliver = space("abs(a - 0.3) < 1e-6", "a**2 + b**2 < 0.1")
    points = start(sliver, "lhs", 12, 0)
    assert len(points) == 12 and np.all(sliver.feasible(points)) and np.ptp(points[:, 1]) > 0.01
    assert np.all(sliver.feasible(sample(sliver, 64, np.random.default_rng(0))))
    assert sliver.feasible(single(sliver, np.random.default_rng(1))[None])[0]


def test_few_combinations_come_once_each():
    few = Space({"n": Parameter(1, 3, integer=True), "kind": Parameter(choices=("x", "y"))})
    points = start(few, "lhs", 40, 0)
    values = [tuple(few.physical(p).values()) for p in points]
    assert sorted(values) == [(n, kind) for n in (1, 2, 3) for kind in ("x", "y")]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a + b > 2.5"], r"'a \+ b > 2\.5': no values within the bounds"),
        (["a < 0.5", "a > 0.6"], "'a < 0.5', 'a > 0.6': no values"),
        (["a < 0.5", "b**2 > 4"], r"'b\*\*2 > 4' excludes all values"),
    ],
)
def test_constraints_that_leave_nothing_are_refused(texts, said):
    with pytest.raises(InputError, match=said):
        some(space(*texts))
