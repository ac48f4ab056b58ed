"""Green–Lagrange strain from the reference map, [Kontolati2021, sec. 5.1.3; stz.md's E = ½(FᵀF − I)]."""

import numpy as np
from numpy.typing import NDArray

from .staggered import GHOST

Fields = NDArray[np.float64]


def green_lagrange(
    displacement: Fields, matrix: NDArray[np.float64], dx: float, dy: float
) -> tuple[Fields, Fields, Fields]:
    """E_xx, E_xy, E_yy at the owned corners, dimensionless, each ``(rows, columns)``.

    F = T (∂X_ref/∂X)⁻¹ with centred differences of u = X_ref − X.

    Args:
        displacement: u in Å at corners with ghosts filled, ``(2, rows + 4, columns + 4)``.
        matrix: T, ``(2, 2)``.
        dx, dy: spacing in Å.
    """
    inner, g = slice(GHOST, -GHOST), GHOST
    right, left = slice(g + 1, displacement.shape[2] - g + 1), slice(g - 1, displacement.shape[2] - g - 1)
    upper, lower = slice(g + 1, displacement.shape[1] - g + 1), slice(g - 1, displacement.shape[1] - g - 1)
    along_x = (displacement[:, inner, right] - displacement[:, inner, left]) / (2.0 * dx)
    along_y = (displacement[:, upper, inner] - displacement[:, lower, inner]) / (2.0 * dy)
    a, b = 1.0 + along_x[0], along_y[0]
    c, d = along_x[1], 1.0 + along_y[1]
    determinant = a * d - b * c
    # A⁻ᵀ C A⁻¹ with A = ∂X_ref/∂X and C = Tᵀ T
    (c11, c12), (_, c22) = matrix.T @ matrix
    xx = (c11 * d * d - 2.0 * c12 * c * d + c22 * c * c) / determinant**2
    xy = (-c11 * b * d + c12 * (a * d + b * c) - c22 * a * c) / determinant**2
    yy = (c11 * b * b - 2.0 * c12 * a * b + c22 * a * a) / determinant**2
    return 0.5 * (xx - 1.0), 0.5 * xy, 0.5 * (yy - 1.0)
