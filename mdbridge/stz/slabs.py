"""The STZ grid shared by ranks: whole rows in slabs along y, and whole columns for transforms."""

from itertools import pairwise

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..errors import InputError
from .grid import GHOST, Fields, Grid, wrap, wrap_columns
from .transforms import rows_backward, rows_forward

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
        wrap_columns(fields)
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
    part of some columns.  The parts are packed here: MPI would do it from a
    description of them at a fifth of the speed.  The spectrum is transformed in
    place, so that :meth:`backward` is given what :meth:`forward` gave.
    """

    def __init__(self, domain: SharedGrid):
        """For the ranks of the domain."""
        grid, self._comm, rank = domain.grid, domain.comm, domain.comm.rank
        self._rows_of = [slice(*pair) for pair in pairwise(split(grid.ny, self._comm.size))]
        self._columns_of = [slice(*pair) for pair in pairwise(split(grid.nx // 2 + 1, self._comm.size))]
        mine = _length(self._columns_of[rank])
        # an odd count, the last perhaps empty: at a pitch of a power of two transforms along columns
        # run at half the speed
        self.first, self.count = self._columns_of[rank].start, mine | 1
        self._rows = np.empty((2, domain.shape[0], grid.nx // 2 + 1), dtype=complex)
        self._columns = np.zeros((2, grid.ny, self.count), dtype=complex)
        self._others = [other for other in range(self._comm.size) if other != rank]
        size = 2 * max(
            domain.shape[0] * sum(_length(self._columns_of[q]) for q in self._others),
            mine * sum(_length(self._rows_of[q]) for q in self._others),
        )
        self._outgoing, self._incoming = np.empty(size, dtype=complex), np.empty(size, dtype=complex)

    def forward(self, rows: Fields) -> Spectrum:
        """See :class:`~mdbridge.stz.spectral.Columns`."""
        spectrum, columns = self._rows[: len(rows)], self._columns[: len(rows)]
        rows_forward(rows, spectrum)
        kept = columns[..., : _length(self._columns_of[self._comm.rank])]
        self._exchange(
            [spectrum[..., part] for part in self._columns_of], [kept[:, part] for part in self._rows_of]
        )
        return columns

    def backward(self, spectrum: Spectrum, out: Fields) -> None:
        """See :class:`~mdbridge.stz.spectral.Columns`."""
        rows = self._rows[: len(spectrum)]
        kept = spectrum[..., : _length(self._columns_of[self._comm.rank])]
        self._exchange(
            [kept[:, part] for part in self._rows_of], [rows[..., part] for part in self._columns_of]
        )
        rows_backward(rows, out)

    def _exchange(self, given: list[Spectrum], taken: list[Spectrum]) -> None:
        """Give part q to rank q, and take what it gives."""
        sizes = [[0] * self._comm.size, [0] * self._comm.size]
        places = [[0] * self._comm.size, [0] * self._comm.size]
        for side, parts in enumerate((given, taken)):
            start = 0
            for q in self._others:
                sizes[side][q], places[side][q] = parts[q].size, start
                start += parts[q].size
        for q in self._others:
            self._box(self._outgoing, places[0][q], given[q])[...] = given[q]
        outgoing, incoming = [self._outgoing, (sizes[0], places[0])], [self._incoming, (sizes[1], places[1])]
        on_its_way = self._comm.Ialltoallv(outgoing, incoming)
        rank = self._comm.rank
        taken[rank][...] = given[rank]
        on_its_way.Wait()
        for q in self._others:
            taken[q][...] = self._box(self._incoming, places[1][q], taken[q])

    @staticmethod
    def _box(buffer: Spectrum, start: int, part: Spectrum) -> Spectrum:
        return buffer[start : start + part.size].reshape(part.shape)


def _length(part: slice) -> int:
    return part.stop - part.start
