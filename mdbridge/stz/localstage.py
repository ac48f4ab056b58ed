"""A stage of a step but for what the velocity is still to be found for, in one pass over memory; compiled.

Arrays are ghosted (see :mod:`.staggered`) and worked on in place.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .diffusion import diffusion_row
from .pointwise import FAST, Constants, Geometry
from .rowrates import (
    chi_row,
    extrapolated_row,
    fastest_row,
    flow_row,
    imbalance_row,
    motion_row,
    stress_row,
)
from .staggered import GHOST

Fields = NDArray[np.float64]
_LINES = 32  # rows made at a time: few enough for the cache, enough for memory to be read in one go


class Weights(NamedTuple):
    """Of a stage: base Y0 + base_rate F0 + last Y + before Y' + rate F(Y).

    What has no weight is not read, if F0 has none where Y' has none.
    """

    base: float
    base_rate: float
    last: float
    before: float
    rate: float


class Local(NamedTuple):
    """What :func:`local_stage` leaves for the projection, and for :func:`.closure.close` after it.

    Attributes:
        diffusion: ∇·(a D T⁻¹T⁻ᵀ ∇χ), ``(rows, columns)``.
        force: T ∇·Σ̇ at the owned corners but the first row, ``(2, rows, columns)``.
        edges: in-plane Σ̇ of the first and the last owned row as a small ghosted array,
            ``(3, 2 + 4, columns + 4)``: its ghosts are what :func:`first_force` needs.
    """

    diffusion: Fields
    force: Fields
    edges: Fields


@compiled(inline="always", **FAST)
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


@compiled(**FAST)
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
    extrapolated_row(GHOST, velocity, earlier, ratio, v)
    # D is made a row ahead, and one row beyond each end: diffusion looks to both sides
    for row in range(-1, count + 1):
        j = row + GHOST
        flow[0], flow[1] = flow[1], flow[2]
        flow_row(j, y, k, t, flow, relaxation, stiffness, peaks)
        if row > 0:
            shut_south, shut_north = low and row == 1, high and row == count
            diffusion_row(row - 1, y[4], flow, k, t, shut_south, shut_north, made.diffusion)
        # ghost rows give their D, nothing else
        if row < 0 or row == count:
            continue
        line = row % _LINES + 1
        extrapolated_row(j + 1, velocity, earlier, ratio, v)
        motion_row(v, k, motion)
        fastest_row(stiffness, flow, motion, k, t, ceiling, peaks)
        stress_row(line, j, y, motion, t, relaxation, rate)
        chi_row(line, j, y, motion, flow, relaxation, k, rate)
        if row == 0:
            # the corners below the first cells need the last cells of the rank below: first_force, later
            made.edges[:, GHOST] = rate[:3, line]
        else:
            imbalance_row(row, line, rate, k, t, made.force)
        if row == count - 1:
            made.edges[:, GHOST + 1] = rate[:3, line]
        # summed up while the lines are in the cache
        if line == _LINES or row == count - 1:
            for f in range(len(out)):
                for n in range(line):
                    _combine_row(f, n + 1, j + 1 - line + n, base, base_rate, y, rate, weights, out)
            rate[:3, 0] = rate[:3, line]
    return peaks[0].max(), peaks[1].max(), peaks[2].max(), peaks[3].max()


@compiled(**FAST)
def first_force(k: Constants, t: Geometry, made: Local) -> None:
    """The force at the first row of corners, once the ghosts of ``made.edges`` are filled."""
    imbalance_row(0, GHOST, made.edges, k, t, made.force)
