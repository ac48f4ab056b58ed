"""One process at a time in a folder; who only looks writes nothing."""

import errno
import os

import pytest

from mdbridge.core import locks
from mdbridge.core.errors import FileError
from mdbridge.core.locks import in_use, lock


def test_a_folder_is_held_until_its_handle_is_closed(tmp_path):
    handle = lock(tmp_path / "made" / "too")
    assert in_use(tmp_path / "made" / "too")
    with pytest.raises(FileError, match="another process is working in it; wait for its end"):
        lock(tmp_path / "made" / "too")
    os.close(handle)
    assert not in_use(tmp_path / "made" / "too")
    os.close(lock(tmp_path / "made" / "too"))


def test_a_file_system_without_locks_is_taken_as_it_is(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    os.close(lock(tmp_path))
    assert not in_use(tmp_path)


def test_what_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="is a file, not a folder"):
        lock(tmp_path / "file")
    with pytest.raises(FileError, match="cannot be written: Not a directory"):
        lock(tmp_path / "file" / "below")


def test_to_look_whether_a_process_works_there_writes_nothing(tmp_path, monkeypatch):
    """Results of a colleague, which may be read alone, were said to be in use."""
    assert not in_use(tmp_path / "none")
    assert not in_use(tmp_path)
    assert list(tmp_path.iterdir()) == []
    opened = os.open

    def read_only(path, flags, *rest):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *rest)

    os.close(lock(tmp_path / "out"))
    monkeypatch.setattr(locks.os, "open", read_only)
    assert not in_use(tmp_path / "out")
