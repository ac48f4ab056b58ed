"""Compiled kernels of the rates: plastic flow, diffusion, stress transport, divergence, elastic closure.

Every kernel works on ghosted arrays (see :mod:`.grid`), in place.  The time is
the net strain γ, velocities are in Å, stresses in GPa.  On large grids memory is
what costs, so that rates are made row by row and used while the row is in the cache.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from .grid import GHOST
from .model import activation, decaying

Fields = NDArray[np.float64]
_LINES = 32  # rows made at a time: few enough for the cache, enough for memory to be read in one go
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


class Weights(NamedTuple):
    """Of a stage: base Y0 + base_rate F0 + last Y + before Y' + rate F(Y)."""

    base: float
    base_rate: float
    last: float
    before: float
    rate: float


@numba.njit(inline="always", **_FAST)
def _metric(t):
    """N = T⁻¹ T⁻ᵀ with det T = 1: N11, N12, N22."""
    return t.d * t.d + t.b * t.b, -(t.d * t.c + t.b * t.a), t.c * t.c + t.a * t.a


@numba.njit(inline="always", **_FAST)
def _pressure(s11, s12, s22, szz, t):
    """tr σ/3 of σ = T Σ Tᵀ."""
    xx_yy = (
        (t.a * t.a + t.c * t.c) * s11 + 2.0 * (t.a * t.b + t.c * t.d) * s12 + (t.b * t.b + t.d * t.d) * s22
    )
    return (xx_yy + szz) / 3.0


@numba.njit(inline="always", **_FAST)
def _physical(s11, s12, s22, t):
    """σ_xx, σ_xy, σ_yy of σ = T Σ Tᵀ."""
    xx = t.a * t.a * s11 + 2.0 * t.a * t.b * s12 + t.b * t.b * s22
    xy = t.a * t.c * s11 + (t.a * t.d + t.b * t.c) * s12 + t.b * t.d * s22
    yy = t.c * t.c * s11 + 2.0 * t.c * t.d * s12 + t.d * t.d * s22
    return xx, xy, yy


@numba.njit(inline="always", **_FAST)
def _overstress(s11, s12, s22, szz, t, s_y):
    """s̃ = sqrt(½ s:s)/s_y."""
    xx, xy, yy = _physical(s11, s12, s22, t)
    p = (xx + yy + szz) / 3.0
    half_ss = 0.5 * ((xx - p) ** 2 + (yy - p) ** 2 + (szz - p) ** 2) + xy * xy
    return math.sqrt(half_ss) / s_y


@numba.njit(inline="always", **_FAST)
def _larger(a, b):
    """The maximum in a form that the compiler makes a vector instruction of; NaN in ``a`` is passed over."""
    return a if a > b else b


