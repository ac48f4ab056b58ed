"""Chebyshev stepping on problems with known answers."""

import numpy as np
import pytest

from mdbridge.stz.scheme import Stepper, StepTooSmall, _error_estimate, coefficients
from mdbridge.stz.staggered import CHI, Grid, WholeGrid, ghosted, owned

GRID = Grid(4, 4)
SCALES = np.ones(5)


class Decay:
    """y' = −rate (y − cos γ) − sin γ, whose solution from 1 is cos γ, whatever the rate."""

    def __init__(self, rate):
        self.rate, self.taken = rate, []

    def __call__(self, gamma, state, out):
        out[...] = -self.rate * (state - np.cos(gamma)) - np.sin(gamma)

    def stage(self, gamma, state, base, base_rate, weights, out):
        rate = np.empty_like(state)
        self(gamma, state, rate)
        out[...] = (
            weights.base * base
            + weights.base_rate * base_rate
            + weights.last * state
            + weights.before * out
            + weights.rate * rate
        )

    def spectral_radius(self):
        return self.rate

    def pace(self, gamma, state):
        pass

    def accept(self, step):
        self.taken = [*self.taken, step]

    def forget(self):
        pass


def stepper(system, tolerance=1e-6, start=1.0):
    state = ghosted(5, GRID.shape)
    state[...] = start
    return Stepper(system, state, SCALES, tolerance, WholeGrid(GRID))


@pytest.mark.parametrize("stages", [2, 3, 7, 20, 100])
def test_the_stability_polynomial_is_second_order_and_bounded(stages):
    c = coefficients(stages)

    def polynomial(z):
        before, last = 1.0, 1.0 + c.mu_rate[1] * z
        for j in range(2, stages + 1):
            rest = 1.0 - c.mu[j] - c.nu[j] + c.gamma_rate[j] * z
            before, last = last, rest + (c.mu[j] + c.mu_rate[j] * z) * last + c.nu[j] * before
        return last

    z = -1e-2
    assert polynomial(z) == pytest.approx(1.0 + z + z * z / 2, abs=abs(z) ** 3)
    reach = 2.0 / 3.0 * (stages**2 - 1) * (1.0 - 2.0 / 15.0 * 2.0 / 13.0)
    assert np.abs(polynomial(-np.linspace(0.0, reach, 2000))).max() <= 1.0 + 1e-12
    assert c.time[stages] == pytest.approx(1.0)


def test_the_error_falls_as_the_square_of_the_step():
    errors = []
    for steps in (10, 20, 40, 80):
        run = stepper(Decay(2.0))
        run.advance_uniformly(1.0, steps)
        errors.append(abs(owned(run.state)[0, 0, 0] - np.cos(1.0)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.15)


@pytest.mark.parametrize("rate", [1.0, 1e3, 1e6])
def test_the_error_control_holds_however_stiff(rate):
    system = Decay(rate)
    run = stepper(system, tolerance=1e-5)
    run.advance(1.0)
    assert run.gamma == pytest.approx(1.0, abs=1e-12)
    assert owned(run.state) == pytest.approx(np.cos(1.0), abs=1e-4)
    assert run.counts.steps < 300
    assert sum(system.taken) == pytest.approx(1.0, abs=1e-12)
    assert len(system.taken) == run.counts.steps + 1  # the start is the first, of length 0


class Explosion(Decay):
    """χ falls at a constant rate in one cell until it is negative."""

    def __call__(self, gamma, state, out):
        out[...] = 0.0
        out[CHI, 3, 4] = -2.0


def test_a_state_that_cannot_go_on_names_strain_and_cell():
    run = stepper(Explosion(1.0))
    with pytest.raises(StepTooSmall, match=r"^at strain 0\.\d{6}: .*finite, positive") as caught:
        run.advance(1.0)
    assert caught.value.gamma == pytest.approx(0.5, abs=1e-3)
    assert caught.value.cell == (1, 2)
    assert owned(run.state)[CHI].min() > 0.0


def test_rates_that_no_number_of_stages_follows_end_the_run_with_their_cell():
    """They did so with a traceback, of an array of 10^150 coefficients."""

    class Violent(Decay):
        def __call__(self, gamma, state, out):
            super().__call__(gamma, state, out)
            owned(out)[2, 1, 3] = -self.rate

    run = stepper(Violent(1e200))
    with pytest.raises(StepTooSmall, match=r"rates of 1\.0e\+200 per unit of strain, too fast") as caught:
        run.advance(1.0)
    assert caught.value.cell == (1, 3)


class Grudging(Decay):
    """Beyond γ = 0.5 it makes χ negative, and goes on doing so until it is told to forget."""

    def __init__(self):
        super().__init__(1.0)
        self.forgotten, self.spoiled = 0, False

    def __call__(self, gamma, state, out):
        super().__call__(gamma, state, out)
        self.spoiled |= bool(gamma > 0.5 and not self.forgotten)
        if self.spoiled:
            out[CHI] = -1e12

    def forget(self):
        self.forgotten, self.spoiled = self.forgotten + 1, False


def test_what_was_kept_of_a_failed_trial_is_forgotten_and_the_run_goes_on():
    system = Grudging()
    run = stepper(system, tolerance=1e-5)
    run.advance(1.0)
    assert system.forgotten == 1
    assert run.counts.rejected >= 1
    assert owned(run.state) == pytest.approx(np.cos(1.0), abs=1e-4)


def test_a_trial_that_is_merely_inaccurate_is_not_forgotten():
    """What was kept of it is as good as that of any other."""
    system = Grudging()
    run = stepper(system, tolerance=1e-8)
    run._step = 0.4
    run.advance(0.5)
    assert run.counts.rejected >= 1
    assert system.forgotten == 0


def test_a_quantity_without_a_scale_makes_a_step_invalid_and_nothing_else():
    """Of χ = 1e-300, say: a division by zero would end the program in place of the step."""
    state = np.ones((4, 6, 6))
    square, *_ = _error_estimate(state, state, 2 * state, state, 0.1, np.zeros(4))
    assert not np.isfinite(square)
