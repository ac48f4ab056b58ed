"""Rows of a spectrum to columns and back, among ranks: through shared memory, or by messages.

Every rank has the spectrum of its rows, and of all rows its columns.  Ranks on one node
read each other's part from where it lies, a quarter of the copies that messages take.
"""

import math
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

Spectrum = NDArray[np.complex128]


def split(count: int, parts: int) -> list[int]:
    """Where each of ``parts`` nearly equal ranges of ``count`` begins, and the end."""
    return [part * count // parts for part in range(parts + 1)]


class Parts:
    """Who has which rows and columns.

    Attributes:
        rows, columns: of every rank.
        rank: this one.
    """

    def __init__(self, ny: int, columns: int, comm: MPI.Comm):
        self.rank = comm.rank
        self.rows = [slice(*pair) for pair in pairwise(split(ny, comm.size))]
        self.columns = [slice(*pair) for pair in pairwise(split(columns, comm.size))]

    @property
    def bytes(self) -> int:
        """Of the arrays of all ranks."""
        values = sum(math.prod(shape) for rank in range(len(self.rows)) for shape in self.shapes(rank))
        return values * np.dtype(complex).itemsize

    def shapes(self, rank: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Of the two arrays of a rank.

        The count of columns is odd, the last perhaps empty: at a pitch of a power of
        two transforms along columns run at half the speed.
        """
        ny, count = self.rows[-1].stop, self.columns[-1].stop
        return (2, _length(self.rows[rank]), count), (2, ny, _length(self.columns[rank]) | 1)


class Memory:
    """Between ranks of one node.  ``to_columns`` and ``to_rows`` take turns.

    Attributes:
        rows: spectrum of this rank's rows, ``(2, rows, all columns)``.
        columns: of its columns, ``(2, all rows, columns)``.
    """

    def __init__(self, parts: Parts, comm: MPI.Comm):
        """Collective."""
        self._parts, self._comm = parts, comm
        shapes = [parts.shapes(rank) for rank in range(comm.size)]
        self._windows, arrays = [], []
        for kind in range(2):
            size = math.prod(shapes[comm.rank][kind]) * np.dtype(complex).itemsize
            window = MPI.Win.Allocate_shared(size, 1, comm=comm)
            window.Lock_all()
            parts_of_all = [window.Shared_query(rank)[0] for rank in range(comm.size)]
            arrays.append(
                [
                    np.frombuffer(memory, dtype=complex).reshape(shape[kind])
                    for memory, shape in zip(parts_of_all, shapes, strict=True)
                ]
            )
            self._windows.append(window)
        self._all_rows, self._all_columns = arrays
        self.rows, self.columns = self._all_rows[comm.rank], self._all_columns[comm.rank]
        self.columns[...] = 0.0

    def to_columns(self, count: int) -> None:
        """Set the columns of the first ``count`` fields from everybody's rows (collective)."""
        self._meet()
        mine = self._parts.columns[self._parts.rank]
        for theirs, rows in zip(self._parts.rows, self._all_rows, strict=True):
            self.columns[:count, theirs, : _length(mine)] = rows[:count, :, mine]

    def to_rows(self, count: int) -> None:
        """The way back (collective)."""
        self._meet()
        mine = self._parts.rows[self._parts.rank]
        for theirs, columns in zip(self._parts.columns, self._all_columns, strict=True):
            self.rows[:count, :, theirs] = columns[:count, mine, : _length(theirs)]

    def _meet(self) -> None:
        """Everybody has written; and, as the two ways take turns, has read what is written next."""
        for window in self._windows:
            window.Sync()
        self._comm.Barrier()
        for window in self._windows:
            window.Sync()

    def close(self) -> None:
        """Give the memory back (collective)."""
        self.rows = self.columns = np.empty((2, 0, 0), dtype=complex)
        self._all_rows, self._all_columns = [], []
        for window in self._windows:
            window.Unlock_all()
            window.Free()


class Messages:
    """Between nodes; attributes and methods of :class:`Memory`.

    The parts are packed here: MPI would do it from a description of them at a fifth of the speed.
    """

    def __init__(self, parts: Parts, comm: MPI.Comm):
        self._parts, self._comm = parts, comm
        rows, columns = parts.shapes(comm.rank)
        self.rows, self.columns = np.empty(rows, dtype=complex), np.zeros(columns, dtype=complex)
        self._others = [rank for rank in range(comm.size) if rank != comm.rank]
        size = 2 * max(
            rows[1] * sum(_length(parts.columns[q]) for q in self._others),
            _length(parts.columns[comm.rank]) * sum(_length(parts.rows[q]) for q in self._others),
        )
        self._outgoing, self._incoming = np.empty(size, dtype=complex), np.empty(size, dtype=complex)

    def to_columns(self, count: int) -> None:
        """Set the columns of the first ``count`` fields from everybody's rows (collective)."""
        self._exchange(*self._views(count))

    def to_rows(self, count: int) -> None:
        """The way back (collective)."""
        rows, columns = self._views(count)
        self._exchange(columns, rows)

    def close(self) -> None:
        """Nothing to give back."""

    def _views(self, count: int) -> tuple[list[Spectrum], list[Spectrum]]:
        """Of rows and of columns, the parts that go to or come from each rank."""
        kept = self.columns[:count, :, : _length(self._parts.columns[self._parts.rank])]
        rows = [self.rows[:count, :, part] for part in self._parts.columns]
        return rows, [kept[:, part] for part in self._parts.rows]

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


def can_share(parts: Parts, comm: MPI.Comm) -> bool:
    """Whether all ranks are on one node with room to share (collective; the same answer on all)."""
    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    try:
        return comm.allreduce(node.size == comm.size and _room() > 2 * parts.bytes, MPI.LAND)
    finally:
        node.Free()


def _room() -> float:
    """Bytes free where Linux keeps shared memory, which a container may have made small."""
    return shutil.disk_usage("/dev/shm").free if Path("/dev/shm").is_dir() else math.inf


def _length(part: slice) -> int:
    return part.stop - part.start
