"""Files appear whole or not at all."""

import errno
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mdbridge.core import files
from mdbridge.core.errors import FileError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_json_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "made" / "on the way" / "a.json"
    files.write_json(path, {"a": 1, "b": [1.5, "Å"]})
    assert files.read_json(path) == {"a": 1, "b": [1.5, "Å"]}
    assert names(path.parent) == ["a.json"]


def test_json_values_become_plain(tmp_path):
    data = {
        "nan": float("nan"),
        "deep": [{"inf": np.inf}, (np.float64("nan"), 1)],
        "array": np.array([[1.0, np.nan]]),
        "scalar": np.int64(3),
        "path": Path("x") / "y",
        5: True,
    }
    path = tmp_path / "a.json"
    files.write_json(path, data)
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {
        "nan": None,
        "deep": [{"inf": None}, [None, 1]],
        "array": [[1.0, None]],
        "scalar": 3,
        "path": "x/y",
        "5": True,
    }


@pytest.mark.parametrize("failure", [RuntimeError("stop"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_nothing(tmp_path, failure):
    with pytest.raises(type(failure)), files.replacing(tmp_path / "new.txt") as temporary:
        temporary.write_text("half")
        raise failure
    assert names(tmp_path) == []


def test_an_interrupted_write_keeps_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_nothing_is_under_the_name_until_all_is_written(tmp_path):
    path = tmp_path / "a.txt"
    with files.replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == tmp_path  # a rename across file systems is no rename
    assert path.read_text() == "half"


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_a_file_error_and_leaves_nothing(tmp_path, monkeypatch, call):
    monkeypatch.setattr(os, "fsync", full_disk) if call == "fsync" else monkeypatch.setattr(
        Path, "replace", full_disk
    )
    with pytest.raises(FileError, match=r"a\.txt: cannot be written: No space left on device"):
        files.write_text(tmp_path / "a.txt", "text")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_write_that_fails_on_the_way_is_a_file_error(tmp_path):
    path = tmp_path / "a.txt"
    with (
        pytest.raises(FileError, match="No space left"),
        files.replacing(path),
        Path("/dev/full").open("w") as device,
    ):
        device.write("text")
    assert names(tmp_path) == []


def test_an_error_without_a_number_keeps_its_words(tmp_path):
    with pytest.raises(FileError, match="cannot be written: unable to lock"), files.replacing(tmp_path / "a"):
        raise OSError("unable to lock")


def test_a_file_in_place_of_the_folder_is_a_file_error(tmp_path):
    (tmp_path / "folder").write_text("")
    with pytest.raises(FileError, match=r"cannot be written: (Not a directory|File exists)"):
        files.write_text(tmp_path / "folder" / "a.txt", "text")


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_unreadable_json_is_a_file_error(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(FileError, match=r"a\.json: cannot be read: No such file"):
        files.read_json(path)
    path.write_text('{"a": ')
    with pytest.raises(FileError, match=r"not valid JSON .* move it away to have it made again"):
        files.read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(FileError, match="not valid JSON"):
        files.read_json(path)
    path.write_bytes(b"\xff\xff")
    with pytest.raises(FileError, match="not valid JSON"):
        files.read_json(path)
    path.write_text("[1, 2]")
    with pytest.raises(FileError, match="holds a JSON list, expected an object"):
        files.read_json(path)


def test_digest_depends_on_values_alone():
    first = files.digest({"a": 1, "b": [0.5, 2.0]}, "x")
    assert first == files.digest({"b": np.array([0.5, 2]), "a": np.int64(1)}, "x")
    assert first != files.digest({"a": 1, "b": [0.5, 2.0000001]}, "x")
    assert first != files.digest({"a": 1, "b": [0.5, 2.0]}, "y")
    assert files.digest("ab", "c") != files.digest("a", "bc")
    assert files.digest() == "4f53cda18c2baa0c"  # of "[]": the same on every machine


def test_the_sum_of_a_file_is_that_of_as_many_bytes_as_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_PIECE", 4)
    path, content = tmp_path / "x", b"ten bytes!"
    path.write_bytes(content)
    for length in (0, 1, 4, 5, 10, 99):
        assert files.sha256(path, length) == hashlib.sha256(content[:length]).hexdigest()
    assert files.sha256(path) == hashlib.sha256(content).hexdigest()
