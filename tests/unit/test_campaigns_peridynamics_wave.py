"""The command 'wave': what its runs depend on, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import wave
from mdbridge.campaigns.peridynamics.formats import DATASET
from mdbridge.campaigns.peridynamics.input import GrapheneInput, Learn, Wave
from mdbridge.campaigns.peridynamics.stages import Campaign
from mdbridge.core import store
from mdbridge.core.console import console
from mdbridge.core.errors import InputError
from mdbridge.core.workspace import Workspace

INPUTS = Path(__file__).parents[2] / "inputs"
SPEEDS = {"transverse": 183.0, "longitudinal": 240.0}


def keys(**sections):
    config = GrapheneInput(campaign="graphene").model_copy(update=sections)
    campaign = Campaign(MPI.COMM_SELF, config, Path("a.toml"), Workspace(Path("out"), "graphene"))
    return {task.name: task.identity.key for task in wave._runs(campaign, SPEEDS).tasks}


def test_another_model_redoes_no_run_and_another_wave_only_its_own():
    base = keys()
    assert set(base) == {"transverse", "longitudinal", "pulse"}
    assert keys(learn=Learn(seed=9)) == base
    other = keys(wave=Wave(wavelength_A=20.0))
    assert {name for name in base if base[name] != other[name]} == {"transverse", "longitudinal"}
    other = keys(wave=Wave(pulse_ps=0.1))
    assert {name for name in base if base[name] != other[name]} == {"pulse"}


def test_a_campaign_at_a_finite_temperature_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"graphene_300K.toml: .*crystal at rest"):
        wave.wave(MPI.COMM_SELF, INPUTS / "graphene_300K.toml", tmp_path, [])


def test_packets_start_with_the_speed_of_sound(tmp_path, monkeypatch):
    """√(C/ρ), in SI units: a sheet of 2 atoms of 12.011 u over √3/2 a² times its thickness."""
    with store.writing(tmp_path / "dataset.h5", DATASET, "key") as file:
        file.attributes(md_C11_TPa=1.2, md_C66_TPa=0.5, md_lattice_A=2.5, temperature_K=300.0)
    monkeypatch.setattr(wave.stages, "require", lambda *_: tmp_path / "dataset.h5")
    config = GrapheneInput(campaign="graphene")
    campaign = Campaign(MPI.COMM_SELF, config, Path("a.toml"), Workspace(Path("out"), "graphene"))
    assert wave._constants(campaign) == {"C11_TPa": 1.2, "C66_TPa": 0.5, "lattice_A": 2.5}
    volume = np.sqrt(3) / 2 * 2.5**2 * config.md.planar.thickness * 1e-30
    density = 2 * 12.011 * 1.66053907e-27 / volume
    speeds = wave._speeds(campaign)
    for branch, modulus in (("transverse", 0.5e12), ("longitudinal", 1.2e12)):
        assert speeds[branch] == pytest.approx(np.sqrt(modulus / density) * 1e-2, rel=1e-4)


def test_waves_are_told_as_they_were_measured(tmp_path, table_told):
    def packet(number):
        rows = {
            name: {"speed_A_per_ps": number + k, "arrival_off": 0.01 * (number + k)}
            for k, name in enumerate(("md", "learned", "classical"))
        }
        return rows | {"wavelength_A": 12.0 + number}

    record = {
        "path_A": 400.0,
        "packets": {"longitudinal": packet(1), "transverse": packet(5)},
        "pulse": {"times_ps": [0.0, 0.25], "learned": [0.0, 0.03], "classical": [0.0, 0.2]},
        "checks": {"frequency_off": 1.2e-9, "energy_off": 3.4e-12, "energy_steps": 500},
    }
    wave._show(console(MPI.COMM_SELF), record, tmp_path)
    rows, words = table_told()
    assert rows["longitudinal"] == ["13.00", "1.0", "2.0", "+2.00%", "3.0", "+3.00%"]
    assert rows["transverse"] == ["17.00", "5.0", "6.0", "+6.00%", "7.0", "+7.00%"]
    assert "arrival after 400 Å" in words
    assert "pulse after 0.25 ps: learned 3.00% off the MD, classical 20.00%" in words
    assert "by 1.2e-09; energy over 500 steps by 3.4e-12" in words
