"""Writing: contents are collected and checked, then written at once."""

import contextlib
import errno
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import __version__
from .. import files
from . import seal
from .kinds import Format
from .library import h5py

IN_MEMORY = 2**28
"""Bytes up to which a file is put together in memory: that takes half as much again, and about the
processor time of a temporary file; beyond, memory is what runs out first."""

_TEXT = h5py.string_dtype("utf-8")


@dataclass
class _Variable:
    values: NDArray[Any]
    dims: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass
class Group:
    """Contents of a group, kept as they are given until the whole file is written.

    The arrays are not copied: they must not change before the file is written.
    """

    name: str = ""
    parent: "Group | None" = None
    _variables: dict[str, _Variable] = field(default_factory=dict)
    _groups: dict[str, "Group"] = field(default_factory=dict)
    _attributes: dict[str, Any] = field(default_factory=dict)
    _dimensions: list[str] = field(default_factory=list)

    def dimension(self, name: str, values: ArrayLike, units: str, long_name: str, **attributes: Any) -> None:
        """Name an axis, for this group and those below, by its coordinates.

        Args:
            values: ``(n,)`` numbers, or texts such as the names of components.
        """
        self.put(name, values, (name,), units, long_name, **attributes)
        # kept apart: only what was declared so becomes a scale that others refer to
        self._dimensions.append(name)

    def numbered(self, name: str, count: int, long_name: str) -> None:
        """Name an axis whose coordinates are 0 … ``count`` − 1."""
        self.dimension(name, np.arange(count), "1", long_name)

    def put(
        self, name: str, values: ArrayLike, dims: Sequence[str], units: str, long_name: str, **attributes: Any
    ) -> None:
        """Store an array (or, with no ``dims``, a single value).

        Args:
            values: real numbers, booleans or texts.
            dims: a dimension for each axis, known in this group or above.

        Raises:
            ValueError: the name is taken or no name, an axis has no dimension or not its length,
                or the values are of a kind that is not stored (complex numbers, objects).
        """
        array = _storable(name, values)
        if array.dtype.kind == "b":  # HDF5 has no booleans; xarray makes this one again
            array, attributes = array.astype(np.int8), {"dtype": "bool", **attributes}
        self._claim(name)
        if len(dims) != array.ndim:
            raise ValueError(f"'{name}' has {array.ndim} axes, but {len(dims)} dimensions are given: {dims}")
        # names have no units: a plot would write "xx [1]"
        described = {"units": units} if array.dtype.kind not in "UO" else {}
        self._variables[name] = _Variable(
            array, tuple(dims), {**described, "long_name": long_name, **attributes}
        )
        for dim, length in zip(dims, array.shape, strict=True):
            if dim != name and length != self._length(dim):
                raise ValueError(f"'{name}': {length} values along '{dim}', which has {self._length(dim)}")

    def group(self, name: str) -> "Group":
        """A new group, or, for a path such as ``variants/x1``, several in each other."""
        first, _, rest = name.partition("/")
        if rest:
            return (self._groups[first] if first in self._groups else self.group(first)).group(rest)
        self._claim(name)
        self._groups[name] = Group(name, self)
        return self._groups[name]

    def attributes(self, **values: Any) -> None:
        """Add attributes: numbers, texts, booleans, or short lists of numbers or of texts."""
        self._attributes |= values

    def _claim(self, name: str) -> None:
        if name in self._variables or name in self._groups:
            raise ValueError(f"'{name}' is stored twice")
        if not name or "/" in name or name in (".", ".."):
            raise ValueError(f"'{name}' cannot be the name of a dataset")

    def _length(self, dim: str) -> int:
        group: Group | None = self
        # the nearest one above, as readers of netCDF look for it
        while group is not None:
            if dim in group._dimensions:
                return len(group._variables[dim].values)
            group = group.parent
        raise ValueError(f"there is no dimension '{dim}'")

    def _bytes(self) -> int:
        return sum(v.values.nbytes for v in self._variables.values()) + sum(
            group._bytes() for group in self._groups.values()
        )

    def _fill(self, target: h5py.Group, scales: Mapping[str, h5py.Dataset]) -> None:
        """Write the contents into an HDF5 group; ``scales`` are the dimensions known above it."""
        for name, value in self._attributes.items():
            target.attrs[name] = _attribute(value)
        for name, variable in self._variables.items():
            data = target.create_dataset(name, data=variable.values)
            for key, value in variable.attributes.items():
                data.attrs[key] = _attribute(value)
        # scales first: a dataset can only be attached to what is one already
        scales = {**scales, **{name: target[name] for name in self._dimensions}}
        for name in self._dimensions:
            target[name].make_scale(name)
        for name, variable in self._variables.items():
            if name not in self._dimensions:
                for axis, dim in enumerate(variable.dims):
                    target[name].dims[axis].attach_scale(scales[dim])
        for name, group in self._groups.items():
            group._fill(target.create_group(name), scales)


