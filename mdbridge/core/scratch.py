"""Temporary folders that a killed process does not leave for ever: the next one that comes removes them.

A folder is locked as long as its process lives, however that ends; one that nobody holds any more
is swept away when another is made beside it.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mpi4py import MPI

from . import parallel
from .leftovers import hold, share, sweep

PREFIX = "mdbridge-run-"
MEMORY = Path("/dev/shm")
"""Files there lie in memory, and cost half of what those on a disk do."""

_LARGEST = 2**30
"""Bytes at a time that are still put there."""
_SPARE = 8
"""How many times as much must be free."""


def home(size: int) -> Path:
    """Where to put files that are soon gone, about ``size`` bytes at a time: in memory, or on a disk.

    ``TMPDIR`` and the like have the last word.
    """
    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    if chosen or size > _LARGEST or not os.access(MEMORY, os.W_OK | os.X_OK):
        return Path(tempfile.gettempdir())
    # a small one, as in containers, would be full at once
    room = min(shutil.disk_usage(MEMORY).free, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return MEMORY if room > _SPARE * size else Path(tempfile.gettempdir())


def make(parent: Path, hold: Callable[[Path], Callable[[], None]] = hold) -> tuple[Path, Callable[[], None]]:
    """A new folder, and what removes it; with ``hold`` of :func:`.leftovers.share`, when all have left it."""
    sweep(parent, PREFIX)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    return folder, hold(folder)


@contextlib.contextmanager
def shared(comm: MPI.Comm) -> Iterator[Path]:
    """A temporary folder of one name on all ranks (collective), which the last to leave removes."""
    ends: list[Callable[[], None]] = []

    def begin() -> Path:
        folder, end = make(Path(tempfile.gettempdir()), share)
        ends.append(end)
        return folder

    folder = parallel.on_root(comm, begin)
    # not where a rank has another disk
    if comm.rank != 0 and folder.is_dir():
        ends.append(share(folder))
    try:
        yield folder
    finally:
        for end in ends:
            end()
