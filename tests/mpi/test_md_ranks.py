"""MD with observers: the same on any number of ranks, and failures that end all of them."""

from pathlib import Path

import numpy as np
import pytest
from launch import ONE_OR_TWO, launch

JOB = Path(__file__).with_name("md_ranks_job.py")

pytestmark = pytest.mark.mpi


TASKS = ("static", "dynamics", "empty")


def results(folder, ranks, *tasks):
    job = launch(JOB, ranks, folder, *tasks)
    assert job.returncode == 0, job.stderr
    arrays = {}
    for task in tasks:
        with np.load(folder / f"{task.split()[0]}.npz") as stored:
            arrays[task.split()[0]] = dict(stored)
    return arrays


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one rank finds."""
    return results(tmp_path_factory.mktemp("alone"), 1, *TASKS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What two ranks find."""
    return results(tmp_path_factory.mktemp("shared"), 2, *TASKS)


def assert_same(expected, actual, tolerance):
    assert expected.keys() == actual.keys()
    for name in expected:
        assert np.abs(expected[name] - actual[name]).max() <= tolerance * np.abs(expected[name]).max(), name


def test_fields_of_one_state_are_the_same_on_any_number_of_ranks(alone, shared):
    assert len(alone["static"]) == 36
    assert_same(alone["static"], shared["static"], 1e-10)


@pytest.mark.slow
def test_four_ranks_find_the_same_with_and_without_atoms_of_their_own(tmp_path, alone):
    four = results(tmp_path, 4, "static", "empty")
    assert_same(alone["static"], four["static"], 1e-10)
    assert_same(alone["empty"], four["empty"], 1e-12)


def test_filtered_fields_are_the_same_when_atoms_migrate(alone, shared):
    serial, parallel = (dict(arrays["dynamics"]) for arrays in (alone, shared))
    assert serial.pop("gained") == 0
    assert parallel.pop("gained") > 50
    assert serial["heat"] > 1000
    assert np.abs(serial["filtered"] - serial["raw"]).max() > 0.1 * np.abs(serial["raw"]).max()
    assert_same(serial, parallel, 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "tolerance"), [("relax", 1e-7), ("crystal boron-nitride", 1e-6)])
def test_relaxed_states_are_the_same_on_one_and_on_two_ranks(tmp_path, task, tolerance):
    (alone,), (shared,) = (results(tmp_path, ranks, task).values() for ranks in (1, 2))
    assert task == "relax" or len(set(alone["masses"])) == 2
    assert_same(alone, shared, tolerance)


def test_ranks_without_atoms_take_part(alone, shared):
    """Both atoms are in the left half at first."""
    assert np.abs(alone["empty"]["smoothed"]).max() > 10
    assert_same(alone["empty"], shared["empty"], 1e-12)


@pytest.mark.parametrize("ranks", ONE_OR_TWO)
def test_an_observer_that_raises_on_one_rank_ends_all_with_the_step(tmp_path, ranks):
    job = launch(JOB, ranks, tmp_path, "fault local", timeout=60)
    assert job.returncode == 1
    assert f"observer failed at step 7 on rank {ranks - 1}: ValueError: no good in local" in job.stderr
    assert "AssertionError" not in job.stderr
    assert job.stderr.count("mdbridge: error") == 1
    assert not (tmp_path / "fault.npz").exists()


@pytest.mark.slow  # test_md_watch_mpi.py has it in runs of all kinds
@pytest.mark.parametrize("ranks", [1, 2])
def test_an_observer_that_raises_in_its_collective_phase_ends_all(tmp_path, ranks):
    job = launch(JOB, ranks, tmp_path, "fault collective", timeout=60)
    assert job.returncode == 1
    assert "step 7" in job.stderr
    assert "no good in collective" in job.stderr


@pytest.mark.parametrize("ranks", ONE_OR_TWO)
def test_a_lammps_error_on_one_rank_ends_all(tmp_path, ranks):
    job = launch(JOB, ranks, tmp_path, "lost", timeout=60)
    assert job.returncode == 1
    assert "mdbridge: error: LAMMPS" in job.stderr
    assert "run 20" in job.stderr
