"""Runs at 300 K on one rank and on two: the same random forces, the same fields."""

from pathlib import Path

import numpy as np
import pytest
from launch import launch
from thermal_job import CHOSEN

JOB = Path(__file__).with_name("thermal_job.py")

pytestmark = pytest.mark.mpi


@pytest.mark.slow
def test_same_on_one_and_on_two_ranks(tmp_path):
    for ranks in (1, 2):
        job = launch(JOB, ranks, tmp_path / str(ranks))
        assert job.returncode == 0, job.stderr
    for name in CHOSEN:
        paths = [next((tmp_path / ranks / "samples").glob(f"{name}-*.npz")) for ranks in "12"]
        with np.load(paths[0]) as serial, np.load(paths[1]) as parallel:
            assert set(serial.files) == set(parallel.files)
            assert np.nanmax(np.abs(serial["u@long"])) > 1e-3
            for key in set(serial.files) - {"key"}:
                np.testing.assert_allclose(serial[key], parallel[key], rtol=1e-9, atol=1e-12)
