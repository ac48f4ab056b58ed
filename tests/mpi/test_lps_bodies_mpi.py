"""Bodies on one rank and on several."""

from pathlib import Path

import numpy as np
import pytest
from launch import launch

JOB = Path(__file__).with_name("bodies_job.py")

pytestmark = pytest.mark.mpi


def test_same_on_one_and_on_three_ranks(tmp_path):
    results = []
    for ranks in (1, 3):
        job = launch(JOB, ranks, "solve", tmp_path / f"{ranks}.npz")
        assert job.returncode == 0, job.stderr
        results.append(list(np.load(tmp_path / f"{ranks}.npz").values()))
    for single, other in zip(*results, strict=True):
        # forces that are left over are of the size of the tolerance itself, where nothing holds the body
        assert np.linalg.norm(single - other) <= 1e-8 * np.linalg.norm(single) + 1e-10
    assert all(np.linalg.norm(displacement) > 1e-3 for displacement in results[0][::2])


def test_a_mechanism_ends_all_ranks(tmp_path):
    job = launch(JOB, 2, "mechanism", tmp_path / "none")
    assert job.returncode == 2
    assert "a mechanism" in job.stderr
    assert "Traceback" not in job.stderr
