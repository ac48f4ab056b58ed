"""What the projected velocity adds to a stage: elasticity, and the diffusion that waited for it; compiled."""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .differences import gradient
from .pointwise import FAST, Constants, Geometry
from .staggered import GHOST

Fields = NDArray[np.float64]


@compiled(**FAST)
def close(velocity: Fields, diffusion: Fields, k: Constants, t: Geometry, weight: float, out: Fields) -> None:
    """Add ``weight`` times T⁻¹ (C : D) T⁻ᵀ of the projected V to the stress, and diffusion to χ.

    Args:
        velocity: V, ghosts filled.
        diffusion: ``(rows, columns)``.
        k, t: constants and frame.
        weight: of the rates.
        out: the sum of :func:`.localstage.local_stage`.
    """
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    rows, columns = diffusion.shape
    for row in range(rows):
        j = row + GHOST
        for column in range(columns):
            i = column + GHOST
            g11, g12 = gradient(velocity[0], j, i, hx, hy)
            g21, g22 = gradient(velocity[1], j, i, hx, hy)
            # T ∇V T⁻¹ with det T = 1
            h11, h12 = t.a * g11 + t.b * g21, t.a * g12 + t.b * g22
            h21, h22 = t.c * g11 + t.d * g21, t.c * g12 + t.d * g22
            d_xx = h11 * t.d - h12 * t.c + t.stretch_xx
            d_yy = h22 * t.a - h21 * t.b + t.stretch_yy
            d_xy = 0.5 * (h12 * t.a - h11 * t.b + h21 * t.d - h22 * t.c) + t.stretch_xy
            bulk, shear = weight * k.lame * (d_xx + d_yy), weight * 2.0 * k.mu
            xx, xy, yy = bulk + shear * d_xx, shear * d_xy, bulk + shear * d_yy
            # T⁻¹ = [[d, -b], [-c, a]]
            p11, p12 = t.d * xx - t.b * xy, t.d * xy - t.b * yy
            p21, p22 = t.a * xy - t.c * xx, t.a * yy - t.c * xy
            out[0, j, i] += p11 * t.d - p12 * t.b
            out[1, j, i] += p12 * t.a - p11 * t.c
            out[2, j, i] += p22 * t.a - p21 * t.c
            out[3, j, i] += bulk
            out[4, j, i] += weight * diffusion[row, column]
