"""The STZ grid shared by ranks: whole rows in slabs along y, and whole columns for transforms."""

from itertools import pairwise

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.errors import InputError
from ..staggered import GHOST, Fields, Grid, wrap, wrap_columns
from .exchange import Parts, SentSpectrum, SharedSpectrum, shared_memory, split
from .transforms import rows_backward, rows_forward

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


class DistributedGrid:
    """A rank's slab of the grid; a :class:`~mdbridge.stz.staggered.Domain`.

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
        # first: then rows travel with their ghosts, and the corners of the ghost layers are right
        wrap_columns(fields)
        below, above = (rank - 1) % size, (rank + 1) % size
        received = np.empty((len(fields), g, fields.shape[2]))
        # one way, then the other; with two ranks below and above are the same one, and the tags tell them
        # apart
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
        # of equal values the later cell: the same one on all ranks
        return max(self.comm.allgather((value, (cell[0] + self.origin[0], cell[1]))))[1]

    def gather(self, fields: Fields) -> Fields | None:
        """The whole fields on rank 0, each from everybody's rows straight to its place."""
        edges = split(self.grid.ny, self.comm.size)
        counts = [(stop - start) * self.grid.nx for start, stop in pairwise(edges)]
        whole = np.empty((len(fields), *self.grid.shape)) if self.comm.rank == 0 else None
        # field by field into its place: all at once would have to be sorted through a second array of that
        # size
        for number, field in enumerate(fields):
            place = None if whole is None else [whole[number], counts]
            self.comm.Gatherv(np.ascontiguousarray(field), place)
        return whole


class DistributedColumns:
    """Whole columns of the spectrum of a shared grid; :class:`~mdbridge.stz.equilibrium.fourier.Columns`.

    Rows are transformed by who has them, columns by who is to work on them.  The spectrum is
    transformed in place, so that :meth:`backward` is given what :meth:`forward` gave.
    """

    def __init__(self, domain: DistributedGrid, by_messages: bool = False):
        """For the ranks of the domain (collective); by messages also where they share no memory."""
        grid, comm = domain.grid, domain.comm
        parts = Parts(grid.ny, grid.nx // 2 + 1, comm)
        memory = None if by_messages else shared_memory(comm, parts.bytes)
        self._exchange = SentSpectrum(parts, comm) if memory is None else SharedSpectrum(parts, comm, memory)
        self.first, self.mine = parts.columns[comm.rank].start, self._exchange.mine

    def forward(self, rows: Fields) -> Spectrum:
        """See :class:`~mdbridge.stz.equilibrium.fourier.Columns`."""
        count = len(rows)
        rows_forward(rows, self._exchange.rows[:count])
        self._exchange.to_columns(count)
        return self._exchange.columns[:count]

    def backward(self, spectrum: Spectrum, out: Fields) -> None:
        """See :class:`~mdbridge.stz.equilibrium.fourier.Columns`."""
        count = len(spectrum)
        self._exchange.to_rows(count)
        rows_backward(self._exchange.rows[:count], out)
