"""``mdbridge shear``: inputs, outputs, and what is said when something is wrong."""

import json
import xml.etree.ElementTree as ET
from base64 import b64decode
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import xarray
from mpi4py import MPI
from thread_ranks import together

from mdbridge.campaigns.shear import results, stages
from mdbridge.core import files, store
from mdbridge.core.errors import FileError, FlowError, InputError, MissingPackageError
from mdbridge.stz import scheme
from mdbridge.stz.equilibrium import krylov
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.forwardrun import forward

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
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf") as stored:
        assert stored.attrs["complete"] and stored.attrs["material_s_y"] == 1.006
        curve, corners, cells = ("gamma",), ("y_corner", "x_corner"), ("y", "x")
        assert {name: (data.dims, data.attrs["units"]) for name, data in stored.items()} == {
            "path": (curve, "1"),
            "shear_stress": (curve, "GPa"),
            "dev_stress": (curve, "GPa"),
            "plastic_power": (curve, "GPa/ps"),
            "frames": (("field_gamma",), "1"),
            "Exy": (("field_gamma", *corners), "1"),
            "chi": (("field_gamma", *cells), "1"),
            "velocity": (("field_gamma", *corners, "velocity_component"), "angstrom/ps"),
            "stress": (("field_gamma", *cells, "stress_component"), "GPa"),
        }
        assert dict(stored.sizes) == {
            "gamma": 9, "field_gamma": 3, "y": 10, "x": 8, "y_corner": 10, "x_corner": 8,
            "velocity_component": 2, "stress_component": 4,
        }  # fmt: skip
        assert stored["frames"].values.tolist() == [0, 4, 8]
        np.testing.assert_allclose(stored["field_gamma"], stored["gamma"][[0, 4, 8]])
        np.testing.assert_allclose(stored["x"], 50.0 * np.arange(8) + 25.0)
        np.testing.assert_allclose(stored["y_corner"], 40.0 * np.arange(10))
        # power of the stress in Å, ps and GPa: ⟨σ_xy⟩ λ at the end of steady flow
        power, stress = (float(stored[name][-1]) for name in ("plastic_power", "shear_stress"))
        assert power == pytest.approx(stress * 1e-4, rel=0.1)
        # components by name: of the mean stress, and of what moves with the box
        mean = stored["stress"].sel(stress_component="xy").mean(("y", "x"))
        np.testing.assert_allclose(mean, stored["shear_stress"][[0, 4, 8]], atol=2e-2)
        assert stored["velocity"].attrs["grid_location"] == "corner"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["complete"] and summary["strain_reached"] == pytest.approx(0.2)
    for name in ("chi", "strain", "stress_strain"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_program_of_loading_turns_at_frames_and_goes_at_its_own_rates(tmp_path):
    small = ["grid.nx=8", "grid.ny=10", "shear.frames=4", "shear.fields_every=4", "output.vtk=true"]
    program = ["loading.strains=[0.1, -0.1]", "loading.rates_per_s=[1e8, 1e7]", "initial.stress_GPa=0.1"]
    source = tmp_path / "cycle.toml"
    # where it ends is said by the program alone
    source.write_text((INPUTS / "stz_bump.toml").read_text().replace("max_strain = 0.5", ""))
    stages.run(MPI.COMM_WORLD, source, tmp_path / "out", [*small, *program])
    tmp_path = tmp_path / "out"
    with h5py.File(tmp_path / "run.h5") as stored:
        assert stored["gamma"][:] == pytest.approx([0.0, 0.025, 0.05, 0.075, 0.1, 0.05, 0.0, -0.05, -0.1])
        assert stored["path"][:] == pytest.approx([0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3])
        stress, power = stored["shear_stress"][:], stored["plastic_power"][:]
    assert stress[0] == 0.1 and stress[4] > 1.0 and stress[-1] < -1.0
    # in Å, ps and GPa: |σ_xy| λ of steady flow, which is ten times as slow on the way back
    assert power[-1] == pytest.approx(abs(stress[-1]) * 1e-5, rel=0.1)
    assert power.min() >= 0.0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["strain_reached"], summary["strain_path"]) == pytest.approx((-0.1, 0.3))
    # ParaView's time only grows
    pieces = ET.parse(tmp_path / "vtk" / "run.pvd").findall(".//DataSet")
    assert [float(piece.get("timestep")) for piece in pieces] == pytest.approx([0.0, 0.1, 0.3])


@pytest.mark.parametrize(("every", "kept"), [(3, (0, 3, 6, 8)), (4, (0, 4, 8)), (100, (0, 8))])
def test_fields_are_kept_of_every_so_many_frames_and_of_the_last(every, kept):
    _, case = stages.prepare(INPUTS / "stz_bump.toml", [*SMALL, f"shear.fields_every={every}"])
    assert case.kept() == kept


