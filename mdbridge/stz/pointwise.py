"""What the material does at one place: stress measures and plastic flow, compiled.

The time is the length of the path of the strain γ, stresses are in GPa; the state is of :mod:`.staggered`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.loops import Compilation, compiled
from .ratelaw import activation, decaying
from .staggered import GHOST

Fields = NDArray[np.float64]

FAST: Compilation = {
    # not "nnan" and "ninf": a number that is none must live on, for the step that made it to be refused
    "fastmath": {"contract", "nsz", "arcp", "reassoc"},
    "error_model": "numpy",
}
"""Liberties that the loops over cells give the compiler."""


class Constants(NamedTuple):
    """What does not change in a run: material and spacing."""

    mu: float
    lame: float
    s_y: float
    chi_inf: float
    c0: float
    attempt: float
    diffusion: float
    dx: float
    dy: float


class Geometry(NamedTuple):
    """T at one γ and the frame's own stretching sym(Ṫ T⁻¹)."""

    a: float
    b: float
    c: float
    d: float
    stretch_xx: float
    stretch_xy: float
    stretch_yy: float


@compiled(inline="always", **FAST)
def metric(t: Geometry) -> tuple[float, float, float]:
    """N = T⁻¹ T⁻ᵀ with det T = 1: N11, N12, N22."""
    return t.d * t.d + t.b * t.b, -(t.d * t.c + t.b * t.a), t.c * t.c + t.a * t.a


@compiled(inline="always", **FAST)
def pressure(s11: float, s12: float, s22: float, szz: float, t: Geometry) -> float:
    """tr σ/3 of σ = T Σ Tᵀ."""
    xx_yy = (
        (t.a * t.a + t.c * t.c) * s11 + 2.0 * (t.a * t.b + t.c * t.d) * s12 + (t.b * t.b + t.d * t.d) * s22
    )
    return (xx_yy + szz) / 3.0


@compiled(inline="always", **FAST)
def physical(s11: float, s12: float, s22: float, t: Geometry) -> tuple[float, float, float]:
    """σ_xx, σ_xy, σ_yy of σ = T Σ Tᵀ."""
    xx = t.a * t.a * s11 + 2.0 * t.a * t.b * s12 + t.b * t.b * s22
    xy = t.a * t.c * s11 + (t.a * t.d + t.b * t.c) * s12 + t.b * t.d * s22
    yy = t.c * t.c * s11 + 2.0 * t.c * t.d * s12 + t.d * t.d * s22
    return xx, xy, yy


@compiled(inline="always", **FAST)
def overstress(s11: float, s12: float, s22: float, szz: float, t: Geometry, s_y: float) -> float:
    """s̃ = sqrt(½ s:s)/s_y."""
    xx, xy, yy = physical(s11, s12, s22, t)
    p = (xx + yy + szz) / 3.0
    half_ss = 0.5 * ((xx - p) ** 2 + (yy - p) ** 2 + (szz - p) ** 2) + xy * xy
    return math.sqrt(half_ss) / s_y


@compiled(inline="always", **FAST)
def larger(a: float, b: float) -> float:
    """The maximum in a form that the compiler makes a vector instruction of; NaN in ``a`` is passed over."""
    return a if a > b else b


@compiled(**FAST)
def plastic_flow(y: Fields, k: Constants, t: Geometry, out: Fields) -> None:
    """D at owned cells, ``(rows, columns)``."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            j, i = row + GHOST, column + GHOST
            s = overstress(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t, k.s_y)
            out[row, column] = k.attempt * decaying(1.0 / y[4, j, i]) * activation(larger(s, 1.0))[0]


@compiled(**FAST)
def largest_overstress(y: Fields, k: Constants, t: Geometry) -> float:
    """The largest s̃ − 1 of owned cells; 0 below yield."""
    largest = 1.0
    for j in range(GHOST, y.shape[1] - GHOST):
        for i in range(GHOST, y.shape[2] - GHOST):
            s = overstress(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t, k.s_y)
            largest = larger(s, largest)
    return largest - 1.0


@compiled(**FAST)
def sums(y: Fields, k: Constants, t: Geometry) -> tuple[float, float, float]:
    """Σ over owned cells of σ_xy (GPa), s̃ s_y (GPa) and σ : D^pl = 2 s̃ s_y D (GPa per unit of strain)."""
    shear, deviator, power = 0.0, 0.0, 0.0
    flow = np.zeros((y.shape[1] - 2 * GHOST, y.shape[2] - 2 * GHOST))
    plastic_flow(y, k, t, flow)
    for j in range(GHOST, y.shape[1] - GHOST):
        for i in range(GHOST, y.shape[2] - GHOST):
            s = overstress(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t, k.s_y) * k.s_y
            shear += physical(y[0, j, i], y[1, j, i], y[2, j, i], t)[1]
            deviator += s
            power += 2.0 * s * flow[j - GHOST, i - GHOST]
    return shear, deviator, power
