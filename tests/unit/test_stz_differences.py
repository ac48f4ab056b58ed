"""Transport against the wind: exact for linear fields, of second order for smooth ones."""

import numpy as np
import pytest
from stz_stages import constants, geometry, places, rates

from mdbridge.stz.staggered import CHI, Grid, WholeGrid, ghosted, owned


@pytest.mark.parametrize("direction", [(1.0, 0.0), (-1.0, 0.0), (0.6, -0.8), (-0.3, 0.9)])
def test_advection_is_exact_for_linear_fields_and_second_order_for_smooth_ones(direction):
    """A uniform V leaves −V·∇ of every field."""
    slope = np.array([direction[0] + 2 * direction[1]]) * 2 * np.pi / 400.0
    no_frame = geometry(0.0)._replace(stretch_xy=0.0)
    errors = []
    for n in (32, 64, 128):
        grid = Grid(n, n)
        state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
        velocity[...] = np.array(direction)[:, None, None]
        phases = []
        x, y = places(grid, 0.5)
        for field in range(5):
            phases.append(2 * np.pi / 400.0 * (x + 2 * y) + field)
            owned(state)[field] = 0.02 * np.sin(phases[-1])  # far below yield
        owned(state)[CHI] += 0.1
        WholeGrid(grid).fill(state)
        computed = rates(state, velocity, constants(grid), no_frame)[0]
        exact = -0.02 * slope * np.cos(phases)
        errors.append(np.abs(computed - exact).mean(axis=(1, 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.3), orders
    grid = Grid(8, 8)
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    velocity[...] = np.array(direction)[:, None, None]
    rows, columns = np.indices(state.shape[1:])
    state[CHI] = 2.0 * grid.dx * columns - 3.0 * grid.dy * rows
    computed = rates(state, velocity, constants(grid), no_frame)[0]
    assert computed[CHI] == pytest.approx(-(2.0 * direction[0] - 3.0 * direction[1]), rel=1e-12)
