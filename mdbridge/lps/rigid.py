"""Rigid motions of a body that its given displacements do not prevent: free bodies, rollers, hinges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from .geometry import Body

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# of the largest eigenvalue, a square: a support a millionth of the body wide is none
_FREE = 1e-12


@dataclass(frozen=True)
class Motion:
    """A rigid motion of some parts of a body.

    Attributes:
        mode: ``n x 2`` displacements.
        description: which parts move, and how.
    """

    mode: Floats
    description: str


def free_motions(body: Body, fixed: Mask) -> list[Motion]:
    """A basis of the rigid motions that leave all fixed displacements at rest.

    Args:
        fixed: ``n x 2`` which components are given.
    """
    owners, nodes = _memberships(body)
    count = int(owners.max()) + 1
    size = float(np.hypot(*np.ptp(body.points, axis=0)))
    middle = body.points.mean(axis=0)
    x, y = ((body.points[nodes] - middle) / size).T
    ones, zeros = np.ones(len(nodes)), np.zeros(len(nodes))
    # the displacements of a node per translation and rotation (times the body's size) of its part
    along = np.stack([np.stack([ones, zeros, -y], 1), np.stack([zeros, ones, x], 1)], axis=1)
    stiffness = np.zeros((count, 3, count, 3))
    held = fixed[nodes]
    for axis in range(2):
        rows = along[held[:, axis], axis]
        for part in np.unique(owners[held[:, axis]]):
            own = rows[owners[held[:, axis]] == part]
            stiffness[part, :, part] += own.T @ own
    # a node of several parts is a hinge: it moves alike with each of them
    order = np.argsort(nodes, kind="stable")
    shared = nodes[order[1:]] == nodes[order[:-1]]
    for i, j in zip(order[:-1][shared], order[1:][shared], strict=True):
        difference = np.zeros((2, count, 3))
        difference[:, owners[i]], difference[:, owners[j]] = along[i], -along[j]
        stiffness += np.einsum("aip,ajq->ipjq", difference, difference)
    # of as many points as hold it: a single clamped node among many counts, too
    values, vectors = np.linalg.eigh(stiffness.reshape(3 * count, -1))
    loose = values <= _FREE * max(float(values[-1]), 1.0)
    motions = []
    for vector in _sparse_basis(vectors[:, loose]).T:
        parts = vector.reshape(count, 3)
        mode = np.zeros((len(body.points), 2))
        mode[nodes] = np.einsum("nap,np->na", along, parts[owners])
        motions.append(Motion(mode, _describe(body, parts, owners, nodes, middle, size)))
    return motions


def _memberships(body: Body) -> tuple[Ints, Ints]:
    """Rigid parts and the nodes of each: ``(m,)``, ``(m,)``; a node at a hinge is there several times."""
    begins = np.bincount(body.facets[:, 0], minlength=len(body.points))
    if begins.max() < 2:
        return body.parts, np.arange(len(body.points))
    # where the boundary passes through a node twice, elements may meet in that node alone
    corners = [body.triangles, body.quads]
    edges, element, first = [], [], 0
    for nodes in corners:
        count, width = nodes.shape
        edges.append(np.stack([nodes, np.roll(nodes, -1, axis=1)], axis=-1).reshape(-1, 2))
        element.append(first + np.repeat(np.arange(count), width))
        first += count
    edge = np.unique(np.sort(np.concatenate(edges), axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    which = np.concatenate(element)
    graph = csr_matrix((np.ones(len(edge)), (which, first + edge)), (first + edge.max() + 1,) * 2)
    part = connected_components(graph, directed=False)[1][:first]
    owners = np.concatenate([np.repeat(part[: len(corners[0])], 3), np.repeat(part[len(corners[0]) :], 4)])
    members = np.concatenate([nodes.ravel() for nodes in corners])
    member = np.unique(np.stack([owners, members], axis=1), axis=0)
    return np.unique(member[:, 0], return_inverse=True)[1], member[:, 1]


def _sparse_basis(vectors: Floats) -> Floats:
    """The same space in reduced echelon form: bodies that move alone do so in vectors of their own."""
    basis, row = vectors.T.copy(), 0
    for column in range(basis.shape[1]):
        if row == len(basis):
            break
        pivot = row + int(np.abs(basis[row:, column]).argmax())
        if abs(basis[pivot, column]) < 1e-6:
            continue
        basis[[row, pivot]] = basis[[pivot, row]]
        basis[row] /= basis[row, column]
        others = np.arange(len(basis)) != row
        basis[others] -= np.outer(basis[others, column], basis[row])
        row += 1
    return basis.T


def _describe(body: Body, parts: Floats, owners: Ints, nodes: Ints, middle: Floats, size: float) -> str:
    moving = np.flatnonzero(np.abs(parts).max(axis=1) > 1e-6)
    texts = []
    for part in moving[:3]:
        a, b, turn = parts[part]
        own = body.points[nodes[owners == part]]
        if abs(turn) < 1e-6 * np.hypot(a, b):
            # no minus before a zero
            how = f"moves along ({a + 0.0:.3g}, {b + 0.0:.3g})"
        else:
            # round-off of a centre at the origin is no place
            x, y = np.round((middle / size + np.array([-b, a]) / turn), 9) * size + 0.0
            how = f"turns about ({x:.4g}, {y:.4g})"
        low, high = own.min(axis=0), own.max(axis=0)
        texts.append(f"the part at x = {low[0]:g} … {high[0]:g}, y = {low[1]:g} … {high[1]:g} {how}")
    more = f" and {len(moving) - 3} more parts" if len(moving) > 3 else ""
    return "; ".join(texts) + more
