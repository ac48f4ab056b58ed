"""Folders of processes that are gone are swept away, those of others stay."""

import os
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


def test_it_needs_no_mpi(tmp_path):
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60).returncode == 0
