"""Coarse-grained fields in HDF5: a group for each :class:`~.fieldset.FieldSet`, and planes of cells."""

import numpy as np
from numpy.typing import ArrayLike

from ..core import store
from .fieldset import LENGTH, LOAD, PARAMETERS, FieldSet

PLANE = {"cell": ("y", "x"), "corner": ("y_corner", "x_corner")}
"""Dimensions of a field at the centres of cells, or at their corners."""


def put_fields(file: store.Group, name: str, fields: FieldSet) -> None:
    """Store a :class:`FieldSet` as a group."""
    group = file.group(name)
    group.attributes(box=fields.box, spacing=fields.spacing, periodic=fields.shape is not None)
    if fields.shape is not None:
        group.attributes(shape=fields.shape)
    group.dimension("sample", fields.names, "1", "name of the load")
    group.numbered("node", len(fields.nodes), "number of the node")
    group.dimension("axis", ["x", "y"], "1", "direction")
    group.dimension("parameter", fields.columns, "1", "what a column of 'load' holds, with its unit")
    group.put("nodes", fields.nodes, ("node", "axis"), LENGTH, "position of the node")
    group.put("u", fields.u, ("sample", "node", "axis"), LENGTH, "displacement")
    group.put("b", fields.b, ("sample", "node", "axis"), LOAD, "load")
    group.put("load", fields.load, ("sample", "parameter"), PARAMETERS, "parameters of the load")


def get_fields(file: store.Reader, name: str) -> FieldSet:
    """Read a group that :func:`put_fields` wrote.

    Raises:
        FileError: units, nodes, box or arrays do not fit together.
    """
    group = file.group(name)
    samples, columns = group.texts("sample"), group.texts("parameter")
    nodes = group.get("nodes", units=LENGTH, shape=(None, 2), finite=True)
    size = (len(samples), len(nodes), 2)
    # a disc's nodes fill no grid
    shape: tuple[int, int] | None = None
    if group.attribute("periodic", bool):
        nx, ny = group.numbers("shape", 2)
        shape = int(nx), int(ny)
    fields = FieldSet(
        nodes=nodes,
        u=group.get("u", units=LENGTH, shape=size, finite=True),
        b=group.get("b", units=LOAD, shape=size, finite=True),
        load=group.get("load", shape=(len(samples), len(columns))),
        columns=columns,
        names=samples,
        box=group.numbers("box", 2),
        spacing=group.numbers("spacing", 2),
        shape=shape,
    )
    try:
        # of what was read: other programs, too, may have written the file
        fields.check()
    except ValueError as error:
        raise group.refusal("", f"contradicts itself: {error}") from error
    return fields


def put_plane(group: store.Group, edges: ArrayLike, shape: tuple[int, int], units: str) -> None:
    """Name the axes of fields on a periodic plane of cells, :data:`PLANE`.

    Args:
        edges: ``(2,)`` lengths of the plane along x and y, undeformed.
        shape: cells along y and x.
        units: of the edges.
    """
    for axis, length, count in zip("yx", np.asarray(edges)[::-1], shape, strict=True):
        step = length / count
        group.dimension(axis, step * (np.arange(count) + 0.5), units, f"{axis} of the cell's centre")
        group.dimension(f"{axis}_corner", step * np.arange(count), units, f"{axis} of the cell's corner")
