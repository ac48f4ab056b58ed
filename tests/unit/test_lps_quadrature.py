"""Quadrature weights: exact on what they are made for, smallest, refused where points are too few."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from mdbridge.core.errors import InputError
from mdbridge.lps import quadrature

HORIZON = 12.0


def lattice(spacing=(4.0, 4.0), horizon=HORIZON, shift=0.0):
    axes = [h * np.arange(-9, 10) for h in spacing]
    z = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    z = z + np.random.default_rng(3).uniform(-shift, shift, z.shape)
    r = np.hypot(*z.T)
    return z[(r > 1e-9) & (r <= horizon * (1 + 1e-9))]


def exact(i, j, horizon):
    """∫ x^i y^j |z|^-3 over the ball: ∫ r^(i+j-2) dr ∫ cos^i sin^j dφ, by numerical integration."""
    angular = quad(lambda phi: np.cos(phi) ** i * np.sin(phi) ** j, 0, 2 * np.pi, epsabs=1e-13)[0]
    return angular * quad(lambda r: r ** (i + j - 2), 0, horizon)[0]


QUINTICS = [(i, j) for i, j in itertools.product(range(6), repeat=2) if 2 <= i + j <= 5]


@pytest.mark.parametrize("offsets", [lattice(), lattice((3.9, 4.1)), lattice(shift=1.0)])
def test_quintics_over_the_cube_are_integrated(offsets):
    weights = quadrature.weights(offsets, HORIZON)
    (x, y), r = offsets.T, np.hypot(*offsets.T)
    for i, j in QUINTICS:
        found = np.sum(weights * x**i * y**j / r**3)
        assert found == pytest.approx(exact(i, j, HORIZON), rel=1e-8, abs=1e-8 * HORIZON ** (i + j - 1))
    # degree one: the symmetry of the ball
    for component in (x, y):
        assert np.sum(weights * component / r**3) == pytest.approx(0, abs=1e-8)


def test_weights_are_the_smallest():
    """Minimal in ℓ2 means no part in the null space of the conditions."""
    offsets = lattice(shift=1.0)
    weights = quadrature.weights(offsets, HORIZON)
    (x, y), r = offsets.T / HORIZON, np.hypot(*offsets.T) / HORIZON
    rows = np.array([x**i * y**j / r**3 for i, j in [(1, 0), (0, 1), *QUINTICS]])
    _, values, v = np.linalg.svd(rows)
    null_space = v[np.sum(values > 1e-10 * values[0]) :]
    assert len(null_space) > 0
    np.testing.assert_allclose(null_space @ weights, 0, atol=1e-9 * np.abs(weights).max())


def test_weights_scale_with_the_area_and_follow_their_points():
    offsets = lattice(shift=1.0)
    weights = quadrature.weights(offsets, HORIZON)
    np.testing.assert_allclose(quadrature.weights(0.1 * offsets, 0.1 * HORIZON), 0.01 * weights, rtol=1e-8)
    order = np.random.default_rng(0).permutation(len(offsets))
    np.testing.assert_allclose(quadrature.weights(offsets[order], HORIZON), weights[order], rtol=1e-8)


def test_the_advised_horizon_suffices_and_a_smaller_one_is_refused():
    quadrature.weights(lattice(horizon=2.3 * 4.0), 2.3 * 4.0)
    quadrature.weights(lattice((3.9, 4.1), 2.3 * 4.1), 2.3 * 4.1)
    with pytest.raises(InputError, match=r"too few.*at least 2\.3 node spacings"):
        quadrature.weights(lattice(horizon=1.5 * 4.0), 1.5 * 4.0)


def test_no_neighbours_at_all_are_refused():
    with pytest.raises(InputError, match="holds 0 neighbours"):
        quadrature.weights(np.empty((0, 2)), HORIZON)


def test_weights_near_a_cell_satisfy_the_same_conditions_and_are_nearer():
    offsets, cell = lattice((3.9, 4.1)), 3.9 * 4.1
    smallest, near = quadrature.weights(offsets, HORIZON), quadrature.weights(offsets, HORIZON, near=cell)
    (x, y), r = offsets.T, np.hypot(*offsets.T)
    for i, j in QUINTICS:
        values = x**i * y**j / r**3
        scale = np.abs(values).sum() * cell
        assert np.sum(near * values) == pytest.approx(np.sum(smallest * values), abs=1e-9 * scale)
    assert np.linalg.norm(near) > np.linalg.norm(smallest)
    assert np.linalg.norm(near - cell) < np.linalg.norm(smallest - cell)
