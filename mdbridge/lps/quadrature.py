"""Quadrature of one stencil: what K at the bonds' lengths makes of the operator's sums over bonds.

A sum over bonds, ∫ K(|z|) p(z) dz in the continuum, is Σ (K W)(z) p(z), and the strengths K W of the
bonds follow linearly from K, in one of four ways:

``published``
    [You2022, sec. 3.2]: weights W that are the smallest (in ℓ2) of those that integrate p(z)/|z|³ over
    the ball of radius δ exactly, for every quintic p for which the integral exists.  With K = 1/r
    and no other K the moduli are exact.  Smallest weights converge to the integral where δ shrinks
    with the node spacing; at a fixed δ they do not: they are q(z)/|z|³ for some quintic q, and
    however fine the nodes are, other functions are integrated with a weight that is not one.
``near-cell``
    Weights of the same conditions that are as equal as possible, which makes them the nearest to
    some common area; with many bonds it is that of a cell (16 % more at δ = 3.9 h).  They do converge at a
    fixed δ.
``isotropic``
    The published weights times K, and then the nearest strengths whose moments are those of an
    isotropic medium: so the dilatation and the moduli are exact for every K and linear displacements
    are in balance on scattered points, too.  With K = 1/r all is as published.
``consistent``
    Strengths whose moments up to the fifth order (over |z|² up to the sixth; lower where the points are few)
    are those of the integral of K itself; what freedom is left makes dilatation and forces of plane waves
    of up to k h = 2.4 those of the integral, too.  The strengths are linear in the function K, not in
    its values at the bonds: a function that was learned on some points is the same material on others.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0, j1

from ..core.errors import InputError

Array = NDArray[np.float64]

QUADRATURES = ("published", "near-cell", "isotropic", "consistent")
PUBLISHED = QUADRATURES[0]
"""Of files that name none, as earlier releases wrote them, and of models that are learned where no other "
"is asked for."""

# Measured: of those that take K at the bonds the only one that passes patch tests for every K, on any points,
# and whose moduli are λ and μ; the published weights miss μ by 5 % where K = 1 and δ = 3.9 h.
DEFAULT = QUADRATURES[2]

# nodes and weights on (0, 1) of integrals of K
_GAUSS = tuple(
    0.5 * (part + shift) for part, shift in zip(np.polynomial.legendre.leggauss(40), (1, 0), strict=True)
)  # orders of moments that are prescribed, plain and over |z|²: the first that the stencil can have
_ORDERS = ((5, 6), (5, 5), (4, 5), (3, 4))
_RANK = 1e-7
# of the bonds: what moments may take of their freedom
_SHARE = 0.75
_WAVES = np.linspace(0.3, 2.4, 8)  # wave numbers times the spacing
_DIRECTIONS = 12
# in the middle of equal parts of half a turn: so they are symmetric about both axes and the diagonals
_UNITS = np.stack([f(np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS) for f in (np.cos, np.sin)], axis=1)
_PULL = 0.3  # weight of the dilatation's rows, of which the pull differentiates the errors
_RIDGE = 1e-6  # of the mean square of the rows: strengths that hardly a wave feels stay small

# Exponents of the monomials of p.  Degree 0 is not integrable over |z|³, and
# degree 1 only by symmetry; it is asked for as the symmetry it expresses.
_EXPONENTS = [(i, d - i) for d in range(1, 6) for i in range(d + 1)]


@dataclass(frozen=True)
class Rule:
    """The linear map from K at the bonds of a stencil to their strengths.

    Attributes:
        weights: ``(n,)`` W (Å²).
        anisotropy: ``(n, c)`` orthonormal moments that the strengths must not have; of none, ``(n, 0)``.
        response: ``(n, q)`` what K at :func:`places` adds to the strengths; ``(n, 0)`` where there are none.
    """

    weights: Array
    anisotropy: Array
    response: Array

    def strengths(self, values: Array) -> Array:
        """K W (Å² times K's unit) from K: arrays ``(..., n + q, p)``, bonds and then places along that
        axis."""
        count = len(self.weights)
        bonds, radial = values[..., :count, :], values[..., count:, :]
        strengths = self.weights[:, None] * bonds
        if self.anisotropy.shape[1]:
            strengths -= self.anisotropy @ (self.anisotropy.T @ strengths)
        return strengths + self.response @ radial if self.response.shape[1] else strengths


