"""Linear elasticity of a body by finite elements: rows of its stiffness, areas of nodes, loads of facets.

Triangles with linear and rectangles with bilinear displacements, which are the same along their common
edges.  With the moduli of the nonlocal operator it is what the latter tends to for long waves, and with
loads from its own boundary every linear displacement is in balance, whatever the shape of the body.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from .geometry import Body

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
_GAUSS = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)


def elasticity(moduli: dict[str, float]) -> Floats:
    """The matrix ``3 x 3`` from strains (xx, yy, 2 xy) to stresses (xx, yy, xy), in the moduli's unit."""
    c11, c22, c12, c66 = (moduli[name] for name in ("C11", "C22", "C12", "C66"))
    return np.array([[c11, c12, 0.0], [c12, c22, 0.0], [0.0, 0.0, c66]])


def areas(body: Body) -> Floats:
    """``(n,)`` the part of the body's area that each node stands for."""
    count = len(body.points)
    total = np.bincount(body.triangles.ravel(), np.repeat(triangle_areas(body) / 3, 3), minlength=count)
    if len(body.quads):
        total = total + np.bincount(body.quads.ravel(), minlength=count) * _cell(body).prod() / 4
    return np.asarray(total, dtype=float)


def triangle_areas(body: Body) -> Floats:
    """``(t,)``, positive."""
    a, b, c = (body.points[body.triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def stiffness_rows(body: Body, matrix: Floats, first: int, last: int, wanted: Mask) -> csr_matrix:
    """Rows of the stiffness that belong to the nodes ``first`` to ``last``, ``2 (last − first) x 2n``.

    Displacements and forces are interleaved: x, y of the first node, and so on.

    Args:
        matrix: of :func:`elasticity`.
        wanted: ``(n,)`` of which nodes; the rows of others are empty.
    """
    chosen = wanted.copy()
    chosen[:first] = chosen[last:] = False
    triangles = body.triangles[chosen[body.triangles].any(axis=1)]
    parts = [(triangles, triangle_stiffness(body, triangles, matrix))]
    if len(body.quads):
        quads = body.quads[chosen[body.quads].any(axis=1)]
        parts.append((quads, np.broadcast_to(rectangle_stiffness(body, matrix), (len(quads), 8, 8))))
    shape = (2 * (last - first), 2 * len(body.points))
    rows = csr_matrix(shape)
    for nodes, stiffness in parts:
        entries = np.stack([2 * nodes, 2 * nodes + 1], axis=-1).reshape(len(nodes), -1)
        row = np.repeat(entries, entries.shape[1], axis=1).ravel()
        column = np.tile(entries, (1, entries.shape[1])).ravel()
        own = chosen[row // 2]
        values = np.asarray(stiffness).reshape(-1)
        rows = rows + csr_matrix(coo_matrix((values[own], (row[own] - 2 * first, column[own])), shape))
    return csr_matrix(rows)


def triangle_stiffness(body: Body, triangles: Ints, matrix: Floats) -> Floats:
    """The stiffness ``(t, 6, 6)`` of some triangles."""
    gradients, area = _gradients(body.points, triangles)
    strain = _strain(gradients)
    return np.asarray(np.einsum("tai,ab,tbj,t->tij", strain, matrix, strain, area, optimize=True))


def rectangle_stiffness(body: Body, matrix: Floats, factor: int = 1) -> Floats:
    """The stiffness ``8 x 8`` of a rectangle ``factor`` times as large as the body's whole cells."""
    return _rectangle(factor * _cell(body), matrix)


def facet_loads(body: Body, facets: Ints, traction: Callable[[Floats, Floats], Floats]) -> Floats:
    """Forces ``n x 2`` on nodes of tractions on some facets.

    Args:
        facets: ``(m,)`` numbers of facets.
        traction: from places ``(k, 2)`` and outward normals ``(k, 2)`` to force per length ``(k, 2)``.
    """
    a, b = (body.points[body.facets[facets, k]] for k in range(2))
    step = b - a
    length = np.hypot(*step.T)
    normal = np.stack([step[:, 1], -step[:, 0]], axis=1) / length[:, None]
    force = np.zeros((len(body.points), 2))
    for place in _GAUSS:  # two points: exact for linear tractions
        value = traction(a + place * step, normal) * length[:, None] / 2
        np.add.at(force, body.facets[facets, 0], (1 - place) * value)
        np.add.at(force, body.facets[facets, 1], place * value)
    return force


def node_means(body: Body, load: Callable[[Floats], Floats]) -> Floats:
    """Means ``n x 2`` of a function over the part of the body that each node stands for, see :func:`areas`.

    Where a load jumps between two nodes, its values at the nodes are off by as much as half a cell of it.

    Args:
        load: from places ``(k, 2)`` to values ``(k, 2)``.
    """
    count = len(body.points)
    total, area = np.zeros((2, count)), np.zeros(count)
    for nodes, places, size in _pieces(body):
        values = load(places)
        area += np.bincount(nodes, size, minlength=count)
        for axis in (0, 1):
            total[axis] += np.bincount(nodes, size * values[:, axis], minlength=count)
    return np.asarray(total / area).T


def _pieces(body: Body) -> Iterator[tuple[Ints, Floats, Floats]]:
    """All elements in 16 pieces, the same piece of each at a time: the nearest corner, middle and area."""
    parts = np.arange(4)
    if len(body.quads):
        h = _cell(body)
        for place in (np.stack(np.meshgrid(parts, parts), axis=-1).reshape(-1, 2) + 0.5) / len(parts):
            corner = int(np.flatnonzero((np.round(place) == _CORNERS).all(axis=1))[0])
            first = body.points[body.quads[:, 0]]
            yield body.quads[:, corner], first + place * h, np.full(len(first), h.prod() / len(parts) ** 2)
    area = triangle_areas(body) / len(parts) ** 2
    for coordinates in _subcentres(len(parts)):
        places = np.einsum("k,tki->ti", coordinates, body.points[body.triangles])
        # in the middle between two corners or all three: a share for each
        nearest = np.flatnonzero(coordinates > coordinates.max() - 1e-9)
        for corner in nearest:
            yield body.triangles[:, corner], places, area / len(nearest)


def _subcentres(parts: int) -> Floats:
    """The centres ``(parts², 3)``, in barycentric coordinates, of equal parts of a triangle."""
    upward = [(i + 1 / 3, j + 1 / 3) for i in range(parts) for j in range(parts - i)]
    downward = [(i + 2 / 3, j + 2 / 3) for i in range(parts) for j in range(parts - i - 1)]
    b, c = np.array(upward + downward).T / parts
    return np.stack([1 - b - c, b, c], axis=1)


def _cell(body: Body) -> Floats:
    assert body.lattice is not None, "whole cells are cells of a lattice"
    return body.lattice.spacing


def _gradients(points: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    """Gradients ``(t, 3, 2)`` of the three linear functions of triangles, and areas ``(t,)``."""
    corners = points[triangles]
    opposite = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
    twice = opposite[:, 0, 0] * opposite[:, 1, 1] - opposite[:, 0, 1] * opposite[:, 1, 0]
    turned = np.stack([-opposite[..., 1], opposite[..., 0]], axis=-1)
    return turned / twice[:, None, None], twice / 2


def _strain(gradients: Floats) -> Floats:
    """The matrix ``(t, 3, 2k)`` from nodal displacements to strains (xx, yy, 2 xy)."""
    count, nodes, _ = gradients.shape
    strain = np.zeros((count, 3, nodes, 2))
    strain[:, 0, :, 0] = strain[:, 2, :, 1] = gradients[..., 0]
    strain[:, 1, :, 1] = strain[:, 2, :, 0] = gradients[..., 1]
    return strain.reshape(count, 3, 2 * nodes)


def _rectangle(h: Floats, matrix: Floats) -> Floats:
    """The stiffness ``8 x 8`` of a bilinear rectangle, by two Gauss points an axis."""
    total = np.zeros((8, 8))
    for x in _GAUSS:
        for y in _GAUSS:
            along = np.where(_CORNERS[:, 0], 1, -1) * np.where(_CORNERS[:, 1], y, 1 - y) / h[0]
            across = np.where(_CORNERS[:, 1], 1, -1) * np.where(_CORNERS[:, 0], x, 1 - x) / h[1]
            strain = _strain(np.stack([along, across], axis=1)[None])[0]
            total += strain.T @ matrix @ strain * h.prod() / 4
    return total
