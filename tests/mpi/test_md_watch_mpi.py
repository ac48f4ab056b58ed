"""Observers in runs of all kinds: failures reach whoever started the run, and LAMMPS does not notice them."""

from pathlib import Path

import pytest
from launch import launch
from watch_job import MOTIONS, STARTS

JOB = Path(__file__).with_name("watch_job.py")

pytestmark = pytest.mark.mpi


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_is_the_same_with_and_without_observers(ranks):
    job = launch(JOB, ranks, "log")
    assert job.returncode == 0, job.stderr
    assert job.stdout.splitlines() == [f"{motion} the same" for motion in MOTIONS]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_failure_reaches_whoever_started_the_run_on_all_ranks(ranks):
    job = launch(JOB, ranks, "fail")
    assert job.returncode == 0, job.stderr
    told = {line.split(" | ")[0]: line.split(" | ")[1:] for line in job.stdout.splitlines()}
    assert len(told) == 4 * len(STARTS)
    for start in STARTS:
        for moment in ("end", "forces"):
            for phase in ("local", "collective"):
                said, step = told[f"{start} {moment} {phase}"]
                if start == "respa" and moment == "forces":
                    assert said.startswith("InputError: run_style respa: Look looks right after the forces")
                    assert step == "0"
                    continue
                if start == "minimize" and moment == "forces":  # it is called where it has ended
                    assert said == "nothing"
                    continue
                words = "ValueError: no good" if phase == "local" else "MDError: no good together"
                expected = f"ObserverError: observer failed at step 20 on rank {ranks - 1}: {words}"
                assert said == expected, start
                late = 60 if start == "respa" else 26
                assert 20 <= int(step) <= late, start


@pytest.mark.parametrize("ranks", [1, 2])
def test_lost_atoms_end_the_run_on_all_ranks_and_what_was_seen_is_kept(ranks):
    job = launch(JOB, ranks, "lost", "away")
    assert job.returncode == 0, job.stderr
    said, seen, step = job.stdout.split(" | ")
    assert "Lost atoms" in said
    assert int(seen) == int(step) - 1


def test_an_error_of_lammps_on_one_rank_ends_all():
    job = launch(JOB, 2, "lost", "alone", timeout=60)
    assert job.returncode == 1
    assert "mdbridge: error: LAMMPS failed on rank" in job.stderr
    assert "in 'run 100'" in job.stderr


@pytest.mark.parametrize("ranks", [1, 3])
def test_arrays_and_references_follow_atoms_that_come_go_and_change_ranks(ranks):
    job = launch(JOB, ranks, "arrays")
    assert job.returncode == 0, job.stderr
    assert job.stdout == "followed\n"


@pytest.mark.parametrize("ranks", [1, 2])
def test_what_cannot_be_gathered_is_refused_on_all_ranks(ranks):
    job = launch(JOB, ranks, "untagged", timeout=60)
    assert job.returncode == 0, job.stderr
    assert job.stdout == "refused\n" * ranks
