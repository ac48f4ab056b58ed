"""Compiled kernels of the rates: plastic flow, stress transport, divergence, elastic closure.

Every kernel works on ghosted arrays (see :mod:`.grid`), in place.  The time is
the net strain γ, velocities are in Å, stresses in GPa.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from .grid import CHI, GHOST
from .model import activation, activation_slope

Fields = NDArray[np.float64]
_FAST = {"cache": True, "fastmath": {"contract", "nsz", "arcp", "reassoc"}, "error_model": "numpy"}


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


@numba.njit(inline="always", **_FAST)
def _invariants(s11, s12, s22, szz, t):
    """Pressure tr σ/3 and ½ s:s of σ = T Σ Tᵀ, in place of forming s."""
    xx = t.a * t.a * s11 + 2.0 * t.a * t.b * s12 + t.b * t.b * s22
    xy = t.a * t.c * s11 + (t.a * t.d + t.b * t.c) * s12 + t.b * t.d * s22
    yy = t.c * t.c * s11 + 2.0 * t.c * t.d * s12 + t.d * t.d * s22
    p = (xx + yy + szz) / 3.0
    return p, 0.5 * ((xx - p) ** 2 + (yy - p) ** 2 + (szz - p) ** 2) + xy * xy


@numba.njit(**_FAST)
def plastic_flow(y: Fields, k: Constants, t: Geometry, rate: Fields, flow: Fields) -> float:
    """Plastic stress rate and heating, and D with one ghost layer, [Kontolati2021, eqs. 29, 30, 32].

    Args:
        y: state, ghosts filled.
        k, t: constants and frame.
        rate: its first five fields are *set* at owned cells.
        flow: D, ``(rows + 4, columns + 4)``, set at owned cells and one ghost layer.

    Returns:
        The largest relaxation rate 2μ/s_y max(∂D/∂s̃, D/s̃) of the owned cells:
        the spectral radius of the plastic part.
    """
    rows, columns = flow.shape
    n11 = t.d * t.d + t.b * t.b  # N = T⁻¹ T⁻ᵀ
    n12 = -(t.d * t.c + t.b * t.a)
    n22 = t.c * t.c + t.a * t.a
    stiffest = 0.0
    for j in range(GHOST - 1, rows - GHOST + 1):
        for i in range(GHOST - 1, columns - GHOST + 1):
            p, half_ss = _invariants(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t)
            s = math.sqrt(half_ss) / k.s_y
            inside = GHOST <= j < rows - GHOST and GHOST <= i < columns - GHOST
            if s <= 1.0:
                flow[j, i] = 0.0
                if inside:
                    for f in range(5):
                        rate[f, j, i] = 0.0
                continue
            hop = k.attempt * math.exp(-1.0 / y[4, j, i])
            d = hop * activation(s)
            flow[j, i] = d
            if inside:
                relaxation = 2.0 * k.mu * d / (s * k.s_y)
                stiffest = max(stiffest, relaxation, 2.0 * k.mu / k.s_y * hop * activation_slope(s))
                rate[0, j, i] = -relaxation * (y[0, j, i] - p * n11)
                rate[1, j, i] = -relaxation * (y[1, j, i] - p * n12)
                rate[2, j, i] = -relaxation * (y[2, j, i] - p * n22)
                rate[3, j, i] = -relaxation * (y[3, j, i] - p)
                rate[4, j, i] = 2.0 * s * d * (k.chi_inf - y[4, j, i]) / k.c0
    return stiffest


@numba.njit(inline="always", **_FAST)
def _upwind(speed, m2, m1, c, p1, p2):
    """Twice the second-order ENO difference at the middle of five values, without a branch."""
    centred = m1 - 2.0 * c + p1
    aside = (m2 - 2.0 * m1 + c) if speed > 0.0 else (p2 - 2.0 * p1 + c)
    curvature = centred if abs(centred) < abs(aside) else aside
    return (2.0 * (c - m1) + curvature) if speed > 0.0 else (2.0 * (p1 - c) - curvature)


@numba.njit(inline="always", **_FAST)
def _advection(f, j, i, ru, rv):
    """V·∇f at (j, i) with ru = V_x/(2 dx), rv = V_y/(2 dy)."""
    along_x = _upwind(ru, f[j, i - 2], f[j, i - 1], f[j, i], f[j, i + 1], f[j, i + 2])
    along_y = _upwind(rv, f[j - 2, i], f[j - 1, i], f[j, i], f[j + 1, i], f[j + 2, i])
    return ru * along_x + rv * along_y


@numba.njit(inline="always", **_FAST)
def _gradient(f, j, i, hx, hy):
    """∂f/∂X, ∂f/∂Y at cell (j, i) of a corner field; hx = 1/(2 dx), hy = 1/(2 dy)."""
    diagonal = f[j + 1, i + 1] - f[j, i]
    other = f[j, i + 1] - f[j + 1, i]
    return hx * (diagonal + other), hy * (diagonal - other)


@numba.njit(inline="always", **_FAST)
def _centre(f, j, i):
    """A corner field at the centre of cell (j, i)."""
    return 0.25 * (f[j, i] + f[j, i + 1] + f[j + 1, i] + f[j + 1, i + 1])


@numba.njit(**_FAST)
def transport(y: Fields, velocity: Fields, k: Constants, plastic: Fields, stress_rate: Fields) -> None:
    """In-plane Σ rate without C : D: plastic part and Truesdell transport, [Kontolati2021, eq. 30].

    Args:
        y: state, ghosts filled.
        velocity: V, ``(2, rows + 4, columns + 4)``, ghosts filled.
        plastic: from :func:`plastic_flow`.
        stress_rate: ``(3, rows + 4, columns + 4)``, set at owned cells.
    """
    rows, columns = y.shape[1:]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    vx, vy = velocity[0], velocity[1]
    s11, s12, s22 = y[0], y[1], y[2]
    for row in range(rows - 2 * GHOST):
        for column in range(columns - 2 * GHOST):
            j, i = row + GHOST, column + GHOST
            ru, rv = hx * _centre(vx, j, i), hy * _centre(vy, j, i)
            g11, g12 = _gradient(vx, j, i, hx, hy)
            g21, g22 = _gradient(vy, j, i, hx, hy)
            xx, xy, yy = s11[j, i], s12[j, i], s22[j, i]
            stress_rate[0, j, i] = (
                plastic[0, j, i] + (g11 - g22) * xx + 2.0 * g12 * xy - _advection(s11, j, i, ru, rv)
            )
            stress_rate[1, j, i] = plastic[1, j, i] + g21 * xx + g12 * yy - _advection(s12, j, i, ru, rv)
            stress_rate[2, j, i] = (
                plastic[2, j, i] + (g22 - g11) * yy + 2.0 * g21 * xy - _advection(s22, j, i, ru, rv)
            )


@numba.njit(**_FAST)
def imbalance(stress_rate: Fields, k: Constants, t: Geometry, force: Fields) -> None:
    """T ∇·Σ̇ at the owned corners, ``(2, rows, columns)``; needs one lower ghost layer of ``stress_rate``."""
    rows, columns = force.shape[1:]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for j in range(rows):
        for i in range(columns):
            # the cells around corner (j, i) are (j - 1, i - 1) ... (j, i)
            m, n = j + GHOST - 1, i + GHOST - 1
            xx, _ = _gradient(stress_rate[0], m, n, hx, hy)
            xy_x, xy_y = _gradient(stress_rate[1], m, n, hx, hy)
            _, yy = _gradient(stress_rate[2], m, n, hx, hy)
            fx, fy = xx + xy_y, xy_x + yy
            force[0, j, i] = t.a * fx + t.b * fy
            force[1, j, i] = t.c * fx + t.d * fy


@numba.njit(inline="always", **_FAST)
def _elastic_row(j, velocity, stress_rate, k, t, rate):
    columns = velocity.shape[2]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        g11, g12 = _gradient(velocity[0], j, i, hx, hy)
        g21, g22 = _gradient(velocity[1], j, i, hx, hy)
        # T ∇V T⁻¹ with det T = 1
        h11, h12 = t.a * g11 + t.b * g21, t.a * g12 + t.b * g22
        h21, h22 = t.c * g11 + t.d * g21, t.c * g12 + t.d * g22
        d_xx = h11 * t.d - h12 * t.c + t.stretch_xx
        d_yy = h22 * t.a - h21 * t.b + t.stretch_yy
        d_xy = 0.5 * (h12 * t.a - h11 * t.b + h21 * t.d - h22 * t.c) + t.stretch_xy
        bulk = k.lame * (d_xx + d_yy)
        xx, xy, yy = bulk + 2.0 * k.mu * d_xx, 2.0 * k.mu * d_xy, bulk + 2.0 * k.mu * d_yy
        # T⁻¹ = [[d, -b], [-c, a]]
        p11, p12 = t.d * xx - t.b * xy, t.d * xy - t.b * yy
        p21, p22 = t.a * xy - t.c * xx, t.a * yy - t.c * xy
        rate[0, j, i] = stress_rate[0, j, i] + p11 * t.d - p12 * t.b
        rate[1, j, i] = stress_rate[1, j, i] + p12 * t.a - p11 * t.c
        rate[2, j, i] = stress_rate[2, j, i] + p22 * t.a - p21 * t.c
        rate[3, j, i] += bulk


@numba.njit(**_FAST)
def elastic(velocity: Fields, stress_rate: Fields, k: Constants, t: Geometry, rate: Fields) -> None:
    """In-plane Σ rate: that of :func:`transport` and T⁻¹ (C : D) T⁻ᵀ with the new V.

    Args:
        velocity: V of the projection, ghosts filled.
        stress_rate: from :func:`transport`.
        rate: its first three fields are set at owned cells; the fourth, of
            σ_zz, gets λ tr D added.
    """
    for row in range(velocity.shape[1] - 2 * GHOST):
        _elastic_row(row + GHOST, velocity, stress_rate, k, t, rate)


@numba.njit(inline="always", **_FAST)
def _advect_centred_row(j, y, velocity, k, rate):
    columns = y.shape[2]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        ru, rv = hx * _centre(velocity[0], j, i), hy * _centre(velocity[1], j, i)
        divergence = _gradient(velocity[0], j, i, hx, hy)[0] + _gradient(velocity[1], j, i, hx, hy)[1]
        rate[3, j, i] -= divergence * y[3, j, i] + _advection(y[3], j, i, ru, rv)
        rate[4, j, i] -= _advection(y[4], j, i, ru, rv)


@numba.njit(**_FAST)
def advect_centred(y: Fields, velocity: Fields, k: Constants, rate: Fields) -> None:
    """Add −V·∇σ_zz − tr(∇V) σ_zz and −V·∇χ to the rates (fields 3 and 4)."""
    for row in range(y.shape[1] - 2 * GHOST):
        _advect_centred_row(row + GHOST, y, velocity, k, rate)


@numba.njit(inline="always", **_FAST)
def _advect_map_row(j, y, velocity, k, rate):
    columns = y.shape[2]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        ru, rv = hx * velocity[0, j, i], hy * velocity[1, j, i]
        rate[5, j, i] = -velocity[0, j, i] - _advection(y[5], j, i, ru, rv)
        rate[6, j, i] = -velocity[1, j, i] - _advection(y[6], j, i, ru, rv)


@numba.njit(**_FAST)
def advect_map(y: Fields, velocity: Fields, k: Constants, rate: Fields) -> None:
    """Set −V − V·∇u, the rates of the reference map's u = X_ref − X (fields 5 and 6)."""
    for row in range(y.shape[1] - 2 * GHOST):
        _advect_map_row(row + GHOST, y, velocity, k, rate)


