"""``mdbridge calibrate``: files, restarts, what is said when something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from mpi4py import MPI

import mdbridge
from mdbridge.calibrate import trials
from mdbridge.campaigns import housekeeping
from mdbridge.campaigns.calibrate import problem, stages, verdict
from mdbridge.core.errors import FileError, InputError, MdbridgeError

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


@pytest.fixture
def toml(tmp_path):
    (tmp_path / "own_models.py").write_text((HERE / "models_for_calibration.py").read_text())
    path = tmp_path / "in.toml"
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


def test_everything_is_written(toml, tmp_path, drawn):
    out = tmp_path / "out"
    run(toml, out, "output.figures=true", "options.mode=raise", "ego.batch=2")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["evaluations"] == 14 and summary["seed"] == 0 and summary["failed"] > 0
    assert summary["best"]["a"] == pytest.approx(0.5, abs=1e-3) and summary["distance"] < 1e-3
    assert summary["failed"] == summary["status"]["failed"] and summary["wall_s"] > 0
    good = 14 - summary["failed"]
    assert summary["status"] == {"ok": good, "invalid": 0, "failed": 14 - good, "timeout": 0}
    low, high = summary["intervals"]["a"]
    assert low <= summary["best"]["a"] <= high and "profile" in summary["intervals_from"]
    with h5py.File(out / "best.h5") as store:
        assert store["reference/field"].shape == store["calibrated/field"].shape == (2, 5, 8)
    for name in ("convergence", "distance", "fields_field", "curves_curve", "slices", "sensitivity"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_sigma_makes_intervals_and_norms_are_a_choice(toml, tmp_path):
    random = np.random.default_rng(7)
    curve = 0.5 + 0.25 * np.linspace(0, 1, 8) + 0.01 * random.standard_normal(8)
    np.savez(tmp_path / "ref.npz", curve=curve, errors=np.full(8, 0.01))
    text = TOML[: TOML.index("[reference")] + '[reference]\nfile = "ref.npz"\n[[objective]]\nterm = "l2"\n'
    toml.write_text(
        text + 'curve = "curve"\nsigma = "errors"\n[ego]\ninitial = 6\nexplore = 2\nevaluations = 26\n'
    )
    design = np.stack([np.ones(8), np.linspace(0, 1, 8)], 1)
    expected = np.linalg.lstsq(design, curve, rcond=None)[0]
    half = 1.96 * 0.01 * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    run(toml, tmp_path / "out", "output.figures=false")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for name, value, width in zip("ab", expected, half, strict=True):
        assert summary["best"][name] == pytest.approx(value, abs=0.05 * width)
        assert summary["estimate"][name] == pytest.approx(value, abs=0.05 * width)
        assert np.ptp(summary["intervals"][name]) / 2 == pytest.approx(width, rel=0.05)
    assert summary["correlation"]["a"]["b"] == pytest.approx(-0.845, abs=0.02) and summary["noise"] == {}
    run(toml, tmp_path / "norms", "output.figures=false", "uncertainty.method=norms")
    assert "norms" in json.loads((tmp_path / "norms" / "summary.json").read_text())["intervals_from"]


def test_a_negative_objective_of_the_users_own_is_minimised(toml, tmp_path, capsys, drawn):
    """Minus the coefficient of determination: -1 is perfect; 0, the smallest size, is not."""
    own = """

def minus_r2(response, reference):
    y, r = response["curve"], reference["curve"]
    return -(1 - ((y - r) ** 2).sum() / ((r - r.mean()) ** 2).sum())


def five(response, reference):
    return 5.0
"""
    model = tmp_path / "own_models.py"
    model.write_text(model.read_text() + own)
    negative = 'objective=[{term="user", function="own_models:minus_r2"}]'
    run(toml, tmp_path / "out", negative, "ego.evaluations=14", "output.figures=true")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert -1.0 <= summary["distance"] < -0.8 and summary["stopped"] == "the budget is spent"
    assert summary["intervals"] is None and "vector of residuals" in summary["intervals_from"]
    for name in ("distance", "slices", "pairs"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"ego\.target = -1\.0: the distance is never below 0"):
        run(toml, tmp_path / "never", "ego.target=-1.0")
    capsys.readouterr()
    same = 'objective=[{term="user", function="own_models:five"}]'
    run(toml, tmp_path / "same", same, "ego.evaluations=8")
    assert "does not depend on the parameters" in " ".join(capsys.readouterr().err.split())


def test_of_a_noisy_model_the_mean_is_served_and_it_is_said(toml, tmp_path, capsys):
    """Each run differs from the last: the luckiest trial is told beside the optimum of the mean."""
    own = """

DICE = np.random.default_rng(7)


