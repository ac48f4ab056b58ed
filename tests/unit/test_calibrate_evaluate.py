"""One evaluation in a process of its own: answers, failures, time limits."""

import sys
import time
from pathlib import Path

import pytest

from mdbridge.calibrate.evaluate import Task, Worker, evaluate, resolve
from mdbridge.calibrate.objective import CurveTerm, Objective
from mdbridge.core.errors import InputError

HERE = str(Path(__file__).parent)
MODEL = "models_for_calibration:line"


@pytest.fixture
def task(monkeypatch):
    monkeypatch.syspath_prepend(HERE)

    def make(mode=""):
        reference = resolve(MODEL)(0.5, 0.5)
        return Task(MODEL, {"mode": mode}, Objective([CurveTerm("curve", reference)], [1.0]), (HERE,))

    yield make
    sys.modules.pop("models_for_calibration", None)


def ask(worker, **parameters):
    worker.start(parameters)
    deadline = time.monotonic() + 20
    while (outcome := worker.poll(0.05)) is None:
        assert time.monotonic() < deadline
    return outcome


def test_a_process_gives_what_the_function_gives(task):
    worker = Worker(task())
    try:
        for a in (0.5, 0.6):
            outcome = ask(worker, a=a, b=0.5)
            assert outcome.status == "ok" and outcome.seconds < 5 and outcome.host
            assert outcome.score.distance == pytest.approx(a - 0.5, abs=1e-15)
            assert outcome.score.distance == evaluate(task(), {"a": a, "b": 0.5}).score.distance
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("mode", "status", "message"),
    [
        ("raise", "failed", "RuntimeError: a is too large"),
        ("nan", "invalid", "'curve' is not finite"),
        ("kill", "failed", "ended its process: SIGKILL"),
        ("exit", "failed", "ended its process: exit code 3"),
        ("hang", "timeout", "no answer in 0.5 s"),
    ],
)
def test_what_a_model_does_is_recorded_and_the_next_point_is_evaluated(task, mode, status, message):
    worker = Worker(task(mode), time_limit=0.5 if mode == "hang" else None)
    try:
        outcome = ask(worker, a=0.9, b=0.5)
        assert (outcome.status, outcome.score) == (status, None) and message in outcome.message
        assert ask(worker, a=0.5, b=0.5).status == "ok"
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nonsense", "expected 'package.module:function'"),
        ("no_such_module:f", "cannot be imported: ModuleNotFoundError"),
        ("models_for_calibration:nothing", "AttributeError"),
        ("models_for_calibration:NOT_CALLABLE", "is a int, not a function"),
    ],
)
def test_a_model_that_cannot_be_imported(task, path, message):
    with pytest.raises(InputError, match=message):
        resolve(path)
