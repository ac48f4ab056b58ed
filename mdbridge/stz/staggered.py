"""The staggered grid of one rank: its size, its arrays and its ghost layers.

Corner (j, i) is at X = (i dx, j dy); cell (j, i) lies between the corners
(j, i) and (j + 1, i + 1).  Stress and χ sit at cell centres, velocity and
reference map at corners.  Arrays are indexed [field, row = y, column = x] and
carry ``GHOST`` layers on all sides.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.loops import compiled

Fields = NDArray[np.float64]
Boundary = Literal["periodic", "clamped"]

GHOST = 2
"""Ghost layers: what a second-order ENO difference reaches."""

STATE = ("S_xx", "S_xy", "S_yy", "S_zz", "chi")
"""The fields of the state, at cell centres: Σ in GPa and χ."""

CHI = 4
"""Index of χ in the state."""


@dataclass(frozen=True)
class Grid:
    """The whole grid.

    Attributes:
        nx, ny: cells.
        lx, ly: box in Å.
        boundary: "periodic" in both directions of the sheared frame, or
            "clamped" between plates at Y = 0 and Y = ly that move with the
            frame (periodic in x).
    """

    nx: int = 32
    ny: int = 32
    lx: float = 400.0
    ly: float = 400.0
    boundary: Boundary = "periodic"

    def __post_init__(self) -> None:
        for name in ("nx", "ny"):
            if getattr(self, name) < 4:
                raise InputError(f"grid: {name} = {getattr(self, name)}: must be at least 4")
        for name in ("lx", "ly"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise InputError(f"grid: {name} = {getattr(self, name)}: must be positive and finite")
        if self.boundary not in ("periodic", "clamped"):
            raise InputError(f"grid: boundary = {self.boundary!r}: must be 'periodic' or 'clamped'")

    @property
    def dx(self) -> float:
        """Cell width in Å."""
        return self.lx / self.nx

    @property
    def dy(self) -> float:
        """Cell height in Å."""
        return self.ly / self.ny

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.ny, self.nx


class Domain(Protocol):
    """A rank's part of the grid and its talk with the others.

    Attributes:
        grid: the whole grid.
        shape: (rows, columns) owned here.
        origin: (row, column) of the first owned cell.
    """

    grid: Grid
    shape: tuple[int, int]
    origin: tuple[int, int]

    def fill(self, fields: Fields) -> None:
        """Fill the ghost layers of ``(n, rows + 4, columns + 4)`` periodically (collective)."""

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over all ranks, elementwise (collective)."""

    def maximum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest over all ranks, elementwise (collective)."""

    def worst(self, value: float, cell: tuple[int, int]) -> tuple[int, int]:
        """The (row, column) in the whole grid of the rank with the largest value (collective).

        Args:
            value: this rank's largest.
            cell: its owned (row, column).
        """

    def gather(self, fields: Fields) -> Fields | None:
        """The whole ``(n, ny, nx)`` of all ranks' owned parts; None but on rank 0 (collective)."""


class WholeGrid:
    """The domain that is the whole grid: no other rank to talk to."""

    def __init__(self, grid: Grid):
        self.grid = grid
        self.shape = grid.shape
        self.origin = (0, 0)

    def fill(self, fields: Fields) -> None:
        """Fill the ghost layers periodically."""
        wrap(fields)

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values themselves."""
        return values

    def maximum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values themselves."""
        return values

    def worst(self, value: float, cell: tuple[int, int]) -> tuple[int, int]:
        """The cell itself."""
        return cell

    def gather(self, fields: Fields) -> Fields | None:
        """A copy."""
        # the caller keeps it, while the state goes on in place
        return fields.copy()


def ghosted(count: int, shape: tuple[int, int]) -> Fields:
    """Zero fields with ghost layers, ``(count, rows + 4, columns + 4)``."""
    return np.zeros((count, shape[0] + 2 * GHOST, shape[1] + 2 * GHOST))


def owned(fields: Fields) -> Fields:
    """The view without ghost layers."""
    return fields[..., GHOST:-GHOST, GHOST:-GHOST]


@compiled()
def wrap_columns(fields: Fields) -> None:
    """Fill the ghost columns of owned rows from the opposite side."""
    count, rows, columns = fields.shape
    nx = columns - 2 * GHOST
    for f in range(count):
        for j in range(GHOST, rows - GHOST):
            for g in range(GHOST):
                fields[f, j, g] = fields[f, j, nx + g]
                fields[f, j, nx + GHOST + g] = fields[f, j, GHOST + g]


@compiled()
def wrap(fields: Fields) -> None:
    """Fill the ghost layers from the opposite side."""
    wrap_columns(fields)
    count, rows, columns = fields.shape
    # rows after columns and with their ghosts: so the corners come from the opposite corners
    ny = rows - 2 * GHOST
    for f in range(count):
        for g in range(GHOST):
            for i in range(columns):
                fields[f, g, i] = fields[f, ny + g, i]
                fields[f, ny + GHOST + g, i] = fields[f, GHOST + g, i]


@compiled()
def extrapolate_at_plates(state: Fields, low: bool, high: bool) -> None:
    """Overwrite the ghost rows of the state beyond a plate.

    Stress goes on linearly, so that advection next to the plate stays second
    order; χ is mirrored (no flux).

    Args:
        state: ``(5, rows + 4, columns + 4)``.
        low, high: whether this block touches the lower, the upper plate.
    """
    rows, columns = state.shape[1:]
    top = rows - GHOST  # first ghost row
    for f in range(len(state)):
        for i in range(columns):
            line = state[f, :, i]
            if low and f == CHI:
                line[1], line[0] = line[2], line[3]
            elif low:
                line[1], line[0] = 2.0 * line[2] - line[3], 3.0 * line[2] - 2.0 * line[3]
            if high and f == CHI:
                line[top], line[top + 1] = line[top - 1], line[top - 2]
            elif high:
                line[top] = 2.0 * line[top - 1] - line[top - 2]
                line[top + 1] = 3.0 * line[top - 1] - 2.0 * line[top - 2]


@compiled()
def extrapolate_corners_at_plates(corners: Fields, low: bool, high: bool) -> None:
    """As :func:`extrapolate_at_plates`, of the reference map at corners: it goes on linearly.

    The ghost row that is the upper plate itself holds what the lower one has,
    which is right: neither moves in the frame.

    Args:
        corners: ``(2, rows + 4, columns + 4)``, ghost layers filled periodically.
        low, high: whether this block touches the lower, the upper plate.
    """
    top = corners.shape[1] - GHOST  # the upper plate
    for f in range(len(corners)):
        for i in range(corners.shape[2]):
            line = corners[f, :, i]
            if low:
                line[1], line[0] = 2.0 * line[2] - line[3], 3.0 * line[2] - 2.0 * line[3]
            if high:
                line[top + 1] = 2.0 * line[top] - line[top - 1]
