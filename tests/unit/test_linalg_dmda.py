"""The PETSc projection on one rank, against the Fourier one."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.errors import InputError
from mdbridge.linalg import dmda
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.grid import Grid, WholeGrid, ghosted, owned
from mdbridge.stz.model import Material
from mdbridge.stz.projection import FourierProjection

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def balanced_force(grid):
    """A random force free of the null vectors, as a divergence is; GPa/Å."""
    force = np.random.default_rng(7).standard_normal((2, *grid.shape))
    board = 1 - 2 * (np.indices(grid.shape).sum(axis=0) % 2)
    force -= force.mean(axis=(1, 2), keepdims=True)
    if grid.nx % 2 == 0 and grid.ny % 2 == 0:
        force -= board * (force * board).mean(axis=(1, 2), keepdims=True)
    return force


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(("nx", "ny"), [(16, 16), (32, 20), (9, 16), (15, 21)])
def test_petsc_and_fourier_agree(nx, ny, frame):
    grid = Grid(nx, ny, 400.0, 350.0)
    force = balanced_force(grid)
    whole = WholeGrid(grid)
    with dmda.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, krylov):
        for gamma in (0.0, 0.03, 0.5):  # the second reuses the first's preconditioner
            matrix = FRAMES[frame]().matrix(gamma)
            one, two = ghosted(2, grid.shape), ghosted(2, grid.shape)
            FourierProjection(whole, MATERIAL).solve(force.copy(), matrix, one)
            krylov.solve(force.copy(), matrix, two)
            assert np.abs(owned(one - two)).max() < 1e-8 * np.abs(one).max()
            assert krylov.iterations < 80


def test_petsc_and_fourier_agree_at_any_area_preserving_matrix():
    grid, matrix = Grid(12, 16), np.array([[1.2, 0.3], [-0.4, (1.0 - 0.12) / 1.2]])
    force = balanced_force(grid)
    one, two = ghosted(2, grid.shape), ghosted(2, grid.shape)
    FourierProjection(WholeGrid(grid), MATERIAL).solve(force.copy(), matrix, one)
    with dmda.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, krylov):
        krylov.solve(force.copy(), matrix, two)
    assert np.abs(owned(one - two)).max() < 1e-8 * np.abs(one).max()


@pytest.mark.parametrize("boundary", ["periodic", "clamped"])
def test_the_operator_is_symmetric_and_positive(boundary):
    """Plates included: their rows and columns hold nothing but the diagonal."""
    grid = Grid(9, 12, boundary=boundary)
    with dmda.shared(grid, MATERIAL, MPI.COMM_SELF) as (domain, krylov):
        krylov.solve(balanced_force(grid), FRAMES["simple"]().matrix(0.3), ghosted(2, grid.shape))
        x, y, image_x, image_y = (domain.da.createGlobalVec() for _ in range(4))
        random = np.random.default_rng(5)
        x.setArray(random.standard_normal(x.getLocalSize()))
        y.setArray(random.standard_normal(y.getLocalSize()))
        krylov.mult(None, x, image_x)
        krylov.mult(None, y, image_y)
        assert x.dot(image_y) == pytest.approx(y.dot(image_x), rel=1e-11)
        assert x.dot(image_x) > 0.0
        for vector in (x, y, image_x, image_y):
            vector.destroy()


def test_multigrid_keeps_the_iterations_from_growing():
    counts = []
    for n in (32, 64, 128):
        grid = Grid(n, n)
        with dmda.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, krylov):
            krylov.solve(balanced_force(grid), FRAMES["simple"]().matrix(0.3), ghosted(2, grid.shape))
            counts.append(krylov.iterations)
    assert counts[-1] < 1.5 * counts[0]


def test_plates_hold_and_the_matrix_free_operator_is_that_of_the_kernels():
    """Between plates: no velocity on them, and equilibrium at all other corners."""
    from mdbridge.stz import kernels

    grid = Grid(16, 12, boundary="clamped")
    matrix = FRAMES["simple"]().matrix(0.3)
    k = kernels.Constants(MATERIAL.mu, MATERIAL.lame_lambda, 1, 1, 1, 1, 1, grid.dx, grid.dy)
    t = kernels.Geometry(*matrix.ravel().tolist(), 0.0, 0.0, 0.0)
    with dmda.shared(grid, MATERIAL, MPI.COMM_SELF) as (domain, krylov):
        stress_rate = ghosted(3, grid.shape)
        owned(stress_rate)[...] = np.random.default_rng(1).standard_normal((3, 12, 16))
        domain.fill(stress_rate)
        force, left = np.zeros((2, 12, 16)), np.zeros((2, 12, 16))
        kernels.imbalance(stress_rate, k, t, force)
        velocity, rate = ghosted(2, grid.shape), ghosted(7, grid.shape)
        krylov.solve(force.copy(), matrix, velocity)
        domain.fill(velocity)
        kernels.elastic(velocity, stress_rate, k, t, rate)
        domain.fill(rate)
        kernels.imbalance(rate[:3], k, t, left)
    assert not np.any(owned(velocity)[:, 0])
    assert np.abs(left[:, 1:]).max() < 1e-9 * np.abs(force).max()


def test_blocks_smaller_than_the_halo_are_refused(monkeypatch):
    monkeypatch.setattr(dmda.MPI, "Compute_dims", lambda size, dimensions: [5, 1])
    with pytest.raises(InputError, match="use fewer ranks"):
        dmda.SharedGrid(Grid(8, 8), MPI.COMM_SELF)
