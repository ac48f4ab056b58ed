"""'mdbridge export --to vtk': the fields of a file of results for ParaView, whatever kind it is.

Fields on a grid become a .vts file for each frame, deformed as the box is, and a .pvd over
them whose time is the net strain.  Fields on nodes become a .vtu file for each sample, and a
.pvd whose time is the number of the sample.  Arrays carry their units.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay

from ..core import store
from ..core.errors import InputError
from ..fields import lattice
from ..fields.fieldset import LENGTH, LOAD, FieldSet
from ..fields.storage import PLANE, get_fields
from ..fields.vtk import Field, Place, write_grid, write_mesh, write_series
from ..stz.frame import SimpleShear
from .calibrate.results import BEST, UNSAID
from .calibrate.results import read as read_best
from .fields import vtk as of_fields
from .fields.results import FIELDS
from .glass.formats import CHAIN, GLASS
from .peridynamics.formats import BODY, DATASET, SOLUTIONS
from .shear import paraview as of_shear
from .shear.results import RUN

Array = NDArray[np.float64]
Grid = tuple[Array, dict[str, Field]]
"""The edges of a grid, and the fields on it."""

_PLACES: tuple[Place, ...] = ("cell", "corner")


def export(path: Path, folder: Path | None = None) -> list[Path]:
    """Write the fields of a file for ParaView.

    Args:
        path: fields.h5, run.h5, glass.h5, chain.h5, best.h5, dataset.h5 or solutions.h5.
        folder: for the files; beside ``path`` if not given.

    Returns:
        The files to open.

    Raises:
        InputError: the file holds no fields that are known.
        FileError: it cannot be read, or the folder not written.
    """
    if path.suffix == ".json":
        raise InputError(f"{path}: --to vtk is for .h5 files with fields; models go to table or json-schema")
    with store.opening(path) as file:
        kind = str(file.attributes().get("format", "none"))
    if kind == BODY.name:
        raise InputError(
            f"{path}: has nodes without the cells between them; open {path.parent / 'vtk' / 'solution.vtu'}, "
            "which 'mdbridge solve' writes unless output.vtk = false in the problem"
        )
    if kind not in _WRITERS:
        raise InputError(
            f"{path}: has the format '{kind}'; --to vtk is for fields.h5, run.h5, glass.h5, chain.h5, "
            "best.h5, dataset.h5 and solutions.h5"
        )
    # not 'vtk', which is the campaigns' own, and known to them by its files
    return _WRITERS[kind](path, path.with_name(f"{path.stem}_vtk") if folder is None else folder)


def _fields(path: Path, folder: Path) -> list[Path]:
    of_fields.export(path, folder)
    return [folder / "fields.pvd"]


def _shear(path: Path, folder: Path) -> list[Path]:
    of_shear.export(path, folder)
    return [folder / "run.pvd"]


# --- on grids -------------------------------------------------------------------


def _glass(path: Path, folder: Path) -> list[Path]:
    """All frames in the sheared box; what was measured at rest goes with it."""
    with store.reading(path, GLASS) as file:
        gamma, edges = file.get("gamma"), file.get("edges", finite=True)

        def grid(number: int) -> Grid:
            cell = np.zeros((2, 3))
            # edges of the box are columns in the file
            cell[:, :2] = edges[number].T
            return cell, _on_grid(file, file, "gamma", number)

        # a script may do something else than shear, or turn back
        sheared = bool((np.diff(gamma) > 0).all())
        return [_series(folder, "glass", gamma if sheared else file.get("step"), grid)]


def _chain(path: Path, folder: Path) -> list[Path]:
    """The MD and the calibrated model on one grid, by the end of the arrays' names."""
    with store.reading(path, CHAIN) as file:
        strains, box = file.get("strain"), file.numbers("box_A", 2)

        def grid(number: int) -> Grid:
            cell, fields = np.zeros((2, 3)), dict[str, Field]()
            # a glass that is calibrated has been sheared so
            cell[:, :2] = (SimpleShear().matrix(float(strains[number])) @ np.diag(box)).T
            for source in ("md", "model"):
                own = _on_grid(file, file.group(source), "strain", number)
                fields |= {f"{name}_{source}": field for name, field in own.items()}
            return cell, fields

        return [_series(folder, "chain", strains, grid)]


def _best(path: Path, folder: Path) -> list[Path]:
    """Each field of a calibration on a grid of its own, the reference beside the calibrated model."""
    pairs = {name: pair for name, pair in read_best(path).items() if pair.reference.ndim == 3}
    if not pairs:
        raise InputError(f"{path}: holds curves alone, and no field over a plane")
    with store.reading(path, BEST) as file:
        units = {name: file.group("calibrated").units(name) for name in pairs}

    def grid_of(name: str) -> Callable[[int], Grid]:
        pair, unit = pairs[name], "" if units[name] == UNSAID else units[name]
        rows, columns = pair.reference.shape[1:]
        both = {"reference": pair.reference, "calibrated": pair.calibrated}
        # a model may be one of anything: the file knows no lengths, and cells are squares of edge 1
        cell = np.array([[columns, 0.0, 0.0], [0.0, rows, 0.0]])
        return lambda number: (cell, {f"{name}_{k}": Field(v[number], unit) for k, v in both.items()})

    return [_series(folder, name, pair.along, grid_of(name)) for name, pair in pairs.items()]


