"""Demands: refused by memory and disk, asked for by time, and nothing after a yes."""

from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core import demand, memory
from mdbridge.core.demand import Demand
from mdbridge.core.errors import InputError

COMM = MPI.COMM_SELF


FREE = demand._free


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """One with 8 GB of memory and 100 GB of disk."""
    monkeypatch.setattr(memory, "available", lambda: 8e9)
    monkeypatch.setattr(demand, "_free", lambda out: 1e11)
    yield
    demand.accept(False)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"memory": 9e9}, "about 9 GB of memory (this machine has 8 GB to spare)"),
        # what ranks share and what one has count together; one rank has all of it
        ({"memory": 5e9, "shared": 4e9}, "about 9 GB of memory"),
        ({"disk": 2e11}, "about 200 GB of disk (100 GB are free)"),
        ({"seconds": 40 * 86400.0}, "40 days at least on 1 rank"),
        ({"seconds": 3e10}, "951 years"),
    ],
)
def test_what_is_too_large_is_told_with_what_there_is(tmp_path, needs, words):
    asked = Demand("a grid", "take fewer nodes", **needs)
    with pytest.raises(InputError, match=r"a grid would take .*: take fewer nodes, or say --yes") as refusal:
        demand.require(COMM, asked, tmp_path / "out")
    assert words in str(refusal.value)
    demand.accept()
    demand.require(COMM, asked, tmp_path / "out")


def test_what_fits_is_not_asked_about(tmp_path):
    just = {"memory": 7.9e9, "disk": 9.9e10, "seconds": demand.LONG}
    demand.require(COMM, Demand("a grid", "", **just), tmp_path)
    # a look at what there is to do takes no time and no disk
    demand.require(COMM, Demand("a grid", "", disk=1e15, seconds=1e15))


def test_results_that_are_there_take_no_further_room(tmp_path, monkeypatch):
    monkeypatch.setattr(demand, "_free", lambda out: 500.0)
    (tmp_path / "frame").write_bytes(bytes(600))
    demand.require(COMM, Demand("a grid", "", disk=1000.0), tmp_path)
    with pytest.raises(InputError, match="600 bytes of disk"):
        demand.require(COMM, Demand("a grid", "", disk=1200.0), tmp_path)


def test_a_file_system_that_does_not_say_has_room():
    assert FREE(Path("/proc/nothing/out")) == float("inf")


def test_numbers_of_any_size_have_a_product():
    assert demand.count(3, 4, 0.5) == 6.0
    assert demand.count(10**400, 10**400) == demand.LARGEST
    assert np.isfinite(demand.count(1e300, 1e300)) and demand.count() == 1.0


@pytest.mark.parametrize(
    ("amount", "words"), [(12.0, "12 bytes"), (2.5e6, "2.5 MB"), (9.994e8, "999 MB"), (4e12, "4e+03 GB")]
)
def test_bytes_as_people_say_them(amount, words):
    assert demand.size(amount) == words


def test_memory_of_one_process(monkeypatch):
    demand.require_memory(7e9, "this", "nothing")
    with pytest.raises(InputError, match=r"a grid would need about 9 GB .* has 8 GB to spare: take fewer"):
        demand.require_memory(9e9, "a grid", "take fewer nodes")
    demand.accept()
    demand.require_memory(9e9, "a grid", "take fewer nodes")
