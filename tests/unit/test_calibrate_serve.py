"""Messages between a worker and its process; what the process does is in test_calibrate_worker.py."""

import pytest

from mdbridge.calibrate.serve import Failure, packed, unpacked
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
