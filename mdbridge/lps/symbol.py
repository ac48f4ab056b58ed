"""The Fourier symbol of the LPS operator on a uniform grid.

The operator is block-diagonal in Fourier space,
L(k) = (λ − μ) g gᵀ + μ G, with
g(k) = (2/m) Σ K W z sin(k·z) and G(k) = (16/m) Σ K W (z⊗z/|z|²)(1 − cos k·z),
where m = Σ K W |z|² is the weighted volume ([You2022, eq. 3.6] for a plane wave).
Both are linear in K/m, which is what learning makes use of: their slopes with respect to
whatever K depends on are g and G of the slopes of K/m.
"""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .kernel import InfluenceFunction, share
from .material import C1, C2, LinearPeridynamicSolid, combined
from .stencil import Stencil

Array = NDArray[np.float64]


class Matrix(Protocol):
    """An array of numpy or a tensor of torch."""

    def __matmul__(self, other: Any, /) -> Any:
        """The matrix product."""


M = TypeVar("M", bound=Matrix)


@dataclass(frozen=True)
class RingSymbols(Generic[M]):
    """The symbol's parts ring by ring, for a fixed set of wave vectors.

    Attributes:
        wavevectors: ``(k, 2)`` (1/Å).
        radii: ``(rings,)`` (Å).
        dilatation: ``(2k, rings)``: x and y of 2 Σ W z sin(k·z) (Å³), for each wave vector.
        deviatoric: ``(4k, rings)``: xx, xy, yx, yy of 16 Σ W (z⊗z/|z|²)(1 − cos k·z) (Å²).
        volume: ``(rings,)``: Σ W |z|² (Å⁴).
        quadrature: of the stencil, which makes the strengths K W of K on the rings.
    """

    wavevectors: Array
    radii: Array
    dilatation: M
    deviatoric: M
    volume: Array
    quadrature: str

    def g(self, shares: Any) -> Any:
        """g ``(k, 2)`` of K/m on the rings ``(rings,)``; of slopes ``(rings, p)`` ``(k, 2, p)``."""
        return (self.dilatation @ shares).reshape(-1, 2, *shares.shape[1:])

    def big_g(self, shares: Any) -> Any:
        """G ``(k, 2, 2)`` of K/m on the rings ``(rings,)``; of slopes ``(rings, p)`` ``(k, 2, 2, p)``."""
        return (self.deviatoric @ shares).reshape(-1, 2, 2, *shares.shape[1:])


def rings(stencil: Stencil, wavevectors: Array) -> RingSymbols[Array]:
    """The ring symbols of ``stencil`` at ``wavevectors`` ``(k, 2)`` (1/Å)."""
    sine, versine, pull, pairs = _waves(stencil, wavevectors)

    def by_ring(wave: Array, factors: Array) -> Array:
        columns = [wave @ (factor[:, None] * stencil.strength) for factor in factors.T]
        return np.stack(columns, axis=1).reshape(-1, len(stencil.radii))

    return RingSymbols(
        wavevectors=wavevectors,
        radii=stencil.radii,
        dilatation=by_ring(sine, pull),
        deviatoric=by_ring(versine, pairs),
        volume=stencil.volume,
        quadrature=stencil.quadrature,
    )


def parts(
    symbols: RingSymbols[Array], ring_values: Array, dilatation_values: Array | None = None
) -> tuple[Array, Array]:
    """g ``(k, 2)`` and G ``(k, 2, 2)`` for influence functions with the given ring values.

    ``dilatation_values`` are those of the dilatation, where it has its own.
    """
    own = ring_values if dilatation_values is None else dilatation_values
    return symbols.g(share(own, symbols.volume)), symbols.big_g(share(ring_values, symbols.volume))


