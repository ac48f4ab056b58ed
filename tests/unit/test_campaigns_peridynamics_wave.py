"""The command 'wave': what its runs depend on, and what it refuses."""

from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import wave
from mdbridge.campaigns.peridynamics.input import GrapheneInput, Learn, Wave
from mdbridge.campaigns.peridynamics.stages import Campaign
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
