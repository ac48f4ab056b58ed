"""Bounded least squares: a known minimum, the bounds, and no evaluation done twice."""

import weakref

import numpy as np
import pytest

from mdbridge.lps.learn import leastsquares


def rosenbrock(p):
    x, y = p
    return np.array([10 * (y - x**2), 1 - x]), np.array([[-20 * x, 10.0], [-1.0, 0.0]])


@pytest.mark.parametrize(("highest", "wanted"), [(np.inf, 1.0), (0.5, 0.5)])
def test_the_minimum_within_the_bounds(highest, wanted):
    calls = []

    def evaluate(p):
        calls.append(p.copy())
        return rosenbrock(p)

    bounds = np.full(2, -np.inf), np.array([highest, np.inf])
    minimum = leastsquares.minimize(evaluate, np.array([-1.2, 1.0]), bounds, 200, 1e-12)
    assert minimum.x == pytest.approx([wanted, wanted**2], abs=1e-3)
    assert len(calls) == len({point.tobytes() for point in calls}) == minimum.nfev
    # the slopes of the same point as the residuals, or the steps are none of Gauss and Newton
    assert np.array_equal(minimum.jac, rosenbrock(minimum.x)[1])


def test_a_start_beyond_its_bounds_by_round_off_is_at_them():
    bounds = np.full(2, -np.inf), np.array([0.5, np.inf])
    start = np.array([0.5 + 1e-15, 1.0])
    minimum = leastsquares.minimize(rosenbrock, start, bounds, 200, 1e-12)
    assert start[0] > 0.5 and minimum.x == pytest.approx([0.5, 0.25], abs=1e-3)


def test_no_jacobian_is_kept_but_the_last():
    kept = []

    def evaluate(p):
        residual, jacobian = rosenbrock(p)
        kept.append(weakref.ref(jacobian))
        # ours, the last, and scipy's own, of which older versions keep two
        assert sum(reference() is not None for reference in kept) <= 4
        return residual, jacobian

    bounds = np.full(2, -np.inf), np.full(2, np.inf)
    assert leastsquares.minimize(evaluate, np.array([-1.2, 1.0]), bounds, 200, 1e-12).nfev > 5


def test_it_ends_after_so_many_evaluations():
    bounds = np.full(2, -np.inf), np.full(2, np.inf)
    assert leastsquares.minimize(rosenbrock, np.array([-1.2, 1.0]), bounds, 3, 1e-12).nfev == 3
