"""The STZ grid shared by ranks: whole rows in slabs along y, and whole columns for transforms."""

import itertools

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..errors import InputError
from .grid import GHOST, Fields, Grid, wrap

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


def split(count: int, parts: int) -> list[int]:
    """Where each of ``parts`` nearly equal ranges of ``count`` begins, and the end."""
    return [part * count // parts for part in range(parts + 1)]


class SharedGrid:
    """A rank's slab of the grid; a :class:`~mdbridge.stz.grid.Domain`.

    Attributes:
        grid: the whole grid.
        comm: the ranks that share it, in order of y.
        shape, origin: this rank's slab.
    """

    def __init__(self, grid: Grid, comm: MPI.Comm):
        """Share ``grid`` among the ranks of ``comm``.

        Raises:
            InputError: a rank would own fewer rows than the ghost layers reach, or no column.
        """
        most = min(grid.ny // GHOST, grid.nx // 2 + 1)
        if comm.size > most:
            raise InputError(
                f"grid {grid.ny} × {grid.nx} (rows, columns) can be shared by {most} ranks at most, "
                f"not by {comm.size}: use fewer ranks"
            )
        self.grid, self.comm = grid, comm
        rows = split(grid.ny, comm.size)
        self.origin = (rows[comm.rank], 0)
        self.shape = (rows[comm.rank + 1] - rows[comm.rank], grid.nx)

    def fill(self, fields: Fields) -> None:
        """Fill the ghost layers periodically."""
        if self.comm.size == 1:
            wrap(fields)
            return
        g, size, rank = GHOST, self.comm.size, self.comm.rank
        fields[:, :, :g], fields[:, :, -g:] = fields[:, :, -2 * g : -g], fields[:, :, g : 2 * g]
        below, above = (rank - 1) % size, (rank + 1) % size
        received = np.empty((len(fields), g, fields.shape[2]))
        self.comm.Sendrecv(np.ascontiguousarray(fields[:, g : 2 * g]), below, 0, received, above, 0)
        fields[:, -g:] = received
        self.comm.Sendrecv(np.ascontiguousarray(fields[:, -2 * g : -g]), above, 1, received, below, 1)
        fields[:, :g] = received

    def total(self, values: Array) -> Array:
        """Sum over all ranks."""
        return self._reduced(values, MPI.SUM)

    def maximum(self, values: Array) -> Array:
        """Elementwise largest over all ranks."""
        return self._reduced(values, MPI.MAX)

    def _reduced(self, values: Array, operation: MPI.Op) -> Array:
        result = np.empty_like(values)
        self.comm.Allreduce(values, result, operation)
        return result

    def worst(self, value: float, cell: tuple[int, int]) -> tuple[int, int]:
        """The cell of the rank with the largest value, numbered in the whole grid."""
        return max(self.comm.allgather((value, (cell[0] + self.origin[0], cell[1]))))[1]

    def gather(self, fields: Fields) -> Fields | None:
        """The whole fields on rank 0."""
        parts = self.comm.gather(np.ascontiguousarray(fields))
        return None if parts is None else np.concatenate(parts, axis=1)


class SharedColumns:
    """Whole columns of the spectrum of a shared grid; :class:`~mdbridge.stz.spectral.Columns`.

    Rows are transformed where they are; then every rank gives every other its
    part of some columns.  MPI picks the parts out of the arrays by itself.
    """

    def __init__(self, domain: SharedGrid):
        """Must be closed on all ranks together."""
        grid, self._comm = domain.grid, domain.comm
        self._nx = grid.nx
        rows, columns = split(grid.ny, self._comm.size), split(grid.nx // 2 + 1, self._comm.size)
        rank = self._comm.rank
        self.first, self.count = columns[rank], columns[rank + 1] - columns[rank]
        self._rows = np.empty((2, domain.shape[0], grid.nx // 2 + 1), dtype=complex)
        self._columns = np.empty((2, grid.ny, self.count), dtype=complex)
        self._types = {
            n: (
                [_part(self._rows[:n], 2, *pair) for pair in itertools.pairwise(columns)],
                [_part(self._columns[:n], 1, *pair) for pair in itertools.pairwise(rows)],
            )
            for n in (1, 2)
        }

    def close(self) -> None:
        """Free the descriptions of the parts."""
        for pair in self._types.values():
            for part in (*pair[0], *pair[1]):
                part.Free()
        self._types.clear()

    def forward(self, rows: Fields) -> Spectrum:
        """See :class:`~mdbridge.stz.spectral.Columns`."""
        n = len(rows)
        mine, whole = self._rows[:n], self._columns[:n]
        np.fft.rfft(rows, axis=2, out=mine)
        of_rows, of_columns = self._types[n]
        self._comm.Alltoallw([mine, of_rows], [whole, of_columns])
        return whole

    def backward(self, spectrum: Spectrum, out: Fields) -> None:
        """See :class:`~mdbridge.stz.spectral.Columns`."""
        n = len(spectrum)
        mine = self._rows[:n]
        of_rows, of_columns = self._types[n]
        self._comm.Alltoallw([spectrum, of_columns], [mine, of_rows])
        np.fft.irfft(mine, n=self._nx, axis=2, out=out)


def _part(array: Spectrum, axis: int, start: int, stop: int) -> MPI.Datatype:
    """The description of ``array[..., start:stop, ...]`` on ``axis``."""
    shape, starts = list(array.shape), [0, 0, 0]
    shape[axis], starts[axis] = stop - start, start
    return MPI.C_DOUBLE_COMPLEX.Create_subarray(array.shape, shape, starts).Commit()
