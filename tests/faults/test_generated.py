"""Inputs that nobody wrote: whatever a file holds, it is taken or refused by name, without a traceback."""

import os
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_inputs
import spoilt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from test_glass_faults import TINY

from mdbridge.calibrate import collect, tables
from mdbridge.calibrate.response import InvalidResponse
from mdbridge.calibrate.template import Template, filled
from mdbridge.campaigns import demands
from mdbridge.campaigns.calibrate.input import CalibrateInput
from mdbridge.campaigns.fields import trajectory
from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.campaigns.graphene_study.input import StudyInput
from mdbridge.campaigns.peridynamics import data, data_files
from mdbridge.campaigns.peridynamics.data_input import Data, PeridynamicsInput
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.campaigns.peridynamics.problem_input import Problem
from mdbridge.campaigns.shear.input import ShearInput
from mdbridge.core.config import check
from mdbridge.core.demand import LARGEST
from mdbridge.core.errors import FileError, InputError, MdbridgeError
from mdbridge.stz.energies import read_energy

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES = int(os.environ.get("MDBRIDGE_FAULT_CASES", "8"))
"""Of each family; by hand 300."""

INPUTS = Path(__file__).parents[2] / "inputs"
NUMBERS = some.integers() | some.floats() | some.sampled_from([0, -1, 1e308, 5e-324, 10**400, 10**9])
PLAIN = NUMBERS | some.booleans() | some.text(max_size=8)
VALUES = some.recursive(
    PLAIN,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MODELS = {
    FieldsInput: ("examples/aluminium_fields.toml", demands.fields),
    GlassInput: (TINY, demands.glass),
    ShearInput: (small_inputs.SHEAR, demands.shear),
    GrapheneInput: ("graphene_300K.toml", demands.graphene),
    StudyInput: ("graphene_study.toml", demands.study),
    CalibrateInput: (small_inputs.CALIBRATE, demands.calibrate),
    PeridynamicsInput: ("examples/own_fields.toml", None),
    Problem: (small_inputs.BODY, None),
}
"""The model of an input, one that is valid, and what is asked of those that are taken."""


def generated(strategy):
    """A test of as many cases as are asked for."""

    def decorate(test):
        quick = settings(
            max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        return quick(given(strategy)(test))

    return decorate


def tables_of(model):
    """Tables with keys of the model, each of any value or of further keys of its section."""
    keys = {}
    for name, field in model.model_fields.items():
        section = field.annotation if hasattr(field.annotation, "model_fields") else None
        keys[name] = VALUES if section is None else tables_of(section) | VALUES
    return some.fixed_dictionaries({}, optional=keys)


@some.composite
def changed(draw, model, valid):
    """A valid table with some values changed, keys lost or added."""
    table = tomllib.loads((INPUTS / valid).read_text() if valid.endswith(".toml") else valid)
    for _ in range(draw(some.integers(1, 3))):
        fields, place = model.model_fields, table
        name = draw(some.sampled_from(sorted(fields)))
        inner = fields[name].annotation
        if hasattr(inner, "model_fields") and draw(some.integers(0, 9)):
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                continue
            fields = inner.model_fields
            name = draw(some.sampled_from(sorted(fields)))
        if name in place and not draw(some.integers(0, 4)):
            del place[name]
        else:
            place[name] = draw(VALUES | some.integers(1, 10**12) | some.floats(1e-12, 1e12))
    return table


@pytest.mark.parametrize("model", MODELS)
def test_an_input_is_taken_or_refused_by_name(model):
    valid, demand = MODELS[model]

    @generated(tables_of(model) | changed(model, valid) | changed(model, valid))
    def refused_or_taken(table):
        try:
            config = check(table, model, "in.toml")
        except InputError as error:
            assert str(error).startswith("in.toml: ")
            return
        if demand is not None:
            # of whatever is taken it can be said what it takes
            asked = demand(config)
            numbers = (asked.memory, asked.shared, asked.disk, asked.seconds)
            assert all(0 <= number <= 10 * LARGEST for number in numbers), asked

    refused_or_taken()


OWN = small_inputs.own_data.periodic(shape=(6, 6), samples=2)


def requires_sense(path):
    """Own data are refused by the name of their file, or all of it are numbers that belong together."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            own = data.prepare([data_files.read(path, {})], Data())
    except MdbridgeError as error:
        assert path.name in str(error), error
        return
    for fields in own.fields.values():
        assert fields.u.shape == fields.b.shape == (len(fields.u), len(fields.nodes), 2)
        for values in (fields.nodes, fields.u, fields.b, fields.box, fields.spacing):
            assert np.isfinite(values).all()
        assert len(fields.u) and np.ptp(fields.nodes, axis=0).all()
        assert (np.abs(fields.u).max() > 0) and (np.abs(fields.b).max() > 0)


@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_own_data_are_taken_or_refused_by_name(tmp_path, kind):
    path = tmp_path / f"own.{kind}"

    @generated(spoilt.datasets(OWN))
    def refused_or_taken(arrays):
        if kind == "npz":
            path.write_bytes(spoilt.packed(arrays))
        else:
            path.unlink(missing_ok=True)
            with h5py.File(path, "w") as file:
                for name, values in arrays.items():
                    file[name] = values.astype("S") if values.dtype.kind == "U" else values
        requires_sense(path)

    refused_or_taken()


def written_with_h5py(path):
    with h5py.File(path, "w") as file:
        for name, values in OWN.items():
            file[name] = values
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_bytes_of_own_data(tmp_path, kind):
    path = tmp_path / f"own.{kind}"
    whole = spoilt.packed(OWN) if kind == "npz" else written_with_h5py(path)

    @generated(spoilt.contents(whole))
    def refused_or_taken(changed_bytes):
        path.write_bytes(changed_bytes)
        requires_sense(path)

    refused_or_taken()


def as_table():
    """The same as a table of text."""
    rows = [
        f"{s}, {x}, {y}, {u[0]}, {u[1]}, {b[0]}, {b[1]}"
        for s in range(2)
        for (x, y), u, b in zip(OWN["nodes"], OWN["u"][s], OWN["b"][s], strict=True)
    ]
    return "\n".join(["# box: 30 30", "sample, x [nm], y, ux, uy, bx [GPa/nm], by", *rows])


def test_own_tables(tmp_path):
    path = tmp_path / "own.csv"

    @generated(spoilt.texts([as_table()]))
    def refused_or_taken(text):
        path.write_text(text, encoding="utf-8")
        requires_sense(path)

    refused_or_taken()


DUMP = """ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0.0 5.0
0.0 5.0
0.0 5.0
ITEM: ATOMS id type mass x y z ix iy iz vx vy vz
1 1 1.0 0.5 0.5 0.5 0 0 0 0.1 0.2 0.3
2 1 1.0 2.5 2.5 2.5 0 0 0 0.1 0.2 0.3
"""
LEANING = DUMP.replace("pp pp pp", "xy xz yz pp pp pp").replace("0.0 5.0", "0.0 5.0 0.1")


def test_headers_of_trajectories(tmp_path):
    path = tmp_path / "own.lammpstrj"
    valid = ["".join(text.format(step=step) for step in (0, 10)) for text in (DUMP, LEANING)]
    table = tomllib.loads((INPUTS / "examples" / "trajectory.toml").read_text())
    config = check(table, FieldsInput, "in.toml")

    @generated(spoilt.texts(valid))
    def refused_or_taken(text):
        path.write_text(text, encoding="utf-8")
        try:
            trajectory.check(path, config)
        except MdbridgeError as error:
            assert path.name in str(error) or "in.toml" in str(error) or "observe" in str(error), error
            return
        for header in trajectory.headers(path):
            assert header.atoms > 0 and np.isfinite(header.bounds).all()
            corner, edges = header.box
            assert np.isfinite(corner).all() and np.isfinite(edges).all()

    refused_or_taken()


TABLE = "strain [-], stress (MPa), note\n" + "\n".join(f"{n / 10}, {n * 3.5}, a" for n in range(6))
BLANKS = "# strain stress\n" + "\n".join(f"{n / 10} {n * 3.5}" for n in range(6))
COMMAS = "strain; stress\n" + "\n".join(f"{n / 10}; {n * 3},5" for n in range(6))


@pytest.mark.parametrize("ending", ["csv", "dat", "npz", "h5"])
def test_measurements_of_a_calibration(tmp_path, ending):
    path = tmp_path / f"measured.{ending}"

    @generated(spoilt.texts([TABLE, BLANKS, COMMAS]))
    def refused_or_taken(text):
        path.write_text(text, encoding="utf-8")
        try:
            measured = tables.read(path, ["stress"])
        except MdbridgeError as error:
            assert path.name in str(error)
            return
        assert measured.values and not any(np.isinf(column).any() for column in measured.values.values())

    refused_or_taken()


OUTPUT = '{"stress": [1.0, 2.0, null], "strain": [0, 1, 2], "name": "a", "more": {"x": 1}, "peak": 3.5}'


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_what_a_program_writes(tmp_path, ending):
    valid = [OUTPUT, OUTPUT.replace("1.0, 2.0", "[1.0, 2.0], [3.0, 4.0]")] if ending == "json" else [TABLE]
    name = f"out.{ending}"

    @generated(spoilt.texts([text.replace(",", " , ").replace("[", "[ ") for text in valid]))
    def refused_or_taken(text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        try:
            collected = collect.outputs(collect.asked({"stress": name}), tmp_path)
        except (RuntimeError, InvalidResponse):  # errors of a trial, which the search goes on after
            return
        # infinite ones are none that can be compared, and refused there
        assert collected["stress"].dtype == np.float64

    refused_or_taken()


def test_templates_of_a_calibration(tmp_path):
    path = tmp_path / "my.in.template"
    valid = "slope = {slope}\nwidth = {width:.3f}\nvariable x equal ${slope}\nif { {other} } { {{a}} }\n"

    @generated(spoilt.texts([valid, valid.replace(".3f", "d"), valid.replace(".3f", "9999999999d")]))
    def refused_or_taken(text):
        path.write_text(text, encoding="utf-8")
        try:
            template = Template.read(tmp_path, path.name, "model.templates")
            template.check(["slope", "width"])
        except InputError as error:
            assert path.name in str(error)
            return
        try:
            result = filled(template.text, {"slope": 1.25, "width": 0.1})
        except InputError as error:
            # a format of whole numbers
            assert "does not have this format" in str(error)
            return
        assert "{slope}" not in result.replace("${slope}", "") and len(result) < 10**6

    refused_or_taken()


ENERGIES = "\n".join(["4 3 0", *(" ".join(["-5.1"] * 4) for _ in range(3))])


def test_files_of_energies(tmp_path):
    path = tmp_path / "pe.MD.0"

    @generated(spoilt.texts([ENERGIES]))
    def refused_or_taken(text):
        path.write_text(text, encoding="utf-8")
        try:
            energy = read_energy(path)
        except (FileError, InputError) as error:
            assert path.name in str(error)
            return
        assert energy.ndim == 2 and np.isfinite(energy).all()

    refused_or_taken()
