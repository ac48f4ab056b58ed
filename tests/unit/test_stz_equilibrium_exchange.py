"""Rows to columns and back among ranks that are threads here; over MPI itself: tests/mpi."""

import mmap
from types import SimpleNamespace

import numpy as np
import pytest
from thread_ranks import together

from mdbridge.stz.equilibrium.exchange import Parts, SentSpectrum, SharedSpectrum, split


def exchange(way, parts, comm, memory):
    return SharedSpectrum(parts, comm, memory) if way == "memory" else SentSpectrum(parts, comm)


@pytest.mark.parametrize("way", ["memory", "messages"])
@pytest.mark.parametrize(("size", "ny", "columns"), [(1, 4, 3), (2, 6, 5), (3, 7, 5), (4, 5, 9)])
def test_every_rank_has_its_columns_of_all_rows_and_gets_its_rows_back(way, size, ny, columns):
    random = np.random.default_rng(4)
    whole = random.random((2, ny, columns)) + 1j * random.random((2, ny, columns))
    weight = 2.0 ** random.integers(1, 9, (ny, columns))  # which rounds nothing
    memory = mmap.mmap(-1, Parts(ny, columns, SimpleNamespace(rank=0, size=1)).bytes)

    def work(comm):
        parts = Parts(ny, columns, comm)
        transposition = exchange(way, parts, comm, memory)
        rows, mine = parts.rows[comm.rank], parts.columns[comm.rank]
        kept = []
        for count in (2, 1, 2):
            transposition.rows[:count] = whole[:count, rows]
            transposition.to_columns(count)
            kept.append(np.array(transposition.columns[:count, :, transposition.mine]))
            comm.Barrier()
            transposition.columns[:count, :, transposition.mine] *= weight[:, mine]
            transposition.to_rows(count)
            kept.append(np.array(transposition.rows[:count]))
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
        assert [part.start for part in ranges] == split(total, size)[:-1]
        assert [part.stop for part in ranges] == split(total, size)[1:]
    assert parts.bytes == 2 * count * 2 * count * 16  # complex numbers of double precision


def test_columns_lie_at_an_odd_pitch():
    """An even one may be a power of two, at which transforms along columns are slow."""
    for columns in (4, 5, 8):
        comm = SimpleNamespace(rank=0, size=1)
        assert SentSpectrum(Parts(6, columns, comm), comm).columns.shape[2] % 2 == 1
