"""Compiled kernels: plastic flow, diffusion, transport, divergence, elastic closure, the reference map.

Every kernel works on ghosted arrays (see :mod:`.grid`), in place.  The time is
the net strain γ, velocities are in Å, stresses in GPa.  On large grids memory is
what costs, so that rates are made row by row and used while the row is in the cache.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.loops import Compilation, compiled
from .ratelaw import activation, decaying
from .staggered import GHOST

Fields = NDArray[np.float64]
_LINES = 32  # rows made at a time: few enough for the cache, enough for memory to be read in one go
_FAST: Compilation = {
    # not "nnan" and "ninf": a number that is none must live on, for the step that made it to be refused
    "fastmath": {"contract", "nsz", "arcp", "reassoc"},
    "error_model": "numpy",
}


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


class Weights(NamedTuple):
    """Of a stage: base Y0 + base_rate F0 + last Y + before Y' + rate F(Y).

    What has no weight is not read, if F0 has none where Y' has none.
    """

    base: float
    base_rate: float
    last: float
    before: float
    rate: float


@compiled(inline="always", **_FAST)
def metric(t: Geometry) -> tuple[float, float, float]:
    """N = T⁻¹ T⁻ᵀ with det T = 1: N11, N12, N22."""
    return t.d * t.d + t.b * t.b, -(t.d * t.c + t.b * t.a), t.c * t.c + t.a * t.a


@compiled(inline="always", **_FAST)
def _pressure(s11: float, s12: float, s22: float, szz: float, t: Geometry) -> float:
    """tr σ/3 of σ = T Σ Tᵀ."""
    xx_yy = (
        (t.a * t.a + t.c * t.c) * s11 + 2.0 * (t.a * t.b + t.c * t.d) * s12 + (t.b * t.b + t.d * t.d) * s22
    )
    return (xx_yy + szz) / 3.0


@compiled(inline="always", **_FAST)
def _physical(s11: float, s12: float, s22: float, t: Geometry) -> tuple[float, float, float]:
    """σ_xx, σ_xy, σ_yy of σ = T Σ Tᵀ."""
    xx = t.a * t.a * s11 + 2.0 * t.a * t.b * s12 + t.b * t.b * s22
    xy = t.a * t.c * s11 + (t.a * t.d + t.b * t.c) * s12 + t.b * t.d * s22
    yy = t.c * t.c * s11 + 2.0 * t.c * t.d * s12 + t.d * t.d * s22
    return xx, xy, yy


@compiled(inline="always", **_FAST)
def _overstress(s11: float, s12: float, s22: float, szz: float, t: Geometry, s_y: float) -> float:
    """s̃ = sqrt(½ s:s)/s_y."""
    xx, xy, yy = _physical(s11, s12, s22, t)
    p = (xx + yy + szz) / 3.0
    half_ss = 0.5 * ((xx - p) ** 2 + (yy - p) ** 2 + (szz - p) ** 2) + xy * xy
    return math.sqrt(half_ss) / s_y


@compiled(inline="always", **_FAST)
def _larger(a: float, b: float) -> float:
    """The maximum in a form that the compiler makes a vector instruction of; NaN in ``a`` is passed over."""
    return a if a > b else b


@compiled(inline="always", **_FAST)
def _flow_row(
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
        s = _larger(_overstress(xx, xy, yy, zz, t, k.s_y), 1.0)
        hop = k.attempt * decaying(1.0 / y[4, j, i])
        rate, slope = activation(s)
        d = hop * rate
        relaxed = 2.0 * k.mu / k.s_y * d / s
        flow[2, i] = d
        relaxation[i] = relaxed
        stiffness[i] = _larger(relaxed, 2.0 * k.mu / k.s_y * hop * slope)
        peaks[2, i] = _larger(d, peaks[2, i])
        peaks[3, i] = _larger(_larger(_larger(abs(xx), abs(xy)), abs(yy)), peaks[3, i])


@compiled(inline="always", **_FAST)
def _upwind(speed: float, m2: float, m1: float, c: float, p1: float, p2: float) -> float:
    """Twice the second-order ENO difference at the middle of five values, without a branch."""
    centred = m1 - 2.0 * c + p1
    # of the curvatures on two sides the smaller: no difference reaches across a jump
    aside = (m2 - 2.0 * m1 + c) if speed > 0.0 else (p2 - 2.0 * p1 + c)
    curvature = centred if abs(centred) < abs(aside) else aside
    return (2.0 * (c - m1) + curvature) if speed > 0.0 else (2.0 * (p1 - c) - curvature)


@compiled(inline="always", **_FAST)
def _advection(f: Fields, j: int, i: int, ru: float, rv: float) -> float:
    """V·∇f at (j, i) with ru = V_x/(2 dx), rv = V_y/(2 dy)."""
    along_x = _upwind(ru, f[j, i - 2], f[j, i - 1], f[j, i], f[j, i + 1], f[j, i + 2])
    along_y = _upwind(rv, f[j - 2, i], f[j - 1, i], f[j, i], f[j + 1, i], f[j + 2, i])
    return ru * along_x + rv * along_y


@compiled(inline="always", **_FAST)
def _gradient(f: Fields, j: int, i: int, hx: float, hy: float) -> tuple[float, float]:
    """∂f/∂X, ∂f/∂Y at cell (j, i) of a corner field; hx = 1/(2 dx), hy = 1/(2 dy)."""
    diagonal = f[j + 1, i + 1] - f[j, i]
    other = f[j, i + 1] - f[j + 1, i]
    return hx * (diagonal + other), hy * (diagonal - other)


@compiled(inline="always", **_FAST)
def _centre(f: Fields, j: int, i: int) -> float:
    """A corner field at the centre of cell (j, i)."""
    return 0.25 * (f[j, i] + f[j, i + 1] + f[j + 1, i] + f[j + 1, i + 1])


@compiled(inline="always", **_FAST)
def _extrapolated_row(j: int, velocity: Fields, earlier: Fields, ratio: float, rows: Fields) -> None:
    """Move the second row of ``rows`` to the first; the second is V at row j, ``ratio`` intervals farther."""
    for c in range(2):
        for i in range(rows.shape[2]):
            rows[c, 0, i] = rows[c, 1, i]
            rows[c, 1, i] = velocity[c, j, i] + ratio * (velocity[c, j, i] - earlier[c, j, i])


@compiled(inline="always", **_FAST)
def _motion_row(v: Fields, k: Constants, m: Fields) -> None:
    """Of a row of cells: V_x/(2 dx), V_y/(2 dy), ∂V_x/∂X, ∂V_x/∂Y, ∂V_y/∂X, ∂V_y/∂Y."""
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(v.shape[2] - 2 * GHOST):
        i = column + GHOST
        m[0, i], m[1, i] = hx * _centre(v[0], 0, i), hy * _centre(v[1], 0, i)
        m[2, i], m[3, i] = _gradient(v[0], 0, i, hx, hy)
        m[4, i], m[5, i] = _gradient(v[1], 0, i, hx, hy)


@compiled(inline="always", **_FAST)
def _fastest_row(
    stiffness: Fields, flow: Fields, m: Fields, k: Constants, t: Geometry, ceiling: float, peaks: Fields
) -> None:
    """Raise the first two of ``peaks`` to what local_stage returns, of a row of cells."""
    n11, _, n22 = metric(t)
    # the largest eigenvalue of the diffusion's differences where D is 1
    spread = 4.0 * k.diffusion * (n11 / k.dx**2 + n22 / k.dy**2)
    for column in range(len(stiffness) - 2 * GHOST):
        i = column + GHOST
        d = spread * flow[2, i]
        d = d if d < ceiling else ceiling
        # motion has V/(2 dx): eight times that is four times the cells crossed
        peaks[0, i] = _larger(_larger(stiffness[i], d) + 8.0 * (abs(m[0, i]) + abs(m[1, i])), peaks[0, i])
        peaks[1, i] = _larger(stiffness[i], peaks[1, i])


@compiled(inline="always", **_FAST)
def _stress_row(
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
        p, relaxed, stretch = _pressure(xx, xy, yy, zz, t), relaxation[i], m[2, i] - m[5, i]
        rate[0, line, i] = stretch * xx + 2.0 * m[3, i] * xy - relaxed * (xx - p * n11)
        rate[1, line, i] = m[4, i] * xx + m[3, i] * yy - relaxed * (xy - p * n12)
        rate[2, line, i] = -stretch * yy + 2.0 * m[4, i] * xy - relaxed * (yy - p * n22)
        rate[3, line, i] = -(m[2, i] + m[5, i]) * zz - relaxed * (zz - p)
    for f in range(4):
        for column in range(columns):
            i = column + GHOST
            rate[f, line, i] -= _advection(y[f], j, i, m[0, i], m[1, i])
    for f in range(3):  # what the force at the first column needs
        rate[f, line, GHOST - 1] = rate[f, line, y.shape[2] - GHOST - 1]


@compiled(inline="always", **_FAST)
def _chi_row(
    line: int, j: int, y: Fields, m: Fields, flow: Fields, relaxation: Fields, k: Constants, rate: Fields
) -> None:
    """Field 4: heating by plastic work and advection, [Kontolati2021, eq. 29]."""
    work = 4.0 * k.mu / (k.s_y * k.c0)
    for column in range(y.shape[2] - 2 * GHOST):
        i = column + GHOST
        d, relaxed = flow[2, i], relaxation[i]
        # s̃ from what is at hand: relaxed = 2 μ D/(s̃ s_y)
        heating = work * d * d / relaxed if relaxed > 0.0 else 0.0  # 2 s̃ D/c0
        rate[4, line, i] = heating * (k.chi_inf - y[4, j, i]) - _advection(y[4], j, i, m[0, i], m[1, i])


@compiled(inline="always", **_FAST)
def _imbalance_row(
    row: int, line: int, stress_rate: Fields, k: Constants, t: Geometry, force: Fields
) -> None:
    """Row ``row`` of corners: the cells around it are lines ``line`` - 1 and ``line`` of ``stress_rate``."""
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(force.shape[2]):
        m, n = line - 1, column + GHOST - 1
        xx, _ = _gradient(stress_rate[0], m, n, hx, hy)
        xy_x, xy_y = _gradient(stress_rate[1], m, n, hx, hy)
        _, yy = _gradient(stress_rate[2], m, n, hx, hy)
        fx, fy = xx + xy_y, xy_x + yy
        # T times the divergence: the projection works in physical components
        force[0, row, column] = t.a * fx + t.b * fy
        force[1, row, column] = t.c * fx + t.d * fy


@compiled(inline="always", **_FAST)
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
    """Row ``row`` of the diffusion of :class:`Local`, with no flux through what is shut.

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


