"""``mdbridge calibrate``: what a run writes and says, and what is said when something is wrong in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import calibrated_inputs
import h5py
import numpy as np
import pytest
from calibrated_inputs import HERE, TOML, run

import mdbridge
from mdbridge.calibrate import trials
from mdbridge.campaigns.calibrate import stages, verdict
from mdbridge.core.errors import InputError, MdbridgeError


@pytest.fixture
def toml(tmp_path):
    return calibrated_inputs.write(tmp_path)


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


def test_a_number_without_sigma_beside_a_curve_makes_no_intervals_and_it_is_told_before(
    toml, tmp_path, capsys
):
    """A point that is met has no noise of its own: the likelihood would be infinite there."""
    own = """

def peaked(a, b):
    curve = line(a, b)["curve"]
    return {"curve": curve + 0.02 * np.cos(40.0 * np.arange(len(curve))), "peak": a + b}
"""
    model = tmp_path / "own_models.py"
    model.write_text(model.read_text() + own)
    np.savez(tmp_path / "ref.npz", curve=0.5 + 0.25 * np.linspace(0, 1, 8), peak=0.8)
    text = TOML[: TOML.index("[reference")].replace("line", "peaked")
    terms = "".join(f'[[objective]]\nterm = "l2"\ncurve = "{name}"\n' for name in ("curve", "peak"))
    text += f'[reference]\nfile = "ref.npz"\n{terms}[ego]\ninitial = 6\nexplore = 2\nevaluations = 26\n'
    toml.write_text(text)
    run(toml, tmp_path / "out", "output.figures=false")
    reason = "the residuals of peak (1) are too few to tell the scale of their noise beside 2 parameters"
    assert f"note: there will be no intervals: {reason}" in " ".join(capsys.readouterr().err.split())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["intervals"] is summary["noise"] is summary["estimate"] is None
    assert summary["intervals_from"].startswith(reason) and summary["converged"] is not False


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
    terms = 'objective=[{term="l2", curve="curve"}, {term="l1", curve="curve", weight=2.0}]'
    run(toml, tmp_path / "out", "model=own_models:shaky", terms)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model_noise"] == pytest.approx(0.2, rel=0.5)
    best = min(trials.read(tmp_path / "out" / "trials.jsonl")[1], key=lambda trial: trial.value)
    luckiest = summary["luckiest"]
    assert luckiest["distance"] == best.distance and summary["best"] != luckiest["parameters"]
    # what is told of the mean is no single trial's
    assert luckiest["terms"] == best.terms and luckiest["found_at"] == best.index + 1
    first, second = summary["terms"]
    assert first + 2.0 * second == pytest.approx(summary["distance"]) and summary["found_at"] is None
    assert summary["served"] in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_known_parameters_are_compared_and_other_options_drawn(toml, tmp_path):
    out = tmp_path / "out"
    run(toml, out, "ego.evaluations=8", "output.compare={a=0.5, b=0.35}", "output.options={points=9}")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["compared"]["terms"][0] == pytest.approx(0.05) and summary["evaluations"] == 8
    with h5py.File(out / "best.h5") as store:
        assert store["reference/curve"].shape == store["calibrated/curve"].shape == (9,)
        assert store["reference/curve"][...] == pytest.approx(0.5 + 0.25 * np.linspace(0, 1, 9))


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
