"""Spatial smoothing functions and the normalised weights made of them, [You2022, eq. 6.1]."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..fields import NodeGrid

Shape = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Smoothing functions τ of s = |X − x| / R, each zero beyond s = 1.
SHAPES: dict[str, Shape] = {
    "cone": lambda s: np.maximum(0.0, 1.0 - s),
    "paraboloid": lambda s: np.maximum(0.0, 1.0 - s**2),
    # a standard deviation of R/3 leaves 1.1 % of the peak at the rim
    "gaussian": lambda s: np.where(s < 1.0, np.exp(-4.5 * s**2), 0.0),
}


def weights(
    positions: NDArray[np.float64], grid: NodeGrid, radius: float, shape: str = "cone"
) -> sparse.csr_array:
    """Weights ω(x_i, X_ε) of [You2022, eq. 6.1]: each atom's weights over the nodes sum to 1.

    On a grid that is not periodic the sum runs over the grid continued to
    infinity, so that nodes near its edge are treated like the others.

    Args:
        positions: ``(n, 2)`` reference positions X (Å), anywhere in a periodic box.
        grid: the nodes.
        radius: R (Å), the coarse-graining radius.
        shape: one of :data:`SHAPES`.

    Returns:
        ``(nodes, n)`` sparse matrix.
    """
    origin, h, count = np.array(grid.origin), np.array(grid.spacing), np.array(grid.shape)
    reach = np.ceil(radius / h).astype(int)
    window = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    nearest = np.rint((positions - origin) / h).astype(int)
    index = nearest[:, None, :] + window
    distance = np.linalg.norm(origin + index * h - positions[:, None, :], axis=-1)
    tau = SHAPES[shape](distance / radius)
    tau /= tau.sum(axis=1, keepdims=True)
    keep = tau > 0
    if grid.periodic:
        index %= count
    else:
        keep &= np.all((index >= 0) & (index < count), axis=-1)
    node = index[..., 0] * count[1] + index[..., 1]
    atom = np.broadcast_to(np.arange(len(positions))[:, None], node.shape)
    return sparse.csr_array((tau[keep], (node[keep], atom[keep])), shape=(int(count.prod()), len(positions)))
