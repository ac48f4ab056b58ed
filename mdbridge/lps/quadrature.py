"""Quadrature of one stencil: what K at the bonds' lengths makes of the operator's sums over bonds.

A sum over bonds, ∫ K(|z|) p(z) dz in the continuum, is Σ (K W)(z) p(z), and the strengths K W of the
bonds follow linearly from the values of K, in one of three ways:

``published``
    [You2022, sec. 3.2]: weights W that are the smallest (in ℓ2) of those that integrate p(z)/|z|³ over
    the ball of radius δ exactly, for every quintic p for which the integral exists.  With K = 1/r
    and no other K the moduli are exact.  Smallest weights converge to the integral where δ shrinks
    with the node spacing; at a fixed δ they do not: they are q(z)/|z|³ for some quintic q, and
    however fine the nodes are, other functions are integrated with a weight that is not one.
``near-cell``
    Weights of the same conditions that are as equal as possible, which makes them the nearest to
    some common area; it comes out as that of a cell.  They do converge at a fixed δ.
``isotropic``
    The published weights times K, and then the nearest strengths whose moments are those of an
    isotropic medium: so the dilatation and the moduli are exact for every K and linear displacements
    are in balance on scattered points, too.  With K = 1/r all is as published.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

Array = NDArray[np.float64]

QUADRATURES = ("published", "near-cell", "isotropic")
PUBLISHED = QUADRATURES[0]
"""Of files that name none, as earlier releases wrote them, and of models that are learned where no other "
"is asked for."""

# Measured: of all three the only one that passes patch tests for every K, on any points, and whose moduli
# are λ and μ; the published weights miss μ by 5 % where K = 1 and δ = 3.9 h.
DEFAULT = QUADRATURES[2]

# Exponents of the monomials of p.  Degree 0 is not integrable over |z|³, and
# degree 1 only by symmetry; it is asked for as the symmetry it expresses.
_EXPONENTS = [(i, d - i) for d in range(1, 6) for i in range(d + 1)]


@dataclass(frozen=True)
class Rule:
    """The linear map from K at the bonds of a stencil to their strengths.

    Attributes:
        weights: ``(n,)`` W (Å²).
        anisotropy: ``(n, c)`` orthonormal moments that the strengths must not have; of none, ``(n, 0)``.
    """

    weights: Array
    anisotropy: Array

    def strengths(self, values: Array) -> Array:
        """K W (Å² times K's unit) from K: arrays ``(..., n, p)``, the bonds along the last axis but one."""
        strengths = self.weights[:, None] * values
        if self.anisotropy.shape[1]:
            strengths -= self.anisotropy @ (self.anisotropy.T @ strengths)
        return strengths


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
    w = weights(offsets, horizon, even=quadrature == "near-cell")
    if quadrature != "isotropic":
        return Rule(w, np.empty((len(w), 0)))
    anisotropy = _anisotropy(offsets / horizon)
    if anisotropy.shape[1] >= len(w):
        raise InputError(_too_few(horizon, len(w), "make isotropic", anisotropy.shape[1]))
    return Rule(w, anisotropy)


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
        f"a horizon of {horizon:g} Å holds {count} neighbours, too few to {purpose} "
        f"(moments of rank {rank}); use a horizon of at least 2.3 node spacings"
    )


def _moment(i: int, j: int) -> float:
    """∫ z_x^i z_y^j |z|^-3 dz over the unit ball (0 for odd exponents)."""
    if i % 2 or j % 2:
        return 0.0
    degree = i + j
    angular = 2 * math.gamma((i + 1) / 2) * math.gamma((j + 1) / 2) / math.gamma(degree / 2 + 1)
    return angular / (degree - 1)
