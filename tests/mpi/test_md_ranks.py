"""MD with observers: the same on any number of ranks, and failures that end all of them."""

from pathlib import Path

import numpy as np
import pytest
from launch import launch

JOB = Path(__file__).with_name("md_ranks_job.py")

pytestmark = pytest.mark.mpi


def results(tmp_path, what, ranks, *arguments):
    path = tmp_path / f"{what}-{ranks}.npz"
    job = launch(JOB, ranks, what, path, *arguments)
    assert job.returncode == 0, job.stderr
    with np.load(path) as stored:
        return dict(stored)


def assert_same(one, other, tolerance):
    assert one.keys() == other.keys()
    for name in one:
        assert np.abs(one[name] - other[name]).max() <= tolerance * np.abs(one[name]).max(), name


@pytest.mark.parametrize("ranks", [2, 4])
def test_fields_of_one_state_are_the_same_on_any_number_of_ranks(tmp_path, ranks):
    one, other = (results(tmp_path, "static", n) for n in (1, ranks))
    assert len(one) == 36
    assert_same(one, other, 1e-10)


def test_filtered_fields_are_the_same_when_atoms_migrate(tmp_path):
    one, two = (results(tmp_path, "dynamics", n) for n in (1, 2))
    assert one.pop("gained") == 0
    assert two.pop("gained") > 50
    assert one["heat"] > 1000
    assert np.abs(one["filtered"] - one["raw"]).max() > 0.1 * np.abs(one["raw"]).max()
    assert_same(one, two, 1e-8)


def test_relaxed_states_are_the_same_on_one_and_on_two_ranks(tmp_path):
    one, two = (results(tmp_path, "relax", n) for n in (1, 2))
    assert_same(one, two, 1e-7)


def test_a_crystal_of_two_kinds_of_atoms_is_the_same_on_one_and_on_two_ranks(tmp_path):
    one, two = (results(tmp_path, "crystal", n, "boron-nitride") for n in (1, 2))
    assert len(set(one["masses"])) == 2
    assert_same(one, two, 1e-6)


def test_ranks_without_atoms_take_part(tmp_path):
    one, four = (results(tmp_path, "empty", n) for n in (1, 4))
    assert np.abs(one["smoothed"]).max() > 10
    assert_same(one, four, 1e-12)


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_observer_that_raises_on_one_rank_ends_all_with_the_step(tmp_path, ranks):
    job = launch(JOB, ranks, "fault", tmp_path / "none", "local", timeout=60)
    assert job.returncode == 1
    assert f"observer failed at step 7 on rank {ranks - 1}: ValueError: no good in local" in job.stderr
    assert "AssertionError" not in job.stderr
    assert job.stderr.count("mdbridge: error") == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_observer_that_raises_in_its_collective_phase_ends_all(tmp_path, ranks):
    job = launch(JOB, ranks, "fault", tmp_path / "none", "collective", timeout=60)
    assert job.returncode == 1
    assert "step 7" in job.stderr
    assert "no good in collective" in job.stderr


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_lammps_error_on_one_rank_ends_all(tmp_path, ranks):
    job = launch(JOB, ranks, "lost", tmp_path / "none", timeout=60)
    assert job.returncode == 1
    assert "mdbridge: error: LAMMPS" in job.stderr
    assert "run 20" in job.stderr
