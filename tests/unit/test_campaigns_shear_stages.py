"""``mdbridge shear``: inputs, outputs, and what is said when something is wrong."""

import json
import xml.etree.ElementTree as ET
from base64 import b64decode
from pathlib import Path

import h5py
import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.shear import stages
from mdbridge.core.errors import FileError, FlowError, InputError
from mdbridge.stz import scheme

INPUTS = Path(__file__).parents[2] / "inputs"
SMALL = ["grid.nx=8", "grid.ny=10", "shear.max_strain=0.2", "shear.frames=8"]


def run(out, *overrides):
    stages.run(MPI.COMM_WORLD, INPUTS / "stz_bump.toml", out, [*SMALL, *overrides])


def energy_file(path, shape=(10, 8)):
    values = -3.36 + 1e-3 * np.random.default_rng(1).random(shape)
    rows = "\n".join(" ".join(f"{v:.8f}" for v in row) for row in values)
    path.write_text(f"{shape[1]} {shape[0]} 0 1\n{rows}\n")
    return values


def test_everything_is_written_with_units_and_places(tmp_path):
    run(tmp_path, "output.vtk=true", "shear.fields_every=4")
    with h5py.File(tmp_path / "run.h5") as store:
        places = {name: (data.attrs["units"], data.attrs["grid_location"]) for name, data in store.items()}
        assert places == {
            "gamma": ("1", "mean"),
            "shear_stress": ("GPa", "mean"),
            "dev_stress": ("GPa", "mean"),
            "plastic_power": ("GPa/ps", "mean"),
            "frames": ("1", "none"),
            "Exy": ("1", "corner"),
            "chi": ("1", "cell"),
            "velocity": ("angstrom/ps", "corner"),
            "stress": ("GPa", "cell"),
        }
        assert store["frames"][...].tolist() == [0, 4, 8]
        assert store["gamma"].shape == (9,) and store["Exy"].shape == (3, 10, 8)
        assert store["velocity"].shape == (3, 2, 10, 8) and store["stress"].shape == (3, 4, 10, 8)
        assert store.attrs["complete"] and store.attrs["material_s_y"] == 1.006
        # power of the stress in Å, ps and GPa: ⟨σ_xy⟩ λ at the end of steady flow
        assert store["plastic_power"][-1] == pytest.approx(store["shear_stress"][-1] * 1e-4, rel=0.1)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["complete"] and summary["strain_reached"] == pytest.approx(0.2)
    for name in ("chi", "strain", "stress_strain"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_vtk_holds_the_fields_in_the_deformed_box(tmp_path):
    run(tmp_path, "output.vtk=true", "shear.fields_every=8")
    pieces = ET.parse(tmp_path / "vtk" / "run.pvd").findall(".//DataSet")
    assert [float(piece.get("timestep")) for piece in pieces] == pytest.approx([0.0, 0.2])
    tree = ET.parse(tmp_path / "vtk" / pieces[1].get("file"))
    arrays = {}
    for data in tree.findall(".//DataArray"):
        raw = b64decode(data.text)
        assert int.from_bytes(raw[:8], "little") == len(raw) - 8
        arrays[data.get("Name")] = np.frombuffer(raw[8:]).reshape(-1, int(data.get("NumberOfComponents")))
    assert arrays["points"][-1] == pytest.approx([400.0 + 0.2 * 400.0, 400.0, 0.0])
    with h5py.File(tmp_path / "run.h5") as store:
        assert np.array_equal(arrays["chi"].reshape(10, 8), store["chi"][-1])
        exy = arrays["Exy"].reshape(11, 9)
        assert np.array_equal(exy[:-1, :-1], store["Exy"][-1]) and np.array_equal(exy[-1], exy[0])


def test_an_animation_on_request(tmp_path):
    run(tmp_path, "output.animation=true", "shear.fields_every=4")
    assert (tmp_path / "run.gif").read_bytes().startswith(b"GIF89a")


def test_chi_is_the_affine_map_of_an_energy_file_in_text_or_hdf5(tmp_path):
    energy = energy_file(tmp_path / "pe.0")
    final = energy_file(tmp_path / "pe.1")
    with h5py.File(tmp_path / "pe.h5", "w") as store:
        store["potential_energy"] = energy
    text = (INPUTS / "stz_validation.toml").read_text()
    (tmp_path / "in.toml").write_text(text.replace("../../shared/data/cuzr_md/pe.MD.0", "pe.0"))
    settings = [*SMALL, "initial.final_file=pe.1"]
    _, case = stages.prepare(tmp_path / "in.toml", settings)
    assert case.chi == pytest.approx(8.277 * (energy + 3.368), abs=1e-7)
    assert case.material.chi_inf == pytest.approx(8.277 * (final.max() + 3.368), abs=1e-7)
    _, same = stages.prepare(tmp_path / "in.toml", [*settings, "initial.file=pe.h5"])
    assert same.chi == pytest.approx(case.chi, abs=1e-7)
    with pytest.raises(FileError, match=r"no dataset 'energy'; it holds potential_energy"):
        stages.prepare(tmp_path / "in.toml", [*settings, "initial.file=pe.h5", "initial.dataset=energy"])
    with pytest.raises(InputError, match=r"\(10, 8\).*\(10, 9\)"):
        stages.prepare(tmp_path / "in.toml", [*settings, "grid.nx=9"])
    with pytest.raises(InputError, match=r"E0 = -3.35 eV.*cell \(row \d+, column \d+\)"):
        stages.prepare(tmp_path / "in.toml", [*settings, "initial.E0_eV=-3.35"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("material.s_y_GPa=-1", "'material.s_y_GPa' = -1: must be greater than 0"),
        ("material.s_y_gpa=1", "did you mean 's_y_GPa'"),
        ("initial.formula=cone", "initial.formula"),
        ("initial.file=x", "either 'file' or 'formula'"),
        ("initial.formula=random", "needs seed"),
        ("initial.final_file=x", "final_file"),
        ("grid.boundary=open", "'periodic' or 'clamped'"),
        ("scheme.tolerance=2", "scheme.tolerance"),
        ("initial.amplitude=-0.2", r"frame 0, strain 0: chi = -0\.0\d+ at cell"),
    ],
)
def test_bad_input_is_one_error_that_names_the_key(tmp_path, override, message):
    with pytest.raises(InputError, match=message) as caught:
        run(tmp_path, override)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_failed_run_leaves_its_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(scheme.Stepper, "smallest_step", 2e-3)
    with pytest.raises(FlowError, match="worst cell"):
        run(tmp_path, "scheme.tolerance=1e-9")
    with h5py.File(tmp_path / "run.h5") as store:
        assert not store.attrs["complete"]
        assert 1 <= len(store["gamma"]) < 9
        assert len(store["Exy"]) == len(store["gamma"])
    assert json.loads((tmp_path / "summary.json").read_text())["complete"] is False
    assert (tmp_path / "chi.png").exists()
