"""From the glass to a calibrated model: what the calibration is given, and chain.h5."""

import numpy as np
import pytest
import xarray
from glass_files import stored

from mdbridge.campaigns.calibrate import stages
from mdbridge.campaigns.glass import chain as glass_chain
from mdbridge.campaigns.glass import chain_figures
from mdbridge.campaigns.glass.input import Calibrate
from mdbridge.core.errors import FileError, InputError
from mdbridge.stz import calibration_model
from mdbridge.stz.energies import read_energy


def test_the_chain_writes_an_input_that_the_calibration_takes(tmp_path):
    glass = stored(tmp_path)
    chosen = Calibrate(strains=[0.05, 0.1, 0.5], E0_below_eV=[0.01, 0.05])
    glass_chain._prepare(chosen, glass, tmp_path / "calibration")
    problem = stages.prepare(tmp_path / "calibration" / "calibration.toml")
    assert problem.reference["Exy"].shape == (3, 6, 8)
    assert problem.reference["shear_stress"].shape == (20,)
    # the mean of the points about a frame: exact on a straight line, but for the first half
    assert problem.reference["shear_stress"][1] == pytest.approx(25 * 0.05, rel=0.03)
    least = -5.0 - 0.004
    bounds = problem.settings.parameters
    assert bounds["E0"].low == pytest.approx(least - 0.05)
    assert bounds["E0"].high == pytest.approx(least - 0.01)
    assert bounds["s_y"].low == pytest.approx(0.5 * 1.5, rel=1e-3)
    options = problem.task.options
    assert options["mu"] == 25.0
    assert options["bulk"] == 120.0
    assert options["rate"] == pytest.approx(1e10)
    assert options["box"] == [40.0, 36.0]
    # the curve goes through the origin but for its noise
    assert options["stress_at_rest"] == pytest.approx(0.0, abs=0.01)
    # and the model runs on it
    response = calibration_model.forward(c0=0.3, s_y=1.2, beta=3.0, E0=least - 0.03, **options)
    assert response["Exy"].shape == (3, 6, 8)


def test_the_model_begins_at_the_stress_that_the_glass_has_at_rest(tmp_path):
    glass = stored(tmp_path, frozen=0.3)
    glass_chain._prepare(Calibrate(strains=[0.05, 0.5], E0_below_eV=[0.01, 0.05]), glass, tmp_path / "c")
    problem = stages.prepare(tmp_path / "c" / "calibration.toml")
    assert problem.task.options["stress_at_rest"] == pytest.approx(0.3, abs=0.01)


def test_energies_and_reference_are_those_of_the_frames(tmp_path):
    glass = stored(tmp_path)
    glass_chain._prepare(Calibrate(strains=[0.05, 0.5], E0_below_eV=[0.01, 0.05]), glass, tmp_path / "c")
    with xarray.open_dataset(glass, engine="h5netcdf") as md:
        free, exy = md["energy_mean_composition"].values, md["Exy"].values
    np.testing.assert_array_equal(read_energy(tmp_path / "c" / "energy_first.h5"), free[0])
    np.testing.assert_array_equal(read_energy(tmp_path / "c" / "energy_last.h5"), free[-1])
    with xarray.open_dataset(tmp_path / "c" / "reference.h5", engine="h5netcdf") as reference:
        assert reference["Exy"].dims == ("strain", "y_corner", "x_corner")
        np.testing.assert_array_equal(reference["Exy"].sel(strain=0.5), exy[-1])
        assert reference["shear_stress"].dims == ("gamma",) and len(reference["gamma"]) == 20


