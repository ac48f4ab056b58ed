"""Reading: nothing is taken from a file that was not checked, and every failure names the place."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from .. import memory
from ..errors import FileError
from . import seal
from .kinds import Format
from .library import h5py

NO_UNITS = "none"
"""The units of a dataset that has no attribute 'units'."""

Scalar = TypeVar("Scalar", str, int, float, bool)
Index = int | slice | None
Shape = Sequence[int | None]

# what h5py raises for damaged, foreign or unreadable contents, of any kind
_FAILURES = (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError)
# attributes by which HDF5 itself ties datasets to their dimensions
_OF_SCALES = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS")

# by which netCDF says that a number is stored as another one, and which stand for none
_PACKED, _MISSING = ("scale_factor", "add_offset"), ("_FillValue", "missing_value")


class Reader:
    """A group of an open file: every failure is a FileError that names the file and the place.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, group: h5py.Group, remedy: str):
        self.path = path
        self._group, self._remedy = group, remedy

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def datasets(self) -> list[str]:
        """Names of the datasets of this group."""
        return [name for name in self._names() if isinstance(self._open(name), h5py.Dataset)]

    def variables(self) -> list[str]:
        """Names of the datasets of this group that are no coordinates."""
        return [name for name in self.datasets() if not self._open(name).is_scale]

    def groups(self) -> list[str]:
        """Names of the groups in this group."""
        return [name for name in self._names() if isinstance(self._open(name), h5py.Group)]

    def group(self, name: str) -> "Reader":
        """A group in this one; ``name`` may be a path."""
        group = self._open(name)
        if not isinstance(group, h5py.Group):
            raise self.refusal(name, "is no group")
        return Reader(self.path, group, self._remedy)

    def get(
        self,
        name: str,
        units: str | None = None,
        shape: Shape | None = None,
        at: Index = None,
        finite: bool = False,
    ) -> NDArray[np.float64]:
        """The real numbers of a dataset: unpacked where it is packed, and NaN where it says that none is.

        Args:
            units: what the dataset must be in, if given.
            shape: of the whole dataset; None for an axis of any length.
            at: reads only this entry, or these, of the first axis.
            finite: refuses NaN and infinity.
        """
        data = self._dataset(name, units, shape, "fiu", "real numbers")
        values = self._unpacked(name, data, self._read(name, data, at))
        if finite and not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise self.refusal(name, f"is {values[place]} at {place}, expected finite numbers")
        return values

    def integers(self, name: str, shape: Shape | None = None, at: Index = None) -> NDArray[np.int64]:
        """The integers of a dataset."""
        data = self._dataset(name, None, shape, "iu", "integers")
        with self._guarded(name):
            packed = sorted(set(_PACKED).intersection(data.attrs))
        if packed:
            raise self.refusal(name, f"is packed, with the attribute '{packed[0]}', expected integers")
        return np.asarray(self._read(name, data, at), dtype=np.int64)

    def flags(self, name: str, shape: Shape | None = None) -> NDArray[np.bool_]:
        """The booleans of a dataset."""
        values = self.integers(name, shape)
        if not np.isin(values, (0, 1)).all():
            raise self.refusal(name, "holds other numbers than 0 and 1, expected truth values")
        return values.astype(bool)

    def texts(self, name: str, shape: Shape | None = None) -> list[str]:
        """The texts of a dataset with one axis."""
        data = self._dataset(name, None, (None,) if shape is None else shape, "OS", "texts")
        with self._guarded(name):
            return [str(text) for text in data.asstr()[...]]

    def describe(self, name: str) -> dict[str, Any]:
        """The attributes of a dataset: ``units``, ``long_name`` and what else was given with it."""
        data = self._dataset(name, None, None, "fiuOS", "numbers or texts")
        with self._guarded(name):
            return {key: _plain(value) for key, value in data.attrs.items() if key not in _OF_SCALES}

    def dimensions(self, name: str) -> list[str]:
        """Names of the dimensions of a dataset; an axis that has none is named ''."""
        data = self._dataset(name, None, None, "fiuOS", "numbers or texts")
        with self._guarded(name):
            if data.is_scale:
                return [name.rpartition("/")[2]]
            return [dim[0].name.rpartition("/")[2] if len(dim) else "" for dim in data.dims]

    def units(self, name: str) -> str:
        """The units of a dataset; :data:`NO_UNITS` where it says none."""
        return str(self.describe(name).get("units", NO_UNITS))

    def attribute(self, name: str, kind: type[Scalar]) -> Scalar:
        """An attribute of this group that is one text, number or truth value."""
        value = self._attribute(name)
        # who writes 2 means 2.0 as well; and HDF5 has no booleans but 0 and 1
        if kind is float and isinstance(value, int):
            value = float(value)
        if kind is bool and value in (0, 1):
            value = bool(value)
        if not isinstance(value, kind):
            raise self.refusal("", f"has the attribute '{name}' = {value!r}, expected a {kind.__name__}")
        return value

    def numbers(self, name: str, count: int) -> NDArray[np.float64]:
        """An attribute of this group that is ``count`` numbers."""
        value = self._attribute(name)
        if not isinstance(value, list) or len(value) != count or any(isinstance(v, str) for v in value):
            raise self.refusal("", f"has the attribute '{name}' = {value!r}, expected {count} numbers")
        return np.array(value, dtype=np.float64)

    def attributes(self) -> dict[str, Any]:
        """All attributes of this group as plain values: texts, numbers, and lists of them."""
        with self._guarded(""):
            return {name: _plain(value) for name, value in self._group.attrs.items()}

    def refusal(self, name: str, what: str) -> FileError:
        """The error to raise about a dataset or a group: ``what`` completes a sentence about it."""
        place = f"{self._group.name}/{name}".strip("/")
        subject = f"'{place}' " if place else ""
        return FileError(f"{self.path}: {subject}{what}; {self._remedy}")

    def _attribute(self, name: str) -> Any:
        with self._guarded(""):
            if name in self._group.attrs:
                return _plain(self._group.attrs[name])
        raise self.refusal("", f"has no attribute '{name}'")

    def _names(self) -> list[str]:
        with self._guarded(""):
            return sorted(self._group)

    def _open(self, name: str) -> h5py.Group | h5py.Dataset:
        place = self._find(name)
        if place is None:
            raise self.refusal(name, f"is missing; there is {', '.join(self._names()) or 'nothing'}")
        return place

    def _find(self, name: str) -> h5py.Group | h5py.Dataset | None:
        """An object of this file itself, or None: a link that leads to another place is refused."""
        place = self._group
        for part in name.split("/"):
            with self._guarded(name):
                link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
                hard = isinstance(link, h5py.HardLink)
                place = place[part] if hard else None
            if link is not None and not hard:
                raise self.refusal(name, "is a link to another place, which is not followed")
        return place

    def _dataset(
        self, name: str, units: str | None, shape: Shape | None, kinds: str, expected: str
    ) -> h5py.Dataset:
        data = self._open(name)
        if not isinstance(data, h5py.Dataset):
            raise self.refusal(name, f"is no dataset, expected {expected}")
        with self._guarded(name):
            # such datasets show any file that the user can read as part of this one
            elsewhere = data.is_virtual or data.external
            dtype, size = data.dtype, data.shape
            given = _plain(data.attrs.get("units", NO_UNITS))
        if elsewhere:
            raise self.refusal(name, "has its values in another file, which is not followed")
        # numpy calls all of them objects: texts, references, ragged arrays; only texts are taken
        text = h5py.check_string_dtype(dtype) is not None
        if size is None or dtype.kind not in kinds or text != ("S" in kinds and dtype.kind in "OS"):
            raise self.refusal(name, f"holds {'nothing' if size is None else dtype}, expected {expected}")
        if units is not None and given != units:
            raise self.refusal(name, f"is in '{given}', expected '{units}'")
        if shape is not None and not _fits(size, shape):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise self.refusal(name, f"has the shape {size}, expected ({wanted})")
        return data

    def _read(self, name: str, data: h5py.Dataset, at: Index) -> Any:
        # chunks of zeros are packed a thousandfold
        if at is None and data.nbytes > (there := memory.available()):
            raise self.refusal(name, f"takes {data.nbytes:.3g} bytes; this machine has {there:.3g} to spare")
        with self._guarded(name):
            return data[() if at is None else at]

    def _unpacked(self, name: str, data: h5py.Dataset, stored: Any) -> NDArray[np.float64]:
        """The numbers that stored ones stand for, by the attributes of netCDF."""
        with self._guarded(name):
            given = {key: np.asarray(data.attrs[key]) for key in (*_PACKED, *_MISSING) if key in data.attrs}
        for key, value in given.items():
            if value.dtype.kind not in "fiu" or (key in _PACKED and value.size != 1):
                raise self.refusal(name, f"has the attribute '{key}' = {_plain(value)!r}, expected a number")
        values = np.asarray(stored, dtype=np.float64)
        scale, offset = (float(given[key].item()) if key in given else None for key in _PACKED)
        unpacked = values if scale is None else values * scale
        unpacked = unpacked if offset is None else unpacked + offset
        for fill in (given[key] for key in _MISSING if key in given):
            # one of double precision is stored in the data's own
            own = fill.astype(data.dtype) if data.dtype.kind == "f" else fill
            unpacked = np.where(np.isin(values, own.astype(np.float64)), np.nan, unpacked)
        return np.asarray(unpacked)

    @contextlib.contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise self.refusal(name, f"cannot be read ({error})") from error


