"""Which points of a cloud are neighbours, and the quadrature of each one's bonds."""

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..core.errors import InputError
from . import quadrature as quadratures
from .kernel import AT_HORIZON

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
    cloud = NeighbourSearch(points, box, horizon)
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


class NeighbourSearch:
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
    cloud: NeighbourSearch, centres: Ints, keys: Ints, start: Ints, stencils: list[Ints]
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
