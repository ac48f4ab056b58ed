"""What the frames of a LAMMPS dump say before their atoms, and whether the file is whole."""

import gzip
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError

Array = NDArray[np.float64]

_NO_NUMBERS = frozenset(["nan", "-nan", "inf", "-inf"])
PLACES = {"x": "", "xs": "scaled yes", "xu": "wrapped no", "xsu": "scaled yes wrapped no"}
"""First column of the positions → how LAMMPS is to read them."""


@dataclass(frozen=True)
class Header:
    """What a frame says before its atoms.

    Attributes:
        step, atoms: the timestep, the number of atoms.
        units, time: LAMMPS's style and the simulated time, where the dump says them.
        bounds: the three lines of the box, as numbers.
        flags: what stands behind ``BOX BOUNDS``.
        columns: names of the atoms' columns.
    """

    step: int
    atoms: int
    units: str | None
    time: float | None
    bounds: tuple[tuple[float, ...], ...]
    flags: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def box(self) -> tuple[Array, Array]:
        """``(3,)`` corner and ``(3, 3)`` edges, one a row; a dump tells what a leaning box fits into."""
        # the bounding box of a leaning one is wider by its tilts, to either side
        bounds = np.array(self.bounds)
        xy, xz, yz = bounds[:, 2] if bounds.shape[1] == 3 else np.zeros(3)
        (xlo, xhi), (ylo, yhi), (zlo, zhi) = bounds[:, :2]
        xlo, xhi = xlo - min(0.0, xy, xz, xy + xz), xhi - max(0.0, xy, xz, xy + xz)
        ylo, yhi = ylo - min(0.0, yz), yhi - max(0.0, yz)
        edges = np.array([[xhi - xlo, 0.0, 0.0], [xy, yhi - ylo, 0.0], [xz, yz, zhi - zlo]])
        return np.array([xlo, ylo, zlo]), edges

    @property
    def place(self) -> str:
        """The kind of positions: x, xs, xu or xsu, by which atoms can be followed if one can; or empty."""
        kinds = [kind for kind in PLACES if kind in self.columns]
        return next(iter([kind for kind in kinds if self._unwraps(kind)] or kinds), "")

    def _unwraps(self, kind: str) -> bool:
        return kind in ("xu", "xsu") or {"ix", "iy", "iz"} <= set(self.columns)

    @property
    def moves(self) -> bool:
        """Whether velocities are there."""
        return {"vx", "vy", "vz"} <= set(self.columns)

    @property
    def follows(self) -> bool:
        """Whether atoms can be followed across periodic boundaries."""
        return self._unwraps(self.place)

    @property
    def leans(self) -> bool:
        """Whether LAMMPS takes the box for a triclinic one, be its tilts zero."""
        return "xy" in self.flags


def headers(path: Path) -> list[Header]:
    """Of all frames of a text dump (also one that is packed by gzip).

    Raises:
        InputError: it is no dump of LAMMPS, or is cut in the middle of a frame.
    """
    try:
        with opened(path) as stream:
            recorded = list(_headers(stream, path))
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: not a text dump of LAMMPS ({error})") from error
    if not recorded:
        raise InputError(f"{path}: holds no frame of a LAMMPS dump")
    for before, after in itertools.pairwise(recorded):
        if after.step <= before.step:
            raise InputError(
                f"{path}: step {after.step} follows step {before.step}: the frames of a trajectory must "
                "follow each other in time; cut away what an interrupted run wrote twice"
            )
    return recorded


def opened(path: Path) -> IO[str]:
    """A dump, to be read as text."""
    # LAMMPS itself takes it by its ending, too
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _headers(stream: IO[str], path: Path) -> Iterator[Header]:
    units: str | None = None
    time: float | None = None
    step, atoms = -1, 0
    bounds: tuple[tuple[float, ...], ...] = ()
    flags: tuple[str, ...] = ()
    for line in stream:
        if not line.startswith("ITEM: "):
            raise InputError(f"{path}: '{line.strip()[:40]}' where a LAMMPS dump has 'ITEM: …'")
        item = line[len("ITEM: ") :].strip()
        try:
            if item == "UNITS":
                units = next(stream).strip()
            elif item == "TIME":
                time = float(next(stream))
            elif item == "TIMESTEP":
                step = int(next(stream))
            elif item == "NUMBER OF ATOMS":
                atoms = int(next(stream))
                if atoms < 1:
                    raise InputError(f"{path}: step {step} has {atoms} atoms")
            elif item.startswith("BOX BOUNDS"):
                flags = tuple(item.split()[2:])
                if "abc" in flags:
                    raise InputError(
                        f"{path}: the box of a general triclinic system, which LAMMPS cannot read back; "
                        "write the dump with 'triclinic/general no'"
                    )
                bounds = _bounds([next(stream) for _ in range(3)])
            elif item.startswith("ATOMS"):
                # atoms are counted, not parsed: LAMMPS reads them
                counted = 0
                for row in itertools.islice(stream, atoms):
                    counted += 1
                    # a crash of the run that wrote it
                    if ("nan" in row or "inf" in row) and not _NO_NUMBERS.isdisjoint(row.split()):
                        raise InputError(f"{path}: '{row.strip()}' in the frame of step {step} is no atom")
                if counted < atoms:
                    raise StopIteration
                yield Header(step, atoms, units, time, bounds, flags, tuple(item.split()[1:]))
            else:
                raise InputError(f"{path}: 'ITEM: {item}' is not known")
        except (ValueError, StopIteration) as error:
            raise InputError(f"{path}: cut or damaged in the frame of step {step} ({item})") from error


def _bounds(lines: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """The three lines of a box.

    Raises:
        ValueError: they are none: ragged, without an end, or of no extent.
    """
    bounds = tuple(tuple(float(word) for word in line.split()) for line in lines)
    if len({len(line) for line in bounds}) != 1 or len(bounds[0]) not in (2, 3):
        raise ValueError("lines of other lengths than two or three numbers")
    if not np.isfinite(bounds).all() or any(high <= low for low, high, *_ in bounds):
        raise ValueError("a box without an extent")
    return bounds


def frames(path: Path) -> list[int]:
    """The steps of a dump."""
    return [header.step for header in headers(path)]
