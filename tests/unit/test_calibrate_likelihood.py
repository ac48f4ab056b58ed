"""Deviances by scipy's densities, regions by Student's t, optima by linear programming."""

import numpy as np
import pytest
from scipy import stats

from mdbridge.calibrate.likelihood import Likelihood, Noise, Smooth

RANDOM = np.random.default_rng(0)
SIGMA = np.array([0.5, 1.0, 2.0, 4.0])
Z = RANDOM.standard_normal(4)


def noise(kind, known, scale=SIGMA):
    return Noise("y", kind, float(len(scale)), scale, known)


@pytest.mark.parametrize("kind", ["gaussian", "laplace"])
def test_the_deviance_is_that_of_the_density(kind):
    """Up to a constant, with the scale at its most likely value where it is estimated."""
    other = RANDOM.standard_normal(4)
    density = {"gaussian": stats.norm(0, SIGMA), "laplace": stats.laplace(0, SIGMA / np.sqrt(2))}[kind]
    change = noise(kind, True).deviance(Z) - noise(kind, True).deviance(other)
    assert change == pytest.approx(-2 * (density.logpdf(Z * SIGMA) - density.logpdf(other * SIGMA)).sum())

    def profiled(z):
        fitted = {"gaussian": stats.norm, "laplace": stats.laplace}[kind]
        scale = fitted.fit(z, floc=0.0)[1]
        return -2 * fitted(0.0, scale).logpdf(z).sum(), scale * (np.sqrt(2) if kind == "laplace" else 1.0)

    unknown = noise(kind, False)
    difference = profiled(Z)[0] - profiled(other)[0]
    assert unknown.deviance(Z) - unknown.deviance(other) == pytest.approx(difference)
    assert unknown.deviation(Z) == pytest.approx(profiled(Z)[1])


@pytest.mark.parametrize("kind", ["gaussian", "laplace"])
@pytest.mark.parametrize("known", [True, False])
def test_the_quadratic_touches_the_deviance_from_above(kind, known):
    model = noise(kind, known)
    weights = model.weights(Z, 0.0)
    for other in RANDOM.standard_normal((20, 4)):
        above = model.deviance(Z) + float(weights @ (other**2 - Z**2))
        assert model.deviance(other) <= above + 1e-12
    step = 1e-6 * RANDOM.standard_normal(4)
    slope = (model.deviance(Z + step) - model.deviance(Z - step)) / 2
    assert slope == pytest.approx(2 * float((weights * Z) @ step), rel=1e-4)


def test_regions_of_normal_residuals():
    known = Likelihood([noise("gaussian", True)], [4])
    assert known.threshold(2) == pytest.approx(stats.norm.ppf(0.975) ** 2)
    unknown = Likelihood([noise("gaussian", False, np.ones(40))], [40])
    # a mean of 40 values: the deviance of the mean ± t s/√n exceeds the least by the threshold
    values = RANDOM.standard_normal(40)
    half = stats.t.ppf(0.975, 39) * values.std(ddof=1) / np.sqrt(40)
    excess = unknown.deviance(values - values.mean() - half) - unknown.deviance(values - values.mean())
    assert unknown.threshold(1) == pytest.approx(excess)


def test_terms_are_told_apart_and_added():
    parts = [noise("gaussian", True), None, noise("laplace", False, np.ones(3))]
    both = Likelihood(parts, [4, 2, 3])
    residual = RANDOM.standard_normal(9)
    expected = parts[0].deviance(residual[:4] / SIGMA) + parts[2].deviance(residual[6:])
    assert both.deviance(residual) == pytest.approx(expected)
    assert both.count == 7 and both.told and not both.known
    assert not Likelihood([None], [2]).told


@pytest.mark.parametrize(
    ("counts", "parameters", "few"),
    [
        ([3], 2, ""),  # alone: Student's t with one degree of freedom
        ([2], 2, "y0 (2)"),
        ([30, 1], 3, "y1 (1)"),
        ([30, 4], 3, "y1 (4)"),  # one residual more than parameters
        ([30, 5], 3, ""),
        ([1, 30, 2], 3, "y0 (1) and y2 (2)"),
    ],
)
def test_few_residuals_of_a_term_do_not_tell_its_scale(counts, parameters, few):
    def likelihood(known):
        each = [Noise(f"y{k}", "gaussian", float(n), np.ones(n), known) for k, n in enumerate(counts)]
        return Likelihood(each, counts)

    told = likelihood(False).untold(parameters)
    assert bool(told) == bool(few) and f"residuals of {few} are too few" in (
        told or "residuals of  are too few"
    )
    assert likelihood(True).untold(parameters) == ""


def test_sigma_is_no_remedy_where_the_model_may_be_wrong():
    smooth = Smooth(np.zeros(1), np.ones(1), few=True)
    wrong = Likelihood([Noise("y", "gaussian", 1.0, np.ones(1), False, smooth=smooth)], [1])
    right = Likelihood([noise("gaussian", False, np.ones(1))], [1])
    assert "sigma" not in wrong.untold(1) and "'sigma'" in right.untold(1)
    assert "user's function return the vector" in Likelihood([None], [2]).untold(1)


def test_a_perfect_fit_of_unknown_scale_is_infinitely_likely():
    assert noise("gaussian", False).deviance(np.zeros(4)) == -np.inf
    assert noise("laplace", True).deviance(np.zeros(4)) == 0.0


@pytest.mark.parametrize(
    ("residual", "independent"),
    [
        (np.ones(8), 1.0),
        (np.tile([1.0, -1.0], 4), 8.0),
        # by hand: ρ₁ = 1/4, ρ₂ = −1/2
        ([1.0, 1.0, -1.0, -1.0], 4.0 / 1.5),
        (np.zeros(8), 8.0),
    ],
)
def test_residuals_of_a_curve_that_are_alike_count_once(residual, independent):
    curve = Smooth(np.arange(8.0), np.ones(8))
    assert curve.modes(np.array(residual)) == pytest.approx(independent)


@pytest.mark.parametrize(("sizes", "independent"), [((1, 0, 0), 1.0), ((2, 1, 1), 2.0), ((3, 3, 3), 3.0)])
def test_snapshots_of_a_field_that_are_wrong_alike_count_once(sizes, independent):
    """(Σ s²)²/Σ s⁴ of singular values that are known, over two snapshots of two columns and of one."""
    field = Smooth(np.arange(5.0), np.ones(5), (2, 1))
    left, right = (np.linalg.qr(RANDOM.standard_normal((n, 3)))[0] for n in (5, 3))
    whole = (left * sizes) @ right.T
    residual = np.concatenate([whole[:, :2].ravel(), whole[:, 2]])
    assert field.modes(residual) == pytest.approx(independent)
