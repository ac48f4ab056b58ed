"""The regression: its Jacobian, and the recovery of a known model from manufactured data."""

from dataclasses import replace

import numpy as np
import pytest

from mdbridge.core.errors import ConvergenceError
from mdbridge.lps import stability, stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import regression, residuals, spectral
from mdbridge.lps.learn.regression import FitSettings
from mdbridge.lps.material import LinearPeridynamicSolid

HORIZON = 15.0
GRID = stencil.uniform((4.93, 5.04), HORIZON)
OTHER = stencil.uniform((5.0, 5.0), HORIZON)
TRUTH = LinearPeridynamicSolid(Bernstein(HORIZON, np.array([-2.0, 1.0, 2.0]), (1.0,)), -0.197, 0.722)


def manufactured(material, grid=GRID, waves=4):
    """Standing waves of both polarisations, and the loads that the material answers with them."""
    shape, box = (12, 12), 12 * grid.spacing
    x, y = (2 * np.pi * np.indices(shape) / 12).reshape(2, -1)
    modes = [(n, m) for n in range(waves) for m in range(waves) if n + m]
    u = np.array(
        [np.outer(np.sin(n * x + 0.3) * np.sin(m * y + 0.7), axis) for n, m in modes for axis in np.eye(2)]
    )
    samples = spectral.transform(u, u, shape, box)
    return replace(samples, b=np.einsum("kij,skj->ski", operator(material, samples, grid), samples.u))


def operator(material, samples, grid=GRID):
    return symbol.operator(material, symbol.rings(grid, samples.wavevectors))


def problem(degree=3, settings=None, strict=False):
    least_squares = residuals.LeastSquaresProblem(
        [(spectral.moments(manufactured(TRUTH)), GRID)], [GRID, OTHER], degree, settings or FitSettings()
    )
    least_squares.strict = strict
    return least_squares


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "coefficients", [[1.0, 0.5, 0.2, 0.7], [2.0, -1.9, 0.8, -0.4], [1.0, 1.4, -1.2, 0.1]]
)
def test_jacobian_is_the_slope_of_the_residuals(strict, coefficients):
    """The third kernel violates both conditions, so that the penalties take part."""
    least_squares = problem(strict=strict)
    p = np.array([-0.3, 0.6, 0.7, *coefficients])
    gauge = GRID.volume / 1000
    residuals, jacobian = least_squares.evaluate(p, [gauge])
    assert jacobian.shape == (len(residuals), len(p))
    step = 1e-6
    for i, column in enumerate(jacobian.T):
        forward, backward = (
            least_squares.evaluate(p + sign * step * np.eye(len(p))[i], [gauge])[0] for sign in (1, -1)
        )
        slope = (forward - backward) / (2 * step)
        np.testing.assert_allclose(column, slope, atol=1e-6 * max(1.0, np.abs(slope).max()))


def test_jacobian_with_an_influence_function_for_the_dilatation():
    """The deviatoric one is not coercive, so that the penalties take part."""
    least_squares = problem(settings=FitSettings(own_dilatation=True))
    gauge = GRID.volume / 1000
    p = np.array([-0.3, 0.6, 0.7, 1.0, 1.4, -1.2, 0.1, 0.3, 1.0, 0.5, 0.2, 0.7])
    conditions = least_squares._solvable_pair(p, least_squares.zones[0])
    assert all((values > 0).any() for values, _ in conditions)
    _, jacobian = least_squares.evaluate(p, [gauge, gauge])
    step = 1e-6
    for i, column in enumerate(jacobian.T):
        forward, backward = (
            least_squares.evaluate(p + sign * step * np.eye(len(p))[i], [gauge, gauge])[0] for sign in (1, -1)
        )
        slope = (forward - backward) / (2 * step)
        np.testing.assert_allclose(column, slope, atol=1e-6 * max(1.0, np.abs(slope).max()))


def test_two_influence_functions_are_recovered_where_one_cannot_fit():
    deviatoric = Bernstein(HORIZON, np.array([1.0, 0.5, -0.2]), (1.0,))
    dilatation = Bernstein(HORIZON, np.array([-1.0, 1.0, 1.0]), (0.5,))
    truth = replace(TRUTH, influence=deviatoric, own_dilatation=dilatation)
    samples = manufactured(truth)
    data = [(spectral.moments(samples), GRID)]
    single, double = (
        regression.learn(data, [GRID], 2, FitSettings(consistency_weight=0.0, starts=4, own_dilatation=own))
        for own in (False, True)
    )
    assert isinstance(double.certificates[0], stability.PairCertificate)
    errors = [spectral.errors(operator(fit.material, samples), samples)[0].max() for fit in (single, double)]
    assert errors[0] > 0.03  # or the truth would not need two
    assert errors[1] < 1e-3
    assert double.material.lame_lambda == pytest.approx(-0.197, abs=2e-3)
    assert double.material.lame_mu == pytest.approx(0.722, abs=2e-3)


def test_a_fit_from_a_model_stays_at_its_optimum():
    data = [(spectral.moments(manufactured(TRUTH)), GRID)]
    settings = FitSettings(consistency_weight=0.0, starts=3)
    fit = regression.learn(data, [GRID], 2, settings)
    again = regression.learn(data, [GRID], 2, settings, start=fit.material)
    assert again.cost <= fit.cost + 1e-9
    assert again.material.lame_mu == pytest.approx(fit.material.lame_mu, abs=1e-4)
    assert len(again.costs) == 1


