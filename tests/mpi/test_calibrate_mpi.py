"""The calibration on one rank and on two."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from launch import begin, command_lines, launch, ranks_of
from mpi4py import MPI

from mdbridge.calibrate import trials
from mdbridge.core.workspace import claim

INPUT = Path(__file__).parents[2] / "inputs" / "examples" / "spring.toml"
SMALL = ("--set", "ego.evaluations=18", "--set", "ego.batch=2", "--set", "output.figures=false")

pytestmark = pytest.mark.mpi


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "main.py"
    path.write_text("from mdbridge.cli import main\nmain()\n")
    return path


@pytest.mark.slow
def test_the_same_trials_on_one_and_on_two_ranks(script, tmp_path):
    runs = []
    for ranks in (1, 2):
        out = tmp_path / str(ranks)
        job = launch(script, ranks, "calibrate", INPUT, "--out", out, *SMALL)
        assert job.returncode == 0, job.stderr
        runs.append(
            [(trial.index, trial.unit, trial.status) for trial in trials.read(out / "trials.jsonl")[1]]
        )
        assert json.loads((out / "summary.json").read_text())["evaluations"] == 18
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_killed_on_two_ranks_and_resumed_the_trials_are_the_same(script, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert launch(script, 1, "calibrate", INPUT, "--out", whole, *SMALL).returncode == 0
    record = killed / "trials.jsonl"
    for count in (3, 14):
        job = begin(script, 2, "calibrate", INPUT, "--out", killed, "--resume", *SMALL)
        deadline = time.monotonic() + 60
        while not record.exists() or record.read_bytes().count(b"\n") <= count:
            assert job.poll() is None and time.monotonic() < deadline, job.communicate()[1]
            time.sleep(0.005)
        for rank in ranks_of(job):
            os.kill(rank, signal.SIGKILL)
        job.communicate(timeout=60)
        assert job.returncode != 0
    job = launch(script, 2, "calibrate", INPUT, "--out", killed, "--resume", *SMALL)
    assert job.returncode == 0, job.stderr
    units = [
        [(trial.index, trial.unit) for trial in trials.read(out / "trials.jsonl")[1]]
        for out in (whole, killed)
    ]
    assert units[0] == units[1]


@pytest.mark.slow
def test_seeds_are_spread_over_the_ranks(script, tmp_path):
    small = (*SMALL, "--set", "ego.evaluations=13")
    job = launch(script, 2, "calibrate", INPUT, "--seeds", 3, "--out", tmp_path / "study", *small)
    assert job.returncode == 0, job.stderr
    alone = tmp_path / "alone"
    assert (
        launch(script, 1, "calibrate", INPUT, "--out", alone, *small, "--set", "ego.seed=1").returncode == 0
    )
    units = [
        [trial.unit for trial in trials.read(folder / "trials.jsonl")[1]]
        for folder in (tmp_path / "study" / "ego+refine-seed-1", alone)
    ]
    assert units[0] == units[1]
    study = json.loads((tmp_path / "study" / "study.json").read_text())
    assert [run["seed"] for run in study["schemes"]["ego+refine"]["runs"]] == [0, 1, 2]


MISBEHAVED = """
import os, subprocess, sys, numpy as np
def respond(a, b, how):
    program = [sys.executable, "-c", "import time; time.sleep(6021)"]
    if how == "leave": sys.exit(0)
    if how == "left": subprocess.Popen(program, start_new_session=True)
    return {"y": a * np.linspace(0, 1, 5) + b}
