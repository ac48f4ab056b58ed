"""Observers in runs of all kinds: failures reach whoever started the run, and LAMMPS does not notice them."""

from pathlib import Path

import pytest
from launch import ONE_OR_TWO, launch
from watch_job import MOTIONS, STARTS

JOB = Path(__file__).with_name("watch_job.py")

pytestmark = pytest.mark.mpi


def ask(ranks, *jobs):
    """What each of several jobs says on all ranks, by lines."""
    job = launch(JOB, ranks, *jobs)
    assert job.returncode == 0, job.stderr
    said = {what: [] for what in jobs}
    for line in job.stdout.splitlines():
        what, _, words = line.partition(": ")
        said[what].append(words)
    return said


@pytest.fixture(scope="module", params=ONE_OR_TWO)
def ranks(request):
    return request.param


@pytest.fixture(scope="module")
def said(ranks, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("watch"))
        return ask(ranks, "log", "fail", "untagged", "arrays", "moved", "away")


def test_a_run_is_the_same_with_and_without_observers(said):
    assert said["log"] == [f"{motion} the same" for motion in MOTIONS]


def test_a_failure_reaches_whoever_started_the_run_on_all_ranks(said, ranks):
    reported = {line.split(" | ")[0]: line.split(" | ")[1:] for line in said["fail"]}
    assert len(reported) == 4 * len(STARTS)
    for start in STARTS:
        for moment in ("end", "forces"):
            for phase in ("local", "collective"):
                words, step = reported[f"{start} {moment} {phase}"]
                if start == "respa" and moment == "forces":
                    assert words.startswith("InputError: run_style respa: Look looks right after the forces")
                    assert step == "0"
                    continue
                if start == "minimize" and moment == "forces":  # it is called where it has ended
                    assert words == "nothing"
                    continue
                error = "ValueError: no good" if phase == "local" else "MDError: no good together"
                expected = f"ObserverError: observer failed at step 20 on rank {ranks - 1}: {error}"
                assert words == expected, start
                late = 60 if start == "respa" else 26
                assert 20 <= int(step) <= late, start


def test_lost_atoms_end_the_run_on_all_ranks_and_what_was_seen_is_kept(said):
    (line,) = said["away"]
    words, seen, step = line.split(" | ")
    assert "Lost atoms" in words
    assert int(seen) == int(step) - 1


def test_an_error_of_lammps_on_one_rank_ends_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = launch(JOB, 2, "alone", timeout=60)
    assert job.returncode == 1
    assert "mdbridge: error: LAMMPS failed on rank" in job.stderr
    assert "in 'run 100'" in job.stderr


def test_arrays_and_references_follow_atoms_that_come_go_and_change_ranks(said):
    assert said["arrays"] == ["followed"]


@pytest.mark.slow
def test_arrays_follow_atoms_among_three_ranks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask(3, "arrays") == {"arrays": ["followed"]}


def test_what_cannot_be_gathered_is_refused_on_all_ranks(said, ranks):
    assert said["untagged"] == ["refused"] * ranks


def test_dumps_may_move_to_another_place_between_runs(said, ranks):
    assert said["moved"] == ["taken"] * ranks
