"""Uniform node grids."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.fields.box import Box
from mdbridge.fields.grid import CellGrid, NodeGrid


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


def test_a_centred_lattice_may_be_rectangular():
    grid = NodeGrid.centred(10.0, (2.5, 2.4))
    assert grid.shape == (9, 9) and grid.spacing == (2.5, 2.4)
    np.testing.assert_allclose(np.ptp(grid.points(), axis=0), [20.0, 19.2])
    with pytest.raises(InputError, match="must be positive"):
        NodeGrid.centred(10.0, (2.5, 0.0))


@pytest.mark.parametrize("factor", [2, 3])
def test_a_refined_grid_cuts_every_cell_evenly(factor):
    grid = NodeGrid.periodic_cells((30.0, 12.0), 5.0)
    fine = grid.refined(factor)
    np.testing.assert_allclose(fine.box, grid.box)
    # the fine nodes of a coarse cell lie around its node
    (nx, ny), (mx, my) = grid.shape, fine.shape
    assert (mx, my) == (nx * factor, ny * factor)
    blocks = fine.points().reshape(nx, factor, ny, factor, 2)
    np.testing.assert_allclose(blocks.mean(axis=(1, 3)).reshape(-1, 2), grid.points(), rtol=0, atol=1e-12)


def test_a_ball_reaches_as_far_in_a_leaning_box_as_its_rim():
    box = Box(np.array([[10.0, 0.0, 0.0], [4.0, 8.0, 0.0], [-3.0, 2.0, 6.0]]), np.array([1.0, 2.0, 3.0]))
    lattice = CellGrid("xyz", (4, 4, 4)).place(box)
    around = np.random.default_rng(0).standard_normal((20000, 3))
    around *= 2.5 / np.linalg.norm(around, axis=1, keepdims=True)
    centre = np.array([5.0, 5.0, 5.0])
    seen = np.abs(lattice.coordinates(centre + around) - lattice.coordinates(centre[None])).max(axis=0)
    reach = lattice.reach(2.5)
    assert (seen <= reach * (1 + 1e-12)).all()
    np.testing.assert_allclose(seen, reach, rtol=2e-3)


@pytest.mark.parametrize(
    ("spacing", "shape", "origin", "words"),
    [
        ((5.0, -5.0), (2, 3), (0.0, 0.0), r"spacing = \(5\.0, -5\.0\)"),
        ((5.0, float("nan")), (2, 3), (0.0, 0.0), "two positive lengths"),
        ((5.0, 5.0), (2, 0), (0.0, 0.0), r"shape = \(2, 0\)"),
        ((5.0, 5.0), (2.5, 3), (0.0, 0.0), "two numbers of nodes"),
        ((5.0, 5.0), (2, 3, 4), (0.0, 0.0), "two numbers of nodes"),
        ((5.0, 5.0), (2, 3), (0.0, float("inf")), "two coordinates"),
    ],
)
def test_a_grid_that_is_none_is_refused(spacing, shape, origin, words):
    with pytest.raises(InputError, match=words):
        NodeGrid(origin, spacing, shape, True)


@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan")])
def test_no_box_is_filled_with_cells_of_no_size(spacing):
    with pytest.raises(InputError, match="must be positive"):
        NodeGrid.periodic_cells((10.0, 10.0), spacing)
    with pytest.raises(InputError, match="must be positive"):
        NodeGrid.centred(5.0, spacing)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    ("region", "fits"),
    [
        ((1.0, 11.0), True),
        ((2.0, 5.0), True),
        ((-4.0, 1.5), True),
        ((10.5, 19.0), True),
        ((-4.0, 1.0), False),
        ((11.0, 14.0), False),
    ],
)
def test_a_region_lies_in_the_box_where_it_does_not_repeat(periodic, region, fits):
    box = Box(np.diag([10.0, 8.0, 6.0]), np.array([1.0, 0.0, 0.0]), periodic=(periodic, True, True))
    grid = CellGrid("x", (4,), (region,))
    if fits or periodic:
        grid.check(box)
    else:
        with pytest.raises(InputError, match="outside the box, which goes from 1 to 11"):
            grid.check(box)


def test_a_region_of_a_periodic_box_is_no_longer_than_that_and_a_plane_has_no_z():
    box = Box(np.diag([10.0, 8.0, 6.0]), np.zeros(3))
    CellGrid("y", (4,), ((3.0, 11.0),)).check(box)
    with pytest.raises(InputError, match=r"8\.1 along y does not fit the box, which repeats after 8"):
        CellGrid("xy", (4, 4), ((0.0, 10.0), (3.0, 11.1))).check(box)
    with pytest.raises(InputError, match="two dimensions"):
        CellGrid("xz", (4, 4)).check(Box(np.diag([10.0, 8.0, 1.0]), np.zeros(3), dimension=2))
