"""Folders that are in use as long as a process lives, and are swept away when nobody holds them any more.

The lock goes with the process, however that ends.  Nothing here needs MPI: a process that has none may
hold folders, too.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

_LOCK = ".lock"
_YOUNG = 60.0
"""Seconds within which a folder may have been made and not yet been locked."""


def hold(folder: Path) -> Callable[[], None]:
    """Say that a folder is in use until this process ends; returns what removes it."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    _locked(handle)
    return partial(_remove, folder, handle)


def share(folder: Path) -> Callable[[], None]:
    """Say that this process is one of those that use a folder; returns what takes leave of it, once.

    The last to leave removes it: the first may be done while others are still reading.
    """
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return partial(_leave, folder, handle)


def _leave(folder: Path, handle: int) -> None:
    # first given up, then tried: of two who leave together the later one meets nobody
    os.close(handle)
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:  # the other one has removed it
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return
    except OSError:  # without locks nobody can tell; it is not to stay for ever
        pass
    _remove(folder, handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # held by another, or on a file system without locks, where nobody can tell
    except OSError:
        return False
    return True


def _remove(folder: Path, handle: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(handle)


def sweep(parent: Path, prefix: str) -> None:
    """Remove the folders whose names begin so, and that processes of ours have left."""
    for folder in parent.glob(f"{prefix}*"):
        # gone meanwhile, or not ours to open: somebody else's matter
        with contextlib.suppress(OSError):
            known = folder.lstat()
            if known.st_uid != os.getuid() or time.time() - known.st_mtime < _YOUNG:
                continue
            handle = os.open(folder / _LOCK, os.O_RDWR)
            # held while it is removed, so that two who sweep do not meet in it
            if _locked(handle):
                _remove(folder, handle)
            else:
                os.close(handle)