def test_what_is_written_is_what_was_computed(tmp_path):
    _, case = stages.prepare(INPUTS / "stz_bump.toml", [*SMALL, "shear.fields_every=4"])
    result = forward(case)
    summary = stages.summary(case, result, None, 2.5)
    assert summary["final_Exy_range"] == [result.exy[-1].min(), result.exy[-1].max()]
    assert summary["strain_reached"] == result.gamma[-1]
    assert summary["final_shear_stress_GPa"] == result.shear_stress[-1]
    assert summary["peak_shear_stress_GPa"] == max(result.shear_stress)
    assert result.shear_stress[list(result.gamma).index(summary["strain_at_peak"])] == max(
        result.shear_stress
    )
    sha256 = results.write(tmp_path / "run.h5", case, result, True)
    assert sha256 == files.sha256(tmp_path / "run.h5")
    stored = results.read(tmp_path / "run.h5")
    for name in ("gamma", "shear_stress", "dev_stress", "exy", "chi"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(result, name))
    for component in range(2):
        np.testing.assert_allclose(
            stored.velocity[..., component], result.velocity[:, component] * case.rate * 1e-12
        )
    for component in range(4):
        np.testing.assert_array_equal(stored.stress[..., component], result.stress[:, component])
    assert (stored.frame, stored.e_z, stored.box.tolist()) == ("simple", 21000.0, [400.0, 400.0])


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
    stored = results.read(tmp_path / "run.h5")
    np.testing.assert_array_equal(arrays["chi"].reshape(10, 8), stored.chi[-1])
    np.testing.assert_array_equal(arrays["stress"].reshape(10, 8, 4), stored.stress[-1])
    exy = arrays["Exy"].reshape(11, 9)
    assert np.array_equal(exy[:-1, :-1], stored.exy[-1]) and np.array_equal(exy[-1], exy[0])


@pytest.mark.slow
def test_an_animation_on_request(tmp_path):
    run(tmp_path, "output.animation=true", "shear.fields_every=4")
    assert (tmp_path / "run.gif").read_bytes().startswith(b"GIF89a")


def test_chi_is_the_affine_map_of_an_energy_file_in_text_or_hdf5(tmp_path):
    energy = energy_file(tmp_path / "pe.0")
    final = energy_file(tmp_path / "pe.1")
    with h5py.File(tmp_path / "pe.h5", "w") as file:
        file["potential_energy"] = energy
    text = (INPUTS / "stz_validation.toml").read_text()
    (tmp_path / "in.toml").write_text(text.replace("../../shared/data/cuzr_md/pe.MD.0", "pe.0"))
    settings = [*SMALL, "initial.final_file=pe.1"]
    _, case = stages.prepare(tmp_path / "in.toml", settings)
    assert case.chi == pytest.approx(8.277 * (energy + 3.368), abs=1e-7)
    assert case.material.chi_inf == pytest.approx(8.277 * (final.max() + 3.368), abs=1e-7)
    _, same = stages.prepare(tmp_path / "in.toml", [*settings, "initial.file=pe.h5"])
    assert same.chi == pytest.approx(case.chi, abs=1e-7)
    with pytest.raises(FileError, match=r"'energy' is missing; there is potential_energy"):
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


def test_the_files_are_read_by_one_rank(tmp_path, monkeypatch):
    """Other nodes need not have them: the key of what they hold comes from the rank that read them."""
    keys = []
    monkeypatch.setattr(stages.stages, "make", lambda comm, _, product: keys.append(product.identity.key))
    energy_file(tmp_path / "pe")
    source, text = tmp_path / "in.toml", (INPUTS / "stz_bump.toml").read_text()
    head = text.partition("[initial]")[0]
    rest = '[initial]\nfile = "pe"\nbeta_per_eV = 8.0\nE0_eV = -3.4\n[grid]\nnx = 8\nny = 10\n'
    source.write_text(head + rest)

    def work(comm):
        place = source if comm.rank == 0 else Path("another node/in.toml")
        stages.run(comm, place, tmp_path / "out", [])

    together(2, work)
    assert len(keys) == 2 and len(set(keys)) == 1


def test_what_draws_is_asked_for_before_the_run(tmp_path, monkeypatch):
    """Hours of work would be lost to a figure that cannot be drawn."""

    def missing():
        raise MissingPackageError("drawing needs matplotlib", name="matplotlib")

    monkeypatch.setattr(stages.plots, "pyplot", missing)
    monkeypatch.setattr(stages, "forward", lambda *_: pytest.fail("the run was begun"))
    with pytest.raises(MissingPackageError, match="matplotlib"):
        run(tmp_path / "out")


def test_a_failed_run_leaves_its_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(scheme.Stepper, "smallest_step", 2e-3)
    with pytest.raises(FlowError, match="worst cell"):
        run(tmp_path, "scheme.tolerance=1e-9")
    with store.reading(tmp_path / "run.h5", results.RUN) as file:
        assert not file.attribute("complete", bool)
    stored = results.read(tmp_path / "run.h5")
    assert 1 <= len(stored.gamma) < 9
    assert len(stored.exy) == len(stored.gamma)
    assert json.loads((tmp_path / "summary.json").read_text())["complete"] is False
    assert (tmp_path / "chi.png").exists()


@pytest.mark.parametrize(
    ("ranks", "boundary", "exact"),
    [(1, "periodic", True), (1, "clamped", False), (2, "periodic", False), (2, "clamped", False)],
)
def test_the_exact_projection_is_taken_where_it_serves(monkeypatch, ranks, boundary, exact):
    """All of a periodic grid on one rank: waves are its eigenvectors."""
    monkeypatch.setattr(krylov, "shared", lambda *_: nullcontext((None, "petsc")))
    settings, case = stages.prepare(INPUTS / "stz_bump.toml", [*SMALL, f"grid.boundary={boundary}"])
    with stages.solvers(SimpleNamespace(size=ranks), settings, case) as (_, projection):
        assert isinstance(projection, FourierProjection) == exact == (projection != "petsc")


@pytest.mark.parametrize("axis", ["nx", "ny"])
def test_the_smallest_grid_is_of_four_cells(axis):
    """A difference reaches two cells to each side; of fewer the same cell would be met twice."""
    assert stages.prepare(INPUTS / "stz_bump.toml", [f"grid.{axis}=4"])
    with pytest.raises(InputError, match=f"grid.{axis}"):
        stages.prepare(INPUTS / "stz_bump.toml", [f"grid.{axis}=3"])
