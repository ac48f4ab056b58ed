"""What every family of influence functions promises, and K over its weighted volume."""

import json

import numpy as np
import pytest

from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.families import FAMILIES
from mdbridge.lps.kernel import normalised, share

HORIZON, DEGREE = 15.0, 7
RADII = np.array([0.7, 3.1, 4.9, 5.0, 9.9, 14.3, 15.0])
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=str)


def sample(family, degree=DEGREE, seed=0):
    random = np.random.default_rng(seed)
    shape = [random.uniform(0.3, 1.4) for _ in family.shape_parameters]
    return family(HORIZON, random.uniform(-1.0, 2.0, degree + 1), tuple(shape))


def differences(function, at, step=1e-6):
    """Central differences, the parameters along the last axis."""
    steps = step * np.eye(len(at))
    return np.stack([(function(at + shift) - function(at - shift)) / (2 * step) for shift in steps], axis=-1)


@every_family
@pytest.mark.parametrize("degree", [0, 2, 3, 4, 24])
def test_a_fit_sees_the_function_and_its_slopes(family, degree):
    influence = sample(family, degree)
    curve = family.curve(RADII, HORIZON, degree)
    values, slopes = curve(influence.parameters())
    np.testing.assert_allclose(values, influence(RADII), rtol=1e-12)
    assert slopes.shape == (len(RADII), len(influence.shape) + degree + 1)
    expected = differences(lambda q: curve(q)[0], influence.parameters())
    np.testing.assert_allclose(slopes, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())


@every_family
def test_a_function_is_linear_in_its_coefficients(family):
    first, second = sample(family), sample(family, seed=1)
    both = family(HORIZON, 2.0 * first.coefficients - 3.0 * second.coefficients, first.shape)
    second = family(HORIZON, second.coefficients, first.shape)
    np.testing.assert_allclose(both(RADII), 2.0 * first(RADII) - 3.0 * second(RADII), rtol=1e-11, atol=1e-13)


@every_family
def test_parameters_and_dictionaries_give_the_function_back(family):
    influence = sample(family)
    data = json.loads(json.dumps(influence.as_dict()))
    assert data["kernel"] == family.name
    assert len(data["D"]) == DEGREE + 1
    for again in (family.from_parameters(HORIZON, influence.parameters()), family.from_dict(data, HORIZON)):
        assert (again.degree, again.horizon) == (DEGREE, HORIZON)
        assert again.shape == pytest.approx(influence.shape)
        np.testing.assert_allclose(again.coefficients, influence.coefficients, rtol=1e-13)
    for key in ("D", *family.shape_parameters):
        with pytest.raises(KeyError, match=key):
            family.from_dict({k: v for k, v in data.items() if k != key}, HORIZON)


@every_family
def test_a_function_ends_at_the_horizon_and_includes_it(family):
    influence = sample(family)
    assert influence(HORIZON) == influence([HORIZON * (1 + 1e-5)])[0] != 0
    np.testing.assert_array_equal(influence(np.array([[HORIZON * (1 + 1e-4)], [40.0]])), np.zeros((2, 1)))


@every_family
def test_starts_are_positive_functions_that_a_seed_decides(family):
    def drawn(seed):
        return family.start(DEGREE, np.random.default_rng(seed))

    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert (drawn(0) != drawn(1)).all()
    influence = family.from_parameters(HORIZON, drawn(0))
    assert influence.degree == DEGREE
    assert (influence(RADII) > 0).all()
    for value, parameter in zip(influence.shape, family.shape_parameters.values(), strict=True):
        assert (
            parameter.bounds[0] <= parameter.starts[0] <= value <= parameter.starts[1] <= parameter.bounds[1]
        )


@every_family
def test_a_description_says_which_function_it_is(family):
    text = sample(family).describe()
    assert text.startswith(f"{family.title}, M = {DEGREE}")
    assert all(f"{parameter.symbol} = " in text for parameter in family.shape_parameters.values())


@every_family
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": np.array([1.0, np.nan])}, "finite coefficients"),
        ({"coefficients": np.array([])}, "finite coefficients"),
        ({"coefficients": np.ones((2, 2))}, "finite coefficients"),
        ({"horizon": np.inf}, "finite"),
        ({"horizon": -15.0}, "must be positive"),
        ({"shape": (1.0,) * 5}, "shape parameters of"),
    ],
)
def test_what_is_no_function_is_refused(family, change, message):
    influence = sample(family)
    good = {"horizon": HORIZON, "coefficients": influence.coefficients, "shape": influence.shape}
    with pytest.raises(ValueError, match=message):
        family(**good | change)


def test_lists_and_integers_are_coefficients_too_and_do_not_change_afterwards():
    given = np.array([1, 2, 4])
    functions = [Bernstein(10.0, values, (0.5,)) for values in ([1, 2, 4], given, [1.0, 2.0, 4.0])]
    given[0] = 99
    r = np.array([2.0, 7.5])
    for function in functions:
        assert np.array_equal(function(r), functions[0](r))
        assert json.loads(json.dumps(function.as_dict()))["D"] == [1.0, 2.0, 4.0]
    with pytest.raises(ValueError, match="needs real coefficients"):
        Bernstein(10.0, [1.0, 2.0j], (0.5,))


def test_bernstein_functions_need_their_exponent():
    with pytest.raises(ValueError, match="alpha"):
        Bernstein(HORIZON, np.ones(3))


# --- over the weighted volume -----------------------------------------------------

VOLUME = np.array([1.0, 2.0, 0.5, 3.0, 1.0, 2.0, 1.5])


@pytest.mark.parametrize("start", [None, np.array([0, 3, 4])])
def test_shares_of_the_volume_sum_up_to_one(start):
    values = np.array([1.0, -0.5, 2.0, 0.1, 0.3, 1.0, 4.0])
    shares = share(values, VOLUME, start)
    parts = [slice(None)] if start is None else [slice(0, 3), slice(3, 4), slice(4, None)]
    for part in parts:
        assert VOLUME[part] @ shares[part] == pytest.approx(1.0)
        np.testing.assert_allclose(shares[part] / values[part], (shares / values)[part][0])
    np.testing.assert_allclose(share(-7.0 * values, VOLUME, start), shares)


@every_family
@pytest.mark.parametrize("start", [None, np.array([0, 3, 4])])
def test_slopes_of_the_shares(family, start):
    shares = normalised(family.curve(RADII, HORIZON, DEGREE), VOLUME, start)
    at = family.start(DEGREE, np.random.default_rng(3))
    values, slopes = shares(at)
    np.testing.assert_allclose(values, share(family.curve(RADII, HORIZON, DEGREE)(at)[0], VOLUME, start))
    expected = differences(lambda q: shares(q)[0], at)
    np.testing.assert_allclose(slopes, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())
    # the scale of K does not count
    coefficients = slice(len(family.shape_parameters), None)
    np.testing.assert_allclose(slopes[:, coefficients] @ at[coefficients], 0, atol=1e-14)
