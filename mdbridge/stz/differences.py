"""Differences on the staggered grid, compiled: gradients, and transport against the wind."""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .pointwise import FAST

Fields = NDArray[np.float64]


@compiled(inline="always", **FAST)
def upwind(speed: float, m2: float, m1: float, c: float, p1: float, p2: float) -> float:
    """Twice the second-order ENO difference at the middle of five values, without a branch."""
    centred = m1 - 2.0 * c + p1
    # of the curvatures on two sides the smaller: no difference reaches across a jump
    aside = (m2 - 2.0 * m1 + c) if speed > 0.0 else (p2 - 2.0 * p1 + c)
    curvature = centred if abs(centred) < abs(aside) else aside
    return (2.0 * (c - m1) + curvature) if speed > 0.0 else (2.0 * (p1 - c) - curvature)


@compiled(inline="always", **FAST)
def advection(f: Fields, j: int, i: int, ru: float, rv: float) -> float:
    """V·∇f at (j, i) with ru = V_x/(2 dx), rv = V_y/(2 dy)."""
    along_x = upwind(ru, f[j, i - 2], f[j, i - 1], f[j, i], f[j, i + 1], f[j, i + 2])
    along_y = upwind(rv, f[j - 2, i], f[j - 1, i], f[j, i], f[j + 1, i], f[j + 2, i])
    return ru * along_x + rv * along_y


@compiled(inline="always", **FAST)
def gradient(f: Fields, j: int, i: int, hx: float, hy: float) -> tuple[float, float]:
    """∂f/∂X, ∂f/∂Y at cell (j, i) of a corner field; hx = 1/(2 dx), hy = 1/(2 dy)."""
    diagonal = f[j + 1, i + 1] - f[j, i]
    other = f[j, i + 1] - f[j + 1, i]
    return hx * (diagonal + other), hy * (diagonal - other)


@compiled(inline="always", **FAST)
def centre(f: Fields, j: int, i: int) -> float:
    """A corner field at the centre of cell (j, i)."""
    return 0.25 * (f[j, i] + f[j, i + 1] + f[j + 1, i] + f[j + 1, i + 1])
