"""Files that appear whole or not at all, and content hashes.

Everything the package writes goes to a temporary name in the same folder, is
flushed to the disk, and is renamed: a reader never sees half a file.
"""

import contextlib
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import FileError

_PIECE = 2**20
"""Bytes that are read at a time."""


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Say of what the file system refuses in the block that ``path`` cannot be written.

    Raises:
        FileError: no permission, no room, no such folder.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise FileError(f"{path}: cannot be written: {reason}") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` if the block succeeds.

    Raises:
        FileError: the folder is missing or not writable, or the disk is full;
            nothing is left under either name.
    """
    path = Path(path)
    temporary = None
    try:
        with changing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # beside its final place: a rename to another file system is a copy, of which readers see parts
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
            os.close(handle)
            temporary = Path(name)
            # mkstemp makes files for their owner's eyes alone. The rights that others should have are those
            # of the umask, which can be read only by setting it.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            yield temporary
            with temporary.open("rb") as stream:
                # the bytes before the name: else, after a power cut, the name may stand for an empty file
                os.fsync(stream.fileno())
            temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> str:
    """Write ``data`` to ``path`` atomically; returns its SHA-256."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_text(path: Path, text: str) -> str:
    """Write ``text`` to ``path`` atomically, as UTF-8; returns the file's SHA-256."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: dict[str, Any]) -> str:
    """Write ``data`` to ``path`` as indented JSON, atomically; NaN becomes null; returns the SHA-256."""
    return write_text(path, json.dumps(_plain(data), indent=2, allow_nan=False) + "\n")


def sha256(path: Path, length: int | None = None) -> str:
    """SHA-256 of a file, or of its first ``length`` bytes, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    total = hashlib.sha256()
    with path.open("rb") as stream:
        left = path.stat().st_size if length is None else length
        while left > 0 and (piece := stream.read(min(left, _PIECE))):
            total.update(piece)
            left -= len(piece)
    return total.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileError: there is no such file, or it holds no JSON object.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    # RecursionError: how the parser gives up on thousands of nested brackets
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: not valid JSON ({error}); move it away to have it made again") from error
    if not isinstance(data, dict):
        raise FileError(f"{path}: holds a JSON {type(data).__name__}, expected an object")
    return data


def digest(*parts: Any) -> str:
    """A short hash of JSON-able values; equal values give equal hashes on every machine."""
    # one spelling for each value: neither the order of keys nor blanks may change a hash
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Reduce numpy scalars and arrays, paths, tuples and NaN to plain JSON values."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    # numpy's arrays and scalars, without the import of numpy
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
