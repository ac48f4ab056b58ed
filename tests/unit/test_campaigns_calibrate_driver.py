"""The loop of rank 0: when the time is up."""

from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.calibrate import trials
from mdbridge.calibrate.refine import Groups
from mdbridge.calibrate.trials import Trial
from mdbridge.campaigns.calibrate import driver, stages
from mdbridge.core.errors import FileError, MdbridgeError

MODEL = """
import os, time
import numpy as np
def respond(a, b):
    time.sleep(float(os.environ["PAUSE"]))
    return {"y": a + b * np.linspace(0.0, 1.0, 5)}
"""
TOML = """
campaign = "calibrate"
model = "timed_model:respond"
objective = [{ term = "l2", curve = "y" }]
reference = { file = "ref.npz" }
output = { figures = false }
[ego]
initial = 60
evaluations = 60
scheme = "ego"
[parameters]
a = { low = 0.0, high = 1.0 }
b = { low = 0.0, high = 1.0 }
"""


def test_when_the_time_is_up_it_stops_and_goes_on_later(tmp_path, monkeypatch):
    monkeypatch.setenv("PAUSE", "0.1")
    (tmp_path / "timed_model.py").write_text(MODEL)
    (tmp_path / "in.toml").write_text(TOML)
    np.savez(tmp_path / "ref.npz", y=np.linspace(0.4, 0.7, 5))
    out = tmp_path / "out"
    with pytest.raises(MdbridgeError, match=r"the time is up after \d+ evaluations") as raised:
        stages.run(MPI.COMM_WORLD, tmp_path / "in.toml", out, (), max_walltime=1.5)
    assert raised.value.exit_code == 75 and not (out / "summary.json").exists()
    count = len(trials.read(out / "trials.jsonl")[1])
    assert count < 20
    monkeypatch.setenv("PAUSE", "0.0")
    stages.run(MPI.COMM_WORLD, tmp_path / "in.toml", out, (), resume=True, max_walltime=500.0)
    assert len(trials.read(out / "trials.jsonl")[1]) == 60 and (out / "summary.json").exists()


def test_a_trial_that_would_not_end_in_time_is_not_begun(monkeypatch):
    monkeypatch.setattr(driver.time, "monotonic", lambda: 100.0)
    clock = driver.Clock(10.0)
    usual = {k: Trial(k, "initial", [0.5], {}, "ok", 1.0, seconds=s) for k, s in enumerate((1.0, 8.0, 300.0))}
    assert clock.suffices({}) and clock.suffices(usual)
    monkeypatch.setattr(driver.time, "monotonic", lambda: 103.0)
    assert clock.suffices({}) and not clock.suffices(usual)
    assert driver.Clock(None).suffices(usual)


@pytest.mark.parametrize("count", [0, 2])
def test_a_record_of_other_residuals_is_refused_by_name(tmp_path, count):
    """As an earlier release wrote it, of a function that returns as many as it likes."""
    record = trials.TrialLog(tmp_path / "trials.jsonl", {}, resume=False)
    record.append(Trial(4, "ego", [0.5], {"a": 0.5}, "ok", 1.0, residual=np.ones(count)))
    problem = SimpleNamespace(groups=Groups(np.zeros(3, dtype=int), np.ones(1)))
    with pytest.raises(FileError, match=f"trial 4 has {count} residuals, 3 where .*: choose another --out"):
        driver.drive(None, None, problem, record, None, None)
