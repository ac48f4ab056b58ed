"""Slabs of rows on one rank, and who may share a grid; more ranks: tests/mpi."""

from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.stz.equilibrium import exchange
from mdbridge.stz.equilibrium.distributed import DistributedColumns, DistributedGrid
from mdbridge.stz.equilibrium.exchange import split
from mdbridge.stz.staggered import Grid, WholeGrid, ghosted, owned


def test_ranges_cover_everything_and_differ_by_one_at_most():
    for count, parts in ((10, 3), (17, 8), (5, 5), (512, 7)):
        edges = split(count, parts)
        assert edges[0] == 0 and edges[-1] == count
        assert set(np.diff(edges)) <= {count // parts, count // parts + 1}


def test_one_rank_has_the_whole_grid():
    grid = Grid(6, 5)
    shared = DistributedGrid(grid, MPI.COMM_SELF)
    distributed, whole = (ghosted(2, grid.shape) for _ in range(2))
    owned(distributed)[...] = owned(whole)[...] = np.random.default_rng(1).random((2, 5, 6))
    shared.fill(distributed)
    WholeGrid(grid).fill(whole)
    assert np.array_equal(distributed, whole)
    assert np.array_equal(shared.gather(owned(distributed)), owned(distributed))
    assert shared.worst(1.0, (2, 3)) == (2, 3)


@pytest.mark.parametrize("by_messages", [False, True])
def test_columns_are_the_transform_of_the_rows_and_back(by_messages):
    grid = Grid(9, 6)
    rows = np.random.default_rng(2).random((2, 6, 9))
    columns, out = DistributedColumns(DistributedGrid(grid, MPI.COMM_SELF), by_messages), np.empty((2, 6, 9))
    for n in (2, 1):
        spectrum = columns.forward(rows[:n])
        assert spectrum == pytest.approx(np.fft.rfft(rows[:n], axis=2))
        columns.backward(spectrum, out[:n])
        assert out[:n] == pytest.approx(rows[:n])


def test_shared_memory_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "SHARED", str(tmp_path))
    memory = exchange.shared_memory(MPI.COMM_SELF, 4096)
    assert memory[:] == bytes(4096)
    assert not list(tmp_path.iterdir())


def test_messages_are_taken_where_there_is_no_place_for_shared_memory_or_no_room(tmp_path, monkeypatch):
    assert exchange.shared_memory(MPI.COMM_SELF, 1 << 60) is None  # no room
    monkeypatch.setattr(exchange, "SHARED", str(tmp_path / "absent"))
    assert exchange.shared_memory(MPI.COMM_SELF, 4096) is None
    grid, rows = Grid(9, 6), np.random.default_rng(2).random((1, 6, 9))
    columns = DistributedColumns(DistributedGrid(grid, MPI.COMM_SELF))
    assert columns.forward(rows) == pytest.approx(np.fft.rfft(rows, axis=2))


@pytest.mark.parametrize(("grid", "most"), [(Grid(16, 8), 4), (Grid(4, 64), 3)])
def test_more_ranks_than_slabs_or_columns_are_refused(grid, most):
    with pytest.raises(InputError, match=f"by {most} ranks at most, not by {most + 1}: use fewer"):
        DistributedGrid(grid, SimpleNamespace(size=most + 1, rank=0))
