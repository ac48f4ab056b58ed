"""The compiled kernels on fields with known derivatives."""

import numpy as np
import pytest

from mdbridge.stz import kernels
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.grid import CHI, Grid, WholeGrid, extrapolate_at_plates, ghosted, owned
from mdbridge.stz.model import Material

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def constants(grid):
    return kernels.Constants(
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
    return kernels.Geometry(*SimpleShear().matrix(gamma).ravel().tolist(), 0.0, 0.5, 0.0)


def places(grid, offset):
    """X and Y of cell centres (offset ½) or corners (0)."""
    y, x = np.mgrid[0 : grid.ny, 0 : grid.nx] + offset
    return x * grid.dx, y * grid.dy


@pytest.mark.parametrize("clamped", [False, True])
def test_diffusion_conserves_chi_exactly_for_any_flow(clamped):
    grid, random = Grid(12, 10), np.random.default_rng(4)
    state, rate = ghosted(7, grid.shape), ghosted(1, grid.shape)[0]
    owned(state)[...] = random.random((7, *grid.shape))
    WholeGrid(grid).fill(state)
    flow = ghosted(1, grid.shape)
    owned(flow)[...] = random.random(grid.shape)
    WholeGrid(grid).fill(flow)
    if clamped:
        extrapolate_at_plates(state, True, True)
    kernels.diffuse(state[CHI], flow[0], constants(grid), geometry(0.4), clamped, clamped, rate)
    assert abs(owned(rate).sum()) < 1e-12 * np.abs(owned(rate)).sum()


def test_diffusion_is_the_second_order_operator_of_the_sheared_frame():
    errors = []
    for n in (16, 32, 64):
        grid = Grid(n, n, 400.0, 300.0)
        x, y = places(grid, 0.5)
        k, q = 2 * np.pi / 400.0, 2 * np.pi / 300.0
        state, flow, rate = ghosted(1, grid.shape), ghosted(1, grid.shape), ghosted(1, grid.shape)[0]
        owned(state)[0] = np.sin(k * x + 2 * q * y)
        owned(flow)[...] = 1.0
        for field in (state, flow):
            WholeGrid(grid).fill(field)
        kernels.diffuse(state[0], flow[0], constants(grid), geometry(0.4), False, False, rate)
        physical = k**2 + (2 * q - 0.4 * k) ** 2  # |T⁻ᵀ K|²
        exact = -MATERIAL.diffusion_factor * physical * np.sin(k * x + 2 * q * y)
        errors.append(np.abs(owned(rate) - exact).max())
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("direction", [(1.0, 0.0), (-1.0, 0.0), (0.6, -0.8), (-0.3, 0.9)])
def test_advection_is_exact_for_linear_fields_and_second_order_for_smooth_ones(direction):
    errors = []
    for n in (32, 64, 128):
        grid = Grid(n, n)
        state, rate, velocity = (ghosted(count, grid.shape) for count in (7, 7, 2))
        velocity[...] = np.array(direction)[:, None, None]
        x, y = places(grid, 0.5)
        phase = 2 * np.pi / 400.0 * (x + 2 * y)
        owned(state)[CHI] = np.sin(phase)
        WholeGrid(grid).fill(state)
        kernels.advect_centred(state, velocity, constants(grid), rate)
        slope = 2 * np.pi / 400.0 * (direction[0] + 2 * direction[1])
        errors.append(np.abs(owned(rate)[CHI] + slope * np.cos(phase)).mean())
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx(2.0, abs=0.3)
    grid = Grid(8, 8)
    state, rate, velocity = (ghosted(count, grid.shape) for count in (7, 7, 2))
    velocity[...] = np.array(direction)[:, None, None]
    rows, columns = np.indices(state.shape[1:])
    state[CHI] = 2.0 * grid.dx * columns - 3.0 * grid.dy * rows
    kernels.advect_centred(state, velocity, constants(grid), rate)
    assert owned(rate)[CHI] == pytest.approx(-(2.0 * direction[0] - 3.0 * direction[1]), rel=1e-12)


def test_plastic_flow_is_a_deviatoric_relaxation_along_the_stress():
    grid = Grid(4, 4)
    gamma, sigma, zz, chi = 0.3, np.array([[0.4, 1.3], [1.3, -0.2]]), 0.1, 0.1
    matrix = SimpleShear().matrix(gamma)
    back = np.linalg.inv(matrix)
    reference = back @ sigma @ back.T
    state, rate, flow = ghosted(7, grid.shape), ghosted(7, grid.shape), ghosted(1, grid.shape)[0]
    values = (reference[0, 0], reference[0, 1], reference[1, 1], zz, chi)
    state[:5] = np.array(values)[:, None, None]
    radius = kernels.plastic_flow(state, constants(grid), geometry(gamma), rate, flow)
    p = (np.trace(sigma) + zz) / 3.0
    s = sigma - p * np.eye(2)
    norm = np.sqrt(0.5 * (np.sum(s * s) + (zz - p) ** 2)) / MATERIAL.s_y
    d = MATERIAL.plastic_rate(np.array(norm), np.array(chi), 1e8)
    expected = back @ (-2.0 * MATERIAL.mu * d / (norm * MATERIAL.s_y) * s) @ back.T
    found = owned(rate)[:, 0, 0]
    assert found[:3] == pytest.approx([expected[0, 0], expected[0, 1], expected[1, 1]], rel=1e-12)
    assert found[3] == pytest.approx(-2.0 * MATERIAL.mu * d / (norm * MATERIAL.s_y) * (zz - p), rel=1e-12)
    assert found[4] == pytest.approx(2.0 * norm * d * (0.13 - chi) / 0.5, rel=1e-12)
    assert owned(flow) == pytest.approx(d, rel=1e-12)
    assert radius > 2.0 * MATERIAL.mu * d / norm
