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

from ..core.errors import FileError
from ..core.files import replacing

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
    """Read a group that :func:`put_fields` wrote.

    Raises:
        FileError: units, nodes, box or arrays do not fit together.
    """
    group = file[name]
    shape = tuple(int(n) for n in group.attrs["shape"]) if group.attrs["periodic"] else None
    for array, units in (("nodes", "angstrom"), ("u", "angstrom"), ("b", "TPa/angstrom")):
        found = group[array].attrs.get("units", "none")
        if found != units:
            raise FileError(f"{file.filename}: '{name}/{array}' is in '{found}', expected '{units}'")
    fields = FieldSet(
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
    try:
        _check(fields)
    except ValueError as error:
        raise FileError(f"{file.filename}: '{name}': {error}; {_REMEDY}") from error
    return fields


def _check(fields: FieldSet) -> None:
    """Raise ValueError, with both values, where nodes, box and arrays contradict each other."""
    count = len(fields.nodes)
    for label, array in (("u", fields.u), ("b", fields.b)):
        if array.ndim != 3 or array.shape[1:] != (count, 2):
            raise ValueError(f"{label} has the shape {array.shape}, but there are {count} nodes")
        if not np.isfinite(array).all():
            raise ValueError(f"{label} has values that are not finite")
    if fields.u.shape != fields.b.shape:
        raise ValueError(f"{len(fields.u)} samples of u, but {len(fields.b)} of b")
    if fields.shape is None:
        return
    nx, ny = fields.shape
    if nx * ny != count:
        raise ValueError(f"{count} nodes do not fill a grid of {nx} × {ny}")
    whole = fields.spacing * fields.shape
    if not np.allclose(whole, fields.box, rtol=1e-6):
        raise ValueError(
            f"{nx} × {ny} nodes {fields.spacing[0]:.6g} × {fields.spacing[1]:.6g} Å apart fill "
            f"{whole[0]:.6g} × {whole[1]:.6g} Å, but the box is {fields.box[0]:.6g} × {fields.box[1]:.6g} Å"
        )
    index = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), indexing="ij"), axis=-1).reshape(-1, 2)
    away = np.abs(fields.nodes - fields.nodes[0] - index * fields.spacing)
    if away.max() > 1e-6 * fields.spacing.max():
        node = int(away.max(axis=1).argmax())
        wanted = fields.nodes[0] + index[node] * fields.spacing
        raise ValueError(
            f"node {node} is at ({fields.nodes[node, 0]:.6g}, {fields.nodes[node, 1]:.6g}) Å, but the grid "
            f"has it at ({wanted[0]:.6g}, {wanted[1]:.6g}) Å"
        )
