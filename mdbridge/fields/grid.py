"""Uniform node grids and what lives on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class NodeGrid:
    """A uniform grid of nodes in the plane.

    Attributes:
        origin: ``(2,)`` position of node (0, 0) (Å).
        spacing: ``(2,)`` hx, hy (Å).
        shape: number of nodes along x and y.
        periodic: whether the grid repeats after ``shape`` nodes.
    """

    origin: tuple[float, float]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    periodic: bool

    @property
    def box(self) -> NDArray[np.float64]:
        """``(2,)`` lengths of the box that the grid fills (Å)."""
        return np.array(self.spacing) * self.shape

    @property
    def cell_area(self) -> float:
        """Area of one node (Å²)."""
        return self.spacing[0] * self.spacing[1]

    def points(self) -> NDArray[np.float64]:
        """``(nx·ny, 2)`` node positions (Å), the second index running fastest."""
        axes = [o + h * np.arange(n) for o, h, n in zip(self.origin, self.spacing, self.shape, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    @classmethod
    def periodic_cells(cls, box: tuple[float, float], spacing: float) -> "NodeGrid":
        """Fill a periodic box centred on 0 with the whole number of cells nearest to ``spacing`` (Å)."""
        shape = tuple(max(1, round(length / spacing)) for length in box)
        actual = tuple(length / n for length, n in zip(box, shape, strict=True))
        origin = tuple(-length / 2 + h / 2 for length, h in zip(box, actual, strict=True))
        return cls(origin, actual, shape, True)  # type: ignore[arg-type]

    def refined(self, factor: int) -> "NodeGrid":
        """The grid with ``factor`` times as many nodes along each axis, in the same periodic box."""
        fine = tuple(h / factor for h in self.spacing)
        origin = tuple(o - h / 2 + f / 2 for o, h, f in zip(self.origin, self.spacing, fine, strict=True))
        shape = tuple(n * factor for n in self.shape)
        return NodeGrid(origin, fine, shape, self.periodic)  # type: ignore[arg-type]

    @classmethod
    def centred(cls, radius: float, spacing: float) -> "NodeGrid":
        """A square lattice with a node at 0 that covers a disc of ``radius`` (Å)."""
        n = int(np.floor(radius / spacing * (1 + 1e-9)))
        return cls((-n * spacing,) * 2, (spacing,) * 2, (2 * n + 1,) * 2, False)