def shaky(a, b):
    response = line(a, b)
    return {**response, "curve": response["curve"] + DICE.normal(0.0, 0.2, response["curve"].shape)}
"""
    model = tmp_path / "own_models.py"
    model.write_text(model.read_text() + own)
    run(toml, tmp_path / "out", "model=own_models:shaky", 'objective=[{term="l2", curve="curve"}]')
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model_noise"] == pytest.approx(0.2, rel=0.5)
    least = min(trial.distance for trial in trials.read(tmp_path / "out" / "trials.jsonl")[1])
    assert summary["luckiest"]["distance"] == least and summary["best"] != summary["luckiest"]["parameters"]
    assert summary["served"] in " ".join(capsys.readouterr().err.split())


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


@pytest.mark.slow
def test_known_parameters_are_compared_and_other_options_drawn(toml, tmp_path):
    out = tmp_path / "out"
    run(toml, out, "ego.evaluations=8", "output.compare={a=0.5, b=0.35}", "output.options={points=9}")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["compared"]["terms"][0] == pytest.approx(0.05) and summary["evaluations"] == 8
    with h5py.File(out / "best.h5") as store:
        assert store["reference/curve"].shape == store["calibrated/curve"].shape == (9,)
        assert store["reference/curve"][...] == pytest.approx(0.5 + 0.25 * np.linspace(0, 1, 9))


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


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["parameters.c.low=0.0", "parameters.c.high=1.0"],
            r"parameters\.c: .* no such argument; it takes a, b",
        ),
        (["reference.parameters.c=0.5"], r"reference\.parameters: must name a, b; unknown: c"),
        (["options.pionts=3"], "options.pionts|takes no such argument"),
        (["parameters.a={low=1.0}"], "'high' is missing"),
        (["parameters.a.low=2.0"], r"in\.toml: parameters\.a: low = 2\.0 must lie below high = 1\.0"),
        (["model=nowhere:f"], "cannot be imported"),
        (["model=own_models:NOT_CALLABLE"], "not a function"),
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
        (['objective=[{term="user", function="own_models:nothing_like"}]'], "not finite"),
        (['objective=[{term="l1", curve="curve", weight=0.0}]'], "weight"),
        (['objective=[{term="l2", curve="curve", weight=2.0, sigma=1.0}]'], "leave one out"),
        (['objective=[{term="l2", curve="curve", sigma=-1.0}]'], "sigma"),
        (
            ['objective=[{term="l2", curve="curve", sigma="errors"}]'],
            r"objective\.0\.sigma = 'errors': the reference has no such values; it has curve, field",
        ),
        (['objective=[{term="l1", curve="curv"}]'], r"in\.toml: objective\.0\.curve = 'curv'.*mean 'curve'"),
        (['objective=[{term="l2", curve="curve", sigma=[1.0, 2.0]}]'], r"shape \(2,\), the curve \(8,\)"),
        (['objective=[{term="grassmann", field="field", sigma="errors"}]'], "of a field it is a number"),
        (['objective=[{term="user", function="own_models:nothing_like", sigma=1.0}]'], "divide by it"),
        (['uncertainty.method="guess"'], "uncertainty.method"),
        (
            ["options.mode=raise", "reference.parameters.a=0.9"],
            "reference.parameters: .* failed: RuntimeError",
        ),
        (["options.points=two"], "its 'shapes' failed: ValueError: .*'two'"),
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
    with pytest.raises(FileError, match="'curve' is no array of numbers"):
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


@pytest.mark.parametrize(("mode", "message"), [("exit", r"sys\.exit\(3\)"), ("hang", "no answer in 1 s")])
def test_a_reference_run_that_does_not_return_is_told(toml, tmp_path, mode, message):
    overrides = (f"options.mode={mode}", "reference.parameters.a=0.9", "ego.time_limit_s=1")
    with pytest.raises(InputError, match=rf"reference\.parameters: own_models:line failed: {message}"):
        run(toml, tmp_path / "out", *overrides)


def test_a_run_drawn_at_the_end_that_fails_leaves_the_summary(toml, tmp_path):
    model = tmp_path / "own_models.py"
    extra = (
        "def fussy(a, b, points=8):\n    if points == 9: raise OSError('no nine')\n    return line(a, b)\n"
    )
    model.write_text(f"{model.read_text()}\n\n{extra}")
    few = ("ego.evaluations=6", "model=own_models:fussy", "output.options={points=9}")
    with pytest.raises(InputError, match=r"output\.options: .*no nine; .*summary\.json is complete"):
        run(toml, tmp_path / "out", *few)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["evaluations"] == 6


def test_what_a_model_says_when_it_dies_is_in_its_record(toml, tmp_path):
    run(toml, tmp_path / "out", "options.mode=abort", "ego.evaluations=8")
    died = [trial for trial in trials.read(tmp_path / "out" / "trials.jsonl")[1] if trial.status == "failed"]
    assert died and all(
        "FATAL: the licence is gone" in trial.said and "SIGABRT" in trial.message for trial in died
    )


def test_a_model_that_changes_directory_does_not_move_the_results(toml, tmp_path, monkeypatch):
    model, elsewhere = tmp_path / "own_models.py", tmp_path / "elsewhere"
    elsewhere.mkdir()
    model.write_text(f"import os\nos.chdir({str(elsewhere)!r})\n" + model.read_text())
    monkeypatch.chdir(tmp_path)
    run(toml, Path("out"), "ego.evaluations=6")
    assert (tmp_path / "out" / "best.h5").exists() and not list(elsewhere.iterdir())


@pytest.mark.slow
def test_a_file_beside_the_input_does_not_replace_a_module_of_python(toml, tmp_path):
    for name in ("random", "types"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    command = [sys.executable, "-c", "from mdbridge.cli import main; main()"]
    command += ["calibrate", str(toml), "--out", str(tmp_path / "out")]
    command += ["--set", "ego.initial=2", "--set", "ego.evaluations=2"]  # too few for a surrogate
    environment = os.environ | {"PYTHONPATH": str(Path(mdbridge.__file__).parents[1])}
    job = subprocess.run(command, env=environment, cwd=HERE, capture_output=True, text=True)
    assert job.returncode == 0, job.stderr


def test_a_model_that_fails_everywhere_is_said(toml, tmp_path):
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "ref.npz"')
    )
    np.savez(tmp_path / "ref.npz", curve=np.ones(8), field=np.ones((2, 5, 8)))
    with pytest.raises(
        InputError, match=r"none of 8 evaluations gave a distance; the first: failed: .*no luck"
    ):
        run(toml, tmp_path / "out", "model=own_models:never", "ego.evaluations=8")
    out = tmp_path / "longer"
    with pytest.raises(MdbridgeError, match=r"first 10 trials: failed: RuntimeError: no luck"):
        run(toml, out, "model=own_models:never", "ego.initial=20", "ego.evaluations=40")
    assert len(trials.read(out / "trials.jsonl")[1]) == 10
    assert 'raise RuntimeError("no luck")' in (out / "failure.txt").read_text()


published = pytest.mark.skipif(
    not (INPUTS / "../../shared/data/cuzr_md").exists(),
    reason="the published CuZr fields are not where the inputs point: ../shared/data/cuzr_md",
)


@pytest.mark.parametrize(
    "name",
    [
        "examples/spring",
        "examples/cooling",
        pytest.param("calibrate_validation", marks=published),
        pytest.param("calibrate_cuzr", marks=published),
    ],
)
def test_the_inputs_shipped_are_valid(name):
    assert problem.prepare(INPUTS / f"{name}.toml").groups.weight.sum() > 0


def test_measurements_are_compared_where_they_were_made(toml, tmp_path, capsys):
    """The model has its own points; the file has a header, a unit, and a value that is missing."""
    own = """

