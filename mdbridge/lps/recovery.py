"""Strains and stresses of a displacement field at a body's nodes.

A quadratic is fitted to the displacements of the nodes of the elements around, and of those around these;
its slope at the node is the displacement gradient.  Only nodes joined by the mesh count, so that nothing is
smeared over a gap, and a boundary is seen from inside.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate
from scipy.sparse import csr_matrix

from .geometry import Body

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WIDTH = 1.0  # of a spacing, of the Gaussian weights
_CHUNK = 20_000  # nodes fitted at once: some 100 MB
_RINGS = 3.3  # of a spacing: so deep inside, two rings of elements are whole cells


def strains(body: Body, displacement: Floats) -> Floats:
    """Strains xx, yy, xy ``(n, 3)`` of displacements ``(n, 2)``."""
    gradient = np.empty((len(body.points), 2, 2))
    rest = np.arange(len(body.points))
    lattice = body.lattice
    if lattice is not None and len(body.quads):
        deep = lattice.on & (body.depth > _RINGS * lattice.spacing.max())
        if deep.any():
            gradient[deep] = _regular(body, displacement, deep)
            rest = np.flatnonzero(~deep)
    around = _two_rings(body, rest)
    for first in range(0, len(rest), _CHUNK):
        part = slice(first, first + _CHUNK)
        gradient[rest[part]] = _fitted(body, displacement, rest[part], around[part])
    return np.stack(
        [gradient[:, 0, 0], gradient[:, 1, 1], (gradient[:, 0, 1] + gradient[:, 1, 0]) / 2], axis=1
    )


def stresses(strain: Floats, matrix: Floats) -> Floats:
    """Stresses xx, yy, xy ``(n, 3)`` of strains ``(n, 3)``, with the matrix of "
    ":func:`.elements.elasticity`."""
    return np.asarray((strain * [1.0, 1.0, 2.0]) @ matrix.T)


def energy_density(strain: Floats, stress: Floats) -> Floats:
    """Half of stress times strain, ``(n,)``."""
    return np.asarray(((strain * stress) @ [1.0, 1.0, 2.0]) / 2)


def _two_rings(body: Body, of: Ints) -> csr_matrix:
    """Which nodes are taken for some of them, as the pattern of a matrix ``m x n``."""
    pairs = []
    for nodes in (body.triangles, body.quads):
        count = nodes.shape[1]
        pairs.append(np.stack([np.repeat(nodes, count, axis=1).ravel(), np.tile(nodes, (1, count)).ravel()]))
    i, j = np.concatenate(pairs, axis=1)
    next_ones = csr_matrix((np.ones(len(i), dtype=np.int16), (i, j)), (len(body.points),) * 2)
    # counts of common elements are of no interest, and squares of them might overflow
    next_ones.data[:] = 1
    return csr_matrix(next_ones[of] @ next_ones)


def _regular(body: Body, displacement: Floats, deep: NDArray[np.bool_]) -> Floats:
    """Gradients ``(d, 2, 2)`` amid whole cells: the same weights for all."""
    lattice = body.lattice
    assert lattice is not None
    low = lattice.index.min(axis=0)
    column, row = (lattice.index - low).T
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    offsets = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(-1, 2)
    local = offsets * lattice.spacing / body.spacing
    weights = (_slopes(local[None], np.ones((1, 25)))[0] / body.spacing).reshape(2, 5, 5)
    gradient = np.empty((int(deep.sum()), 2, 2))
    for component in range(2):
        values = np.zeros(shape)
        values[row[lattice.on], column[lattice.on]] = displacement[lattice.on, component]
        for axis in range(2):
            gradient[:, component, axis] = correlate(values, weights[axis])[row[deep], column[deep]]
    return gradient


def _fitted(body: Body, displacement: Floats, nodes: Ints, around: csr_matrix) -> Floats:
    """Gradients ``(m, 2, 2)`` at some nodes from those ``around`` ``m x n``."""
    counts = np.diff(around.indptr)
    width = int(counts.max())
    taken = np.repeat(nodes[:, None], width, axis=1)
    present = np.arange(width) < counts[:, None]
    taken[present] = around.indices
    local = (body.points[taken] - body.points[nodes][:, None]) / body.spacing
    slopes = _slopes(local, present.astype(float)) / body.spacing
    # differences: a large rigid motion must not cost digits
    change = displacement[taken] - displacement[nodes][:, None]
    return np.asarray(np.einsum("mak,mkc->mca", slopes, change))


def _slopes(local: Floats, present: Floats) -> Floats:
    """The linear map ``(m, 2, k)`` from values at ``local`` ``(m, k, 2)`` to the slope of the fit at the "
    "origin."""
    x, y = local[..., 0], local[..., 1]
    weight = present * np.exp(-(x**2 + y**2) / (2 * _WIDTH**2))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1) * weight[..., None]
    linear = np.linalg.pinv(terms[..., :3], rcond=1e-10)
    # where there are too few nodes for a quadratic (a strip one element wide), what is left over after a
    # linear fit is fitted with the least coefficients: linear fields stay exact
    quadratic = np.linalg.pinv(terms, rcond=1e-6)[:, :3]
    rest = np.eye(terms.shape[1]) - terms[..., :3] @ linear
    return np.asarray(((linear + quadratic @ rest) * weight[:, None, :])[:, 1:])