class Document(Group):
    """Contents of a file.

    Attributes:
        sha256: of the written file, once it is written.
    """

    sha256: str = ""


@contextlib.contextmanager
def writing(path: Path, kind: Format, key: str) -> Iterator[Document]:
    """Collect the contents of a file, which is written when the block succeeds, whole or not at all.

    Args:
        key: hash of what the contents were made from.

    Raises:
        FileError: it cannot be written (no permission, disk full).
    """
    document = Document()
    document.attributes(format=kind.name, format_version=kind.version, key=key, mdbridge=__version__)
    yield document
    if document._bytes() <= IN_MEMORY:
        # the hash is that of these very bytes: damage on the way to the disk is seen when they are read
        with io.BytesIO() as memory:
            _write(memory, document)
            memory.write(seal.seal(hashlib.sha256(memory.getbuffer()).hexdigest()))
            document.sha256 = files.write_bytes(path, memory.getvalue())
        return
    with files.replacing(path) as temporary:
        _require_room(temporary, document)
        _write(temporary, document)
        # two hashes: the seal's is of what stands before it, that of a record is of the whole file
        end = seal.seal(files.sha256(temporary))
        with temporary.open("ab") as stream:
            stream.write(end)
        document.sha256 = files.sha256(temporary)


def _require_room(path: Path, document: Document) -> None:
    """Raise OSError where there is no room for a file, before the HDF5 library begins.

    That one cannot be told that a disk is full: it fails again at every object that it
    closes, says so on the standard error output, and may crash later.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    size = document._bytes()
    with path.open("wb") as stream:
        try:
            # a sixteenth and 64 kB more than the numbers themselves, for names, attributes and HDF5's own
            # tables
            os.posix_fallocate(stream.fileno(), 0, size + size // 16 + 2**16)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # this file system cannot tell
                raise
        # h5py begins a file anew; the room has been shown to be there
        stream.truncate(0)


def _write(target: Path | io.BytesIO, document: Document) -> None:
    """Write an HDF5 file; what is in memory is left at its end."""
    try:
        with h5py.File(target, "w") as file:
            document._fill(file, {})
    except RuntimeError as error:  # h5py's own, for instance on a full disk at close
        raise OSError(str(error)) from error
    if isinstance(target, io.BytesIO):
        target.seek(0, 2)


def _storable(name: str, values: ArrayLike) -> NDArray[Any]:
    """Real numbers and booleans as they are, texts as UTF-8."""
    array = np.asarray(values)
    if array.dtype.kind in "fiub":
        return array
    if array.dtype.kind == "U" or (array.dtype.kind == "O" and all(isinstance(v, str) for v in array.flat)):
        return array.astype(_TEXT)
    raise ValueError(f"'{name}': values of the type {array.dtype} are not stored")


def _attribute(value: Any) -> Any:
    """An attribute as every reader of HDF5 knows it; lists of texts keep their type when empty."""
    if isinstance(value, bool | np.bool_):
        return np.int8(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return np.array(value, dtype=_TEXT)
    return value
