"""How fast relaxation is followed: the attempt rate against the fastest relaxation and the overstress."""

import math

import pytest

from mdbridge.stz.pace import FASTEST, OVERSTRESS, Pace, fastest_relaxation
from mdbridge.stz.ratelaw import activation

TOLERANCE, HOP, STIFFNESS = 1e-4, 1e-6, 40.0


def of(true, ever=1.0, last=None):
    now = fastest_relaxation(true, HOP, STIFFNESS)
    return Pace.of(true, TOLERANCE, now, ever * now, 0.0, last)


def test_the_fastest_relaxation_is_the_slope_of_the_flow_at_yield():
    h = 1e-6
    slope = 1e9 * HOP * (activation(1.0 + h)[0] - activation(1.0)[0]) / h
    assert fastest_relaxation(1e9, HOP, STIFFNESS) == pytest.approx(STIFFNESS * slope, rel=1e-5)


def test_relaxation_that_can_be_followed_is():
    true = FASTEST / TOLERANCE / fastest_relaxation(1.0, HOP, STIFFNESS)
    pace = of(0.99 * true)
    assert pace.tolerance is None and pace.attempt(0.3) == 0.99 * true
    assert pace.follow(0.1, 1.0, 1e12) == 1.0 and pace.attempt(0.3) == 0.99 * true
    # it is slow enough now, and will not be once the sample is hot
    assert of(0.99 * true, ever=2.0).tolerance is not None


def test_faster_relaxation_begins_at_what_can_be_followed():
    attempt = of(1e18).attempt(0.0)
    assert fastest_relaxation(attempt, HOP, STIFFNESS) == pytest.approx(FASTEST / TOLERANCE)


def test_the_attempt_rate_is_never_above_that_of_the_rate_law():
    true = 1e13
    pace = of(true)
    for step in range(1, 200):
        pace.follow(1e-2 * step, 100.0 * OVERSTRESS * TOLERANCE, 1e7)
        assert pace.attempt(1e-2 * (step + 1)) <= true
    assert pace.attempt(3.0) == true


@pytest.mark.parametrize("overstressed", [False, True])
def test_it_is_continuous_and_comes_to_what_is_wanted(overstressed):
    """Of a body that softens all the time, and of which a small part flows, or all of it."""
    pace, gamma, step, part = of(1e18), 0.0, 2e-3, 1e-3 if overstressed else 1.0
    for _ in range(300):
        fastest = fastest_relaxation(pace.attempt(gamma), HOP * math.exp(20.0 * gamma), STIFFNESS)
        overstress = 0.5 * STIFFNESS / fastest / part
        before = pace.attempt(gamma)
        bound = before * pace.follow(gamma, overstress, fastest)
        assert pace.attempt(gamma) == pytest.approx(before, rel=1e-14)
        assert pace.attempt(gamma + 10.0 * step) <= bound * (1.0 + 1e-12)
        gamma += step
    if overstressed:
        assert overstress == pytest.approx(OVERSTRESS * TOLERANCE, rel=0.25)
    else:
        assert fastest == pytest.approx(FASTEST / TOLERANCE, rel=0.25)


def test_another_loading_goes_on_with_the_attempt_rate_in_use():
    assert of(1e18, last=1e13).attempt(0.0) == 1e13
    assert of(1e15, last=1e16).attempt(0.0) == 1e15
