"""The calibration on one rank and on two."""

import json
from pathlib import Path

import pytest
from launch import launch

from mdbridge.calibrate import trials

INPUT = Path(__file__).parents[2] / "inputs" / "examples" / "spring.toml"
SMALL = ("--set", "ego.evaluations=18", "--set", "ego.batch=2", "--set", "output.figures=false")

pytestmark = pytest.mark.mpi


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "main.py"
    path.write_text("from mdbridge.cli import main\nmain()\n")
    return path


def test_the_same_trials_on_one_and_on_two_ranks(script, tmp_path):
    found = []
    for ranks in (1, 2):
        out = tmp_path / str(ranks)
        job = launch(script, ranks, "calibrate", INPUT, "--out", out, *SMALL)
        assert job.returncode == 0, job.stderr
        found.append([(t.index, t.unit, t.status) for t in trials.read(out / "trials.jsonl")[1]])
        assert json.loads((out / "summary.json").read_text())["evaluations"] == 18
    assert found[0] == found[1]


def test_an_error_ends_both_ranks_with_one_message(script, tmp_path):
    job = launch(
        script, 2, "calibrate", INPUT, "--out", tmp_path / "out", "--set", "parameters.width.low=9.0"
    )
    assert job.returncode == 2 and "Traceback" not in job.stderr
    assert job.stderr.count("must lie below") == 1
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trials.jsonl").write_text("rubbish\n")
    job = launch(script, 2, "calibrate", INPUT, "--out", tmp_path / "out", *SMALL, timeout=60)
    assert job.returncode == 2 and job.stderr.count("--resume") == 1
