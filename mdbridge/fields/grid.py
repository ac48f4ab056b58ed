"""Uniform node grids and what lives on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .box import Box

Array = NDArray[np.float64]

AXES = ("x", "y", "z", "xy", "xz", "yz", "xyz")
"""Directions that a :class:`CellGrid` may resolve; it averages over the others."""

_LEAN = 1e-9
"""Relative to the edge, what counts as upright: LAMMPS's own boxes are exact."""


@dataclass(frozen=True)
class NodeGrid:
    """A uniform grid of nodes in the plane.

    Attributes:
        origin: ``(2,)`` position of node (0, 0) (Å).
        spacing: ``(2,)`` hx, hy (Å).
        shape: number of nodes along x and y.
        periodic: whether the grid repeats after ``shape`` nodes.

    Raises:
        InputError: no nodes, or spacings that are not positive.
    """

    origin: tuple[float, float]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    periodic: bool

    def __post_init__(self) -> None:
        if len(self.spacing) != 2 or not all(0.0 < h < np.inf for h in self.spacing):
            raise InputError(f"grid: spacing = {tuple(self.spacing)}: must be two positive lengths")
        # a count that is no whole number would put the last node beside its place
        if len(self.shape) != 2 or not all(n >= 1 and n == int(n) for n in self.shape):
            raise InputError(f"grid: shape = {tuple(self.shape)}: must be two numbers of nodes, 1 or more")
        if len(self.origin) != 2 or not np.isfinite(self.origin).all():
            raise InputError(f"grid: origin = {tuple(self.origin)}: must be two coordinates")

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
        width, height = box
        if not spacing > 0.0:
            raise InputError(f"grid: spacing = {spacing}: must be positive")
        nx, ny = max(1, round(width / spacing)), max(1, round(height / spacing))
        hx, hy = width / nx, height / ny
        # nodes are the middles of cells, which fill the box without a rest
        return cls((-width / 2 + hx / 2, -height / 2 + hy / 2), (hx, hy), (nx, ny), True)

    def refined(self, factor: int) -> "NodeGrid":
        """The grid with ``factor`` times as many nodes along each axis, in the same periodic box."""
        (x, y), (hx, hy), (nx, ny) = self.origin, self.spacing, self.shape
        fx, fy = hx / factor, hy / factor
        origin = (x - hx / 2 + fx / 2, y - hy / 2 + fy / 2)
        return NodeGrid(origin, (fx, fy), (nx * factor, ny * factor), self.periodic)

    @classmethod
    def centred(cls, radius: float, spacing: float | tuple[float, float]) -> "NodeGrid":
        """A lattice with a node at 0 that covers a disc of ``radius`` (Å): a square one, or of hx, hy."""
        hx, hy = (spacing, spacing) if isinstance(spacing, (int, float)) else spacing
        if not min(hx, hy) > 0.0:
            raise InputError(f"grid: spacing = {spacing}: must be positive")
        # a node at exactly the radius belongs to the disc
        nx, ny = (int(np.floor(radius / h * (1 + 1e-9))) for h in (hx, hy))
        return cls((-nx * hx, -ny * hy), (hx, hy), (2 * nx + 1, 2 * ny + 1), False)


