"""Section 5 of [You2022]: manufactured solutions with K = 1/r."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from mdbridge.lps import stencil
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import manufactured
from mdbridge.lps.material import LinearPeridynamicSolid

HORIZON, LAME = 12.5, (0.1010, 0.4545)
EXACT = partial(manufactured.continuum_symbol, lambda r: 1 / r, HORIZON, LAME)
TRUTH = LinearPeridynamicSolid(Bernstein(HORIZON, np.ones(1), (1.0,)), *LAME)


def loss_of_truth(spacing, quadrature):
    samples = manufactured.standing_waves(spacing, 100.0, 0.1, EXACT)
    grid = stencil.uniform((spacing, spacing), HORIZON, quadrature)
    return manufactured.mean_residual(replace(TRUTH, quadrature=quadrature), samples, grid)


def test_long_waves_see_the_moduli():
    along, across = EXACT(np.array([1e-3]))
    assert along[0] / 1e-6 == pytest.approx(LAME[0] + 2 * LAME[1], rel=1e-4)
    assert across[0] / 1e-6 == pytest.approx(LAME[1], rel=1e-4)


@pytest.mark.parametrize("k", [0.1, 0.4])
def test_the_continuum_symbol_is_the_double_integral(k):
    """Against a product rule in polar coordinates that knows no Bessel function."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    r, angle = 0.5 * HORIZON * (nodes + 1), np.linspace(0, 2 * np.pi, 200, endpoint=False)
    w = np.repeat(0.5 * HORIZON * weights, 200) * 2 * np.pi / 200  # times r/r for K = 1/r
    x, y = (np.outer(r, f(angle)).ravel() for f in (np.cos, np.sin))
    square = x**2 + y**2
    volume = w @ square
    g = 2 / volume * (w @ (x * np.sin(k * x)))
    gxx, gyy = (16 / volume * (w @ (z**2 / square * (1 - np.cos(k * x)))) for z in (x, y))
    lam, mu = LAME
    along, across = EXACT(np.array([k]))
    assert along[0] == pytest.approx((lam - mu) * g**2 + mu * gxx, rel=1e-10)
    assert across[0] == pytest.approx(mu * gyy, rel=1e-10)


def test_published_weights_do_not_converge_at_a_fixed_horizon_and_those_near_a_cell_do():
    spacings = (2.5, 1.25, 0.625)
    published, near = ([loss_of_truth(h, kind) for h in spacings] for kind in ("published", "near-cell"))
    assert published[0] < published[1] < published[2]
    orders = np.log2(np.array(near[:-1]) / near[1:])
    assert ((orders > 0.9) & (orders < 2.0)).all()


@pytest.mark.parametrize("quadrature", ["published", "near-cell"])
def test_the_loss_falls_with_the_degree_and_below_that_of_the_truth(quadrature):
    spacing = 2.5
    samples = manufactured.standing_waves(spacing, 100.0, 0.1, EXACT)
    grid = stencil.uniform((spacing, spacing), HORIZON, quadrature)
    losses = []
    for degree in (0, 2, 8):
        model, loss = manufactured.learn_positive(samples, grid, degree, {"alpha": 1.0})
        losses.append(loss)
        assert model.influence.shape[0] == pytest.approx(1.0, abs=1e-6)
        assert (model.influence.coefficients >= 0).all()
        assert model.lame_mu == pytest.approx(LAME[1], abs=0.01)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.6 * losses[0]
    assert losses[0] < loss_of_truth(spacing, quadrature)
    # one more parameter cannot do harm
    free, loss = manufactured.learn_positive(samples, grid, 2)
    assert loss <= 1.01 * losses[1]
    assert free.influence.shape[0] != pytest.approx(1.0, abs=1e-3)


def test_with_converging_weights_the_learned_function_nears_the_true_one():
    """The shape of K W/h², the kernel that the operator sees; M = 2, α = 1."""
    distances = []
    for spacing in (5.0, 1.25):
        samples = manufactured.standing_waves(spacing, 100.0, 0.1, EXACT)
        grid = stencil.uniform((spacing, spacing), HORIZON, "near-cell")
        model, _ = manufactured.learn_positive(samples, grid, 2, {"alpha": 1.0})
        share = model.influence(grid.radii)[grid.ring] * grid.weights * np.hypot(*grid.offsets.T) ** 2
        truth = grid.weights * np.hypot(*grid.offsets.T)
        share, truth = share / share.sum(), truth / truth.sum()
        distances.append(np.abs(share - truth).sum())
    assert distances[1] < 0.6 * distances[0]
