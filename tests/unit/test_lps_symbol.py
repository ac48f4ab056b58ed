"""The Fourier symbol: its symmetries, and the local limit with its order."""

import functools

import numpy as np
import pytest

from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.kernel import normalised
from mdbridge.lps.material import LinearPeridynamicSolid as Solid
from mdbridge.lps.operator import operator_rows

# sums by the book are those of the published weights
LinearPeridynamicSolid = functools.partial(Solid, quadrature="published")
uniform = functools.partial(stencil.uniform, quadrature="published")

LAMBDA, MU = -0.197, 0.722
GRID = uniform((4.93, 5.04), 20.0)
# K = 1/r: its second and fourth moments are what the quadrature integrates exactly
INVERSE = LinearPeridynamicSolid(Bernstein(20.0, np.array([1.0]), (1.0,)), LAMBDA, MU)
SIGN_CHANGING = LinearPeridynamicSolid(Bernstein(20.0, np.array([-1.4, -0.8, 2.8, 1.0]), (1.2,)), LAMBDA, MU)
DIRECTIONS = np.stack([np.cos(angle := np.linspace(0, np.pi, 13)[:-1] + 0.1), np.sin(angle)], axis=1)


def at(material, wavevectors, grid=GRID):
    return symbol.operator(material, symbol.rings(grid, np.atleast_2d(wavevectors)))


def observed_order(error, small):
    """The exponent p of an error that goes like its argument's p-th power."""
    return np.log2(error(2 * small) / error(small))


def local(wavevectors, lam=LAMBDA, mu=MU):
    """(λ + μ) k kᵗ + μ |k|², the symbol of −(λ+μ)∇∇· − μΔ."""
    square = (wavevectors**2).sum(axis=1)
    return (lam + mu) * wavevectors[:, :, None] * wavevectors[:, None, :] + mu * square[
        :, None, None
    ] * np.eye(2)


def test_waves_are_those_of_the_bond_sums():
    k, kernel = np.array([0.21, -0.13]), SIGN_CHANGING.influence(np.hypot(*GRID.offsets.T))
    m = np.sum(kernel * GRID.weights * (GRID.offsets**2).sum(axis=1))
    g, big_g = np.zeros(2), np.zeros((2, 2))
    for z, w, value in zip(GRID.offsets, GRID.weights, kernel, strict=True):
        g += 2 / m * value * w * z * np.sin(k @ z)
        big_g += 16 / m * value * w * np.outer(z, z) / (z @ z) * (1 - np.cos(k @ z))
    expected = (LAMBDA - MU) * np.outer(g, g) + MU * big_g
    np.testing.assert_allclose(at(SIGN_CHANGING, k)[0], expected, rtol=1e-12)


