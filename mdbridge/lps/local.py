"""Classical elasticity, which nonlocal models are measured against: its symbols, and a solver on grids.

−(λ + μ) ∇(∇·u) − μ Δu = b, the limit of [You2022, eq. 3.4] for δ → 0, and what is nearest to it:
gradient elasticity with stiffnesses c (1 + ℓ k²), and second-order differences on the nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from ..core.errors import InputError
from .learn.spectral import Samples, power

Array = NDArray[np.float64]

_LONG = 3.0  # times the smallest wave number: what counts as a long wave


@dataclass(frozen=True)
class GradientElasticity:
    """Stiffnesses c (1 + ℓ k²) of longitudinal and of transverse waves; ℓ = 0 is classical elasticity.

    Attributes:
        longitudinal: c_L = λ + 2μ (TPa).
        transverse: c_T = μ (TPa).
        longitudinal_length2: ℓ_L (Å²), of either sign: below 0 short waves are softer.
        transverse_length2: ℓ_T (Å²).
    """

    longitudinal: float
    transverse: float
    longitudinal_length2: float = 0.0
    transverse_length2: float = 0.0

    @classmethod
    def classical(cls, lame_lambda: float, lame_mu: float) -> "GradientElasticity":
        """λ and μ (TPa) without lengths."""
        return cls(lame_lambda + 2 * lame_mu, lame_mu)

    def symbol(self, wavevectors: Array, spacing: Array) -> Array:
        """L(k) ``(k, 2, 2)`` (TPa/Å²) at ``wavevectors`` ``(k, 2)`` of a grid with ``spacing`` (Å)."""
        along, across = _projected(wavevectors, spacing)
        k2 = (wavevectors**2).sum(axis=1)[:, None, None]
        return (
            self.longitudinal * (1 + self.longitudinal_length2 * k2) * along
            + self.transverse * (1 + self.transverse_length2 * k2) * across
        )


def fitted(
    sets: Sequence[Samples], gradients: bool, weights: Sequence[Array | None] | None = None
) -> GradientElasticity:
    """The constants with the smallest Σ_s w_s |L u_s − b_s|²/|b_s|²: two, or with ``gradients`` four.

    Args:
        weights: w ``(s,)`` of each set's samples, by default 1.
    """
    each = [None] * len(sets) if weights is None else weights
    blocks = [_equations(samples, gradients, w) for samples, w in zip(sets, each, strict=True)]
    matrix, loads = (np.concatenate(part) for part in zip(*blocks, strict=True))
    # real constants of complex amplitudes
    both = np.concatenate([matrix.real, matrix.imag]), np.concatenate([loads.real, loads.imag])
    # k² of long waves is small in 1/Å²: columns of one size, or lstsq would cut the lengths off
    size = np.linalg.norm(both[0], axis=0)
    size = np.where(size > 0, size, 1.0)
    c_l, c_t, *rest = np.linalg.lstsq(both[0] / size, both[1], rcond=None)[0] / size
    if not gradients:
        return GradientElasticity(float(c_l), float(c_t))
    return GradientElasticity(float(c_l), float(c_t), float(rest[0] / c_l), float(rest[1] / c_t))


def long_wave_limit(
    sets: Sequence[Samples], weights: Sequence[Array | None] | None = None
) -> tuple[float, float]:
    """λ and μ (TPa) that the long waves of samples tend to.

    Gradient elasticity is fitted to the waves up to three times as long a k as the shortest there is: its
    c (1 + ℓ k²) leaves an error of k⁴ in the modulus at k = 0.  ``weights`` as of :func:`fitted`.
    """
    chosen: list[Samples] = []
    shares: list[Array | None] = []
    for samples, share in zip(sets, [None] * len(sets) if weights is None else weights, strict=True):
        k = np.linalg.norm(samples.wavevectors, axis=1)
        keep = k < _LONG * k.min() * (1 + 1e-9)
        u, b = samples.u[:, keep], samples.b[:, keep]
        chosen.append(replace(samples, wavevectors=samples.wavevectors[keep], u=u, b=b))
        # a sample of short waves says little here: what is left of it must not count as a whole one
        shares.append((1.0 if share is None else share) * power(b) / power(samples.b))
    limit = fitted(chosen, gradients=True, weights=shares)
    return limit.longitudinal - 2 * limit.transverse, limit.transverse


def difference_symbol(lame_lambda: float, lame_mu: float, wavevectors: Array, spacing: Array) -> Array:
    """L(k) ``(k, 2, 2)`` (TPa/Å²) of second-order central differences on nodes ``spacing`` (Å) apart."""
    phase = wavevectors * spacing
    second = 4 * np.sin(phase / 2) ** 2 / np.asarray(spacing) ** 2
    mixed = np.sin(phase).prod(axis=1) / np.prod(spacing)
    xx = (lame_lambda + 2 * lame_mu) * second[:, 0] + lame_mu * second[:, 1]
    yy = (lame_lambda + 2 * lame_mu) * second[:, 1] + lame_mu * second[:, 0]
    xy = (lame_lambda + lame_mu) * mixed
    return np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)


def solve_on_grid(
    lame_lambda: float, lame_mu: float, spacing: Array, free: NDArray[np.bool_], loads: Array, known: Array
) -> Array:
    """Second-order differences on a grid, with u given on the nodes that are not free.

    Args:
        lame_lambda, lame_mu: λ and μ (TPa).
        spacing: ``(2,)`` (Å).
        free: ``(nx, ny)`` where u is unknown; none on the grid's rim.
        loads: b ``(s, nx, ny, 2)`` (TPa/Å), read where u is free.
        known: u ``(s, nx, ny, 2)`` (Å), read elsewhere.

    Returns:
        u ``(s, nx, ny, 2)`` (Å).

    Raises:
        InputError: a node on the rim of the grid is free.
    """
    rim = np.ones_like(free)
    rim[1:-1, 1:-1] = False
    if (free & rim).any():
        raise InputError("nodes on the rim of a grid cannot be free: their neighbours are missing")
    rows, columns, values = _entries(lame_lambda, lame_mu, spacing, free)
    nodes = 2 * free.size
    matrix = csr_matrix((values, (rows, columns)), shape=(nodes, nodes))
    unknown = np.repeat(free.ravel(), 2)
    given = np.where(unknown, 0.0, known.reshape(len(known), -1))
    right = loads.reshape(len(loads), -1)[:, unknown] - (matrix @ given.T).T[:, unknown]
    inner = splu(matrix[unknown][:, unknown].tocsc())
    solution = given.copy()
    solution[:, unknown] = inner.solve(np.ascontiguousarray(right.T)).T
    return solution.reshape(known.shape)


def _entries(
    lame_lambda: float, lame_mu: float, spacing: Array, free: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Rows, columns and values of the differences at the free nodes; unknowns are 2·node + axis."""
    here = np.flatnonzero(free)
    steps = (free.shape[1], 1)  # of the node's number along x and y
    hx, hy = spacing
    parts = []

    def add(axis: int, of: int, away: int, value: float) -> None:
        parts.append((2 * here + axis, 2 * (here + away) + of, np.full(len(here), value)))

    for axis in (0, 1):
        stiffness = [(lame_lambda + 2 * lame_mu) if axis == along else lame_mu for along in (0, 1)]
        for along, h in enumerate((hx, hy)):
            add(axis, axis, 0, 2 * stiffness[along] / h**2)
            for sign in (-1, 1):
                add(axis, axis, sign * steps[along], -stiffness[along] / h**2)
        for i in (-1, 1):
            for j in (-1, 1):
                # ∂²/∂x∂y couples the components
                coupling = -(lame_lambda + lame_mu) * i * j / (4 * hx * hy)
                add(axis, 1 - axis, i * steps[0] + j * steps[1], coupling)
    rows, columns, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return rows, columns, values