def test_penalties_take_part_in_the_jacobian_test():
    least_squares = problem(strict=True)
    p = np.array([-0.3, 0.6, 0.7, 1.0, 1.4, -1.2, 0.1])
    (conditions, _), (signs, _) = least_squares._solvable(p, least_squares.zones[0])
    assert (conditions > 0).any()
    assert (signs > 0).any()


def test_a_sign_changing_model_is_recovered():
    samples = manufactured(TRUTH)
    # the truth's quadrature is not consistent, so that is not asked for
    settings = FitSettings(consistency_weight=0.0, starts=3)
    fit = regression.learn([(spectral.moments(samples), GRID)], [GRID], 2, settings)
    residual, solution = spectral.errors(operator(fit.material, samples), samples)
    assert residual.max() < 1e-4
    assert solution.max() < 1e-4
    assert fit.material.lame_lambda == pytest.approx(-0.197, abs=1e-3)
    assert fit.material.lame_mu == pytest.approx(0.722, abs=1e-3)
    assert fit.material.influence.coefficients.min() < 0
    assert [certificate.holds for certificate in fit.certificates] == [True]
    # the kernel itself, up to its scale
    learned, expected = (material.influence(GRID.radii) for material in (fit.material, TRUTH))
    cosine = learned @ expected / (np.linalg.norm(learned) * np.linalg.norm(expected))
    assert cosine == pytest.approx(1, abs=1e-4)


def test_certificates_hold_on_every_grid_even_for_data_of_an_unsolvable_model():
    wild = replace(TRUTH, influence=replace(TRUTH.influence, coefficients=np.array([0.5, 2.0, -1.6])))
    assert not stability.certify(wild.influence, GRID).holds
    data = [(spectral.moments(manufactured(wild)), GRID)]
    fit = regression.learn(data, [GRID, OTHER], 2, FitSettings(starts=3))
    assert [certificate.spacing for certificate in fit.certificates] == [(4.93, 5.04), (5.0, 5.0)]
    assert all(certificate.holds for certificate in fit.certificates)
    for certificate, grid in zip(fit.certificates, (GRID, OTHER), strict=True):
        assert certificate == stability.certify(fit.material.influence, grid)


def test_consistency_makes_the_moduli_those_of_long_waves():
    data = [(spectral.moments(manufactured(TRUTH)), GRID)]
    fit = regression.learn(data, [GRID], 6, FitSettings(consistency_weight=30.0, starts=3))
    k = 1e-4 * np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    matrices = symbol.operator(fit.material, symbol.rings(GRID, k))
    along = np.einsum("ki,kij,kj->k", k, matrices, k) / 1e-16
    lam, mu = fit.material.lame_lambda, fit.material.lame_mu
    np.testing.assert_allclose(along, lam + 2 * mu, rtol=0.01)


@pytest.mark.parametrize("coefficients", [[1.0, 1.0, 1.0], [3.0, -1.0, 1.0]])
def test_strict_mode_keeps_the_dilatation_from_being_blind(coefficients):
    """Against the wish of the data: these kernels' g turns round inside the zone."""
    material = replace(TRUTH, influence=replace(TRUTH.influence, coefficients=np.array(coefficients)))
    assert turned(material).any()
    data = [(spectral.moments(manufactured(material)), GRID)]
    fit = regression.learn(data, [GRID], 4, FitSettings(starts=3, strict_inf_sup=True))
    assert fit.certificates[0].holds
    assert fit.certificates[0].inf_sup_ratio > 1e-9
    assert not turned(fit.material).any()


def turned(material):
    """Where g·s <= 0 on a dense sample of the zone, its corners left out; s_i = sin(k_i h_i)/h_i."""
    waves = symbol.zone_wavevectors(GRID.spacing, 80)
    rings = symbol.rings(GRID, waves)
    g, _ = symbol.parts(rings, material.influence(rings.radii))
    s = np.sin(waves * GRID.spacing) / GRID.spacing
    return (g * s).sum(axis=1)[np.abs(s).max(axis=1) > 1e-9] <= 0


def test_a_seed_decides_the_result():
    data = [(spectral.moments(manufactured(TRUTH)), GRID)]
    first, again = (regression.learn(data, [GRID], 2, FitSettings(starts=2)) for _ in range(2))
    assert first.material.as_dict() == again.material.as_dict()
    assert first.costs == sorted(first.costs)
    assert len(first.costs) == 2
    other = regression.learn(data, [GRID], 2, FitSettings(starts=2, seed=1))
    assert other.costs != first.costs


def test_no_solvable_model_is_an_error(monkeypatch):
    data = [(spectral.moments(manufactured(TRUTH)), GRID)]
    monkeypatch.setattr(residuals.LeastSquaresProblem, "add_violations", lambda self, p: True)
    with pytest.raises(ConvergenceError, match="no solvable model found for a horizon of 15 Å and degree 1"):
        regression.learn(data, [GRID], 1, FitSettings(starts=1))


def test_moduli_stay_positive_against_the_wish_of_the_data():
    """With λ + μ < 0 nothing is solvable, whatever the certificate of the influence function says."""
    unstable = replace(TRUTH, lame_lambda=-1.0)
    data = [(spectral.moments(manufactured(unstable)), GRID)]
    fit = regression.learn(data, [GRID], 2, FitSettings(starts=2))
    assert fit.material.lame_mu > 0
    assert fit.material.lame_lambda + fit.material.lame_mu > 0
