"""The tree of errors: one base, and the exit code that tells who is at fault."""

import inspect
import pickle

import pytest

from mdbridge.core import errors
from mdbridge.core.errors import FlowError, InputError, MdbridgeError, MDError, ObserverError

ALL = [member for _, member in inspect.getmembers(errors, inspect.isclass) if issubclass(member, Exception)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_ours_and_only_the_user_s_input_ends_with_2(kind):
    assert issubclass(kind, MdbridgeError)
    assert kind.exit_code == (2 if issubclass(kind, InputError) else 1)
    assert inspect.getdoc(kind)


def test_an_observer_s_failure_is_one_of_the_md_and_says_where():
    error = ObserverError("failed", step=12, rank=3)
    assert isinstance(error, MDError)
    assert (str(error), error.step, error.rank) == ("failed", 12, 3)


def test_a_run_that_stopped_carries_its_frames():
    error = FlowError("stopped", frame=4, gamma=0.1, cell=(2, 3), partial="the result")
    assert (str(error), error.frame, error.gamma, error.cell, error.partial) == (
        "stopped",
        4,
        0.1,
        (2, 3),
        "the result",
    )


def test_plain_errors_travel_between_ranks():
    for kind in (MdbridgeError, InputError, errors.FileError, errors.ConvergenceError):
        again = pickle.loads(pickle.dumps(kind("the words")))
        assert type(again) is kind and str(again) == "the words"
