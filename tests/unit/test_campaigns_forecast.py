"""Dry runs: what is told of tasks, time, memory and disk, and that nothing is left behind."""

import time
from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.campaigns import ESTIMATES, MODULES, forecast
from mdbridge.campaigns.forecast import Row

COMM = MPI.COMM_SELF


def test_every_campaign_has_a_dry_run():
    assert ESTIMATES.keys() == MODULES.keys()


@pytest.mark.parametrize(
    ("costs", "groups", "seconds"),
    [([3.0, 1.0, 2.0], 1, 6.0), ([3.0, 1.0, 2.0], 2, 3.0), ([5.0, 1.0], 4, 5.0), ([], 2, 0.0)],
)
def test_groups_take_the_next_task_as_they_become_free(costs, groups, seconds):
    assert forecast.shared(costs, groups) == seconds


def test_what_is_done_takes_no_time_and_what_was_not_timed_is_said_to_be_so(table_told):
    rows = [
        Row("melt", 3, 1, 7200.0),
        Row("shear", 2, 2, 50.0),
        Row("figures", 1, 0, None),
        Row("a", 1, 0, 0.2),
    ]
    forecast.show(COMM, "a [glass]", rows, 2.5e9, "and a note")
    table, words = table_told()
    assert table["melt"] == ["3", "1", "2 h"]
    assert table["shear"] == ["2", "2", "–"]
    assert table["figures"] == ["1", "0", "not timed"]
    assert table["a"] == ["1", "0", "under 1 s"]
    assert table["all"] == ["7", "3", "2 h"]
    assert "a [glass]" in words and "disk: about 2.5 GB" in words and "and a note" in words
    assert "1 rank on" in words


def test_memory_is_that_of_the_part_that_was_tried_and_what_the_whole_takes_beyond(table_told, monkeypatch):
    monkeypatch.setattr(forecast, "peak_memory", lambda comm: 2e9)
    forecast.show(COMM, "a", [], 0.0, beyond=3e9)
    assert "memory: about 5 GB" in table_told()[1]


def test_work_is_timed_from_its_beginning_to_its_end():
    assert 0.02 <= forecast.timed(lambda: time.sleep(0.02)) < 5.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say it otherwise")
def test_memory_is_the_most_that_this_process_has_held():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert forecast.peak_memory(COMM) == pytest.approx(1024 * float(lines["VmHWM"].split()[0]), rel=0.05)