@numba.njit(inline="always", **_FAST)
def _diffuse_row(j, chi, flow, k, t, low, high, rate):
    rows, columns = chi.shape
    n11 = k.diffusion * (t.d * t.d + t.b * t.b)
    n12 = -k.diffusion * (t.d * t.c + t.b * t.a)
    n22 = k.diffusion * (t.c * t.c + t.a * t.a)
    xx, yy, xy = 0.5 * n11 / k.dx**2, 0.5 * n22 / k.dy**2, 0.125 * n12 / (k.dx * k.dy)
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        here = chi[j, i]
        east, west, north, south = chi[j, i + 1], chi[j, i - 1], chi[j + 1, i], chi[j - 1, i]
        ne, nw, se, sw = chi[j + 1, i + 1], chi[j + 1, i - 1], chi[j - 1, i + 1], chi[j - 1, i - 1]
        d_east, d_west = flow[j, i] + flow[j, i + 1], flow[j, i] + flow[j, i - 1]
        d_north, d_south = flow[j, i] + flow[j + 1, i], flow[j, i] + flow[j - 1, i]
        if low and j == GHOST:
            d_south = 0.0
        if high and j == rows - GHOST - 1:
            d_north = 0.0
        rate[j, i] += (
            d_east * (xx * (east - here) + xy * (ne + north - se - south))
            - d_west * (xx * (here - west) + xy * (nw + north - sw - south))
            + d_north * (yy * (north - here) + xy * (ne + east - nw - west))
            - d_south * (yy * (here - south) + xy * (se + east - sw - west))
        )


