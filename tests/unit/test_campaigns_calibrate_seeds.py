"""``mdbridge calibrate --seeds``: folders, agreement, schemes at equal evaluations, restarts."""

import json
from pathlib import Path

import numpy as np
import pytest
from calibration_runs import run as made_up
from mpi4py import MPI

from mdbridge.calibrate import trials
from mdbridge.campaigns import housekeeping
from mdbridge.campaigns.calibrate import seeds as calibrate_study
from mdbridge.core.errors import InputError
from mdbridge.core.versions import versions

SPRING = Path(__file__).parents[2] / "inputs" / "examples" / "spring.toml"
FAST = ["output.figures=false", 'study.schemes=["ego+refine","ego"]', "ego.evaluations=36", "ego.initial=10"]


def run(out, seeds, *overrides, resume=False):
    calibrate_study.run(MPI.COMM_WORLD, SPRING, out, [*FAST, *overrides], seeds, resume)
    return json.loads((out / "study.json").read_text())


@pytest.mark.slow
def test_seeds_and_schemes_are_run_compared_and_resumed(tmp_path, capsys):
    study = run(tmp_path, 2, "ego.seed=5")
    assert study["versions"] == versions()
    assert study["folders"] == [f"{s}-seed-{k}" for s in ("ego+refine", "ego") for k in (5, 6)]
    scheme = study["schemes"]["ego+refine"]
    optima = [each["best"]["stiffness"] for each in scheme["runs"]]
    spread = scheme["parameters"]["stiffness"]
    assert (spread["least"], spread["largest"]) == (min(optima), max(optima))
    assert spread["largest_error"] == pytest.approx(max(abs(2.0 - v) for v in optima))
    assert spread["interval"][0] <= min(optima) and spread["interval"][1] >= max(optima)
    compared = study["at_equal_evaluations"]
    assert compared["evaluations"][-1] == 36
    last = sorted(each["distance"] for each in study["schemes"]["ego"]["runs"])
    assert compared["ego"]["median"][-1] == pytest.approx(sum(last) / 2)
    assert compared["ego"]["largest"][-1] == last[-1] <= compared["ego"]["largest"][0]
    for name in ("convergence", "distance", "optima"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    housekeeping.status(MPI.COMM_SELF, tmp_path)
    told = " ".join("".join(capsys.readouterr()).split())
    assert "seeds done" in told and "comparison done" in told and "to do" not in told
    housekeeping.clean(MPI.COMM_SELF, tmp_path, sure=False)
    assert "nothing to remove" in "".join(capsys.readouterr())
    before = trials.read(tmp_path / "ego-seed-5" / "trials.jsonl")[1]
    with pytest.raises(InputError, match=r"ego\+refine-seed-5.*--resume"):
        run(tmp_path, 3, "ego.seed=5")
    again = run(tmp_path, 3, "ego.seed=5", resume=True)
    assert len(again["schemes"]["ego"]["runs"]) == 3
    after = trials.read(tmp_path / "ego-seed-5" / "trials.jsonl")[1]
    assert [trial.unit for trial in after] == [trial.unit for trial in before]


def test_the_interval_holds_one_more_seed_in_95_of_100_studies():
    random, held = np.random.default_rng(7), []
    for _ in range(4000):
        *study, more = random.normal(3.0, 0.2, 6)
        low, high = calibrate_study._spread(np.array(study))["interval"]
        held.append(low <= more <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)  # three standard errors


def test_the_spread_of_known_values():
    spread = calibrate_study._spread(np.array([1.0, 2.0, 3.0, 4.0]))
    assert (spread["least"], spread["mean"], spread["largest"]) == (1.0, 2.5, 4.0)
    assert spread["deviation"] == pytest.approx(np.sqrt(5 / 3))
    # t of 3 degrees of freedom for 97.5 %, from tables
    half = 3.182446 * np.sqrt(5 / 3) * np.sqrt(1 + 1 / 4)
    assert spread["interval"] == pytest.approx([2.5 - half, 2.5 + half], rel=1e-6)
    assert "interval" not in calibrate_study._spread(np.array([1.0]))


def test_what_the_seeds_agree_on():
    """Optima 0.2, 0.2 and 0.1 of a with the truth 0.55; two of three have an interval, one holds it."""
    runs = [
        made_up((4.0, 3.0, 2.0), seed=5, intervals={"a": [0.5, 0.7], "b": [0.0, 9.0]}),
        made_up((5.0, None, 1.0), seed=6, intervals={"a": [0.2, 0.4], "b": [0.0, 9.0]}),
        made_up((3.0, 2.6), seed=7, intervals=None),
    ]
    agreement = calibrate_study._agreement(runs)
    assert agreement["distance"]["least"] == 1.0 and agreement["distance"]["largest"] == 2.6
    assert agreement["not_above_compared"] == 2
    assert agreement["evaluations"]["mean"] == pytest.approx(8 / 3)
    a, b = agreement["parameters"]["a"], agreement["parameters"]["b"]
    assert a["largest_error"] == pytest.approx(0.45)
    assert a["intervals_that_hold_the_truth"] == "1 of 2"
    assert "truth" not in b and b["mean"] == pytest.approx(5 / 3)
    assert [run["seed"] for run in agreement["runs"]] == [5, 6, 7]


def test_schemes_are_compared_at_equal_evaluations():
    schemes = {
        "ego+refine": [made_up((4.0, 3.0, 2.0, 1.0)), made_up((5.0, 0.5))],
        "ego": [made_up((9.0, 8.0, 8.0))],
    }
    assert calibrate_study._comparison(schemes) == {  # fewer evaluations than checkpoints
        "evaluations": [1, 2, 3, 4],
        "ego+refine": {"median": [4.5, 1.75, 1.25, 0.75], "largest": [5.0, 3.0, 2.0, 1.0]},
        "ego": {"median": [9.0, 8.0, 8.0, 8.0], "largest": [9.0, 8.0, 8.0, 8.0]},
    }
    long = calibrate_study._comparison({"ego": [made_up([100.0 - k for k in range(80)])]})
    assert long["evaluations"] == [10, 20, 30, 40, 50, 60, 70, 80]
    assert long["ego"]["median"] == [91.0, 81.0, 71.0, 61.0, 51.0, 41.0, 31.0, 21.0]


def test_a_bad_input_is_refused_before_any_run(tmp_path):
    with pytest.raises(InputError, match="must lie below"):
        run(tmp_path / "out", 2, "parameters.width.low=9.0")
    with pytest.raises(InputError, match=r"study\.schemes"):
        run(tmp_path / "out", 2, 'study.schemes=["best"]')
    assert not (tmp_path / "out").exists()