@dataclass(frozen=True)
class CellGrid:
    """A box, or a part of the laboratory, cut into equal cells along one, two or three directions.

    The nodes are the centres of the cells.  Arrays of node values have the last of the
    directions first: ``[z,] y, x``.

    Attributes:
        axes: one of :data:`AXES`.
        cells: number of cells along each of them.
        region: (low, high) along each of them, fixed in the laboratory; None for the whole
            box, with which the cells move, stretch and lean.
        corners: the nodes are the cells' low corners instead, in a box that repeats along the axes.
    """

    axes: str
    cells: tuple[int, ...]
    region: tuple[tuple[float, float], ...] | None = None
    corners: bool = False

    @property
    def directions(self) -> list[int]:
        """The axes as numbers, 0 for x."""
        return ["xyz".index(axis) for axis in self.axes]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array of node values."""
        return self.cells[::-1]

    def check(self, box: Box) -> None:
        """Raise InputError unless the grid fits a box; lengths are in the box's units."""
        if box.dimension == 2 and "z" in self.axes:
            raise InputError(f"grid.axes = '{self.axes}': the simulation has two dimensions, x and y")
        for axis, (low, high) in zip(self.directions, self.region or (), strict=False):
            start, end = box.corner[axis], box.corner[axis] + np.abs(box.edges[:, axis]).sum()
            # an atom would count twice in one region
            if box.periodic[axis] and high - low > box.edges[axis, axis] * (1 + _LEAN):
                raise InputError(
                    f"grid.region: {high - low:g} along {'xyz'[axis]} does not fit the box, which repeats "
                    f"after {box.edges[axis, axis]:g}"
                )
            if not box.periodic[axis] and (high <= start or low >= end):
                raise InputError(
                    f"grid.region: {low:g} … {high:g} along {'xyz'[axis]} lies outside the box, which goes "
                    f"from {start:g} to {end:g}"
                )

    def place(self, box: Box) -> "Lattice":
        """Where the nodes are in ``box``.

        Raises:
            InputError: a laboratory region, and the box leans over a direction that is averaged.
        """
        resolved = self.directions
        averaged = [axis for axis in range(3) if axis not in resolved]
        # the directions across everything that is averaged, turned so that the edges are triangular
        across, _ = np.linalg.qr(box.edges[averaged].T) if averaged else (np.zeros((3, 0)), None)
        edges = box.edges[resolved].T
        edges = edges - across @ (across.T @ edges)
        turn, reduced = np.linalg.qr(edges)
        # QR leaves the signs open: edges are to point as the box's do
        signs = np.sign(np.diag(reduced))
        projection, reduced = (turn * signs).T, signs[:, None] * reduced
        # what is left of the volume when the resolved directions are taken out
        depth = box.volume / float(np.prod(np.diag(reduced)))
        repeats = np.array([box.periodic[axis] for axis in resolved])
        cells = np.array(self.cells)
        if self.region is None:
            periods = np.eye(len(cells))
            # a lattice has its nodes half a cell from its corner
            half = 0.5 * (box.edges[resolved] / cells[:, None]).sum(axis=0)
            start = box.corner - half if self.corners else box.corner
            return Lattice(start, projection, reduced, cells, periods, repeats, depth, box.edges[resolved])
        plain = np.eye(3)[resolved]
        # a region lies still in the laboratory, and cannot follow a direction that leans
        if np.abs(projection - plain).max() > _LEAN:
            raise InputError(
                f"grid.region with axes '{self.axes}': the box leans, so that what is averaged over is not "
                "upright; take all directions that lean into grid.axes, or leave out grid.region"
            )
        low, high = np.array(self.region).T
        corner = np.zeros(3)
        corner[resolved] = low
        extent = np.diag(high - low)
        periods = np.linalg.solve(extent, reduced)
        return Lattice(corner, plain, extent, cells, periods, repeats, depth, None)


@dataclass(frozen=True)
class Lattice:
    """The nodes of a :class:`CellGrid` at one moment, in the directions that kernels are taken in.

    Distances are those across the directions that are averaged over.  With d resolved
    directions a position x has the grid coordinates f = E⁻¹ P (x − corner), in which cells are
    unit intervals over their number; node i along a direction is at (i + ½)/n.

    Attributes:
        corner: ``(3,)`` position of the first cell's corner.
        projection: ``(d, 3)`` P, orthonormal rows.
        edges: ``(d, d)`` E, upper triangular: the edges of the grid, one a column.
        cells: ``(d,)`` numbers of cells.
        periods: ``(d, d)`` translations of the atoms' images in grid coordinates, one a column.
        repeats: ``(d,)`` which of them there are.
        depth: the extent of what is averaged over: a length, an area, or 1.
        sides: ``(d, 3)`` the box's own edges along the grid's directions, one a row; None where the
            grid is a part of the laboratory.
    """

    corner: Array
    projection: Array
    edges: Array
    cells: NDArray[np.int64]
    periods: Array
    repeats: NDArray[np.bool_]
    depth: float
    sides: Array | None

    @property
    def fills(self) -> bool:
        """Whether the grid is the box, so that its nodes repeat as the atoms do."""
        return self.sides is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array of node values, the last direction first."""
        return tuple(int(n) for n in self.cells[::-1])

    @property
    def wraps(self) -> NDArray[np.bool_]:
        """``(d,)`` along which directions the last node is followed by the first."""
        return self.repeats & self.fills

    @property
    def cell_volume(self) -> float:
        """Volume (or area, in two dimensions) that a node stands for."""
        return float(np.prod(np.diag(self.edges)) / np.prod(self.cells)) * self.depth

    def coordinates(self, x: Array) -> Array:
        """``(n, d)`` grid coordinates of positions ``(n, 3)``."""
        return (x - self.corner) @ self.slope

    @property
    def slope(self) -> Array:
        """``(3, d)`` ∂(grid coordinates)/∂(position), a position a row."""
        return self.projection.T @ np.linalg.inv(self.edges).T

    def reach(self, radius: float) -> Array:
        """``(d,)`` how far a ball of ``radius`` reaches in grid coordinates."""
        return radius * np.linalg.norm(np.linalg.inv(self.edges), axis=1)

    def nodes(self) -> Array:
        """``(*shape, 3)`` positions of the nodes; averaged directions are taken at the box's corner."""
        return self.points(0.5, 0)

    def corners(self) -> Array:
        """Positions of the corners of the cells, one more along each direction than there are cells."""
        return self.points(0.0, 1)

    def points(self, shift: float, more: int) -> Array:
        """Positions at (i + ``shift``)/n, i = 0 … n − 1 + ``more``; ``(*shape, 3)``."""
        steps = [(np.arange(n + more) + shift) / n for n in self.cells[::-1]]
        f = np.stack(np.meshgrid(*steps, indexing="ij")[::-1], axis=-1)
        sides = self.edges.T @ self.projection if self.sides is None else self.sides
        return self.corner + f @ sides
