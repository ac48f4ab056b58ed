"""Points of samples that are on no periodic grid: where the equation can be asked for, and L there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix, hstack, vstack
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from ...core.errors import InputError
from ...fields.fieldset import FieldSet
from ..material import LinearPeridynamicSolid, combined
from ..neighbourhoods import Neighbourhoods, neighbourhoods
from ..operator import bond_shares, factors_of_shares

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

# of a mean spacing: a rim of the family that is farther from all points lies outside the body
_COVER = 1.25
QUADRATURE = "consistent"


@dataclass(frozen=True)
class Cloud:
    """Points, and their bonds as far as the equation can be asked for.

    Attributes:
        interior: ``(i,)`` the points whose family, and those of all in it, are whole, ascending.
        around: neighbourhoods of the points of these families.
        columns: ``(c,)`` all points that the equation touches, ascending.
        everywhere: whether all points are interior, as in a periodic box.
    """

    interior: Ints
    around: Neighbourhoods
    columns: Ints
    everywhere: bool

    @property
    def inside(self) -> NDArray[np.bool_]:
        """``(2c,)`` which displacements are those of the interior."""
        return np.repeat(np.isin(self.columns, self.interior), 2)

    def of_columns(self, values: Array) -> Array:
        """Fields ``(s, n, 2)`` on the columns, ``(2c, s)``."""
        return values[:, self.columns].reshape(len(values), -1).T

    def of_interior(self, values: Array) -> Array:
        """Fields ``(s, n, 2)`` on the interior, ``(2i, s)``."""
        return values[:, self.interior].reshape(len(values), -1).T

    def matrix(self, material: LinearPeridynamicSolid) -> csr_matrix:
        """L of a model on the interior, ``2i x 2c``."""
        material.require_quadrature(QUADRATURE)
        shares = bond_shares(self.around, material.influence)
        dilatation, coupling, deviatoric = factors_of_shares(self.around, self.interior, shares)
        lame = (material.lame_lambda, material.lame_mu)
        return csr_matrix(combined(*lame, coupling @ dilatation, deviatoric))

    def inverse(self, matrix: csr_matrix) -> Callable[[Array], Array]:
        """L⁻¹ of forces on the interior ``(2i, f)``: other displacements are zero, or else the mean is."""
        square = matrix.tocsc()[:, self.inside]
        if not self.everywhere:
            factors = splu(square)
            return lambda right: factors.solve(np.ascontiguousarray(right))
        # displacements without a mean, up to a constant force, which scattered points have of their own
        moved = csr_matrix(_translations(len(self.interior)) * np.abs(square.diagonal()).mean())
        above, below = hstack([square, moved]), hstack([moved.T, csr_matrix((2, 2))])
        bordered = splu(csc_matrix(vstack([above, below])))

        def invert(right: Array) -> Array:
            nothing = np.zeros((2, *right.shape[1:]))
            return np.asarray(bordered.solve(np.concatenate([right, nothing]))[:-2])

        return invert


def cloud_of(fields: FieldSet, horizon: float) -> Cloud:
    """The points of some fields.  What was made last is kept: the same points come again and again.

    Raises:
        InputError: no point has all that the equation needs.
    """
    period = None if fields.period is None else tuple(fields.period.tolist())
    # bytes say nothing of their type: they are read as float64
    nodes = np.asarray(fields.nodes, dtype=float).tobytes()
    return _cloud(nodes, period, tuple(fields.spacing.tolist()), fields.scattered, horizon)


@lru_cache(maxsize=8)
def _cloud(
    nodes: bytes,
    period: tuple[float, float] | None,
    spacing: tuple[float, float],
    scattered: bool,
    horizon: float,
) -> Cloud:
    points = np.frombuffer(nodes).reshape(-1, 2)
    box = None if period is None else np.array(period)
    interior, needed = _interior(points, box, np.array(spacing), scattered, horizon)
    around = neighbourhoods(points, box, horizon, needed, QUADRATURE)
    return Cloud(interior, around, np.unique(around.neighbours), len(interior) == len(points))


def _interior(
    points: Array, box: Array | None, spacing: Array, scattered: bool, horizon: float
) -> tuple[Ints, Ints]:
    """The points whose family and those of all in it are whole, and the points of all these families."""
    places = points if box is None else np.mod(points, box)
    tree = cKDTree(places, boxsize=box)
    families = tree.query_ball_point(places, horizon * (1 + 1e-9))
    angles = np.linspace(0.0, 2 * np.pi, 32, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    whole = np.ones(len(points), dtype=bool)
    # on a grid a place is at most half a cell's diagonal from a node
    reach = _COVER * float(np.sqrt(spacing.prod())) if scattered else 0.51 * float(np.hypot(*spacing))
    # a hole inside the family is looked for, too
    for radius in (horizon, 0.6 * horizon):
        rim = places[:, None] + radius * circle
        rim = rim if box is None else np.mod(rim, box)
        whole &= np.asarray(tree.query(rim)[0]).max(axis=1) <= reach
    if not scattered:
        counts = np.asarray(tree.query_ball_point(places, horizon * (1 + 1e-9), return_length=True))
        whole &= counts == counts.max()
    interior = np.array([i for i, family in enumerate(families) if whole[family].all()], dtype=np.int64)
    if not len(interior):
        raise InputError(
            f"no node has a whole family within the horizon of {horizon:.4g} Å whose members' families are "
            "whole, too: the data need to reach two horizons to all sides of some nodes; lower "
            "learn.horizons, or give fields on more nodes"
        )
    return interior, np.unique(np.concatenate([families[i] for i in interior])).astype(np.int64)


def _translations(count: int) -> Array:
    """The two translations of ``count`` points, ``(2 count, 2)``, of length one."""
    return np.tile(np.eye(2), (count, 1)) / np.sqrt(count)
