"""The STZ grid on many ranks: halo exchange, and the projection by PETSc.

A DMDA decides who owns what.  The elliptic operator of the projection has
constant coefficients: it is applied from its nine 2 × 2 blocks without a
matrix, and a matrix of the same blocks, at a nearby T, makes the algebraic
multigrid preconditioner of conjugate gradients.
"""

import contextlib
from collections.abc import Iterator, Sequence

import numba
import numpy as np
from mpi4py import MPI  # before petsc4py, which finds libmpi only once mpi4py has loaded it
from numpy.typing import NDArray
from petsc4py import PETSc

from ..errors import ConvergenceError, InputError
from ..stz.grid import GHOST, Fields, Grid, owned
from ..stz.model import Material

Array = NDArray[np.float64]

RELATIVE_TOLERANCE = 1e-11
_REBUILD_AT = 0.08  # change of T since the preconditioner was made; costs about one more iteration


@contextlib.contextmanager
def shared(
    grid: Grid, material: Material, comm: MPI.Comm
) -> Iterator[tuple["SharedGrid", "KrylovProjection"]]:
    """The domain and the projection of this rank, destroyed on leaving (collective)."""
    domain = SharedGrid(grid, comm)
    try:
        projection = KrylovProjection(domain, material)
        try:
            yield domain, projection
        finally:
            projection.close()
    finally:
        domain.close()


class SharedGrid:
    """A rank's block of the grid; a :class:`~mdbridge.stz.grid.Domain`.

    Attributes:
        grid: the whole grid.
        shape, origin: this rank's block.
        da: the DMDA, two unknowns per corner, one ghost layer, periodic; see :meth:`close`.
    """

    def __init__(self, grid: Grid, comm: MPI.Comm):
        """Share ``grid`` among the ranks of ``comm`` (collective).

        Raises:
            InputError: a rank would own less than the ghost layers reach.
        """
        self.grid, self._comm = grid, comm
        self._processes = MPI.Compute_dims(comm.size, 2)  # descending: more processes along y
        along_y, along_x = self._processes
        self._row, self._column = divmod(comm.rank, along_x)
        if grid.ny // along_y < GHOST or grid.nx // along_x < GHOST:
            raise InputError(
                f"grid {grid.ny} × {grid.nx} on {along_y} × {along_x} ranks leaves blocks "
                f"smaller than {GHOST} × {GHOST}: use fewer ranks"
            )
        self.da = PETSc.DMDA().create(
            dim=2,
            dof=2,
            sizes=(grid.nx, grid.ny),
            proc_sizes=(along_x, along_y),
            boundary_type=(PETSc.DM.BoundaryType.PERIODIC,) * 2,
            stencil_type=PETSc.DMDA.StencilType.BOX,
            stencil_width=1,
            comm=comm,
        )
        (x0, y0), (nx, ny) = self.da.getCorners()
        self.origin, self.shape = (y0, x0), (ny, nx)

    def close(self) -> None:
        """Destroy the DMDA (collective)."""
        self.da.destroy()

    def fill(self, fields: Fields) -> None:
        """Fill the ghost layers periodically, columns first, then whole rows with their corners."""
        g = GHOST
        self._exchange(fields[:, g:-g].swapaxes(1, 2), 1)
        self._exchange(fields, 0)

    def total(self, values: Array) -> Array:
        """Sum over all ranks."""
        return self._comm.allreduce(values, MPI.SUM) if self._comm.size > 1 else values

    def maximum(self, values: Array) -> Array:
        """Elementwise largest over all ranks."""
        result = np.empty_like(values)
        self._comm.Allreduce(values, result, MPI.MAX)
        return result

    def worst(self, value: float, cell: tuple[int, int]) -> tuple[int, int]:
        """The cell of the rank with the largest value, numbered in the whole grid."""
        whole = (cell[0] + self.origin[0], cell[1] + self.origin[1])
        return max(self._comm.allgather((value, whole)))[1]

    def gather(self, fields: Fields) -> Fields | None:
        """The whole fields on rank 0."""
        parts = self._comm.gather((self.origin, np.ascontiguousarray(fields)))
        if parts is None:
            return None
        whole = np.empty((len(fields), *self.grid.shape))
        for (row, column), part in parts:
            whole[:, row : row + part.shape[1], column : column + part.shape[2]] = part
        return whole

    def _exchange(self, fields: Fields, axis: int) -> None:
        """Swap ghost layers, on axis 1 of ``fields``, with the neighbours along ``axis`` of the ranks."""
        g = GHOST
        first, last = fields[:, g : 2 * g], fields[:, -2 * g : -g]
        if self._processes[axis] == 1:
            fields[:, :g], fields[:, -g:] = last, first
            return
        below, above = self._neighbour(axis, -1), self._neighbour(axis, 1)
        received = np.empty(first.shape)
        self._comm.Sendrecv(np.ascontiguousarray(first), below, 0, received, above, 0)
        fields[:, -g:] = received
        self._comm.Sendrecv(np.ascontiguousarray(last), above, 1, received, below, 1)
        fields[:, :g] = received

    def _neighbour(self, axis: int, step: int) -> int:
        place = [self._row, self._column]
        place[axis] = (place[axis] + step) % self._processes[axis]
        return place[0] * self._processes[1] + place[1]


