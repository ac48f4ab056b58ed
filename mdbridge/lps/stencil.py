"""The bonds of a node on a uniform grid, sorted into rings of equal length.

On such a grid the influence function enters only through its values at the
distinct bond lengths: a ring is the set of bonds of one length.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import quadrature


@dataclass(frozen=True)
class Stencil:
    """Bonds of one node of a uniform grid within the horizon.

    Attributes:
        spacing: ``(2,)`` node spacings hx, hy (Å).
        horizon: δ (Å).
        index: ``(n, 2)`` integer bond vectors in node spacings.
        offsets: ``(n, 2)`` bond vectors z (Å).
        weights: ``(n,)`` quadrature weights W (Å²).
        ring: ``(n,)`` the ring that each bond belongs to.
        radii: ``(rings,)`` bond length of each ring (Å), ascending.
    """

    spacing: NDArray[np.float64]
    horizon: float
    index: NDArray[np.int64]
    offsets: NDArray[np.float64]
    weights: NDArray[np.float64]
    ring: NDArray[np.int64]
    radii: NDArray[np.float64]

    @property
    def volume(self) -> NDArray[np.float64]:
        """``(rings,)`` Σ W |z|² of each ring (Å⁴): with K, its part of the weighted volume."""
        volumes = self.weights * (self.offsets**2).sum(axis=1)
        return np.asarray(np.bincount(self.ring, volumes, len(self.radii)), dtype=float)


def uniform(spacing: tuple[float, float], horizon: float, near_cell: bool = False) -> Stencil:
    """The stencil of a uniform grid with the quadrature of [You2022, sec. 3.2].

    Args:
        spacing: hx, hy (Å).
        horizon: δ (Å); bonds of exactly that length belong to the stencil.
        near_cell: take the weights nearest to a cell's area, not the smallest (see :mod:`.quadrature`).

    Raises:
        InputError: the horizon holds too few neighbours.
    """
    h = np.array(spacing, dtype=float)
    # a node at exactly δ is a neighbour, however its length is rounded
    reach = np.floor(horizon / h * (1 + 1e-9)).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    length = np.hypot(*(grid * h).T)
    inside = (length > 0) & (length <= horizon * (1 + 1e-9))
    index, length = grid[inside], length[inside]
    # lengths that differ by round-off are one ring
    radii, ring = np.unique(np.round(length / horizon, 9), return_inverse=True)
    return Stencil(
        spacing=h,
        horizon=float(horizon),
        index=index,
        offsets=index * h,
        weights=quadrature.weights(index * h, horizon, near=h.prod() if near_cell else 0.0),
        ring=ring.reshape(-1),
        # the mean: no bond of a ring is better than the others
        radii=np.bincount(ring, weights=length) / np.bincount(ring) if len(radii) else length,
    )