"""
TOML = """
campaign = "calibrate"
model = "misbehaved:respond"
options.how = "{how}"
[parameters]
a = {{ low = 0.0, high = 1.0 }}
b = {{ low = 0.0, high = 1.0 }}
[reference.parameters]
a = 0.5
b = 0.25
[[objective]]
term = "l2"
curve = "y"
[ego]
initial = 6
evaluations = 8
[output]
figures = false
"""


@pytest.fixture
def misbehaved(tmp_path):
    def make(how):
        (tmp_path / "misbehaved.py").write_text(MISBEHAVED)
        path = tmp_path / "in.toml"
        path.write_text(TOML.format(how=how))
        return path

    return make


@pytest.mark.slow
def test_an_error_ends_both_ranks_with_one_message(tmp_path, misbehaved):
    """A wrong value, a record that is there, a folder in which another one works, a model that leaves."""
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    with claim(MPI.COMM_SELF, second, "calibrate", INPUT):
        (second / "trials.jsonl").write_text("rubbish\n")
    command = ["calibrate", INPUT, *SMALL, "--out"]
    with claim(MPI.COMM_SELF, third, "calibrate", INPUT):
        wrong, recorded, owned, left = command_lines(
            2,
            [*command, first, "--set", "parameters.width.low=9.0"],
            [*command, second],
            [*command, third],
            ["calibrate", misbehaved("leave"), "--out", tmp_path / "fourth"],
        )
    assert wrong[0] == 2 and wrong[1].count("must lie below") == 1
    assert recorded[0] == 2 and recorded[1].count("--resume") == 1
    assert owned[0] == 1 and owned[1].count("another process is working in it") == 1
    assert left[0] == 2 and left[1].count("sys.exit(0) was called") == 1
    assert not any("Traceback" in said for _, said in (wrong, recorded, owned, left))


@pytest.mark.slow
def test_programs_of_a_model_do_not_keep_a_finished_job(script, tmp_path, misbehaved):
    few = ("--set", "ego.initial=2", "--set", "ego.evaluations=2")  # too few for a surrogate
    job = launch(script, 2, "calibrate", misbehaved("left"), "--out", tmp_path / "out", *few, timeout=90)
    assert job.returncode == 0, job.stderr
    listing = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    assert "time.sleep(6021)" not in listing


RACING = """
import time, numpy as np
def respond(a, b, how):
    open("input.txt", "w").write(f"{a} {b}")  # fixed names, as simulation programs have them
    time.sleep(0.1)
    a, b = map(float, open("input.txt").read().split())
    return {"y": a * np.linspace(0, 1, 5) + b}
"""


@pytest.mark.slow
def test_fixed_file_names_are_each_ranks_own(script, tmp_path, misbehaved):
    """Distances are those of their parameters, on two ranks as on one."""
    path = misbehaved("race")
    (tmp_path / "misbehaved.py").write_text(RACING)
    job = launch(
        script,
        2,
        "calibrate",
        path,
        "--out",
        tmp_path / "out",
        "--set",
        "ego.initial=14",
        "--set",
        "ego.evaluations=14",
        timeout=90,
    )
    assert job.returncode == 0, job.stderr
    t = [0.0, 0.25, 0.5, 0.75, 1.0]
    evaluated = trials.read(tmp_path / "out" / "trials.jsonl")[1]
    assert len(evaluated) == 14
    for trial in evaluated:
        a, b = trial.parameters["a"], trial.parameters["b"]
        squares = [(a * x + b - (0.5 * x + 0.25)) ** 2 for x in t]
        assert trial.distance == pytest.approx((sum(squares) / 5) ** 0.5, abs=1e-12)
    assert not (tmp_path / "input.txt").exists()


@pytest.mark.slow
def test_a_program_with_fixed_names_on_one_and_on_two_ranks(script, tmp_path):
    """Each answer is that of its own input, and ranks make no difference."""
    (tmp_path / "solve").write_text(
        "cp $1 work.txt; sleep 0.05; awk '{print $1 + 0 * $2; print $1 + $2}' work.txt > y.txt\n"
    )
    (tmp_path / "deck.tpl").write_text("{a} {b}\n")
    (tmp_path / "in.toml").write_text(
        """