def rule(offsets: Array, horizon: float, quadrature: str = DEFAULT) -> Rule:
    """The rule of a stencil.

    Args:
        offsets: ``(n, 2)`` bond vectors z (Å), none of them zero, |z| <= δ.
        horizon: δ (Å).
        quadrature: one of :data:`QUADRATURES`.

    Raises:
        InputError: there are too few points.
        ValueError: there is no such quadrature; lists those there are.
    """
    known(quadrature)
    if quadrature == "consistent":
        return _consistent(offsets, horizon)
    w = weights(offsets, horizon, even=quadrature == "near-cell")
    nothing = np.empty((len(w), 0))
    if quadrature != "isotropic":
        return Rule(w, nothing, nothing)
    anisotropy = _anisotropy(offsets / horizon)
    if anisotropy.shape[1] >= len(w):
        raise InputError(_too_few(horizon, len(w), "make isotropic", anisotropy.shape[1]))
    return Rule(w, anisotropy, nothing)


def places(horizon: float, quadrature: str = DEFAULT) -> Array:
    """Distances ``(q,)`` (Å) at which a quadrature wants K beside the bonds' lengths."""
    return horizon * _GAUSS[0] if quadrature == "consistent" else np.empty(0)


def known(quadrature: str) -> str:
    """The name itself.

    Raises:
        ValueError: there is no such quadrature; lists those there are.
    """
    if quadrature not in QUADRATURES:
        raise ValueError(f"quadrature = {quadrature!r}: must be one of {', '.join(map(repr, QUADRATURES))}")
    return quadrature


def weights(offsets: Array, horizon: float, even: bool = False) -> Array:
    """Weights W that integrate quintics over |z|³: the smallest, or with ``even`` the most equal ones.

    Args:
        offsets: ``(n, 2)`` bond vectors z (Å), none of them zero, |z| <= δ.
        horizon: δ (Å).

    Returns:
        ``(n,)`` weights (Å²).

    Raises:
        InputError: there are too few points to integrate the quintics.
    """
    radius = np.hypot(*offsets.T)
    # in units of the horizon all moments are of order one, so that bounds on errors mean the same for any
    # grid
    x, y = (offsets / horizon).T
    rows = np.array([x**i * y**j for i, j in _EXPONENTS]) / (radius / horizon) ** 3
    targets = np.array([_moment(i, j) for i, j in _EXPONENTS])
    sides = np.stack([targets, rows.sum(axis=1)], axis=1)
    # on a grid some conditions hold by symmetry: the rank is less than full, and the smallest solution is
    # meant
    solution, _, rank, _ = np.linalg.lstsq(rows, sides, rcond=1e-10)
    smallest, of_ones = solution.T
    solved = smallest
    if even and len(offsets):
        # a (1 − P 1) + smallest, P onto the conditions, differs from a by smallest − a P 1: a of the least
        area = (smallest @ of_ones) / (of_ones @ of_ones)
        solved = smallest + area * (1.0 - of_ones)
    error = np.abs(rows @ solved - targets).max() if len(offsets) else np.inf
    if error > 1e-8:
        raise InputError(_too_few(horizon, len(offsets), "integrate quintic polynomials", rank))
    return solved * horizon**2


def _consistent(offsets: Array, horizon: float) -> Rule:
    """Strengths that give plane waves what the integral gives them, and polynomials exactly that.

    Raises:
        InputError: there are too few points for moments of second order.
    """
    count = len(offsets)
    s, w = _GAUSS
    rank = 0
    for plain, over_square in _ORDERS:
        rows, integrals = _moments_of(offsets / horizon, plain, over_square)
        left, sizes, basis = np.linalg.svd(rows, full_matrices=True)
        rank = int((sizes > _RANK * sizes[0]).sum()) if count else 0
        radial = np.array([w * s**power * angle for power, angle in integrals])
        # moments that the stencil does not tell apart must not be prescribed differently
        conflict = np.abs(radial - left[:, :rank] @ (left[:, :rank].T @ radial)).max() / np.abs(radial).max()
        if rank <= _SHARE * count and conflict < 1e-9:
            exact = basis[:rank].T @ ((left[:, :rank] / sizes[:rank]).T @ radial)
            # what the moments leave free serves the waves
            free = basis[rank:].T
            waves, wanted = _waves(offsets / horizon, np.sqrt(np.pi / (count + 1.0)))
            gram = free.T @ (waves.T @ waves) @ free
            ridge = _RIDGE * np.trace(waves.T @ waves) / count
            right = free.T @ (waves.T @ (wanted - waves @ exact))
            best = exact + free @ np.linalg.solve(gram + ridge * np.eye(len(gram)), right)
            return Rule(np.zeros(count), np.empty((count, 0)), best * horizon**2)
    raise InputError(_too_few(horizon, count, "integrate the influence function consistently", rank))


