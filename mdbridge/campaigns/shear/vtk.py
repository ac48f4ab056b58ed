"""VTK (ParaView) export of a run of ``mdbridge shear``, from its run.h5 alone.

One structured grid per kept frame, in the deformed box x = T X, and a .pvd
collection whose time is the net strain.
"""

import base64
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ...core.errors import FileError
from ...core.files import replacing, write_text
from ...stz.frame import FRAMES

Array = NDArray[np.float64]


def export(store: Path, folder: Path) -> None:
    """Write ``folder/run.pvd`` and one .vts per kept frame.

    Raises:
        FileError: the store cannot be read or the folder not written.
    """
    try:
        with h5py.File(store) as run:
            frame = FRAMES[run.attrs["frame"]]()
            strains = run["gamma"][...][run["frames"][...]]
            entries = []
            for k, gamma in enumerate(strains):
                name = f"frame_{int(run['frames'][k]):05d}.vts"
                matrix = frame.matrix(float(gamma))
                cells = {"chi": run["chi"][k][None], "stress": run["stress"][k]}
                points = {"Exy": run["Exy"][k][None], "velocity": _vectors(run["velocity"][k])}
                write_structured(folder / name, run.attrs["box_A"], matrix, cells, points)
                entries.append(f'    <DataSet timestep="{gamma:.9g}" file="{name}"/>')
    except (OSError, KeyError) as error:
        raise FileError(f"{store}: not a run of 'mdbridge shear': {error}") from error
    body = "\n".join(entries)
    write_text(
        folder / "run.pvd",
        f'<?xml version="1.0"?>\n<VTKFile type="Collection" version="1.0">\n  <Collection>\n{body}\n'
        "  </Collection>\n</VTKFile>\n",
    )


def write_structured(
    path: Path, box: Array, matrix: Array, cells: dict[str, Array], points: dict[str, Array]
) -> None:
    """Write one .vts file.

    Args:
        path: the file.
        box: (lx, ly) in Å.
        matrix: T, ``(2, 2)``.
        cells: fields at cell centres, each ``(components, ny, nx)``.
        points: fields at corners, each ``(components, ny, nx)``; the last row
            and column are closed periodically.
    """
    ny, nx = next(iter(cells.values())).shape[1:]
    y, x = np.meshgrid(np.linspace(0.0, box[1], ny + 1), np.linspace(0.0, box[0], nx + 1), indexing="ij")
    place = np.einsum("ij,jyx->iyx", matrix, np.stack([x, y]))
    closed = {name: np.pad(field, ((0, 0), (0, 1), (0, 1)), mode="wrap") for name, field in points.items()}
    extent = f"0 {nx} 0 {ny} 0 0"
    sections = [
        "<PointData>" + "".join(_array(name, field) for name, field in closed.items()) + "</PointData>",
        "<CellData>" + "".join(_array(name, field) for name, field in cells.items()) + "</CellData>",
        "<Points>" + _array("points", _vectors(place)) + "</Points>",
    ]
    text = (
        '<?xml version="1.0"?>\n<VTKFile type="StructuredGrid" version="1.0" byte_order="LittleEndian" '
        f'header_type="UInt64">\n<StructuredGrid WholeExtent="{extent}"><Piece Extent="{extent}">\n'
        + "\n".join(sections)
        + "\n</Piece></StructuredGrid>\n</VTKFile>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="ascii")


def _vectors(plane: Array) -> Array:
    """Two components -> three, as VTK's vectors are."""
    return np.concatenate([plane, np.zeros_like(plane[:1])])


def _array(name: str, field: Array) -> str:
    """One DataArray, components innermost, base64 behind its length in bytes."""
    raw = np.ascontiguousarray(np.moveaxis(field, 0, -1), dtype="<f8").tobytes()
    encoded = base64.b64encode(np.uint64(len(raw)).tobytes() + raw).decode()
    return (
        f'<DataArray type="Float64" Name="{name}" NumberOfComponents="{len(field)}" format="binary">'
        f"{encoded}</DataArray>"
    )
