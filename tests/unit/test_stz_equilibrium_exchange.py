"""Rows to columns and back among ranks that are threads here; over MPI itself: tests/mpi."""

import mmap
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from mdbridge.stz.equilibrium.exchange import Memory, Messages, Parts, split


class Rank:
    """One of ``size`` threads that talk as the ranks of a communicator do."""

    def __init__(self, rank, size, barrier, letters):
        self.rank, self.size, self._barrier, self._letters = rank, size, barrier, letters

    def Barrier(self):
        self._barrier.wait(timeout=10)

    def Ialltoallv(self, outgoing, incoming):
        """Part q of the outgoing buffer goes to rank q, by sizes and places as MPI takes them."""
        buffer, (sizes, places) = outgoing
        for q, (size, place) in enumerate(zip(sizes, places, strict=True)):
            self._letters[self.rank, q] = buffer[place : place + size].copy()

        def wait():
            self.Barrier()
            into, (sizes, places) = incoming
            for q, (size, place) in enumerate(zip(sizes, places, strict=True)):
                letter = self._letters[q, self.rank]
                assert len(letter) == size, "sizes that do not match are an error in MPI"
                into[place : place + size] = letter
            self.Barrier()

        return SimpleNamespace(Wait=wait)


def together(size, work):
    """``work(comm)`` of every rank, in the order of ranks."""
    barrier, letters = threading.Barrier(size), {}
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: work(Rank(rank, size, barrier, letters)), range(size)))


def exchange(way, parts, comm, memory):
    return Memory(parts, comm, memory) if way == "memory" else Messages(parts, comm)


@pytest.mark.parametrize("way", ["memory", "messages"])
@pytest.mark.parametrize(("size", "ny", "columns"), [(1, 4, 3), (2, 6, 5), (3, 7, 5), (4, 5, 9)])
def test_every_rank_has_its_columns_of_all_rows_and_gets_its_rows_back(way, size, ny, columns):
    random = np.random.default_rng(4)
    whole = random.random((2, ny, columns)) + 1j * random.random((2, ny, columns))
    weight = 2.0 ** random.integers(1, 9, (ny, columns))  # which rounds nothing
    memory = mmap.mmap(-1, Parts(ny, columns, SimpleNamespace(rank=0, size=1)).bytes)

    def work(comm):
        parts = Parts(ny, columns, comm)
        one = exchange(way, parts, comm, memory)
        rows, mine = parts.rows[comm.rank], parts.columns[comm.rank]
        kept = []
        for count in (2, 1, 2):
            one.rows[:count] = whole[:count, rows]
            one.to_columns(count)
            kept.append(np.array(one.columns[:count, :, one.mine]))
            comm.Barrier()
            one.columns[:count, :, one.mine] *= weight[:, mine]
            one.to_rows(count)
            kept.append(np.array(one.rows[:count]))
            comm.Barrier()
        return parts, kept

    for rank, (parts, kept) in enumerate(together(size, work)):
        rows, mine = parts.rows[rank], parts.columns[rank]
        for n, count in enumerate((2, 1, 2)):
            assert np.array_equal(kept[2 * n], whole[:count, :, mine])
            assert np.array_equal(kept[2 * n + 1], (weight * whole[:count])[:, rows])


@pytest.mark.parametrize(("count", "size"), [(10, 3), (3, 5), (16, 4)])
def test_parts_are_ranges_that_follow_each_other(count, size):
    parts = Parts(count, 2 * count, SimpleNamespace(rank=0, size=size))
    for ranges, total in ((parts.rows, count), (parts.columns, 2 * count)):
        assert [one.start for one in ranges] == split(total, size)[:-1]
        assert [one.stop for one in ranges] == split(total, size)[1:]
    assert parts.bytes == 2 * count * 2 * count * 16  # complex numbers of double precision


def test_columns_lie_at_an_odd_pitch():
    """An even one may be a power of two, at which transforms along columns are slow."""
    for columns in (4, 5, 8):
        comm = SimpleNamespace(rank=0, size=1)
        assert Messages(Parts(6, columns, comm), comm).columns.shape[2] % 2 == 1
