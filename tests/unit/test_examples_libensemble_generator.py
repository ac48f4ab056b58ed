"""The adapter to the ensemble standard, driven by a loop of our own: libEnsemble need not be installed."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from mdbridge.calibrate.settings import SearchSettings

EXAMPLE = Path(__file__).parents[2] / "inputs" / "examples" / "libensemble_generator.py"


@pytest.mark.slow
def test_points_are_suggested_and_results_ingested_in_any_order(tmp_path):
    example = runpy.run_path(str(EXAMPLE), run_name="example")
    vocs = SimpleNamespace(
        variables={"stiffness": [0.5, 10.0], "damping": SimpleNamespace(domain=[0.0, 1.0])},
        objectives={"distance": "MINIMIZE"},
    )
    settings = SearchSettings("ego", initial=6, evaluations=12, asynchronous=True)

    def begin():
        return example["Calibrator"](vocs, settings, tmp_path / "trials.jsonl")

    generator, running = begin(), []
    for _ in range(3):
        running += generator.suggest(3)
        # the last one that was begun is the first that is done
        point = running.pop()
        generator.ingest([{**point, **example["spring"](point)}])
    assert [0.5 <= point["stiffness"] <= 10.0 for point in running] == [True] * 6
    generator.finalize()
    again = begin()
    assert len(again.search.trials) == 3
    while points := again.suggest(2):
        failed = {**points.pop(), "distance": float("nan")}
        again.ingest([failed, *({**p, **example["spring"](p)} for p in points)])
    again.finalize()
    assert len(again.search.trials) == 12 and again.search.best.value < 1.0
    with pytest.raises(ValueError, match="one objective, which is minimised"):
        example["Calibrator"](SimpleNamespace(variables={}, objectives={"f": "MAXIMIZE"}))