@numba.njit(inline="always", **_FAST)
def _flow_row(j, y, k, t, flow, relaxation, peaks):
    """D and 2μD/(s̃ s_y) of a row with one ghost column; ``peaks``, by columns, rise to its.

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
        flow[j, i] = d
        relaxation[j, i] = relaxed
        peaks[0, i] = _larger(_larger(relaxed, 2.0 * k.mu / k.s_y * hop * slope), peaks[0, i])
        peaks[1, i] = _larger(d, peaks[1, i])
        peaks[2, i] = _larger(_larger(_larger(abs(xx), abs(xy)), abs(yy)), peaks[2, i])


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


@numba.njit(inline="always", **_FAST)
def _extrapolated_row(j, velocity, before, ratio, rows):
    """Move the second row of ``rows`` to the first; the second is V at row j, ``ratio`` intervals farther."""
    for c in range(2):
        for i in range(rows.shape[2]):
            rows[c, 0, i] = rows[c, 1, i]
            rows[c, 1, i] = velocity[c, j, i] + ratio * (velocity[c, j, i] - before[c, j, i])


@numba.njit(inline="always", **_FAST)
def _transport_row(j, y, v, k, t, relaxation, stress_rate):
    columns = y.shape[2]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    n11, n12, n22 = _metric(t)
    s11, s12, s22 = y[0], y[1], y[2]
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        ru, rv = hx * _centre(v[0], 0, i), hy * _centre(v[1], 0, i)
        g11, g12 = _gradient(v[0], 0, i, hx, hy)
        g21, g22 = _gradient(v[1], 0, i, hx, hy)
        xx, xy, yy = s11[j, i], s12[j, i], s22[j, i]
        p, relaxed = _pressure(xx, xy, yy, y[3, j, i], t), relaxation[j, i]
        stress_rate[0, j, i] = (
            (g11 - g22) * xx + 2.0 * g12 * xy - relaxed * (xx - p * n11) - _advection(s11, j, i, ru, rv)
        )
        stress_rate[1, j, i] = g21 * xx + g12 * yy - relaxed * (xy - p * n12) - _advection(s12, j, i, ru, rv)
        stress_rate[2, j, i] = (
            (g22 - g11) * yy + 2.0 * g21 * xy - relaxed * (yy - p * n22) - _advection(s22, j, i, ru, rv)
        )


@numba.njit(inline="always", **_FAST)
def _imbalance_row(row, stress_rate, k, t, force):
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(force.shape[2]):
        # the cells around corner (j, i) are (j - 1, i - 1) ... (j, i)
        m, n = row + GHOST - 1, column + GHOST - 1
        xx, _ = _gradient(stress_rate[0], m, n, hx, hy)
        xy_x, xy_y = _gradient(stress_rate[1], m, n, hx, hy)
        _, yy = _gradient(stress_rate[2], m, n, hx, hy)
        fx, fy = xx + xy_y, xy_x + yy
        force[0, row, column] = t.a * fx + t.b * fy
        force[1, row, column] = t.c * fx + t.d * fy


@numba.njit(inline="always", **_FAST)
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
    """Row ``row`` of the diffusion of :class:`Local`, with no flux through what is shut."""
    n11, n12, n22 = _metric(t)
    xx, yy = 0.5 * k.diffusion * n11 / k.dx**2, 0.5 * k.diffusion * n22 / k.dy**2
    xy = 0.125 * k.diffusion * n12 / (k.dx * k.dy)
    j = row + GHOST
    for column in range(out.shape[1]):
        i = column + GHOST
        here = chi[j, i]
        east, west, north, south = chi[j, i + 1], chi[j, i - 1], chi[j + 1, i], chi[j - 1, i]
        ne, nw, se, sw = chi[j + 1, i + 1], chi[j + 1, i - 1], chi[j - 1, i + 1], chi[j - 1, i - 1]
        d_east, d_west = flow[j, i] + flow[j, i + 1], flow[j, i] + flow[j, i - 1]
        d_north = 0.0 if shut_north else flow[j, i] + flow[j + 1, i]
        d_south = 0.0 if shut_south else flow[j, i] + flow[j - 1, i]
        out[row, column] = (
            d_east * (xx * (east - here) + xy * (ne + north - se - south))
            - d_west * (xx * (here - west) + xy * (nw + north - sw - south))
            + d_north * (yy * (north - here) + xy * (ne + east - nw - west))
            - d_south * (yy * (here - south) + xy * (se + east - sw - west))
        )


class Local(NamedTuple):
    """What :func:`local_rates` makes of a state; all but ``diffusion`` and ``force`` have ghost layers.

    Attributes:
        flow: D, set at owned cells and one ghost layer, ``(rows + 4, columns + 4)``.
        relaxation: 2μD/(s̃ s_y), the rate at which the deviator relaxes; same.
        stress_rate: plastic part and Truesdell transport of the in-plane Σ, ``(3, rows + 4, columns + 4)``.
        diffusion: ∇·(a D T⁻¹T⁻ᵀ ∇χ), ``(rows, columns)``.
        force: T ∇·Σ̇ at the owned corners, ``(2, rows, columns)``.
    """

    flow: Fields
    relaxation: Fields
    stress_rate: Fields
    diffusion: Fields
    force: Fields


@numba.njit(**_FAST)
def local_rates(
    y: Fields,
    velocity: Fields,
    before: Fields,
    ratio: float,
    k: Constants,
    t: Geometry,
    low: bool,
    high: bool,
    made: Local,
) -> tuple[float, float, float]:
    """Plastic flow, diffusion of χ, the in-plane Σ rate but for C : D, and the force that it leaves.

    [Kontolati2021, eqs. 29, 30, 32], row by row, so that what a row needs of another is in the
    cache.  Diffusion: fluxes at faces, D averaged; none through a plate, so that it
    conserves ∫χ exactly.  The force of the first row of corners needs the stress rate of the
    row below this block: :func:`imbalance` is for that.

    Args:
        y: state, ghosts filled.
        velocity, before: V of two evaluations, ``(2, rows + 4, columns + 4)``, ghosts filled; transport
            takes V + ratio (V − before).
        k, t: constants and frame.
        low, high: whether this block touches the lower, the upper plate.
        made: set at owned places; of the stress rate the nearest ghost column on the left too.

    Returns:
        The largest relaxation rate 2μ/s_y max(∂D/∂s̃, D/s̃), which is the spectral radius of
        the plastic part, the largest D, and the largest |Σ| in the plane; one ghost layer counts too.
    """
    count, columns = y.shape[1] - 2 * GHOST, y.shape[2]
    v, peaks = np.zeros((2, 2, columns)), np.zeros((3, columns))
    _extrapolated_row(GHOST, velocity, before, ratio, v)
    for line in range(count + 2):  # indices that count from 0 keep loops vectorised
        j = line + GHOST - 1
        _flow_row(j, y, k, t, made.flow, made.relaxation, peaks)
        if 1 <= line <= count:
            _extrapolated_row(j + 1, velocity, before, ratio, v)
            _transport_row(j, y, v, k, t, made.relaxation, made.stress_rate)
            made.stress_rate[:, j, GHOST - 1] = made.stress_rate[:, j, columns - GHOST - 1]
        if 2 <= line <= count:
            _imbalance_row(line - 1, made.stress_rate, k, t, made.force)
        if line >= 2:
            shut_south, shut_north = low and line == 2, high and line == count + 1
            diffusion_row(line - 2, y[4], made.flow, k, t, shut_south, shut_north, made.diffusion)
    return peaks[0].max(), peaks[1].max(), peaks[2].max()


@numba.njit(**_FAST)
def imbalance(stress_rate: Fields, k: Constants, t: Geometry, rows: int, force: Fields) -> None:
    """T ∇·Σ̇ at the first ``rows`` rows of owned corners; needs one lower ghost layer of ``stress_rate``."""
    for row in range(rows):
        _imbalance_row(row, stress_rate, k, t, force)


@numba.njit(inline="always", **_FAST)
def _elastic_row(line, j, y, velocity, stress_rate, relaxation, k, t, rate):
    """Fields 0 … 3: the rate of Σ with T⁻¹ (C : D) T⁻ᵀ of the new V, and all of that of σ_zz."""
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
        rate[0, line, i] = stress_rate[0, j, i] + p11 * t.d - p12 * t.b
        rate[1, line, i] = stress_rate[1, j, i] + p12 * t.a - p11 * t.c
        rate[2, line, i] = stress_rate[2, j, i] + p22 * t.a - p21 * t.c
        zz = y[3, j, i]
        ru, rv = hx * _centre(velocity[0], j, i), hy * _centre(velocity[1], j, i)
        away = zz - _pressure(y[0, j, i], y[1, j, i], y[2, j, i], zz, t)
        rate[3, line, i] = bulk - (g11 + g22) * zz - relaxation[j, i] * away - _advection(y[3], j, i, ru, rv)


@numba.njit(inline="always", **_FAST)
def _chi_row(line, j, y, velocity, flow, relaxation, diffusion, k, rate):
    """Field 4: heating by plastic work, diffusion, advection, [Kontolati2021, eq. 29]."""
    columns = y.shape[2]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    work = 4.0 * k.mu / (k.s_y * k.c0)
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        ru, rv = hx * _centre(velocity[0], j, i), hy * _centre(velocity[1], j, i)
        d, relaxed = flow[j, i], relaxation[j, i]
        heating = work * d * d / relaxed if relaxed > 0.0 else 0.0  # 2 s̃ D/c0
        rate[4, line, i] = (
            heating * (k.chi_inf - y[4, j, i]) + diffusion[j - GHOST, column] - _advection(y[4], j, i, ru, rv)
        )


@numba.njit(inline="always", **_FAST)
def _map_row(line, j, y, velocity, k, rate):
    """Fields 5 and 6: −V − V·∇u of the reference map's u = X_ref − X."""
    columns = y.shape[2]
    hx, hy = 0.5 / k.dx, 0.5 / k.dy
    for column in range(columns - 2 * GHOST):
        i = column + GHOST
        ru, rv = hx * velocity[0, j, i], hy * velocity[1, j, i]
        rate[5, line, i] = -velocity[0, j, i] - _advection(y[5], j, i, ru, rv)
        rate[6, line, i] = -velocity[1, j, i] - _advection(y[6], j, i, ru, rv)


