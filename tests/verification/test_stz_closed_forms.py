"""STZ runs with known answers: elastic loading, uniform χ, symmetry, the frame, energy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp, trapezoid

from mdbridge.stz import initial
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.forwardrun import Case, forward, initial_state
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.rates import Rates
from mdbridge.stz.scheme import Stepper
from mdbridge.stz.staggered import CHI, Grid, WholeGrid, ghosted, owned

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)
GRID = Grid(16, 16)


def test_elastic_loading_is_exact():
    chi = initial.random(GRID, 0.07, 0.005, 40.0, seed=1)
    result = forward(Case(MATERIAL, chi, GRID, max_strain=0.05, frames=10))
    gamma = result.gamma
    assert result.shear_stress == pytest.approx(20.0 * gamma, abs=1e-13)
    xx = 20.0 * gamma**2  # what the Truesdell rate adds along x
    assert result.stress[:, 0] == pytest.approx(np.broadcast_to(xx[:, None, None], (11, 16, 16)), abs=1e-12)
    assert np.abs(result.stress[:, 2:]).max() < 1e-12
    assert result.exy[-1] == pytest.approx(0.025, abs=1e-14)
    assert result.chi[-1] == pytest.approx(chi, rel=1e-14)


def cauchy_rates(gamma, y, gradient):
    """dσ/dγ and dχ/dγ of a homogeneous body, in Cauchy stress and three dimensions."""
    stress, chi = y[:9].reshape(3, 3), y[9]
    lame = MATERIAL.bulk - 2.0 / 3.0 * MATERIAL.mu
    s = stress - np.trace(stress) / 3.0 * np.eye(3)
    norm = np.sqrt(0.5 * np.sum(s * s)) / MATERIAL.s_y
    flow = MATERIAL.plastic_rate(np.array(norm), np.array(chi), 1e8)
    elastic = 0.5 * (gradient + gradient.T) - flow / max(norm, 1e-30) / MATERIAL.s_y * s
    rate = gradient @ stress + stress @ gradient.T - np.trace(gradient) * stress
    rate += lame * np.trace(elastic) * np.eye(3) + 2.0 * MATERIAL.mu * elastic
    return np.append(rate.ravel(), 2.0 * norm * flow * (MATERIAL.chi_inf - chi) / MATERIAL.c0)


@pytest.mark.parametrize("frame", FRAMES)
def test_uniform_chi_is_an_ordinary_differential_equation(frame):
    gradient = np.zeros((3, 3))
    gradient[:2, :2] = FRAMES[frame]().velocity_gradient(0.0)
    at = np.linspace(0.0, 0.5, 26)
    exact = solve_ivp(
        cauchy_rates,
        (0.0, 0.5),
        np.append(np.zeros(9), 0.07),
        "LSODA",
        at,
        args=(gradient,),
        rtol=1e-9,
        atol=1e-11,
        max_step=5e-4,
    ).y
    grid = Grid(4, 4)
    case = Case(
        MATERIAL, initial.uniform(grid, 0.07), grid, frame=frame, max_strain=0.5, frames=25, tolerance=1e-6
    )
    result = forward(case)
    stresses = exact[[0, 1, 4, 8]].T[:, :, None, None]
    assert np.abs(result.stress - stresses).max() < 5e-5
    assert np.abs(result.chi[:, 0, 0] - exact[9]).max() < 5e-6
    assert np.ptp(result.chi[-1]) == 0.0
    assert np.abs(result.velocity).max() < 1e-9


def test_a_shifted_start_gives_shifted_fields():
    chi = initial.random(GRID, 0.068, 0.004, 50.0, seed=2)
    original = forward(Case(MATERIAL, chi, GRID, max_strain=0.2, frames=10))
    moved = forward(Case(MATERIAL, np.roll(chi, (3, 5), (0, 1)), GRID, max_strain=0.2, frames=10))
    assert np.ptp(original.exy[-1]) > 0.05
    for name in ("exy", "chi", "velocity", "stress"):
        shifted = np.roll(getattr(original, name), (3, 5), (-2, -1))
        scale = np.abs(shifted).max()
        assert np.abs(getattr(moved, name) - shifted).max() < 1e-9 * scale, name


def test_a_box_sheared_by_one_is_the_unsheared_crystal():
    """The projection at λt = 1 and at 0: the same physical problem on two grids, equal to second order."""
    differences = []
    for n in (32, 64, 128):
        grid = Grid(n, n)
        domain = WholeGrid(grid)
        y, x = np.mgrid[0:n, 0:n] * 400.0 / n
        velocities = []
        for gamma in (0.0, 1.0):
            phase = 2.0 * np.pi / 400.0 * np.array([2.0 * (x + gamma * y) + y, (x + gamma * y) - y])
            velocity = ghosted(2, grid.shape)
            matrix = FRAMES["simple"]().matrix(gamma)
            FourierProjection(domain, MATERIAL).solve(np.sin(phase), matrix, velocity)
            velocities.append(np.einsum("ij,jyx->iyx", matrix, owned(velocity)))
        row, column = np.mgrid[0:n, 0:n]
        differences.append(np.abs(velocities[1] - velocities[0][:, row, (column + row) % n]).max())
    orders = np.log2(np.array(differences[:-1]) / differences[1:])
    assert np.all(np.abs(orders - 2.0) < 0.25), orders


def test_plastic_work_is_never_negative_and_energy_is_balanced():
    chi = initial.random(GRID, 0.068, 0.004, 50.0, seed=2)
    result = forward(Case(MATERIAL, chi, GRID, max_strain=0.5, frames=200, fields_at=[200]))
    assert result.plastic_power.min() >= 0.0
    supplied = trapezoid(result.shear_stress, result.gamma)
    dissipated = trapezoid(result.plastic_power, result.gamma)
    stored = 0.5 * np.mean(result.dev_stress[-1] ** 2) / MATERIAL.mu
    assert supplied == pytest.approx(dissipated + stored, rel=0.01)


def test_one_projection_from_an_extrapolated_velocity_is_enough():
    """Against rates that project until nothing changes, along the same path of states."""
    case = Case(MATERIAL, initial.random(GRID, 0.068, 0.004, 50.0, seed=2), GRID)
    domain = WholeGrid(GRID)
    errors = []
    for step in (2e-3, 1e-3):
        path = flowing_states(case, domain, [0.12 - 2 * step, 0.12 - step, 0.12])
        once, many = (
            Rates(MATERIAL, FRAMES["simple"](), 1e8, domain, FourierProjection(domain, MATERIAL))
            for _ in range(2)
        )
        out = np.zeros_like(path[0][1])
        for gamma, state in path:
            once(gamma, state, out)
        for _ in range(12):  # the same strain again and again: two projections each
            many(0.12, path[-1][1], out)
        error = owned(once.velocity - many.velocity)
        errors.append(np.linalg.norm(error) / np.linalg.norm(owned(many.velocity)))
    assert errors[0] < 1e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.4)


def flowing_states(case, domain, strains):
    """States in full flow at ``strains``, each with its strain."""
    rates = Rates(case.material, FRAMES["simple"](), case.rate, domain, FourierProjection(domain, MATERIAL))
    stepper = Stepper(rates, initial_state(case, domain), np.ones(5), 1e-6, domain)
    states = []
    for gamma in strains:
        stepper.advance(gamma)
        states.append((gamma, stepper.state.copy()))
    assert all(state[CHI].min() > 0.0 for _, state in states)
    return states
