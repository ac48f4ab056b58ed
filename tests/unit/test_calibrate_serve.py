"""Messages between a worker and its process; what the process does is in test_calibrate_worker.py."""

import os
import signal

import pytest

from mdbridge.calibrate.serve import Failure, _end_like, packed, unpacked
from mdbridge.core.errors import FileError, InputError


def test_messages_come_out_as_they_become_complete():
    whole = packed({"a": 1}) + packed([2, 3])
    buffer, seen = bytearray(), []
    for k in range(len(whole)):
        buffer += whole[k : k + 1]
        seen += list(unpacked(buffer))
    assert seen == [{"a": 1}, [2, 3]] and not buffer


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (InputError("no sample"), "input", "no sample"),
        (FileError("not there"), "error", "not there"),
        (ValueError("bad"), "error", "ValueError: bad"),
        (SystemExit(2), "error", "sys.exit(2) was called"),
    ],
)
def test_what_exceptions_say(error, kind, text):
    failure = Failure.of(error)
    assert (failure.kind, failure.text) == (kind, text) and type(error).__name__ in failure.trace


@pytest.mark.parametrize(
    ("status", "ended"), [(0, 0), (3 << 8, 3), (255 << 8, 255), (signal.SIGKILL, -signal.SIGKILL), (None, 1)]
)
def test_a_keeper_ends_as_its_process_did(status, ended):
    """As the status says that :func:`os.waitpid` gives, which this process sees of that one in turn."""
    if not (keeper := os.fork()):
        _end_like(None if status is None else int(status))
    assert os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1]) == ended
