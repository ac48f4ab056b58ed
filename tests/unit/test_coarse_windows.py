"""The nodes in a ball, row by row, against all nodes of the plane and of space."""

import numpy as np
import pytest
from cell_grids import LEANING, UPRIGHT, box_of, grid_of

from mdbridge.coarse import kernels, windows


def met(lattice, f, radius, endless):
    """Unwrapped nodes (i, j, k) within ``radius``, and their distances from what the rows say."""
    cells, edges, _, places = windows.padded(lattice, f)
    most = windows.room(edges, cells, radius)
    spans, rows = np.empty((most, 4), np.int64), np.empty((most, 2))
    count = windows.rows(spans, rows, *places[0], edges, cells, endless, radius)
    step = edges[0, 0] / cells[0]
    nodes = {}
    for (k, j, first, last), (square, along) in zip(spans[:count], rows[:count], strict=True):
        for i in range(first, last + 1):
            nodes[(i, j, k)] = np.sqrt(((i + 0.5) * step + along) ** 2 + square)
    return nodes


@pytest.mark.parametrize("edges", [UPRIGHT, LEANING], ids=["upright", "leaning"])
@pytest.mark.parametrize(("axes", "cells"), [("x", (6,)), ("xy", (7, 5)), ("xyz", (5, 4, 6))])
@pytest.mark.parametrize("endless", [(True, True, True), (False, True, False), (True, False, True)])
def test_rows_hold_all_nodes_of_a_ball_and_their_distances(axes, cells, edges, endless):
    lattice = grid_of(axes, cells).place(box_of(edges))
    f, radius = np.array([[0.31, 0.93, 0.07]])[:, : len(axes)], 3.1
    distances = met(lattice, f, radius, np.array(endless))
    d = len(axes)
    span = np.arange(-12, 18)
    every = np.stack(np.meshgrid(*[span] * d, indexing="ij"), axis=-1).reshape(-1, d)
    away = np.linalg.norm(((every + 0.5) / np.array(cells) - f) @ lattice.edges.T, axis=1)
    # where the box ends there is nothing beyond it
    beyond = ((every < 0) | (every >= np.array(cells))) & ~np.array(endless[:d])
    near = (away < radius) & ~beyond.any(axis=1)
    expected = {(*n, *[0] * (3 - d)): r for n, r in zip(map(tuple, every[near]), away[near], strict=True)}
    assert set(distances) == set(expected)
    assert all(distances[n] == pytest.approx(r, abs=1e-12) for n, r in expected.items())


@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("decay", [4.5, 40.0, 200.0])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_weights_of_a_row_are_the_smoothing_function_of_the_distance(shape, decay, count):
    kernel, radius, square, step = kernels.SHAPES.index(shape), 2.0, 0.7, 0.41
    x = -0.5 * (count - 1) * step + 0.1
    weights = np.full(count + 2, 7.0)
    bending = windows.bend(kernel, decay, radius, step)
    total = windows.row_weights(weights, 1, kernel, decay, radius, x, step, square, count, bending)
    s = np.sqrt((x + step * np.arange(count)) ** 2 + square) / radius
    expected = [kernels.smoothing(kernel, distance, decay) for distance in s]
    np.testing.assert_allclose(weights[1:-1], expected, rtol=1e-12, atol=1e-300)
    assert total == pytest.approx(sum(expected), rel=1e-12)
    assert weights[0] == weights[-1] == 7.0
