"""The extremes over rows of cells, and the bound on the eigenvalues."""

import numpy as np
import pytest
from stz_stages import MATERIAL, constants, geometry, local_rates, of_cell, overstress, plastic_flow

from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.staggered import CHI, Grid, WholeGrid, ghosted, owned


def test_the_extremes_are_those_of_all_cells():
    grid, random = Grid(9, 7, 30.0, 20.0), np.random.default_rng(6)
    state, still = ghosted(5, grid.shape), ghosted(2, grid.shape)
    owned(state)[...] = random.normal(0.0, 2.0, (5, *grid.shape))
    owned(state)[CHI] = 0.1 + 0.1 * random.random(grid.shape)
    for row in range(grid.ny):  # the largest in each row in turn
        owned(state)[:, row] *= 1.5
        WholeGrid(grid).fill(state)
        k, t = constants(grid), geometry(0.2)
        _, _, (bound, stiffest, fastest, largest) = local_rates(state, still, still, 0.0, k, t)
        assert fastest == plastic_flow(state, k, t).max()
        cells = [of_cell(values, k, t) for values in owned(state).reshape(5, -1).T]
        assert [bound, stiffest] == np.max(cells, axis=0)[:2].tolist()
        assert largest == np.abs(owned(state)[:3]).max()


def test_the_bound_on_eigenvalues_is_of_relaxation_or_diffusion_and_of_transport():
    """Uniform fields: transport alone where χ forbids flow, and on top of the larger of the others."""
    grid, t = Grid(6, 4, 20.0, 30.0), geometry(0.3)
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    state[CHI], velocity[0], velocity[1] = 0.01, -20.0, 30.0
    transport = 4.0 * (20.0 / grid.dx + 30.0 / grid.dy)

    def bound(ceiling=1e9):
        return local_rates(state, velocity, velocity, 0.0, constants(grid), t, ceiling=ceiling)[2][0]

    assert bound() == pytest.approx(transport, rel=1e-12)
    state[1], state[CHI] = 1.4, 0.1
    norm, step = overstress(state, constants(grid), t), 1e-6

    def flow(s):
        return MATERIAL.plastic_rate(np.array(s), np.array(0.1), 1e8)

    relaxation = 2.0 * MATERIAL.mu / MATERIAL.s_y * (flow(norm + step) - flow(norm - step)) / (2.0 * step)
    back = np.linalg.inv(SimpleShear().matrix(0.3))
    metric = np.diag(back @ back.T) / np.array([grid.dx, grid.dy]) ** 2
    diffusion = 4.0 * MATERIAL.diffusion_factor * flow(norm) * metric.sum()
    assert diffusion > 2.0 * relaxation
    assert bound() == pytest.approx(diffusion + transport, rel=1e-9)
    assert bound(ceiling=0.9 * diffusion) == pytest.approx(0.9 * diffusion + transport, rel=1e-9)
    assert bound(ceiling=1.0) == pytest.approx(relaxation + transport, rel=1e-6)


def test_flow_and_transport_at_different_places_do_not_add_up_in_the_bound():
    """Row 2 flows; the corners of row 4 move, and with them the cells of rows 3 and 4."""
    grid, t = Grid(6, 8, 20.0, 30.0), geometry(0.3)
    k = constants(grid)
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    state[CHI], velocity[0, 2 + 4] = 0.01, 400.0
    moving = local_rates(state, velocity, velocity, 0.0, k, t)[2][0]
    state[1, 2 + 2], state[CHI, 2 + 2] = 1.4, 0.1
    assert local_rates(state, velocity, velocity, 0.0, k, t)[2][0] == pytest.approx(
        max(moving, of_cell(owned(state)[:, 2, 0], k, t)[0]), rel=1e-12
    )
