"""Whether nodes lie on a grid, in whatever order they come: rows and columns of equal distances.

Positions of another program may be rounded (float32, a text file with few digits), shuffled, lie in
several images of a periodic box or twice at its seam.  What is a grid but for rounding is put on it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Voronoi, cKDTree

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

# of a spacing: nodes that are nearer to the grid than this are on it, and coincide if they are so near
NEAR = 1e-3
# of a grid's places, that must hold a node: less is another lattice, for instance a triangular one
_FILLED = 0.6
# coordinates nearer than this fraction of the widest gap are those of the same row
_SAME_ROW = 0.05


@dataclass(frozen=True)
class Lattice:
    """Nodes in an order of our own.

    Attributes:
        order: ``(m,)`` which of the given nodes are taken, in the order of ``nodes``.
        nodes: ``m x 2`` positions; on a grid exactly, x slowest.
        spacing: ``(2,)`` of the grid, or of one as dense as the scattered points are.
        shape: rows along x and y, where a periodic grid is complete; else None.
        scattered: whether the nodes are on no grid.
        deviation: largest distance of a node from its place on the grid, over the spacing.
    """

    order: Ints
    nodes: Array
    spacing: Array
    shape: tuple[int, int] | None
    scattered: bool
    deviation: float = 0.0

    @property
    def index(self) -> Ints:
        """``(m, 2)`` the column and the row of each node of a grid, from 0 on; of nodes in a single image."""
        return np.rint((self.nodes - self.nodes.min(axis=0)) / self.spacing).astype(np.int64)


def arrange(nodes: Array, box: Array | None) -> Lattice:
    """Put nodes ``n x 2`` in order.

    Args:
        nodes: none of them twice, also not in other images of the box.
        box: ``(2,)`` edges of a periodic box, or None.

    Raises:
        ValueError: a grid does not fit its periodic box, or all nodes are on a line.
    """
    if np.linalg.matrix_rank(nodes - nodes.mean(axis=0), tol=1e-9 * np.ptp(nodes, axis=0).max()) < 2:
        raise ValueError("all nodes are on one line: a model in two dimensions needs nodes in a plane")
    places, seam = (nodes, np.zeros(2)) if box is None else _wrapped(nodes, box)
    rows = [_rows(column) for column in nodes.T]
    if box is not None:
        _require_box(nodes, rows, box)
        rows = [_rows(column, float(edge)) for column, edge in zip(places.T, box, strict=True)]
    on_grid = all(row is not None for row in rows)
    index, counts = np.zeros((0, 2), dtype=np.int64), np.zeros(2, dtype=np.int64)
    if on_grid:
        index = np.stack([row.index for row in rows if row is not None], axis=1)
        counts = index.max(axis=0) + 1
        on_grid = len(np.unique(index, axis=0)) == len(nodes) > _FILLED * counts.prod()
    if not on_grid:
        area = np.ptp(nodes, axis=0).prod() if box is None else box.prod()
        mean = float(np.sqrt(area / len(nodes)))
        return Lattice(np.arange(len(nodes)), nodes.copy(), np.full(2, mean), None, True)
    order = np.lexsort((index[:, 1], index[:, 0]))
    spacing = np.array([row.spacing for row in rows if row is not None])
    origin = np.array([row.origin for row in rows if row is not None])
    regular = origin + index * spacing
    deviation = float((np.abs(places - regular) / spacing).max())
    full = box is not None and len(nodes) == counts.prod() and np.allclose(counts * spacing, box, rtol=1e-6)
    shape = (int(counts[0]), int(counts[1])) if full else None
    regular = regular[order] + seam
    if box is not None:
        # back to where the nodes were, as far as they were in one image
        regular -= box * np.rint((regular - nodes[order]) / box)[0]
    return Lattice(order, regular, spacing, shape, False, deviation)


def coincident(nodes: Array, box: Array | None, near: float) -> Ints:
    """Pairs ``(p, 2)`` of nodes that are the same place, also in other images of the box; ascending.

    Args:
        near: distance within which they are.
    """
    places = nodes if box is None else _wrapped(nodes, box)[0]
    tree = cKDTree(places, boxsize=box)
    return np.sort(tree.query_pairs(near, output_type="ndarray").astype(np.int64).reshape(-1, 2), axis=1)


def areas(nodes: Array, box: Array) -> Array:
    """The areas ``(n,)`` of the cells of scattered nodes in a periodic box, which fill it."""
    places = np.mod(nodes, box)
    shifts = np.array([(i, j) for i in (0, -1, 1) for j in (0, -1, 1)])
    images = (places + (shifts * box)[:, None]).reshape(-1, 2)
    cells = Voronoi(images)
    corners = [cells.vertices[cells.regions[cells.point_region[i]]] for i in range(len(nodes))]
    return np.array([ConvexHull(corner).volume for corner in corners])


@dataclass(frozen=True)
class _Rows:
    """Equally spaced coordinates: where they begin, their distance, and which one each node has."""

    origin: float
    spacing: float
    index: Ints


def _rows(values: Array, edge: float | None = None) -> _Rows | None:
    """The rows of coordinates ``(n,)``, within a periodic ``edge`` if there is one; None if there are
    none."""
    order = np.argsort(values)
    ordered = values[order]
    gaps = np.diff(ordered)
    if not len(gaps) or gaps.max() <= 0:
        return None
    apart = gaps > _SAME_ROW * gaps.max()
    which = np.concatenate([[0], np.cumsum(apart)])
    centres = np.bincount(which, ordered) / np.bincount(which)
    steps = np.diff(centres)
    spacing = float(np.median(steps))
    if edge is not None:
        # rows that fill the box are told by it, however the positions were rounded
        spacing = edge / max(1, round(edge / spacing))
    number = np.rint((centres - centres[0]) / spacing).astype(np.int64)
    if len(np.unique(number)) < len(number):
        # the first and the last row of a periodic box may be one, cut by the seam
        return None
    origin = float(np.mean(centres - number * spacing))
    if edge is None and len(number) > 1:
        spacing, origin = (float(x) for x in np.polyfit(number, centres, 1))
    places = np.empty(len(values), dtype=np.int64)
    places[order] = number[which]
    away = np.abs(values - origin - places * spacing)
    return _Rows(origin, spacing, places) if away.max() <= NEAR * spacing else None


def _require_box(nodes: Array, rows: list[_Rows | None], box: Array) -> None:
    """Refuse a grid that lies in one image of the box and does not fill it."""
    for axis, (row, edge) in enumerate(zip(rows, box, strict=True)):
        # what lies in several images is told by its places in the box alone
        if row is None or np.ptp(nodes[:, axis]) >= edge * (1 - 1e-6):
            continue
        count = int(row.index.max()) + 1
        filled = count * row.spacing
        complete = len(np.unique(row.index)) == count
        if complete and abs(filled - edge) > 10 * NEAR * row.spacing:
            raise ValueError(
                f"{count} rows of nodes along {'xy'[axis]}, {row.spacing:.6g} apart, fill {filled:.6g}, but "
                f"the periodic box is {edge:.6g} there: give that as 'box', or none if nothing is periodic"
            )


def _wrapped(nodes: Array, box: Array) -> tuple[Array, Array]:
    """Nodes in one image of the box ``n x 2``, and what its seam ``(2,)`` was moved by: into a wide gap."""
    places, seam = np.empty(nodes.shape), np.empty(2)
    for axis, edge in enumerate(box):
        ordered = np.sort(np.mod(nodes[:, axis], edge))
        gaps = np.diff(np.append(ordered, ordered[0] + edge))
        widest = int(gaps.argmax())
        # in the middle of a gap: the rounding of a row at the seam would tear it apart
        seam[axis] = ordered[widest] + 0.5 * gaps[widest]
        outside = edge - np.ptp(nodes[:, axis])
        if outside > 0.5 * gaps[widest]:
            # they are in one image as they are, and keep their first row
            seam[axis] = nodes[:, axis].min() - 0.5 * outside
        places[:, axis] = np.mod(nodes[:, axis] - seam[axis], edge)
    return places, seam