def _on_grid(file: store.Reader, group: store.Reader, along: str, number: int) -> dict[str, Field]:
    """The fields of a group at an entry of its series; those that have none are the same at all.

    Args:
        file: has the dimensions.
        along: dimension of the series.
    """
    fields = {}
    for name in group.variables():
        dims = group.dimensions(name)
        at = number if dims[:1] == [along] else None
        dims = dims if at is None else dims[1:]
        for place in _PLACES:
            if tuple(dims[:2]) == PLANE[place] and len(dims) <= 3:
                parts = [part for dim in dims[2:] for part in _components(file, dim)]
                fields[name] = Field(group.get(name, at=at), group.units(name), parts, place)
    return fields


def _components(file: store.Reader, dim: str) -> list[str]:
    """Names along a dimension."""
    if "units" not in file.describe(dim):
        return file.texts(dim)
    # types of atoms, which LAMMPS counts from 1
    return [f"{dim} {number + 1}" for number in range(len(file.get(dim)))]


def _series(folder: Path, name: str, times: ArrayLike, grid: Callable[[int], Grid]) -> Path:
    """Write a grid for each time, and the series over them, whose place is returned."""
    pieces = []
    for number, time in enumerate(np.asarray(times, dtype=np.float64)):
        piece = f"{name}_{number:05d}.vts"
        write_grid(folder / piece, *grid(number))
        pieces.append((float(time), piece))
    write_series(folder / f"{name}.pvd", pieces)
    return folder / f"{name}.pvd"


# --- on nodes -------------------------------------------------------------------


def _dataset(path: Path, folder: Path) -> list[Path]:
    """Displacements and loads of every split, and of every variant."""
    with store.reading(path, DATASET) as file:
        return [
            _samples(folder, name, fields.nodes, {"u": (fields.u, LENGTH, "xy"), "b": (fields.b, LOAD, "xy")})
            for name, fields in _field_sets(file)
        ]


def _solutions(path: Path, folder: Path) -> list[Path]:
    """Displacements of the model on the nodes of the dataset beside it, and where errors are taken."""
    with store.reading(path.with_name("dataset.h5"), DATASET) as file:
        nodes = {name: fields.nodes for name, fields in _field_sets(file)}
    made = []
    with store.reading(path, SOLUTIONS) as file:
        for name in file.groups():
            if name not in nodes:
                raise file.refusal(name, "is no split of the dataset.h5 beside it")
            group, count = file.group(name), len(nodes[name])
            u = group.get("u", LENGTH, (None, count, 2))
            inside = np.broadcast_to(group.flags("inside", (count,)), u.shape[:2])
            arrays = {"u_model": (u, LENGTH, "xy"), "inside": (inside, "1", "")}
            made.append(_samples(folder, name, nodes[name], arrays))
    return made


def _field_sets(file: store.Reader, above: str = "") -> Iterator[tuple[str, FieldSet]]:
    """Sets of samples anywhere in a file, with their paths in it."""
    for name in file.groups():
        group = file.group(name)
        if {"nodes", "u", "b"} <= set(group.datasets()):
            yield f"{above}{name}", get_fields(file, name)
        else:
            yield from _field_sets(group, f"{above}{name}/")


def _samples(
    folder: Path, name: str, nodes: Array, arrays: Mapping[str, tuple[ArrayLike, str, Sequence[str]]]
) -> Path:
    """Write a mesh for each sample, and the series over them, whose place is returned.

    Args:
        arrays: by name ``(s, n[, k])`` values, their units, and the names of their k components.
    """
    cells, target = _cells(nodes), folder / f"{name}.pvd"
    count = len(np.asarray(next(iter(arrays.values()))[0]))
    pieces = [(float(number), f"{target.stem}/{number:05d}.vtu") for number in range(count)]
    for number, (_, piece) in enumerate(pieces):
        fields = {
            key: Field(np.asarray(values, dtype=np.float64)[number], units, parts)
            for key, (values, units, parts) in arrays.items()
        }
        write_mesh(target.parent / piece, nodes, cells, fields)
    write_series(target, pieces)
    return target


def _cells(nodes: Array) -> list[NDArray[np.int64]]:
    """What lies between nodes: squares of a lattice, as far as it has all four corners, else triangles."""
    rows = lattice.arrange(nodes, None)
    if rows.scattered:
        return [Delaunay(nodes).simplices.astype(np.int64)]
    index = rows.index
    # a place without a node is told from node 0
    number = np.full(index.max(axis=0) + 1, -1)
    number[tuple(index.T)] = rows.order
    corners = (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    squares = np.stack(corners, axis=-1).reshape(-1, 4)
    return [squares[(squares >= 0).all(axis=1)]]


_WRITERS: dict[str, Callable[[Path, Path], list[Path]]] = {
    FIELDS.name: _fields,
    RUN.name: _shear,
    GLASS.name: _glass,
    CHAIN.name: _chain,
    BEST.name: _best,
    DATASET.name: _dataset,
    SOLUTIONS.name: _solutions,
}
"""By the name of a format what writes its fields into a folder; gives the files to open."""