@numba.njit(inline="always", **_FAST)
def _rate_rows(number, lines, y, velocity, made, k, t, block):
    for line in range(lines):
        j = number * _LINES + line + GHOST
        _elastic_row(line, j, y, velocity, made.stress_rate, made.relaxation, k, t, block)
        _chi_row(line, j, y, velocity, made.flow, made.relaxation, made.diffusion, k, block)
        _map_row(line, j, y, velocity, k, block)


@numba.njit(**_FAST)
def rates(
    y: Fields,
    velocity: Fields,
    made: Local,
    k: Constants,
    t: Geometry,
    out: Fields,
) -> None:
    """F(Y), all that the projected V enters.

    Args:
        y: state, ghosts filled.
        velocity: V of the projection, ghosts filled.
        made: by :func:`local_rates`.
        k, t: constants and frame.
        out: ``(7, rows + 4, columns + 4)``, set at owned places.
    """
    columns = y.shape[2] - GHOST
    block = np.zeros((7, _LINES, y.shape[2]))
    rows = y.shape[1] - 2 * GHOST
    for number in range((rows + _LINES - 1) // _LINES):
        lines = min(_LINES, rows - number * _LINES)
        start = number * _LINES + GHOST
        _rate_rows(number, lines, y, velocity, made, k, t, block)
        for f in range(7):
            for line in range(lines):
                for i in range(GHOST, columns):
                    out[f, start + line, i] = block[f, line, i]


@numba.njit(**_FAST)
def _combine(base, base_rate, last, before, rate, w, out):
    for n in range(len(out)):
        out[n] = (
            w.base * base[n]
            + w.base_rate * base_rate[n]
            + w.last * last[n]
            + w.before * before[n]
            + w.rate * rate[n]
        )


@numba.njit(**_FAST)
def stage(
    y: Fields,
    velocity: Fields,
    made: Local,
    k: Constants,
    t: Geometry,
    base: Fields,
    base_rate: Fields,
    before: Fields,
    weights: Weights,
    out: Fields,
) -> None:
    """The next stage of the time stepping, from :func:`rates` that are never stored.

    Args:
        y … t: as for :func:`rates`.
        base, base_rate, before: Y0, F0 and Y' of :class:`Weights`, like ``y``.
        weights: of the sum.
        out: like ``y``, set at owned places; may be ``before``.
    """
    block = np.zeros((7, _LINES, y.shape[2]))
    rows = y.shape[1] - 2 * GHOST
    for number in range((rows + _LINES - 1) // _LINES):
        lines = min(_LINES, rows - number * _LINES)
        start = number * _LINES + GHOST
        _rate_rows(number, lines, y, velocity, made, k, t, block)
        # ghost columns come along, to be filled later: one loop over memory in a row
        stop, size = start + lines, lines * y.shape[2]
        for f in range(7):
            _combine(
                base[f, start:stop].reshape(size),
                base_rate[f, start:stop].reshape(size),
                y[f, start:stop].reshape(size),
                before[f, start:stop].reshape(size),
                block[f, :lines].reshape(size),
                weights,
                out[f, start:stop].reshape(size),
            )


@numba.njit(**_FAST)
def sums(y: Fields, flow: Fields, s_y: float, t: Geometry) -> tuple[float, float, float]:
    """Σ over owned cells of σ_xy (GPa), s̃ s_y (GPa) and σ : D^pl = 2 s̃ s_y D (GPa per unit of strain)."""
    shear, deviator, power = 0.0, 0.0, 0.0
    for j in range(GHOST, y.shape[1] - GHOST):
        for i in range(GHOST, y.shape[2] - GHOST):
            s = _overstress(y[0, j, i], y[1, j, i], y[2, j, i], y[3, j, i], t, s_y) * s_y
            shear += _physical(y[0, j, i], y[1, j, i], y[2, j, i], t)[1]
            deviator += s
            power += 2.0 * s * flow[j, i]
    return shear, deviator, power
