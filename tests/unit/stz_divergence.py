"""The four-cell divergence of a stress rate, written as slices of arrays."""

import numpy as np


def divergence(stress_rate, grid, matrix):
    """T ∇·Σ̇ at the owned corners, ``(2, ny, nx)``, of ``(3, ny + 4, nx + 4)`` with ghosts filled."""
    low, high = slice(1, -3), slice(2, -2)
    south_west, south_east = stress_rate[:, low, low], stress_rate[:, low, high]
    north_west, north_east = stress_rate[:, high, low], stress_rate[:, high, high]
    along_x = (south_east + north_east - south_west - north_west) / (2.0 * grid.dx)
    along_y = (north_west + north_east - south_west - south_east) / (2.0 * grid.dy)
    return np.einsum("ij,jyx->iyx", matrix, [along_x[0] + along_y[1], along_x[1] + along_y[2]])
