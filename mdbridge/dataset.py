"""Coarse-grained fields in HDF5: written whole or not at all, read with checks.

One group per data set (``train``, ``val``, ``test``, and ``*_fine``), each with
``nodes`` (n × 2, Å), ``u`` (s × n × 2, Å), ``b`` (s × n × 2, TPa/Å) and ``load``
(s × p, the loads' parameters, named by its attribute ``columns``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .errors import FileError
from .files import replacing

FORMAT = "mdbridge-dataset-1"
SOLUTIONS = "mdbridge-solutions-1"
_REMEDY = "delete it to have it made again, or choose another --out"


@dataclass(frozen=True)
class FieldSet:
    """Samples on one set of nodes.

    Attributes:
        nodes: ``n x 2`` (Å).
        u: ``s x n x 2`` displacements (Å).
        b: ``s x n x 2`` loads (TPa/Å).
        load: ``s x p`` parameters of the loads.
        columns: names of the p parameters.
        names: names of the s loads.
        box: ``(2,)`` box edges (Å), or of the nodes' bounding box where nothing is periodic.
        spacing: ``(2,)`` node spacings (Å).
        shape: number of nodes along x and y where they fill a periodic box, else None.
    """

    nodes: NDArray[np.float64]
    u: NDArray[np.float64]
    b: NDArray[np.float64]
    load: NDArray[np.float64]
    columns: list[str]
    names: list[str]
    box: NDArray[np.float64]
    spacing: NDArray[np.float64]
    shape: tuple[int, int] | None


@contextmanager
def writing(path: Path, key: str, kind: str = FORMAT) -> Iterator[h5py.File]:
    """Open an HDF5 file that appears under ``path`` only if the block succeeds.

    Args:
        key: hash of what the contents were made from.
        kind: the file's format, checked when it is read.

    Raises:
        FileError: it cannot be written (no permission, disk full).
    """
    with replacing(path) as temporary:
        try:
            with h5py.File(temporary, "w") as file:
                file.attrs["format"] = kind
                file.attrs["key"] = key
                yield file
        except RuntimeError as error:  # h5py's own, for instance on a full disk at close
            raise OSError(str(error)) from error


@contextmanager
def reading(path: Path, kind: str = FORMAT) -> Iterator[h5py.File]:
    """Open an HDF5 file of ours.

    Raises:
        FileError: it is not there, not HDF5, of another origin, or lacks something.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if not Path(path).exists():
            raise FileError(f"{path}: no such file; run the stage that writes it") from error
        raise FileError(f"{path}: not a readable HDF5 file; {_REMEDY}") from error
    with file:
        found = file.attrs.get("format", "none")
        if found != kind:
            raise FileError(
                f"{path}: has format '{found}', expected '{kind}': not a file of this stage; {_REMEDY}"
            )
        try:
            yield file
        except KeyError as error:
            raise FileError(f"{path}: incomplete: {error.args[0]}; {_REMEDY}") from error


def stored_key(path: Path, kind: str = FORMAT) -> str | None:
    """The key of a finished file, or None if there is no file.

    Raises:
        FileError: what is there is not of this kind, so nothing may replace it.
    """
    if not Path(path).exists():
        return None
    with reading(path, kind) as file:
        return str(file.attrs["key"])


def put(group: h5py.Group, name: str, values: Any, units: str) -> h5py.Dataset:
    """Store an array with its units."""
    dataset = group.create_dataset(name, data=values)
    dataset.attrs["units"] = units
    return dataset


def put_fields(file: h5py.File, name: str, fields: FieldSet) -> None:
    """Store a :class:`FieldSet` as a group."""
    group = file.create_group(name)
    group.attrs["box"] = fields.box
    group.attrs["spacing"] = fields.spacing
    group.attrs["periodic"] = fields.shape is not None
    if fields.shape is not None:
        group.attrs["shape"] = fields.shape
    group.attrs["names"] = fields.names
    put(group, "nodes", fields.nodes, "angstrom")
    put(group, "u", fields.u, "angstrom")
    put(group, "b", fields.b, "TPa/angstrom")
    put(group, "load", fields.load, "as named in the attribute columns").attrs["columns"] = fields.columns


def get_fields(file: h5py.File, name: str) -> FieldSet:
    """Read a group that :func:`put_fields` wrote."""
    group = file[name]
    shape = tuple(int(n) for n in group.attrs["shape"]) if group.attrs["periodic"] else None
    return FieldSet(
        nodes=group["nodes"][:],
        u=group["u"][:],
        b=group["b"][:],
        load=group["load"][:],
        columns=list(group["load"].attrs["columns"]),
        names=list(group.attrs["names"]),
        box=group.attrs["box"],
        spacing=group.attrs["spacing"],
        shape=shape,  # type: ignore[arg-type]
    )
