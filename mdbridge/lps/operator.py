"""The LPS operator on a cloud of points, row by row, [You2022, eqs. 3.6-3.7].

With C1 = 2 and C2 = 16 the operator factors as L = (λ − μ) P D + μ Γ: the
dilatation θ = D u, its pull on a point through θ_i + θ_j, and the deviatoric
bond forces.  Rows are made for chosen points only, so that a rank needs no more
than its own; the factors stay apart, which takes less memory and fewer operations
than their product (whose rows reach 2δ).
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bsr_matrix, csr_matrix
from scipy.spatial import cKDTree

from ..core.errors import InputError, SolvabilityError
from . import quadrature as quadratures
from .kernel import AT_HORIZON, Curve, InfluenceFunction, normalised, share
from .material import C1, C2, LinearPeridynamicSolid, combined, combined_slopes
from .moduli import Moduli, of_bonds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Offsets that agree to this fraction of the horizon are the same stencil.
_SAME = 1e-7

# Points nearer to each other than this fraction of the mean spacing are a slip, not a refinement.
_COINCIDENT = 1e-3

# Of the horizon: what coordinates of a text file are rounded by.
_ROUNDED = 1e-3

# On a node set without holes no place is farther from a node than this many mean spacings.
_COVER = 1.25


@dataclass(frozen=True)
class Neighbourhoods:
    """The neighbours within the horizon of some points, in CSR layout.

    A point belongs to its own neighbourhood with a zero offset and weight, which is
    where the diagonal of an operator goes.

    Attributes:
        horizon: δ (Å).
        centres: ``(c,)`` the points, ascending.
        start: ``(c + 1,)`` where each neighbourhood begins among the bonds.
        neighbours: ``(b,)`` the other end of each bond.
        offsets: ``(b, 2)`` bond vectors z = x_j − x_i (Å), nearest periodic image.
        weights: ``(b,)`` quadrature weights W_ji (Å²), [You2022, sec. 3.2].
        rules: for each distinct stencil the positions of its families and their quadrature, bonds with
            themselves among the bonds; nothing where the weights say all.
        places: ``(q,)`` distances (Å) at which the quadrature wants K beside the bonds' lengths.
    """

    horizon: float
    centres: Ints
    start: Ints
    neighbours: Ints
    offsets: Floats
    weights: Floats
    rules: tuple[tuple[Ints, quadratures.Rule], ...] = ()
    places: Floats = field(default_factory=lambda: np.empty(0))

    def strengths(self, values: Floats) -> Floats:
        """K W of all bonds ``(b, p)`` from K at :attr:`radii` ``(b + q, p)``, see
        :class:`.quadrature.Rule`."""
        count = len(self.neighbours)
        strengths, radial = self.weights[:, None] * values[:count], values[count:]
        for members, rule in self.rules:
            bonds = self.start[members][:, None] + np.arange(len(rule.weights))
            of_places = np.broadcast_to(radial, (len(members), *radial.shape))
            strengths[bonds] = rule.strengths(np.concatenate([values[:count][bonds], of_places], axis=1))
        return strengths

    @property
    def radii(self) -> Floats:
        """``(b + q,)`` where K is wanted (Å): at the bonds' lengths, and at the places of its integrals."""
        square = (self.offsets**2).sum(axis=1)
        # a point's bond with itself has no weight, and K need not be finite there
        lengths = np.sqrt(np.where(square == 0, self.horizon**2, square))
        return np.concatenate([np.minimum(lengths, self.horizon), self.places])

    @property
    def owner(self) -> Ints:
        """``(b,)`` the neighbourhood that each bond belongs to."""
        return np.repeat(np.arange(len(self.centres)), np.diff(self.start))

    def of(self, centres: Ints) -> tuple["Neighbourhoods", NDArray[np.bool_]]:
        """The neighbourhoods of some of the ``centres`` (ascending), and the mask ``(b,)`` of their bonds."""
        kept = np.isin(self.centres, centres)
        bonds = np.repeat(kept, np.diff(self.start))
        start = np.concatenate([[0], np.cumsum(np.diff(self.start)[kept])])
        position = np.cumsum(kept) - 1
        rules = tuple((position[own], rule) for m, rule in self.rules if len(own := m[kept[m]]))
        part = Neighbourhoods(
            self.horizon,
            self.centres[kept],
            start,
            self.neighbours[bonds],
            self.offsets[bonds],
            self.weights[bonds],
            rules,
            self.places,
        )
        return part, bonds


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

    def change(self, factors: "OperatorRows", u: Floats) -> Floats:
        """How L u, ``(2r, s)``, changes where the factors change by small ``factors``."""
        pull = factors.coupling @ (self.dilatation @ u) + self.coupling @ (factors.dilatation @ u)
        return self._combined(pull, factors.deviatoric @ u)

    def moduli_change(self, u: Floats) -> tuple[Floats, Floats]:
        """The slopes of L u, ``(2r, s)``, with respect to λ + μ and to μ."""
        return combined_slopes(self.coupling @ (self.dilatation @ u), self.deviatoric @ u)

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
    needed = np.unique(_NeighbourSearch(points, box, horizon).bonds(rows, horizon)[1])
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


