"""Records of finished work: read back as they were written, or not at all."""

import json

import pytest

from mdbridge.core import records
from mdbridge.core.errors import InputError
from mdbridge.core.identity import Identity
from mdbridge.core.records import Record

IDENTITY = Identity("kind", 2, {"a.b": 1.5}, {"file": "0f"}, {"before": "abc"}, {"a.b": 1.5, "a.c": None})
RECORD = Record("stage", "task", IDENTITY, {"stage/x": {"bytes": 3, "sha256": "00"}}, {"n": [1]}, ("x",), 2.5)


@pytest.fixture
def path(tmp_path):
    records.write(tmp_path, RECORD)
    return tmp_path / RECORD.path


def test_a_record_is_read_back_as_it_was(path):
    again = records.read(path)
    assert (again.stage, again.task, again.key) == ("stage", "task", IDENTITY.key)
    assert again.identity == IDENTITY and again.identity.shown == IDENTITY.shown
    assert (again.files, again.result, again.seconds) == (RECORD.files, RECORD.result, 2.5)
    assert list(again.passing) == ["x"]


@pytest.mark.parametrize(
    "change",
    [{"result": {"n": [2]}}, {"key": "000000000000"}, {"seconds": 9.0}, {"format": "other"}, {"files": None}],
)
def test_what_was_edited_counts_for_nothing(path, change):
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert records.read(path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "mdbridge-record", "version": "1"}'])
def test_what_is_damaged_or_not_there_counts_for_nothing(path, text):
    path.write_text(text)
    assert records.read(path) is None
    path.unlink()
    assert records.read(path) is None


def test_a_record_of_a_newer_release_is_refused_with_both_versions(path):
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 7, "mdbridge": "9.9"}))
    with pytest.raises(InputError, match=r"of version 7, made by mdbridge 9\.9; .* reads up to version 1"):
        records.read(path)


@pytest.mark.parametrize(
    ("name", "keyed"),
    [
        (f"stage/task-{IDENTITY.key}.npz", True),
        (f"stage/task-{IDENTITY.key}/state", True),
        ("stage/task-000000000000.npz", False),
        ("stage/run.pvd", False),
        ("stage", False),
        (f"elsewhere/task-{IDENTITY.key}.npz", False),
    ],
)
def test_a_file_lies_under_its_own_key_or_where_others_meet_it(name, keyed):
    assert RECORD.is_keyed(name) is keyed
