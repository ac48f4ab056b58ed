"""Uniform node grids."""

import numpy as np
import pytest

from mdbridge.fields.grid import NodeGrid


def test_points_are_ordered_with_the_second_index_fastest():
    grid = NodeGrid((1.0, -2.0), (5.0, 4.0), (2, 3), False)
    np.testing.assert_array_equal(grid.points(), [[1, -2], [1, 2], [1, 6], [6, -2], [6, 2], [6, 6]])
    np.testing.assert_array_equal(grid.box, [10, 12])
    assert grid.cell_area == 20


@pytest.mark.parametrize("box", [(98.66, 100.78), (100.0, 50.0)])
@pytest.mark.parametrize("spacing", [5.0, 2.5, 7.3])
def test_periodic_cells_fill_a_centred_box(box, spacing):
    grid = NodeGrid.periodic_cells(box, spacing)
    np.testing.assert_allclose(grid.box, box)
    np.testing.assert_allclose(grid.points().mean(axis=0), 0, atol=1e-12)
    assert grid.periodic
    for length, n in zip(box, grid.shape, strict=True):
        assert abs(length / spacing - n) <= 0.5
    assert (np.abs(grid.points()) < np.array(box) / 2).all()


def test_a_box_smaller_than_a_cell_is_one_cell():
    assert NodeGrid.periodic_cells((3.0, 20.0), 10.0).shape == (1, 2)


@pytest.mark.parametrize(("radius", "spacing", "side"), [(100.0, 5.0, 41), (104.0, 5.0, 41), (0.3, 0.1, 7)])
def test_centred_lattice_has_all_its_nodes_of_the_disc(radius, spacing, side):
    grid = NodeGrid.centred(radius, spacing)
    points = grid.points()
    assert grid.shape == (side, side)
    assert not grid.periodic
    np.testing.assert_allclose(points[len(points) // 2], 0, atol=1e-12)
    # the next row of nodes would be outside the disc
    assert np.abs(points).max() + spacing > radius
