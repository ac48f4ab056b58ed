"""Samples on a periodic grid, reduced to what a least-squares fit of the symbol needs.

By Parseval the loss of [You2022, eq. 4.1] is a sum over wave vectors, and at
each of them all samples together enter only through 2 × 2 moments: the cost of
a loss does not depend on the number of samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import symbol

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Displacements and loads of several samples in Fourier space.

    Attributes:
        spacing: ``(2,)`` node spacings (Å).
        wavevectors: ``(k, 2)`` without k = 0 (1/Å).
        u: ``(s, k, 2)`` complex amplitudes of the displacement (Å).
        b: ``(s, k, 2)`` complex amplitudes of the load (TPa/Å).
    """

    spacing: Array
    wavevectors: Array
    u: NDArray[np.complex128]
    b: NDArray[np.complex128]


def transform(u: Array, b: Array, shape: tuple[int, int], box: Array) -> Samples:
    """Fourier transform of nodal fields ``(s, nx·ny, 2)`` on a periodic grid; means are dropped."""
    grid = (len(u), *shape, 2)
    size = shape[0] * shape[1]
    spectra = [
        # orthonormal: norms are those of the nodes' values (Parseval)
        np.fft.fft2(np.reshape(field, grid), axes=(1, 2), norm="ortho").reshape(len(u), size, 2)[:, 1:]
        for field in (u, b)
    ]
    return Samples(np.asarray(box) / shape, symbol.grid_wavevectors(shape, box)[1:], *spectra)


@dataclass(frozen=True)
class Moments:
    """Two least-squares problems equivalent to the samples' weighted squared errors.

    Σ_s w_s |L u_s − b_s|² / |b_s|² = Σ_k ‖L R − Q‖² + const, and
    Σ_s w_s |L⁻¹ b_s − u_s|² / |u_s|² = Σ_k ‖L⁻¹ R' − Q'‖² + const.

    Attributes:
        wavevectors: ``(k, 2)``, one of each pair ±k (1/Å).
        residual: R, Q, each ``(k, 2, 2)``.
        solution: R', Q', each ``(k, 2, 2)``.
    """

    wavevectors: Array
    residual: tuple[Array, Array]
    solution: tuple[Array, Array]


def moments(samples: Samples, long_wave_weight: float = 0.0, weights: Array | None = None) -> Moments:
    """Reduce samples to moments.

    Args:
        samples: the samples.
        long_wave_weight: the exponent p of the weights w_s ∝ (mean wave number of the load)^−p.
            0 treats all samples alike; 1 lets the long waves, which carry the moduli and
            most of the displacement of a real problem, count for more.
        weights: ``(s,)`` further factors of the w_s, for instance how often a bootstrap drew each.
    """
    k = samples.wavevectors
    half = (k[:, 0] > 1e-12) | ((np.abs(k[:, 0]) <= 1e-12) & (k[:, 1] > 0))
    # a wave vector at the zone's edge is its own mirror image and must not count twice
    edge = np.any(np.isclose(np.abs(k) * samples.spacing, np.pi), axis=1)
    twice = np.where(edge, 1.0, 2.0)
    # u is real: what −k says is the conjugate of what k says
    keep = half | edge
    load, motion = power(samples.b), power(samples.u)
    mean_k = (np.linalg.norm(k, axis=1) * (np.abs(samples.b) ** 2).sum(axis=2)).sum(axis=1) / load
    weight = mean_k**-long_wave_weight * (1.0 if weights is None else weights)
    weight /= weight.sum()

    def second(a: NDArray[np.complex128], b: NDArray[np.complex128], norm: Array) -> Array:
        product = np.einsum("ski,skj,s->kij", a[:, keep], b[:, keep].conj(), weight / norm)
        return product.real * twice[keep, None, None]

    u, b = samples.u, samples.b
    return Moments(
        k[keep],
        _least_squares(second(u, u, load), second(b, u, load)),
        _least_squares(second(b, b, motion), second(u, b, motion)),
    )


def power(field: NDArray[np.complex128]) -> Array:
    """Squared ℓ2 norm of each sample, ``(s,)``."""
    return (np.abs(field) ** 2).sum(axis=(1, 2))


def errors(operator: Array, samples: Samples) -> tuple[Array, Array]:
    """Relative ℓ2 errors of each sample.

    Args:
        operator: L(k) ``(k, 2, 2)`` at the samples' wave vectors.

    Returns:
        ``(s,)`` |L u − b| / |b| and ``(s,)`` |L⁻¹ b − u| / |u|.
    """
    residual = np.einsum("kij,skj->ski", operator, samples.u) - samples.b
    solution = np.einsum("kij,skj->ski", np.linalg.inv(operator), samples.b) - samples.u
    return (
        np.sqrt(power(residual) / power(samples.b)),
        np.sqrt(power(solution) / power(samples.u)),
    )


def _least_squares(square: Array, cross: Array) -> tuple[Array, Array]:
    """R, Q with tr(A S Aᵀ) − 2 tr(A Cᵀ) = ‖A R − Q‖² + const for S = R Rᵀ and every symmetric A."""
    values, vectors = np.linalg.eigh(square)
    values = np.maximum(values, 0.0)
    # a wave vector that no sample excites has a moment of zero, up to round-off
    significant = values > 1e-14 * values.max()
    root = np.sqrt(np.where(significant, values, 0.0))
    inverse = np.where(significant, 1.0 / np.where(significant, root, 1.0), 0.0)
    return vectors * root[:, None, :], cross @ (vectors * inverse[:, None, :])
