"""STZ runs on one rank, on two and on four, and the command on two."""

import json
from pathlib import Path

import numpy as np
import pytest
from launch import command_lines, launch

JOB = Path(__file__).with_name("stz_job.py")
INPUT = Path(__file__).parents[2] / "inputs" / "stz_bump.toml"

pytestmark = pytest.mark.mpi


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_fields_do_not_depend_on_the_ranks(tmp_path, ranks):
    results = []
    for count in (1, ranks):
        job = launch(JOB, count, "run", tmp_path / f"{count}.npz")
        assert job.returncode == 0, job.stderr
        results.append(np.load(tmp_path / f"{count}.npz"))
    serial, parallel = results
    assert len(serial) == 12
    for name in serial:
        assert np.abs(serial[name] - parallel[name]).max() <= 1e-8 * np.abs(serial[name]).max(), name


@pytest.mark.slow
def test_a_slow_run_that_turns_does_not_depend_on_the_ranks(tmp_path):
    results = []
    for count in (1, 2):
        job = launch(JOB, count, "reversed", tmp_path / f"{count}.npz")
        assert job.returncode == 0, job.stderr
        results.append(np.load(tmp_path / f"{count}.npz"))
    serial, parallel = results
    assert serial["gamma"][-1] == pytest.approx(-0.05) and serial["dev_stress"][-1] == pytest.approx(
        1.006, rel=2e-3
    )
    for name in serial:
        # near perfect plasticity round-off grows
        assert np.abs(serial[name] - parallel[name]).max() <= 1e-6 * np.abs(serial[name]).max(), name


@pytest.mark.slow  # test_stz_equilibrium_exchange.py has both ways on ranks that are threads
@pytest.mark.parametrize("ranks", [2, 3])
def test_columns_of_the_spectrum_are_the_same_through_memory_and_messages(tmp_path, ranks):
    job = launch(JOB, ranks, "exchange", tmp_path / "found.npz")
    assert job.returncode == 0, job.stderr
    arrays = np.load(tmp_path / "found.npz")
    for way in ("memory", "messages"):
        assert arrays[f"{way}_spectrum"] == pytest.approx(np.fft.rfft(arrays["whole"], axis=2))
        assert arrays[f"{way}_back"] == pytest.approx(arrays["whole"])
        assert arrays[f"{way}_first"].tolist() == [11 * rank // ranks for rank in range(ranks)]
        for name in ("periodic", "clamped"):
            assert arrays[f"{way}_{name}"] == pytest.approx(
                arrays[name], abs=1e-12 * np.abs(arrays[name]).max()
            )


@pytest.mark.slow
def test_a_run_that_fails_ends_on_all_ranks_with_one_message(tmp_path):
    job = launch(JOB, 2, "fail", tmp_path / "none")
    assert job.returncode == 1
    assert job.stderr.count("worst cell") == 1 and "Traceback" not in job.stderr


@pytest.mark.slow
def test_the_command_runs_on_two_ranks_and_says_what_fourier_needs(tmp_path):
    small = [
        "--set",
        "grid.nx=12",
        "--set",
        "grid.ny=12",
        "--set",
        "shear.frames=4",
        "--set",
        "shear.max_strain=0.1",
    ]
    command = ["shear", INPUT, *small]
    ran, refused = command_lines(
        2,
        [*command, "--out", tmp_path / "out"],
        [*command, "--out", tmp_path / "no", "--set", "scheme.projection=fourier"],
    )
    assert ran[0] == 0, ran
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["complete"]
    assert refused[0] == 2
    assert "on one rank, not on 2" in refused[1] and "Traceback" not in refused[1]