def operator_on(around: Neighbourhoods, material: LinearPeridynamicSolid) -> OperatorRows:
    """L on a cloud whose points are all among the ``centres`` of ``around``, as in a periodic box.

    Raises:
        SolvabilityError: the weighted volume of a point vanishes.
    """
    shares = bond_shares(around, material.influence)
    volumetric = shares if material.own_dilatation is None else bond_shares(around, material.own_dilatation)
    return operator_of_shares(around, shares, volumetric, (material.lame_lambda, material.lame_mu))


def operator_of_shares(
    around: Neighbourhoods, shares: Floats, volumetric: Floats, lame: tuple[float, float]
) -> OperatorRows:
    """The same from K W/m of all bonds, ``(b,)`` (1/Å²), in which all three factors are linear.

    So a change of K W/m has a change of the factors that is made in the same way; see
    :meth:`OperatorRows.change`.

    Args:
        volumetric: K W/m of the dilatation.
        lame: λ and μ (TPa).
    """
    points = around.centres
    return OperatorRows(
        rows=points,
        columns=points,
        dilatation=_dilatation(around, volumetric, points),
        coupling=_coupling(around, volumetric, points),
        deviatoric=_deviatoric(around, shares, points),
        lame_lambda=lame[0],
        lame_mu=lame[1],
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


def neighbourhoods(
    points: Floats,
    box: Floats | None,
    horizon: float,
    centres: Ints,
    quadrature: str = quadratures.DEFAULT,
) -> Neighbourhoods:
    """The neighbourhoods of ``centres`` ``(c,)`` (ascending) with their quadrature.

    Weights are computed once per distinct stencil: once on a uniform grid, once
    per point on scattered points.

    Raises:
        InputError: two points coincide; the box is too small for the horizon; a
            neighbourhood is cut off by the edge of the cloud or holds too few points.
    """
    cloud = _NeighbourSearch(points, box, horizon)
    owner, neighbours, offsets = cloud.bonds(centres, horizon)
    keys = np.round(offsets / (_SAME * horizon)).astype(np.int64)
    # in one order for all points, so that equal stencils are equal bytes
    order = np.lexsort((keys[:, 1], keys[:, 0], owner))
    owner, neighbours, offsets, keys = (part[order] for part in (owner, neighbours, offsets, keys))
    _refuse_coincident(points, neighbours, centres[owner], offsets, _COINCIDENT * cloud.spacing)
    start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(centres)))])
    stencils = _distinct(keys, start)
    _refuse_cut_neighbourhoods(cloud, centres, keys, start, stencils)
    weights, rules = np.zeros(len(owner)), []
    # the weights depend on the offsets alone: on a grid one small problem serves all points
    for members in stencils:
        stencil = offsets[start[members[0]] : start[members[0] + 1]]
        # the point itself is no neighbour; it is there for the operator's diagonal
        others = stencil.any(axis=1)
        rule = _rule(stencil[others], horizon, quadrature)
        padded = []
        for part in (rule.weights[:, None], rule.anisotropy, rule.response):
            padded.append(np.zeros((len(stencil), part.shape[1])))
            padded[-1][others] = part
        values, moments, response = padded
        weights[start[members][:, None] + np.arange(len(stencil))] = values[:, 0]
        if moments.size or response.size:
            rules.append((members, quadratures.Rule(values[:, 0], moments, response)))
    places = quadratures.places(horizon, quadrature)
    return Neighbourhoods(horizon, centres, start, neighbours, offsets, weights, tuple(rules), places)


def _rule(offsets: Floats, horizon: float, quadrature: str) -> quadratures.Rule:
    """The quadrature of a stencil, or its refusal with what may be behind it."""
    try:
        return quadratures.rule(offsets, horizon, quadrature)
    except InputError as error:
        # coordinates of few digits leave some of a grid's ring inside and some outside
        if len(offsets) and np.hypot(*offsets.T).max() > horizon * (1 - _ROUNDED):
            raise InputError(
                f"{error}; some points are at the horizon to within {_ROUNDED:g} of it, and rounded "
                "coordinates "
                "decide which are inside: choose a horizon between two distances of points"
            ) from error
        raise


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
    cloud = _NeighbourSearch(points, box, material.influence.horizon)
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


