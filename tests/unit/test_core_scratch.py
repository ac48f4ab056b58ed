"""Temporary folders: gone when they are done with, and at the latest when the next one is made."""

import os
import subprocess
import sys
import tempfile
import time

import pytest
from mpi4py import MPI
from thread_ranks import together

from mdbridge.core import scratch

KILLED = """
import os, pathlib, signal, sys
from mdbridge.core import scratch
folder, _ = scratch.make(pathlib.Path(sys.argv[1]))
(folder / "step.1.bin").write_text("data")
os.kill(os.getpid(), signal.SIGKILL)
"""


def age(folder):
    os.utime(folder, (1.0, 1.0))


def test_a_folder_is_there_until_it_is_removed(tmp_path):
    folder, remove = scratch.make(tmp_path)
    (folder / "step.1.bin").write_text("data")
    remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_away_and_what_is_in_use_is_not(tmp_path):
    job = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60)
    assert job.returncode == -9
    (left,) = tmp_path.iterdir()
    mine, _ = scratch.make(tmp_path)
    assert left.exists()  # it is young: it might be about to be locked
    for folder in (left, mine):
        age(folder)
    other = tmp_path / f"{scratch.PREFIX}of-somebody"
    other.mkdir()  # without a lock nobody can tell
    age(other)
    scratch.make(tmp_path)
    assert not left.exists() and mine.exists() and other.exists()


def test_small_things_lie_in_memory_unless_someone_says_where(tmp_path, monkeypatch):
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    assert scratch.home(1) == tmp_path
    assert scratch.home(2**40) != tmp_path
    monkeypatch.setattr(scratch, "_SPARE", 1e30)
    assert scratch.home(1) != tmp_path  # as small as a container's
    monkeypatch.setattr(scratch, "_SPARE", 8)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "mine"))
    monkeypatch.setattr("tempfile.tempdir", None)  # what it has found before it would give again
    (tmp_path / "mine").mkdir()
    assert scratch.home(1) == tmp_path / "mine"
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(scratch, "MEMORY", tmp_path / "nowhere")
    assert scratch.home(1) != tmp_path / "nowhere"


@pytest.mark.parametrize("name", ["TEMP", "TMP"])
def test_all_names_of_the_folder_for_temporary_files_count(tmp_path, monkeypatch, name):
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv(name, str(tmp_path))
    assert scratch.home(1) == tmp_path


def test_a_folder_that_ranks_share_is_gone_afterwards_also_if_something_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="on purpose"), scratch.shared(MPI.COMM_SELF) as folder:
        assert folder.parent == tmp_path and folder.is_dir()
        raise ValueError("on purpose")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_ranks_share_is_there_until_the_last_has_left(tmp_path, monkeypatch):
    """The first may be done, and with it what would remove the folder, while others are still reading."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work(comm):
        with scratch.shared(comm) as folder:
            comm.Barrier()
            if comm.rank == 0:
                return folder.is_dir()
            time.sleep(0.3)
            return folder.is_dir()

    assert together(2, work) == [True, True]
    assert not list(tmp_path.iterdir())
