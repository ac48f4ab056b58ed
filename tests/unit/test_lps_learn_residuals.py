"""The regression's Jacobian with every family, part by part, and what all families learn."""

from dataclasses import replace

import numpy as np
import pytest

from mdbridge.lps import stencil, symbol
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.families import FAMILIES
from mdbridge.lps.kernel import share
from mdbridge.lps.learn import regression, residuals, spectral
from mdbridge.lps.learn.residuals import FitSettings
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.quadrature import QUADRATURES

HORIZON, DEGREE = 15.0, 4
GRID, OTHER = stencil.uniform((4.93, 5.04), HORIZON), stencil.uniform((5.0, 5.0), HORIZON)
TRUTH = LinearPeridynamicSolid(BSpline(HORIZON, np.array([1.0, 0.4, 0.7, 0.2, -0.1])), -0.197, 0.722)


def samples(material=TRUTH, grid=GRID):
    """Standing waves of both polarisations, and the loads that the material answers with them."""
    shape, box = (12, 12), 12 * GRID.spacing
    x, y = (2 * np.pi * np.indices(shape) / 12).reshape(2, -1)
    modes = [(n, m) for n in range(4) for m in range(4) if n + m]
    u = np.array(
        [np.outer(np.sin(n * x + 0.3) * np.sin(m * y + 0.7), axis) for n, m in modes for axis in np.eye(2)]
    )
    transformed = spectral.transform(u, u, shape, box)
    operator = symbol.operator(material, symbol.rings(grid, transformed.wavevectors))
    return replace(transformed, b=np.einsum("kij,skj->ski", operator, transformed.u))


DATA = [(spectral.moments(samples()), GRID)]


def problem(kernel, **changes):
    least_squares = residuals.LeastSquaresProblem(
        DATA, [GRID, OTHER], DEGREE, FitSettings(kernel=kernel, **changes)
    )
    least_squares.strict = not changes
    return least_squares


def blocks(made, p, gauges):
    """The parts of the residual one by one, with their slopes."""
    solvable = made._solvable_pair if made.settings.own_dilatation else made._solvable
    parts = [made._gauge(p, part, row) for part, row in zip(made.layout.functions, gauges, strict=True)]
    for moments, response in made.data:
        parts += made._fit(p, moments, response)
    for shares, second, fourth in made.consistency:
        parts.append(made._moments(p, made.layout.volumetric, shares, second))
        parts.append(made._moments(p, made.layout.deviatoric, shares, fourth))
    for zone in made.zones:
        parts += solvable(p, zone)
    return parts


@pytest.mark.parametrize("kernel", FAMILIES)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("coefficients", [(1.0, 0.5, -3.0, 2.0, 1.0), (1.0, 0.5, 0.2, 0.7, 0.3)])
def test_each_part_of_the_jacobian_is_the_slope_of_its_residuals(kernel, own, coefficients):
    """Penalties too: the first kernel violates the conditions somewhere."""
    least_squares = problem(kernel, own_dilatation=True) if own else problem(kernel)
    p = least_squares.start(np.random.default_rng(1))
    for part, sign in zip(least_squares.layout.functions, (1.0, 0.8), strict=False):
        p[least_squares.layout.coefficients(part)] = sign * np.array(coefficients)
    p[:2] = 0.4, 0.6
    gauges = [GRID.volume / 1e4 for _ in least_squares.layout.functions]
    parts = blocks(least_squares, p, gauges)
    if coefficients[2] < 0:
        assert (parts[-2][0] > 0).any()
    whole = least_squares.evaluate(p, gauges)
    for index in range(2):
        np.testing.assert_array_equal(whole[index], np.concatenate([block[index] for block in parts]))
    steps = 1e-6 * np.eye(len(p))
    differences = [
        (blocks(least_squares, p + s, gauges), blocks(least_squares, p - s, gauges)) for s in steps
    ]
    for n, (_, slope) in enumerate(parts):
        expected = np.stack([(up[n][0] - down[n][0]) / 2e-6 for up, down in differences], axis=1)
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=2e-6 * np.abs(expected).max() + 1e-8)


@pytest.mark.parametrize("quadrature", QUADRATURES)
def test_a_kernel_that_is_integrated_exactly_has_isotropic_moments(quadrature):
    """Of K = 1/r all moments are of quintics over |z|³, which every quadrature integrates."""
    for spacing in ((4.93, 5.04), (5.0, 5.0), (3.0, 3.3)):
        nodes = stencil.uniform(spacing, HORIZON, quadrature)
        shares = share(1 / nodes.radii, nodes.volume)
        second, fourth = residuals._consistency(nodes)
        np.testing.assert_allclose(second @ shares, [1, 1], rtol=1e-7)
        np.testing.assert_allclose(fourth @ shares, [1, 1, 1], rtol=1e-7)


@pytest.mark.parametrize("kernel", FAMILIES)
def test_every_family_learns_splines_of_its_degree_or_comes_near(kernel):
    fit = regression.learn(DATA, [GRID], DEGREE, FitSettings(consistency_weight=0.0, starts=3, kernel=kernel))
    assert fit.material.influence.name == kernel
    exact = samples()
    errors = spectral.errors(symbol.operator(fit.material, symbol.rings(GRID, exact.wavevectors)), exact)
    bound = 1e-5 if kernel == "b-spline" else 0.02
    assert max(error.max() for error in errors) < bound
    assert fit.material.lame_mu == pytest.approx(0.722, abs=0.1 * bound)
    assert fit.certificates[0].holds


@pytest.mark.parametrize("quadrature", QUADRATURES)
def test_every_quadrature_learns_the_truth_of_its_own(quadrature):
    grid = stencil.uniform((4.93, 5.04), HORIZON, quadrature)
    truth = replace(TRUTH, quadrature=quadrature)
    exact = samples(truth, grid)
    data = [(spectral.moments(exact), grid)]
    settings = FitSettings(consistency_weight=0.0, starts=2, kernel="b-spline")
    fit = regression.learn(data, [grid], DEGREE, settings)
    assert fit.material.quadrature == quadrature
    errors = spectral.errors(symbol.operator(fit.material, symbol.rings(grid, exact.wavevectors)), exact)
    assert max(error.max() for error in errors) < 1e-5
    assert fit.material.lame_mu == pytest.approx(0.722, abs=1e-5)


def test_grids_of_different_quadratures_are_refused():
    with pytest.raises(ValueError, match="several quadratures: isotropic, published"):
        residuals.LeastSquaresProblem(
            DATA, [stencil.uniform((5.0, 5.0), HORIZON, "published")], DEGREE, FitSettings()
        )


def test_a_start_at_the_truth_stays_there():
    least_squares = problem("b-spline", consistency_weight=0.0)
    p = least_squares.parameters(TRUTH)
    r, _ = least_squares.evaluate(p, least_squares.gauges(p))
    assert np.abs(r[: -sum(len(zone.wavevectors) for zone in least_squares.zones)]).max() < 1e-12


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="kernel = 'wavelets'"):
        problem("wavelets")