def bonds(
    influence: InfluenceFunction,
    stencil: Stencil,
    wavevectors: Array,
    dilatation: InfluenceFunction | None = None,
) -> tuple[Array, Array]:
    """g ``(k, 2)`` and G ``(k, 2, 2)`` summed bond by bond: cheaper than rings where K is known."""
    sine, versine, pull, pairs = _waves(stencil, wavevectors)

    def of_bonds(function: InfluenceFunction) -> Array:
        return (stencil.strength @ share(function(stencil.radii), stencil.volume))[:, None]

    deviatoric = of_bonds(influence)
    volumetric = deviatoric if dilatation is None else of_bonds(dilatation)
    g, big_g = sine @ (volumetric * pull), versine @ (deviatoric * pairs)
    return g, big_g.reshape(-1, 2, 2)


def _waves(stencil: Stencil, wavevectors: Array) -> tuple[Array, Array, Array, Array]:
    """Sine and versine of k·z, both ``(k, n)``, and their factors in g ``(n, 2)`` and in G ``(n, 4)``."""
    z = stencil.offsets
    phase = wavevectors @ z.T
    pairs = (z[:, :, None] * z[:, None, :]).reshape(-1, 4) / (z**2).sum(axis=1, keepdims=True)
    # 1 − cos without cancellation: for long waves nothing would be left of it
    return np.sin(phase), 2 * np.sin(phase / 2) ** 2, C1 * z, C2 * pairs


def compose(lame_lambda: Any, lame_mu: Any, g: Any, big_g: Any) -> Any:
    """L = (λ − μ) g gᵀ + μ G, ``(k, 2, 2)``, of arrays or of tensors."""
    return combined(lame_lambda, lame_mu, g[:, :, None] * g[:, None, :], big_g)


def compose_slopes(lame_lambda: float, lame_mu: float, g: Array, dg: Array, d_big_g: Array) -> Array:
    """Slopes of :func:`compose` ``(k, 2, 2, p)`` from those of g ``(k, 2, p)`` and of G ``(k, 2, 2, p)``."""
    # at fixed λ and μ, by the product rule; slopes with respect to these are combined_slopes
    outer = dg[:, :, None] * g[:, None, :, None]
    return combined(lame_lambda, lame_mu, outer + np.swapaxes(outer, 1, 2), d_big_g)


def operator(material: LinearPeridynamicSolid, symbols: RingSymbols[Array]) -> Array:
    """L(k) ``(k, 2, 2)`` of ``material`` (TPa/Å²).

    Raises:
        ValueError: the rings are of another quadrature than the material.
    """
    material.require_quadrature(symbols.quadrature)
    own = material.own_dilatation
    g, big_g = parts(symbols, material.influence(symbols.radii), None if own is None else own(symbols.radii))
    return compose(material.lame_lambda, material.lame_mu, g, big_g)


def departure(material: LinearPeridynamicSolid, grid: Stencil, other: Stencil, shortest: float) -> float:
    """How far L on one grid is from L on another: the largest relative difference over plane waves.

    Args:
        shortest: length (Å) of the shortest wave; the longest is 16 times as long.

    Raises:
        ValueError: a stencil is of another quadrature than the material.
    """
    angles = np.linspace(0.0, np.pi, 16, endpoint=False)
    numbers = 2 * np.pi / (shortest * np.array([1.0, 1.5, 2.0, 4.0, 16.0]))
    k = (numbers[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)).reshape(-1, 2)
    here, there = (operator(material, rings(each, k)) for each in (grid, other))
    # of each wave by itself: L of long ones is small
    sizes = [np.linalg.norm(each, axis=(1, 2)) for each in (here - there, there)]
    return float((sizes[0] / sizes[1]).max())


def grid_wavevectors(shape: tuple[int, int], box: Array) -> Array:
    """Wave vectors of an ``shape`` periodic grid in ``numpy.fft`` order; ``(nx·ny, 2)`` (1/Å)."""
    axes = [2 * np.pi * np.fft.fftfreq(n, length / n) for n, length in zip(shape, box, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def zone_wavevectors(spacing: Array, count: int) -> Array:
    """A dense sample of a quarter of the Brillouin zone, without k = 0; ``(count² − 1, 2)`` (1/Å).

    ``count`` points from 0 to π/h along each axis, both ends included.  The
    rest of the zone follows from the mirror symmetry of the stencil.
    """
    # both ends: the conditions are to hold on the closed zone
    axes = [np.linspace(0, np.pi / h, count) for h in spacing]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)[1:]