def _waves(z: Array, spacing: float) -> tuple[Array, Array]:
    """What bonds ``z`` make of dilatation and deviatoric forces of plane waves, and what integrals of K do.

    Returns:
        ``(c, n)`` and ``(c, q)``, of relative weight.
    """
    s, w = _GAUSS
    square = (z**2).sum(axis=1)
    pairs = np.stack([z[:, 0] ** 2, z[:, 1] ** 2, z[:, 0] * z[:, 1]]) / square
    numbers = np.repeat(_WAVES / spacing, _DIRECTIONS)[:, None]
    phase = numbers * np.tile(_UNITS @ z.T, (len(_WAVES), 1))
    sine, versine = np.sin(phase), 2 * np.sin(phase / 2) ** 2
    x = numbers * s
    ratio = j1(x) / x
    c, n = np.tile(_UNITS, (len(_WAVES), 1)).T[..., None]
    along, across = np.pi - 2 * np.pi * (j0(x) - ratio), np.pi - 2 * np.pi * ratio
    tensor = (c * c * along + n * n * across, n * n * along + c * c * across, c * n * (along - across))
    # θ is differentiated once more: what is wrong with it counts over the spacing
    pull = _PULL / (numbers**2 * spacing)
    rows, wanted = [], []
    for axis, component in enumerate((c, n)):
        rows += [pull * z[:, axis] * sine, pull * z[:, axis] * versine]
        # of the other parity the integral makes nothing
        wanted += [pull * w * s * 2 * np.pi * s * j1(x) * component, 0 * x]
    for pair, target in zip(pairs, tensor, strict=True):
        rows += [pair * versine / numbers**2, pair * sine / numbers**2]
        wanted += [w * s * target / numbers**2, 0 * x]
    return np.concatenate(rows), np.concatenate(wanted)


def _moments_of(z: Array, plain: int, over_square: int) -> tuple[Array, list[tuple[int, float]]]:
    """Moments of bonds at ``z``, in horizons, up to some orders, and their integrals over K.

    Returns:
        ``(c, n)``, and for each the exponent of r and the angular factor of ∫ K p dz.
    """
    x, y = z.T
    square = x**2 + y**2
    rows, integrals = [], []
    for highest, divided in ((plain, False), (over_square, True)):
        for degree in range(3 if divided else 1, highest + 1):
            for i in range(degree + 1):
                j = degree - i
                rows.append(x**i * y**j / (square if divided else 1.0))
                angle = 0.0
                if i % 2 == 0 and j % 2 == 0:
                    half = math.gamma((i + 1) / 2) * math.gamma((j + 1) / 2)
                    angle = 2 * half / math.gamma(degree / 2 + 1)
                integrals.append((degree + 1 - 2 * divided, angle))
    return np.array(rows), integrals


def _anisotropy(z: Array) -> Array:
    """An orthonormal basis ``(n, c)`` of moments of strengths at ``z`` that an isotropic medium has not.

    Of first and third order, as for every point symmetric stencil, also over |z|²: forces of linear
    and dilatations of quadratic displacements.  Of second order, but for the trace; and of fourth order
    over |z|², but for its one isotropic part, which is tied to that trace.
    """
    x, y = z.T
    square = x**2 + y**2
    cubic = np.array([x**3, x**2 * y, x * y**2, y**3])
    quartic = np.array([x**4, x**3 * y, x**2 * y**2, x * y**3, y**4])
    quartic -= np.outer([3 / 8, 0, 1 / 8, 0, 3 / 8], square**2)
    rows = np.concatenate([[x, y, x * y, x**2 - y**2], cubic, cubic / square, quartic / square])
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[sizes > 1e-9 * sizes[0]].T


def _too_few(horizon: float, count: int, purpose: str, rank: int) -> str:
    return (
        f"a horizon of {horizon:g} holds {count} neighbours, too few to {purpose} "
        f"(moments of rank {rank}); a horizon of 2.3 node spacings is enough on a grid, 3 on scattered nodes"
    )


def _moment(i: int, j: int) -> float:
    """∫ z_x^i z_y^j |z|^-3 dz over the unit ball (0 for odd exponents)."""
    if i % 2 or j % 2:
        return 0.0
    degree = i + j
    angular = 2 * math.gamma((i + 1) / 2) * math.gamma((j + 1) / 2) / math.gamma(degree / 2 + 1)
    return angular / (degree - 1)
