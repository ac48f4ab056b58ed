"""Fields of a sheared glass: the same on any number of ranks; failures end all ranks at their step."""

from pathlib import Path

import numpy as np
import pytest
from launch import launch

JOB = Path(__file__).with_name("glass_job.py")

# what the observers find on any number of ranks is in test_fields_mpi.py and test_md_ranks.py, too
pytestmark = [pytest.mark.mpi, pytest.mark.slow]


def results(folder, ranks):
    job = launch(JOB, ranks, folder, "fields", "empty")
    assert job.returncode == 0, job.stderr
    arrays = {}
    for what in ("fields", "empty"):
        with np.load(folder / f"{what}.npz") as stored:
            arrays[what] = dict(stored)
    return arrays


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one rank finds."""
    return results(tmp_path_factory.mktemp("alone"), 1)


@pytest.fixture(scope="module", params=[2, 4])
def shared(request, tmp_path_factory):
    """What several ranks find."""
    return results(tmp_path_factory.mktemp("shared"), request.param)


def test_fields_of_one_state_are_the_same_on_any_number_of_ranks(alone, shared):
    single, several = alone["fields"], shared["fields"]
    assert single.keys() == several.keys()
    assert single["turns"] == 1
    assert single["gamma"] == pytest.approx(0.7)
    for name in (
        "potential_energy",
        "Exy",
        "D2min",
        "velocity",
        "temperature",
        "density",
        "composition",
        "curve",
    ):
        scale = np.abs(single[name]).max()
        assert scale > 0
        assert np.ptp(single[name]) > 1e-4 * scale, name
        assert np.abs(single[name] - several[name]).max() <= 1e-10 * scale, name


def test_ranks_without_atoms_take_part(alone, shared):
    single, several = alone["empty"], shared["empty"]
    assert single["density"].min() > 0
    for name in single:
        assert np.abs(single[name] - several[name]).max() <= 1e-12 * np.abs(single[name]).max(), name


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_window_without_atoms_is_told_without_a_traceback(tmp_path, ranks):
    job = launch(JOB, ranks, tmp_path, "wrong_window", timeout=60)
    assert job.returncode == 1
    words = "observer failed at step 0 on rank 0: InputError: observe.strain_window: a window of 0.05 leaves"
    assert words in job.stderr
    assert "Traceback" not in job.stderr


@pytest.mark.parametrize("ranks", [1, 2])
def test_lost_atoms_end_all_ranks_with_the_step(tmp_path, ranks):
    job = launch(JOB, ranks, tmp_path, "lost", timeout=60)
    assert job.returncode == 1
    assert "1 of 2 atoms lost at step" in job.stderr
    assert job.stderr.count("mdbridge: error") == 1


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_number_that_is_none_ends_all_ranks_at_once(tmp_path, ranks):
    job = launch(JOB, ranks, tmp_path, "nan", timeout=60)
    assert job.returncode == 1
    assert "not a finite number" in job.stderr
    assert "step 1 " in job.stderr or "step 2 " in job.stderr
