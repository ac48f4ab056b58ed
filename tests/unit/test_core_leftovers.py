"""Folders of processes that are gone are swept away, those of others stay."""

import errno
import os
import shutil
import subprocess
import sys

from mdbridge.core import leftovers

KILLED = """
import os, pathlib, signal, sys
from mdbridge.core import leftovers
leftovers.hold(pathlib.Path(sys.argv[1]))
if len(sys.argv) > 2:
    os.kill(os.getpid(), signal.SIGKILL)
assert "mpi4py" not in sys.modules  # processes without MPI hold folders, too
"""


def test_only_folders_that_a_process_has_left_are_removed(tmp_path):
    for name in ("ours-killed", "ours-held", "ours-unlocked", "ours-young", "theirs"):
        (tmp_path / name).mkdir()
    for name in ("ours-killed", "ours-young", "theirs"):
        job = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name), "die"], timeout=60)
        assert job.returncode == -9
    remove = leftovers.hold(tmp_path / "ours-held")
    for name in ("ours-killed", "ours-held", "ours-unlocked", "theirs"):
        os.utime(tmp_path / name, (1.0, 1.0))
    leftovers.sweep(tmp_path, "ours-")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["ours-held", "ours-unlocked", "ours-young", "theirs"]
    remove()
    assert not (tmp_path / "ours-held").exists()


def test_the_last_to_leave_a_shared_folder_removes_it(tmp_path):
    folder = tmp_path / "ours-shared"
    folder.mkdir()
    first, second, third = [leftovers.share(folder) for _ in range(3)]
    (folder / "step.1.bin").write_text("data")
    first()
    assert (folder / "step.1.bin").exists()
    os.utime(folder, (1.0, 1.0))
    leftovers.sweep(tmp_path, "ours-")
    second()
    assert (folder / "step.1.bin").exists()
    third()
    assert not folder.exists()


def test_who_leaves_a_folder_that_is_gone_or_cannot_be_locked_does_no_harm(tmp_path, monkeypatch):
    folder = tmp_path / "ours-shared"
    folder.mkdir()
    leave = leftovers.share(folder)
    shutil.rmtree(folder)
    leave()

    def unsupported(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    folder.mkdir()
    leftovers.share(folder)()
    assert not folder.exists()


def test_it_needs_no_mpi(tmp_path):
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60).returncode == 0
