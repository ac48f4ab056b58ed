"""A coarse space for a body: bilinear functions on a lattice of twice the spacing, at the body's nodes.

Whatever the nodes are, regular, scattered or on a curved boundary, the functions are evaluated there; they
hold all linear displacements.  Elasticity on that space is the same as on the body's own mesh, element
by element, and a cell of four whole cells is again a bilinear rectangle: so the matrix on the nodes
themselves, several times as large, is never needed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from . import elements
from .geometry import Body

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


@dataclass(frozen=True)
class CoarseSpace:
    """What a rank knows of the coarse space: its nodes' values, its elements' energy.

    Attributes:
        prolongation: ``2r x 2C`` values of the coarse functions at the rank's nodes, none where a
            displacement is given.
        rows, columns, values: ``(t,)`` triplets of the elastic matrix, whose sum over all ranks is meant.
        places: ``C x 2`` of the coarse nodes.
    """

    prolongation: csr_matrix
    rows: Ints
    columns: Ints
    values: Floats
    places: Floats


class Coarsening:
    """The coarse lattice of a body."""

    def __init__(self, body: Body, factor: int = 2):
        """Find the coarse nodes whose functions do not vanish on the body."""
        lattice = body.lattice
        self.body, self.factor = body, factor
        self.spacing = factor * (np.full(2, body.spacing) if lattice is None else lattice.spacing)
        self.origin = body.points.min(axis=0) if lattice is None else lattice.origin
        scaled = (body.points - self.origin) / self.spacing
        # round-off must not put a node of the lattice into the cell before
        cell = np.floor(scaled + 1e-9).astype(np.int64)
        self._within = scaled - cell
        cell -= cell.min(axis=0)
        self._shift = np.floor(scaled.min(axis=0) + 1e-9).astype(np.int64)
        self._width = int(cell[:, 0].max()) + 2
        self._cell = cell[:, 1] * self._width + cell[:, 0]
        self._step = _CORNERS[:, 1] * self._width + _CORNERS[:, 0]
        used = np.zeros((int(cell[:, 1].max()) + 2) * self._width, dtype=bool)
        # a node on a line of the coarse lattice is none of the functions beyond it
        beyond = self._within > 1e-9
        for corner, step in zip(_CORNERS, self._step, strict=True):
            used[self._cell[beyond[:, corner > 0].all(axis=1)] + step] = True
        self._number = np.cumsum(used) - 1
        self._number[~used] = 0  # only met with a weight of zero
        row, column = np.divmod(np.flatnonzero(used), self._width)
        self.places = self.origin + self.spacing * (np.stack([column, row], axis=1) + self._shift)

    def space(self, matrix: Floats, fixed: Mask, shift: Floats, first: int, last: int) -> CoarseSpace:
        """The part of a rank that has the nodes ``first`` to ``last``.

        Args:
            matrix: of :func:`.elements.elasticity`.
            fixed: ``n x 2`` which displacements are given.
            shift: ``(n,)`` added to the nodes' energy, so that no rigid motion is without.
        """
        own = slice(first, last)
        triplets = [self._loose(matrix, fixed, first, last), self._shifted(shift, fixed, own)]
        if self._has_cells:
            triplets.append(self._whole(matrix, fixed, first, last))
        rows, columns, values = (np.concatenate(parts) for parts in zip(*triplets, strict=True))
        return CoarseSpace(self._prolongation(fixed, own), rows, columns, values, self.places)

    @property
    def _has_cells(self) -> bool:
        return len(self.body.quads) > 0 and self.factor == 2

    @staticmethod
    def _weights(within: Floats) -> Floats:
        x, y = within[:, :1], within[:, 1:]
        return np.where(_CORNERS[:, 0], x, 1 - x) * np.where(_CORNERS[:, 1], y, 1 - y)

    def _interpolated(self, nodes: Ints) -> tuple[Ints, Floats]:
        """Coarse nodes ``(…, 4)`` and their weights at nodes ``(…,)``."""
        flat = nodes.ravel()
        coarse = self._number[self._cell[flat][:, None] + self._step]
        shape = (*nodes.shape, 4)
        return coarse.reshape(shape), self._weights(self._within[flat]).reshape(shape)

    def _prolongation(self, fixed: Mask, own: slice) -> csr_matrix:
        nodes = np.arange(own.start, own.stop)
        coarse, weight = self._interpolated(nodes)
        data = np.repeat(weight, 2, axis=0) * ~fixed[own].reshape(-1, 1)
        columns = (2 * coarse[:, None, :] + np.arange(2)[:, None]).reshape(len(data), 4)
        start = 4 * np.arange(len(data) + 1)
        prolongation = csr_matrix((data.ravel(), columns.ravel(), start), (len(data), 2 * len(self.places)))
        prolongation.sum_duplicates()
        prolongation.eliminate_zeros()
        return prolongation

    def _shifted(self, shift: Floats, fixed: Mask, own: slice) -> tuple[Ints, Ints, Floats]:
        coarse, weight = self._interpolated(np.arange(own.start, own.stop))
        # where all nodes of a function are given, it has no energy: a diagonal keeps the matrix definite
        value = (weight * shift[own, None])[:, :, None] * np.ones(2)
        entry = (2 * coarse[:, :, None] + np.arange(2)).ravel()
        return entry, entry, value.ravel()

    def _of_elements(self, nodes: Ints, stiffness: Floats, fixed: Mask) -> tuple[Ints, Ints, Floats]:
        """Triplets of elements ``(e, k)`` with stiffness ``(e, 2k, 2k)``, condensed on the coarse nodes."""
        coarse, weight = self._interpolated(nodes)
        count, k = nodes.shape
        held = fixed[nodes].reshape(count, 2 * k)
        stiffness = np.where(held[:, :, None] | held[:, None, :], 0.0, stiffness)
        # an element's nodes lie in a few coarse cells: entries of equal place are added later
        entry = (2 * coarse[:, :, None, :] + np.arange(2)[:, None]).reshape(count, 2 * k, 4)
        value = np.repeat(weight, 2, axis=1)
        product = stiffness[:, :, None, :, None] * value[:, :, :, None, None] * value[:, None, None, :, :]
        rows = np.broadcast_to(entry[:, :, :, None, None], product.shape)
        columns = np.broadcast_to(entry[:, None, None, :, :], product.shape)
        kept = product != 0.0
        return _summed(rows[kept], columns[kept], product[kept], 2 * len(self.places))

    def _loose(self, matrix: Floats, fixed: Mask, first: int, last: int) -> tuple[Ints, Ints, Floats]:
        body = self.body
        triangles = body.triangles[_owned(body.triangles, first, last)]
        parts = [self._of_elements(triangles, elements.triangle_stiffness(body, triangles, matrix), fixed)]
        if len(body.quads):
            quads = body.quads[_owned(body.quads, first, last)]
            if self._has_cells:
                quads = quads[~self._grouped(fixed)[self._cell[quads[:, 0]]]]
            block = elements.rectangle_stiffness(body, matrix)
            parts.append(self._of_elements(quads, np.broadcast_to(block, (len(quads), 8, 8)), fixed))
        rows, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        return rows, columns, values

    def _whole(self, matrix: Floats, fixed: Mask, first: int, last: int) -> tuple[Ints, Ints, Floats]:
        """Coarse cells of four whole cells, by the rank that has their lower left node."""
        quads = self.body.quads
        lower_left = quads[((quads[:, 0] >= first) & (quads[:, 0] < last)) & self._begins(quads[:, 0])][:, 0]
        cells = self._cell[lower_left]
        cells = cells[self._grouped(fixed)[cells]]
        coarse = self._number[cells[:, None] + self._step]
        entry = (2 * coarse[:, :, None] + np.arange(2)).reshape(len(cells), 8)
        block = elements.rectangle_stiffness(self.body, matrix, self.factor)
        rows = np.repeat(entry, 8, axis=1).ravel()
        return rows, np.tile(entry, (1, 8)).ravel(), np.tile(block.ravel(), len(cells))

    def _begins(self, nodes: Ints) -> Mask:
        return np.asarray((self._within[nodes] < 0.25).all(axis=1))

    def _grouped(self, fixed: Mask) -> Mask:
        """Which coarse cells consist of four whole cells without any given displacement."""
        quads = self.body.quads
        free = ~fixed[quads].any(axis=(1, 2))
        return np.asarray(np.bincount(self._cell[quads[free, 0]], minlength=len(self._number)) == 4)


def _owned(nodes: Ints, first: int, last: int) -> Mask:
    """Elements belong to the rank that has their first node."""
    return np.asarray((nodes[:, 0] >= first) & (nodes[:, 0] < last))


def _summed(rows: Ints, columns: Ints, values: Floats, size: int) -> tuple[Ints, Ints, Floats]:
    total = csr_matrix((values, (rows, columns)), (size, size)).tocoo()
    return total.row.astype(np.int64), total.col.astype(np.int64), total.data