class _NeighbourSearch:
    """Points, wrapped into the box if there is one, in a search tree."""

    def __init__(self, points: Floats, box: Floats | None, horizon: float):
        self.points, self.box, self.horizon = points, box, horizon
        if box is None:
            self.wrapped = points
        else:
            # the offset that is taken is that of the nearest image
            if min(box) <= 2 * horizon * (1 + 1e-6):
                raise InputError(
                    f"a periodic box of {box[0]:g} x {box[1]:g} Å is too small for a horizon of "
                    f"{horizon:g} Å: a point would meet two images of another; use edges longer than 2δ"
                )
            self.wrapped = np.mod(points, box)
            # the remainder of −1e-17 is the box's edge itself, which the tree refuses
            self.wrapped[self.wrapped >= box] = 0.0
        self.tree = cKDTree(self.wrapped, boxsize=box)

    def bonds(self, centres: Ints, radius: float) -> tuple[Ints, Ints, Floats]:
        """All bonds up to ``radius``, self included: position in ``centres``, other end, offset."""
        around = cKDTree(self.wrapped[centres], boxsize=self.box)
        # bonds of exactly that length belong to the neighbourhood
        pairs = around.sparse_distance_matrix(self.tree, radius * AT_HORIZON, output_type="ndarray")
        owner, neighbours = pairs["i"].astype(np.int64), pairs["j"].astype(np.int64)
        offsets = self.points[neighbours] - self.points[centres[owner]]
        if self.box is not None:
            offsets -= self.box * np.round(offsets / self.box)
        return owner, neighbours, offsets

    @property
    def spacing(self) -> float:
        """The typical distance (Å) of a point from its four nearest neighbours."""
        # a median needs no more than some 2,000 points; of five nearest the first is the point itself
        sample = self.wrapped[:: len(self.wrapped) // 2000 + 1]
        distances = np.asarray(self.tree.query(sample, k=5)[0])
        return float(np.median(distances[:, 1:].mean(axis=1)))


def _refuse_coincident(
    points: Floats, neighbours: Ints, centres: Ints, offsets: Floats, limit: float
) -> None:
    twins = np.flatnonzero((neighbours != centres) & (np.abs(offsets).max(axis=1) < limit))
    if len(twins):
        x, y = points[neighbours[twins[0]]]
        distance = float(np.hypot(*offsets[twins[0]]))
        apart = f" to within {distance:.1g} Å" if distance > 0 else ""
        raise InputError(f"two points coincide{apart} at ({x:g}, {y:g}) Å; remove one of them")


def _distinct(keys: Ints, start: Ints) -> list[Ints]:
    """Group neighbourhoods of equal stencils, the most common one first; each ``(members,)``."""
    groups: dict[bytes, list[int]] = {}
    for centre, (begin, end) in enumerate(itertools.pairwise(start)):
        groups.setdefault(keys[begin:end].tobytes(), []).append(centre)
    return [np.array(members) for members in sorted(groups.values(), key=len, reverse=True)]


def _refuse_cut_neighbourhoods(
    cloud: _NeighbourSearch, centres: Ints, keys: Ints, start: Ints, stencils: list[Ints]
) -> None:
    """Refuse neighbourhoods that the edge of the cloud cuts off.

    On a grid such a stencil is part of the common one; on scattered points the ball's
    rim, seen in 16 directions, is somewhere farther from all points than they are
    from each other.
    """
    angles = np.arange(16) * np.pi / 8
    rim = cloud.horizon * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    first = np.array([members[0] for members in stencils], dtype=np.int64)
    places = cloud.points[centres[first]][:, None] + rim
    if cloud.box is not None:
        places = np.mod(places, cloud.box)
    distance = np.asarray(cloud.tree.query(places)[0])
    cut = distance.max(axis=1, initial=0.0) > _COVER * cloud.spacing
    if len(stencils[0]) > 1:
        bonds = [{tuple(key) for key in keys[start[i] : start[i + 1]]} for i in first]
        # a proper part of the most common stencil: the edge of a grid, wherever it is straight
        cut |= np.array([some < bonds[0] for some in bonds])
    if not cut.any():
        return
    members = np.concatenate([m for m, is_cut in zip(stencils, cut, strict=True) if is_cut])
    x, y = cloud.points[centres[members.min()]]
    alone = members[np.diff(start)[members] == 1]
    if len(alone):
        x, y = cloud.points[centres[alone.min()]]
        raise InputError(
            f"{len(alone)} isolated points, the first at ({x:g}, {y:g}) Å: no other is within the horizon of "
            f"{cloud.horizon:g} Å; leave them out"
        )
    raise InputError(
        f"{len(members)} points whose dilatation is needed have no full neighbourhood within the horizon of "
        f"{cloud.horizon:g} Å, the first at ({x:g}, {y:g}) Å: the cloud of points ends there; "
        f"give values in a collar of 2δ = {2 * cloud.horizon:g} Å around the free points, or "
        "solve bodies with holes and free surfaces by lps.bodies, 'mdbridge solve --problem'"
    )


def bond_curve(around: Neighbourhoods, family: type[InfluenceFunction], degree: int) -> Curve:
    """K at :attr:`Neighbourhoods.radii` ``(b + q,)`` as a function of a fit's parameters."""
    return family.curve(around.radii, around.horizon, degree)


def share_curve(around: Neighbourhoods, curve: Curve) -> Curve:
    """K W/m of all bonds ``(b,)`` (1/Å²) as a function of a fit's parameters, from K at all bonds."""

    def strengths(parameters: Floats) -> tuple[Floats, Floats]:
        values, slopes = curve(parameters)
        columns = around.strengths(np.concatenate([values[:, None], slopes], axis=1))
        return columns[:, 0], columns[:, 1:]

    return normalised(strengths, (around.offsets**2).sum(axis=1), around.start[:-1])


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
