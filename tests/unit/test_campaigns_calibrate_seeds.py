"""``mdbridge calibrate --seeds``: folders, agreement, schemes at equal evaluations, restarts."""

import json
from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.calibrate import trials
from mdbridge.campaigns.calibrate import seeds as calibrate_study
from mdbridge.core.errors import InputError

SPRING = Path(__file__).parents[2] / "inputs" / "examples" / "spring.toml"
FAST = ["output.figures=false", 'study.schemes=["ego+refine","ego"]', "ego.evaluations=36", "ego.initial=10"]


def run(out, seeds, *overrides, resume=False):
    calibrate_study.run(MPI.COMM_WORLD, SPRING, out, [*FAST, *overrides], seeds, resume)
    return json.loads((out / "study.json").read_text())


@pytest.mark.slow
def test_seeds_and_schemes_are_run_compared_and_resumed(tmp_path):
    study = run(tmp_path, 2, "ego.seed=5")
    assert study["folders"] == [f"{s}-seed-{k}" for s in ("ego+refine", "ego") for k in (5, 6)]
    found = study["schemes"]["ego+refine"]
    optima = [run["best"]["stiffness"] for run in found["runs"]]
    spread = found["parameters"]["stiffness"]
    assert (spread["least"], spread["largest"]) == (min(optima), max(optima))
    assert spread["largest_error"] == pytest.approx(max(abs(2.0 - v) for v in optima))
    assert spread["interval"][0] <= min(optima) and spread["interval"][1] >= max(optima)
    compared = study["at_equal_evaluations"]
    assert compared["evaluations"][-1] == 36
    last = sorted(run["distance"] for run in study["schemes"]["ego"]["runs"])
    assert compared["ego"]["median"][-1] == pytest.approx(sum(last) / 2)
    assert compared["ego"]["largest"][-1] == last[-1] <= compared["ego"]["largest"][0]
    for name in ("convergence", "distance", "optima"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    before = trials.read(tmp_path / "ego-seed-5" / "trials.jsonl")[1]
    with pytest.raises(InputError, match=r"ego\+refine-seed-5.*--resume"):
        run(tmp_path, 3, "ego.seed=5")
    again = run(tmp_path, 3, "ego.seed=5", resume=True)
    assert len(again["schemes"]["ego"]["runs"]) == 3
    after = trials.read(tmp_path / "ego-seed-5" / "trials.jsonl")[1]
    assert [t.unit for t in after] == [t.unit for t in before]


def test_a_bad_input_is_refused_before_any_run(tmp_path):
    with pytest.raises(InputError, match="must lie below"):
        run(tmp_path / "out", 2, "parameters.width.low=9.0")
    with pytest.raises(InputError, match=r"study\.schemes"):
        run(tmp_path / "out", 2, 'study.schemes=["best"]')
    assert not (tmp_path / "out").exists()