class Local(NamedTuple):
    """What :func:`local_stage` leaves for the projection, and for :func:`close` after it.

    Attributes:
        diffusion: ∇·(a D T⁻¹T⁻ᵀ ∇χ), ``(rows, columns)``.
        force: T ∇·Σ̇ at the owned corners but the first row, ``(2, rows, columns)``.
        edges: in-plane Σ̇ of the first and the last owned row as a small ghosted array,
            ``(3, 2 + 4, columns + 4)``: its ghosts are what :func:`first_force` needs.
    """

    diffusion: Fields
    force: Fields
    edges: Fields


@compiled(inline="always", **_FAST)
def _combine_row(
    f: int,
    line: int,
    j: int,
    base: Fields,
    base_rate: Fields,
    last: Fields,
    rate: Fields,
    w: Weights,
    out: Fields,
) -> None:
    # In place, or loops would be scalar, and one for each set of weights: nothing without weight is
    # read, and two loops in place of three take 3 ns a cell more.
    columns = last.shape[2] - 2 * GHOST
    if w.before == 0.0:
        for column in range(columns):
            i = column + GHOST
            out[f, j, i] = w.base * base[f, j, i] + w.last * last[f, j, i] + w.rate * rate[f, line, i]
    elif w.base_rate == 0.0:
        for column in range(columns):
            i = column + GHOST
            out[f, j, i] = (
                w.base * base[f, j, i]
                + w.last * last[f, j, i]
                + w.before * out[f, j, i]
                + w.rate * rate[f, line, i]
            )
    else:
        for column in range(columns):
            i = column + GHOST
            out[f, j, i] = (
                w.base * base[f, j, i]
                + w.base_rate * base_rate[f, j, i]
                + w.last * last[f, j, i]
                + w.before * out[f, j, i]
                + w.rate * rate[f, line, i]
            )


