"""What inputs take at least: less than what was measured, and more for more of anything."""

from pathlib import Path

import pytest

from mdbridge.campaigns import demands
from mdbridge.campaigns.calibrate.input import CalibrateInput
from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.campaigns.graphene_study.input import StudyInput
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.campaigns.shear.input import ShearInput
from mdbridge.core import config
from mdbridge.core.demand import LONG

INPUTS = Path(__file__).parents[2] / "inputs"
KINDS = {
    "fields": (FieldsInput, demands.fields),
    "graphene": (GrapheneInput, demands.graphene),
    "graphene-study": (StudyInput, demands.study),
    "glass": (GlassInput, demands.glass),
    "shear": (ShearInput, demands.shear),
    "calibrate": (CalibrateInput, demands.calibrate),
}


def bundled():
    """The inputs that are delivered, with their kinds."""
    for path in sorted(INPUTS.rglob("*.toml")):
        kind = config.read_toml(path).get("campaign")
        if kind in KINDS:
            yield pytest.param(path, kind, id=path.stem)


@pytest.mark.parametrize(("path", "kind"), list(bundled()))
def test_no_bundled_input_is_asked_about(path, kind):
    model, demand = KINDS[kind]
    asked = demand(config.load(path, model))
    assert asked.seconds < LONG and asked.memory + asked.shared < 8e9 and asked.disk < 1e10
    assert asked.what and asked.remedy


@pytest.mark.parametrize(
    ("name", "changes", "what", "factor"),
    [
        ("stz_bump", ["grid.nx=3200"], "memory", 50),
        ("stz_bump", ["grid.nx=3200"], "disk", 50),
        ("stz_bump", ["shear.max_strain=500"], "seconds", 50),
        ("cuzr_small", ["md.cells=[260, 260, 60]"], "shared", 500),
        ("cuzr_small", ["md.relax_ps=1e6"], "seconds", 500),
        ("cuzr_small", ["ensemble.seeds=1000"], "seconds", 1000),
        ("graphene_0K", ["md.cells=[390, 230]"], "seconds", 50),
        ("graphene_0K", ["coarse.fine_spacing_A=0.25"], "memory", 50),
        ("graphene_300K", ["thermal.duration_ps=1e3"], "seconds", 50),
        ("examples/aluminium_fields", ["grid.cells=[1000, 1000]"], "memory", 50),
        ("examples/spring", ["ego.evaluations=100000"], "memory", 1e5),
        ("examples/spring", ["ego.evaluations=100000"], "seconds", 1e6),
        ("graphene_study", ["manufactured.spacings_A=[5.0, 0.01]"], "memory", 1000),
    ],
)
def test_more_takes_more(name, changes, what, factor):
    path = INPUTS / f"{name}.toml"
    model, demand = KINDS[config.read_toml(path)["campaign"]]
    before, after = (demand(config.load(path, model, given)) for given in ((), changes))
    assert getattr(after, what) >= factor * getattr(before, what) > 0


def test_waves_take_their_path():
    path = INPUTS / "graphene_0K.toml"
    short, long = (
        demands.wave(config.load(path, GrapheneInput, [f"wave.path_A={length}"])) for length in (1e3, 1e6)
    )
    assert long.seconds > 500 * short.seconds > 0
