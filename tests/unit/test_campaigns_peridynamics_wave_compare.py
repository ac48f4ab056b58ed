"""Waves beside the MD's, which is played by a solid whose waves are known in closed form."""

import numpy as np
import pytest

from mdbridge.campaigns.peridynamics import wave_compare
from mdbridge.core.errors import InputError
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.local import GradientElasticity
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.waves import Medium

SPACING, COUNT, DENSITY = np.array([2.5, 2.4]), 160, 2.15
TRUE = GradientElasticity(1.25, 0.72, longitudinal_length2=-0.22, transverse_length2=0.15)
CLASSICAL = GradientElasticity(1.25, 0.72)
K = 2 * np.pi * 33 / 400.0


def played(component, modulus):
    """A packet of 12 Å along x that goes to the right in the true solid, as LAMMPS leaves it."""
    x = SPACING[0] * np.arange(COUNT) - 120.0
    u = np.zeros((COUNT, 1, 2))
    u[:, 0, component] = 1e-3 * np.exp(-0.5 * (x / 30.0) ** 2) * np.cos(K * x)
    times = np.linspace(0.0, 1.2 * 150 / np.sqrt(modulus * 1e5 / DENSITY), 31)
    solid = Medium.local(TRUE, (COUNT, 1), SPACING, DENSITY)
    v = wave_compare.forward(solid, u, 1 - component)
    frames = wave_compare.evolved(solid, u, v, times)[:, :, 0]
    return {"u": frames, "times": times, "density": np.array(DENSITY)}


def group_speed(modulus, length2):
    """dω/dk of ω² = c² k² (1 + ℓ k²)."""
    return np.sqrt(modulus * 1e5 / DENSITY) * (1 + 2 * length2 * K**2) / np.sqrt(1 + length2 * K**2)


@pytest.mark.parametrize(
    ("branch", "component", "modulus", "length2"),
    [("longitudinal", 0, 1.25, -0.22), ("transverse", 1, 0.72, 0.15)],
)
def test_speeds_are_those_of_the_dispersion(branch, component, modulus, length2):
    models = {"same": TRUE, "classical": CLASSICAL}
    packets = wave_compare.packets(models, played(component, modulus), branch, SPACING, 150.0, 1e-3)
    true, classical = group_speed(modulus, length2), group_speed(modulus, 0.0)
    assert packets["md"]["speed_A_per_ps"] == pytest.approx(true, rel=3e-3)
    assert packets["classical"]["speed_A_per_ps"] == pytest.approx(classical, rel=3e-3)
    assert packets["classical"]["arrival_off"] == pytest.approx(true / classical - 1, abs=3e-3)
    # the same solid arrives with the MD: the middle of the packet is found to a thousandth of the path
    assert abs(packets["same"]["arrival_off"]) < 1e-6
    assert packets["md"]["arrival_ps"] == pytest.approx(150.0 / true, rel=3e-3)
    assert len(packets["profiles"]["same"]) == COUNT


def test_a_wave_that_averaging_took_away_and_a_path_that_is_too_long_are_refused():
    md = played(0, 1.25)
    with pytest.raises(InputError, match=r"wave\.wavelength_A.*take"):
        wave_compare.packets({}, md, "longitudinal", SPACING, 150.0, 1.0)
    with pytest.raises(InputError, match=r"wave\.path_A' = 180.*has gone"):
        wave_compare.packets({}, md, "longitudinal", SPACING, 180.0, 1e-3)


def test_a_pulse_of_the_same_solid_is_the_same_and_another_s_is_not():
    nodes = np.stack(np.meshgrid(*(h * (np.arange(48) - 24) for h in SPACING), indexing="ij"), axis=-1)
    start = np.zeros((48, 48, 2))
    start[..., 0] = 1e-3 * np.exp(-0.5 * (nodes**2).sum(axis=-1) / 36.0)
    solid = Medium.local(TRUE, (48, 48), SPACING, DENSITY)
    times = np.linspace(0.0, 0.1, 6)
    u = wave_compare.evolved(solid, start, np.zeros_like(start), times)
    md = {"u": u, "times": times, "density": np.array(DENSITY)}
    errors, frames = wave_compare.pulse({"same": TRUE, "classical": CLASSICAL}, md, SPACING)
    assert max(errors["same"]) < 1e-12 and frames["classical"].shape == u.shape
    assert errors["classical"][0] == 0.0 and errors["classical"][-1] > 0.01


def test_frequency_and_energy_are_kept():
    solid = LinearPeridynamicSolid(Bernstein(9.0, np.array([1.0, 2.0, -0.5]), (0.5,)), -0.2, 0.7)
    deviations = wave_compare.checks(solid, 48, 10, SPACING, DENSITY)
    assert deviations["frequency_off"] < 1e-9 and deviations["energy_off"] < 1e-9
    assert deviations["energy_steps"] == 10_000