@compiled(**_FAST)
def local_stage(
    y: Fields,
    velocity: Fields,
    earlier: Fields,
    ratio: float,
    ceiling: float,
    k: Constants,
    t: Geometry,
    low: bool,
    high: bool,
    base: Fields,
    base_rate: Fields,
    weights: Weights,
    made: Local,
    out: Fields,
) -> tuple[float, float, float, float]:
    """A stage but for C : D and diffusion: all that is local, in one pass over memory.

    [Kontolati2021, eqs. 29, 30, 32], row by row, so that what a row needs of another is in
    the cache.  Transport takes V + ratio (V − V'), V' an earlier velocity.

    Args:
        y: state, ghosts filled.
        velocity, earlier: V and V', ``(2, rows + 4, columns + 4)``, ghosts filled.
        ratio: see above.
        ceiling: fastest diffusion that is followed, per unit of strain.
        k, t: constants and frame.
        low, high: whether this block touches the lower, the upper plate.
        base, base_rate: Y0 and F0 of :class:`Weights`, like ``y``.
        weights: of the sum.
        made: set.
        out: Y' of the weights, like ``y``; becomes the sum at owned places.  Without fields, no sum is made.

    Returns:
        A bound on the eigenvalues, the fastest relaxation, the largest D and the largest |Σ| in the
        plane; for the last two one ghost layer counts too.  The bound is the largest at a cell of the
        rate of relaxation, 2μ/s_y max(∂D/∂s̃, D/s̃), or of diffusion up to the ceiling, which act on
        different fields, and on top of either the rate of transport, four times the cells crossed.
    """
    count, columns = y.shape[1] - 2 * GHOST, y.shape[2]
    # maxima column by column: a single one would make each turn of a loop wait for the last
    v, peaks = np.zeros((2, 2, columns)), np.zeros((4, columns))
    flow, motion = np.zeros((3, columns)), np.zeros((6, columns))
    relaxation, stiffness = np.zeros(columns), np.zeros(columns)
    rate = np.zeros((5, _LINES + 1, columns))  # line 0 is the last of the block before
    _extrapolated_row(GHOST, velocity, earlier, ratio, v)
    # D is made a row ahead, and one row beyond each end: diffusion looks to both sides
    for row in range(-1, count + 1):
        j = row + GHOST
        flow[0], flow[1] = flow[1], flow[2]
        _flow_row(j, y, k, t, flow, relaxation, stiffness, peaks)
        if row > 0:
            shut_south, shut_north = low and row == 1, high and row == count
            diffusion_row(row - 1, y[4], flow, k, t, shut_south, shut_north, made.diffusion)
        # ghost rows give their D, nothing else
        if row < 0 or row == count:
            continue
        line = row % _LINES + 1
        _extrapolated_row(j + 1, velocity, earlier, ratio, v)
        _motion_row(v, k, motion)
        _fastest_row(stiffness, flow, motion, k, t, ceiling, peaks)
        _stress_row(line, j, y, motion, t, relaxation, rate)
        _chi_row(line, j, y, motion, flow, relaxation, k, rate)
        if row == 0:
            # the corners below the first cells need the last cells of the rank below: first_force, later
            made.edges[:, GHOST] = rate[:3, line]
        else:
            _imbalance_row(row, line, rate, k, t, made.force)
        if row == count - 1:
            made.edges[:, GHOST + 1] = rate[:3, line]
        # summed up while the lines are in the cache
        if line == _LINES or row == count - 1:
            for f in range(len(out)):
                for n in range(line):
                    _combine_row(f, n + 1, j + 1 - line + n, base, base_rate, y, rate, weights, out)
            rate[:3, 0] = rate[:3, line]
    return peaks[0].max(), peaks[1].max(), peaks[2].max(), peaks[3].max()


