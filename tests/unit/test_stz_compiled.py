"""The compiled kernels on fields with known derivatives."""

import numpy as np
import pytest
from stz_divergence import divergence

from mdbridge.stz import compiled
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import CHI, Grid, WholeGrid, extrapolate_at_plates, ghosted, owned

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def constants(grid):
    return compiled.Constants(
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
    return compiled.Geometry(*SimpleShear().matrix(gamma).ravel().tolist(), 0.0, 0.5, 0.0)


def places(grid, offset):
    """X and Y of cell centres (offset ½) or corners (0)."""
    y, x = np.mgrid[0 : grid.ny, 0 : grid.nx] + offset
    return x * grid.dx, y * grid.dy


JUST_THE_RATE = compiled.Weights(0.0, 0.0, 0.0, 0.0, 1.0)


def local_rates(state, velocity, before, ratio, k, t, plates=(False, False), ceiling=1e9):
    """What is local of F(Y), what is left for the projection, and the extremes."""
    shape = owned(state).shape[1:]
    made = compiled.Local(np.zeros(shape), np.zeros((2, *shape)), ghosted(3, (2, shape[1])))
    out = np.full_like(state, np.nan)  # nothing of which may be read
    weights = (state, state, JUST_THE_RATE)
    extremes = compiled.local_stage(
        state, velocity, before, ratio, ceiling, k, t, *plates, *weights, made, out
    )
    return out, made, extremes


def overstress(state, k, t):
    """s̃ of the cell that flows fastest."""
    flow = plastic_flow(state, k, t)
    row, column = np.unravel_index(np.argmax(flow), flow.shape)
    one = ghosted(5, (1, 1))
    one[...] = owned(state)[:, row, column][:, None, None]
    return compiled.sums(one, k, t)[1] / MATERIAL.s_y


def plastic_flow(state, k, t):
    flow = np.empty(owned(state).shape[1:])
    compiled.plastic_flow(state, k, t, flow)
    return flow


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
    _, made, _ = local_rates(state, still, still, 0.0, k, t, (clamped, clamped))
    assert np.ptp(plastic_flow(state, k, t)) > 0.0
    assert abs(made.diffusion.sum()) < 1e-12 * np.abs(made.diffusion).sum()


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
        _, made, _ = local_rates(state, still, still, 0.0, constants(grid), geometry(0.4))
        physical = k**2 + (2 * q - 0.4 * k) ** 2  # |T⁻ᵀ K|²
        factor = MATERIAL.diffusion_factor * plastic_flow(state, constants(grid), geometry(0.4)).mean()
        exact = -factor * physical * np.sin(k * x + 2 * q * y)
        errors.append(np.abs(1e8 * made.diffusion - exact).max())
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx(2.0, abs=0.2)


def rates(state, velocity, k, t):
    """F(Y) at owned places for a given V, χ not diffusing."""
    out, made, extremes = local_rates(state, velocity, velocity, 0.0, k, t)
    compiled.close(velocity, np.zeros_like(made.diffusion), k, t, 1.0, out)
    return owned(out), extremes


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
        found = rates(state, velocity, constants(grid), no_frame)[0]
        exact = -0.02 * slope * np.cos(phases)
        errors.append(np.abs(found - exact).mean(axis=(1, 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.3), orders
    grid = Grid(8, 8)
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    velocity[...] = np.array(direction)[:, None, None]
    rows, columns = np.indices(state.shape[1:])
    state[CHI] = 2.0 * grid.dx * columns - 3.0 * grid.dy * rows
    found = rates(state, velocity, constants(grid), no_frame)[0]
    assert found[CHI] == pytest.approx(-(2.0 * direction[0] - 3.0 * direction[1]), rel=1e-12)


def test_plastic_flow_is_a_deviatoric_relaxation_along_the_stress():
    grid = Grid(4, 4)
    gamma, sigma, zz, chi = 0.3, np.array([[0.4, 1.3], [1.3, -0.2]]), 0.1, 0.1
    matrix = SimpleShear().matrix(gamma)
    back = np.linalg.inv(matrix)
    reference = back @ sigma @ back.T
    state = ghosted(5, grid.shape)
    values = (reference[0, 0], reference[0, 1], reference[1, 1], zz, chi)
    state[:5] = np.array(values)[:, None, None]
    still = geometry(gamma)._replace(stretch_xy=0.0)
    k = constants(grid)
    found, (bound, stiffest, fastest, largest) = rates(state, ghosted(2, grid.shape), k, still)
    p = (np.trace(sigma) + zz) / 3.0
    s = sigma - p * np.eye(2)
    norm = np.sqrt(0.5 * (np.sum(s * s) + (zz - p) ** 2)) / MATERIAL.s_y
    d = MATERIAL.plastic_rate(np.array(norm), np.array(chi), 1e8)
    expected = back @ (-2.0 * MATERIAL.mu * d / (norm * MATERIAL.s_y) * s) @ back.T
    found = found[:, 0, 0]
    assert found[:3] == pytest.approx([expected[0, 0], expected[0, 1], expected[1, 1]], rel=1e-12)
    assert found[3] == pytest.approx(-2.0 * MATERIAL.mu * d / (norm * MATERIAL.s_y) * (zz - p), rel=1e-12)
    assert found[4] == pytest.approx(2.0 * norm * d * (0.13 - chi) / 0.5, rel=1e-12)
    assert plastic_flow(state, k, still) == pytest.approx(d, rel=1e-12)
    assert fastest == pytest.approx(d, rel=1e-12)
    assert bound >= stiffest > 2.0 * MATERIAL.mu * d / norm
    assert largest == pytest.approx(np.abs(reference).max())
    sums = compiled.sums(state, k, still)
    assert np.array(sums) / 16 == pytest.approx([1.3, norm * MATERIAL.s_y, 2.0 * norm * MATERIAL.s_y * d])


def test_stress_turns_and_stretches_with_a_linear_velocity():
    """[Kontolati2021, eq. 30] below yield: Truesdell rate and elasticity in full tensors, at one cell."""
    grid, gamma = Grid(6, 5, 60.0, 40.0), 0.4
    matrix, stretching = SimpleShear().matrix(gamma), np.array([[0.0, 0.5], [0.5, 0.0]])
    gradient, stress, zz = np.array([[0.3, -0.7], [0.2, 0.4]]), np.array([[0.2, 0.1], [0.1, -0.3]]), 0.05
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    state[:5] = np.array([stress[0, 0], stress[0, 1], stress[1, 1], zz, 0.1])[:, None, None]
    rows, columns = np.indices(state.shape[1:])
    velocity[...] = np.einsum("ij,jyx->iyx", gradient, [columns * grid.dx, rows * grid.dy])
    found = rates(state, velocity, constants(grid), geometry(gamma))[0][:, 2, 3]
    back = np.linalg.inv(matrix)
    physical = matrix @ gradient @ back
    strain_rate = 0.5 * (physical + physical.T) + stretching
    elastic = 2.0 * MATERIAL.mu * strain_rate + MATERIAL.lame_lambda * np.trace(strain_rate) * np.eye(2)
    carried = gradient @ stress + stress @ gradient.T - np.trace(gradient) * stress
    expected = carried + back @ elastic @ back.T
    assert found[:3] == pytest.approx([expected[0, 0], expected[0, 1], expected[1, 1]], rel=1e-12)
    out_of_plane = MATERIAL.lame_lambda * np.trace(strain_rate) - np.trace(gradient) * zz
    assert found[3] == pytest.approx(out_of_plane, rel=1e-12)


def of_cell(values, k, t):
    """The extremes of a grid of one cell."""
    one, still = ghosted(5, (1, 1)), ghosted(2, (1, 1))
    one[...] = values[:, None, None]
    return local_rates(one, still, still, 0.0, k, t)[2]


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
    rate, made, _ = local_rates(state, velocity, velocity, 0.0, k, t)
    compiled.close(velocity, made.diffusion, k, t, 1.0, rate)
    parts = (base, base_rate, state, before, rate)
    expected = sum(w * owned(part) for w, part in zip(weights, parts, strict=True))
    for weight, part in zip(weights, parts, strict=True):
        part[...] = part if weight else np.nan
    weights, plates = compiled.Weights(*weights), (False, False)
    compiled.local_stage(
        state, velocity, velocity, 0.0, 1e9, k, t, *plates, base, base_rate, weights, made, before
    )
    compiled.close(velocity, made.diffusion, k, t, weights.rate, before)
    assert owned(before) == pytest.approx(expected, rel=1e-12)


def test_without_fields_to_set_only_the_force_is_made():
    grid, random = Grid(6, 5), np.random.default_rng(9)
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    for fields in (state, velocity):
        owned(fields)[...] = 0.1 + random.random(owned(fields).shape)
        WholeGrid(grid).fill(fields)
    k, t = constants(grid), geometry(0.2)
    out, expected, _ = local_rates(state, velocity, velocity, 0.0, k, t)
    made = compiled.Local(*(np.zeros_like(each) for each in expected))
    arguments = (1e9, k, t, False, False, state, state, JUST_THE_RATE, made)
    compiled.local_stage(state, velocity, velocity, 0.0, *arguments, out[:0])
    for found, each in zip(made, expected, strict=True):
        assert np.array_equal(found, each)


def test_transport_takes_the_velocity_on_a_straight_line_and_leaves_its_force():
    """As with that velocity itself; the force is the divergence of what comes out."""
    grid, random = Grid(6, 40), np.random.default_rng(8)
    state, velocity, before = ghosted(5, grid.shape), ghosted(2, grid.shape), ghosted(2, grid.shape)
    for fields in (state, velocity, before):
        owned(fields)[...] = 0.1 + random.random(owned(fields).shape)
        WholeGrid(grid).fill(fields)
    k, t = constants(grid), geometry(0.2)
    found, made, _ = local_rates(state, velocity, before, 0.5, k, t)
    there = 1.5 * velocity - 0.5 * before
    expected, _, _ = local_rates(state, there, there, 0.0, k, t)
    assert owned(found) == pytest.approx(owned(expected), rel=1e-11)
    WholeGrid(grid).fill(found)
    force = divergence(found[:3], grid, SimpleShear().matrix(0.2))
    assert np.all(made.force[:, 0] == 0.0)  # needs the row below
    WholeGrid(Grid(6, 4)).fill(made.edges)
    compiled.first_force(k, t, made)
    assert made.force == pytest.approx(force, abs=1e-12 * np.abs(force).max())
