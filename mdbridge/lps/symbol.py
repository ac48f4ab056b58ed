"""The Fourier symbol of the LPS operator on a uniform grid.

The operator is block-diagonal in Fourier space,
L(k) = (λ − μ) g gᵀ + μ G, with
g(k) = (2/m) Σ K W z sin(k·z) and G(k) = (16/m) Σ K W (z⊗z/|z|²)(1 − cos k·z),
where m = Σ K W |z|² is the weighted volume ([You2022, eq. 3.6] for a plane wave).
Both are linear in the ring values K_d/m, which is what learning makes use of.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .material import InfluenceFunction, LinearPeridynamicSolid
from .stencil import Stencil


@dataclass(frozen=True)
class RingSymbols:
    """The symbol's parts ring by ring, for a fixed set of wave vectors.

    Attributes:
        wavevectors: ``(k, 2)`` (1/Å).
        radii: ``(rings,)`` (Å).
        dilatation: ``(k, 2, rings)``: 2 Σ_ring W z sin(k·z).
        deviatoric: ``(k, 3, rings)``: 16 Σ_ring W (xx, xy, yy)/|z|² (1 − cos k·z).
        volume: ``(rings,)``: Σ_ring W |z|².
    """

    wavevectors: NDArray[np.float64]
    radii: NDArray[np.float64]
    dilatation: NDArray[np.float64]
    deviatoric: NDArray[np.float64]
    volume: NDArray[np.float64]


def rings(stencil: Stencil, wavevectors: NDArray[np.float64]) -> RingSymbols:
    """The ring symbols of ``stencil`` at ``wavevectors`` ``(k, 2)`` (1/Å)."""
    z, w = stencil.offsets, stencil.weights
    one_hot = np.equal.outer(stencil.ring, np.arange(len(stencil.radii))).astype(float)
    phase = wavevectors @ z.T
    sine, versine = np.sin(phase), 2 * np.sin(phase / 2) ** 2
    square = (z**2).sum(axis=1)
    pairs = np.stack([z[:, 0] ** 2, z[:, 0] * z[:, 1], z[:, 1] ** 2]) / square
    return RingSymbols(
        wavevectors=wavevectors,
        radii=stencil.radii,
        dilatation=np.stack([(sine * (2 * w * z[:, i])) @ one_hot for i in range(2)], axis=1),
        deviatoric=np.stack([(versine * (16 * w * p)) @ one_hot for p in pairs], axis=1),
        volume=(w * square) @ one_hot,
    )


def parts(
    symbols: RingSymbols,
    ring_values: NDArray[np.float64],
    dilatation_values: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """g ``(k, 2)`` and G ``(k, 2, 2)`` for influence functions with the given ring values.

    ``dilatation_values`` are those of the dilatation, where it has its own.
    """
    scaled = ring_values / (symbols.volume @ ring_values)
    own = ring_values if dilatation_values is None else dilatation_values
    deviatoric = symbols.deviatoric @ scaled
    g = symbols.dilatation @ (own / (symbols.volume @ own))
    return g, deviatoric[:, [0, 1, 1, 2]].reshape(-1, 2, 2)


def bonds(
    influence: InfluenceFunction,
    stencil: Stencil,
    wavevectors: NDArray[np.float64],
    dilatation: InfluenceFunction | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """g ``(k, 2)`` and G ``(k, 2, 2)`` summed bond by bond: cheaper than rings where K is known."""
    z = stencil.offsets
    square = (z**2).sum(axis=1)

    def share(one: InfluenceFunction) -> NDArray[np.float64]:
        strength = one(stencil.radii)[stencil.ring] * stencil.weights
        return strength / (strength @ square)

    phase = wavevectors @ z.T
    pairs = (z[:, :, None] * z[:, None, :] / square[:, None, None]).reshape(-1, 4)
    deviatoric = share(influence)
    volumetric = deviatoric if dilatation is None else share(dilatation)
    g = np.sin(phase) @ (2 * volumetric[:, None] * z)
    big_g = (2 * np.sin(phase / 2) ** 2) @ (16 * deviatoric[:, None] * pairs)
    return g, big_g.reshape(-1, 2, 2)


def operator(material: LinearPeridynamicSolid, symbols: RingSymbols) -> NDArray[np.float64]:
    """L(k) ``(k, 2, 2)`` of ``material`` (TPa/Å²)."""
    g, big_g = parts(symbols, material.influence(symbols.radii), material.dilatation_influence(symbols.radii))
    lam, mu = material.lame_lambda, material.lame_mu
    return (lam - mu) * g[:, :, None] * g[:, None, :] + mu * big_g


def grid_wavevectors(shape: tuple[int, int], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wave vectors of an ``shape`` periodic grid in ``numpy.fft`` order; ``(nx·ny, 2)`` (1/Å)."""
    axes = [2 * np.pi * np.fft.fftfreq(n, length / n) for n, length in zip(shape, box, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def zone_wavevectors(spacing: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """A dense sample of a quarter of the Brillouin zone, without k = 0; ``(count² − 1, 2)`` (1/Å).

    ``count`` points from 0 to π/h along each axis, both ends included.  The
    rest of the zone follows from the mirror symmetry of the stencil.
    """
    axes = [np.linspace(0, np.pi / h, count) for h in spacing]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)[1:]
