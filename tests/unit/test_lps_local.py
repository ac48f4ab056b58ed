"""Classical and gradient elasticity: closed forms, and what differences converge to."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import local
from mdbridge.lps.learn import spectral
from mdbridge.lps.symbol import grid_wavevectors

LAMBDA, MU = -0.197, 0.722
CONSTANTS = local.GradientElasticity(1.25, 0.72, -0.22, 0.15)


def samples(elasticity, shape=(12, 10), box=(60.0, 47.0), count=5):
    """Random displacements on a periodic grid and the loads that ``elasticity`` answers with them."""
    k, spacing = grid_wavevectors(shape, np.array(box))[1:], np.array(box) / shape
    u = np.random.default_rng(3).normal(size=(count, shape[0] * shape[1], 2))
    waves = spectral.transform(u, u, shape, np.array(box))
    loads = np.einsum("kij,skj->ski", elasticity.symbol(k, spacing), waves.u)
    return spectral.Samples(spacing, k, waves.u, loads)


def test_waves_travel_along_and_across_as_their_moduli_say():
    k = np.array([[0.3, 0.4]])
    along, across = np.array([0.6, 0.8]), np.array([-0.8, 0.6])
    matrix = CONSTANTS.symbol(k, np.array([2.0, 2.0]))[0]
    np.testing.assert_allclose(matrix @ along, 1.25 * 0.25 * (1 - 0.22 * 0.25) * along, rtol=1e-14)
    np.testing.assert_allclose(matrix @ across, 0.72 * 0.25 * (1 + 0.15 * 0.25) * across, rtol=1e-14)


def test_at_the_edge_of_the_zone_plus_and_minus_k_are_one_wave():
    """Along one axis is enough: the mixed derivative of both is zero, the others are what they are."""
    spacing, k = np.array([5.0, 4.0]), np.array([[np.pi / 5.0, 0.1], [0.2, -np.pi / 4.0], [0.2, 0.1]])
    edge_x, edge_y, inside = CONSTANTS.symbol(k, spacing)
    assert edge_x[0, 1] == edge_x[1, 0] == edge_y[0, 1] == edge_y[1, 0] == 0.0
    assert inside[0, 1] == inside[1, 0] != 0.0 and min(edge_x[0, 0], edge_y[1, 1]) > 0.0


def test_the_constants_that_made_the_loads_are_found_again():
    fitted = local.fitted([samples(CONSTANTS)], gradients=True)
    np.testing.assert_allclose(list(vars(fitted).values()), list(vars(CONSTANTS).values()), rtol=1e-10)
    two = local.fitted([samples(local.GradientElasticity(1.25, 0.72))], gradients=False)
    np.testing.assert_allclose([two.longitudinal, two.transverse], [1.25, 0.72], rtol=1e-10)
    assert two.longitudinal_length2 == two.transverse_length2 == 0.0


@pytest.mark.parametrize("scale", [1e-7, 1e7])
def test_constants_are_found_whatever_the_unit_of_length(scale):
    """Where k² is 10⁻¹⁶ or 10¹², squared lengths are not cut off beside moduli."""
    constants = local.GradientElasticity(1.25, 0.72, -0.22 * scale**2, 0.15 * scale**2)
    waves = samples(constants, box=(60.0 * scale, 47.0 * scale))
    fitted = local.fitted([waves], gradients=True)
    np.testing.assert_allclose(list(vars(fitted).values()), list(vars(constants).values()), rtol=1e-8)


def test_each_sample_counts_alike_whatever_its_size():
    waves = samples(CONSTANTS)
    noisy = waves.b + 0.1 * waves.b[::-1]
    scale = np.array([1.0, 1e-3, 1e4, 1.0, 50.0])[:, None, None]
    plain = local.fitted([spectral.Samples(waves.spacing, waves.wavevectors, waves.u, noisy)], True)
    scaled = local.fitted(
        [spectral.Samples(waves.spacing, waves.wavevectors, waves.u * scale, noisy * scale)], True
    )
    np.testing.assert_allclose(list(vars(plain).values()), list(vars(scaled).values()), rtol=1e-9)


def test_a_sample_s_weight_is_how_often_it_counts():
    waves = samples(CONSTANTS)
    noisy = waves.b + 0.1 * waves.b[::-1]
    once = spectral.Samples(waves.spacing, waves.wavevectors, waves.u, noisy)
    weights = np.array([2.0, 0.0, 1.0, 1.0, 1.0])
    index = np.array([0, 0, 2, 3, 4])
    drawn = spectral.Samples(waves.spacing, waves.wavevectors, waves.u[index], noisy[index])
    weighted, repeated = local.fitted([once], True, [weights]), local.fitted([drawn], True)
    np.testing.assert_allclose(list(vars(weighted).values()), list(vars(repeated).values()), rtol=1e-9)


def test_the_long_wave_limit_is_that_of_the_modulus_not_of_the_waves_that_there_are():
    """Stiffnesses with terms of k⁴: the limit is nearer than any of the waves."""
    shape, box = (20, 20), np.array([98.0, 101.0])
    k, spacing = grid_wavevectors(shape, box)[1:], box / shape
    u = np.random.default_rng(5).normal(size=(30, 400, 2))
    waves = spectral.transform(u, u, shape, box)
    k4 = ((k**2).sum(axis=1) ** 2)[:, None, None]
    operator = CONSTANTS.symbol(k, spacing) * (1 + 2.0 * k4)
    loads = np.einsum("kij,skj->ski", operator, waves.u)
    # half of the samples hold no long wave at all, but round-off of either
    long = np.linalg.norm(k, axis=1) < 0.3
    waves.u[15:, long] *= 1e-13
    loads[15:, long] *= -1e-13
    lame_lambda, lame_mu = local.long_wave_limit([spectral.Samples(spacing, k, waves.u, loads)])
    assert lame_mu == pytest.approx(0.72, rel=1.5e-3)
    assert lame_lambda + 2 * lame_mu == pytest.approx(1.25, rel=1.5e-3)


def test_differences_tend_to_the_derivatives_with_the_second_order():
    k = np.array([[0.21, -0.13], [0.05, 0.3]])
    exact = local.GradientElasticity.classical(LAMBDA, MU).symbol(k, np.array([0.1, 0.1]))

    def error(h):
        spacing = np.array([h, 0.8 * h])
        return np.abs(local.difference_symbol(LAMBDA, MU, k, spacing) - exact).max()

    order = np.log2(error(1.0) / error(0.5))
    assert 1.95 < order < 2.05


def test_the_solver_on_a_grid_is_the_symbol_of_the_differences():
    """A wave with given values around is what the grid's own operator makes of its load."""
    spacing, shape = np.array([1.1, 0.9]), (14, 17)
    x = spacing * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    k, direction = np.array([0.31, -0.45]), np.array([0.7, -1.3])
    wave = np.cos(x @ k + 0.3)[..., None]
    u = (wave * direction)[None]
    load = (wave * (local.difference_symbol(LAMBDA, MU, k[None], spacing)[0] @ direction))[None]
    free = np.zeros(shape, dtype=bool)
    free[2:-3, 1:-1] = True
    free[5, 6] = False
    solved = local.solve_on_grid(LAMBDA, MU, spacing, free, load, np.where(free[..., None], np.nan, u))
    np.testing.assert_allclose(solved, u, atol=1e-12)


def test_a_free_node_on_the_rim_is_refused():
    free = np.zeros((4, 4), dtype=bool)
    free[0, 2] = True
    with pytest.raises(InputError, match="rim"):
        local.solve_on_grid(LAMBDA, MU, np.ones(2), free, np.zeros((1, 4, 4, 2)), np.zeros((1, 4, 4, 2)))
