"""Normalised smoothing weights: sums over nodes, shapes, and what an average reproduces."""

import numpy as np
import pytest

from mdbridge.coarse import kernels
from mdbridge.core.errors import InputError
from mdbridge.fields.grid import NodeGrid

PERIODIC = NodeGrid((-24.0, -20.5), (5.0, 4.6), (10, 9), True)
OPEN = NodeGrid((-24.0, -20.5), (5.0, 4.6), (10, 9), False)
SHAPES = kernels.SHAPES
FORMULAS = {
    "cone": lambda s: np.maximum(0, 1 - s),
    "paraboloid": lambda s: np.maximum(0, 1 - s**2),
    "gaussian": lambda s: np.where(s < 1, np.exp(-0.5 * (3 * s) ** 2), 0),
    "top-hat": lambda s: np.where(s < 1, 1.0, 0),
    "quartic": lambda s: np.maximum(0, 1 - s**2) ** 2,
}


def scattered(count=300, spread=2.0):
    """Positions in the box and far outside of it."""
    return np.random.default_rng(0).uniform(-1, 1, (count, 2)) * spread * PERIODIC.box


def average(omega, values):
    """[You2022, eq. 2.3] for equal masses."""
    return (omega @ values) / np.asarray(omega.sum(axis=1))[:, None]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [4.0, 10.0, 12.3, 40.0])
def test_weights_of_an_atom_sum_to_one(shape, radius):
    """[You2022, eq. 2.1], also across the boundary and for a radius beyond the box."""
    omega = kernels.weights(scattered(), PERIODIC, radius, shape)
    assert omega.shape == (90, 300)
    np.testing.assert_allclose(omega.sum(axis=0), 1, rtol=1e-13)
    assert omega.min() >= 0


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_are_those_of_the_definition(shape):
    positions = scattered(40, spread=0.5)
    omega = kernels.weights(positions, PERIODIC, 10.0, shape).toarray()
    difference = PERIODIC.points()[:, None] - positions
    difference -= PERIODIC.box * np.round(difference / PERIODIC.box)  # R is less than half the box
    tau = FORMULAS[shape](np.linalg.norm(difference, axis=-1) / 10.0)
    np.testing.assert_allclose(omega, tau / tau.sum(axis=0), atol=1e-14)


def honeycomb(columns, rows, edge=1.46):
    """Places of a sheet of graphene, and its box."""
    cell = edge * np.array([np.sqrt(3.0), 3.0])
    basis = edge * np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(range(columns), range(rows), indexing="ij"), axis=-1).reshape(-1, 1, 2)
    return (corners * cell + basis + 0.1).reshape(-1, 2), cell * [columns, rows]


def test_a_window_with_a_low_rim_keeps_the_lattice_of_the_crystal_out_of_long_waves():
    """Averages of a wave of 16 Å hold that wave alone; an edge of 1 % of the peak lets others in."""
    places, box = honeycomb(26, 15)
    grid = NodeGrid.periodic_cells(tuple(box), 2.5)
    wave = np.cos(2 * np.pi * (2 * places[:, 0] / box[0] + 4 * places[:, 1] / box[1]))
    rest = {}
    for deviations in (3.0, 5.0):  # of 3 Å each
        omega = kernels.weights(places, grid, 3.0 * deviations, "gaussian", decay=0.5 * deviations**2)
        spectrum = np.abs(np.fft.fft2(average(omega, wave[:, None]).reshape(grid.shape)))
        peak = spectrum[2, 4]
        spectrum[[2, -2], [4, -4]] = 0.0
        rest[deviations] = spectrum.max() / peak
    assert rest[3.0] > 1e-4 and rest[5.0] < 1e-6


@pytest.mark.parametrize("shift", [(50.0, 0.0), (-100.0, 41.4)])
def test_a_periodic_image_has_the_same_weights(shift):
    positions = scattered(50)
    there, here = (kernels.weights(x, PERIODIC, 10.0).toarray() for x in (positions + shift, positions))
    np.testing.assert_allclose(there, here, atol=1e-12)


def test_a_grid_that_is_not_periodic_is_a_part_of_its_continuation():
    big = NodeGrid((-74.0, -66.5), (5.0, 4.6), (30, 29), False)
    positions = scattered(200, spread=0.7)
    part = np.zeros((30, 29), dtype=bool)
    part[10:20, 10:19] = True
    expected = kernels.weights(positions, big, 10.0).toarray()[part.ravel()]
    np.testing.assert_allclose(kernels.weights(positions, OPEN, 10.0).toarray(), expected, atol=1e-12)
    assert expected.sum(axis=0).min() == 0  # atoms out of the grid's reach
    assert 0 < np.median(expected.sum(axis=0)) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_smoothing_functions(shape):
    for s in (0.0, 0.25, 1 / 3, 0.999, 1.0, 1.5):
        assert kernels.smoothing(SHAPES.index(shape), s) == pytest.approx(
            float(FORMULAS[shape](s)), abs=1e-15
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_total_force_is_conserved(shape):
    forces = np.random.default_rng(1).standard_normal((300, 2))
    nodal = kernels.weights(scattered(), PERIODIC, 10.0, shape) @ forces
    np.testing.assert_allclose(nodal.sum(axis=0), forces.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_is_reproduced(shape):
    omega = kernels.weights(scattered(), PERIODIC, 10.0, shape)
    np.testing.assert_allclose(average(omega, np.full((300, 2), [3.0, -1.0])), [[3.0, -1.0]] * 90, rtol=1e-13)


def crystal(origin):
    """A square lattice of 1.25 x 1.15 Å, a quarter of the nodes' spacing, that overfills the grid."""
    axes = [o + h * np.arange(-60, 61) for o, h in zip(origin, (1.25, 1.15), strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("origin", [(-24.0, -20.5), (-24.0 + 0.625, -20.5 + 0.575)])
def test_affine_fields_are_reproduced_at_centres_of_inversion(shape, origin):
    """Atoms and nodes are both mirrored at every node, so the atoms' weighted centre is there."""
    positions = crystal(origin)
    gradient = np.array([[0.01, -0.02], [0.005, 0.03]])
    smoothed = average(kernels.weights(positions, OPEN, 10.0, shape), positions @ gradient.T + 0.4)
    np.testing.assert_allclose(smoothed, OPEN.points() @ gradient.T + 0.4, atol=1e-12)


def test_without_inversion_affine_fields_are_only_nearly_reproduced():
    positions = crystal((-24.0 + 0.3, -20.5))
    error = average(kernels.weights(positions, OPEN, 10.0), positions) - OPEN.points()
    assert 1e-6 < np.abs(error).max() < 0.05


def test_a_matrix_of_very_many_entries_has_wider_indices(monkeypatch):
    grid, x = NodeGrid((0.0, 0.0), (1.0, 1.5), (6, 4), True), scattered()
    narrow = kernels.weights(x, grid, 2.0)
    monkeypatch.setattr(kernels, "MOST_ENTRIES", 10)
    wide = kernels.weights(x, grid, 2.0)
    assert (narrow.indptr.dtype, wide.indptr.dtype) == (np.int32, np.int64)
    assert abs(narrow - wide).max() == 0.0


def test_a_radius_that_leaves_atoms_between_the_nodes_is_refused():
    middle = np.add(PERIODIC.origin, (2.5, 2.3))
    with pytest.raises(InputError, match="leaves 1 atoms without a node"):
        kernels.weights(np.array([PERIODIC.origin, middle]), PERIODIC, 3.3)
    kernels.weights(middle[None], PERIODIC, 0.71 * 5.0)
