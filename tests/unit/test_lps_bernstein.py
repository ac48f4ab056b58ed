"""Bernstein influence functions against the published sum."""

import math

import numpy as np
import pytest

from mdbridge.lps.bernstein import Bernstein, polynomials

INFLUENCE = Bernstein(15.0, np.array([1.5, -0.4, 0.0, 2.0]), (1.2,))


@pytest.mark.parametrize("degree", [0, 1, 4, 20])
def test_bernstein_polynomials(degree):
    s = np.linspace(0, 1, 23)
    values = polynomials(degree, s)
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
    np.testing.assert_allclose(INFLUENCE(r), p / r**1.2, rtol=1e-13)
    assert INFLUENCE.degree == 3


def test_the_value_at_the_horizon():
    np.testing.assert_allclose(INFLUENCE([15.0, 15.0 * (1 + 1e-12)]), 2.0 / 15.0**1.2, rtol=1e-10)


def test_an_elevated_degree_is_the_same_function():
    influence = Bernstein(10.0, np.array([1.0, -2.0, 3.0]), (0.7,))
    r = np.linspace(0.1, 10.0, 30)
    for degree in (2, 3, 9):
        elevated = influence.elevated(degree)
        assert elevated.degree == degree
        np.testing.assert_allclose(elevated(r), influence(r), rtol=1e-12, atol=1e-12)


def test_coefficients_of_a_fit_are_of_order_one_whatever_the_exponent():
    """r^-α is in Å in a file and in 10 Å in a fit."""
    for alpha in (-1.0, 2.5):
        q = Bernstein(20.0, 10.0**alpha * np.array([0.5, 1.0]), (alpha,)).parameters()
        np.testing.assert_allclose(q, [alpha, 0.5, 1.0])
