"""Diffusion of χ: what it conserves, and its order."""

import numpy as np
import pytest
from stz_stages import MATERIAL, constants, geometry, local_rates, places, plastic_flow

from mdbridge.stz.staggered import CHI, Grid, WholeGrid, extrapolate_at_plates, ghosted, owned


@pytest.mark.parametrize("clamped", [False, True])
def test_diffusion_conserves_chi_exactly_for_any_flow(clamped):
    grid, random = Grid(12, 10), np.random.default_rng(4)
    state, still = ghosted(5, grid.shape), ghosted(2, grid.shape)
    owned(state)[...] = random.normal(0.0, 2.0, (5, *grid.shape))
    owned(state)[CHI] = 0.1 + 0.1 * random.random(grid.shape)
    WholeGrid(grid).fill(state)
    if clamped:
        extrapolate_at_plates(state, True, True)
    k, t = constants(grid), geometry(0.4)
    _, local, _ = local_rates(state, still, still, 0.0, k, t, (clamped, clamped))
    assert np.ptp(plastic_flow(state, k, t)) > 0.0
    assert abs(local.diffusion.sum()) < 1e-12 * np.abs(local.diffusion).sum()


def test_diffusion_is_the_second_order_operator_of_the_sheared_frame():
    """The flow is uniform but for the small waves of χ."""
    errors = []
    for n in (16, 32, 64):
        grid = Grid(n, n, 400.0, 300.0)
        x, y = places(grid, 0.5)
        k, q = 2 * np.pi / 400.0, 2 * np.pi / 300.0
        state, still = ghosted(5, grid.shape), ghosted(2, grid.shape)
        state[1] = 1.5
        owned(state)[CHI] = 0.1 + 1e-8 * np.sin(k * x + 2 * q * y)
        WholeGrid(grid).fill(state)
        _, local, _ = local_rates(state, still, still, 0.0, constants(grid), geometry(0.4))
        physical = k**2 + (2 * q - 0.4 * k) ** 2  # |T⁻ᵀ K|²
        factor = MATERIAL.diffusion_factor * plastic_flow(state, constants(grid), geometry(0.4)).mean()
        exact = -factor * physical * np.sin(k * x + 2 * q * y)
        errors.append(np.abs(1e8 * local.diffusion - exact).max())
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx(2.0, abs=0.2)
