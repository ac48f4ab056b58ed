"""Rates of change along one row of the grid, compiled into :func:`.localstage.local_stage`.

On large grids memory is what costs, so that rates are made row by row and used while the row is
in the cache.  Rows carry ghost columns (see :mod:`.staggered`); velocities are in Å.
"""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .differences import advection, centre, gradient
from .pointwise import FAST, Constants, Geometry, larger, metric, overstress, pressure
from .ratelaw import activation, decaying
from .staggered import GHOST

Fields = NDArray[np.float64]


@compiled(inline="always", **FAST)
def flow_row(
    j: int,
    y: Fields,
    k: Constants,
    t: Geometry,
    flow: Fields,
    relaxation: Fields,
    stiffness: Fields,
    peaks: Fields,
) -> None:
    """D, 2μD/(s̃ s_y) and the larger of that and 2μ/s_y ∂D/∂s̃, of row j with one ghost column.

    D becomes the last of three rows of ``flow``; the last two of ``peaks``, by columns, rise to the row's.
    No branch: 1 - 1/s̃ and with it all flow vanish where s̃ is raised to 1.
    """
    for column in range(y.shape[2] - 2 * GHOST + 2):
        i = column + GHOST - 1
        xx, xy, yy, zz = y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i]
        s = larger(overstress(xx, xy, yy, zz, t, k.s_y), 1.0)
        hop = k.attempt * decaying(1.0 / y[4, j, i])
        rate, slope = activation(s)
        d = hop * rate
        relaxed = 2.0 * k.mu / k.s_y * d / s
        flow[2, i] = d
        relaxation[i] = relaxed
        stiffness[i] = larger(relaxed, 2.0 * k.mu / k.s_y * hop * slope)
        peaks[2, i] = larger(d, peaks[2, i])
        peaks[3, i] = larger(larger(larger(abs(xx), abs(xy)), abs(yy)), peaks[3, i])


@compiled(inline="always", **FAST)
def extrapolated_row(j: int, velocity: Fields, earlier: Fields, ratio: float, rows: Fields) -> None:
    """Move the second row of ``rows`` to the first; the second is V at row j, ``ratio`` intervals farther."""
    for c in range(2):
        for i in range(rows.shape[2]):
            rows[c, 0, i] = rows[c, 1, i]
            rows[c, 1, i] = velocity[c, j, i] + ratio * (velocity[c, j, i] - earlier[c, j, i])


@compiled(inline="always", **FAST)
def motion_row(v: Fields, k: Constants, m: Fields) -> None:
    """Of a row of cells: V_x/(2 dx), V_y/(2 dy), ∂V_x/∂X, ∂V_x/∂Y, ∂V_y/∂X, ∂V_y/∂Y."""
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(v.shape[2] - 2 * GHOST):
        i = column + GHOST
        m[0, i], m[1, i] = hx * centre(v[0], 0, i), hy * centre(v[1], 0, i)
        m[2, i], m[3, i] = gradient(v[0], 0, i, hx, hy)
        m[4, i], m[5, i] = gradient(v[1], 0, i, hx, hy)


@compiled(inline="always", **FAST)
def fastest_row(
    stiffness: Fields, flow: Fields, m: Fields, k: Constants, t: Geometry, ceiling: float, peaks: Fields
) -> None:
    """Raise the first two of ``peaks`` to :func:`.localstage.local_stage` returns, of a row of cells."""
    n11, _, n22 = metric(t)
    # the largest eigenvalue of the diffusion's differences where D is 1
    spread = 4.0 * k.diffusion * (n11 / k.dx**2 + n22 / k.dy**2)
    for column in range(len(stiffness) - 2 * GHOST):
        i = column + GHOST
        d = spread * flow[2, i]
        d = d if d < ceiling else ceiling
        # motion has V/(2 dx): eight times that is four times the cells crossed
        peaks[0, i] = larger(larger(stiffness[i], d) + 8.0 * (abs(m[0, i]) + abs(m[1, i])), peaks[0, i])
        peaks[1, i] = larger(stiffness[i], peaks[1, i])


@compiled(inline="always", **FAST)
def stress_row(
    line: int, j: int, y: Fields, m: Fields, t: Geometry, relaxation: Fields, rate: Fields
) -> None:
    """Fields 0 … 3: plastic relaxation and Truesdell transport of Σ and σ_zz, [Kontolati2021, eq. 30]."""
    n11, n12, n22 = metric(t)
    columns = y.shape[2] - 2 * GHOST
    for column in range(columns):
        i = column + GHOST
        xx, xy, yy, zz = y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i]
        # Truesdell: ∇V Σ + Σ ∇Vᵀ − tr(∇V) Σ leaves of the diagonal the difference of the stretches, and for
        # Σ_xy neither; the deviator T⁻¹ s T⁻ᵀ is Σ − p N
        p, relaxed, stretch = pressure(xx, xy, yy, zz, t), relaxation[i], m[2, i] - m[5, i]
        rate[0, line, i] = stretch * xx + 2.0 * m[3, i] * xy - relaxed * (xx - p * n11)
        rate[1, line, i] = m[4, i] * xx + m[3, i] * yy - relaxed * (xy - p * n12)
        rate[2, line, i] = -stretch * yy + 2.0 * m[4, i] * xy - relaxed * (yy - p * n22)
        rate[3, line, i] = -(m[2, i] + m[5, i]) * zz - relaxed * (zz - p)
    for f in range(4):
        for column in range(columns):
            i = column + GHOST
            rate[f, line, i] -= advection(y[f], j, i, m[0, i], m[1, i])
    for f in range(3):  # what the force at the first column needs
        rate[f, line, GHOST - 1] = rate[f, line, y.shape[2] - GHOST - 1]


@compiled(inline="always", **FAST)
def chi_row(
    line: int, j: int, y: Fields, m: Fields, flow: Fields, relaxation: Fields, k: Constants, rate: Fields
) -> None:
    """Field 4: heating by plastic work and advection, [Kontolati2021, eq. 29]."""
    work = 4.0 * k.mu / (k.s_y * k.c0)
    for column in range(y.shape[2] - 2 * GHOST):
        i = column + GHOST
        d, relaxed = flow[2, i], relaxation[i]
        # s̃ from what is at hand: relaxed = 2 μ D/(s̃ s_y)
        heating = work * d * d / relaxed if relaxed > 0.0 else 0.0  # 2 s̃ D/c0
        rate[4, line, i] = heating * (k.chi_inf - y[4, j, i]) - advection(y[4], j, i, m[0, i], m[1, i])


@compiled(inline="always", **FAST)
def imbalance_row(row: int, line: int, stress_rate: Fields, k: Constants, t: Geometry, force: Fields) -> None:
    """Row ``row`` of corners: the cells around it are lines ``line`` - 1 and ``line`` of ``stress_rate``."""
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(force.shape[2]):
        m, n = line - 1, column + GHOST - 1
        xx, _ = gradient(stress_rate[0], m, n, hx, hy)
        xy_x, xy_y = gradient(stress_rate[1], m, n, hx, hy)
        _, yy = gradient(stress_rate[2], m, n, hx, hy)
        fx, fy = xx + xy_y, xy_x + yy
        # T times the divergence: the projection works in physical components
        force[0, row, column] = t.a * fx + t.b * fy
        force[1, row, column] = t.c * fx + t.d * fy
