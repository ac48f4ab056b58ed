"""The seal at the end of a file: the SHA-256 of all bytes before it.

HDF5 does not look at bytes behind its own, so every reader opens a sealed file, and
one that is changed in place loses its seal.
"""

from pathlib import Path

from .. import files

_HEAD = b"\nmdbridge sha256 "
_LENGTH = len(_HEAD) + 64 + 1


def seal(sha256: str) -> bytes:
    """The bytes that seal contents with this hash."""
    return _HEAD + sha256.encode("ascii") + b"\n"


def intact(path: Path) -> bool | None:
    """Whether a file is what its seal was made of; None if it has no seal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        # a file may be shorter than a seal
        length = max(0, stream.seek(0, 2) - _LENGTH)
        stream.seek(length)
        ending = stream.read()
    return ending == seal(files.sha256(path, length)) if ending.startswith(_HEAD) else None
