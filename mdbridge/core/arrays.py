"""Arrays by name: users' own, from .npz, .npy, HDF5 or text; and ours between two tasks, in .npz.

Nothing is unpickled, and whatever is wrong with a file is one error that names it.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import memory
from .errors import FileError
from .files import write_bytes

Array = NDArray[np.float64]


def read(path: Path) -> dict[str, Array]:
    """All arrays of real numbers at the top of a file, by name; of HDF5 without the coordinates.

    A .npy or a text file (rows of equally many numbers, blank or comma between them, from
    ``#`` on a comment) holds a single one, named as the file is without its ending.

    Raises:
        FileError: no such file, or one that holds something else than real numbers.
    """
    from . import store  # h5py, which those who keep .npz do without

    path = Path(path)
    _require_file(path)
    if store.is_hdf5(path):
        with store.opening(path) as file:
            return {name: file.get(name) for name in file.variables()}
    if _head(path).startswith((b"PK", b"\x93NUMPY")):
        return {name: _real(path, name, values) for name, values in load(path).items()}
    rows = words(path)
    if len({len(row) for row in rows}) != 1:
        raise FileError(f"{path}: expected HDF5, .npz, .npy, or text with rows of equal length")
    return {path.stem: numbers(path, rows)}


def words(path: Path) -> list[list[str]]:
    """The words of each line of a text file, without empty lines and comments.

    Raises:
        FileError: it cannot be read, or is no text.
    """
    # each number becomes a text of its own
    _require_room(path, 10.0 * path.stat().st_size if path.is_file() else 0.0)
    try:
        # -sig: a byte-order mark, which editors on Windows put first, belongs to no number
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not a text file of numbers: {error}") from error
    rows = (line.partition("#")[0].replace(",", " ").split() for line in lines)
    return [row for row in rows if row]


def numbers(path: Path, rows: list[list[str]]) -> Array:
    """Rows of equally many words as finite numbers, ``(rows, columns)``.

    Raises:
        FileError: one of them is no finite number, named with its place.
    """
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error
    if not np.all(np.isfinite(values)):
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise FileError(f"{path}: value {values[row, column]} at row {row}, column {column}")
    return values


def save(path: Path, arrays: Mapping[str, ArrayLike]) -> str:
    """Write a .npz, whole or not at all; returns its SHA-256."""
    with io.BytesIO() as memory:
        with zipfile.ZipFile(memory, "w") as archive:  # numpy's savez takes some names for its own options
            for name, values in arrays.items():
                # zip64: an entry's length is not known when it is begun, and past 2 GiB it would be too late
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.save(entry, np.asarray(values), allow_pickle=False)
        return write_bytes(path, memory.getvalue())


def load(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz, or that of a .npy, of whatever type they are.

    Raises:
        FileError: it cannot be read, is damaged, or holds Python objects.
    """
    _require_file(path)
    _require_room(path, path.stat().st_size)
    try:
        with path.open("rb") as stream:
            # unpickling runs whatever code a file brings along
            stored = np.load(stream, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return {path.stem: stored}
            # zeros are packed a thousandfold
            _require_room(path, sum(entry.file_size for entry in stored.zip.infolist()))
            return {name: stored[name] for name in stored.files}
    except FileError:
        raise
    # the parsers of zip, of zlib and of numpy's headers raise errors of a dozen kinds
    except Exception as error:
        raise FileError(f"{path}: not a readable .npz or .npy file: {error}") from error


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise FileError(f"{path}: {'is no file' if path.exists() else 'no such file'}")


def _require_room(path: Path, needed: float) -> None:
    if needed > (there := memory.available()):
        raise FileError(
            f"{path}: its arrays take {needed:.3g} bytes, and this machine has {there:.3g} to spare"
        )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(6)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def _real(path: Path, name: str, values: NDArray[Any]) -> Array:
    # complex numbers would be cut to their real parts, with no more than a warning
    if values.dtype.kind not in "fiub":
        raise FileError(f"{path}: {name!r} is no array of numbers: it holds {values.dtype}")
    return np.asarray(values, dtype=np.float64)
