"""``mdbridge calibrate``: a record that was stopped, is whole, damaged, or of something else."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import calibrated_inputs
import numpy as np
import pytest
from calibrated_inputs import places, run, units
from mpi4py import MPI

import mdbridge
from mdbridge.calibrate import trials
from mdbridge.campaigns import housekeeping
from mdbridge.core.errors import InputError


@pytest.fixture
def toml(tmp_path):
    return calibrated_inputs.write(tmp_path)


@pytest.mark.slow
def test_options_that_are_not_finite_and_a_smaller_budget(toml, tmp_path):
    model = tmp_path / "own_models.py"
    model.write_text(model.read_text() + "\n\ndef limited(a, b, limit): return line(min(a, limit), b)\n")
    given, out = ("model=own_models:limited", "options.limit=inf"), tmp_path / "out"
    run(toml, out, *given, "ego.evaluations=14")
    best = json.loads((out / "summary.json").read_text())
    run(toml, out, *given, "ego.evaluations=8", resume=True)
    again = json.loads((out / "summary.json").read_text())
    assert again["best"] == best["best"] and again["evaluations"] == 14


@pytest.fixture
def power(monkeypatch):
    """Cut it after so many trials of the next run: none is recorded any more, and nothing else is done."""
    append, left = trials.TrialLog.append, []

    def counted(log, trial):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        append(log, trial)

    monkeypatch.setattr(trials.TrialLog, "append", counted)
    return lambda count: left.insert(0, count)


def test_ended_at_any_point_and_resumed_the_trials_are_the_same(toml, tmp_path, power, capsys):
    whole, ended = tmp_path / "whole", tmp_path / "ended"
    power(14)
    run(toml, whole, "ego.evaluations=14", "ego.batch=2")
    for count, sum_of_all in ((3, 3), (7, 10)):
        power(count)
        with pytest.raises(KeyboardInterrupt):
            run(toml, ended, "ego.evaluations=14", "ego.batch=2", resume=True)
        capsys.readouterr()
        housekeeping.status(MPI.COMM_SELF, ended)
        told = " ".join("".join(capsys.readouterr()).split())
        assert f"calibrate begun {sum_of_all} of at most 14 evaluations are recorded" in told
    power(4)
    run(toml, ended, "ego.evaluations=14", "ego.batch=2", resume=True)
    assert places(ended) == units(whole)
    assert json.loads((ended / "summary.json").read_text())["evaluations"] == 14


@pytest.mark.slow  # what comes of it is the same as above; here the process really dies
def test_killed_at_any_point_and_resumed_the_trials_are_the_same(toml, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = ["ego.evaluations=14", "options.slow=0.05", "ego.batch=2"]
    run(toml, whole, *settings)
    command = [sys.executable, "-m", "mdbridge", "calibrate", str(toml), "--out", str(killed), "--resume"]
    for setting in settings:
        command += ["--set", setting]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(mdbridge.__file__).parents[1])}
    for count in (3, 10):
        job = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        record = killed / "trials.jsonl"
        deadline = time.monotonic() + 60
        while not record.exists() or record.read_bytes().count(b"\n") <= count:
            assert job.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        job.send_signal(signal.SIGKILL)
        job.wait()
    run(toml, killed, *settings, resume=True)
    assert places(killed) == units(whole)
    assert json.loads((killed / "summary.json").read_text())["evaluations"] == 14


@pytest.mark.slow
def test_a_finished_run_goes_on_with_a_larger_budget(toml, tmp_path):
    run(toml, tmp_path / "one", "ego.evaluations=8")
    run(toml, tmp_path / "one", "ego.evaluations=12", resume=True)
    run(toml, tmp_path / "two", "ego.evaluations=12")
    assert places(tmp_path / "one") == units(tmp_path / "two")


def test_a_damaged_record_is_recovered_and_it_is_said(toml, tmp_path, capsys):
    run(toml, tmp_path / "out", "ego.evaluations=8")
    record = tmp_path / "out" / "trials.jsonl"
    before = places(tmp_path / "out")
    record.write_bytes(record.read_bytes()[:-30])
    run(toml, tmp_path / "out", "ego.evaluations=8", resume=True)
    assert "1 damaged line(s) left out; 7 intact trials" in " ".join(capsys.readouterr().err.split())
    assert before == units(tmp_path / "out")


def test_another_configuration_and_an_existing_record_are_refused(toml, tmp_path):
    out = tmp_path / "out"
    run(toml, out, "ego.evaluations=6")
    with pytest.raises(InputError, match="--resume"):
        run(toml, out, "ego.evaluations=6")
    with pytest.raises(InputError, match=r"ego\.seed = 0, now it is 1"):
        run(toml, out, "ego.seed=1", resume=True)
    with pytest.raises(InputError, match=r"reference\.curve"):
        run(toml, out, "reference.parameters.a=0.4", resume=True)


def test_a_changed_source_of_the_model_is_refused_by_name(toml, tmp_path):
    out, model = tmp_path / "out", tmp_path / "own_models.py"
    (tmp_path / "table.txt").write_text("1\n")
    (tmp_path / "own_terms.py").write_text("SCALE = 1.0\n")
    reads = "\n\ndef lined(a, b, table_file): return line(a, b)\n\nimport own_terms\n"
    model.write_text(model.read_text() + reads)
    few = ("ego.evaluations=6", "model=own_models:lined", "options.table_file=table.txt")
    run(toml, out, *few)
    for changed, name in (
        ("own_terms.py", r"own_terms\.py, of which"),
        ("table.txt", r"table_file \(.*table"),
    ):
        (tmp_path / changed).write_text("SCALE = 2.0\n")
        with pytest.raises(InputError, match=f"{name}.*--accept-changes"):
            run(toml, out, *few, resume=True)
        run(toml, out, *few, resume=True, accept=True)
    before = places(out)
    run(toml, out, *few, resume=True)  # what was accepted is not asked for again
    assert places(out) == before


def test_a_model_that_is_never_the_same_to_the_last_bit_goes_on(toml, tmp_path):
    """As programs that sum in parallel; its reference is run once, as is that of a function."""
    out, model = tmp_path / "out", tmp_path / "own_models.py"
    text = model.read_text() + "\n\nimport time\n\nSCALE = 1.0\n\ndef last_bit():\n"
    text += "    return 1.0 + 1e-15 * (time.time_ns() % 1000)\n\ndef near(a, b):\n"
    text += "    return {name: SCALE * last_bit() * values for name, values in line(a, b).items()}\n"
    model.write_text(text)
    few = ("model=own_models:near", "ego.evaluations=6")
    run(toml, out, *few)
    run(toml, out, *few[:1], "ego.evaluations=7", resume=True)
    assert len(places(out)) == 7
    # with another model, too, all distances are from the reference that the first ones are from
    kept = np.load(out / "reference.npz")["values of curve"]
    model.write_text(text.replace("SCALE = 1.0", "SCALE = 2.0"))
    with pytest.raises(InputError, match=r"own_models\.py, of which the model is made, has changed"):
        run(toml, out, *few, resume=True)
    run(toml, out, *few[:1], "ego.evaluations=8", resume=True, accept=True)
    assert np.array_equal(np.load(out / "reference.npz")["values of curve"], kept)
    model.write_text(text)
    run(toml, out, *few[:1], "ego.evaluations=9", resume=True, accept=True)
    # another reference is still another one, and what is no whole file is none
    with pytest.raises(InputError, match=r"reference\.curve has changed"):
        run(toml, out, *few, "reference.parameters.a=0.4", resume=True)
    (out / "reference.npz").write_bytes((out / "reference.npz").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"reference\.curve has changed"):
        run(toml, out, *few[:1], "ego.evaluations=10", resume=True)


def counting(tmp_path):
    """A model that leaves a mark at each call; where these are."""
    model, marks = tmp_path / "own_models.py", tmp_path / "marks"
    mark = f"    open({str(marks)!r}, 'a').write('x')\n"
    model.write_text(f"{model.read_text()}\n\ndef marked(a, b):\n{mark}    return line(a, b)\n")
    return marks


def test_a_finished_calibration_evaluates_nothing_again(toml, tmp_path, capsys):
    marks, out = counting(tmp_path), tmp_path / "out"
    few = ("model=own_models:marked", "ego.evaluations=8")
    run(toml, out, *few)
    calls, first = marks.read_text(), capsys.readouterr().err.splitlines()[-6:]
    before = {path: path.read_bytes() for path in (out / "summary.json", out / "best.h5")}
    run(toml, out, *few, resume=True)
    told = capsys.readouterr().err.splitlines()
    # not even the run of the model that is its reference
    assert marks.read_text() == calls and told[-6:] == first and "done before" in told[0]
    assert before == {path: path.read_bytes() for path in before}
    # what is really missing is made again, and a larger budget gone on with
    (out / "best.h5").unlink()
    run(toml, out, *few, resume=True)
    assert (out / "best.h5").exists() and len(marks.read_text()) > len(calls)
    run(toml, out, *few[:1], "ego.evaluations=9", resume=True)
    assert len(places(out)) == 9


def test_a_program_that_writes_in_another_unit_ends_the_run_and_spends_nothing(tmp_path, capsys):
    (tmp_path / "in.toml").write_text(
        """
