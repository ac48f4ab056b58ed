"""Rows of a spectrum to columns and back, among ranks: in shared memory, or by messages.

Ranks on one node have one spectrum between them: each writes its rows, then works on its
columns where they lie.  Between nodes every rank has its rows and its columns, and they are sent.
"""

import contextlib
import math
import mmap
import os
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

Spectrum = NDArray[np.complex128]

SHARED = "/dev/shm"
"""Where Linux keeps files in memory; a container may have made it small."""


def split(count: int, parts: int) -> list[int]:
    """Where each of ``parts`` nearly equal ranges of ``count`` begins, and the end."""
    return [part * count // parts for part in range(parts + 1)]


class Parts:
    """Who has which rows and columns.

    Attributes:
        rows, columns: of every rank.
        rank: this one.
        shape: of the whole spectrum, ``(2, ny, columns)``.
    """

    def __init__(self, ny: int, columns: int, comm: MPI.Comm):
        self.rank, self.shape = comm.rank, (2, ny, columns)
        self.rows = [slice(*pair) for pair in pairwise(split(ny, comm.size))]
        self.columns = [slice(*pair) for pair in pairwise(split(columns, comm.size))]

    @property
    def bytes(self) -> int:
        """Of the whole spectrum."""
        return math.prod(self.shape) * np.dtype(complex).itemsize


class SharedSpectrum:
    """Between ranks that share memory: nothing moves.  ``to_columns`` and ``to_rows`` take turns.

    Attributes:
        rows: spectrum of this rank's rows, ``(2, rows, columns)``.
        columns: of all rows, ``(2, all rows, columns)``.
        mine: which of these columns are this rank's.
    """

    def __init__(self, parts: Parts, comm: MPI.Comm, memory: mmap.mmap):
        """``memory``: from :func:`shared_memory`, of ``parts.bytes``."""
        self._comm = comm
        self.columns = np.frombuffer(memory, dtype=complex).reshape(parts.shape)
        self.rows, self.mine = self.columns[:, parts.rows[parts.rank]], parts.columns[parts.rank]

    def to_columns(self, count: int) -> None:
        """Have the rows of the first ``count`` fields from everybody (collective)."""
        # nothing need move, but all must have written before one reads
        self._comm.Barrier()

    def to_rows(self, count: int) -> None:
        """Have their columns from everybody (collective)."""
        self._comm.Barrier()


class SentSpectrum:
    """Between nodes: as :class:`SharedSpectrum`, with columns of this rank's alone, perhaps an empty one too.

    The parts are packed here: MPI would do it from a description of them at a fifth of the speed.
    """

    def __init__(self, parts: Parts, comm: MPI.Comm):
        self._parts, self._comm = parts, comm
        _, ny, count = parts.shape
        row_count, column_count = _length(parts.rows[comm.rank]), _length(parts.columns[comm.rank])
        self.mine = slice(0, column_count)
        self.rows = np.empty((2, row_count, count), dtype=complex)
        # an odd count: at a pitch of a power of two transforms along columns run at half the speed
        self.columns = np.zeros((2, ny, column_count | 1), dtype=complex)
        self._others = [rank for rank in range(comm.size) if rank != comm.rank]
        size = 2 * max(
            row_count * sum(_length(parts.columns[q]) for q in self._others),
            column_count * sum(_length(parts.rows[q]) for q in self._others),
        )
        self._outgoing, self._incoming = np.empty(size, dtype=complex), np.empty(size, dtype=complex)

    def to_columns(self, count: int) -> None:
        """Set the columns of the first ``count`` fields from everybody's rows (collective)."""
        self._exchange(*self._views(count))

    def to_rows(self, count: int) -> None:
        """The way back (collective)."""
        rows, columns = self._views(count)
        self._exchange(columns, rows)

    def _views(self, count: int) -> tuple[list[Spectrum], list[Spectrum]]:
        """Of rows and of columns, the parts that go to or come from each rank."""
        kept = self.columns[:count, :, self.mine]
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
        # this rank's own part, which is in neither buffer, is copied while the others travel
        on_its_way = self._comm.Ialltoallv(outgoing, incoming)
        rank = self._comm.rank
        taken[rank][...] = given[rank]
        on_its_way.Wait()
        for q in self._others:
            taken[q][...] = self._box(self._incoming, places[1][q], taken[q])

    @staticmethod
    def _box(buffer: Spectrum, start: int, part: Spectrum) -> Spectrum:
        return buffer[start : start + part.size].reshape(part.shape)


def shared_memory(comm: MPI.Comm, size: int) -> mmap.mmap | None:
    """``size`` bytes of zeros that all ranks see; None on all if some cannot (collective).

    A file in memory that has no name once all have opened it: it goes with the last
    array on it, however the run ends, and nobody waits for anybody to give it back.
    """
    path = _new_file(size) if comm.rank == 0 else None
    path = comm.bcast(path)
    memory = None
    if path is not None:
        with contextlib.suppress(OSError), Path(path).open("r+b") as file:  # on another node there is none
            memory = mmap.mmap(file.fileno(), size)
    # nobody opens it after this: its name may go, and what is mapped stays
    seen_by_all = comm.allreduce(memory is not None, MPI.LAND)
    if comm.rank == 0 and path is not None:
        Path(path).unlink()
    return memory if seen_by_all else None


def _new_file(size: int) -> str | None:
    """A file of ``size`` bytes of memory; None where there is no such place, or too little room."""
    try:
        handle, path = tempfile.mkstemp(prefix="mdbridge-", dir=SHARED)
    except OSError:
        return None
    try:
        # taken now: where room is promised only, the first write into a full one ends the rank by SIGBUS
        os.posix_fallocate(handle, 0, size)
    except OSError:
        Path(path).unlink()
        return None
    finally:
        os.close(handle)
    return path


def _length(part: slice) -> int:
    return part.stop - part.start
