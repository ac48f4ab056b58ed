"""Stages of the STZ equations: sums with the rate, with and without a velocity to start from."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.localstage import Weights
from mdbridge.stz.pace import FASTEST, fastest_relaxation
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.rates import DIFFUSION_CEILING, Rates, physical_stress
from mdbridge.stz.staggered import CHI, Grid, WholeGrid, ghosted, owned

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)
GRID = Grid(10, 12)


def fresh_rates(grid=GRID, **options):
    domain = WholeGrid(grid)
    return Rates(MATERIAL, SimpleShear(), 1e8, domain, FourierProjection(domain, MATERIAL), **options)


def flowing(seed):
    """A state at yield here and there."""
    random, state = np.random.default_rng(seed), ghosted(5, GRID.shape)
    owned(state)[...] = random.normal(0.0, 0.2, (5, *GRID.shape))
    owned(state)[1] += 1.1
    owned(state)[CHI] = 0.07 + 0.01 * random.random(GRID.shape)
    return state


def test_a_stage_that_must_find_a_velocity_first_sums_once():
    """As the sum with the rate of the same state, in place."""
    state, base, base_rate, before = (flowing(seed) for seed in range(4))
    rate = np.zeros_like(state)
    fresh_rates()(0.1, state.copy(), rate)
    weights = Weights(0.5, 0.25, 2.0, -1.5, 0.125)
    parts = (base, base_rate, state, before, rate)
    expected = sum(w * owned(part) for w, part in zip(weights, parts, strict=True))
    fresh_rates().stage(0.1, state, base, base_rate, weights, before)
    assert owned(before) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "before", [pytest.param((1.0,), id="evenly"), pytest.param((1.0, 0.95), id="two too near each other")]
)
def test_an_extrapolated_velocity_leaves_an_error_of_second_order(before):
    """Of a state that stays while the frame shears on: a quarter for half the interval."""
    still, errors = flowing(5), []
    exact = settled(0.1, still)[1]
    for interval in (0.04, 0.02, 0.01):
        rates, computed = settled(0.1 - 2.0 * interval, still)
        for intervals in (*before, 0.0):
            with counted_projections(rates) as projections:
                rates(0.1 - intervals * interval, still.copy(), computed)
        assert len(projections) == 1
        errors.append(np.abs(owned(computed - exact)).max(axis=(1, 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.2), orders


def test_what_cannot_be_extrapolated_is_projected_twice():
    """At the first two evaluations, back in γ, and too far on: here from 3.7 intervals."""
    still, computed, rates = flowing(5), ghosted(5, GRID.shape), fresh_rates()

    def check(*expected):
        for gamma, number in expected:
            with counted_projections(rates) as projections:
                rates(gamma, still.copy(), computed)
            assert len(projections) == number, gamma

    check((0.1, 2), (0.102, 2), (0.103, 1), (0.101, 2), (0.104, 2), (0.105, 1), (0.119, 1), (0.177, 2))
    rates.forget()
    check((0.178, 2), (0.179, 2), (0.18, 1))


def test_after_a_failed_evaluation_nothing_of_it_is_left_in_the_next():
    """A state that is no number makes a velocity that is none; it must not carry the next state."""
    still, rates = flowing(5), fresh_rates()
    expected, computed = np.zeros_like(still), np.zeros_like(still)
    fresh_rates()(0.1, still.copy(), expected)
    for gamma in (0.1, 0.102, 0.104):
        rates(gamma, np.full_like(still, np.nan), computed)
    rates.forget()
    rates(0.1, still.copy(), computed)
    assert np.array_equal(owned(computed), owned(expected))


@contextlib.contextmanager
def counted_projections(rates):
    """A list that grows with every projection."""
    projection, calls = rates._projection, []
    rates._projection = SimpleNamespace(
        solve=lambda *arguments: (calls.append(1), projection.solve(*arguments)), smooth=projection.smooth
    )
    yield calls
    rates._projection = projection


def settled(gamma, state):
    """Rates that know the velocity at γ, and F there: once more at the same place improves it."""
    rates, computed = fresh_rates(), np.zeros_like(state)
    for _ in range(6):
        rates(gamma, state.copy(), computed)
    return rates, computed


def test_the_map_is_told_how_many_cells_the_flow_crosses_in_a_step():
    """At its start or at its end, where that is more."""
    rates, carried = settled(0.1, flowing(5))[0], []
    rates.reference.carry = lambda *arguments: carried.append(arguments)
    rates.accept(0.01)
    rates.velocity[...] *= 0.5
    rates.accept(0.02)
    (_, start, end, first), (step, _, _, second) = carried
    assert step == 0.02 and end is rates.velocity and start is not end
    vx, vy = 2.0 * np.abs(owned(rates.velocity))
    most = (vx / GRID.dx + vy / GRID.dy).max()
    assert [first, second] == pytest.approx([0.01 * most, 0.02 * most], rel=1e-12)


def test_diffusion_is_slowed_only_where_it_is_faster_than_relaxation():
    """Which is known from the end of the last step: what is tried after it changes nothing."""
    random, grid = np.random.default_rng(5), Grid(10, 12, 90.0, 108.0)
    state = ghosted(5, grid.shape)
    owned(state)[1] = 1.3
    owned(state)[CHI] = 0.1 + 0.002 * random.random(grid.shape)

    def chi_rate(rates, factor=1.0):
        computed = np.zeros_like(state)
        rates.forget()  # the velocity, which carries χ too
        rates(0.1, factor * state, computed)
        return owned(computed)[CHI]

    in_full, slowed = (chi_rate(fresh_rates(grid, ceiling=c)) for c in (1e9, DIFFUSION_CEILING))
    assert np.abs(slowed - in_full).max() > 1e-3 * np.abs(in_full).max()
    rates = fresh_rates(grid)
    assert np.array_equal(chi_rate(rates), slowed)
    rates.accept(0.0)
    for _ in range(2):
        assert np.array_equal(chi_rate(rates), in_full)
        chi_rate(rates, 0.8)  # relaxes slowly, and is not taken
    chi_rate(rates, 0.8)
    rates.accept(0.0)
    assert np.array_equal(chi_rate(rates), slowed)


def test_the_physical_stress_is_that_of_the_body_carried_along():
    """σ = T Σ Tᵀ, whatever the motion; out of the plane it stays."""
    random = np.random.default_rng(3)
    state, matrix = random.normal(size=(5, 2, 3)), np.array([[1.2, 0.7], [-0.4, 0.6]])
    body = np.array([[state[0], state[1]], [state[1], state[2]]])
    moved = np.einsum("ai,ij...,bj->ab...", matrix, body, matrix)
    expected = [moved[0, 0], moved[0, 1], moved[1, 1], state[3]]
    np.testing.assert_allclose(physical_stress(state, matrix), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("hottest", [0.10, 0.16])
def test_the_first_pace_is_that_of_the_hottest_cell_as_it_is(hottest):
    """What flows goes to χ∞: a cold sample may become faster, a hot one is at its fastest now."""
    tolerance, rate = 1e-4, 1e-2
    domain, state = WholeGrid(GRID), flowing(1)
    projection = FourierProjection(domain, MATERIAL)
    rates = Rates(MATERIAL, SimpleShear(), rate, domain, projection, tolerance=tolerance)
    state[CHI] = 7.0  # beyond its edge, where it is of no cell
    owned(state)[CHI] = 0.08
    owned(state)[CHI, 3, 4] = hottest
    rates.pace(0.2, state)
    pace, true = rates._pace, MATERIAL.attempt_rate(rate)
    now = fastest_relaxation(true, np.exp(-1.0 / hottest), 2.0 * MATERIAL.mu / MATERIAL.s_y)
    assert (pace.true, pace.tolerance, pace.gamma) == (true, tolerance, 0.2)
    assert pace.start == pytest.approx(min(true, true * FASTEST / (tolerance * now)), rel=1e-12)
