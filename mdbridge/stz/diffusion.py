"""Diffusion of the effective temperature in the sheared frame, compiled."""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .pointwise import FAST, Constants, Geometry, metric
from .staggered import GHOST

Fields = NDArray[np.float64]


@compiled(inline="always", **FAST)
def diffusion_row(
    row: int,
    chi: Fields,
    flow: Fields,
    k: Constants,
    t: Geometry,
    shut_south: bool,
    shut_north: bool,
    out: Fields,
) -> None:
    """Row ``row`` of the diffusion of :class:`.localstage.Local`, with no flux through what is shut.

    ``flow``, ``(3, columns + 4)``, is D of the row below, the row itself, the row above.
    """
    n11, n12, n22 = metric(t)
    # a half, for d_east and its like are sums of two D; and a quarter more across, where the slope is one
    # over four cells
    xx, yy = 0.5 * k.diffusion * n11 / k.dx**2, 0.5 * k.diffusion * n22 / k.dy**2
    xy = 0.125 * k.diffusion * n12 / (k.dx * k.dy)
    j = row + GHOST
    for column in range(out.shape[1]):
        i = column + GHOST
        here = chi[j, i]
        east, west, north, south = chi[j, i + 1], chi[j, i - 1], chi[j + 1, i], chi[j - 1, i]
        ne, nw, se, sw = chi[j + 1, i + 1], chi[j + 1, i - 1], chi[j - 1, i + 1], chi[j - 1, i - 1]
        d_east, d_west = flow[1, i] + flow[1, i + 1], flow[1, i] + flow[1, i - 1]
        d_north = 0.0 if shut_north else flow[1, i] + flow[2, i]
        d_south = 0.0 if shut_south else flow[1, i] + flow[0, i]
        out[row, column] = (
            d_east * (xx * (east - here) + xy * (ne + north - se - south))
            - d_west * (xx * (here - west) + xy * (nw + north - sw - south))
            + d_north * (yy * (north - here) + xy * (ne + east - nw - west))
            - d_south * (yy * (here - south) + xy * (se + east - sw - west))
        )
