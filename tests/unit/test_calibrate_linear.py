"""Linear residuals: optima and regions whose values other methods know."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linprog, lsq_linear

from mdbridge.calibrate.likelihood import Likelihood, Noise
from mdbridge.calibrate.linear import PRIOR, LinearModel, crossing, slopes, spanning

RANDOM = np.random.default_rng(2)


def model(kind="gaussian", known=False, count=30, d=3, sigma=0.05):
    slope, noise = RANDOM.standard_normal((count, d)), sigma * RANDOM.standard_normal(count)
    distribution = Noise("y", kind, float(count), np.full(count, sigma if known else 1.0), known)
    return LinearModel(np.full(d, 0.5), noise, slope, Likelihood([distribution], [count]))


def test_normal_residuals_give_least_squares_and_students_t():
    linear = model()
    solution, squares = np.linalg.lstsq(linear.jacobian, -linear.residual, rcond=None)[:2]
    optimum = linear.optimum()
    assert optimum - 0.5 == pytest.approx(solution, abs=1e-8)
    variance = squares[0] / 27 * np.linalg.inv(linear.jacobian.T @ linear.jacobian)
    level = linear.deviance(optimum) + linear.likelihood.threshold(3)
    for k in range(3):
        half = stats.t.ppf(0.975, 27) * np.sqrt(variance[k, k])
        assert linear.extent(k, optimum, level) == (
            pytest.approx(-half, rel=1e-3),
            pytest.approx(half, rel=1e-3),
        )
    assert linear.covariance(optimum) == pytest.approx(variance, rel=1e-2, abs=1e-2 * variance.max())


def test_known_sigma_gives_the_normal_region():
    linear = model(known=True)
    optimum = linear.optimum()
    variance = 0.05**2 * np.linalg.inv(linear.jacobian.T @ linear.jacobian)
    low, high = linear.extent(0, optimum, linear.deviance(optimum) + linear.likelihood.threshold(3))
    assert (low, high) == (
        pytest.approx(-1.96 * np.sqrt(variance[0, 0]), rel=1e-3),
        pytest.approx(1.96 * np.sqrt(variance[0, 0]), rel=1e-3),
    )


@pytest.mark.parametrize("known", [True, False])
def test_laplace_residuals_give_least_absolute_values(known):
    linear = model("laplace", known)
    count, d = linear.jacobian.shape
    ones = np.eye(count)
    solution = linprog(
        np.append(np.zeros(d), np.ones(count)),
        np.block([[linear.jacobian, -ones], [-linear.jacobian, -ones]]),
        np.append(-linear.residual, linear.residual),
        bounds=[(None, None)] * d + [(0, None)] * count,
    )
    assert linear.deviance(linear.optimum()) == pytest.approx(linear.deviance(0.5 + solution.x[:d]), abs=0.02)


def test_bounds_hold():
    linear = model()
    shifted = LinearModel(
        np.full(3, 0.5),
        linear.residual - linear.jacobian @ [0.7, 0.0, 0.1],
        linear.jacobian,
        linear.likelihood,
    )
    expected = lsq_linear(linear.jacobian, -shifted.residual, (-0.5, 0.5)).x
    assert shifted.optimum() - 0.5 == pytest.approx(expected, abs=1e-6)
    assert shifted.optimum()[0] == 1.0
    low, high = shifted.extent(0, shifted.optimum(), shifted.deviance(shifted.optimum()) + 4.0)
    assert high == 0.0 and low < 0.0


def test_fewer_residuals_have_the_same_deviance():
    linear = model(count=200)
    assert len(linear.short.residual) == 4
    base = linear.deviance(np.full(3, 0.5)) - linear.short.deviance(np.full(3, 0.5))
    for unit in RANDOM.random((5, 3)):
        assert linear.deviance(unit) - linear.short.deviance(unit) == pytest.approx(base, abs=1e-9)


def test_a_direction_that_nothing_tells_is_open_to_the_bounds():
    linear = model(d=2)
    blind = LinearModel(linear.at, linear.residual, linear.jacobian * [1.0, 0.0], linear.likelihood)
    optimum = blind.optimum()
    assert blind.extent(1, optimum, blind.deviance(optimum) + 4.0) == (-optimum[1], 1.0 - optimum[1])
    assert blind.covariance(optimum)[1, 1] == pytest.approx(1 / 12)
    end = blind.along(np.array([0.0, 1.0]), optimum, blind.deviance(optimum) + 4.0)
    assert end == pytest.approx([optimum[0], 1.0])


def test_slopes_are_those_of_the_changes():
    true = RANDOM.standard_normal((6, 2))
    offsets = np.array([[0.01, 0.0], [0.0, 0.02], [-0.01, 0.01]])
    assert slopes(offsets, list(offsets @ true.T)) == pytest.approx(true)
    line = np.outer([0.01, 0.02, 0.03], [1.0, 0.999])
    assert not spanning(line) and slopes(line, list(line @ true.T)) is None
    assert not spanning(offsets[:1]) and slopes(offsets[:0], []) is None


def test_where_a_growing_function_passes_a_level():
    assert crossing(lambda t: t**2, 1.0, 0.25, 1e-3) == pytest.approx(0.5, rel=1e-3)
    assert crossing(lambda t: t**2, 0.3, 0.25, 1e-3) == 0.3
    assert crossing(lambda t: t**2, 0.0, 0.25, 1e-3) == 0.0


def test_a_direction_that_nothing_tells_keeps_its_prior_beside_an_exact_fit():
    slope = np.outer(np.linspace(0.1, 1.0, 10), [3.0, 3.0])  # only the sum of the two counts
    noise = Noise("y", "gaussian", 10.0, np.ones(10), False)
    exact = LinearModel(np.full(2, 0.5), 1e-17 * RANDOM.standard_normal(10), slope, Likelihood([noise], [10]))
    values, axes = np.linalg.eigh(exact.covariance(exact.at))
    assert values[1] == pytest.approx(1.0 / PRIOR, rel=1e-4) and abs(values[0]) < 1e-15
    assert abs(axes[0, 1] + axes[1, 1]) < 1e-6