campaign = "calibrate"
parameters.a = { low = 0.0, high = 1.0 }
reference.file = "data.csv"
objective = [{ term = "l2", curve = "y", abscissa = "t" }]
ego = { initial = 4, explore = 2, evaluations = 14 }
output.figures = false
[model]
command = ["./solve", "{a}"]
collect = "stdout.txt"
files = []
"""
    )
    solve, data = tmp_path / "solve", tmp_path / "data.csv"
    body = 'printf "t (%s),y,n (Pa)\\n0,0\\n1,$1\\n2,$1\\n" UNIT | sed "s/$/,7/; s/n (Pa),7/n (Pa)/"\n'
    solve.write_text("#!/bin/sh\n" + body.replace("UNIT", "ms"))
    solve.chmod(0o755)
    # n is compared with nothing
    data.write_text("t (s),y,n (GPa)\n0,0.01,1\n1,0.49,1\n2,0.52,1\n")
    for _ in range(2):  # nor is anything that had to be begun anew with another folder
        with pytest.raises(
            InputError, match=r"'stdout\.txt' has 't' in ms, it is compared with s: have both"
        ):
            run(tmp_path / "in.toml", tmp_path / "out", resume=(tmp_path / "out" / "trials.jsonl").exists())
    assert trials.read(tmp_path / "out" / "trials.jsonl")[1] == []
    solve.write_text("#!/bin/sh\n" + body.replace("UNIT", "s"))
    run(tmp_path / "in.toml", tmp_path / "out", resume=True)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["best"]["a"] == pytest.approx(0.505, abs=1e-3)


def test_a_budget_below_what_is_recorded_evaluates_nothing_and_serves_all(toml, tmp_path):
    run(toml, tmp_path / "out", "ego.evaluations=30")
    lines = (tmp_path / "out" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    # of a search that was stopped in its midst, too: its last trials are not those of a smaller budget
    record = tmp_path / "out" / "trials.jsonl"
    for count in (len(lines), 27):
        record.write_bytes(b"".join(lines[:count]))
        run(toml, tmp_path / "out", "ego.evaluations=25", resume=True)
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert record.read_bytes() == b"".join(lines[:count]) and summary["evaluations"] == count - 1
        assert summary["distance"] == min(trial.value for trial in trials.read(record)[1])
