"""A campaign's fields as a series for ParaView, from fields.h5 alone: the grid deforms with the box."""

from pathlib import Path

from ...fields.vtk import Field, write_grid, write_series
from .stored import Stored, opened


def export(path: Path, folder: Path) -> None:
    """Write ``folder/fields.pvd`` and one .vts file for each frame.

    Raises:
        FileError: the store cannot be read or the folder not written.
    """
    with opened(path) as stored:
        pieces = []
        for number, time in enumerate(stored.time):
            name = f"frame_{number:05d}.vts"
            cell, origin = stored.cell(number)
            write_grid(folder / name, cell, _fields(stored, number), origin)
            pieces.append((float(time), name))
        write_series(folder / "fields.pvd", pieces)


def _fields(stored: Stored, number: int) -> dict[str, Field]:
    """All fields of a frame."""
    return {
        name: Field(stored.frame(name, number), stored.units(name), stored.components(name))
        for name in stored.names
    }
