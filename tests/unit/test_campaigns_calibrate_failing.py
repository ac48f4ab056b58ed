"""When a model that only fails ends the search."""

import pytest

from mdbridge.calibrate.evaluate import Outcome
from mdbridge.calibrate.objective import Score
from mdbridge.calibrate.trials import Trial
from mdbridge.campaigns.calibrate.failing import FIRST, Watch
from mdbridge.core.errors import MdbridgeError


def failure(k, **more):
    values = {
        "message": f"RuntimeError: no licence at {k}.5e-{k}",
        "said": "one\ntwo",
        "trace": "Traceback X",
    }
    return Outcome("failed", **(values | more))


def test_ten_alike_end_it_with_message_and_traceback(tmp_path):
    watch = Watch(tmp_path, [])
    for k in range(FIRST - 1):
        watch.see(failure(k))
    with pytest.raises(MdbridgeError, match=r"first 10 trials: failed: RuntimeError: no licence.*said: two"):
        watch.see(failure(99))
    text = (tmp_path / "failure.txt").read_text()
    assert "Traceback X" in text and "one\ntwo" in text and "no licence at 99.5e-99" in text


@pytest.mark.parametrize(
    "other",
    [
        Outcome("ok", Score(1.0, [1.0], None)),
        failure(3, message="ValueError: something else"),
        Outcome("timeout", message="RuntimeError: no licence at 1.5e-1"),
    ],
    ids=["an answer", "another message", "another end"],
)
def test_one_that_is_different_lets_it_go_on(tmp_path, other):
    watch = Watch(tmp_path, [])
    for k in range(FIRST - 1):
        watch.see(failure(k))
    watch.see(other)
    for k in range(3 * FIRST):
        watch.see(failure(k))
    assert not (tmp_path / "failure.txt").exists()


def test_parameters_that_a_model_refuses_do_not_count(tmp_path):
    watch = Watch(tmp_path, [])
    for _ in range(3 * FIRST):
        watch.see(Outcome("invalid", message="needs a < b", refused=True))
    for k in range(FIRST - 1):
        watch.see(failure(k))
    with pytest.raises(MdbridgeError, match="first 10 trials"):
        watch.see(failure(1))


def test_a_response_that_never_fits_counts(tmp_path):
    watch = Watch(tmp_path, [])
    with pytest.raises(MdbridgeError, match="returned no 'y'"):
        for _ in range(FIRST):
            watch.see(Outcome("invalid", message="the model returned no 'y'"))


def test_a_record_that_is_continued_gets_one_more_chance(tmp_path):
    failed = [Trial(k, "initial", [0.1], {}, "failed", message=failure(k).message) for k in range(FIRST)]
    with pytest.raises(MdbridgeError, match="first 11 trials"):
        Watch(tmp_path, failed).see(failure(1))
    mended = Watch(tmp_path, failed)
    mended.see(Outcome("ok", Score(1.0, [1.0], None)))
    mended.see(failure(1))
    answered = Trial(11, "initial", [0.1], {}, "ok", 1.0)
    known = Watch(tmp_path, [*failed, answered])
    for k in range(2 * FIRST):
        known.see(failure(k))


def test_names_of_temporary_folders_make_no_other_failure(tmp_path):
    watch = Watch(tmp_path, [])
    # of each process, and of each run of a program
    messages = [f"no /tmp/mdbridge-model-{k}a_b/.mdbridge-trial-{k}c/x" for k in "abcdefghij"]
    for message in messages[:-1]:
        watch.see(failure(1, message=message))
    with pytest.raises(MdbridgeError, match="first 10 trials"):
        watch.see(failure(1, message=messages[-1]))
