"""Optimisation-based quadrature weights for one stencil, [You2022, sec. 3.2].

The weights are the smallest (in ℓ2) that integrate p(z)/|z|³ over the ball of
radius δ exactly, for every quintic p for which the integral exists.

Smallest weights converge to the integral where δ shrinks with the node spacing.  At a
fixed δ they do not: they are p(z)/|z|³ for some quintic p, and however fine the nodes
are, other functions are integrated with a weight that is not one.  The weights
nearest to the area of a cell, which satisfy the same conditions, do converge.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

# Exponents of the monomials of p.  Degree 0 is not integrable over |z|³, and
# degree 1 only by symmetry; it is asked for as the symmetry it expresses.
_EXPONENTS = [(i, d - i) for d in range(1, 6) for i in range(d + 1)]


def weights(offsets: NDArray[np.float64], horizon: float, near: float = 0.0) -> NDArray[np.float64]:
    """Quadrature weights W of the points ``offsets``.

    Args:
        offsets: ``(n, 2)`` bond vectors z (Å), none of them zero, |z| <= δ.
        horizon: δ (Å).
        near: the area (Å²) that the weights shall be nearest to: that of a cell, or zero as published.

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
    first = np.full(len(offsets), near / horizon**2)
    # on a grid some conditions hold by symmetry: the rank is less than full, and the smallest solution is
    # meant
    change, _, rank, _ = np.linalg.lstsq(rows, targets - rows @ first, rcond=1e-10)
    solution = first + change
    error = np.abs(rows @ solution - targets).max() if len(offsets) else np.inf
    if error > 1e-8:
        raise InputError(
            f"a horizon of {horizon:g} Å holds {len(offsets)} neighbours, too few to integrate quintic "
            f"polynomials (moments of rank {rank}); use a horizon of at least 2.3 node spacings"
        )
    return solution * horizon**2


def _moment(i: int, j: int) -> float:
    """∫ z_x^i z_y^j |z|^-3 dz over the unit ball (0 for odd exponents)."""
    if i % 2 or j % 2:
        return 0.0
    degree = i + j
    angular = 2 * math.gamma((i + 1) / 2) * math.gamma((j + 1) / 2) / math.gamma(degree / 2 + 1)
    return angular / (degree - 1)
