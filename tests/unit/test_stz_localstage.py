"""A stage: its weighted sum, its force, and where its velocity comes from."""

import numpy as np
import pytest
from stz_divergence import divergence
from stz_stages import JUST_THE_RATE, constants, geometry, local_rates

from mdbridge.stz.closure import close
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.localstage import Local, Weights, first_force, local_stage
from mdbridge.stz.staggered import Grid, WholeGrid, ghosted, owned


@pytest.mark.parametrize(
    "weights", [(0.5, 0.25, 2.0, -1.5, 0.125), (0.5, 0.0, 2.0, -1.5, 0.125), (0.5, 0.0, 2.0, 0.0, 0.125)]
)
@pytest.mark.parametrize("rows", [5, 32, 33, 70])
def test_a_stage_is_the_weighted_sum_with_the_rates(weights, rows):
    """Whatever the number of rows, and with nothing read that has no weight."""
    grid, random = Grid(6, rows), np.random.default_rng(3)
    state, base, base_rate, before = (ghosted(5, grid.shape) for _ in range(4))
    for fields in (state, base, base_rate, before):
        owned(fields)[...] = 0.1 + random.random((5, *grid.shape))
    velocity = ghosted(2, grid.shape)
    owned(velocity)[...] = random.random((2, *grid.shape))
    WholeGrid(grid).fill(state)
    WholeGrid(grid).fill(velocity)
    k, t = constants(grid), geometry(0.2)
    rate, local, _ = local_rates(state, velocity, velocity, 0.0, k, t)
    close(velocity, local.diffusion, k, t, 1.0, rate)
    parts = (base, base_rate, state, before, rate)
    expected = sum(w * owned(part) for w, part in zip(weights, parts, strict=True))
    for weight, part in zip(weights, parts, strict=True):
        part[...] = part if weight else np.nan
    weights, plates = Weights(*weights), (False, False)
    local_stage(state, velocity, velocity, 0.0, 1e9, k, t, *plates, base, base_rate, weights, local, before)
    close(velocity, local.diffusion, k, t, weights.rate, before)
    assert owned(before) == pytest.approx(expected, rel=1e-12)


def test_without_fields_to_set_only_the_force_is_made():
    grid, random = Grid(6, 5), np.random.default_rng(9)
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    for fields in (state, velocity):
        owned(fields)[...] = 0.1 + random.random(owned(fields).shape)
        WholeGrid(grid).fill(fields)
    k, t = constants(grid), geometry(0.2)
    out, expected, _ = local_rates(state, velocity, velocity, 0.0, k, t)
    local = Local(*(np.zeros_like(each) for each in expected))
    arguments = (1e9, k, t, False, False, state, state, JUST_THE_RATE, local)
    local_stage(state, velocity, velocity, 0.0, *arguments, out[:0])
    for computed, each in zip(local, expected, strict=True):
        assert np.array_equal(computed, each)


def test_transport_takes_the_velocity_on_a_straight_line_and_leaves_its_force():
    """As with that velocity itself; the force is the divergence of what comes out."""
    grid, random = Grid(6, 40), np.random.default_rng(8)
    state, velocity, before = ghosted(5, grid.shape), ghosted(2, grid.shape), ghosted(2, grid.shape)
    for fields in (state, velocity, before):
        owned(fields)[...] = 0.1 + random.random(owned(fields).shape)
        WholeGrid(grid).fill(fields)
    k, t = constants(grid), geometry(0.2)
    computed, local, _ = local_rates(state, velocity, before, 0.5, k, t)
    there = 1.5 * velocity - 0.5 * before
    expected, _, _ = local_rates(state, there, there, 0.0, k, t)
    assert owned(computed) == pytest.approx(owned(expected), rel=1e-11)
    WholeGrid(grid).fill(computed)
    force = divergence(computed[:3], grid, SimpleShear().matrix(0.2))
    assert np.all(local.force[:, 0] == 0.0)  # needs the row below
    WholeGrid(Grid(6, 4)).fill(local.edges)
    first_force(k, t, local)
    assert local.force == pytest.approx(force, abs=1e-12 * np.abs(force).max())
