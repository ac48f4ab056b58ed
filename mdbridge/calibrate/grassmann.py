"""Fields as points on Grassmann manifolds, and the distance between them, [Kontolati2021, sec. 2.1].

A field ``X`` (``n x m``) is represented by the span of its leading left singular
vectors, so that neither its scale nor the basis matters [Kontolati2021, eqs. 2, 5].
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RankRule = Literal["larger", "reference", "infinite"] | int
"""How many singular vectors are compared: the larger of the two numerical ranks
[Kontolati2021, sec. 3.3], that of the reference, each its own with the doubly
infinite Grassmannian [Kontolati2021, eq. 8], or a fixed number."""


def basis(field: Array) -> tuple[Array, Array]:
    """Left singular vectors ``n x k`` and singular values ``(k,)``, k = min(n, m).

    Raises:
        ValueError: the field is not a finite, non-zero matrix.
    """
    field = np.asarray(field, dtype=float)
    if field.ndim != 2 or not np.all(np.isfinite(field)) or not np.any(field):
        raise ValueError(f"a field must be a finite matrix that is not zero; the shape is {field.shape}")
    vectors, values, _ = np.linalg.svd(field, full_matrices=False)
    return vectors, values


def numerical_rank(values: Array, tolerance: float) -> int:
    """The number of singular values above ``tolerance`` times the largest."""
    return int(np.count_nonzero(values > tolerance * values[0]))


def exact_rank(values: Array, rows: int, columns: int) -> int:
    """The number of singular values above round-off: the vectors of the others are arbitrary."""
    return numerical_rank(values, 10.0 * max(rows, columns) * float(np.finfo(float).eps))


def principal_angles(a: Array, b: Array) -> Array:
    """Angles between two spans, ascending, in radians, ``(min(p, q),)``.

    Small angles come from their sines: the cosine of an angle below 1e-8 is 1
    in double precision (Björck and Golub).

    Args:
        a, b: orthonormal columns, ``n x p`` and ``n x q``.
    """
    # the larger span first: angles are as many as the smaller has vectors
    if a.shape[1] < b.shape[1]:
        a, b = b, a
    inner = a.T @ b
    cosines = np.clip(np.linalg.svd(inner, compute_uv=False), 0.0, 1.0)
    sines = np.clip(np.linalg.svd(b - a @ inner, compute_uv=False), 0.0, 1.0)[::-1]
    # each where it is accurate: sines below 45°, cosines above
    return np.where(cosines**2 > 0.5, np.arcsin(sines), np.arccos(cosines))


def distance(a: Array, b: Array) -> float:
    """The Grassmann distance of two spans; ranks may differ, [Kontolati2021, eqs. 4, 8]."""
    angles = principal_angles(a, b)
    # every vector without a partner counts as π/2, [Kontolati2021, eq. 8]
    missing = abs(a.shape[1] - b.shape[1])
    return float(np.sqrt(np.sum(angles**2) + missing * np.pi**2 / 4.0))


def field_distance(field: Array, reference: Array, rule: RankRule, tolerance: float) -> float:
    """The distance of two fields ``n x m`` under a rank rule.

    Args:
        rule: see :data:`RankRule`.
        tolerance: of the numerical ranks, relative to the largest singular value.
    """
    (u, values), (v, reference_values) = basis(field), basis(reference)
    p, q = numerical_rank(values, tolerance), numerical_rank(reference_values, tolerance)
    if rule == "larger":
        p = q = max(p, q)
    elif rule == "reference":
        p = q
    elif rule != "infinite":
        p = q = int(rule)
    # a rule may ask for more vectors than a field has: the rest would be compared as they happen to lie
    p, q = (min(rank, exact_rank(s, *field.shape)) for rank, s in ((p, values), (q, reference_values)))
    return distance(u[:, :p], v[:, :q])


def completed(u: Array, at: Array) -> Array:
    """A span ``u`` with vectors added, orthogonal to it and to ``at``, until it has the rank of ``at``.

    Each of these stands at π/2, as in :func:`distance`, so that the logarithm has the distance as its norm.

    Args:
        u, at: orthonormal columns, ``n x p`` and ``n x q``, p ≤ q.

    Raises:
        ValueError: there are no such directions left.
    """
    missing = at.shape[1] - u.shape[1]
    if not missing:
        return u
    vectors, values, _ = np.linalg.svd(np.hstack([at, u]))
    free = vectors[:, exact_rank(values, *vectors.shape) :]
    if free.shape[1] < missing:
        raise ValueError(f"its rank is {u.shape[1]}, that of the reference {at.shape[1]}")
    return np.hstack([u, free[:, :missing]])


def logarithm(at: Array, u: Array) -> Array:
    """The tangent vector at span(``at``) that leads to span(``u``), ``n x p``.

    Its Frobenius norm is the Grassmann distance; it depends on the spans and on
    the basis ``at`` alone, so that it serves as a vector of residuals of fixed
    length.  Continuous while all angles stay below π/2.

    Args:
        at, u: orthonormal columns, ``n x p``.
    """
    inner = at.T @ u
    left, cosines, right = np.linalg.svd(inner)
    outside = (u - at @ inner) @ right.T  # orthogonal columns, of length sin θ
    sines = np.linalg.norm(outside, axis=0)
    angles = np.arctan2(sines, cosines)
    scale = np.divide(angles, sines, out=np.ones_like(sines), where=sines > 0.0)
    return (outside * scale) @ left.T
