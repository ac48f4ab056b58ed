"""One process at a time works in a folder of results."""

import fcntl
import os
from pathlib import Path

from .errors import FileError

_NAME = ".lock"


def lock(root: Path) -> int:
    """Keep others out until the handle is closed or this process ends, however it ends; made if absent.

    Returns:
        The handle, for :func:`os.close`.

    Raises:
        FileError: another process works there, or the folder cannot be written.
    """
    path = root / _NAME
    if root.exists() and not root.is_dir():
        raise FileError(f"{root}: is a file, not a folder; choose another --out")
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise FileError(
            f"{root}: cannot be written: {os.strerror(error.errno or 0)}; choose another --out"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise FileError(
            f"{root}: another process is working in it; wait for its end or stop it, or choose another --out"
        ) from None
    except OSError:  # a file system without locks
        pass
    return handle


def in_use(root: Path) -> bool:
    """Whether a process works in the folder right now; nothing is written, for it may be somebody else's."""
    try:
        handle = os.open(Path(root) / _NAME, os.O_RDONLY)
    except OSError:  # nobody has ever worked in it, or it is not for us to know
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False