@numba.njit(**_FAST)
def diffuse(
    chi: Fields, flow: Fields, k: Constants, t: Geometry, low: bool, high: bool, rate: Fields
) -> None:
    """Add ∇·(a D T⁻¹T⁻ᵀ ∇χ) to the rate of χ, [Kontolati2021, eq. 29] in the sheared frame.

    Fluxes at faces, D averaged; none through a plate (``low``, ``high``: this
    block touches one), so that diffusion conserves ∫χ exactly.
    """
    for row in range(len(chi) - 2 * GHOST):
        _diffuse_row(row + GHOST, chi, flow, k, t, low, high, rate)


@numba.njit(**_FAST)
def close(
    y: Fields,
    velocity: Fields,
    stress_rate: Fields,
    flow: Fields,
    k: Constants,
    t: Geometry,
    low: bool,
    high: bool,
    rate: Fields,
) -> None:
    """All that the projected V enters: the four kernels above, row by row while the rows are in the cache."""
    for row in range(y.shape[1] - 2 * GHOST):
        j = row + GHOST
        _elastic_row(j, velocity, stress_rate, k, t, rate)
        _advect_centred_row(j, y, velocity, k, rate)
        _advect_map_row(j, y, velocity, k, rate)
        _diffuse_row(j, y[CHI], flow, k, t, low, high, rate[CHI])
