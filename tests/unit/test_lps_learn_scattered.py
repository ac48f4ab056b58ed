"""Regression on scattered points: its Jacobian, the uniform grid as a special case, and its cuts."""

from dataclasses import replace

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import families, stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import scattered, spectral
from mdbridge.lps.learn.parameters import Layout
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.operator import operator_on
from mdbridge.lps.quadrature import QUADRATURES

SHAPE, SPACING, HORIZON = (12, 11), (4.9, 5.1), 18.0
BOX = np.array(SHAPE) * SPACING
TRUTH = LinearPeridynamicSolid(Bernstein(HORIZON, np.array([2.0, 1.0, 0.3]), (1.0,)), -0.19, 0.72)


def nodes(perturbation=0.0, seed=0):
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1).reshape(-1, 2)
    moved = np.random.default_rng(seed).uniform(-perturbation, perturbation, grid.shape)
    return (grid + 0.5 + moved) * SPACING


def fields(count=4, seed=1):
    random = np.random.default_rng(seed)
    values = random.standard_normal((2, count, len(nodes()), 2))
    return values - values.mean(axis=2, keepdims=True)


def manufactured(where, waves=3, truth=TRUTH):
    """Standing waves and the truth's answer on these very points."""
    x, y = (2 * np.pi * where.points / BOX).T
    modes = [(n, m) for n in range(waves) for m in range(waves) if n + m]
    u = np.array(
        [np.outer(np.sin(n * x + 0.3) * np.cos(m * y), axis) for n, m in modes for axis in np.eye(2)]
    )
    u -= u.mean(axis=1, keepdims=True)
    matrix = operator_on(where.around, truth).matrix()
    b = (matrix @ u.reshape(len(u), -1).T).T.reshape(u.shape)
    return u, b


def problem(where, u, b, kernel="bernstein", weight=0.0):
    layout = Layout(families.family(kernel), HORIZON, 2, quadrature=where.quadrature)
    return scattered._ScatteredProblem(where, u, b, layout, weight)


def parameters(kernel, *coefficients):
    """λ + μ = 0.5, μ = 0.7, and α = 0.4 where there is one."""
    return np.array([0.5, 0.7, *([0.4] if kernel == "bernstein" else []), *coefficients])


WILD = (2.0, -2.0, 1.0)  # solvable in neither sense


def violated(made, kernel):
    """For each condition a displacement that violates it, where K is wild."""
    made.cut(parameters(kernel, *WILD))
    return [next(cut for cut in made.cuts if cut[0] == kind) for kind in ("L", "gamma")]


def differences(function, at):
    return np.stack([(function(at + s) - function(at - s)) / 2e-6 for s in 1e-6 * np.eye(len(at))], axis=-1)


@pytest.mark.parametrize("kernel", families.FAMILIES)
@pytest.mark.parametrize(
    ("weight", "quadrature"), [(0.0, "published"), (2.0, "published"), (2.0, "isotropic")]
)
def test_jacobian_is_the_slope_of_the_residuals(kernel, weight, quadrature):
    where = scattered.cloud(nodes(0.2), BOX, HORIZON, quadrature)
    u, b = fields()
    made = problem(where, u, b, kernel, weight)
    made.cuts = violated(made, kernel)
    for coefficients in ((1.0, -0.5, 0.8), WILD):
        at = parameters(kernel, *coefficients)
        jacobian = made.evaluate(at)[1]
        expected = differences(lambda p: made.evaluate(p)[0], at)
        # each part by its own size, or a small one would hide behind the others
        for part in (slice(0, b.size), slice(b.size, -3), slice(-3, None)):
            size = np.abs(expected[part]).max(initial=0.0)
            np.testing.assert_allclose(jacobian[part], expected[part], atol=1e-6 * size + 1e-9)


@pytest.mark.parametrize("kernel", families.FAMILIES)
@pytest.mark.parametrize("which", [0, 1])
def test_slopes_of_a_cut_one_by_one(kernel, which):
    """With respect to each parameter by itself: that to μ is small beside those to D."""
    where = scattered.cloud(nodes(0.2), BOX, HORIZON)
    made = problem(where, *fields(), kernel)
    kind, v = violated(made, kernel)[which]
    at = parameters(kernel, *WILD)

    def penalty(p):
        return made._penalty(p, *made._operator(p), kind, v)

    value, slope = penalty(at)
    assert value > 0
    expected = differences(lambda p: penalty(p)[0], at)
    np.testing.assert_allclose(slope, expected, rtol=1e-5)
    if kind == "L":
        assert np.abs(slope[0, :2]).min() > 0.01  # the moduli do count


