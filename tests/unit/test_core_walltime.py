"""A limit of time: what people and job schedulers write is understood, all else refused."""

import pytest

from mdbridge.core import walltime
from mdbridge.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("2:30", 150.0),
        ("1:00:00", 3600.0),
        ("2-00:00:01", 172801.0),
        ("3h30m", 12600.0),
        ("1d2s", 86402.0),
    ],
)
def test_times_are_written_as_slurm_writes_them(text, seconds):
    assert walltime.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "h", "1:2:3:4", "inf", "1-"])
def test_other_times_are_refused(text):
    with pytest.raises(InputError, match="expected 3h30m, seconds or"):
        walltime.seconds(text)
