"""Influence functions and the material they belong to."""

import math

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps.material import InfluenceFunction, LinearPeridynamicSolid, bernstein

COEFFICIENTS = np.array([1.5, -0.4, 0.0, 2.0])
SOLID = LinearPeridynamicSolid(InfluenceFunction(15.0, 1.2, COEFFICIENTS), -0.197, 0.722)


@pytest.mark.parametrize("degree", [0, 1, 4, 20])
def test_bernstein_polynomials(degree):
    s = np.linspace(0, 1, 23)
    values = bernstein(degree, s)
    assert values.shape == (23, degree + 1)
    k = np.arange(degree + 1)
    choose = np.array([math.comb(degree, i) for i in k])
    np.testing.assert_allclose(
        values, choose * s[:, None] ** k * (1 - s[:, None]) ** (degree - k), atol=1e-13
    )
    np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(values @ k, degree * s, atol=1e-12)  # linear precision


def test_influence_is_the_published_sum():
    r = np.array([[0.3, 4.0], [9.0, 14.9]])
    s = r / 15.0
    p = 1.5 * (1 - s) ** 3 - 0.4 * 3 * s * (1 - s) ** 2 + 2.0 * s**3
    np.testing.assert_allclose(SOLID.influence(r), p / r**1.2, rtol=1e-13)
    assert SOLID.influence.degree == 3


def test_influence_ends_at_the_horizon_and_includes_it():
    np.testing.assert_allclose(SOLID.influence([15.0, 15.0 * (1 + 1e-12)]), 2.0 / 15.0**1.2, rtol=1e-10)
    np.testing.assert_array_equal(SOLID.influence([15.0 * (1 + 1e-8), 40.0]), 0)


@pytest.mark.parametrize(("young", "poisson"), [(0.91, -0.43), (1.216, -0.158), (2.0, 0.3)])
def test_engineering_moduli(young, poisson):
    """Plane stress: λ = E ν/(1 − ν²), μ = E/(2 (1 + ν))."""
    solid = LinearPeridynamicSolid(
        SOLID.influence, young * poisson / (1 - poisson**2), young / (2 * (1 + poisson))
    )
    assert solid.young == pytest.approx(young)
    assert solid.poisson == pytest.approx(poisson)


def test_dictionary_round_trip():
    data = SOLID.as_dict()
    again = LinearPeridynamicSolid.from_dict(data, "model.json")
    assert again.as_dict() == data
    np.testing.assert_array_equal(again.influence.coefficients, COEFFICIENTS)
    assert (data["M"], data["E_TPa"], data["nu"]) == (3, SOLID.young, SOLID.poisson)


@pytest.mark.parametrize(
    "broken", [{"alpha": None}, {"D": ["a"]}, {"D": None, "delta_A": "x"}, {"lambda_TPa": [1, 2]}]
)
def test_a_broken_model_names_its_source(broken):
    with pytest.raises(InputError, match=r"model\.json: not a model of mdbridge"):
        LinearPeridynamicSolid.from_dict(SOLID.as_dict() | broken, "model.json")


@pytest.mark.parametrize("key", ["lambda_TPa", "mu_TPa", "alpha", "D", "delta_A"])
def test_a_model_with_a_missing_key_is_refused(key):
    data = SOLID.as_dict()
    del data[key]
    with pytest.raises(InputError, match=key):
        LinearPeridynamicSolid.from_dict(data, "model.json")


def test_an_elevated_degree_is_the_same_function():
    one = InfluenceFunction(10.0, 0.7, np.array([1.0, -2.0, 3.0]))
    r = np.linspace(0.1, 10.0, 30)
    for degree in (2, 3, 9):
        other = one.elevated(degree)
        assert other.degree == degree
        np.testing.assert_allclose(other(r), one(r), rtol=1e-12, atol=1e-12)


def test_a_model_with_its_own_dilatation_survives_its_dictionary():
    one = InfluenceFunction(10.0, 0.7, np.array([1.0, -2.0, 3.0]))
    other = InfluenceFunction(10.0, -0.3, np.array([2.0, 1.0]))
    model = LinearPeridynamicSolid(one, -0.2, 0.7, other)
    again = LinearPeridynamicSolid.from_dict(model.as_dict(), "here")
    assert again.as_dict() == model.as_dict()
    assert again.dilatation_influence(5.0) == other(5.0)
    assert LinearPeridynamicSolid(one, -0.2, 0.7).dilatation_influence is one
