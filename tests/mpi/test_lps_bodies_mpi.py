"""Bodies on one rank and on several."""

from pathlib import Path

import numpy as np
import pytest
from launch import launch

JOB = Path(__file__).with_name("bodies_job.py")

pytestmark = pytest.mark.mpi


@pytest.mark.parametrize("ranks", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_same_on_one_and_on_several_ranks(tmp_path, ranks):
    results = []
    for count in (1, ranks):
        job = launch(JOB, count, "solve", tmp_path / f"{count}.npz")
        assert job.returncode == 0, job.stderr
        results.append(list(np.load(tmp_path / f"{count}.npz").values()))
    for single, other in zip(*results, strict=True):
        # forces that are left over are of the size of the tolerance itself, where nothing holds the body
        assert np.linalg.norm(single - other) <= 1e-8 * np.linalg.norm(single) + 1e-10
    assert all(np.linalg.norm(displacement) > 1e-3 for displacement in results[0][::2])


@pytest.mark.slow
def test_a_mechanism_ends_all_ranks(tmp_path):
    job = launch(JOB, 2, "mechanism", tmp_path / "none")
    assert job.returncode == 2
    assert "a mechanism" in job.stderr
    assert "Traceback" not in job.stderr