class KrylovProjection:
    """Conjugate gradients with algebraic multigrid; a :class:`~mdbridge.stz.projection.Projection`.

    Serves periodic and clamped grids on any number of ranks.  Close it on all
    ranks together.
    """

    def __init__(self, domain: SharedGrid, material: Material, rtol: float = RELATIVE_TOLERANCE):
        """``rtol``: on the preconditioned residual, relative to that of zero velocity (collective)."""
        self._domain, self._moduli = domain, (material.mu, material.lame_lambda)
        self._plate = domain.grid.boundary == "clamped" and domain.origin[0] == 0
        self._plate_below = domain.grid.boundary == "clamped"
        self._made_at: Array | None = None
        da = domain.da
        self._solution, self._force = da.createGlobalVec(), da.createGlobalVec()
        self._ghosted = da.createLocalVec()
        self._preconditioning = da.createMat()
        self._null: PETSc.NullSpace | None = None
        size = self._solution.getSizes()
        self._operator = PETSc.Mat().createPython((size, size), self, comm=da.comm)
        self._operator.setUp()
        self._ksp = PETSc.KSP().create(da.comm)
        self._configure(rtol)

    def close(self) -> None:
        """Destroy the PETSc objects (collective)."""
        handles: Sequence[PETSc.Object | None] = (
            self._ksp,
            self._operator,
            self._preconditioning,
            self._null,
            self._ghosted,
            self._force,
            self._solution,
        )
        for handle in handles:
            if handle is not None:
                handle.destroy()

    @property
    def iterations(self) -> int:
        """Iterations of the last solve."""
        return self._ksp.getIterationNumber()

    def solve(self, force: Fields, matrix: Array, velocity: Fields) -> None:
        """See :class:`~mdbridge.stz.projection.Projection` (collective).

        Raises:
            ConvergenceError: the tolerance was not reached; on all ranks alike.
        """
        self._blocks = stencil(self._moduli, matrix, self._domain.grid.dx, self._domain.grid.dy)
        self._refresh(matrix)
        inner = owned(velocity)
        right, unknown = self._view(self._force), self._view(self._solution)
        right[...] = np.moveaxis(force, 0, -1)
        unknown[...] = np.einsum("ij,jyx->yxi", matrix, inner)  # v = T V
        if self._plate:
            right[0] = unknown[0] = 0.0
        if not self._domain.maximum(np.abs(right).max(keepdims=True).ravel())[0] > 0.0:
            inner[...] = 0.0
            return
        self._ksp.solve(self._force, self._solution)
        if self._ksp.getConvergedReason() < 0:
            raise ConvergenceError(
                f"projection: no convergence after {self._ksp.getIterationNumber()} iterations "
                f"(PETSc reason {self._ksp.getConvergedReason()})"
            )
        if self._null is not None:
            self._null.remove(self._solution)
        (a, b), (c, d) = matrix
        inner[...] = np.einsum("ij,yxj->iyx", np.array([[d, -b], [-c, a]]), self._view(self._solution))
        if self._plate:
            inner[:, 0] = 0.0  # exactly, whatever the multigrid left there

    def mult(self, operator: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = −∇·(C : sym ∇x); PETSc calls it."""
        self._domain.da.globalToLocal(x, self._ghosted)
        rows, columns = self._domain.shape
        values = self._ghosted.getArray().reshape(rows + 2, columns + 2, 2)
        if self._plate_below:
            self._blank_plates(values)
        out = self._view(y)
        _apply(values, self._blocks, out)
        if self._plate:
            out[0] = self._view(x, readonly=True)[0] * self._blocks[0, 0, 1, 1]

    def _view(self, vector: PETSc.Vec, readonly: bool = False) -> Array:
        return vector.getArray(readonly).reshape(*self._domain.shape, 2)

    def _blank_plates(self, values: Array) -> None:
        """Zero velocity where a row of ``values`` (one ghost layer) lies on a plate."""
        first = self._domain.origin[0]
        for row in range(len(values)):
            if (first + row - 1) % self._domain.grid.ny == 0:
                values[row] = 0.0

    def _patterns(self) -> list[PETSc.Vec]:
        """The unit vectors of zero energy: each component constant, and alternating like a chessboard."""
        (row, column), (rows, columns) = self._domain.origin, self._domain.shape
        odd = np.add.outer(np.arange(row, row + rows), np.arange(column, column + columns)) % 2
        vectors = []
        for pattern in (np.ones_like(odd), 1 - 2 * odd):
            for component in range(2):
                vector = self._domain.da.createGlobalVec()
                self._view(vector)[..., component] = pattern
                vector.normalize()
                vectors.append(vector)
        return vectors

    def _configure(self, rtol: float) -> None:
        ksp, grid, comm = self._ksp, self._domain.grid, self._domain.da.comm
        patterns = self._patterns()
        # multigrid must know the checkerboards: to a smoother they are as slow as translations
        near = PETSc.NullSpace().create(vectors=patterns, comm=comm)
        self._preconditioning.setNearNullSpace(near)
        near.destroy()
        if not self._plate_below:  # no null vectors between plates, no checkerboards in an odd period
            even = grid.nx % 2 == 0 and grid.ny % 2 == 0
            self._null = PETSc.NullSpace().create(vectors=patterns[: 4 if even else 2], comm=comm)
            self._operator.setNullSpace(self._null)
        for pattern in patterns:
            pattern.destroy()  # the null spaces hold them
        ksp.setOperators(self._operator, self._preconditioning)
        ksp.setType(PETSc.KSP.Type.CG)
        ksp.setInitialGuessNonzero(True)
        atol = 1e-15 * grid.lx * np.sqrt(grid.nx * grid.ny)  # Å: nothing to solve for before yield
        ksp.setTolerances(rtol=rtol, atol=atol, max_it=200)
        ksp.getPC().setType(PETSc.PC.Type.GAMG)
        prefix = "mdbridge_projection_"
        options = PETSc.Options(prefix)
        chosen = {"pc_gamg_threshold": -1, "mg_levels_ksp_max_it": 2, "mg_levels_pc_type": "jacobi"}
        for name, value in chosen.items():
            options[name] = value
        ksp.setOptionsPrefix(prefix)
        ksp.setFromOptions()
        for name in chosen:
            del options[name]

    def _refresh(self, matrix: Array) -> None:
        """Make the preconditioner anew if T has moved away from that of the last."""
        if self._made_at is not None and np.abs(matrix - self._made_at).max() < _REBUILD_AT:
            return
        if self._made_at is not None:  # the old levels go before the new ones come
            self._ksp.getPC().reset()
            self._ksp.setOperators(self._operator, self._preconditioning)
        grid, blocks = self._domain.grid, self._blocks.copy()
        # off the singular: far below the smallest true eigenvalue, μ (2π/L)²
        shift = 1e-3 * self._moduli[0] * (2.0 * np.pi / max(grid.lx, grid.ly)) ** 2
        blocks[np.arange(2), np.arange(2), 1, 1] += shift
        self._preconditioning.setValuesBlockedCSR(*self._rows(blocks))
        self._preconditioning.assemble()
        self._made_at = matrix.copy()

    def _rows(self, blocks: Array) -> tuple[NDArray[np.int32], NDArray[np.int32], Array]:
        """Row starts, columns and 2 × 2 values of this rank's block rows."""
        rows, columns = self._domain.shape
        number = self._domain.da.getLGMap().getBlockIndices().reshape(rows + 2, columns + 2)
        neighbours = np.stack(
            [number[j : j + rows, i : i + columns] for j in range(3) for i in range(3)], axis=-1
        ).reshape(-1, 9)
        values = np.broadcast_to(
            blocks.transpose(2, 3, 0, 1).reshape(9, 2, 2), (rows, columns, 9, 2, 2)
        ).copy()
        if self._plate_below:
            level = (
                self._domain.origin[0] + np.arange(rows)[:, None] + np.arange(9) // 3 - 1
            ) % self._domain.grid.ny
            values[np.broadcast_to((level == 0)[:, None, :], (rows, columns, 9))] = 0.0
            if self._plate:
                values[0] = 0.0
                values[0, :, 4] = blocks[0, 0, 1, 1] * np.eye(2)
        starts = np.arange(0, 9 * rows * columns + 1, 9, dtype=PETSc.IntType)
        return starts, neighbours.ravel().astype(PETSc.IntType), values


def stencil(moduli: tuple[float, float], matrix: Array, dx: float, dy: float) -> Array:
    """The nine 2 × 2 blocks of −∇·(C : sym ∇v) for four-cell differences at T, ``(2, 2, 3, 3)``.

    Args:
        moduli: μ, λ in GPa.
        matrix: T, ``(2, 2)``.
        dx, dy: spacing in Å.

    Returns:
        [component of force, of velocity, row offset + 1, column offset + 1], GPa/Å².
    """
    mu, lame = moduli
    second, first, mean = np.array([-1.0, 2.0, -1.0]), np.array([-0.5, 0.0, 0.5]), np.array([0.25, 0.5, 0.25])
    square_x = np.outer(mean, second) / dx**2  # symbols K_x², K_y², K_x K_y
    square_y = np.outer(second, mean) / dy**2
    mixed = -np.outer(first, first) / (dx * dy)
    squares = np.array([[square_x, mixed], [mixed, square_y]])
    inverse = np.linalg.inv(matrix)  # κ = T⁻ᵀ K
    wave = np.einsum("ca,db,cdji->abji", inverse, inverse, squares)
    return mu * np.einsum("ab,ji->abji", np.eye(2), wave[0, 0] + wave[1, 1]) + (lame + mu) * wave


@numba.njit(cache=True, fastmath={"contract", "nsz", "arcp", "reassoc"})
def _apply(x: Array, blocks: Array, y: Array) -> None:
    """y = blocks x; ``x`` ``(rows + 2, columns + 2, 2)`` with ghosts, ``y`` ``(rows, columns, 2)``."""
    rows, columns = y.shape[:2]
    for j in range(rows):
        for i in range(columns):
            first, second = 0.0, 0.0
            for m in range(3):
                for n in range(3):
                    u, v = x[j + m, i + n, 0], x[j + m, i + n, 1]
                    first += blocks[0, 0, m, n] * u + blocks[0, 1, m, n] * v
                    second += blocks[1, 0, m, n] * u + blocks[1, 1, m, n] * v
            y[j, i, 0], y[j, i, 1] = first, second
