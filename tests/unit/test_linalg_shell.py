"""Iterations on operators that are functions."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError
from mdbridge.linalg.shell import ShellSolver
from mdbridge.linalg.start import PETSc

MATRIX = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]])
B = np.array([1.0, -2.0, 0.5])


def solver(preconditioner):
    def write(matrix):
        return lambda x, out: np.copyto(out, (matrix @ x.ravel()).reshape(x.shape))

    return ShellSolver(MPI.COMM_SELF, (3, 1), write(MATRIX), write(preconditioner), "Example", 1e-12, 0.0)


def test_the_exact_inverse_takes_one_iteration():
    shell = solver(np.linalg.inv(MATRIX))
    assert shell.solve(B[:, None].copy()).ravel() == pytest.approx(np.linalg.solve(MATRIX, B), rel=1e-12)
    assert shell.iterations == 1
    shell.close()


def test_a_poor_preconditioner_is_an_error_with_the_residual():
    shell = solver(0.05 * np.eye(3))
    with pytest.raises(ConvergenceError, match="Example: no convergence after 10 iterations, residual"):
        shell.solve(B[:, None].copy())
    shell.close()


REASONS = PETSc.KSP.ConvergedReason
FAILURES = sorted({value for name, value in vars(REASONS).items() if name.startswith("DIVERGED")})


@pytest.mark.parametrize("reason", FAILURES)
def test_however_petsc_says_that_it_failed_it_is_an_error(reason):
    shell = solver(np.linalg.inv(MATRIX))
    shell._ksp.setConvergenceTest(lambda *_: reason)
    with pytest.raises(ConvergenceError, match=rf"Example: no convergence .*PETSc reason {reason}\)"):
        shell.solve(B[:, None].copy())
    assert shell.overflowed == (reason == REASONS.DIVERGED_NANORINF)
    shell.close()
