"""Bodies: nodes in a region, joined by a mesh whose edges lie on the region's boundary.

A region is bounded by closed loops.  Nodes lie on its loops, at most a spacing apart, and on a
rectangular lattice inside, no nearer to a loop than half a spacing; so every piece of a loop between
two nodes is an edge of the nodes' Delaunay triangulation (no other node is in the circle over it), and
the mesh fills the region exactly.  Away from the loops the cells of the lattice are left whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from ..core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

OUTLINE, HOLE = "outline", "hole"
_BESIDE = 0.5  # of a spacing: how near to a loop a node of the lattice may be
_WHOLE = 1.6  # of a spacing: how far the centre of a whole cell is from nodes on loops, at least
_BAND = 3.4  # of a spacing: how far triangles are made
_WIDEST = 1.3  # of a spacing: the circle through the corners of a triangle between given nodes
_FLAT = 1e-6  # of a cell's area: what counts as a triangle
_FILLED = 0.6  # of a lattice's places within a body, that must hold a node: less is another lattice


@dataclass(frozen=True)
class Loop:
    """A closed polygon, ``corners`` ``(c, 2)``, in either sense.

    Attributes:
        corners: in order, the first one not repeated.
        kind: ``"outline"`` or ``"hole"``.
        smooth: the corners stand on a curve: they are nodes as they are.
    """

    corners: Floats
    kind: str = OUTLINE
    smooth: bool = False

    @property
    def area(self) -> float:
        """Positive."""
        x, y = self.corners.T
        # from the first corner: far from the origin the terms would cancel
        x, y = x - x[0], y - y[0]
        return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


@dataclass(frozen=True)
class Lattice:
    """Where nodes of a body lie on a rectangular lattice.

    Attributes:
        origin, spacing: ``(2,)``.
        index: ``(n, 2)`` of each node, column and row; of nodes beside the lattice the nearest ones.
        on: ``(n,)`` whether the node is on it.
    """

    origin: Floats
    spacing: Floats
    index: Ints
    on: Mask


@dataclass(frozen=True)
class Body:
    """Nodes and the mesh between them, in the length unit of the model.

    Attributes:
        points: ``(n, 2)``, row by row from the bottom.
        triangles, quads: ``(t, 3)`` and ``(q, 4)`` nodes, anticlockwise; quads are cells of the lattice.
        facets: ``(f, 2)`` nodes of the mesh's boundary, the body on the left.
        facet_kind: ``(f,)`` ``"outline"`` or ``"hole"``.
        spacing: typical distance of next nodes.
        depth: ``(n,)`` distance from the nearest node of the boundary or beside a place of the lattice that
            lacks its node, infinite beyond ``reach``.
        reach: up to where ``depth`` is known.
        lattice: None for scattered nodes.
        order: ``(n,)`` for nodes that were given: which of these each one is.
    """

    points: Floats
    triangles: Ints
    quads: Ints
    facets: Ints
    facet_kind: NDArray[np.str_]
    spacing: float
    depth: Floats
    lattice: Lattice | None = None
    order: Ints | None = None

    @cached_property
    def parts(self) -> Ints:
        """``(n,)`` which connected part each node belongs to."""
        pairs = [self.triangles[:, [0, 1]], self.triangles[:, [1, 2]]]
        pairs += [self.quads[:, [k, k + 1]] for k in range(3)]
        i, j = np.concatenate(pairs).T
        graph = csr_matrix((np.ones(len(i), dtype=np.int8), (i, j)), (len(self.points),) * 2)
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def disc(centre: Sequence[float], radius: float, spacing: float, kind: str = OUTLINE) -> Loop:
    """A circle, as the polygon through nodes on it at most a spacing apart."""
    count = max(12, int(np.ceil(2 * np.pi * radius / spacing)))
    # a multiple of four: nodes at the ends of both axes, and the symmetry of the square lattice
    angle = 2 * np.pi * np.arange(-(-count // 4) * 4) / (-(-count // 4) * 4)
    return Loop(np.asarray(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], 1), kind, True)


def inside(points: Floats, loops: Sequence[Loop]) -> Mask:
    """``(n,)`` which points are inside an odd number of loops."""
    x, y = np.asarray(points, dtype=float).T
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    odd = np.zeros(len(x), dtype=bool)
    for loop in loops:
        for (x1, y1), (x2, y2) in zip(loop.corners, np.roll(loop.corners, -1, axis=0), strict=True):
            # half-open, so that a ray through a corner counts it once
            first, last = np.searchsorted(y, [min(y1, y2), max(y1, y2)])
            level = slice(first, last)
            if first < last:
                odd[level] ^= x[level] < x1 + (y[level] - y1) * ((x2 - x1) / (y2 - y1))
    result = np.empty_like(odd)
    result[order] = odd
    return result


def fill(
    loops: Sequence[Loop], spacing: Sequence[float], reach: float, through: Sequence[float] | None = None
) -> Body:
    """The body that fills the region within the loops.

    Args:
        loops: outlines and holes, which do not cross.
        spacing: hx, hy of the lattice.
        reach: how far from the boundary the nodes' depth is wanted.
        through: a place that the lattice goes through; by default the lower left corner of the loops'
            bounding box, so that the sides of a rectangle of whole spacings are rows of it.

    Raises:
        InputError: loops cross, have no area, or are nearer to each other than nodes can resolve.
    """
    h = np.asarray(spacing, dtype=float)
    small, large = h.min(), h.max()
    for loop in loops:
        if not loop.area > _FLAT * h.prod():
            raise InputError(f"the {loop.kind} with a corner at {_place(loop.corners[0])} encloses no area")
    rims = [_along(loop, small) for loop in loops]
    rim = np.concatenate(rims)
    low, high = rim.min(axis=0), rim.max(axis=0)
    if through is not None:
        low = low - (low - np.asarray(through, dtype=float)) % h
    shape = np.floor((high - low) / h + 1e-9).astype(np.int64) + 1
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    grid = grid.transpose(1, 0, 2).reshape(-1, 2)
    places = low + grid * h
    kept = inside(places, loops)
    grid, places = grid[kept], places[kept]
    tree = cKDTree(rim)
    touching = tree.query_pairs(1e-6 * small, output_type="ndarray")
    if len(touching):
        raise InputError(
            f"outlines or holes touch at {_place(rim[touching[0, 0]])}: draw bodies that share a side as a "
            "single outline, or leave a gap"
        )
    _require_holes_inside(loops)
    reach = max(reach, _BAND * large + small)
    depth = np.asarray(tree.query(places, distance_upper_bound=reach)[0])
    near = np.flatnonzero(depth < (_BESIDE + 0.5) * small + 1e-9)
    beside = near[_distance(places[near], rims) < _BESIDE * small * (1 - 1e-9)]
    kept = np.ones(len(places), dtype=bool)
    kept[beside] = False
    grid, places, depth = grid[kept], places[kept], depth[kept]
    number = np.full(shape + 1, -1)  # of lattice nodes, shifted behind those on the rim
    number[grid[:, 0], grid[:, 1]] = np.arange(len(grid)) + len(rim)
    quads, whole = _cells(number, low, h, tree, large)
    points = np.concatenate([rim, places])
    band = np.concatenate([np.arange(len(rim)), len(rim) + np.flatnonzero(depth < _BAND * large)])
    triangles = _triangles(points, band, loops, low, h, whole)
    _require_filled(points, triangles, len(quads) * h.prod(), loops, large)
    lattice_index = np.concatenate([np.rint((rim - low) / h).astype(np.int64), grid])
    on = np.concatenate([np.zeros(len(rim), dtype=bool), np.ones(len(places), dtype=bool)])
    body = Body(
        points,
        triangles,
        quads,
        _facets(rims, loops),
        np.repeat([loop.kind for loop in loops], [len(r) for r in rims]),
        float(np.sqrt(h.prod())),
        np.concatenate([np.zeros(len(rim)), depth]),
        Lattice(low, h, lattice_index, on),
    )
    return _sorted(body)


def join(points: Floats, reach: float) -> Body:
    """The body whose nodes are given.

    Triangles of the nodes' Delaunay triangulation are kept where they are not wider than next nodes are
    apart; what lies between them is no part of the body.  Nodes that fill a rectangular lattice but for
    some places are on it; those that have less than 60 % of its places (a triangular lattice, two grids half
    a spacing apart) are scattered.

    Raises:
        InputError: two nodes coincide; a node is isolated: it belongs to no triangle.
    """
    points = np.asarray(points, dtype=float)
    if len(points) < 3:
        raise InputError(f"{len(points)} nodes: a body has at least three")
    tree = cKDTree(points)
    distance = np.asarray(tree.query(points, k=min(5, len(points)))[0])[:, 1:]
    near = np.where(np.isfinite(distance), distance, np.nan)
    spacing = float(np.median(np.nanmean(near, axis=1)))
    if near[:, 0].min() < 1e-6 * spacing:
        pairs = tree.query_pairs(1e-6 * spacing, output_type="ndarray")
        first, second = (int(i) for i in pairs[np.lexsort(pairs.T[::-1])][0])
        raise InputError(f"nodes {first} and {second} coincide at {_place(points[first])}")
    arms = (points - points.mean(axis=0)) / spacing
    if np.linalg.matrix_rank(arms, tol=1e-6 * np.abs(arms).max()) < 2:
        raise InputError("all nodes lie on a line: a body has an area")
    triangles = np.asarray(Delaunay(arms).simplices, dtype=np.int64)
    area, circumradius = _shape(points, triangles)
    narrow = (circumradius < _WIDEST * spacing) & (area > 1e-3 * spacing**2)
    triangles = _anticlockwise(points, triangles[narrow])
    isolated = np.setdiff1d(np.arange(len(points)), triangles)
    if len(isolated):
        raise InputError(
            f"{len(isolated)} isolated nodes, the first node {isolated[0]} at "
            f"{_place(points[isolated[0]])}: no "
            f"two others are as near as the nodes are to each other ({spacing:g}); leave them out or add "
            "nodes"
        )
    facets = _open_edges(triangles)
    rim = np.unique(facets)
    lattice = _lattice_of(points)
    if lattice is not None:
        # between next places of a lattice a triangle has half a cell: a larger one spans empty places
        cells = area[narrow] / lattice.spacing.prod()
        # each node adds two triangles: the mean one tells how many places there are for a node
        lattice = lattice if 0.5 / cells.mean() > _FILLED else None
        rim = rim if lattice is None else np.union1d(rim, triangles[cells > 0.75])
    depth = np.asarray(cKDTree(points[rim]).query(points, distance_upper_bound=max(reach, 6 * spacing))[0])
    kind = np.full(len(facets), OUTLINE)
    kind[_enclosed(points, facets)] = HOLE
    empty = np.empty((0, 4), dtype=np.int64)
    return _sorted(
        Body(points, triangles, empty, facets, kind, spacing, depth, lattice, np.arange(len(points)))
    )


def _require_holes_inside(loops: Sequence[Loop]) -> None:
    """Refuse holes that are none; those that cross something are noticed by the area that the mesh covers."""
    outlines = [loop for loop in loops if loop.kind == OUTLINE]
    holes = [loop for loop in loops if loop.kind == HOLE]
    for number, hole in enumerate(holes):
        if not inside(hole.corners, outlines).any():
            raise InputError(f"the hole with a corner at {_place(hole.corners[0])} lies outside of the body")
        for other in holes[:number]:
            if inside(hole.corners, [other]).any() or inside(other.corners, [hole]).any():
                raise InputError(
                    f"the holes with corners at {_place(other.corners[0])} and {_place(hole.corners[0])} "
                    "overlap: draw them as a single one"
                )


def _along(loop: Loop, spacing: float) -> Floats:
    """Nodes on a loop, anticlockwise ``(r, 2)``."""
    # many programs write the first corner once more at the end
    corners = loop.corners[(loop.corners != np.roll(loop.corners, -1, axis=0)).any(axis=1)]
    x, y = (corners - corners[0]).T
    if x @ np.roll(y, -1) - y @ np.roll(x, -1) < 0:
        corners = corners[::-1]
    if loop.smooth:
        return corners
    pieces = []
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        count = max(1, int(np.ceil(np.hypot(*(end - begin)) / spacing * (1 - 1e-9))))
        pieces.append(begin + (end - begin) * np.arange(count)[:, None] / count)
    return np.concatenate(pieces)


def _facets(rims: Sequence[Floats], loops: Sequence[Loop]) -> Ints:
    """Edges along the loops, the body on the left."""
    facets, first = [], 0
    for rim, loop in zip(rims, loops, strict=True):
        own = first + np.arange(len(rim))
        pair = np.stack([own, np.roll(own, -1)], axis=1)
        facets.append(pair if loop.kind == OUTLINE else pair[:, ::-1])
        first += len(rim)
    return np.concatenate(facets)


def _distance(places: Floats, rims: Sequence[Floats]) -> Floats:
    """Distance of places near the loops from them: from the pieces beside the nearest nodes."""
    start = np.concatenate(rims)
    step = np.concatenate([np.roll(rim, -1, axis=0) - rim for rim in rims])
    best = np.full(len(places), np.inf)
    # a piece is no longer than a spacing: the nearest one is among those of the nearest few middles
    _, pieces = cKDTree(start + step / 2).query(places, k=min(6, len(start)))
    for piece in np.asarray(pieces).reshape(len(places), -1).T:
        along = ((places - start[piece]) * step[piece]).sum(axis=1) / (step[piece] ** 2).sum(axis=1)
        foot = start[piece] + np.clip(along, 0, 1)[:, None] * step[piece]
        best = np.minimum(best, np.hypot(*(places - foot).T))
    return best


def _cells(number: Ints, low: Floats, h: Floats, tree: cKDTree, large: float) -> tuple[Ints, Mask]:
    """Whole cells ``(q, 4)`` of the lattice and where they are ``(nx, ny)``."""
    corners = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    whole = np.minimum.reduce(corners) >= 0
    i, j = np.nonzero(whole)
    centre = low + (np.stack([i, j], axis=1) + 0.5) * h
    # nodes on a loop are at most a spacing apart: the loop itself is no nearer than half of one less
    limit = _WHOLE * large
    clear = ~np.isfinite(np.asarray(tree.query(centre, distance_upper_bound=limit)[0]))
    whole[i[~clear], j[~clear]] = False
    return np.stack([part[whole] for part in corners], axis=1), whole


def _triangles(
    points: Floats, band: Ints, loops: Sequence[Loop], low: Floats, h: Floats, whole: Mask
) -> Ints:
    """Triangles ``(t, 3)`` of the region where there are no whole cells."""
    # centred and in spacings, so that the triangulation's tolerances mean the same anywhere
    local = (points[band] - points[band].mean(axis=0)) / h.min()
    triangles = band[np.asarray(Delaunay(local).simplices, dtype=np.int64)]
    triangles = triangles[_shape(points, triangles)[0] > _FLAT * h.prod()]
    centroid = points[triangles].mean(axis=1)
    cell = np.clip(np.floor((centroid - low) / h).astype(np.int64), 0, np.array(whole.shape) - 1)
    triangles = triangles[~whole[cell[:, 0], cell[:, 1]]]
    return _anticlockwise(points, triangles[inside(points[triangles].mean(axis=1), loops)])


def _shape(points: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    """Areas and circumradii ``(t,)``."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    u, v, w = b - a, c - b, a - c
    area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    with np.errstate(divide="ignore"):
        radius = np.hypot(*u.T) * np.hypot(*v.T) * np.hypot(*w.T) / (4 * area)
    return area, radius