campaign = "calibrate"
[model]
command = ["sh", "solve", "{input}"]
template = "deck.tpl"
collect = { y = "y.txt" }
[parameters.a]
low = 0.0
high = 2.0
[parameters.b]
low = 0.0
high = 2.0
[reference]
file = "ref.csv"
[[objective]]
term = "l2"
curve = "y"
[ego]
initial = 8
explore = 2
evaluations = 12
[output]
figures = false
"""
    )
    (tmp_path / "ref.csv").write_text("y\n0.5\n1.25\n")
    places = []
    for ranks in (1, 2):
        out = tmp_path / "out" / str(ranks)
        job = launch(
            script, ranks, "calibrate", tmp_path / "in.toml", "--out", out, "--set", "model.keep=all"
        )
        assert job.returncode == 0, job.stderr
        record = trials.read(out / "trials.jsonl")[1]
        places.append([(trial.index, trial.unit) for trial in record])
        for trial in record:
            a, b = trial.parameters["a"], trial.parameters["b"]
            assert trial.residual == pytest.approx([a - 0.5, a + b - 1.25], abs=1e-4)
            given = (out / "trials" / f"{trial.index:04d}" / "deck").read_text()
            assert given == f"{a!r} {b!r}\n"
    assert places[0] == places[1]


@pytest.mark.slow
def test_the_examples_with_programs(script, tmp_path):
    """Tea that was made up with 1.1 W/K, 21 degrees and 90 at the start; and one under mpiexec."""
    examples = INPUT.parent
    out = tmp_path / "tea"
    job = launch(script, 1, "calibrate", examples / "cooling.toml", "--out", out, *SMALL[4:])
    assert job.returncode == 0, job.stderr
    intervals = json.loads((out / "summary.json").read_text())["intervals"]
    for name, value in (("conductance", 1.1), ("surroundings", 21.0), ("start", 90.0)):
        assert intervals[name][0] < value < intervals[name][1]
    few = ("--set", "ego.initial=3", "--set", "ego.explore=1", "--set", "ego.evaluations=4")
    job = launch(script, 2, "calibrate", examples / "rod.toml", "--out", tmp_path / "rod", *few, *SMALL[4:])
    assert job.returncode == 0, job.stderr
    assert json.loads((tmp_path / "rod" / "summary.json").read_text())["status"]["ok"] == 4


SLEEPER = """
import json, os, time, numpy as np
def respond(a, b, folder):
    begun, number = time.time(), int(os.environ.get("MDBRIDGE_TRIAL", -1))
    time.sleep(10.0 if number == 2 else 0.0 if number < 0 else 0.2)
    with open(f"{folder}/{number}.json", "w") as stream:
        json.dump([begun, time.time()], stream)
    return {"y": a * np.linspace(0, 1, 5) + b + 0.01 * np.cos(9 * np.arange(5))}
"""


@pytest.mark.slow
def test_a_straggler_stops_nobody_on_three_ranks(script, tmp_path, misbehaved):
    toml = misbehaved("")
    (tmp_path / "misbehaved.py").write_text(SLEEPER)
    (tmp_path / "noted").mkdir()
    text = toml.read_text().replace('options.how = ""', f'options.folder = "{tmp_path / "noted"}"')
    text = text.replace("initial = 6", "initial = 14")
    text = text.replace("evaluations = 8", "evaluations = 20\nasynchronous = true\npatience = 99")
    toml.write_text(text)
    job = launch(script, 3, "calibrate", toml, "--out", tmp_path / "out")
    assert job.returncode == 0, job.stderr
    noted = {int(path.stem): json.loads(path.read_text()) for path in (tmp_path / "noted").glob("*.json")}
    begun, ended = noted.pop(2)
    meanwhile = [number for number, (first, _) in noted.items() if begun < first < ended]
    # the rest of the start design, and at least one that only the search beside it has asked for
    assert len(meanwhile) >= 12
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["failed"] == 0
