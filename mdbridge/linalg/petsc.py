"""PETSc: distributed matrices and Krylov solves for two-dimensional displacement problems.

What is made here is destroyed here, when its ``with`` block ends on all ranks, never by
the garbage collector.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..core.errors import ConvergenceError
from .start import PETSc, ranks

Floats = NDArray[np.float64]
Handle = TypeVar("Handle", bound=PETSc.Object)


# of the largest eigenvalue: what round-off may make of the zeros of a null space
_UNSTABLE = 1e-8


class IndefiniteMatrixError(ConvergenceError):
    """The Krylov solver met a direction of negative energy."""


@dataclass(frozen=True)
class OperatorBlock:
    """The rows of a distributed operator that this rank owns, as a function.

    Attributes:
        apply: values at the ``(g,)`` ghosts -> values of the ``(r,)`` rows.
        ghosts: ``(g,)`` the unknowns (global numbers) that the rows read.
        diagonal: ``(r,)`` what a row multiplies its own unknown with, positive.
    """

    apply: Callable[[Floats], Floats]
    ghosts: NDArray[np.int64]
    diagonal: Floats


@dataclass(frozen=True)
class CoarseOperator:
    """A smaller symmetric positive operator that is close to A for long waves, and how it is reached.

    Attributes:
        prolongation: ``r x C`` rows of this rank, from all coarse unknowns to its own.
        rows, columns, values: ``(t,)`` triplets of the coarse matrix, whose sum over all ranks is meant.
        places: ``C/2 x 2`` of all coarse points.
    """

    prolongation: csr_matrix
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats
    places: Floats


@dataclass(frozen=True)
class KrylovResult:
    """One solved system: ``x`` ``(r,)`` on this rank, iterations, ‖b − A x‖/‖b‖."""

    x: Floats
    iterations: int
    residual: float


class NullModes:
    """Displacements that cost no energy, and how to be rid of them in loads and in solutions."""

    def __init__(self, comm: MPI.Comm, modes: Floats, mass: Floats):
        """Make the modes orthonormal (collective).

        Args:
            modes: ``(r, k)`` this rank's part of independent modes.
            mass: ``(r,)`` positive; what is taken out of a load is ``mass`` times modes, such as a constant
                acceleration, and a solution is left with no momentum of any mode.
        """
        self._comm, self._mass = comm, mass
        gram = comm.allreduce(modes.T @ (mass[:, None] * modes), MPI.SUM)
        self._modes = modes @ np.linalg.inv(np.linalg.cholesky(gram)).T

    def balance(self, load: Floats) -> Floats:
        """``load`` ``(r,)`` without what would move the modes (collective)."""
        work = self._comm.allreduce(self._modes.T @ load, MPI.SUM)
        return load - self._mass * (self._modes @ work)

    def rest(self, displacement: Floats) -> Floats:
        """``displacement`` ``(r,)`` without the modes (collective)."""
        momentum = self._comm.allreduce(self._modes.T @ (self._mass * displacement), MPI.SUM)
        return displacement - self._modes @ momentum


@contextlib.contextmanager
def aij(comm: MPI.Comm, rows: csr_matrix, block_size: int = 1) -> Iterator[PETSc.Mat]:
    """A distributed square AIJ matrix from each rank's consecutive rows (collective).

    Args:
        rows: ``r x N``, columns in global numbers.
        block_size: unknowns per point.
    """
    matrix = PETSc.Mat().create(ranks(comm))
    try:
        matrix.setSizes(((rows.shape[0], PETSc.DETERMINE),) * 2, bsize=block_size)
        matrix.setType(PETSc.Mat.Type.AIJ)
        # PETSc sorts index arrays in place: it gets copies
        indices = tuple(np.array(part, dtype=PETSc.IntType) for part in (rows.indptr, rows.indices))
        matrix.setPreallocationCSR((*indices, rows.data))
        matrix.assemble()
        yield matrix
    finally:
        matrix.destroy()


@contextlib.contextmanager
def displacement_solver(
    comm: MPI.Comm,
    operator: OperatorBlock,
    local: csr_matrix | CoarseOperator,
    coordinates: Floats,
    *,
    periodic: bool,
    symmetric: bool,
    rtol: float,
    max_iterations: int,
    null: NullModes | None = None,
    restart: int = 100,
) -> Iterator[Callable[[Floats], KrylovResult]]:
    """Set up a Krylov solver once for many loads (collective).

    Conjugate gradients if the operator is symmetric, else GMRES, with the sum of two
    preconditioners: algebraic multigrid (GAMG) on the short-ranged operator ``local``
    takes the long waves, the operator's diagonal the short ones, for which a nonlocal
    operator is far softer than a local one.

    Args:
        operator: A, by rows; unknowns interleaved x, y point by point.
        local: ``r x N`` rows of a symmetric positive matrix close to A for long waves, or a coarse one.
        coordinates: ``r/2 x 2`` places of this rank's points, for the rigid-body modes.
        periodic: the translations are A's null space; they are taken out of
            the load, of A's image and of the solution.
        symmetric: A is symmetric.
        rtol: bound on ‖b − A x‖/‖b‖.
        max_iterations: where to give up.
        null: A's null space, where it is another.
        restart: of GMRES, which keeps as many vectors.

    Yields:
        A function from this rank's load ``(r,)`` to a :class:`KrylovResult`
        (collective), which raises ConvergenceError, on all ranks, if the tolerance
        is not reached, and IndefiniteMatrixError if A or ``local`` is not positive.
    """
    with contextlib.ExitStack() as stack:

        def own(handle: Handle) -> Handle:
            stack.callback(handle.destroy)
            return handle

        places, size = coordinates, 2 * len(coordinates)
        if periodic:
            null = NullModes(comm, np.tile(np.eye(2), (len(coordinates), 1)), np.ones(size))
        shell = _Shell(comm, operator, size, null)
        matrix = own(PETSc.Mat().createPython(((size, PETSc.DETERMINE),) * 2, shell, comm=ranks(comm)))
        matrix.setUp()
        if isinstance(local, CoarseOperator):
            smooth, prolongation, coordinates = stack.enter_context(_coarse(comm, local))
        else:
            smooth, prolongation = stack.enter_context(aij(comm, local, block_size=2)), None
        # PETSc cannot see it, and GAMG estimates eigenvalues for its smoothers by conjugate gradients only if
        # told
        smooth.setOption(PETSc.Mat.Option.SPD, True)
        smooth.setNearNullSpace(own(_near_null_space(comm, coordinates, periodic)))
        solver = own(PETSc.KSP().create(ranks(comm)))
        solver.setOperators(matrix)
        solver.setType(PETSc.KSP.Type.CG if symmetric else PETSc.KSP.Type.GMRES)
        if not symmetric:
            solver.setGMRESRestart(restart)
            # with the preconditioner on the left GMRES knows but the preconditioned residual, which is not
            # what is asked for
            solver.setPCSide(PETSc.PC.Side.RIGHT)
            # conjugate gradients stop at negative energy, GMRES solves on: its eigenvalues tell
            solver.setComputeEigenvalues(True)
        solver.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
        # a bound beyond PETSc's own integers is none
        bound = min(max_iterations, int(np.iinfo(PETSc.IntType).max))
        solver.setTolerances(rtol=rtol, atol=0.0, max_it=bound)
        _long_and_short_waves(solver.getPC(), matrix, smooth, prolongation)
        solver.setUp()
        load, solution, rest = (own(matrix.createVecLeft()) for _ in range(3))

        def solve(values: Floats) -> KrylovResult:
            load.setArray(values if null is None else null.balance(values))
            solver.solve(load, solution)
            if null is not None:
                solution.setArray(null.rest(solution.getArray(readonly=True)))
            matrix.mult(solution, rest)  # the true residual: the recursive one may drift away from it
            rest.axpy(-1.0, load)
            residual = rest.norm() / (load.norm() or 1.0)
            if solver.getConvergedReason() <= 0:
                _refuse(solver, residual, _largest(comm, places, rest.getArray(readonly=True)))
            if not symmetric:
                _require_stable(solver)
            # the vector is that of the next load, too
            return KrylovResult(solution.getArray().copy(), solver.getIterationNumber(), residual)

        yield solve


@contextlib.contextmanager
def _coarse(comm: MPI.Comm, coarse: CoarseOperator) -> Iterator[tuple[PETSc.Mat, PETSc.Mat, Floats]]:
    """The coarse matrix, the prolongation and this rank's coarse places (collective)."""
    points = len(coarse.places)
    bounds = np.linspace(0, points, comm.size + 1).astype(int)[comm.rank : comm.rank + 2]
    own = 2 * int(bounds[1] - bounds[0])
    with contextlib.ExitStack() as stack:
        matrix = PETSc.Mat().create(ranks(comm))
        stack.callback(matrix.destroy)
        matrix.setSizes(((own, 2 * points),) * 2, bsize=2)
        matrix.setType(PETSc.Mat.Type.AIJ)
        # triplets go to the rank that has their row
        matrix.setPreallocationCOO(coarse.rows.astype(PETSc.IntType), coarse.columns.astype(PETSc.IntType))
        matrix.setValuesCOO(coarse.values)
        rows = coarse.prolongation
        prolongation = PETSc.Mat().create(ranks(comm))
        stack.callback(prolongation.destroy)
        prolongation.setSizes(((rows.shape[0], PETSc.DETERMINE), (own, 2 * points)))
        prolongation.setType(PETSc.Mat.Type.AIJ)
        indices = tuple(np.array(part, dtype=PETSc.IntType) for part in (rows.indptr, rows.indices))
        prolongation.setPreallocationCSR((*indices, rows.data))
        prolongation.assemble()
        yield matrix, prolongation, coarse.places[bounds[0] : bounds[1]]


