"""Intervals: coverage where the truth is known, bounds, flat directions, too few trials."""

import numpy as np
import pytest
from scipy.optimize import minimize

from mdbridge.calibrate.intervals import profile
from mdbridge.calibrate.refine import Groups
from mdbridge.calibrate.trials import Trial

TRUTH = np.array([0.4, 0.6])


def trial(index, unit, residual, groups):
    return Trial(index, "refine", list(unit), {}, "ok", groups.value(residual), [], residual)


def around(best, residual, groups, steps=0.01):
    """Trials at the best point and beside it."""
    points = [best, *(best + steps * np.eye(len(best))), *(best - 0.5 * steps * np.eye(len(best)))]
    return [trial(k, u, residual(u), groups) for k, u in enumerate(points)]


@pytest.mark.slow
def test_coverage_with_exponentially_distributed_residuals():
    """The share of samples in which an interval holds the truth, within three standard errors of 95 %."""
    random, count, repeats = np.random.default_rng(0), 40, 150
    groups = Groups(np.arange(count), np.full(count, 1.0 / count))
    inside = []
    for _ in range(repeats):
        slopes, noise = random.standard_normal((count, 2)), random.laplace(scale=0.01, size=count)

        def residual(u, slopes=slopes, noise=noise):
            return slopes @ (u - TRUTH) + noise

        best = minimize(lambda u: groups.value(residual(u)), TRUTH, method="Nelder-Mead").x
        region = profile(around(best, residual, groups), groups)
        inside += [low <= t <= high for low, t, high in zip(region.low, TRUTH, region.high, strict=True)]
        assert np.all(region.high - region.low < 0.05)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_few_dominating_norms_make_wide_intervals():
    """One snapshot that the model cannot match is not a hundred observations."""
    groups = Groups(np.arange(21), np.full(21, 1.0))
    widths = []
    for misfit in (0.01, 1.0):
        offset = np.append(np.full(20, 0.01), misfit)

        def residual(u, offset=offset):
            return np.append(np.linspace(-1, 1, 20) * (u[0] - 0.5), 0.0) + offset

        region = profile(around(np.array([0.5]), residual, groups), groups)
        widths.append(region.high[0] - region.low[0])
        assert region.number == pytest.approx(21.0 if misfit == 0.01 else 2 * 1.2**2 / 1.002)
    assert widths[1] > 10 * widths[0]


def test_a_flat_valley_is_found_and_bounds_hold():
    groups = Groups(np.arange(3), np.ones(3))

    def residual(u):  # u0 + u1 is known, u0 - u1 hardly
        return np.array([u[0] + u[1] - 1.0, 1e-3 * (u[0] - u[1]) + 1e-3, 0.0])

    region = profile(around(np.array([0.1, 0.9]), residual, groups), groups)
    direction = region.valley[1] - region.valley[0]
    assert direction / direction[0] == pytest.approx([1.0, -1.0], abs=1e-3)
    assert region.low[0] == pytest.approx(0.0, abs=1e-9) and region.high[1] == pytest.approx(1.0)


def test_trials_below_the_level_are_inside():
    groups = Groups(np.arange(20), np.ones(20))

    def residual(u):
        return np.full(20, 0.1) + np.linspace(-1, 1, 20) * (u[0] - 0.5)

    here = around(np.array([0.5]), residual, groups)
    far = trial(9, [0.95], np.full(20, 0.1001), groups)  # another minimum, as good
    assert profile(here, groups).high[0] < 0.9
    assert profile([*here, far], groups).high[0] >= 0.95


def test_too_few_trials_give_none():
    groups = Groups(np.zeros(2, int), np.ones(1))
    here = around(np.array([0.5, 0.5]), lambda u: u, groups)
    assert profile(here[:2], groups) is None
    assert profile([], groups) is None


@pytest.mark.parametrize(("parameters", "student"), [(1, 2.2622), (2, 2.3060), (4, 2.4469)])
def test_parameters_take_freedom_from_the_residuals(parameters, student):
    """Ten residuals alike: the quantiles are Student's for nine, eight and six of them, from a table."""
    groups, random = Groups(np.arange(10), np.ones(10)), np.random.default_rng(1)
    slopes = random.standard_normal((10, parameters))
    best = np.full(parameters, 0.5)
    region = profile(around(best, lambda u: np.full(10, 0.1) + 1e-3 * slopes @ (u - best), groups), groups)
    assert region.number == pytest.approx(10.0, rel=1e-3)
    assert region.ratio == pytest.approx(np.sqrt(1.0 + student**2 / (10 - parameters)), rel=1e-3)