def timed(a, b):
    t = np.linspace(0.0, 3.0, 301)
    return {"t": t, "y": a + b * t}
"""
    model = tmp_path / "own_models.py"
    model.write_text(model.read_text() + own)
    (tmp_path / "data.csv").write_text("t;y (mm);s\n2,5;1,0;0,1\n0;0,25;0,1\n1;;\n0,5;0,4;0,1\n")
    text = TOML.replace("own_models:line", "own_models:timed")
    text = text[: text.index("[reference")] + '[reference]\nfile = "data.csv"\n[[objective]]\nterm = "l2"\n'
    text += 'curve = "y"\nabscissa = "t"\nsigma = "s"\n[ego]\ninitial = 4\nexplore = 2\nevaluations = 14\n'
    toml.write_text(text)
    run(toml, tmp_path / "out")
    best = json.loads((tmp_path / "out" / "summary.json").read_text())["best"]
    assert [best["a"], best["b"]] == pytest.approx([0.25, 0.3], abs=1e-3)
    with h5py.File(tmp_path / "out" / "best.h5") as store:
        assert store["calibrated/y"].attrs["units"] == "mm"
        assert store["calibrated/y"][[0, 1, 3]] == pytest.approx([1.0, 0.25, 0.4], abs=1e-3)
    bands = json.loads((tmp_path / "out" / "analysis.json").read_text())["bands"]["y"]
    assert bands["low"][2] is None and bands["low"][0] < 1.0 < bands["high"][0]
    assert (tmp_path / "out" / "curves_y.png").read_bytes().startswith(b"\x89PNG")
    assert "note: y: 3 of 4 rows of data.csv; 1 without a value left out" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["notes"] == ["y: 3 of 4 rows of data.csv; 1 without a value left out"]
    assert "root mean square of 3 differences over their sigma" in summary["distance_is"]
    assert not list((tmp_path / "out").glob("curves_t.*"))  # an abscissa is no result
    (tmp_path / "data.csv").write_text("t,y,s\n0,0,1\n1,l,1\n")
    with pytest.raises(InputError, match=r"data\.csv, line 3: y = 'l' is no finite number"):
        run(toml, tmp_path / "never")


def test_a_budget_without_room_for_a_descent_is_told(toml):
    def lines(*overrides):
        settings, folder = stages.load(toml, overrides)
        with stages.worker_for(settings, folder) as worker:
            prepared = stages.prepare(toml, overrides, worker)
            return verdict.short(prepared.search, len(prepared.space.free))

    (line,) = lines()
    # 14 − 6 − 3, of 6 (2 + 1)
    assert "5 are left" in line and "take 18 or more" in line
    assert not lines("ego.evaluations=27") and not lines("ego.scheme='ego'")


@pytest.mark.parametrize("distance", [None, 0.3])
def test_known_parameters_are_told_with_their_distance_where_the_model_answered(distance):
    score = distance and SimpleNamespace(distance=distance, terms=[0.1, 0.2])
    output = SimpleNamespace(compare={"a": 0.5})
    asked = SimpleNamespace(compared=SimpleNamespace(score=score), settings=SimpleNamespace(output=output))
    expected = {"parameters": {"a": 0.5}, "distance": 0.3, "terms": [0.1, 0.2]}
    assert stages._compared(asked) == (expected if distance else None)
    assert stages._compared(SimpleNamespace(compared=None)) is None


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


def test_the_log_tells_when_the_search_began_and_how_long_it_took(toml, tmp_path):
    run(toml, tmp_path / "out", "options.slow=0.2", "ego.evaluations=8")
    log = (tmp_path / "out" / "mdbridge.log").read_text()
    begun, ended = (line for line in log.splitlines() if "calibrate: " in line)
    assert begun.endswith("calibrate: begins")
    # eight runs of the model of 0.2 s each belong to it
    assert float(ended.split("calibrate: ")[1].removesuffix(" s")) >= 1.6


def test_an_optimum_on_a_bound_is_told(toml, tmp_path, capsys):
    """The truth of b is 0.25; of what lies at a bound the screen, the summary and the report tell."""
    from mdbridge.campaigns import webpage

    run(toml, tmp_path / "out", "parameters.b.high=0.1", "ego.evaluations=30", "ego.target=1e-9")
    said = "b lies at its upper bound 0.1: raise parameters.b.high"
    assert f"doubtful: {said}" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [doubt for doubt in summary["doubts"] if doubt.startswith(said)]
    assert said in webpage.page(tmp_path / "out")


def test_a_file_that_is_not_there_is_an_error_of_the_input_with_a_near_name(toml, tmp_path):
    (tmp_path / "tensile.csv").write_text("t,y\n0,1\n")
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "tensil.csv"')
    )
    message = r"in\.toml: reference\.file = 'tensil\.csv': there is no .*did you mean 'tensile\.csv'"
    with pytest.raises(InputError, match=message):
        run(toml, tmp_path / "out")


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


@pytest.mark.parametrize("points", [7, 301])
def test_points_of_a_model_that_lie_far_apart_are_doubted(toml, tmp_path, points):
    model = tmp_path / "own_models.py"
    model.write_text(
        model.read_text()
        + f"""

def curved(a, b):
    t = np.linspace(0.0, 6.0, {points})
    return {{"t": t, "y": a * np.sin(t) + b}}
"""
    )
    t = np.linspace(0.2, 5.9, 40)
    y = 0.5 * np.sin(t) + 0.25 + 0.02 * np.random.default_rng(1).normal(size=40)
    np.savez(tmp_path / "data.npz", t=t, y=y)
    text = TOML.replace("own_models:line", "own_models:curved")
    text = text[: text.index("[reference")] + '[reference]\nfile = "data.npz"\n[[objective]]\nterm = "l2"\n'
    text += 'curve = "y"\nabscissa = "t"\nsigma = 0.02\n[ego]\ninitial = 4\nexplore = 2\nevaluations = 24\n'
    toml.write_text(text + "[output]\nfigures = false\n")
    run(toml, tmp_path / "out")
    doubts = json.loads((tmp_path / "out" / "summary.json").read_text())["doubts"]
    assert any("lie far apart" in doubt for doubt in doubts) == (points == 7)