class _CoarseCorrection:
    """GAMG on the coarse operator, as a preconditioner of A."""

    def __init__(self, matrix: PETSc.Mat, prolongation: PETSc.Mat):
        self.prolongation = prolongation
        self.load, self.correction = matrix.createVecs()
        self.pc = PETSc.PC().create(matrix.getComm())
        self.pc.setType(PETSc.PC.Type.GAMG)
        self.pc.setOperators(matrix)
        self.pc.setUp()

    def apply(self, _: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        self.prolongation.multTranspose(x, self.load)
        self.pc.apply(self.load, self.correction)
        self.prolongation.mult(self.correction, y)

    def destroy(self, _: PETSc.PC) -> None:
        """Free the handles (collective)."""
        for handle in (self.pc, self.load, self.correction):
            handle.destroy()


class _Shell:
    """The PETSc face of an :class:`OperatorBlock`: gathers the ghosts, applies the rows."""

    def __init__(self, comm: MPI.Comm, operator: OperatorBlock, size: int, null: NullModes | None):
        self.operator, self.null = operator, null
        self.ghosts = PETSc.Vec().createSeq(len(operator.ghosts), comm=MPI.COMM_SELF)
        # only its distribution over the ranks is wanted
        layout = PETSc.Vec().createMPI((size, PETSc.DETERMINE), comm=ranks(comm))
        wanted = PETSc.IS().createGeneral(operator.ghosts.astype(PETSc.IntType), comm=MPI.COMM_SELF)
        self.gather = PETSc.Scatter().create(layout, wanted, self.ghosts, None)
        layout.destroy()
        wanted.destroy()

    def mult(self, matrix: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        self.gather.scatter(x, self.ghosts)
        image = self.operator.apply(self.ghosts.getArray())
        # a resultant of A x (round-off; on scattered points the quadrature's) is nothing that the iteration
        # can remove
        y.setArray(image if self.null is None else self.null.balance(image))

    def getDiagonal(self, matrix: PETSc.Mat, diagonal: PETSc.Vec) -> None:
        diagonal.setArray(self.operator.diagonal)

    def destroy(self, matrix: PETSc.Mat) -> None:
        """Free the handles (collective); PETSc calls it when the matrix is destroyed."""
        self.gather.destroy()
        self.ghosts.destroy()


def _near_null_space(comm: MPI.Comm, coordinates: Floats, periodic: bool) -> PETSc.NullSpace:
    """Rigid-body modes; without the rotation in a periodic box, where it has a jump."""
    places = PETSc.Vec().createMPI((coordinates.size, PETSc.DETERMINE), bsize=2, comm=ranks(comm))
    modes = [places.duplicate(), places.duplicate()] if periodic else []
    try:
        if not periodic:
            places.setArray(coordinates.ravel())
            return PETSc.NullSpace().createRigidBody(places)
        for axis, mode in enumerate(modes):
            mode.setArray(np.tile(np.eye(2)[axis], len(coordinates)))
            mode.normalize()
        return PETSc.NullSpace().create(vectors=modes, comm=ranks(comm))
    finally:
        for vector in (places, *modes):
            vector.destroy()


def _long_and_short_waves(
    pc: PETSc.PC, matrix: PETSc.Mat, smooth: PETSc.Mat, prolongation: PETSc.Mat | None
) -> None:
    """GAMG on the local operator plus the inverse diagonal of the nonlocal one."""
    pc.setType(PETSc.PC.Type.COMPOSITE)
    # a sum is symmetric, as conjugate gradients need it; one after the other would not be
    pc.setCompositeType(PETSc.PC.CompositeType.ADDITIVE)
    pc.addCompositePCType(PETSc.PC.Type.GAMG if prolongation is None else PETSc.PC.Type.PYTHON)
    pc.addCompositePCType(PETSc.PC.Type.JACOBI)
    if prolongation is None:
        pc.getCompositePC(0).setOperators(smooth, smooth)
    else:
        pc.getCompositePC(0).setOperators(matrix, matrix)
        pc.getCompositePC(0).setPythonContext(_CoarseCorrection(smooth, prolongation))
    pc.getCompositePC(1).setOperators(matrix, matrix)


def _require_stable(solver: PETSc.KSP) -> None:
    """Refuse a nonsymmetric A some of whose eigenvalues, as GMRES has met them, have negative real parts.

    They are those of A times the preconditioner, which is symmetric and positive: of the same sign where A is
    nearly symmetric.  GMRES has met all that a load has a part of once it has converged.
    """
    values = np.asarray(solver.computeEigenvalues())
    lowest = float(values.real.min(initial=0.0))
    if lowest < -_UNSTABLE * float(np.abs(values).max(initial=0.0)):
        raise IndefiniteMatrixError(
            f"GMRES met eigenvalues with negative real parts, the lowest {lowest:.1e} of its preconditioned "
            f"operator, in {solver.getIterationNumber()} iterations"
        )


def _largest(comm: MPI.Comm, places: Floats, rest: Floats) -> str:
    """Where most of a residual is (collective): what does not converge often has a place."""
    size = np.hypot(*rest.reshape(-1, 2).T)
    # what is not a number is larger than any
    index = int(np.argmax(np.where(np.isfinite(size), size, np.inf))) if len(size) else -1
    own = (float(size[index]), *map(float, places[index])) if index >= 0 else (-1.0, 0.0, 0.0)
    _, x, y = max(comm.allgather(own), key=lambda entry: np.inf if np.isnan(entry[0]) else entry[0])
    return f"({x:g}, {y:g})"


def _refuse(solver: PETSc.KSP, residual: float, place: str) -> NoReturn:
    reason = solver.getConvergedReason()
    name = _REASONS.get(reason, f"reason {reason}")
    outcome = (
        f"{name} after {solver.getIterationNumber()} iterations at a relative residual of {residual:.1e}, "
        f"the largest at {place}"
    )
    indefinite = (
        PETSc.KSP.ConvergedReason.DIVERGED_INDEFINITE_MAT,
        PETSc.KSP.ConvergedReason.DIVERGED_INDEFINITE_PC,
    )
    if reason in indefinite:
        raise IndefiniteMatrixError(f"conjugate gradients stopped: {outcome}")
    raise ConvergenceError(
        f"the linear solver ({solver.getType()}) did not converge: {outcome} "
        f"(asked: {solver.getTolerances()[0]:.1e}); "
        "allow more iterations or a looser tolerance, or check that the problem is solvable"
    )


_REASONS = {
    value: name.lower().replace("_", " ")
    for name, value in vars(PETSc.KSP.ConvergedReason).items()
    if name.startswith("DIVERGED_")
}


def version() -> str:
    """PETSc's version and scalar type."""
    number = ".".join(str(part) for part in PETSc.Sys.getVersion())
    return f"version {number}, scalars {np.dtype(PETSc.ScalarType).name}"
