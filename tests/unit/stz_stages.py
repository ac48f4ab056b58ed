"""Stages of the STZ solver on small grids, for the tests of its compiled loops."""

import numpy as np

from mdbridge.stz import pointwise
from mdbridge.stz.closure import close
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.localstage import Local, Weights, local_stage
from mdbridge.stz.pointwise import Constants, Geometry
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import ghosted, owned

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def constants(grid):
    return Constants(
        mu=MATERIAL.mu,
        lame=MATERIAL.lame_lambda,
        s_y=MATERIAL.s_y,
        chi_inf=MATERIAL.chi_inf,
        c0=MATERIAL.c0,
        attempt=MATERIAL.attempt_rate(1e8),
        diffusion=MATERIAL.diffusion_factor,
        dx=grid.dx,
        dy=grid.dy,
    )


def geometry(gamma):
    return Geometry(*SimpleShear().matrix(gamma).ravel().tolist(), 0.0, 0.5, 0.0)


def places(grid, offset):
    """X and Y of cell centres (offset ½) or corners (0)."""
    y, x = np.mgrid[0 : grid.ny, 0 : grid.nx] + offset
    return x * grid.dx, y * grid.dy


JUST_THE_RATE = Weights(0.0, 0.0, 0.0, 0.0, 1.0)


def local_rates(state, velocity, before, ratio, k, t, plates=(False, False), ceiling=1e9):
    """What is local of F(Y), what is left for the projection, and the extremes."""
    shape = owned(state).shape[1:]
    local = Local(np.zeros(shape), np.zeros((2, *shape)), ghosted(3, (2, shape[1])))
    out = np.full_like(state, np.nan)  # nothing of which may be read
    weights = (state, state, JUST_THE_RATE)
    extremes = local_stage(state, velocity, before, ratio, ceiling, k, t, *plates, *weights, local, out)
    return out, local, extremes


def overstress(state, k, t):
    """s̃ of the cell that flows fastest."""
    flow = plastic_flow(state, k, t)
    row, column = np.unravel_index(np.argmax(flow), flow.shape)
    cell = ghosted(5, (1, 1))
    cell[...] = owned(state)[:, row, column][:, None, None]
    return pointwise.sums(cell, k, t)[1] / MATERIAL.s_y


def plastic_flow(state, k, t):
    flow = np.empty(owned(state).shape[1:])
    pointwise.plastic_flow(state, k, t, flow)
    return flow


def rates(state, velocity, k, t):
    """F(Y) at owned places for a given V, χ not diffusing."""
    out, local, extremes = local_rates(state, velocity, velocity, 0.0, k, t)
    close(velocity, np.zeros_like(local.diffusion), k, t, 1.0, out)
    return owned(out), extremes


def of_cell(values, k, t):
    """The extremes of a grid of one cell."""
    cell, still = ghosted(5, (1, 1)), ghosted(2, (1, 1))
    cell[...] = values[:, None, None]
    return local_rates(cell, still, still, 0.0, k, t)[2]