@compiled(**_FAST)
def first_force(k: Constants, t: Geometry, made: Local) -> None:
    """The force at the first row of corners, once the ghosts of ``made.edges`` are filled."""
    _imbalance_row(0, GHOST, made.edges, k, t, made.force)


@compiled(**_FAST)
def close(velocity: Fields, diffusion: Fields, k: Constants, t: Geometry, weight: float, out: Fields) -> None:
    """Add ``weight`` times T⁻¹ (C : D) T⁻ᵀ of the projected V to the stress, and diffusion to χ.

    Args:
        velocity: V, ghosts filled.
        diffusion: ``(rows, columns)``.
        k, t: constants and frame.
        weight: of the rates.
        out: the sum of :func:`local_stage`.
    """
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    rows, columns = diffusion.shape
    for row in range(rows):
        j = row + GHOST
        for column in range(columns):
            i = column + GHOST
            g11, g12 = _gradient(velocity[0], j, i, hx, hy)
            g21, g22 = _gradient(velocity[1], j, i, hx, hy)
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


@compiled(**_FAST)
def carry(
    u: Fields,
    start: Fields,
    end: Fields,
    part: float,
    dx: float,
    dy: float,
    step: float,
    weight: float,
    out: Fields,
) -> None:
    """Carry the reference map along: ``out`` (1 − weight) + weight (u + step F), F = −V − V·∇u.

    Args:
        u: X_ref − X at corners in Å, ``(2, rows + 4, columns + 4)``, ghosts filled.
        start, end: velocities in Å, like ``u``; V is ``part`` of the way from one to the other.
        part: see above.
        dx, dy: spacing in Å.
        step: of γ.
        weight: see above.
        out: like ``u``, not ``u`` itself; set at owned places.
    """
    hx, hy = 0.5 / dx, 0.5 / dy
    for j in range(GHOST, u.shape[1] - GHOST):
        for column in range(u.shape[2] - 2 * GHOST):
            i = column + GHOST
            vx = start[0, j, i] + part * (end[0, j, i] - start[0, j, i])
            vy = start[1, j, i] + part * (end[1, j, i] - start[1, j, i])
            x = u[0, j, i] - step * (vx + _advection(u[0], j, i, hx * vx, hy * vy))
            y = u[1, j, i] - step * (vy + _advection(u[1], j, i, hx * vx, hy * vy))
            # Heun's second half: the mean of what was there and of a full step from the prediction
            out[0, j, i] += weight * (x - out[0, j, i])
            out[1, j, i] += weight * (y - out[1, j, i])


