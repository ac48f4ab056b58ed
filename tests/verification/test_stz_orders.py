"""Observed orders of convergence of the STZ solver, two-sided."""

import itertools

import numpy as np
import pytest

from mdbridge.stz import initial
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.forwardrun import Case, error_scales, forward, initial_state
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.rates import DIFFUSION_CEILING, Rates
from mdbridge.stz.scheme import Stepper
from mdbridge.stz.staggered import CHI, Grid, WholeGrid, owned

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.13)


def orders(values):
    """log2 of the ratios of successive differences of fields on halved steps."""
    steps = [np.linalg.norm(a - b) for a, b in itertools.pairwise(values)]
    return np.log2(np.array(steps[:-1]) / steps[1:])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_measure_of_order_tells_orders_apart(order):
    values = [np.full(4, 1.0 + 0.3 * 2.0 ** (-order * k)) for k in range(5)]
    assert orders(values) == pytest.approx(order, abs=1e-6)


def test_time_stepping_is_second_order():
    grid = Grid(16, 16)
    domain = WholeGrid(grid)
    case = Case(MATERIAL, initial.bump(grid, 0.068, 0.006, 70.0), grid)
    states, maps = [], []
    for steps in (16, 32, 64, 128):
        rates = Rates(MATERIAL, FRAMES["simple"](), 1e8, domain, FourierProjection(domain, MATERIAL))
        stepper = Stepper(rates, initial_state(case, domain), np.ones(5), 1e-7, domain)
        stepper.advance(0.1)
        stepper.advance_uniformly(0.12, steps)
        states.append(owned(stepper.state).copy())
        maps.append(owned(rates.reference.displacement).copy())
    for name, fields in {"state": np.array(states), "map": np.array(maps)}.items():
        for number, values in enumerate(np.moveaxis(fields, 1, 0)):
            observed = orders(values)
            assert np.all(np.abs(observed - 2.0) < 0.25), (name, number, observed)


def test_space_is_second_order():
    counts = (16, 32, 64)
    runs = []
    for n in counts:
        grid = Grid(n, n)
        case = Case(
            MATERIAL,
            initial.bump(grid, 0.068, 0.006, 70.0),
            grid,
            max_strain=0.1,
            frames=4,
            fields_at=[4],
            tolerance=1e-6,
        )
        runs.append(forward(case))
    every = [n // counts[0] for n in counts]
    corners = [run.exy[-1][::m, ::m] for run, m in zip(runs, every, strict=True)]
    velocity = [run.velocity[-1][:, ::m, ::m] for run, m in zip(runs, every, strict=True)]
    cells = [run.chi[-1].reshape(16, m, 16, m).mean(axis=(1, 3)) for run, m in zip(runs, every, strict=True)]
    for name, values in {"Exy": corners, "velocity": velocity, "chi": cells}.items():
        assert np.all(np.abs(orders(values) - 2.0) < 0.2), (name, orders(values))


@pytest.mark.slow
def test_slowing_the_fastest_diffusion_changes_less_than_the_tolerance():
    """128 cells across 400 Å: the ceiling is reached, but only by waves that are not there."""
    grid = Grid(128, 128)
    case = Case(MATERIAL, initial.random(grid, 0.068, 0.004, 50.0, seed=1), grid)
    states, evaluations = [], []
    for ceiling in (1e9, DIFFUSION_CEILING, None, 0.02 * DIFFUSION_CEILING):
        domain = WholeGrid(grid)
        rates = Rates(
            MATERIAL, FRAMES["simple"](), 1e8, domain, FourierProjection(domain, MATERIAL), ceiling=ceiling
        )
        stepper = Stepper(rates, initial_state(case, domain), error_scales(case), 1e-6, domain)
        stepper.advance(0.14)
        states.append(owned(np.concatenate([stepper.state, rates.reference.displacement])))
        evaluations.append(stepper.counts.evaluations)
    full, slowed, default, too_slow = states
    for field in range(7):
        scale = np.linalg.norm(full[field])
        assert 0.0 < np.linalg.norm(slowed[field] - full[field]) < 1e-4 * scale, field
        assert np.linalg.norm(default[field] - full[field]) < 1e-4 * scale, field
    assert np.linalg.norm(too_slow[CHI] - full[CHI]) > 1e-4 * np.linalg.norm(full[CHI])
    assert evaluations[1] <= evaluations[0]
