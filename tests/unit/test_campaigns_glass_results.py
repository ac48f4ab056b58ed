"""glass.h5: fields, curve and history with units, names and coordinates."""

from typing import get_args

import numpy as np
import pytest
import xarray
from glass_files import KEY, frames, history, settings, stored

from mdbridge.campaigns.glass import figures, results
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.campaigns.glass.input import RESERVED, Measured
from mdbridge.core import store
from mdbridge.core.units import BAR_IN_GPA
from mdbridge.stz import paperfiles


def test_energy_at_mean_composition_is_free_of_the_composition(tmp_path):
    with store.reading(stored(tmp_path), GLASS) as file:
        free, raw = file.get("energy_mean_composition", "eV"), file.get("potential_energy", "eV")
        assert file.get("density", "g/cm^3")[0, 0, 0] == pytest.approx(4.4 * 1.66053906660)
        assert file.get("curve/stress", "GPa")[-1, 3] == pytest.approx(1.5)
    assert np.ptp(raw, axis=2).min() > 0.3
    assert np.ptp(free, axis=2).max() < 1e-12
    assert np.ptp(free[0], axis=0).max() == pytest.approx(0.008, rel=0.1)
    assert free[-1].mean() - free[0].mean() == pytest.approx(0.02 * 0.5)


def test_where_the_composition_is_the_mean_the_energy_stays_what_it_is():
    """The types' shares weigh their energies: here 20 and 80 of a hundred atoms."""
    composition = np.array([[[0.2, 0.5]], [[0.8, 0.5]]])
    first = {"type_energy": np.array([-4.0, -6.0]), "type_fraction": np.array([0.2, 0.8])}
    later = {"type_energy": np.array([-3.0, -5.0]), "type_fraction": np.array([0.2, 0.8])}
    part = results._composition_part([frame | {"composition": composition} for frame in (first, later)])
    np.testing.assert_allclose(part, 2 * [[[0.0, 0.6]]], rtol=0, atol=1e-12)


def test_every_dataset_has_named_dimensions_units_and_a_place(tmp_path):
    path = stored(tmp_path, extra={"csym": "c_csym"})
    cells, corners = ("gamma", "y", "x"), ("gamma", "y_corner", "x_corner")
    with xarray.open_dataset(path, engine="h5netcdf") as glass:
        assert {name: (data.dims, data.attrs["units"]) for name, data in glass.items()} == {
            "potential_energy": (cells, "eV"),
            "energy_mean_composition": (cells, "eV"),
            "Exy": (corners, "1"),
            "D2min": (corners, "angstrom^2"),
            "velocity": ((*cells, "component"), "angstrom/ps"),
            "density": (cells, "g/cm^3"),
            "temperature": (cells, "K"),
            "composition": ((*cells, "type"), "1"),
            "csym": (cells, "as LAMMPS's"),
            "type_energy": (("gamma", "type"), "eV"),
            "type_fraction": (("gamma", "type"), "1"),
            "box": (("direction",), "angstrom"),
            "edges": (("gamma", "component", "edge"), "angstrom"),
            "step": (("gamma",), "1"),
        }
        assert all(data.attrs["long_name"] for data in glass.variables.values())
        assert glass["Exy"].attrs["grid_location"] == "corner" and glass.attrs["extra"] == "csym"
        np.testing.assert_allclose(glass["gamma"], 0.025 * np.arange(21))
        np.testing.assert_allclose(glass["x"], 5.0 * np.arange(8) + 2.5)
        np.testing.assert_allclose(glass["y_corner"], 6.0 * np.arange(6))
        for frame, expected in zip(range(21), frames(settings(tmp_path), 21), strict=True):
            np.testing.assert_array_equal(glass["Exy"][frame], expected["Exy"])
            np.testing.assert_array_equal(glass["composition"][frame, ..., 1], expected["composition"][1])
    with xarray.open_dataset(path, engine="h5netcdf", group="curve") as curve:
        assert curve["stress"].dims == ("gamma", "stress_component")
        np.testing.assert_allclose(
            curve["stress"].sel(stress_component="xy"), np.minimum(25 * curve["gamma"], 1.5), atol=1e-12
        )


def test_no_further_field_may_have_a_name_that_is_stored_or_drawn_already(tmp_path):
    """Also of what is measured at rest, which is put into the file last."""
    path = stored(tmp_path, at_rest=dict.fromkeys(get_args(Measured), np.ones((6, 8))))
    figures.draw(path, tmp_path)
    drawn = {name.stem.removeprefix("maps_") for name in tmp_path.glob("maps_*.png")}
    with store.reading(path, GLASS) as file:
        taken = {*file.datasets(), *file.groups(), *drawn}
    assert taken == RESERVED


def test_the_history_is_named_by_column_in_units_of_its_own(tmp_path):
    ((stage, rows),) = history()
    with xarray.open_dataset(stored(tmp_path), engine="h5netcdf", group=f"history/{stage}") as state:
        # names have none
        units = {name: data.attrs.get("units") for name, data in state.variables.items()}
        assert units["temperature"] == "K" and units["volume"] == "angstrom^3" and units["stress"] == "GPa"
        np.testing.assert_array_equal(state["step"], rows[:, 0])
        np.testing.assert_array_equal(state["temperature"], rows[:, 2])
        np.testing.assert_array_equal(state["potential_energy"], rows[:, 3])
        for number, part in enumerate(("xx", "yy", "zz", "xy", "xz", "yz")):
            pressure = -state["stress"].sel(stress_component=part) / BAR_IN_GPA
            np.testing.assert_allclose(pressure, rows[:, 5 + number])


def test_attributes_say_what_it_is_and_of_what(tmp_path):
    with store.reading(stored(tmp_path), GLASS) as file:
        assert file.key == KEY
        known = file.attributes()
    assert known["complete"] and known["natoms"] == 216 and known["mu_GPa"] == 25.0
    assert known["seconds_shear"] == 12.5 and known["units_style"] == "metal"


def test_the_paper_s_files_are_read_back(tmp_path):
    path = stored(tmp_path)
    results.write_paper_files(path, tmp_path / "text")
    with store.reading(path, GLASS) as file:
        for number in (0, 13, 20):
            exy = paperfiles.read_field(tmp_path / "text" / f"Exy.MD.{number}")
            assert np.allclose(exy, file.get("Exy", at=number), rtol=0, atol=1e-10)
            energy = paperfiles.read_field(tmp_path / "text" / f"pe.MD.{number}")
            assert np.allclose(energy, file.get("potential_energy", at=number), rtol=0, atol=1e-8)
        stress = paperfiles.read_shear_stress(tmp_path / "text" / "stress_rand2_matlab.txt")
        assert np.allclose(stress, file.get("curve/stress")[:, 3], rtol=1e-7)
