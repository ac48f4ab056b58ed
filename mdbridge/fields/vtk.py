"""Fields as files of VTK, for ParaView: grids as .vts, with a .pvd over several, meshes as .vtu.

The grid is that of a cell of any shape, so it may deform from one file to the next.
Arrays carry their unit and the names of their components.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.files import write_text

Array = NDArray[np.float64]
Place = Literal["cell", "corner"]

# how VTK's own filters take six components for a symmetric tensor
_SYMMETRIC = ("xx", "yy", "zz", "xy", "yz", "xz")


@dataclass(frozen=True)
class Field:
    """A field on a grid.

    Attributes:
        values: ``([nz,] ny, nx)``, or with components along a last axis.
        units: of the values.
        components: their names; none for a scalar.
        place: whether the values are those of cells, or of the corners of cells, of which the
            first along each axis stands for the last one too, as it does in a periodic box.
    """

    values: Array
    units: str
    components: Sequence[str] = ()
    place: Place = "cell"


def write_grid(path: Path, cell: ArrayLike, fields: Mapping[str, Field], origin: ArrayLike = 0.0) -> None:
    """Write one .vts file.

    Args:
        cell: ``(d, 3)`` vectors of the edges along which the grid has its x, y and z, one a row.
        fields: by name, all on the same grid of d axes.
        origin: ``(3,)`` where the corner (0, …, 0) lies.

    Raises:
        ValueError: a field is on another grid, or has another number of components than names.
        FileError: the file cannot be written.
    """
    edges = np.asarray(cell, dtype=np.float64)
    shape = _shape(fields, len(edges))
    arrays: dict[Place, list[str]] = {"corner": [], "cell": []}
    for name, field in fields.items():
        arrays[field.place].append(_data(name, field))
    sections = [
        _section("PointData", arrays["corner"]),
        _section("CellData", arrays["cell"]),
        _section("Points", [_array("points", _points(edges, shape, origin), "", "xyz")]),
    ]
    # VTK's grids have three axes: those that are missing have no cells
    extent = " ".join(f"0 {n}" for n in (*shape[::-1], 0, 0)[:3])
    write_text(
        path,
        '<?xml version="1.0"?>\n<VTKFile type="StructuredGrid" version="1.0" byte_order="LittleEndian" '
        f'header_type="UInt64">\n<StructuredGrid WholeExtent="{extent}"><Piece Extent="{extent}">\n'
        + "\n".join(sections)
        + "\n</Piece></StructuredGrid>\n</VTKFile>\n",
    )


def write_mesh(
    path: Path, points: Array, cells: Sequence[NDArray[np.int64]], fields: Mapping[str, Field]
) -> None:
    """Write one .vtu file.

    Args:
        points: ``n x 2``.
        cells: triangles ``t x 3`` and quadrilaterals ``q x 4`` as numbers of points, anticlockwise.
        fields: by name, values ``n`` or ``n x c`` at the points.

    Raises:
        FileError: the file cannot be written.
    """
    for name, field in fields.items():
        if np.shape(field.values)[0] != len(points):
            raise ValueError(f"'{name}' has {np.shape(field.values)[0]} values for {len(points)} points")
    # VTK numbers its kinds of cells: 5 is a triangle, 9 a quadrilateral
    kinds = np.concatenate([np.full(len(part), {3: 5, 4: 9}[part.shape[1]]) for part in cells])
    ends = np.cumsum(np.concatenate([np.full(len(part), part.shape[1]) for part in cells]))
    connectivity = np.concatenate([part.ravel() for part in cells])
    topology = [
        _array(name, values[:, None], "", ())
        for name, values in (("connectivity", connectivity), ("offsets", ends), ("types", kinds))
    ]
    places = np.pad(points, [(0, 0), (0, 1)])
    sections = [
        _section("PointData", [_data(name, field) for name, field in fields.items()]),
        _section("Points", [_array("points", places, "", "xyz")]),
        _section("Cells", topology),
    ]
    write_text(
        path,
        '<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
        f'header_type="UInt64">\n<UnstructuredGrid><Piece NumberOfPoints="{len(points)}" '
        f'NumberOfCells="{len(kinds)}">\n'
        + "\n".join(sections)
        + "\n</Piece></UnstructuredGrid>\n</VTKFile>\n",
    )


def write_series(path: Path, pieces: Sequence[tuple[float, str]]) -> None:
    """Write a .pvd file: the time (or strain) of each .vts file, named relative to it."""
    entries = "\n".join(
        f'    <DataSet timestep="{time:.9g}" file={quoteattr(name)}/>' for time, name in pieces
    )
    write_text(
        path,
        f'<?xml version="1.0"?>\n<VTKFile type="Collection" version="1.0">\n  <Collection>\n{entries}\n'
        "  </Collection>\n</VTKFile>\n",
    )


def _shape(fields: Mapping[str, Field], axes: int) -> tuple[int, ...]:
    """Cells along ([z,] y, x), the same for all fields."""
    shapes = {}
    for name, field in fields.items():
        size = np.shape(field.values)
        count = size[axes:]
        if len(size) < axes or count != ((len(field.components),) if field.components else ()):
            raise ValueError(
                f"'{name}' has the shape {size}: expected {axes} axes and {len(field.components)} components"
            )
        shapes[size[:axes]] = name
    if len(shapes) != 1:
        raise ValueError(f"fields on different grids: {shapes}")
    return next(iter(shapes))


def _points(edges: Array, shape: tuple[int, ...], origin: ArrayLike) -> Array:
    """Corners of the cells, ``(…, 3)``, one more than cells along each axis."""
    parts = [np.linspace(0.0, 1.0, n + 1) for n in shape]
    fractions = np.stack(np.meshgrid(*parts, indexing="ij")[::-1], axis=-1)
    return fractions @ edges + np.asarray(origin, dtype=np.float64)


def _data(name: str, field: Field) -> str:
    values = np.asarray(field.values, dtype=np.float64)
    axes = values.ndim - bool(field.components)
    components = tuple(field.components)
    if not components:
        values = values[..., None]
    if field.place == "corner":
        # a periodic box: what the first corner has, the last has too
        values = np.pad(values, [(0, 1)] * axes + [(0, 0)], mode="wrap")
    if components in (("x",), ("x", "y")):  # VTK's vectors have three components
        values = np.pad(values, [(0, 0)] * axes + [(0, 3 - len(components))])
        components = ("x", "y", "z")
    if len(components) == 6 and set(components) == set(_SYMMETRIC):
        values = values[..., [components.index(part) for part in _SYMMETRIC]]
        components = _SYMMETRIC
    return _array(name, values, field.units, components)


def _section(name: str, arrays: Sequence[str]) -> str:
    return f"<{name}>" + "\n".join(arrays) + f"</{name}>"


def _array(name: str, values: NDArray[Any], units: str, components: Sequence[str]) -> str:
    """One DataArray, components innermost and x fastest, base64 behind its length in bytes."""
    # little-endian, as the header says, on any machine
    # numbers of points stay whole: a reader refuses them as floats
    whole = values.dtype.kind == "i"
    raw = np.ascontiguousarray(values, dtype="<i8" if whole else "<f8").tobytes()
    encoded = base64.b64encode(len(raw).to_bytes(8, "little") + raw).decode()
    names = "".join(f" ComponentName{n}={quoteattr(part)}" for n, part in enumerate(components))
    # VTK's own key for units
    label = f'<InformationKey name="UNITS_LABEL" location="vtkDataArray">{escape(units)}</InformationKey>'
    kind = "Int64" if whole else "Float64"
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)} NumberOfComponents="{values.shape[-1]}"{names} '
        f'format="binary">{encoded}{label if units else ""}</DataArray>'
    )
