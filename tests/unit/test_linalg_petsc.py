"""Assembly and Krylov solves, on problems small enough to know the answer."""

import numpy as np
import pytest
from mpi4py import MPI
from scipy.sparse import csr_matrix, diags, identity, kron, random_array

from mdbridge.core.errors import ConvergenceError
from mdbridge.linalg import petsc

SELF = MPI.COMM_SELF
SIDE = 12
PLACES = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1).reshape(-1, 2) * 1.0


def laplacian(periodic: bool) -> csr_matrix:
    """The five-point Laplacian of both displacement components."""
    line = diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(SIDE, SIDE)).tolil()
    if periodic:
        line[0, -1] = line[-1, 0] = -1.0
    plane = kron(line, identity(SIDE)) + kron(identity(SIDE), line)
    return csr_matrix(kron(plane, identity(2)))


def solver(matrix, local=None, **options):
    block = petsc.OperatorBlock(lambda x: matrix @ x, np.arange(matrix.shape[0]), matrix.diagonal())
    options = dict(periodic=False, symmetric=True, rtol=1e-11, max_iterations=500) | options
    return petsc.displacement_solver(
        SELF, block, laplacian(False) if local is None else local, PLACES, **options
    )


def test_aij_is_the_matrix_and_leaves_the_rows_alone():
    rows = csr_matrix(random_array((30, 30), density=0.2, rng=np.random.default_rng(0)))
    for begin, end in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):  # as unsorted as can be
        rows.indices[begin:end] = rows.indices[begin:end][::-1].copy()
        rows.data[begin:end] = rows.data[begin:end][::-1].copy()
    before = rows.indices.copy()
    with petsc.aij(SELF, rows, block_size=2) as matrix:
        x, y = matrix.createVecs()
        x.setArray(np.arange(30.0))
        matrix.mult(x, y)
        np.testing.assert_allclose(y.getArray(), rows @ np.arange(30.0), rtol=1e-13)
        assert matrix.getBlockSize() == 2
        x.destroy()
        y.destroy()
    assert not matrix
    np.testing.assert_array_equal(rows.indices, before)


@pytest.mark.parametrize("skew", [0.0, 0.3])
def test_solves_symmetric_and_unsymmetric_systems(skew):
    turn = diags([-skew, skew], [-1, 1], shape=(2 * SIDE**2,) * 2)
    matrix = csr_matrix(laplacian(False) + turn)
    exact = np.random.default_rng(1).standard_normal(2 * SIDE**2)
    with solver(matrix, symmetric=skew == 0) as solve:
        result = solve(matrix @ exact)
        again = solve(2 * (matrix @ exact))
    np.testing.assert_allclose(result.x, exact, atol=1e-8)
    np.testing.assert_allclose(again.x, 2 * exact, atol=1e-8)
    true = np.linalg.norm(matrix @ (result.x - exact)) / np.linalg.norm(matrix @ exact)
    assert 0 < result.iterations < 40
    assert result.residual == pytest.approx(true, rel=1e-2)
    assert true <= 1e-11


def test_translations_are_taken_out_of_a_periodic_problem():
    matrix = laplacian(True)
    load = np.random.default_rng(2).standard_normal(2 * SIDE**2) + 3
    with solver(matrix, laplacian(True) + 1e-3 * identity(2 * SIDE**2, format="csr"), periodic=True) as solve:
        x = solve(load).x
    pairs = load.reshape(-1, 2)
    np.testing.assert_allclose(matrix @ x, (pairs - pairs.mean(axis=0)).ravel(), atol=1e-9)
    np.testing.assert_allclose(x.reshape(-1, 2).mean(axis=0), 0, atol=1e-12)


def test_no_load_no_displacement():
    with solver(laplacian(False)) as solve:
        assert not solve(np.zeros(2 * SIDE**2)).x.any()


@pytest.mark.parametrize("symmetric", [True, False])
def test_not_converging_is_an_error(symmetric):
    load = np.random.default_rng(3).standard_normal(2 * SIDE**2)
    with (
        solver(laplacian(False), max_iterations=3, symmetric=symmetric) as solve,
        pytest.raises(
            ConvergenceError, match=r"max it after 3 iterations at a relative residual of .*e.*allow more"
        ),
    ):
        solve(load)


def test_an_indefinite_matrix_is_named():
    matrix = csr_matrix(laplacian(False) - 1.0 * identity(2 * SIDE**2))
    with solver(matrix) as solve, pytest.raises(petsc.IndefiniteMatrixError, match="indefinite"):
        solve(np.random.default_rng(4).standard_normal(2 * SIDE**2))
