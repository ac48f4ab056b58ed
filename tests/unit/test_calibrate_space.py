"""Parameters, distributions and designs."""

import numpy as np
import pytest

from mdbridge.calibrate.space import Parameter, Space, design
from mdbridge.core.errors import InputError

ALL = [
    Parameter(-2.0, 3.0),
    Parameter(0.1, 100.0, "loguniform"),
    Parameter(0.0, 1.0, "normal", mean=0.7, deviation=0.2),
]


@pytest.mark.parametrize("parameter", ALL)
def test_value_and_unit_are_inverse_and_keep_to_the_bounds(parameter):
    units = np.linspace(0.0, 1.0, 11)
    values = parameter.value(units)
    assert values[0] == pytest.approx(parameter.low) and values[-1] == pytest.approx(parameter.high)
    assert [parameter.unit(v) for v in values] == pytest.approx(units, abs=1e-9)


def test_every_distribution_makes_a_space_and_its_draws_are_within_it():
    space = Space({f"p{number}": parameter for number, parameter in enumerate(ALL)})
    for point in design("lhs", 7, len(ALL), seed=1):
        values = space.physical(point)
        assert all(
            parameter.low <= values[f"p{number}"] <= parameter.high for number, parameter in enumerate(ALL)
        )


def test_half_of_the_probability_lies_below_the_median():
    assert [float(parameter.value(np.array(0.5))) for parameter in ALL[:2]] == pytest.approx(
        [0.5, np.sqrt(10.0)]
    )
    assert 0.6 < float(ALL[2].value(np.array(0.5))) < 0.7  # less of the upper tail is left


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (Parameter(1.0, 1.0), "parameters.a: low = 1.0 must lie below high = 1.0"),
        (Parameter(2.0, 1.0), "must lie below"),
        (Parameter(0.0, 1.0, "loguniform"), "needs positive bounds"),
        (Parameter(-1.0, 1.0, "loguniform"), "needs positive bounds"),
        (Parameter(-np.inf, 1.0), "must lie below"),
        (Parameter(0.0, np.nan), "must lie below"),
        (Parameter(0.5, 2.0, integer=True), "of an integer, both are whole"),
        (Parameter(0.0, 2.5, integer=True), "of an integer, both are whole"),
        (Parameter(choices=("x",)), "give two or more different ones"),
        (Parameter(choices=("x", "y", "x")), "give two or more different ones"),
        (Parameter(0.0, 1.0, "normal"), "needs mean and a positive deviation"),
        (Parameter(0.0, 1.0, "normal", mean=0.5), "needs mean and a positive deviation"),
        (Parameter(0.0, 1.0, "normal", deviation=0.5), "needs mean and a positive deviation"),
        (Parameter(0.0, 1.0, "normal", mean=0.5, deviation=0.0), "needs mean and a positive deviation"),
        (Parameter(0.0, 1.0, "normal", mean=0.5, deviation=-1.0), "needs mean and a positive deviation"),
    ],
)
def test_bounds_that_cannot_be_are_named(parameter, message):
    with pytest.raises(InputError, match=message):
        Space({"a": parameter})
    with pytest.raises(InputError, match="none to calibrate"):
        Space({})


@pytest.mark.parametrize("kind", ["lhs", "sobol", "halton"])
def test_designs_are_seeded_and_cover_the_cube(kind):
    points = design(kind, 20, 3, seed=4)
    assert points.shape == (20, 3) and np.array_equal(points, design(kind, 20, 3, seed=4))
    assert not np.array_equal(points, design(kind, 20, 3, seed=5))
    assert np.abs(points.mean(axis=0) - 0.5).max() < 0.1
    if kind == "lhs":
        assert np.array_equal(np.sort((20 * points).astype(int), axis=0)[:, 0], np.arange(20))


def test_whole_numbers_have_bins_of_one_size():
    whole = Parameter(2, 5, integer=True)
    values = [whole.at(u) for u in (np.arange(400) + 0.5) / 400]
    assert [values.count(k) for k in (2, 3, 4, 5)] == [100] * 4 and type(values[0]) is int
    assert [whole.unit(k) for k in (2, 3, 4, 5)] == pytest.approx([0.125, 0.375, 0.625, 0.875])
    log = Parameter(1, 1000, "loguniform", integer=True)
    assert (log.at(0.0), log.at(1.0)) == (1, 1000) and log.at(log.unit(30)) == 30
    with pytest.raises(InputError, match="of an integer, both are whole"):
        Space({"n": Parameter(0.5, 3, integer=True)})


def test_choices_and_fixed_values():
    space = Space(
        {"steel": Parameter(choices=("X5", "X6", "X7")), "a": Parameter(0.0, 2.0)}, {"b": 0.25, "on": True}
    )
    assert space.physical(np.array([0.99, 0.5])) == {"steel": "X7", "a": 1.0, "b": 0.25, "on": True}
    assert space.unit({"steel": "X6", "a": 0.5}) == pytest.approx([0.5, 0.25])
    np.testing.assert_allclose(space.snapped(np.array([[0.6, 0.3], [1.0, 0.2]])), [[0.5, 0.3], [5 / 6, 0.2]])
    assert (list(space.free), list(space.bins), space.categories, space.plain) == ([1], [0], [0], False)
    assert Space({"a": Parameter(0.0, 2.0)}, {"b": 1.0}).plain
    for values in (("X5",), ("X5", "X5")):
        with pytest.raises(InputError, match="two or more different"):
            Space({"steel": Parameter(choices=values)})


def test_a_range_beyond_all_numbers_is_refused():
    with pytest.raises(InputError, match=r"parameters\.a: low = -1e\+308.*their difference is no number"):
        Space({"a": Parameter(-1e308, 1e308)})
    with pytest.raises(InputError, match=r"low = 1e-308, high = 10\.0: their ratio is no number; raise low"):
        Space({"a": Parameter(1e-308, 10.0, "loguniform")})
    assert 0.0 < Parameter(1e-300, 1e7, "loguniform").at(0.5) < 1.0
