"""Fields and stresses in the files published with [Kontolati2021].

``pe.MD.n`` and ``Exy.MD.n``: text, a header line ``nx ny …``, then ny rows of
nx numbers (row = y, column = x).  The stress file: rows of numbers, the last
column −σ_xy in bar.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core import arrays
from ..core.errors import FileError
from ..core.units import BAR_IN_GPA

Array = NDArray[np.float64]


def read_field(path: Path) -> Array:
    """A field ``(ny, nx)``: potential energy in eV (``pe.MD.n``) or E_xy (``Exy.MD.n``).

    Raises:
        FileError: no such file, no header, rows of another number or length than the
            header says (with both shapes), or values that are not finite numbers.
    """
    path = Path(path)
    header, *lines = arrays.words(path) or [[]]
    try:
        nx, ny = int(header[0]), int(header[1])
    except (IndexError, ValueError):
        raise FileError(
            f"{path}: the first line must begin with nx and ny, found {' '.join(header)[:60]!r}"
        ) from None
    lengths = {len(line) for line in lines}
    if len(lines) != ny or lengths != {nx}:
        held = f"({len(lines)}, {', '.join(map(str, sorted(lengths))) or 0})"
        raise FileError(f"{path}: holds rows and columns {held}, its first line says ({ny}, {nx})")
    return arrays.numbers(path, lines)


def read_shear_stress(path: Path) -> Array:
    """σ_xy in GPa, one value per row of the stress file.

    Raises:
        FileError: no such file, ragged rows, or values that are not finite numbers.
    """
    path = Path(path)
    lines = arrays.words(path)
    if not lines or len({len(line) for line in lines}) != 1:
        raise FileError(f"{path}: expected rows of equal length")
    # LAMMPS prints pressures: minus the stress, tension negative
    return -BAR_IN_GPA * arrays.numbers(path, lines)[:, -1]