class File(Reader):
    """A file of ours.

    Attributes:
        key: hash of what it was made from.
        version: of its format.
    """

    def __init__(self, path: Path, group: h5py.Group, kind: Format):
        super().__init__(path, group, kind.remedy)
        stored = self.attributes()
        name, version = str(stored.get("format", "none")), stored.get("format_version")
        former = re.fullmatch(r"(.+)-(\d+)", name) if version is None else None
        if former:  # up to mdbridge 0.1.0 the version was part of the name
            name, version = former[1], int(former[2])
        if name != kind.name or not isinstance(version, int):
            old = ": of another program, or of mdbridge 0.1" if name == "none" else ""
            raise self.refusal("", f"has the format '{name}', expected '{kind.name}'{old}")
        oldest = kind.version if kind.oldest is None else kind.oldest
        if not oldest <= version <= kind.version:
            author = stored.get("mdbridge", "0.1")
            # a newer release reads a newer file; of an older file there is only making it anew
            advice = "install a newer mdbridge, or " if version > kind.version else ""
            raise FileError(
                f"{path}: is in version {version} of the format '{name}', written by mdbridge {author}; this "
                f"mdbridge {__version__} reads version {kind.version}; {advice}{kind.remedy}"
            )
        self.version = version
        self.key = self.attribute("key", str)


