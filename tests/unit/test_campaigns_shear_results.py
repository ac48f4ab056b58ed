"""run.h5: units, and rates by the clock instead of the strain."""

import h5py
import numpy as np
import pytest
from shear_runs import GRID, KEPT, MATERIAL, case, result

from mdbridge.campaigns.shear import results
from mdbridge.core.errors import FileError


@pytest.fixture
def path(tmp_path):
    results.write(tmp_path / "run.h5", case(), result(), complete=True, key="abc")
    return tmp_path / "run.h5"


def test_what_is_written_is_read(path):
    run, computed = results.read(path), result()
    for name in ("gamma", "shear_stress", "dev_stress", "frames", "exy", "chi"):
        assert np.array_equal(getattr(run, name), getattr(computed, name)), name
    assert run.strains == pytest.approx([0.0, 0.2, 0.4])
    assert run.box.tolist() == [GRID.lx, GRID.ly]
    assert (run.frame, run.e_z) == ("simple", MATERIAL.e_z)
    assert np.array_equal(run.stress, np.moveaxis(computed.stress, 1, -1))


def test_rates_are_per_picosecond(path):
    """The result has them per unit of strain: at 2e8/s a ps strains by 2e-4."""
    computed = result()
    np.testing.assert_allclose(results.read(path).velocity, 2e-4 * np.moveaxis(computed.velocity, 1, -1))
    with h5py.File(path) as file:
        np.testing.assert_allclose(file["plastic_power"], 2e-4 * computed.plastic_power)
        assert file["plastic_power"].attrs["units"] == "GPa/ps"
        assert file["velocity"].attrs["units"] == "angstrom/ps"


def test_the_file_tells_its_material_its_grid_and_whether_it_is_whole(path, tmp_path):
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
        places = {name: file[name].attrs["grid_location"] for name in ("Exy", "chi", "velocity", "stress")}
        assert file["frames"][...].tolist() == list(KEPT)
    assert {name: attributes[f"material_{name}"] for name in ("s_y", "c0", "chi_inf", "mu", "e_z")} == {
        "s_y": 1.0,
        "c0": 0.5,
        "chi_inf": 0.13,
        "mu": MATERIAL.mu,
        "e_z": 20000.0,
    }
    assert (attributes["rate_per_s"], attributes["max_strain"], attributes["boundary"]) == (
        2e8,
        0.4,
        "periodic",
    )
    assert places == {"Exy": "corner", "chi": "cell", "velocity": "corner", "stress": "cell"}
    assert attributes["complete"]
    results.write(tmp_path / "part.h5", case(), result(), complete=False)
    with h5py.File(tmp_path / "part.h5") as file:
        assert not file.attrs["complete"]


def test_another_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["gamma"] = [0.0]
    with pytest.raises(FileError, match=r"run\.h5"):
        results.read(tmp_path / "run.h5")
