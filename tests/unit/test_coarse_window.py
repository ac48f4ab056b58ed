"""Gaussian window sums on a sheared periodic grid: against a plain double loop, and invariances."""

import itertools

import numpy as np
import pytest
from scipy.integrate import dblquad

from mdbridge.coarse import window

EDGES = np.array([[30.0, 7.0], [0.0, 24.0]])
SHAPE = (6, 8)


def node_positions(shape, edges, shift):
    """``(ny, nx, 2)`` positions of nodes at corners (0) or centres (0.5) of cells, from the box's corner."""
    ny, nx = shape
    y, x = np.meshgrid((np.arange(ny) + shift) / ny, (np.arange(nx) + shift) / nx, indexing="ij")
    return np.stack([x, y], axis=-1) @ edges.T


def atoms(count=40):
    random = np.random.default_rng(1)
    return random.uniform(-0.1, 1.1, (count, 2)), random.normal(size=(count, 3))


def plain(s, values, edges, shape, shift, width, cutoff, images=4):
    """The sum of [Kontolati2021, eq. 36] as it is written, image by image."""
    nodes = node_positions(shape, edges, shift)
    sums = np.zeros((*shape, values.shape[1]))
    for a, b in itertools.product(range(-images, images + 1), repeat=2):
        x = (s + np.array([a, b])) @ edges.T
        r = np.linalg.norm(nodes[:, :, None] - x, axis=-1)
        sums += np.where(r <= cutoff, np.exp(-(r**2) / (2 * width**2)), 0.0) @ values
    return sums


def summed(s, values, edges=EDGES, shape=SHAPE, shift=0.5, width=4.0, cutoff=12.0):
    sums = np.zeros((*shape, values.shape[1]))
    window.add_values(sums, s, values, edges, shift, width, cutoff)
    return sums


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("lean", [0.0, 7.0, -11.0, 55.0])
@pytest.mark.parametrize("cutoff", [6.0, 12.0, 31.0])
def test_sums_are_those_of_the_formula_over_all_images(shift, lean, cutoff):
    s, values = atoms()
    edges = np.array([[30.0, lean], [0.0, 24.0]])
    found = summed(s, values, edges, shift=shift, cutoff=cutoff)
    assert np.allclose(found, plain(s, values, edges, SHAPE, shift, 4.0, cutoff), rtol=0, atol=1e-12)


def test_an_equivalent_box_gives_the_same_fields():
    # leaning by one whole edge more, at the same places in space; rows sit at the same heights,
    # so row 0 is the same set of nodes in both
    s, values = atoms()
    more = EDGES + np.array([[0.0, EDGES[0, 0]], [0.0, 0.0]])
    flipped = (s @ EDGES.T) @ np.linalg.inv(more).T
    one, other = (summed(*pair, shift=0.0) for pair in ((s, values), (flipped, values)))
    found = np.zeros_like(other)
    window.add_values(found, flipped, values, more, 0.0, 4.0, 12.0)
    assert np.allclose(found[0], one[0], rtol=0, atol=1e-12)
    assert not np.allclose(found, other)


def test_a_constant_is_reproduced_and_parts_add_up():
    s, _ = atoms(400)
    values = np.stack([np.ones(400), np.full(400, -3.4)], axis=1)
    whole = summed(s, values)
    assert np.allclose(whole[..., 1] / whole[..., 0], -3.4, rtol=1e-14)
    parts = summed(s[:150], values[:150]) + summed(s[150:], values[150:])
    assert np.allclose(parts, whole, rtol=1e-13)


def test_the_window_moves_with_the_atoms():
    s, values = atoms()
    moved = summed(s + np.array([2 / SHAPE[1], 1 / SHAPE[0]]), values)
    assert np.allclose(moved, np.roll(summed(s, values), (1, 2), axis=(0, 1)), rtol=0, atol=1e-12)


def test_area_is_the_integral_of_the_window():
    integral, _ = dblquad(lambda r, _: r * np.exp(-(r**2) / (2 * 3.0**2)), 0, 2 * np.pi, 0, 7.0)
    assert window.area(3.0, 7.0) == pytest.approx(integral, rel=1e-10)


def test_moments_are_sums_over_the_window_of_products():
    s, u = atoms()
    reference = np.array([[28.0, 0.0], [0.0, 25.0]])
    found = np.zeros((*SHAPE, window.MOMENTS))
    window.add_moments(found, s, u, EDGES, reference, 0.0, 4.0, 12.0)
    expected = np.zeros_like(found)
    nodes = node_positions(SHAPE, np.eye(2), 0.0)
    upper = np.triu_indices(5)
    for a, b in itertools.product(range(-3, 4), repeat=2):
        away = s + np.array([a, b]) - nodes[:, :, None]  # ny × nx × n × 2, fractional
        r = np.linalg.norm(away @ EDGES.T, axis=-1)
        g = np.where(r <= 12.0, np.exp(-(r**2) / 32.0), 0.0)
        z = np.concatenate([away @ reference.T, np.broadcast_to(u, (*r.shape, 3))], axis=-1)
        products = (z[..., :, None] * z[..., None, :])[..., upper[0], upper[1]]
        all = np.concatenate([np.ones((*r.shape, 1)), z, products], axis=-1)
        expected += (g[..., None] * all).sum(axis=2)
    assert np.allclose(found, expected, rtol=0, atol=1e-10)
