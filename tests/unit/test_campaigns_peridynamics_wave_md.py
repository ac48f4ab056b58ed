"""Waves in LAMMPS: a packet goes with the speed of sound, a pulse spreads evenly, wrong waves are refused."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import sampling, wave_md
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.campaigns.peridynamics.wave_compare import _travel
from mdbridge.core.config import check
from mdbridge.core.errors import InputError
from mdbridge.md.observe.displacement import SpatialAverage

BOX = np.array([30.36, 30.67])


def config(**wave):
    data = {
        "campaign": "graphene",
        "md": {"cells": [12, 7], "disc_radius_A": 15.0, "disc_inner_A": 8.0},
        "coarse": {"radius_A": 5.0, "spacing_A": 2.5, "fine_spacing_A": 1.25, "kernel": "gaussian"}
        | {"deviations": 4.0},
        "learn": {"horizons_A": [6.0]},
        "dynamics": {"enabled": False},
        "wave": {"wavelength_A": 20.0, "packet_width_A": 20.0, "path_A": 25.0, "pulse_ps": 0.05} | wave,
    }
    return check(data, GrapheneInput, "small.toml")


@pytest.fixture(scope="module")
def sampler():
    with sampling.sampler(MPI.COMM_SELF, config()) as opened:
        yield opened


@pytest.mark.parametrize(("branch", "modulus"), [("longitudinal", "C11_TPa"), ("transverse", "C66_TPa")])
def test_a_packet_goes_with_the_speed_of_sound(sampler, branch, modulus):
    """√(c/ρ) of LAMMPS's own constants, but for the dispersion of waves of 20 Å (k = 0.3/Å)."""
    rho = wave_md.density(sampler.planar, sampler.lattice)
    speed = float(np.sqrt(sampler.elastic()[modulus] * 1e5 / rho))
    packet = wave_md.run_packet(sampler, wave_md.BRANCHES[branch], speed)
    box = sampler.planar.box(sampler.config.md.cells, sampler.lattice)
    strip = wave_md.packet(sampler.config, box, speed)
    assert packet["u"].shape[1] == 12 * strip.copies
    # one way along x, in one component
    along = 0 if branch == "longitudinal" else 1
    assert np.abs(packet["u"][..., 1 - along]).max() < 0.02 * np.abs(packet["u"]).max()
    gone = _travel(packet["u"][..., along], packet["times"], strip.length, 25.0)
    assert gone["speed_A_per_ps"] == pytest.approx(speed, rel=0.06)


def test_the_density_is_that_of_graphite():
    """2.27 g/cm³ at bonds of 1.42 Å, less at this potential's 1.46 Å."""
    planar = config().md.planar
    assert wave_md.density(planar, 2.461) == pytest.approx(2.27, rel=0.01)


def test_a_pulse_spreads_evenly(sampler, monkeypatch):
    averages = []

    def average(*arguments, **options):
        averages.append(SpatialAverage(*arguments, **options))
        return averages[-1]

    monkeypatch.setattr(wave_md, "SpatialAverage", average)
    pulse = wave_md.run_pulse(sampler)
    assert [(each.radius, each.deviations) for each in averages] == [(5.0, 4.0)]
    u = pulse["u"][-1]
    assert u.shape == (24, 24, 2) and pulse["times"][-1] == pytest.approx(0.05, rel=0.02)
    # mirror images of each other, and no drift; averages are over nodes of not quite the same mass
    np.testing.assert_allclose(u[..., 0], u[::-1, :, 0], atol=0.01 * np.abs(u).max())
    totals = pulse["u"].sum(axis=(1, 2))
    np.testing.assert_allclose(
        totals, np.broadcast_to(totals[0], totals.shape), atol=0.01 * abs(totals[0, 0])
    )


@pytest.mark.parametrize(
    ("wave", "words"),
    [
        ({"wavelength_A": 5.0}, "above two node spacings"),
        ({"wavelength_A": 40.0}, "at least 'wave.wavelength_A' = 40"),
    ],
)
def test_waves_that_nodes_or_packets_do_not_carry_are_refused(wave, words):
    with pytest.raises(InputError, match=words):
        wave_md.packet(config(**wave), BOX, 200.0)


def test_the_strip_holds_whole_waves_and_whole_copies():
    strip = wave_md.packet(config(), BOX, 200.0)
    assert strip.length == pytest.approx(strip.copies * BOX[0]) and strip.length >= 25.0 + 160.0
    waves = strip.k * strip.length / (2 * np.pi)
    assert waves == pytest.approx(round(waves), abs=1e-9)
