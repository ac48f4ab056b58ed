"""The LPS solver on one rank and on two."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from launch import launch

JOB = Path(__file__).with_name("lps_job.py")

pytestmark = pytest.mark.mpi


def test_same_on_one_and_on_two_ranks(tmp_path):
    results = []
    for ranks in (1, 2):
        job = launch(JOB, ranks, "solve", tmp_path / f"{ranks}.npz")
        assert job.returncode == 0, job.stderr
        results.append(list(np.load(tmp_path / f"{ranks}.npz").values()))
    for serial, parallel in zip(*results, strict=True):
        assert np.linalg.norm(serial - parallel) <= 1e-9 * np.linalg.norm(serial)


def test_an_error_on_one_rank_ends_both(tmp_path):
    job = launch(JOB, 2, "cut", tmp_path / "none")
    assert job.returncode == 2
    assert "no full neighbourhood" in job.stderr
    assert "Traceback" not in job.stderr


@pytest.mark.slow
def test_launch_ends_a_job_that_hangs(tmp_path):
    script = tmp_path / "hang.py"
    script.write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(subprocess.TimeoutExpired):
        launch(script, 2, timeout=2)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{sys.executable} {script}" not in running
