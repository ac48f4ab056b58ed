"""Regression on scattered points: its Jacobian, the uniform grid as a special case, and its cuts."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import stencil, symbol
from mdbridge.lps.learn import scattered, spectral
from mdbridge.lps.material import InfluenceFunction, LinearPeridynamicSolid
from mdbridge.lps.operator import operator_on

SHAPE, SPACING, HORIZON = (12, 11), (4.9, 5.1), 18.0
BOX = np.array(SHAPE) * SPACING
TRUTH = LinearPeridynamicSolid(InfluenceFunction(HORIZON, 1.0, np.array([2.0, 1.0, 0.3])), -0.19, 0.72)


def nodes(perturbation=0.0, seed=0):
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1).reshape(-1, 2)
    moved = np.random.default_rng(seed).uniform(-perturbation, perturbation, grid.shape)
    return (grid + 0.5 + moved) * SPACING


def fields(count=4, seed=1):
    random = np.random.default_rng(seed)
    values = random.standard_normal((2, count, len(nodes()), 2))
    return values - values.mean(axis=2, keepdims=True)


def manufactured(where, waves=3):
    """Standing waves and the truth's answer on these very points."""
    x, y = (2 * np.pi * where.points / BOX).T
    modes = [(n, m) for n in range(waves) for m in range(waves) if n + m]
    u = np.array(
        [np.outer(np.sin(n * x + 0.3) * np.cos(m * y), axis) for n, m in modes for axis in np.eye(2)]
    )
    u -= u.mean(axis=1, keepdims=True)
    matrix = operator_on(where.around, TRUTH).matrix()
    b = (matrix @ u.reshape(len(u), -1).T).T.reshape(u.shape)
    return u, b


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_jacobian_is_the_slope_of_the_residuals(weight):
    where = scattered.cloud(nodes(0.2), BOX, HORIZON)
    u, b = fields()
    problem = scattered._Problem(where, u, b, 2, weight)
    p = np.array([0.5, 0.7, 0.4, 1.0, -0.5, 0.8])
    vectors = np.random.default_rng(2).standard_normal((2, len(where.points), 2))
    # of the wrong sign in both conditions, so that the cuts take part
    bad = np.array([0.5, 0.7, 0.4, 1.0, 1.0, -3.0])
    problem.cuts = [("L", vectors[0]), ("gamma", vectors[1])]
    for at in (p, bad):
        _, jacobian = problem._evaluate(at)
        for i, column in enumerate(jacobian.T):
            step = 1e-6 * np.eye(len(at))[i]
            slope = (problem._evaluate(at + step)[0] - problem._evaluate(at - step)[0]) / 2e-6
            np.testing.assert_allclose(column, slope, atol=2e-6 * max(1.0, np.abs(slope).max()))


def test_on_a_uniform_grid_all_is_as_with_the_symbol():
    where = scattered.cloud(nodes(), BOX, HORIZON)
    u, b = fields()
    found = scattered.errors(TRUTH, where, u, b)
    samples = spectral.transform(u, b, SHAPE, BOX)
    grid = stencil.uniform(SPACING, HORIZON)
    wanted = spectral.errors(symbol.operator(TRUTH, symbol.rings(grid, samples.wavevectors)), samples)
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    # and the loss of the fit is the sum of both, before and after weighting
    problem = scattered._Problem(where, u, b, 2, 3.0)
    p = np.array([-0.19 + 0.72, 0.72, 1.0, 2.0, 1.0, 0.3])
    p[3:] /= 10.0
    residuals = problem._evaluate(p)[0][:-1]  # without the gauge
    loss = (wanted[0] ** 2).mean() + 9 * (wanted[1] ** 2).mean()
    assert residuals @ residuals == pytest.approx(loss, rel=1e-11)


@pytest.mark.parametrize("perturbation", [0.0, 0.25])
def test_a_model_is_recovered(perturbation):
    where = scattered.cloud(nodes(perturbation), BOX, HORIZON)
    u, b = manufactured(where)
    fit = scattered.learn(where, u, b, 2)
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
    bad = LinearPeridynamicSolid(InfluenceFunction(HORIZON, 1.0, np.array([2.0, -2.0, 1.0])), -0.19, 0.72)
    u, _ = manufactured(where, waves=4)
    matrix = operator_on(where.around, bad).matrix()
    assert scattered._Problem(where, u, u, 2, 0.0).cut(np.array([0.53, 0.72, 1.0, 2.0, -2.0, 1.0]))[0] < 0
    b = (matrix @ u.reshape(len(u), -1).T).T.reshape(u.shape)
    fit = scattered.learn(where, u, b, 2, solution_weight=0.0)
    assert fit.cuts > 0
    assert fit.min_operator > 0
    assert fit.min_gamma > 0


def test_a_box_too_small_for_the_horizon_is_refused():
    with pytest.raises(InputError, match="too small for a horizon of 40"):
        scattered.cloud(nodes(), BOX, 40.0)
