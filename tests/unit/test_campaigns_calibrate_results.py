"""best.h5: both responses, with the strain where it is known."""

import numpy as np
import pytest
import xarray

from mdbridge.campaigns.calibrate import results
from mdbridge.core import files
from mdbridge.core.errors import FileError, InputError

FIELD, CURVE = np.random.default_rng(0).random((2, 3, 4)), np.arange(5.0)
LABELS, UNITS = {"Exy": "shear strain"}, {"stress_xy": "GPa"}
OPTIONS = {"strains": [0.1, 0.5], "max_strain": 0.5}


def write(path, options=OPTIONS, **more):
    responses = {
        "reference": {"Exy": FIELD, "stress_xy": CURVE, "mean": 1.0, "short": CURVE[:2]},
        "calibrated": {"Exy": 2 * FIELD, "stress_xy": 2 * CURVE, "mean": 2.0, "short": CURVE, **more},
    }
    return results.write(path, responses, {"c0": 0.25, "E0": -3.4}, 0.5, options, LABELS, UNITS, "key")


def test_fields_and_curves_of_both_come_back(tmp_path):
    assert write(tmp_path / "best.h5", other=CURVE) == files.sha256(tmp_path / "best.h5")
    pairs = results.read(tmp_path / "best.h5")
    assert set(pairs) == {"Exy", "stress_xy"}  # neither single numbers, nor what only one of them has
    exy, stress = pairs["Exy"], pairs["stress_xy"]
    np.testing.assert_array_equal(exy.reference, FIELD)
    np.testing.assert_array_equal(exy.calibrated, 2 * FIELD)
    assert (exy.label, exy.strained, exy.along.tolist()) == ("shear strain", True, [0.1, 0.5])
    assert (stress.label, stress.strained) == ("stress xy (GPa)", True)
    np.testing.assert_allclose(stress.along, [0.1, 0.2, 0.3, 0.4, 0.5])


def test_without_strains_points_are_counted(tmp_path):
    write(tmp_path / "best.h5", {})
    pairs = results.read(tmp_path / "best.h5")
    assert not pairs["Exy"].strained and pairs["Exy"].along.tolist() == [0, 1]
    assert not pairs["stress_xy"].strained and pairs["stress_xy"].along.tolist() == [0, 1, 2, 3, 4]


def test_xarray_shows_named_dimensions_units_and_the_parameters(tmp_path):
    write(tmp_path / "best.h5")
    with xarray.open_dataset(tmp_path / "best.h5", engine="h5netcdf", group="calibrated") as stored:
        assert stored["Exy"].dims == ("Exy_strain", "Exy_1", "Exy_2")
        assert stored["Exy"].sel(Exy_strain=0.5).shape == (3, 4)
        assert stored["stress_xy"].attrs["units"] == "GPa" and stored["stress_xy"].dims == (
            "stress_xy_strain",
        )
    with xarray.open_dataset(tmp_path / "best.h5", engine="h5netcdf") as root:
        assert (root.attrs["parameter_E0"], root.attrs["distance"]) == (-3.4, 0.5)


def test_names_of_dimensions_make_way_for_those_of_arrays(tmp_path):
    write(tmp_path / "best.h5", Exy_1=CURVE, Exy_strain=CURVE)
    assert results.read(tmp_path / "best.h5")["Exy"].along.tolist() == [0.1, 0.5]
    with xarray.open_dataset(tmp_path / "best.h5", engine="h5netcdf", group="calibrated") as stored:
        assert stored["Exy"].dims == ("Exy_strain_", "Exy_1_", "Exy_2")
        np.testing.assert_array_equal(stored["Exy_1"], CURVE)


@pytest.mark.parametrize("values", [[1j], ["a"], [object()]])
def test_what_a_model_returned_that_is_no_array_of_numbers_is_named(tmp_path, values):
    with pytest.raises(InputError, match="calibrated: 'odd' cannot be stored"):
        write(tmp_path / "best.h5", odd=values)
    with pytest.raises(InputError, match=r"calibrated: 'a/b' cannot be stored: .*cannot be the name"):
        write(tmp_path / "best.h5", **{"a/b": CURVE})
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_result_is_named(tmp_path):
    (tmp_path / "best.h5").write_text("no")
    with pytest.raises(FileError, match=r"best\.h5: .*made again by 'mdbridge calibrate'"):
        results.read(tmp_path / "best.h5")


def test_a_curve_stands_over_its_abscissa(tmp_path):
    over = {"stress_xy": ("strain", np.linspace(0.0, 0.2, 5)), "short": ("strain", np.arange(5.0))}
    responses = {"reference": {"stress_xy": CURVE, "short": CURVE[:2]}, "calibrated": {"stress_xy": CURVE}}
    units = UNITS | {"strain": "1"}
    results.write(tmp_path / "best.h5", responses, {}, 0.5, OPTIONS, LABELS, units, abscissae=over)
    pair = results.read(tmp_path / "best.h5")["stress_xy"]
    np.testing.assert_allclose(pair.along, over["stress_xy"][1])
    assert (pair.over, pair.strained) == ("strain", False)