def _anticlockwise(points: Floats, triangles: Ints) -> Ints:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    turned = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] < 0
    return np.where(turned[:, None], triangles[:, ::-1], triangles)


def _require_filled(
    points: Floats, triangles: Ints, cells: float, loops: Sequence[Loop], spacing: float
) -> None:
    region = sum(loop.area if loop.kind == OUTLINE else -loop.area for loop in loops)
    covered = cells + _shape(points, triangles)[0].sum()
    if abs(covered - region) > 1e-9 * max(region, cells):
        raise InputError(
            f"the mesh covers an area of {covered:.9g} where the outline and the holes bound "
            f"{region:.9g}: they "
            f"cross or touch each other, or come nearer than nodes {spacing:g} apart resolve; mend them or "
            "choose a smaller spacing"
        )


def _open_edges(triangles: Ints) -> Ints:
    """Edges ``(f, 2)`` of one triangle alone, in its sense."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    _, first, count = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
    return edges[first[count == 1]]


def _enclosed(points: Floats, facets: Ints) -> Mask:
    """Which facets ``(f,)`` belong to loops that run clockwise: the body is around them."""
    graph = csr_matrix((np.ones(len(facets)), facets.T), (len(points),) * 2)
    loop = connected_components(graph, directed=False)[1][facets[:, 0]]
    a, b = points[facets[:, 0]] - points[0], points[facets[:, 1]] - points[0]
    area = np.bincount(loop, a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    return area[loop] < 0


def _lattice_of(points: Floats) -> Lattice | None:
    """The rectangular lattice that all points lie on, if there is one."""
    origin, extent = points.min(axis=0), np.ptp(points, axis=0)
    gaps = [np.diff(np.unique(axis)) for axis in points.T]
    clear = [gap[gap > 1e-4 * size] for gap, size in zip(gaps, extent, strict=True)]
    if not all(len(gap) for gap in clear):
        return None
    spacing = np.array([gap.min() for gap in clear])
    # over the whole extent: a rounded spacing would drift off
    spacing = extent / np.rint(extent / spacing)
    index = np.rint((points - origin) / spacing)
    if np.abs(origin + index * spacing - points).max() > 1e-6 * spacing.min():
        return None
    return Lattice(origin, spacing, index.astype(np.int64), np.ones(len(points), dtype=bool))


def _sorted(body: Body) -> Body:
    """Nodes row by row from the bottom, so that consecutive ones lie in a strip."""
    if body.lattice is None:
        row = np.floor((body.points[:, 1] - body.points[:, 1].min()) / body.spacing)
    else:
        row = body.lattice.index[:, 1]
    order = np.lexsort((body.points[:, 0], row))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    lattice = body.lattice
    if lattice is not None:
        lattice = replace(lattice, index=lattice.index[order], on=lattice.on[order])
    return replace(
        body,
        points=body.points[order],
        triangles=rank[body.triangles],
        quads=rank[body.quads],
        facets=rank[body.facets],
        depth=body.depth[order],
        lattice=lattice,
        order=None if body.order is None else body.order[order],
    )


def _place(point: Floats) -> str:
    return f"({point[0]:g}, {point[1]:g})"