@pytest.mark.parametrize("kind", ["energy", "energy_mean_composition", "nonaffinity"])
def test_another_predictor_takes_the_place_of_the_energies_at_rest_alone(tmp_path, kind):
    y = np.repeat(np.sin(np.arange(6))[:, None], 8, axis=1)
    glass = stored(tmp_path, at_rest={"nonaffinity": 5.0 + y})
    with xarray.open_dataset(glass, engine="h5netcdf") as md:
        assert md["nonaffinity"].dims == ("y", "x") and md["nonaffinity"].attrs["units"] == "angstrom^2"
        published, free = md["potential_energy"].values, md["energy_mean_composition"].values
    energy = glass_chain._read(Calibrate(predictor=kind), glass)["energy"]
    if kind == "nonaffinity":
        np.testing.assert_array_equal(energy[1:], free[1:])
        assert energy[0].mean() == pytest.approx(free[0].mean())
        assert energy[0].std() == pytest.approx(free[0].std())
        assert np.corrcoef(energy[0].ravel(), y.ravel())[0, 1] == pytest.approx(1.0)
    else:
        np.testing.assert_array_equal(energy, published if kind == "energy" else free)


def test_a_predictor_that_was_not_measured_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"holds no 'nonaffinity', which calibrate\.predictor asks for"):
        glass_chain._read(Calibrate(predictor="nonaffinity"), stored(tmp_path))


def test_strains_that_are_no_frames_are_refused(tmp_path):
    glass = stored(tmp_path)
    with pytest.raises(InputError, match=r"calibrate.strains: 0.06 is none of the 20 frames"):
        glass_chain._prepare(Calibrate(strains=[0.06]), glass, tmp_path / "calibration")


@pytest.mark.parametrize("bounds", [[0.0, 0.05], [0.05, -0.01]])
def test_bounds_of_energies_that_allow_no_temperature_are_refused_before_any_trial(tmp_path, bounds):
    glass = stored(tmp_path)
    with pytest.raises(InputError, match=r"calibrate.E0_below_eV = \[.*chi must be positive"):
        glass_chain._prepare(Calibrate(strains=[0.05], E0_below_eV=bounds), glass, tmp_path / "calibration")
    assert not (tmp_path / "calibration").exists()


@pytest.fixture
def chain(tmp_path):
    """chain.h5 of two strains, in which the model has twice the MD's values."""
    md = glass_chain._read(Calibrate(), stored(tmp_path))
    values = {"Exy": md["exy"][[4, 20]], "T_eff": 100 + md["energy"][[4, 20]], "shear_stress": md["stress"]}
    compare = {"md": values, "model": {name: 2 * array for name, array in values.items()}}
    best = {"c0": 0.3, "E0": -5.1}
    glass_chain._write_chain(tmp_path / "chain.h5", best, [0.1, 0.5], md, compare)
    return tmp_path / "chain.h5", values


def test_the_model_lies_beside_the_md_with_names_and_units(chain):
    path, values = chain
    with xarray.open_dataset(path, engine="h5netcdf") as root:
        assert root.attrs["E0"] == -5.1
    for source, factor in (("md", 1), ("model", 2)):
        with xarray.open_dataset(path, engine="h5netcdf", group=source) as stored_group:
            dims = {name: (data.dims, data.attrs["units"]) for name, data in stored_group.items()}
            assert dims == {
                "Exy": (("strain", "y_corner", "x_corner"), "1"),
                "T_eff": (("strain", "y", "x"), "K"),
                "shear_stress": (("gamma",), "GPa"),
                # a model has the energies of the MD
                **({"energy_at_rest": (("y", "x"), "eV")} if source == "md" else {}),
            }
            for name, array in values.items():
                np.testing.assert_array_equal(stored_group[name], factor * array)


def test_both_are_drawn_on_one_scale(chain, drawn):
    path, values = chain
    chain_figures.draw(path, path.parent)
    above, below, *_ = drawn["chain_strain"].axes
    (md,), (model,) = above.images, below.images
    np.testing.assert_array_equal(md.get_array(), values["Exy"][1])
    np.testing.assert_array_equal(model.get_array(), 2 * values["Exy"][1])
    assert md.get_clim() == model.get_clim() == (values["Exy"][1].min(), 2 * values["Exy"][1].max())
    assert [len(drawn[name].axes) for name in ("chain_temperature", "chain_stress")] == [3, 1]


def test_a_glass_is_no_chain(tmp_path):
    with pytest.raises(FileError, match="has the format 'mdbridge-glass', expected 'mdbridge-chain'"):
        chain_figures.draw(stored(tmp_path), tmp_path)
