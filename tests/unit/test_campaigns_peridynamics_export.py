"""Models for other programs: what a reader that knows nothing of the package makes of them."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import bodies_for_tests as made
import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import export
from mdbridge.core import store
from mdbridge.core.errors import InputError, SolvabilityError
from mdbridge.lps import solver
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline

READER = Path(__file__).parents[2] / "inputs" / "examples" / "read_table.py"

SINGLE = made.material(3.9, made.SIGN_CHANGING, 0.5, quadrature="isotropic")
MODELS = {
    "one function": SINGLE,
    "two functions": replace(SINGLE, own_dilatation=Bernstein(3.9, np.array([1.0, 0.5]), (1.0,))),
    "published weights": made.material(3.9, (1.0, 2.0), 1.0),
    "splines": replace(SINGLE, influence=BSpline(3.9, np.array([1.0, 1.2, 0.7, 0.4, 0.1]))),
}


def stored(tmp_path, material, **more):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(material.as_dict() | more))
    return path


def reader():
    spec = importlib.util.spec_from_file_location("read_table", READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reader_is_short_and_knows_nothing_of_the_package():
    text = READER.read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 40
    imported = [line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imported == ["sys", "pathlib", "numpy"]


@pytest.mark.parametrize("name", MODELS)
def test_a_table_is_all_that_the_operator_needs(tmp_path, name):
    material, spacing, shape = MODELS[name], (1.0, 1.2), (13, 11)
    path = export.export(stored(tmp_path, material), "table", None, list(spacing))
    constants, bonds = reader().read(path)
    u = np.random.default_rng(0).standard_normal((*shape, 2))
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 2) * spacing
    box = np.multiply(shape, spacing)
    expected = solver.apply(MPI.COMM_SELF, points, material, u.reshape(1, -1, 2), box)[0].reshape(u.shape)
    image = reader().apply(constants, bonds, u)
    assert np.abs(image - expected).max() < 1e-10 * np.abs(expected).max()
    assert float(constants["mu"]) == material.lame_mu


def test_a_table_is_in_the_units_of_the_data_and_on_their_grid(tmp_path):
    """One operator: the same bonds, scaled, whatever the unit of length."""
    here = export.export(stored(tmp_path, SINGLE), "table", tmp_path / "here.txt", [1.0, 1.0])
    units = {"length": "nm", "length_A": 10.0, "modulus": "GPa", "modulus_TPa": 1e-3}
    model = stored(tmp_path, SINGLE, units=units, certificates=[{"spacing": [1.0, 1.0]}])
    there = export.export(model, "table", tmp_path / "there.txt", None)
    (a, bonds), (b, scaled) = reader().read(here), reader().read(there)
    assert (b["length_unit"], float(b["spacing_x"]), float(b["mu"])) == ("nm", 0.1, 500.0)
    np.testing.assert_allclose(scaled[:, 2:4], bonds[:, 2:4] / 10)
    np.testing.assert_allclose(scaled[:, 4:], bonds[:, 4:] * 100, rtol=1e-12)
    assert float(b["C11"]) == pytest.approx(1000 * float(a["C11"]))


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_describes_every_key_of_a_model(tmp_path, name):
    path = stored(tmp_path, MODELS[name])
    schema = json.loads(export.export(path, "json-schema", None, None).read_text())
    contents = json.loads(path.read_text())
    assert set(contents) <= set(schema["properties"])
    assert set(schema["required"]) == {"lambda_TPa", "mu_TPa", "delta_A", "D"} <= set(contents)
    assert all(entry.get("description") for entry in schema["properties"].values())
    assert contents["kernel"] in schema["properties"]["kernel"]["enum"]
    export.StoredModel.model_validate(contents)


def test_julia_source_has_the_influence_function(tmp_path):
    path = export.export(stored(tmp_path, SINGLE), "peridynamics.jl", None, [1.0, 1.0])
    text = path.read_text()
    numbers = text.partition("MDBRIDGE_K = [")[2].partition("]")[0]
    values = np.array([float(word) for word in numbers.replace("\n", " ").split(",") if word.strip()])
    np.testing.assert_allclose(
        values, SINGLE.influence(np.linspace(1.0, 3.9, len(values))), rtol=1e-9, atol=1e-12
    )
    assert f"const MDBRIDGE_NU = {SINGLE.poisson:.12g}" in text
    with pytest.raises(InputError, match="a single one"):
        export.export(stored(tmp_path, MODELS["two functions"]), "peridynamics.jl", None, [1.0, 1.0])


def test_what_cannot_be_exported_is_told(tmp_path):
    path = stored(tmp_path, SINGLE)
    with pytest.raises(InputError, match=r"--to xml: must be one of table.*, or vtk for"):
        export.export(path, "xml", None, None)
    with pytest.raises(InputError, match="give --spacing HX HY"):
        export.export(path, "table", None, None)
    with pytest.raises(SolvabilityError, match="the wave k"):
        export.export(stored(tmp_path, made.material(3.5, (1, -1.5, 1), 1.0)), "table", None, [1.0, 1.0])
    with store.writing(tmp_path / "glass.h5", store.Format("test", 1, "nobody"), "key"):
        pass
    with pytest.raises(InputError, match="holds fields, and no model; --to vtk"):
        export.export(tmp_path / "glass.h5", "table", None, None)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="not a model of mdbridge"):
        export.export(tmp_path / "other.json", "table", None, None)
