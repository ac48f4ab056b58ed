"""Cubic B-splines: what their space holds, and where each of them is."""

import numpy as np
import pytest

from mdbridge.lps.bernstein import polynomials
from mdbridge.lps.bspline import BSpline, basis, greville, knots

S = np.linspace(0.0, 1.0, 101)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 9, 24])
def test_partition_of_unity_and_linear_precision(degree):
    values = basis(degree, S)
    assert values.shape == (101, degree + 1)
    assert (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=1), 1.0, rtol=1e-14)
    if degree:
        np.testing.assert_allclose(values @ greville(degree), S, atol=1e-14)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_without_inner_knots_they_are_bernstein_polynomials(degree):
    np.testing.assert_allclose(basis(degree, S), polynomials(degree, S), atol=1e-14)


@pytest.mark.parametrize("degree", [3, 4, 12])
def test_cubics_are_in_the_space_and_quartics_are_not(degree):
    values = basis(degree, S)
    left = [np.linalg.lstsq(values, S**power, rcond=None)[0] for power in (3, 4)]
    errors = [
        np.abs(values @ coefficients - S**power).max()
        for coefficients, power in zip(left, (3, 4), strict=True)
    ]
    assert errors[0] < 1e-13
    assert errors[1] > 1e-6


def test_each_moves_the_function_near_one_distance_alone():
    t, values = knots(24), basis(24, S)
    for k in range(25):
        outside = (t[k] > S) | (t[k + 4] < S)
        np.testing.assert_array_equal(values[outside, k], 0.0)
        assert t[k + 4] - t[k] <= 4 / 22 + 1e-12


def test_both_ends_have_a_coefficient_of_their_own():
    np.testing.assert_allclose(basis(9, [0.0, 1.0]), np.eye(10)[[0, 9]], atol=1e-15)


@pytest.mark.parametrize(
    ("degree", "finer"), [(0, 1), (0, 9), (1, 3), (2, 7), (3, 11), (4, 6), (5, 8), (7, 12)]
)
def test_an_elevated_degree_is_the_same_function_where_its_knots_hold_the_old(degree, finer):
    """M = 4 has 2 intervals, M = 6 has 4; up to M = 3 there are no inner knots to hold."""
    random = np.random.default_rng(degree)
    influence = BSpline(10.0, random.standard_normal(degree + 1))
    elevated = influence.elevated(finer)
    assert (elevated.degree, elevated.horizon) == (finer, 10.0)
    np.testing.assert_allclose(elevated(10.0 * S), influence(10.0 * S), atol=1e-12)


def test_elsewhere_the_elevated_function_is_near_and_nears():
    influence = BSpline(10.0, np.random.default_rng(0).standard_normal(9))  # 6 intervals
    distances = [np.abs(influence.elevated(m)(10.0 * S) - influence(10.0 * S)).max() for m in (11, 21, 41)]
    assert 0.5 > distances[0] > 2 * distances[1] > 4 * distances[2] > 1e-8
