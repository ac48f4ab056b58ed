"""The best-fit deformation gradient: motions that are known, and the fit written out in numpy."""

import numpy as np
import pytest
from cell_grids import LEANING, PROFILES, UPRIGHT, across, box_of, grid_of, offsets

from mdbridge.coarse import deformation
from mdbridge.coarse.kernels import SHAPES

REFERENCE = np.diag([9.0, 8.5, 6.0])


def fitted(grid, box, x, u, radius, shape="cone"):
    lattice = grid.place(box)
    sums = deformation.moments(lattice, lattice.coordinates(x), u, radius, shape)
    slope, d2min = deformation.best_fit(sums, np.eye(len(grid.cells)), lattice.edges / radius)
    affine = box.edges.T @ np.linalg.inv(REFERENCE.T)
    return deformation.deformation_gradient(slope, grid.directions, affine, REFERENCE.T), d2min


@pytest.mark.parametrize(("axes", "cells"), [("x", (5,)), ("xy", (4, 3)), ("xz", (3, 4)), ("xyz", (4, 3, 3))])
def test_atoms_that_move_with_the_box_have_its_gradient(axes, cells):
    box = box_of(LEANING)
    x = box.positions(np.random.default_rng(0).random((300, 3)))
    gradient, d2min = fitted(grid_of(axes, cells), box, x, np.zeros_like(x), 4.0)
    affine = box.edges.T @ np.linalg.inv(REFERENCE.T)
    assert np.abs(gradient - affine).max() < 1e-12
    assert d2min.max() == 0.0


def test_a_uniform_gradient_beyond_the_box_s_is_found_away_from_its_seam():
    box = box_of(UPRIGHT, (False, False, False))
    random = np.random.default_rng(2)
    beyond = np.eye(3) + 0.2 * random.standard_normal((3, 3))
    x = box.positions(random.random((400, 3)))
    cells = x @ np.linalg.inv(UPRIGHT) @ REFERENCE  # Y
    u = cells - cells @ np.linalg.inv(beyond).T
    gradient, d2min = fitted(grid_of("xyz", (3, 3, 3)), box, x, u, 4.0)
    affine = box.edges.T @ np.linalg.inv(REFERENCE.T)
    np.testing.assert_allclose(gradient, np.broadcast_to(affine @ beyond, gradient.shape), atol=1e-11)
    assert d2min.max() < 1e-13  # of squares of about one


@pytest.mark.parametrize("shape", SHAPES)
def test_fit_is_the_weighted_least_squares_of_numpy(shape):
    grid, box = grid_of("xy", (4, 3)), box_of(LEANING)
    random = np.random.default_rng(4)
    x, u = box.positions(random.random((60, 3))), 0.3 * random.standard_normal((60, 3))
    gradients, d2min = fitted(grid, box, x, u, 3.0, shape)
    plane = across(box, grid.axes) @ box.edges[:2].T
    affine, back = box.edges.T @ np.linalg.inv(REFERENCE.T), np.linalg.inv(REFERENCE.T)
    for node, (gradient, left) in enumerate(zip(gradients.reshape(-1, 3, 3), d2min.ravel(), strict=True)):
        rows, target, weight = [], [], []
        for _, away in offsets(grid, box, x):
            tau = PROFILES[shape](np.linalg.norm(away[node], axis=-1) / 3.0)
            rows.append(-away[node] @ np.linalg.inv(plane).T)
            target.append(u)
            weight.append(tau)
        rows, target, weight = np.concatenate(rows), np.concatenate(target), np.concatenate(weight)
        root = np.sqrt(weight)[:, None]
        design = np.hstack([np.ones((len(rows), 1)), rows])
        fit, *_ = np.linalg.lstsq(root * design, root * target, rcond=None)
        slope = np.zeros((3, 3))
        slope[:, :2] = fit[1:].T
        expected = affine @ np.linalg.inv(np.eye(3) - slope @ back)
        np.testing.assert_allclose(gradient, expected, atol=1e-10)
        residue = (root * (target - design @ fit)) ** 2
        assert left == pytest.approx(residue.sum() / weight.sum(), rel=1e-9, abs=1e-12)


def test_windows_that_cannot_tell_a_gradient_have_none():
    box = box_of(UPRIGHT, (False, False, False))
    flat = box.positions(np.column_stack([np.random.default_rng(0).random((50, 2)), np.full(50, 0.5)]))
    grid = grid_of("xyz", (2, 2, 1))
    gradient, d2min = fitted(grid, box, flat, np.zeros_like(flat), 5.0)
    assert np.isnan(gradient).all() and np.isnan(d2min).all()
    empty, _ = fitted(grid, box, flat[:0], flat[:0], 5.0)
    assert np.isnan(empty).all()
    # in the plane they can
    gradient, _ = fitted(grid_of("xy", (2, 2)), box, flat, np.zeros_like(flat), 5.0)
    assert np.isfinite(gradient).all()


def test_green_lagrange_strain_of_a_rotation_is_nothing():
    turn = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    assert np.abs(deformation.green_lagrange(turn)).max() < 1e-15
    shear = np.eye(3)
    shear[0, 1] = 0.3
    np.testing.assert_allclose(deformation.green_lagrange(shear)[0, 1], 0.15)


def ragged(roughness, seed=4):
    """A row of atoms, rough across itself, that has been moved at random."""
    random = np.random.default_rng(seed)
    x = np.zeros((12, 3))
    x[:, 0] = np.linspace(0.4, 8.6, 12)
    x[:, 1:] = 4.0 + roughness * random.standard_normal((12, 2))
    return x, 0.05 * random.standard_normal((12, 3))


@pytest.mark.parametrize("shape", SHAPES)
def test_across_a_row_of_atoms_there_is_no_gradient(shape):
    """Heat makes it rough, but what is fitted across it is noise: strains of 1e20 have come of it."""
    box = box_of(UPRIGHT, (False, False, False))
    for roughness in (0.0, 0.1):
        gradient, d2min = fitted(grid_of("xy", (3, 3)), box, *ragged(roughness), 3.0, shape)
        assert np.isnan(gradient).all() and np.isnan(d2min).all()
    # atoms all over the windows do tell
    x = box.positions(np.random.default_rng(4).random((200, 3)))
    gradient, d2min = fitted(grid_of("xy", (3, 3)), box, x, 0.01 * x[:, ::-1], 3.0, shape)
    assert np.isfinite(gradient).all() and np.isfinite(d2min).all()


def test_where_no_material_is_described_there_is_no_gradient():
    """Atoms that come from anywhere: their places now say nothing of where they were."""
    random = np.random.default_rng(1)
    slopes = np.array([np.diag([0.5, 0.0, 0.0]), np.diag([0.97, 0.0, 0.0]), np.diag([2.0, 0.0, 0.0])])
    gradient = deformation.deformation_gradient(slopes, [0, 1, 2], np.eye(3), np.eye(3))
    assert np.allclose(gradient[0], np.diag([2.0, 1.0, 1.0]))
    # thirty times as long, and turned inside out
    assert np.isnan(gradient[1:]).all()
    x = 9.0 * random.random((400, 3))
    mixed = x - 9.0 * random.random((400, 3))
    box = box_of(UPRIGHT, (False, False, False))
    gradient, _ = fitted(grid_of("xyz", (3, 3, 3)), box, x, mixed, 4.0)
    assert not np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0) > 30
