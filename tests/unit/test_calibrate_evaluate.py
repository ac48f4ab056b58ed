"""One evaluation: what becomes of a model's answer, and of none."""

from pathlib import Path

import models_for_calibration as models
import numpy as np
import pytest

from mdbridge.calibrate import evaluate
from mdbridge.calibrate.evaluate import Evaluation, Outcome
from mdbridge.calibrate.model import Model
from mdbridge.calibrate.objective import Objective
from mdbridge.calibrate.terms import CurveTerm, UserTerm
from mdbridge.calibrate.worker import Worker
from mdbridge.core.errors import InputError

HERE = str(Path(__file__).parent)
MODEL = Model("model", "models_for_calibration:line", HERE)


def task(mode=""):
    reference = models.line(0.5, 0.5)
    return Evaluation(MODEL, {"mode": mode}, Objective([CurveTerm("curve", reference)], [1.0]))


@pytest.fixture
def worker():
    with Worker([HERE], time_limit=0.5) as worker:
        yield worker


def test_a_process_gives_what_the_function_gives(worker):
    for a in (0.5, 0.6):
        outcome = Outcome.of(worker.call(task(), {"a": a, "b": 0.5}))
        assert outcome.status == "ok" and outcome.seconds < 0.5 and outcome.host and outcome.said == ""
        assert outcome.score.distance == pytest.approx(a - 0.5, abs=1e-15)
        assert outcome.score.distance == task()({"a": a, "b": 0.5}).score.distance


@pytest.mark.parametrize(
    ("mode", "status", "message", "said"),
    [
        ("raise", "failed", "RuntimeError: a is too large", ""),
        ("nan", "invalid", "'curve' is not finite", "a model may print"),
        ("kill", "failed", "ended its process: SIGKILL", ""),
        ("abort", "failed", "ended its process: SIGABRT", "FATAL: the licence is gone"),
        ("exit", "failed", "sys.exit(3) was called", ""),
        ("_exit", "failed", "ended its process: exit code 0", ""),
        ("hang", "timeout", "no answer in 0.5 s", ""),
    ],
)
def test_what_a_model_does_is_recorded_and_the_next_point_is_evaluated(worker, mode, status, message, said):
    outcome = Outcome.of(worker.call(task(mode), {"a": 0.9, "b": 0.5}))
    assert (outcome.status, outcome.score) == (status, None)
    assert message in outcome.message and said in outcome.said
    worker.start({"a": 0.5, "b": 0.5})
    while (answer := worker.poll(0.1)) is None:
        pass
    assert Outcome.of(answer).status == "ok"


def test_a_model_that_cannot_be_imported_there_says_so(worker):
    absent = Evaluation(Model("model", "no_such_module:f", HERE), {}, Objective([], []))
    outcome = Outcome.of(worker.call(absent, {"a": 0.9}))
    assert outcome.status == "failed" and "ModuleNotFoundError" in outcome.message


def test_only_numbers_come_back(worker):
    response = {"y": [1, 2], "masked": np.ma.array([1.0, 2.0], mask=[0, 1]), "note": "words"}
    model = Model("model", "models_for_calibration:echo_mapping", HERE)
    numbers = worker.call(evaluate.respond, model, {"response": response}).value
    assert (
        sorted(numbers) == ["masked", "y"] and numbers["y"].dtype == float and np.isnan(numbers["masked"][1])
    )
    mixed = {"y": 2.0, "spectrum": np.array([1j]), "solver": ["words"]}
    kept = worker.call(evaluate.respond, model, {"response": mixed}, ["y"]).value
    # a number is a curve of one point; what is not compared may be anything
    assert list(kept) == ["y"] and kept["y"].tolist() == [2.0]
    answer = worker.call(evaluate.respond, model, {"response": {"y": np.array([1j])}}, ["y"])
    assert answer.failure.kind == "input" and "'y' is complex" in answer.failure.text
    answer = worker.call(evaluate.respond, model, {"response": [1.0]})
    assert "returned a list, expected a mapping" in answer.failure.text


def test_the_reference_is_compared_with_itself():
    reference = models.line(0.5, 0.5)
    _, groups, likelihood = evaluate.grouping(task().objective, reference)
    assert groups.weight == pytest.approx(np.full(8, 1 / 8)) and likelihood.count == 8
    with pytest.raises(InputError, match="not finite"):
        evaluate.grouping(Objective([UserTerm(models.nothing_like, reference)], [1.0]), reference)
