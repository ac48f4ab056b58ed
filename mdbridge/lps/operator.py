"""The LPS operator on a cloud of points, row by row, [You2022, eqs. 3.6-3.7].

With C1 = 2 and C2 = 16 the operator factors as L = (λ − μ) P D + μ Γ: the
dilatation θ = D u, its pull on a point through θ_i + θ_j, and the deviatoric
bond forces.  Rows are made for chosen points only, so that a rank needs no more
than its own; the factors stay apart, which takes less memory and fewer operations
than their product (whose rows reach 2δ).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bsr_matrix, csr_matrix

from ..core.errors import SolvabilityError
from .kernel import InfluenceFunction, share
from .material import C1, C2, LinearPeridynamicSolid, combined
from .moduli import Moduli, of_bonds
from .neighbourhoods import Neighbourhoods, NeighbourSearch, neighbourhoods

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class OperatorRows:
    """The rows of L that belong to some points, as its factors.

    Attributes:
        rows: ``(r,)`` the points, ascending.
        columns: ``(c,)`` the points whose displacement enters, ascending.
        dilatation: D, ``t x 2c``, at the ``t`` points whose θ the rows need (1/Å).
        coupling: P, ``2r x t`` (1/Å).
        deviatoric: Γ, ``2r x 2c`` (1/Å²).
        lame_lambda, lame_mu: λ and μ (TPa).
        moduli: of the discretised operator at the rows, where they were asked for.

    Displacements and forces are interleaved: x, y of the first point, and so on.
    """

    rows: Ints
    columns: Ints
    dilatation: csr_matrix
    coupling: csr_matrix
    deviatoric: csr_matrix
    lame_lambda: float
    lame_mu: float
    moduli: Moduli | None = None

    def __call__(self, u: Floats) -> Floats:
        """L u on the rows, ``(2r,)`` or ``(2r, s)``, of ``(2c,)`` or ``(2c, s)`` displacements."""
        return self._combined(self.coupling @ (self.dilatation @ u), self.deviatoric @ u)

    def _combined(self, volumetric: Any, deviatoric: Any) -> Any:
        return combined(self.lame_lambda, self.lame_mu, volumetric, deviatoric)

    def matrix(self) -> csr_matrix:
        """L itself, ``2r x 2c`` (TPa/Å²)."""
        return csr_matrix(self._combined(self.coupling @ self.dilatation, self.deviatoric))

    def diagonal(self) -> Floats:
        """The entries of L, ``(2r,)``, that couple each row with itself."""
        own = components(np.searchsorted(self.columns, self.rows))
        # row i of P times column i of D: the product P D, with rows as wide as 2δ, is never made
        product = self.coupling.multiply(self.dilatation[:, own].T.tocsr()).sum(axis=1)
        deviatoric = self.deviatoric[:, own].diagonal()
        return self._combined(np.asarray(product).ravel(), deviatoric)

    def restrict(self, kept: NDArray[np.bool_]) -> "OperatorRows":
        """Keep the columns where the mask ``kept`` ``(c,)`` holds."""
        entries = components(np.flatnonzero(kept))
        return OperatorRows(
            self.rows,
            self.columns[kept],
            self.dilatation[:, entries],
            self.coupling,
            self.deviatoric[:, entries],
            self.lame_lambda,
            self.lame_mu,
            self.moduli,
        )


def operator_rows(
    points: Floats, box: Floats | None, material: LinearPeridynamicSolid, rows: Ints
) -> OperatorRows:
    """The rows of L at some points of a cloud.

    Args:
        points: ``n x 2`` (Å).
        box: ``(2,)`` edges of the periodic box (Å), or None.
        material: K, λ and μ.
        rows: ``(r,)`` indices of points, ascending.

    Raises:
        InputError: as :func:`neighbourhoods`, for the rows and all their neighbours.
        SolvabilityError: the weighted volume of a point vanishes.
    """
    horizon = material.influence.horizon
    # θ of all neighbours enters a row, so these need neighbours of their own
    needed = np.unique(NeighbourSearch(points, box, horizon).bonds(rows, horizon)[1])
    around = neighbourhoods(points, box, horizon, needed, material.quadrature)
    shares = volumetric = bond_shares(around, material.influence)
    if material.own_dilatation is not None:
        volumetric = bond_shares(around, material.own_dilatation)
    own, bonds = around.of(rows)
    moduli = of_bonds(material, own.offsets, volumetric[bonds], shares[bonds], own.start[:-1])
    columns = np.unique(around.neighbours)
    return OperatorRows(
        rows=rows,
        columns=columns,
        dilatation=_dilatation(around, volumetric, columns),
        coupling=_coupling(own, volumetric[bonds], needed),
        deviatoric=_deviatoric(own, shares[bonds], columns),
        lame_lambda=material.lame_lambda,
        lame_mu=material.lame_mu,
        moduli=moduli,
    )


def factors_of_shares(
    around: Neighbourhoods, rows: Ints, shares: Floats
) -> tuple[csr_matrix, csr_matrix, csr_matrix]:
    """D, and P and Γ of some ``rows``, of K W/m of all bonds ``(b,)`` (1/Å²), in which they are linear.

    The columns of D and Γ are the points of all neighbourhoods, those of P the ``centres`` of ``around``.
    """
    columns = np.unique(around.neighbours)
    own, bonds = around.of(rows)
    return (
        _dilatation(around, shares, columns),
        _coupling(own, shares[bonds], around.centres),
        _deviatoric(own, shares[bonds], columns),
    )


def neighbour_springs(
    points: Floats, box: Floats | None, material: LinearPeridynamicSolid, rows: Ints
) -> tuple[csr_matrix, Ints]:
    """Springs between next neighbours: local elasticity on the same points.

    Bonds of up to 1.6 mean spacings and of strength ∝ 1/|z|² give, on a square
    grid, the Navier operator with λ = μ.  Its modulus is chosen so that long
    pressure and shear waves are too stiff and too soft by the same factor.  The
    network is symmetric, positive and has some 18 entries in a row.

    Returns:
        ``2r x 2c`` matrix (TPa/Å²) and its ``(c,)`` columns, ascending points.
    """
    cloud = NeighbourSearch(points, box, material.influence.horizon)
    owner, neighbours, offsets = cloud.bonds(rows, 1.6 * cloud.spacing)
    order = np.argsort(owner, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(rows)))])
    springs = Neighbourhoods(
        1.6 * cloud.spacing, rows, start, neighbours[order], offsets[order], np.ones(len(owner))
    )
    square = (springs.offsets**2).sum(axis=1)
    # One weighted volume for all points keeps the network symmetric; 8 is a square grid's Σ |z|²/|z|².
    shares = np.divide(1 / 8, square, out=np.zeros_like(square), where=square > 0)
    lam, mu = material.lame_lambda, material.lame_mu
    modulus = np.sqrt(abs((lam + 2 * mu) / 3 * mu))
    columns = np.unique(neighbours)
    return modulus * _deviatoric(springs, shares, columns), columns


def bond_shares(around: Neighbourhoods, influence: InfluenceFunction) -> Floats:
    """K W/m of all bonds, ``(b,)`` (1/Å²)."""
    square = (around.offsets**2).sum(axis=1)
    # a grid has few bond lengths: K, a sum of polynomials, is worth evaluating once for each
    length, which = np.unique(around.radii, return_inverse=True)
    strengths = around.strengths(influence(length)[which, None])[:, 0]
    start = around.start[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = share(strengths, square, start)
    # a neighbourhood's shares of its volume sum up to one; where they are huge, they nearly cancel
    vanishing = ~(np.add.reduceat(np.abs(shares * square), start) < 1e10)
    if vanishing.any():
        raise SolvabilityError(
            f"the weighted volume of {vanishing.sum()} points vanishes: "
            "the influence function's positive and negative parts cancel; learn it with its constraints"
        )
    return shares


def _dilatation(around: Neighbourhoods, shares: Floats, columns: Ints) -> csr_matrix:
    """D: θ_i = 2 Σ_j (K W/m) z · (u_j − u_i), [You2022, eq. 3.7]."""
    blocks = C1 * shares[:, None, None] * around.offsets[:, None, :]
    return _balanced(around, blocks, columns, -1)


def _coupling(around: Neighbourhoods, shares: Floats, columns: Ints) -> csr_matrix:
    """P: −2 Σ_j (K W/m) z (θ_i + θ_j), the first sum of [You2022, eq. 3.6]."""
    blocks = -C1 * shares[:, None, None] * around.offsets[:, :, None]
    return _balanced(around, blocks, columns, 1)


def _deviatoric(around: Neighbourhoods, shares: Floats, columns: Ints) -> csr_matrix:
    """Γ: −16 Σ_j (K W/m) (z ⊗ z/|z|²) (u_j − u_i), the second sum of [You2022, eq. 3.6]."""
    z = around.offsets
    square = (z**2).sum(axis=1)
    scale = np.divide(-C2 * shares, square, out=np.zeros_like(square), where=square > 0)
    return _balanced(around, scale[:, None, None] * z[:, :, None] * z[:, None, :], columns, -1)


def _balanced(around: Neighbourhoods, blocks: Floats, columns: Ints, sign: int) -> csr_matrix:
    """Put each bond's block ``(b, p, q)`` in place and ``sign`` times their sum on the diagonal."""
    itself = around.neighbours == around.centres[around.owner]
    # of differences (−1) a translation makes nothing; of sums (+1) the point's own value counts once a
    # bond
    blocks[itself] = sign * np.add.reduceat(blocks, around.start[:-1], axis=0)
    _, p, q = blocks.shape
    matrix = bsr_matrix(
        (blocks, np.searchsorted(columns, around.neighbours), around.start),
        shape=(p * len(around.centres), q * len(columns)),
    ).tocsr()
    matrix.sort_indices()
    return matrix


def components(indices: Ints) -> Ints:
    """The interleaved entries 2i, 2i + 1 of points."""
    return np.stack([2 * indices, 2 * indices + 1], axis=1).ravel()
