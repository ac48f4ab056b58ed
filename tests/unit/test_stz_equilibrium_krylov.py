"""The PETSc projection on one rank, against the Fourier one."""

import numpy as np
import pytest
from mpi4py import MPI
from stz_divergence import divergence

from mdbridge.stz.equilibrium import krylov
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid, WholeGrid, ghosted, owned

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
    with krylov.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, petsc):
        for gamma in (0.0, 0.03, 0.5):
            matrix = FRAMES[frame]().matrix(gamma)
            by_fourier, by_petsc = ghosted(2, grid.shape), ghosted(2, grid.shape)
            FourierProjection(whole, MATERIAL).solve(force.copy(), matrix, by_fourier)
            petsc.solve(force.copy(), matrix, by_petsc)
            assert np.abs(owned(by_fourier - by_petsc)).max() < 1e-8 * np.abs(by_fourier).max()
            assert petsc.solver.iterations == 1


def test_petsc_and_fourier_agree_at_any_area_preserving_matrix():
    grid, matrix = Grid(12, 16), np.array([[1.2, 0.3], [-0.4, (1.0 - 0.12) / 1.2]])
    force = balanced_force(grid)
    by_fourier, by_petsc = ghosted(2, grid.shape), ghosted(2, grid.shape)
    FourierProjection(WholeGrid(grid), MATERIAL).solve(force.copy(), matrix, by_fourier)
    with krylov.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, petsc):
        petsc.solve(force.copy(), matrix, by_petsc)
    assert np.abs(owned(by_fourier - by_petsc)).max() < 1e-8 * np.abs(by_fourier).max()


@pytest.mark.parametrize("boundary", ["periodic", "clamped"])
@pytest.mark.parametrize("frame", FRAMES)
def test_the_solution_is_that_of_the_matrix_of_the_stencil(boundary, frame):
    """The operator, column by column, is symmetric and positive; least squares know nothing of transforms."""
    grid = Grid(8, 6, 400.0, 250.0, boundary=boundary)
    matrix = FRAMES[frame]().matrix(0.4)
    force, velocity = balanced_force(grid), ghosted(2, grid.shape)
    with krylov.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, petsc):
        petsc.solve(force, matrix, velocity)  # sets the rows of the plate to zero
        size = force.size
        assembled = np.empty((size, size))
        for k in range(size):
            image = np.empty_like(force)
            petsc._multiply(np.eye(size)[k].reshape(force.shape), image)
            assembled[:, k] = image.ravel()
    assert assembled == pytest.approx(assembled.T, abs=1e-14 * np.abs(assembled).max())
    eigenvalues = np.linalg.eigvalsh(assembled)
    null = 4 if boundary == "periodic" else 0
    assert np.all(np.abs(eigenvalues[:null]) < 1e-12 * eigenvalues[-1])
    assert eigenvalues[null] > 1e-4 * eigenvalues[-1]
    v = np.linalg.lstsq(assembled, force.ravel(), rcond=1e-10)[0].reshape(force.shape)
    expected = np.einsum("ij,jyx->iyx", np.linalg.inv(matrix), v)
    assert np.abs(owned(velocity) - expected).max() < 1e-9 * np.abs(expected).max()


def test_plates_hold_and_the_matrix_free_operator_is_that_of_the_kernels():
    """Between plates: no velocity on them, and equilibrium at all other corners."""
    from mdbridge.stz.closure import close
    from mdbridge.stz.pointwise import Constants, Geometry

    grid = Grid(16, 12, boundary="clamped")
    matrix = FRAMES["simple"]().matrix(0.3)
    k = Constants(MATERIAL.mu, MATERIAL.lame_lambda, 1, 1, 1, 1, 1, grid.dx, grid.dy)
    t = Geometry(*matrix.ravel().tolist(), 0.0, 0.0, 0.0)
    with krylov.shared(grid, MATERIAL, MPI.COMM_SELF) as (domain, petsc):
        stress_rate, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
        owned(stress_rate)[:3] = np.random.default_rng(1).standard_normal((3, 12, 16))
        domain.fill(stress_rate)
        force = divergence(stress_rate[:3], grid, matrix)
        petsc.solve(force.copy(), matrix, velocity)
        domain.fill(velocity)
        close(velocity, np.zeros(grid.shape), k, t, 1.0, stress_rate)
        domain.fill(stress_rate)
        left = divergence(stress_rate[:3], grid, matrix)
    assert not np.any(owned(velocity)[:, 0])
    assert np.abs(left[:, 1:]).max() < 1e-9 * np.abs(force).max()


def test_a_force_that_overflowed_leaves_no_number_and_no_trace():
    """The stepper then takes a shorter step; the next solve is as if nothing had been."""
    grid, matrix = Grid(16, 12), FRAMES["simple"]().matrix(0.3)
    force = balanced_force(grid)
    with krylov.shared(grid, MATERIAL, MPI.COMM_SELF) as (_, petsc):
        first, second = ghosted(2, grid.shape), ghosted(2, grid.shape)
        petsc.solve(force.copy(), matrix, first)
        for wrong in (np.nan, np.inf):
            bad = force.copy()
            bad[0, 3, 4] = wrong
            petsc.solve(bad, matrix, second)
            assert np.all(np.isnan(owned(second)))
            petsc.solve(force.copy(), matrix, second)
            assert np.array_equal(owned(first), owned(second))
