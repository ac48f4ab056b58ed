"""Grids are told from other nodes, however they were shuffled, rounded or wrapped."""

import numpy as np
import pytest
from own_data import grid

from mdbridge.fields import lattice

RANDOM = np.random.default_rng(0)
SHAPES = [((24, 24), (5.0, 5.0)), ((21, 18), (1.0, 4.0)), ((7, 9), (0.1, 0.3)), ((23, 17), (4.93, 5.04))]


def changes(nodes, box):
    order = RANDOM.permutation(len(nodes))
    images = np.where(RANDOM.random(nodes.shape) < 0.5, box, 0.0) * [3, -2]
    return {
        "as it is": nodes,
        "shuffled": nodes[order],
        "far away": nodes + 1e4,
        "float32": (nodes + 13.3).astype(np.float32).astype(float),
        "four decimals": np.round(nodes + box / 3, 4),
        "in several images": nodes + images,
        "at the far edge": np.where(nodes == 0, box, nodes),
    }


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
@pytest.mark.parametrize("change", list(changes(np.zeros((1, 2)), np.ones(2))))
def test_a_periodic_grid_is_recognised(shape, spacing, change):
    box = np.array(shape) * spacing
    given = changes(grid(shape, spacing), box)[change]
    result = lattice.arrange(given, box)
    assert result.shape == shape and not result.scattered
    np.testing.assert_allclose(result.spacing, spacing, rtol=1e-12)
    # each node is where it was, or in another image
    away = np.mod(result.nodes - given[result.order] + box / 2, box) - box / 2
    assert np.abs(away).max() < 2e-4 * min(spacing)
    step = (result.nodes - result.nodes[0]) / spacing
    np.testing.assert_allclose(step, np.rint(grid(shape, (1.0, 1.0))), atol=1e-9)


def test_without_a_box_a_grid_has_edges():
    result = lattice.arrange(grid((9, 7), (2.0, 3.0))[::-1], None)
    assert result.shape is None and not result.scattered
    np.testing.assert_allclose(result.spacing, (2.0, 3.0))


@pytest.mark.parametrize("moved", [0.01, 0.2])
def test_moved_nodes_are_scattered(moved):
    nodes = grid((12, 12), (2.0, 2.0))
    nodes = nodes + 2.0 * moved * RANDOM.uniform(-1, 1, nodes.shape)
    for box in (None, np.full(2, 24.0)):
        result = lattice.arrange(nodes, box)
        assert result.scattered
        # the side of the square that a node has to itself
        area = 24.0**2 if box is not None else np.ptp(nodes, axis=0).prod()
        np.testing.assert_allclose(result.spacing, np.sqrt(area / 144))


def test_a_triangular_lattice_is_no_grid():
    nodes = grid((40, 20), (0.5, np.sqrt(0.75)))
    nodes = nodes[(np.arange(800) // 20 + np.arange(800) % 20) % 2 == 0]
    assert lattice.arrange(nodes, None).scattered


@pytest.mark.parametrize("box", [(130.0, 120.0), (121.0, 120.0)])
def test_a_box_that_the_grid_does_not_fill_is_refused(box):
    with pytest.raises(ValueError, match=r"fill 120, but the periodic box is 1[23]"):
        lattice.arrange(grid((24, 24), (5.0, 5.0)), np.array(box))


def test_nodes_on_a_line_are_refused():
    with pytest.raises(ValueError, match="one line"):
        lattice.arrange(np.stack([np.arange(9.0), 2 * np.arange(9.0)], axis=1), None)


def test_nodes_at_the_seam_coincide():
    nodes = grid((5, 5), (1.0, 1.0))  # of a box of 4: the last rows are the first again
    pairs = lattice.coincident(nodes, np.full(2, 4.0), 1e-3)
    # nine places are there twice or more: the corner's four make six pairs
    assert len(np.setdiff1d(np.arange(25), pairs[:, 1])) == 16
    assert len(lattice.coincident(nodes, None, 1e-3)) == 0