@compiled(**_FAST)
def crossings(velocity: Fields, dx: float, dy: float) -> float:
    """The most cells that V crosses per unit of strain, |V_x|/dx + |V_y|/dy, at an owned place."""
    most = np.zeros(velocity.shape[2])
    for j in range(GHOST, velocity.shape[1] - GHOST):
        for column in range(len(most) - 2 * GHOST):
            i = column + GHOST
            most[i] = _larger(abs(velocity[0, j, i]) / dx + abs(velocity[1, j, i]) / dy, most[i])
    return most.max()


@compiled(**_FAST)
def plastic_flow(y: Fields, k: Constants, t: Geometry, out: Fields) -> None:
    """D at owned cells, ``(rows, columns)``."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            j, i = row + GHOST, column + GHOST
            s = _overstress(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t, k.s_y)
            out[row, column] = k.attempt * decaying(1.0 / y[4, j, i]) * activation(_larger(s, 1.0))[0]


@compiled(**_FAST)
def sums(y: Fields, k: Constants, t: Geometry) -> tuple[float, float, float]:
    """Σ over owned cells of σ_xy (GPa), s̃ s_y (GPa) and σ : D^pl = 2 s̃ s_y D (GPa per unit of strain)."""
    shear, deviator, power = 0.0, 0.0, 0.0
    flow = np.zeros((y.shape[1] - 2 * GHOST, y.shape[2] - 2 * GHOST))
    plastic_flow(y, k, t, flow)
    for j in range(GHOST, y.shape[1] - GHOST):
        for i in range(GHOST, y.shape[2] - GHOST):
            s = _overstress(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t, k.s_y) * k.s_y
            shear += _physical(y[0, j, i], y[1, j, i], y[2, j, i], t)[1]
            deviator += s
            power += 2.0 * s * flow[j - GHOST, i - GHOST]
    return shear, deviator, power
