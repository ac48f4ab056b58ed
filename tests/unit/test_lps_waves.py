"""Waves in time: frequencies, energy, packets and their speeds, against the symbol and closed forms."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.fieldsets import stencil
from mdbridge.lps.local import GradientElasticity
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.waves import Medium, half_wavevectors

SOLID = LinearPeridynamicSolid(Bernstein(9.0, np.array([1.0, 2.0, -0.5]), (0.5,)), -0.2, 0.7)
SHAPE, SPACING, DENSITY = (24, 18), np.array([2.5, 2.4]), 2.15
CLASSICAL = GradientElasticity(1.25, 0.72)


@pytest.fixture(scope="module")
def medium():
    return Medium.of(SOLID, SHAPE, SPACING, DENSITY)


def wave(k, direction):
    lines = [h * np.arange(n) for h, n in zip(SPACING, SHAPE, strict=True)]
    x = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    return np.cos(x @ k)[..., None] * direction


@pytest.mark.parametrize("branch", [0, 1])
@pytest.mark.parametrize("index", [(3, 2), (-5, 4), (0, 3)])
def test_a_wave_turns_with_the_frequency_of_the_symbol(medium, index, branch):
    """To 1e-6 after Verlet's own shift, which is known: (2/τ) asin(ω τ/2)."""
    k = 2 * np.pi * np.array(index) / (SPACING * SHAPE)
    grid = stencil.uniform(tuple(SPACING), 9.0)
    values, vectors = np.linalg.eigh(symbol.operator(SOLID, symbol.rings(grid, k[None]))[0])
    # TPa/Å² over g/cm³: 1e12 Pa/(1e-10 m)² over 1e3 kg/m³, and 1e24 1/s² in 1/ps²
    omega = np.sqrt(values[branch] * 1e12 * 1e20 / (DENSITY * 1e3) * 1e-24)
    assert medium.frequencies(branch)[index[0], index[1]] == pytest.approx(omega, rel=1e-12)
    step = 0.3 * medium.stable_step
    shifted = 2 / step * np.arcsin(omega * step / 2)
    start = wave(k, vectors[:, branch])
    last = [state for state in medium.run(start, np.zeros_like(start), step, 700, 1)]
    overlaps = np.array([(state.u * start).sum() / (start**2).sum() for state in last])
    times = np.array([state.time for state in last])
    np.testing.assert_allclose(overlaps, np.cos(shifted * times), atol=1e-6 * shifted * times[-1])


def test_energy_is_conserved_to_round_off_and_the_stable_step_is_sharp(medium):
    random = np.random.default_rng(0)
    u, v = random.normal(size=(2, *SHAPE, 2))
    v *= 1e2
    states = list(medium.run(u, v, 0.999 * medium.stable_step, 2000, 100))
    energies = np.array([state.energy for state in states])
    assert np.ptp(energies) < 1e-9 * energies[0]
    assert np.abs(states[-1].u).max() < 1e3 * np.abs(u).max()
    with pytest.raises(InputError, match="beyond which the fastest wave"):
        next(medium.run(u, v, 1.001 * medium.stable_step, 1, 1))


def test_at_rest_and_in_even_motion_nothing_happens(medium):
    u, v = np.ones((*SHAPE, 2)), np.full((*SHAPE, 2), 3.0)
    last = list(medium.run(u, v, 0.01, 50, 50))[-1]
    np.testing.assert_allclose(last.u, u + 3.0 * last.time, rtol=1e-12)


@pytest.mark.parametrize(("branch", "modulus"), [(0, 0.72), (1, 1.25)])
@pytest.mark.parametrize("sense", [1, -1])
def test_a_packet_travels_one_way_with_the_speed_of_sound(branch, modulus, sense):
    """Classical waves: √(c/ρ), without spreading, to a hundredth of a node in a box of 400 Å."""
    shape, spacing = (160, 4), np.array([2.5, 2.5])
    solid = Medium.local(CLASSICAL, shape, spacing, DENSITY)
    k = np.array([sense * 2 * np.pi * 12 / 400, 0.0])
    u, v = solid.packet(k, branch, np.array([200.0, 0.0]), 25.0, 0.01)
    assert np.linalg.norm(u, axis=-1).max() == pytest.approx(0.01)
    # longitudinal along k, transverse across
    assert np.abs(u[..., 1 - branch]).max() > 0.0099 and np.abs(u[..., branch]).max() < 1e-12
    speed = np.sqrt(modulus * 1e5 / DENSITY)
    time = 100.0 / speed
    step = 0.02 * solid.stable_step
    steps = round(time / step)
    last = list(solid.run(u, v, step, steps, steps))[-1]
    expected = solid.packet(k, branch, np.array([200.0 + sense * speed * last.time, 0.0]), 25.0, 0.01)
    np.testing.assert_allclose(last.u, expected[0], atol=0.01 * 2e-3)
    np.testing.assert_allclose(last.v, expected[1], atol=2e-3 * np.abs(expected[1]).max())


@pytest.mark.parametrize("index", [(3, 2), (-3, 2), (3, -2), (-3, -2), (0, -3)])
def test_a_packet_goes_where_its_wave_vector_points(medium, index):
    """The centre of its energy moves along k, and with it the group velocity's sign."""
    k = 2 * np.pi * np.array(index) / (SPACING * SHAPE)
    u, v = medium.packet(k, 1, np.zeros(2), 8.0, 1.0)
    step = 0.05 * medium.stable_step
    last = list(medium.run(u, v, step, 3, 3))[-1]
    # one-way: u_t = −c n·∇u, so that u(t) is u moved along k, nearer than the same moved back
    moved = [
        np.linalg.norm(
            last.u - medium.packet(k, 1, d * 250.0 * last.time * k / np.linalg.norm(k), 8.0, 1.0)[0]
        )
        for d in (1, -1)
    ]
    assert moved[0] < 0.3 * moved[1]


def test_what_would_grow_is_refused():
    soft = GradientElasticity(1.25, 0.72, longitudinal_length2=-3.0)
    with pytest.raises(InputError, match="negative stiffness"):
        Medium.local(soft, SHAPE, SPACING, DENSITY)
    # whatever the units of density and moduli are
    for density in (1e-15, 1e15):
        with pytest.raises(InputError, match="negative stiffness"):
            Medium.local(soft, SHAPE, SPACING, density)
        Medium.local(CLASSICAL, SHAPE, SPACING, density)
    with pytest.raises(InputError, match="density"):
        Medium.local(CLASSICAL, SHAPE, SPACING, 0.0)


def test_wave_vectors_are_those_of_a_real_transform():
    k = half_wavevectors((4, 6), np.array([2.0, 3.0]))
    assert k.shape == (4, 4, 2)
    np.testing.assert_allclose(k[1, 2], 2 * np.pi * np.array([1 / 8, 2 / 18]))
