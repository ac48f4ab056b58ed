"""Sums over atoms onto nodes, against sums over all images written out in numpy."""

import numpy as np
import pytest
from cell_grids import GRIDS, LEANING, UPRIGHT, box_of, grid_of, on_grid, weights

from mdbridge.coarse import kernels, sums

PERIODIC = [(True, True, True), (False, True, True), (True, True, False)]


def scattered(box, count=30, seed=3):
    """Atoms in the box, some a little outside of it where it repeats, and two numbers for each."""
    random = np.random.default_rng(seed)
    s = random.random((count, 3)) + 0.2 * np.array(box.periodic) * (random.random((count, 3)) - 0.5)
    return box.positions(s), random.standard_normal((count, 2))


@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("edges", [UPRIGHT, LEANING], ids=["upright", "leaning"])
@pytest.mark.parametrize(("axes", "cells"), GRIDS)
def test_sums_run_over_all_images_in_any_box(axes, cells, edges, shape):
    grid = grid_of(axes, cells)
    for periodic in PERIODIC:
        box = box_of(edges, periodic)
        x, values = scattered(box)
        lattice = grid.place(box)
        f = lattice.coordinates(x)
        for radius in (2.3, 7.9):  # the larger window holds several images of an atom
            node_sums, squares = sums.node_sums(lattice, f, values, radius, shape, values[:, :1])
            tau, square = weights(grid, box, x, radius, shape)
            np.testing.assert_allclose(node_sums, on_grid(grid, tau @ values), atol=1e-12)
            np.testing.assert_allclose(squares, on_grid(grid, square @ values[:, :1]), atol=1e-12)
            np.testing.assert_allclose(
                sums.node_totals(lattice, f, radius, shape), tau.sum(axis=0), rtol=1e-12, atol=1e-13
            )


@pytest.mark.parametrize(
    ("axes", "cells", "edges"),
    [
        ("xy", (7, 5), LEANING * [[1, 1, 1], [1, 1, 1], [0, 0, 1]]),
        ("xyz", (5, 4, 6), LEANING),
        ("x", (6,), UPRIGHT),
        ("yz", (3, 4), UPRIGHT),
    ],
)
@pytest.mark.parametrize("radius", [1.5, 5.0])
def test_a_part_of_the_laboratory_sees_the_images_around_it(axes, cells, edges, radius):
    sides = {"x": (0.3, 6.0), "y": (-3.0, 4.5), "z": (5.0, 9.0)}  # beyond the box, where images are
    grid = grid_of(axes, cells, tuple(sides[axis] for axis in axes))
    box = box_of(edges)
    x, values = scattered(box)
    lattice = grid.place(box)
    atoms, f, _ = sums.images(lattice, lattice.coordinates(x), lattice.reach(radius))
    node_sums, _ = sums.node_sums(lattice, f, values[atoms], radius, "cone")
    np.testing.assert_allclose(
        node_sums, on_grid(grid, weights(grid, box, x, radius, "cone")[0] @ values), atol=1e-12
    )


def test_images_are_shifted_by_whole_periods():
    box = box_of(LEANING)
    x, _ = scattered(box)
    lattice = grid_of("xyz", (5, 4, 6)).place(box)
    f = lattice.coordinates(x)
    atoms, places, shifts = sums.images(lattice, f, lattice.reach(3.0))
    np.testing.assert_allclose(places, f[atoms] + shifts, rtol=0, atol=1e-14)
    assert set(atoms) == set(range(len(x)))
    assert np.abs(shifts).max() == 1


@pytest.mark.parametrize("periodic", PERIODIC)
def test_normalised_weights_of_a_box_keep_the_sum_over_the_atoms(periodic):
    box = box_of(LEANING, periodic)
    x, values = scattered(box)
    lattice = grid_of("xyz", (5, 4, 6)).place(box)
    f = lattice.coordinates(x)
    totals = sums.node_totals(lattice, f, 2.3, "cone")
    node_sums, _ = sums.node_sums(lattice, f, values / totals[:, None], 2.3, "cone")
    np.testing.assert_allclose(node_sums.sum(axis=(0, 1, 2)), values.sum(axis=0), rtol=1e-12)


def test_atoms_at_the_rim_of_a_part_of_the_laboratory_are_weighed_like_those_inside():
    box = box_of(UPRIGHT)
    lattice = grid_of("xy", (8, 8), ((0.0, 4.0), (3.0, 7.0))).place(box)
    x = np.array([[0.0, 3.0, 1.0], [2.0, 5.0, 1.0]])  # at a corner, and in the middle
    edge, middle = sums.node_totals(lattice, lattice.coordinates(x), 1.6, "paraboloid")
    assert edge == pytest.approx(middle, rel=1e-13)


@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_fine_grids_integrate_a_window_to_its_integral(shape, dimension):
    box = box_of(UPRIGHT)
    lattice = grid_of("xyz"[:dimension], (96, 72, 56)[:dimension]).place(box)
    x = box.positions(np.array([[0.21, 0.47, 0.83]]))
    node_sums, _ = sums.node_sums(lattice, lattice.coordinates(x), np.ones((1, 1)), 2.5, shape)
    volume = lattice.cell_volume / lattice.depth
    # the two that jump at the rim converge slowly
    tolerance = 0.05 if shape == "top-hat" else 1e-3
    assert node_sums.sum() * volume == pytest.approx(kernels.integral(shape, dimension, 2.5), rel=tolerance)
