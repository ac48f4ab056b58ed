"""A small calibration as a user would write it, for the tests of the campaign."""

from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.calibrate import trials
from mdbridge.campaigns.calibrate import stages

HERE = Path(__file__).parent
INPUTS = HERE.parents[1] / "inputs"

TOML = """
campaign = "calibrate"
model = "own_models:line"
[parameters.a]
low = 0.0
high = 1.0
truth = 0.5
[parameters.b]
low = -1.0
high = 1.0
[reference.parameters]
a = 0.5
b = 0.25
[[objective]]
term = "l1"
curve = "curve"
[[objective]]
term = "grassmann"
field = "field"
weight = 0.5
rank = 1
[ego]
initial = 6
explore = 3
evaluations = 14
[output]
figures = false
"""


def write(folder):
    """Its input, with the model beside it; returns the path of the input."""
    (folder / "own_models.py").write_text((HERE / "models_for_calibration.py").read_text())
    path = folder / "in.toml"
    path.write_text(TOML)
    return path


def run(toml, out, *overrides, resume=False, accept=False):
    stages.run(MPI.COMM_WORLD, toml, out, overrides, resume, accept)


def places(out):
    return [(trial.index, trial.unit) for trial in trials.read(out / "trials.jsonl")[1]]


def units(out):
    """Number and place of every trial; a process of its own may round the last digit differently."""
    return [
        (trial.index, pytest.approx(trial.unit, abs=1e-12)) for trial in trials.read(out / "trials.jsonl")[1]
    ]
