"""``mdbridge calibrate``: files, restarts, what is said when something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from mpi4py import MPI

import mdbridge
from mdbridge.calibrate import trials
from mdbridge.campaigns.calibrate import problem, stages
from mdbridge.core.errors import FileError, InputError

HERE = Path(__file__).parent
INPUTS = HERE.parents[1] / "inputs"

TOML = """
campaign = "calibrate"
model = "models_for_calibration:line"
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
evaluations = 20
[output]
figures = false
"""


@pytest.fixture
def toml(tmp_path):
    (tmp_path / "models_for_calibration.py").write_text((HERE / "models_for_calibration.py").read_text())
    path = tmp_path / "in.toml"
    path.write_text(TOML)
    yield path
    sys.path[:] = [p for p in sys.path if p != str(tmp_path.resolve())]
    sys.modules.pop("models_for_calibration", None)


def run(toml, out, *overrides, resume=False):
    stages.run(MPI.COMM_WORLD, toml, out, overrides, resume)


def places(out):
    return [(t.index, t.unit) for t in trials.read(out / "trials.jsonl")[1]]


def units(out):
    """Number and place of every trial; a process of its own may round the last digit differently."""
    return [(t.index, pytest.approx(t.unit, abs=1e-12)) for t in trials.read(out / "trials.jsonl")[1]]


def test_everything_is_written(toml, tmp_path):
    out = tmp_path / "out"
    run(toml, out, "output.figures=true", "options.mode=raise", "ego.batch=2")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["evaluations"] == 20 and summary["seed"] == 0 and summary["failed"] > 0
    assert summary["best"]["a"] == pytest.approx(0.5, abs=1e-3) and summary["distance"] < 1e-3
    assert summary["failed"] == summary["status"]["failed"] and summary["wall_s"] > 0
    low, high = summary["intervals"]["a"]
    assert low <= summary["best"]["a"] <= high and "profile" in summary["intervals_from"]
    with h5py.File(out / "best.h5") as store:
        assert store["reference/field"].shape == store["calibrated/field"].shape == (2, 5, 8)
    for name in ("convergence", "distance", "fields_field", "curves_curve", "slices", "sensitivity"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_known_parameters_are_compared_and_other_options_drawn(toml, tmp_path):
    out = tmp_path / "out"
    run(toml, out, "ego.evaluations=8", "output.compare={a=0.5, b=0.35}", "output.options={points=9}")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["compared"]["terms"][0] == pytest.approx(0.05) and summary["evaluations"] == 8
    with h5py.File(out / "best.h5") as store:
        assert store["reference/curve"].shape == store["calibrated/curve"].shape == (9,)
        assert store["reference/curve"][...] == pytest.approx(0.5 + 0.25 * np.linspace(0, 1, 9))


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


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["parameters.c.low=0.0", "parameters.c.high=1.0"],
            r"parameters\.c: .* no such argument; it takes a, b",
        ),
        (["reference.parameters.c=0.5"], r"reference\.parameters: must name a, b; unknown: c"),
        (["options.pionts=3"], "options.pionts|takes no such argument"),
        (["parameters.a.low=1"], "low"),
        (["parameters.a.low=2.0"], r"parameters\.a: low = 2\.0 must lie below high = 1\.0"),
        (["model=nowhere:f"], "cannot be imported"),
        (["model=models_for_calibration:NOT_CALLABLE"], "not a function"),
        (["ego.scheme=random"], "ego.scheme"),
        (["reference.file=x.npz"], "give one of"),
        (["ego.sed=3"], "did you mean 'seed'"),
        (["output.compare={a=0.5}"], "output.compare: must name a, b"),
        (["options.table_file='no.txt'"], r"options.table_file: .* takes no such argument"),
        (['objective=[{term="grassmann", field="field", rank=[1, 1, 1]}]'], "3 ranks .* 2 snapshots"),
        (
            ['objective=[{term="grassmann", field="field", rank=7}]'],
            r"keeps the rank 7, its shape is \(5, 8\)",
        ),
        (['objective=[{term="user", function="math:sqrt"}]'], "cannot be compared with itself: TypeError"),
        (['objective=[{term="user", function="models_for_calibration:nothing_like"}]'], "not finite"),
        (['objective=[{term="l1", curve="curve", weight=0.0}]'], "weight"),
        (
            ["options.mode=raise", "reference.parameters.a=0.9"],
            "reference.parameters: .* failed: RuntimeError",
        ),
        (["options.points=two"], "reference.parameters: .* failed: TypeError"),
    ],
)
def test_bad_input_is_refused_before_the_first_evaluation(toml, tmp_path, overrides, message):
    with pytest.raises(InputError, match=message):
        run(toml, tmp_path / "out", *overrides)
    assert not (tmp_path / "out").exists()


def test_a_reference_whose_frames_do_not_match(toml, tmp_path):
    np.savez(tmp_path / "ref.npz", curve=np.ones(8), field=np.ones((3, 5, 8)))
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "ref.npz"')
    )
    with pytest.raises(
        InputError, match=r"\(3, 5, 8\), the model returns \(2, 5, 8\): the frames do not match"
    ):
        run(toml, tmp_path / "out")


def test_a_file_that_is_not_there_is_named_with_its_key(toml, tmp_path):
    text = TOML.replace(
        "[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfunction = "mdbridge.stz:published"'
    )
    toml.write_text(text + '[reference.options]\nfolder = "nowhere"\n')
    message = (
        r"reference\.options\.folder = 'nowhere': .*fetch these files .*--set reference\.options\.folder="
    )
    with pytest.raises(InputError, match=message):
        run(toml, tmp_path / "out")


def test_a_reference_that_holds_words(toml, tmp_path):
    np.savez(tmp_path / "ref.npz", curve=np.array(["a", "b"]), field=np.ones((2, 5, 8)))
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "ref.npz"')
    )
    with pytest.raises(InputError, match="'curve' is no array of numbers"):
        run(toml, tmp_path / "out")


def test_an_output_folder_that_is_a_file(toml, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FileError, match="out"):
        run(toml, tmp_path / "out")


def test_another_configuration_and_an_existing_record_are_refused(toml, tmp_path):
    out = tmp_path / "out"
    run(toml, out, "ego.evaluations=6")
    with pytest.raises(InputError, match="--resume"):
        run(toml, out, "ego.evaluations=6")
    with pytest.raises(InputError, match=r"ego\.seed = 0, now it is 1"):
        run(toml, out, "ego.seed=1", resume=True)
    with pytest.raises(InputError, match=r"reference\.curve"):
        run(toml, out, "reference.parameters.a=0.4", resume=True)


def test_a_model_that_fails_everywhere_is_said(toml, tmp_path):
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "ref.npz"')
    )
    np.savez(tmp_path / "ref.npz", curve=np.ones(8), field=np.ones((2, 5, 8)))
    with pytest.raises(
        InputError, match=r"none of 8 evaluations gave a distance; the first: failed: .*no luck"
    ):
        run(toml, tmp_path / "out", "model=models_for_calibration:never", "ego.evaluations=8")


published = pytest.mark.skipif(
    not (INPUTS / "../../shared/data/cuzr_md").exists(),
    reason="the published CuZr fields are not where the inputs point: ../shared/data/cuzr_md",
)


@pytest.mark.parametrize(
    "name",
    [
        "examples/spring",
        pytest.param("calibrate_validation", marks=published),
        pytest.param("calibrate_cuzr", marks=published),
    ],
)
def test_the_inputs_shipped_are_valid(name):
    assert problem.prepare(INPUTS / f"{name}.toml").groups.weight.sum() > 0