def _equations(
    samples: Samples, gradients: bool, weights: Array | None
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Columns of L u for each constant ``(s·k·2, c)``, and b, each sample over its own |b|/√w."""
    k2 = (samples.wavevectors**2).sum(axis=1)[:, None, None]
    terms = list(_projected(samples.wavevectors, samples.spacing))
    if gradients:
        terms += [k2 * term for term in terms]
    norm = power(samples.b)
    scale = np.sqrt((1.0 if weights is None else weights) / np.where(norm > 0, norm, 1.0))[:, None, None]
    columns = [(np.einsum("kij,skj->ski", term, samples.u) * scale).ravel() for term in terms]
    return np.stack(columns, axis=1), (samples.b * scale).ravel()


def _projected(wavevectors: Array, spacing: Array) -> tuple[Array, Array]:
    """k kᵀ and k² − k kᵀ, each ``(k, 2, 2)``: what compresses, and what shears."""
    along = wavevectors[:, :, None] * wavevectors[:, None, :]
    # at the zone's edge +k and −k are one wave: its mixed derivative is zero, as the mean of both says
    edge = np.isclose(np.abs(wavevectors) * spacing, np.pi).any(axis=1)
    along[edge, 0, 1] = along[edge, 1, 0] = 0.0
    return along, (wavevectors**2).sum(axis=1)[:, None, None] * np.eye(2) - along
