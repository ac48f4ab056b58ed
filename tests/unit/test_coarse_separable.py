"""Products of factors, against the general sums row by row, which tests of their own hold to numpy."""

import numpy as np
import pytest
from cell_grids import UPRIGHT, box_of, grid_of

from mdbridge.coarse import separable, sums

ROWS_ONLY = lambda *_: False  # noqa: E731


@pytest.mark.parametrize(
    ("axes", "cells"), [("x", (7,)), ("xz", (6, 5)), ("xyz", (5, 4, 6)), ("xy", (40, 37))]
)
@pytest.mark.parametrize("radius", [0.2, 1.9, 5.3])
@pytest.mark.parametrize("moving", [False, True])
def test_products_are_the_sums_row_by_row(monkeypatch, axes, cells, radius, moving):
    random = np.random.default_rng(8)
    for periodic in ((True, True, True), (False, True, False)):
        lattice = grid_of(axes, cells).place(box_of(UPRIGHT, periodic))
        d = len(axes)
        f = random.random((50, d)) + (random.random((50, d)) - 0.5) * lattice.repeats
        table, jumps = random.standard_normal((50, 12)), None
        if moving:
            # on a direction that does not repeat there are no images
            jumps = random.standard_normal((d, 6)) * lattice.repeats[:, None]
        ours = sums.all_sums(lattice, f, table, (6, 4, 2), radius, "gaussian", jumps=jumps)
        with monkeypatch.context() as patch:
            patch.setattr(sums, "separable", ROWS_ONLY)
            rows = sums.all_sums(lattice, f, table, (6, 4, 2), radius, "gaussian", jumps=jumps)
        np.testing.assert_allclose(ours[0], rows[0], rtol=0, atol=1e-12 * np.abs(rows[0]).max(initial=1.0))
        assert ours[1] == rows[1]
        assert (ours[1] > 0) == (radius < 0.3 and cells[0] < 40)


def test_a_window_of_many_nodes_of_a_line_takes_memory_of_a_line():
    lattice = grid_of("x", (40_000,)).place(box_of(UPRIGHT))
    node_sums, _ = sums.all_sums(lattice, np.array([[0.5]]), np.ones((1, 1)), (0, 1, 0), 4.0, "gaussian")
    assert node_sums.sum() == pytest.approx(1.0, rel=1e-9)


def test_what_is_no_product_is_told():
    edges = np.diag([10.0, 8.0, 6.0])
    assert separable.separable(edges, "gaussian", 4.5)
    assert not separable.separable(edges, "cone", 4.5)
    assert not separable.separable(edges, "gaussian", 200.0)
    edges[0, 1] = 0.1
    assert not separable.separable(edges, "gaussian", 4.5)
