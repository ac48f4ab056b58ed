"""PETSc's iterations on an operator and a preconditioner that are functions, not matrices."""

from collections.abc import Callable

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core.errors import ConvergenceError
from .start import PETSc, ranks

Array = NDArray[np.float64]
Linear = Callable[[Array, Array], None]
"""Writes the image of its first argument into the second; both are this rank's part."""


class ShellSolver:
    """Solves ``operator(x) = b`` by Richardson iteration with a preconditioner that is nearly the inverse.

    Close it on all ranks together.
    """

    def __init__(
        self,
        comm: MPI.Comm,
        shape: tuple[int, ...],
        operator: Linear,
        preconditioner: Linear,
        name: str,
        rtol: float,
        atol: float,
        iterations: int = 10,
    ):
        """Set up for vectors of which this rank has an array of ``shape`` (collective).

        Args:
            comm: the ranks that solve together.
            shape: of this rank's part of a vector.
            operator, preconditioner: collective, as functions of parts.
            name: of the problem in messages and, in lower case, the prefix of its PETSc options.
            rtol, atol: on the norm of the residual, relative to that of b, and absolute.
            iterations: at most.
        """
        self._shape, self._operator, self._preconditioner, self._name = shape, operator, preconditioner, name
        size = (int(np.prod(shape)), PETSc.DETERMINE)
        comm_of_petsc = ranks(comm)
        self._b = PETSc.Vec().createMPI(size, comm=comm_of_petsc)
        self._x = PETSc.Vec().createMPI(size, comm=comm_of_petsc)
        self._matrix = PETSc.Mat().createPython((size, size), self, comm=comm_of_petsc)
        self._matrix.setUp()
        ksp = self._ksp = PETSc.KSP().create(comm_of_petsc)
        ksp.setOperators(self._matrix)
        # the preconditioner is the inverse but for round-off: one step is enough, and no basis need be kept
        ksp.setType(PETSc.KSP.Type.RICHARDSON)
        # the operator's own residual proves the solution; the preconditioned one would trust the
        # preconditioner
        ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
        ksp.setTolerances(rtol=rtol, atol=atol, max_it=iterations)
        ksp.getPC().setType(PETSc.PC.Type.PYTHON)
        ksp.getPC().setPythonContext(self)
        ksp.setOptionsPrefix(f"mdbridge_{name.lower()}_")
        # last: what a user says in PETSC_OPTIONS holds
        ksp.setFromOptions()

    def close(self) -> None:
        """Destroy the PETSc objects (collective)."""
        for handle in (self._ksp, self._matrix, self._b, self._x):
            handle.destroy()

    @property
    def iterations(self) -> int:
        """Of the last solve."""
        return self._ksp.getIterationNumber()

    @property
    def overflowed(self) -> bool:
        """Whether the last solve met a number that is not finite; the same on all ranks."""
        return self._ksp.getConvergedReason() == PETSc.KSP.ConvergedReason.DIVERGED_NANORINF

    def solve(self, b: Array) -> Array:
        """This rank's part of the solution, valid until the next call (collective).

        Raises:
            ConvergenceError: the tolerance was not reached; on all ranks alike.
        """
        # the caller's own memory, for the time of the solve
        self._b.placeArray(b)
        try:
            self._ksp.solve(self._b, self._x)
        finally:
            self._b.resetArray()
        if self._ksp.getConvergedReason() < 0:
            raise ConvergenceError(
                f"{self._name}: no convergence after {self._ksp.getIterationNumber()} iterations, residual "
                f"{self._ksp.getResidualNorm():.2e} (PETSc reason {self._ksp.getConvergedReason()})"
            )
        return self._part(self._x)

    def mult(self, _: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """The operator; PETSc calls it."""
        self._operator(self._part(x, readonly=True), self._part(y))

    def apply(self, _: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """The preconditioner; PETSc calls it."""
        self._preconditioner(self._part(x, readonly=True), self._part(y))

    def _part(self, vector: PETSc.Vec, readonly: bool = False) -> Array:
        return vector.getArray(readonly).reshape(self._shape)