@pytest.mark.parametrize("kernel", families.FAMILIES)
@pytest.mark.parametrize("quadrature", QUADRATURES)
def test_on_a_uniform_grid_all_is_as_with_the_symbol(kernel, quadrature):
    where = scattered.cloud(nodes(), BOX, HORIZON, quadrature)
    u, b = fields()
    # the coefficients have a mean square of one, so that the gauge does not count
    d = np.array([2.0, 1.0, 0.3]) / np.sqrt(5.09 / 3)
    p = np.array([-0.19 + 0.72, 0.72, *([1.0] if kernel == "bernstein" else []), *d])
    made = problem(where, u, b, kernel, 3.0)
    solid = made.material(p)
    found = scattered.errors(solid, where, u, b)
    samples = spectral.transform(u, b, SHAPE, BOX)
    grid = stencil.uniform(SPACING, HORIZON, quadrature)
    wanted = spectral.errors(symbol.operator(solid, symbol.rings(grid, samples.wavevectors)), samples)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    # and the loss of the fit is the sum of both, before and after weighting
    residuals = made.evaluate(p)[0]
    loss = (wanted[0] ** 2).mean() + 9 * (wanted[1] ** 2).mean()
    assert residuals @ residuals == pytest.approx(loss, rel=1e-10)


@pytest.mark.parametrize(
    ("kernel", "perturbation"), [("bernstein", 0.0), ("bernstein", 0.25), ("b-spline", 0.25)]
)
def test_a_model_is_recovered(kernel, perturbation):
    where = scattered.cloud(nodes(perturbation), BOX, HORIZON)
    shape = TRUTH.influence.shape if kernel == "bernstein" else ()
    influence = families.family(kernel)(HORIZON, TRUTH.influence.coefficients, shape)
    u, b = manufactured(where, truth=replace(TRUTH, influence=influence))
    fit = scattered.learn(where, u, b, 2, kernel=kernel)
    assert fit.material.influence.name == kernel
    residual, solution = scattered.errors(fit.material, where, u, b)
    assert residual.max() < 1e-3
    assert solution.max() < 1e-3
    assert fit.material.lame_mu == pytest.approx(TRUTH.lame_mu, abs=2e-3)
    assert fit.material.lame_lambda == pytest.approx(TRUTH.lame_lambda, abs=4e-3)


def test_the_eigenvalues_are_those_of_the_matrices():
    where = scattered.cloud(nodes(0.2), BOX, HORIZON)
    u, b = manufactured(where)
    fit = scattered.learn(where, u, b, 2)
    matrix = operator_on(where.around, fit.material).matrix().toarray()
    random = np.random.default_rng(3)
    lowest = np.inf
    for x in random.standard_normal((50, len(where.points), 2)):
        v = (x - x.mean(axis=0)).ravel()
        lowest = min(lowest, v @ matrix @ v / (v @ v))
    assert 0 < fit.min_operator * fit.material.lame_mu * (2 * np.pi / max(BOX)) ** 2 <= lowest


@pytest.mark.slow
def test_cuts_make_an_unsolvable_fit_solvable():
    """The loads are those of a model that is not coercive."""
    where = scattered.cloud(nodes(0.2), BOX, HORIZON)
    bad = LinearPeridynamicSolid(Bernstein(HORIZON, np.array([2.0, -2.0, 1.0]), (1.0,)), -0.19, 0.72)
    u, _ = manufactured(where, waves=4)
    matrix = operator_on(where.around, bad).matrix()
    assert problem(where, u, u).cut(np.array([0.53, 0.72, 1.0, 2.0, -2.0, 1.0]))[0] < 0
    b = (matrix @ u.reshape(len(u), -1).T).T.reshape(u.shape)
    fit = scattered.learn(where, u, b, 2, solution_weight=0.0)
    assert fit.cuts > 0
    assert fit.min_operator > 0
    assert fit.min_gamma > 0


def test_a_box_too_small_for_the_horizon_is_refused():
    with pytest.raises(InputError, match="too small for a horizon of 40"):
        scattered.cloud(nodes(), BOX, 40.0)
