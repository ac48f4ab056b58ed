"""Samples in Fourier space against sums over nodes."""

from dataclasses import replace

import numpy as np
import pytest

from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import spectral
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.operator import operator_rows

SOLID = LinearPeridynamicSolid(Bernstein(15.0, np.array([-1.4, -0.8, 2.8, 1.0]), (1.2,)), -0.197, 0.722)
SPACING = (4.93, 5.04)
SHAPES = [(8, 8), (9, 7), (8, 7)]  # with and without wave vectors on the zone's edge


def fields(shape, count=5):
    random = np.random.default_rng(0)
    u, b = random.standard_normal((2, count, shape[0] * shape[1], 2))
    return u - u.mean(axis=1, keepdims=True), (b - b.mean(axis=1, keepdims=True)) * np.arange(1, count + 1)[
        :, None, None
    ]


def samples(shape):
    u, b = fields(shape)
    return spectral.transform(u, b, shape, np.multiply(shape, SPACING))


def even_operator(wavevectors, seed):
    """A random real symmetric L(k) = L(−k), periodic in the reciprocal lattice."""
    matrices = np.random.default_rng(seed).standard_normal((4, 2, 2))
    bonds = np.array([[0, 0], [1, 0], [2, 1], [1, -1]]) * SPACING
    return np.einsum("kb,bij->kij", np.cos(wavevectors @ bonds.T), matrices + np.swapaxes(matrices, 1, 2))


def cost(operator, moments):
    return sum(((operator @ root - target) ** 2).sum() for root, target in [moments])


@pytest.mark.parametrize("shape", SHAPES)
def test_norms_are_those_of_the_nodes(shape):
    u, b = fields(shape)
    transformed = samples(shape)
    np.testing.assert_allclose(spectral.power(transformed.u), (u**2).sum(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(spectral.power(transformed.b), (b**2).sum(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(transformed.spacing, SPACING)
    assert len(transformed.wavevectors) == shape[0] * shape[1] - 1


def test_means_are_dropped():
    u, b = fields((8, 7))
    shifted = spectral.transform(u + 3.0, b - 1.0, (8, 7), np.multiply((8, 7), SPACING))
    np.testing.assert_allclose(shifted.u, samples((8, 7)).u, atol=1e-12)
    np.testing.assert_allclose(shifted.b, samples((8, 7)).b, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_errors_are_those_of_the_assembled_operator(shape):
    solid = replace(SOLID, influence=replace(SOLID.influence, horizon=12.0))
    u, b = fields(shape)
    box = np.multiply(shape, SPACING)
    grid = np.stack(
        np.meshgrid(*(h * np.arange(n) for n, h in zip(shape, SPACING, strict=True)), indexing="ij"), -1
    )
    points = grid.reshape(-1, 2)
    matrix = operator_rows(points, box, solid, np.arange(len(points))).matrix().toarray()
    data = samples(shape)
    operator = symbol.operator(solid, symbol.rings(stencil.uniform(SPACING, 12.0), data.wavevectors))
    residual, solution = spectral.errors(operator, data)
    flat_u, flat_b = (field.reshape(len(field), -1) for field in (u, b))
    norm = np.linalg.norm
    np.testing.assert_allclose(
        residual, norm(flat_u @ matrix.T - flat_b, axis=1) / norm(flat_b, axis=1), rtol=1e-9
    )
    solved = flat_b @ np.linalg.pinv(matrix, rcond=1e-11).T
    np.testing.assert_allclose(solution, norm(solved - flat_u, axis=1) / norm(flat_u, axis=1), rtol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_moments_keep_differences_of_the_weighted_errors(shape, exponent):
    data = samples(shape)
    moments = spectral.moments(data, exponent)
    speed = np.linalg.norm(data.wavevectors, axis=1)
    mean_wave = (speed * (np.abs(data.b) ** 2).sum(axis=2)).sum(axis=1) / spectral.power(data.b)
    weight = mean_wave**-exponent / np.sum(mean_wave**-exponent)
    residuals, solutions = [], []
    for seed in (1, 2):
        squares = [error**2 for error in spectral.errors(even_operator(data.wavevectors, seed), data)]
        reduced = even_operator(moments.wavevectors, seed)
        residuals.append((weight @ squares[0], cost(reduced, moments.residual)))
        solutions.append((weight @ squares[1], cost(np.linalg.inv(reduced), moments.solution)))
    for (first, reduced_first), (second, reduced_second) in (residuals, solutions):
        assert reduced_first - reduced_second == pytest.approx(first - second, rel=1e-8)
        assert abs(first - second) > 1e-3 * first


def test_moments_of_exact_data_have_no_cost_at_the_truth():
    data = samples((8, 8))
    operator = symbol.operator(SOLID, symbol.rings(stencil.uniform(SPACING, 15.0), data.wavevectors))
    exact = replace(data, b=np.einsum("kij,skj->ski", operator, data.u))
    moments = spectral.moments(exact)
    there = symbol.operator(SOLID, symbol.rings(stencil.uniform(SPACING, 15.0), moments.wavevectors))
    assert cost(there, moments.residual) < 1e-20
    assert cost(np.linalg.inv(there), moments.solution) < 1e-18
    assert cost(1.1 * there, moments.residual) == pytest.approx(0.01, rel=1e-6)


def test_few_samples_leave_waves_undetermined_without_harm():
    """One sample has moments of rank one (or none) at each wave vector."""
    data = samples((8, 8))
    single = replace(data, u=data.u[:1], b=data.b[:1])
    single.u[:, np.linalg.norm(data.wavevectors, axis=1) > 0.4] = 0
    moments = spectral.moments(single)
    assert all(np.isfinite(part).all() for part in (*moments.residual, *moments.solution))
    first, second = (even_operator(data.wavevectors, seed) for seed in (1, 2))
    half = [even_operator(moments.wavevectors, seed) for seed in (1, 2)]
    difference = np.subtract(*(spectral.errors(operator, single)[0][0] ** 2 for operator in (first, second)))
    assert cost(half[0], moments.residual) - cost(half[1], moments.residual) == pytest.approx(
        difference, rel=1e-6
    )
