"""The rows of a body's equilibrium: nonlocal inside, local along its boundary.

A learned influence function is that of the bulk: within 2δ of a boundary, to which 1.1 node spacings are
added, it lacks neighbours, and what
it makes of the rest (often of either sign) says nothing of the material.  There a node's row is that of
linear elasticity with the same moduli, which knows what a traction is; everywhere else it is L.  Rows are
spliced, not energies: each one is in balance under every linear displacement, so the whole is, without
the ghost forces of blended energies ([Silling2015], the splice of local and nonlocal models).

Both kinds of rows are forces, L times the area that the node stands for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from . import elements
from . import stencil as stencils
from .convolution import Convolution
from .geometry import Body
from .material import LinearPeridynamicSolid
from .operator import OperatorRows, components, operator_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# of a spacing: how far beyond 2δ from a node of the boundary a lattice is surely whole
_MARGIN = 1.1


def reach(body: Body, horizon: float) -> float:
    """How near to a boundary the rows are local."""
    largest = body.spacing if body.lattice is None else float(body.lattice.spacing.max())
    return 2 * horizon + _MARGIN * largest


def nonlocal_nodes(body: Body, horizon: float) -> Mask:
    """``(n,)`` nodes with all of their 2δ inside the body."""
    deep = body.depth > reach(body, horizon)
    return deep if body.lattice is None else deep & body.lattice.on


@dataclass(frozen=True)
class StripRows:
    """L at nodes of a lattice, by a transform of the strip that they lie in.

    Attributes:
        rows: ``(r,)`` nodes.
        columns: ``(c,)`` nodes that are read, ascending.
        diagonal: ``(2r,)``.
    """

    rows: Ints
    columns: Ints
    diagonal: Floats
    _convolution: Convolution
    _read: Ints
    _written: Ints

    def __call__(self, u: Floats) -> Floats:
        """L u ``(2r,)`` of ``(2c,)`` displacements."""
        shape = self._convolution.shape
        strip = np.zeros((2, shape[0] * shape[1]))
        strip[:, self._read] = u.reshape(-1, 2).T
        image = self._convolution(strip.reshape(2, *shape)).reshape(2, -1)
        return image[:, self._written].T.ravel()


@dataclass(frozen=True)
class ScatteredRows:
    """L at scattered nodes, by stored bonds; attributes as those of :class:`StripRows`."""

    rows: Ints
    columns: Ints
    diagonal: Floats
    _operator: OperatorRows

    def __call__(self, u: Floats) -> Floats:
        """L u ``(2r,)`` of ``(2c,)`` displacements."""
        return np.asarray(self._operator(u))


@dataclass(frozen=True)
class CoupledRows:
    """The rows of a strip of nodes, as a function of the displacements that they read.

    Attributes:
        columns: ``(c,)`` the nodes that are read, ascending.
        diagonal: ``(2r,)``.
    """

    columns: Ints
    diagonal: Floats
    _local: csr_matrix
    _bonds: StripRows | ScatteredRows | None
    _weight: Floats
    _read: Ints
    _written: Ints

    def __call__(self, u: Floats) -> Floats:
        """Forces ``(2r,)`` of displacements ``(2c,)``."""
        force = np.asarray(self._local @ u)
        if self._bonds is not None:
            force[self._written] = self._weight * self._bonds(u[self._read])
        return force


def coupled_rows(
    body: Body,
    material: LinearPeridynamicSolid,
    deep: Mask,
    matrix: Floats,
    areas: Floats,
    first: int,
    last: int,
) -> CoupledRows:
    """The rows of the nodes ``first`` to ``last``.

    Args:
        deep: of :func:`nonlocal_nodes`.
        matrix: of :func:`.elements.elasticity`.
        areas: ``(n,)`` that the nodes stand for.

    Raises:
        InputError: the horizon holds too few nodes.
        SolvabilityError: the weighted volume of a node vanishes.
    """
    rows = first + np.flatnonzero(deep[first:last])
    local = elements.stiffness_rows(body, matrix, first, last, ~deep)
    diagonal = local.diagonal(2 * first)
    bonds: StripRows | ScatteredRows | None = None
    if len(rows):
        bonds = (_scattered if body.lattice is None else _strip)(body, material, rows)
    used = np.unique(local.indices // 2)
    columns = np.asarray(used if bonds is None else np.union1d(used, bonds.columns), dtype=np.int64)
    entry = np.searchsorted(columns, local.indices // 2) * 2 + local.indices % 2
    local = csr_matrix((local.data, entry, local.indptr), (local.shape[0], 2 * len(columns)))
    weight, read, written = np.empty(0), rows[:0], rows[:0]
    if bonds is not None:
        written = components(rows - first)
        weight = np.repeat(areas[rows], 2)
        read = components(np.searchsorted(columns, bonds.columns))
        diagonal[written] = weight * bonds.diagonal
    return CoupledRows(columns, diagonal, local, bonds, weight, read, written)


def _strip(body: Body, material: LinearPeridynamicSolid, rows: Ints) -> StripRows:
    lattice = body.lattice
    assert lattice is not None
    hx, hy = map(float, lattice.spacing)
    stencil = stencils.uniform((hx, hy), material.influence.horizon, material.quadrature)
    # L reaches as far as the stencil does twice
    reach = 2 * np.abs(stencil.index).max(axis=0)
    low = lattice.index[rows].min(axis=0) - reach
    high = lattice.index[rows].max(axis=0) + reach
    columns = np.flatnonzero(lattice.on & ((lattice.index >= low) & (lattice.index <= high)).all(axis=1))
    width, height = high - low + 1

    def place(nodes: Ints) -> Ints:
        column, row = (lattice.index[nodes] - low).T
        return np.asarray(row * width + column)

    convolution = Convolution(material, stencil, (int(height), int(width)))
    diagonal = np.tile(convolution.diagonal, len(rows))
    return StripRows(rows, columns, diagonal, convolution, place(columns), place(rows))


def _scattered(body: Body, material: LinearPeridynamicSolid, rows: Ints) -> ScatteredRows:
    operator = operator_rows(body.points, None, material, rows)
    return ScatteredRows(rows, operator.columns, operator.diagonal(), operator)
