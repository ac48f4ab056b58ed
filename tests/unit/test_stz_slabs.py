"""Slabs of rows on one rank, and who may share a grid; more ranks: tests/mpi."""

from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.errors import InputError
from mdbridge.stz import exchange
from mdbridge.stz.exchange import Memory, Messages, split
from mdbridge.stz.grid import Grid, WholeGrid, ghosted, owned
from mdbridge.stz.slabs import SharedColumns, SharedGrid


def test_ranges_cover_everything_and_differ_by_one_at_most():
    for count, parts in ((10, 3), (17, 8), (5, 5), (512, 7)):
        edges = split(count, parts)
        assert edges[0] == 0 and edges[-1] == count
        assert set(np.diff(edges)) <= {count // parts, count // parts + 1}


def test_one_rank_has_the_whole_grid():
    grid = Grid(6, 5)
    shared = SharedGrid(grid, MPI.COMM_SELF)
    one, two = (ghosted(2, grid.shape) for _ in range(2))
    owned(one)[...] = owned(two)[...] = np.random.default_rng(1).random((2, 5, 6))
    shared.fill(one)
    WholeGrid(grid).fill(two)
    assert np.array_equal(one, two)
    assert np.array_equal(shared.gather(owned(one)), owned(one))
    assert shared.worst(1.0, (2, 3)) == (2, 3)


@pytest.mark.parametrize("way", [Memory, Messages, None])
def test_columns_are_the_transform_of_the_rows_and_back(way):
    grid = Grid(9, 6)
    rows = np.random.default_rng(2).random((2, 6, 9))
    columns, out = SharedColumns(SharedGrid(grid, MPI.COMM_SELF), way), np.empty((2, 6, 9))
    for n in (2, 1):
        spectrum = columns.forward(rows[:n])
        assert spectrum == pytest.approx(np.fft.rfft(rows[:n], axis=2))
        columns.backward(spectrum, out[:n])
        assert out[:n] == pytest.approx(rows[:n])
    del spectrum
    columns.close()


def test_messages_are_taken_where_shared_memory_is_short(monkeypatch):
    parts = exchange.Parts(6, 5, MPI.COMM_SELF)
    assert parts.bytes == 16 * 2 * (6 * 5 + 6 * 5)
    for room, expected in ((2 * parts.bytes, False), (2 * parts.bytes + 1, True)):
        monkeypatch.setattr(exchange, "_room", lambda room=room: room)
        assert exchange.can_share(parts, MPI.COMM_SELF) is expected


@pytest.mark.parametrize(("grid", "most"), [(Grid(16, 8), 4), (Grid(4, 64), 3)])
def test_more_ranks_than_slabs_or_columns_are_refused(grid, most):
    with pytest.raises(InputError, match=f"by {most} ranks at most, not by {most + 1}: use fewer"):
        SharedGrid(grid, SimpleNamespace(size=most + 1, rank=0))