@contextlib.contextmanager
def reading(path: Path, kind: Format) -> Iterator[File]:
    """Open a file of ours.

    Raises:
        FileError: it is not there, damaged, of another origin, format or version; or, in the
            block, it does not hold what is asked for.
    """
    path = Path(path)
    if not path.exists():
        raise FileError(f"{path}: no such file; run '{kind.made_by}' first")
    _require_file(path, kind.remedy)
    sealed = _is_sealed(path, kind.remedy)
    with _opened(path, kind.remedy) as group:
        file = File(path, group, kind)
        # after the format: what is not ours at all is told so, not that its checksum is gone
        if not sealed:
            raise file.refusal("", "has no checksum at its end: cut short, or changed by another program")
        yield file


@contextlib.contextmanager
def opening(path: Path) -> Iterator[Reader]:
    """Open anybody's HDF5 file; one of ours must be what its seal was made of.

    Raises:
        FileError: as :func:`reading`.
    """
    path, remedy = Path(path), "give another file"
    _require_file(path, remedy)
    _is_sealed(path, remedy)
    with _opened(path, remedy) as group:
        yield Reader(path, group, remedy)


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does; False where there is none."""
    return Path(path).is_file() and bool(h5py.is_hdf5(path))


def stored_key(path: Path, kind: Format) -> str | None:
    """The key of a finished file, or None if there is no file.

    Raises:
        FileError: what is there is not of this kind, so nothing may replace it.
    """
    if not Path(path).exists():
        return None
    with reading(path, kind) as file:
        return file.key


def _require_file(path: Path, remedy: str) -> None:
    """Devices and pipes, which may never end, are no files."""
    if not path.is_file():
        raise FileError(f"{path}: {'is no file' if path.exists() else 'no such file'}; {remedy}")


@contextlib.contextmanager
def _opened(path: Path, remedy: str) -> Iterator[h5py.Group]:
    try:
        # files of ours are never written in place: there is nothing to lock
        file = h5py.File(path, "r", locking=False)
    except _FAILURES as error:
        reason = error.strerror if isinstance(error, PermissionError) else "not a readable HDF5 file"
        raise FileError(f"{path}: {reason}; {remedy}") from error
    with file:
        yield file


def _is_sealed(path: Path, remedy: str) -> bool:
    """Whether a file has a seal; one that does not fit is refused before HDF5 reads damaged bytes."""
    try:
        intact = seal.intact(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}; {remedy}") from error
    if intact is False:
        raise FileError(f"{path}: damaged: its contents are not those of its checksum; {remedy}")
    return bool(intact)


def _plain(value: Any) -> Any:
    """An attribute of HDF5 as a text, a number, or a list of them."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _fits(size: Sequence[int], shape: Shape) -> bool:
    return len(size) == len(shape) and all(
        want in (None, have) for have, want in zip(size, shape, strict=True)
    )
