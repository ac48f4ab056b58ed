"""The projection with PETSc, on any number of ranks and between plates.

The operator is the stencil, applied without a matrix.  The preconditioner is
its inverse by transforms: one iteration is enough, and the residual of the
stencil proves it.  Memory decides for this against algebraic multigrid, whose
matrices would be three times all else (see docs/stz.md).
"""

import contextlib
from collections.abc import Iterator

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.errors import ConvergenceError
from ...core.loops import compiled
from ...linalg.shell import ShellSolver
from ..frame import inverse
from ..ratelaw import Material
from ..staggered import Fields, Grid, ghosted, owned
from .distributed import DistributedColumns, DistributedGrid
from .fourier import SpectralSolver, WholeRows, stencil

Array = NDArray[np.float64]

RELATIVE_TOLERANCE = 1e-9
"""On the residual of the stencil; round-off leaves about 1e-16 (n/π)² of it."""


@contextlib.contextmanager
def shared(
    grid: Grid, material: Material, comm: MPI.Comm
) -> Iterator[tuple[DistributedGrid, "KrylovProjection"]]:
    """The domain and the projection of this rank, destroyed on leaving (collective)."""
    domain = DistributedGrid(grid, comm)
    projection = KrylovProjection(domain, material)
    try:
        yield domain, projection
    finally:
        projection.close()


class KrylovProjection:
    """PETSc's iterations on the stencil; a :class:`~mdbridge.stz.equilibrium.projection.Projection`.

    Close it on all ranks together.
    """

    def __init__(self, domain: DistributedGrid, material: Material):
        """Collective."""
        grid, comm = domain.grid, domain.comm
        self._domain, self._moduli = domain, (material.mu, material.lame_lambda)
        self._has_plate = grid.boundary == "clamped" and domain.origin[0] == 0
        columns = WholeRows(grid) if comm.size == 1 else DistributedColumns(domain)
        self._spectral = SpectralSolver(grid, material, columns)
        self._ghosted = ghosted(2, domain.shape)
        self._matrix, self._blocks = np.eye(2), np.zeros((2, 2, 3, 3))
        self.smooth = self._spectral.smooth
        self.solver = ShellSolver(
            comm,
            (2, *domain.shape),
            self._multiply,
            self._invert,
            "projection",
            RELATIVE_TOLERANCE,
            # stress rates, of the order of μ, are known to 1e-15: before yield there is nothing else
            1e-14 * material.mu / min(grid.dx, grid.dy) * np.sqrt(grid.nx * grid.ny),
        )

    def close(self) -> None:
        """Destroy what PETSc holds (collective)."""
        self.solver.close()

    def solve(self, force: Fields, matrix: Array, velocity: Fields) -> None:
        """See :class:`~mdbridge.stz.equilibrium.projection.Projection` (collective).

        Of a force that is not finite it is NaN, as with any other arithmetic.

        Raises:
            ConvergenceError: the tolerance was not reached; on all ranks alike.
        """
        self._matrix, self._blocks = matrix, stencil(self._moduli, matrix, self._domain.grid)
        if self._has_plate:
            force[:, 0] = 0.0
        try:
            v = self.solver.solve(force)
        except ConvergenceError:
            if not self.solver.overflowed:
                raise
            owned(velocity)[...] = np.nan  # the state it came from is to be refused, see Stepper
        else:
            _transform(v, inverse(matrix), owned(velocity))  # V = T⁻¹ v

    def _multiply(self, v: Fields, out: Fields) -> None:
        """−∇·(C : sym ∇v); on the plate, where v is zero, the identity to scale."""
        values = self._ghosted
        owned(values)[...] = v
        if self._has_plate:
            owned(values)[:, 0] = 0.0
        self._domain.fill(values)  # above the last slab lies row 0, which is the upper plate as well
        _apply(values, self._blocks, out)
        if self._has_plate:
            out[:, 0] = v[:, 0] * self._blocks[0, 0, 1, 1]

    def _invert(self, force: Fields, out: Fields) -> None:
        self._spectral.solve(force, self._matrix, np.eye(2), out)


@compiled(fastmath={"contract", "nsz", "arcp", "reassoc"})
def _apply(x: Fields, blocks: Array, y: Fields) -> None:
    """y = blocks x; ``x`` ``(2, rows + 4, columns + 4)`` with ghosts, ``y`` ``(2, rows, columns)``."""
    rows, columns = y.shape[1:]
    for j in range(rows):
        for i in range(columns):
            first, second = 0.0, 0.0
            for m in range(3):
                for n in range(3):
                    u, v = x[0, j + m + 1, i + n + 1], x[1, j + m + 1, i + n + 1]
                    first += blocks[0, 0, m, n] * u + blocks[0, 1, m, n] * v
                    second += blocks[1, 0, m, n] * u + blocks[1, 1, m, n] * v
            y[0, j, i], y[1, j, i] = first, second


@compiled()
def _transform(v: Fields, matrix: Array, out: Fields) -> None:
    """out = matrix · v at every place, ``(2, rows, columns)``."""
    for j in range(v.shape[1]):
        for i in range(v.shape[2]):
            out[0, j, i] = matrix[0, 0] * v[0, j, i] + matrix[0, 1] * v[1, j, i]
            out[1, j, i] = matrix[1, 0] * v[0, j, i] + matrix[1, 1] * v[1, j, i]