def test_the_symbol_is_symmetric_even_and_periodic():
    k = np.random.default_rng(0).uniform(-0.6, 0.6, (20, 2))
    matrices = at(SIGN_CHANGING, k)
    np.testing.assert_allclose(matrices, np.swapaxes(matrices, 1, 2), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(at(SIGN_CHANGING, -k), matrices, atol=1e-15)
    np.testing.assert_allclose(
        at(SIGN_CHANGING, k + 2 * np.pi / GRID.spacing * [2, -1]), matrices, atol=1e-12
    )
    np.testing.assert_allclose(at(SIGN_CHANGING, k * [1, -1]), matrices * [[1, -1], [-1, 1]], atol=1e-14)
    np.testing.assert_array_equal(at(SIGN_CHANGING, np.zeros(2)), 0)


def test_only_the_shape_of_the_influence_function_counts():
    scaled = LinearPeridynamicSolid(Bernstein(20.0, np.array([-37.0]), (1.0,)), LAMBDA, MU)
    k = 0.3 * DIRECTIONS
    np.testing.assert_allclose(at(scaled, k), at(INVERSE, k), rtol=1e-12)


@pytest.mark.parametrize("grid", [GRID, uniform((5.0, 5.0), 20.0)])
def test_long_waves_have_the_local_moduli_in_every_direction(grid):
    k = 1e-4 * DIRECTIONS
    for lam, mu in [(LAMBDA, MU), (1.0, 0.3)]:
        solid = LinearPeridynamicSolid(INVERSE.influence, lam, mu)
        matrices = at(solid, k, grid)
        along = np.einsum("ki,kij,kj->k", DIRECTIONS, matrices, DIRECTIONS)
        across = DIRECTIONS[:, ::-1] * [-1, 1]
        np.testing.assert_allclose(along, (lam + 2 * mu) * 1e-8, rtol=1e-5)
        np.testing.assert_allclose(np.einsum("ki,kij,kj->k", across, matrices, across), mu * 1e-8, rtol=1e-5)


@pytest.mark.parametrize("direction", DIRECTIONS[::3])
def test_the_local_limit_is_reached_with_second_order(direction):
    def error(size):
        k = size * direction[None]
        return np.linalg.norm(at(INVERSE, k) - local(k)) / np.linalg.norm(local(k))

    for size in [0.0025, 0.005, 0.01]:
        assert observed_order(error, size) == pytest.approx(2, abs=0.05)


def test_the_order_is_not_two_with_wrong_moduli():
    def error(size):
        k = size * DIRECTIONS[:1]
        return np.linalg.norm(at(INVERSE, k) - local(k, lam=LAMBDA + 0.01)) / np.linalg.norm(local(k))

    assert abs(observed_order(error, 0.005)) < 0.5


def test_an_inconsistent_influence_function_has_other_moduli():
    """What the consistency rows of the regression are for: the quadrature is exact for K = 1/r only."""
    rough = LinearPeridynamicSolid(Bernstein(20.0, np.array([0.0, 0.0, 1.0, -0.9]), (2.9,)), LAMBDA, MU)
    k = 1e-3 * DIRECTIONS
    assert np.abs(at(rough, k) / local(k) - 1).max() > 0.05


def test_grid_wavevectors_are_those_of_the_fft():
    shape, box = (6, 5), np.array([30.0, 20.0])
    waves = symbol.grid_wavevectors(shape, box)
    x, y = np.indices(shape) * (box / shape)[:, None, None]
    for n in [0, 1, 7, 18, 29]:
        spectrum = np.fft.fft2(np.exp(1j * (waves[n, 0] * x + waves[n, 1] * y))).ravel()
        np.testing.assert_allclose(np.abs(spectrum), 30 * (np.arange(30) == n), atol=1e-9)


def test_zone_wavevectors_cover_a_quarter():
    waves = symbol.zone_wavevectors(np.array([4.0, 5.0]), 9)
    assert len(waves) == 80
    assert (waves.any(axis=1)).all()
    np.testing.assert_allclose(waves.max(axis=0), np.pi / np.array([4.0, 5.0]))
    np.testing.assert_array_equal(waves.min(axis=0), 0)


# --- any family, and slopes --------------------------------------------------------

SPLINE = BSpline(20.0, np.array([3.0, -1.0, 0.5, 1.4, 0.3, -0.2, 0.8]))
KINDS = [SIGN_CHANGING.influence, SPLINE]


def test_a_grid_departs_from_itself_by_nothing_and_from_another_by_the_worst_wave_s_share():
    other = uniform((4.6, 5.4), 20.0)
    assert symbol.departure(SIGN_CHANGING, GRID, GRID, 40.0) == 0.0
    k = 2 * np.pi / 40.0 * np.array([1.0, 0.0])
    here, there = (at(SIGN_CHANGING, k, grid)[0] for grid in (GRID, other))
    worst = symbol.departure(SIGN_CHANGING, GRID, other, 40.0)
    assert 0.0 < np.linalg.norm(here - there) / np.linalg.norm(there) <= worst < 0.5


@pytest.mark.parametrize("influence", KINDS)
@pytest.mark.parametrize("dilatation", [None, *KINDS])
def test_rings_and_bonds_are_the_same_sums(influence, dilatation):
    k = np.random.default_rng(0).uniform(-0.6, 0.6, (20, 2))
    own = None if dilatation is None else dilatation(GRID.radii)
    rings = symbol.parts(symbol.rings(GRID, k), influence(GRID.radii), own)
    for by_bonds, by_rings in zip(symbol.bonds(influence, GRID, k, dilatation), rings, strict=True):
        np.testing.assert_allclose(by_bonds, by_rings, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("influence", KINDS)
@pytest.mark.parametrize("dilatation", [None, *KINDS])
def test_the_assembled_rows_make_of_plane_waves_what_the_symbol_says(influence, dilatation):
    material = LinearPeridynamicSolid(influence, LAMBDA, MU, dilatation)
    shape = (10, 9)
    box = shape * GRID.spacing
    points = (
        np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2) * GRID.spacing
    )
    rows = operator_rows(points, box, material, np.arange(len(points)))
    waves = symbol.grid_wavevectors(shape, box)[[1, 4, 12, 50]]
    for k, block in zip(waves, symbol.operator(material, symbol.rings(GRID, waves)), strict=True):
        for u in np.eye(2):
            image = rows(np.outer(np.exp(1j * points @ k), u).ravel()).reshape(-1, 2)
            expected = np.outer(np.exp(1j * points @ k), block @ u)
            np.testing.assert_allclose(image, expected, atol=1e-13 * np.abs(block).max() + 1e-14)


@pytest.mark.parametrize("influence", KINDS)
def test_slopes_of_the_symbol_are_its_differences(influence):
    family, k = type(influence), np.random.default_rng(1).uniform(-0.6, 0.6, (7, 2))
    rings = symbol.rings(GRID, k)
    shares = normalised(family.curve(GRID.radii, 20.0, influence.degree), GRID.volume)
    q = influence.parameters()

    def operator(q):
        share, _ = shares(q)
        return symbol.compose(LAMBDA, MU, rings.g(share), rings.big_g(share))

    share, slopes = shares(q)
    composed = symbol.compose_slopes(LAMBDA, MU, rings.g(share), rings.g(slopes), rings.big_g(slopes))
    assert composed.shape == (7, 2, 2, len(q))
    for i, step in enumerate(1e-6 * np.eye(len(q))):
        expected = (operator(q + step) - operator(q - step)) / 2e-6
        np.testing.assert_allclose(composed[..., i], expected, rtol=1e-6, atol=1e-10)


def test_the_ring_volumes_are_those_of_the_bonds():
    assert GRID.volume.sum() == pytest.approx(np.sum(GRID.weights * (GRID.offsets**2).sum(axis=1)))
    first = GRID.ring == 0
    assert GRID.volume[0] == pytest.approx(np.sum(GRID.weights[first]) * GRID.radii[0] ** 2)
