"""Numbers of an ensemble: means, errors, and which numbers have none."""

import numpy as np
import pytest
from glass_files import chain

from mdbridge.campaigns.glass import ensemble_report


def test_a_mean_has_the_error_of_independent_samples():
    random = np.random.default_rng(3)
    means = [ensemble_report.mean_and_error(values) for values in random.normal(2.0, 0.5, (400, 8))]
    errors = np.array([average["error"] for average in means])
    assert np.sqrt((errors**2).mean()) == pytest.approx(
        np.std([average["mean"] for average in means]), rel=0.1
    )
    assert ensemble_report.mean_and_error([2.0]) == {"mean": 2.0, "error": None, "n": 1}


def test_only_numbers_that_all_samples_have_are_averaged():
    summaries = [
        {"natoms": 10, "flow_stress": 1.0, "overshoot": 0.2, "box": [1, 2], "length_unit": "A"},
        {"natoms": 10, "flow_stress": 3.0, "overshoot": None, "box": [1, 2], "length_unit": "A"},
    ]
    assert ensemble_report.means(summaries) == {"flow_stress": {"mean": 2.0, "error": 1.0, "n": 2}}


def test_units_are_told_that_all_samples_have():
    told = {"flow_stress": 1.0, "stress_unit": "GPa", "length_unit": "angstrom"}
    assert ensemble_report._units([told, told]) == {"length_unit": "angstrom", "stress_unit": "GPa"}
    assert ensemble_report._units([told, told | {"stress_unit": "bar"}]) == {"length_unit": "angstrom"}
    assert ensemble_report._units([{"flow_stress": 1.0}]) == {}


def test_calibrated_models_stand_beside_a_uniform_shear_and_what_they_began_with(tmp_path):
    y, x = np.meshgrid(np.arange(5) / 5, np.arange(6) / 6, indexing="ij")
    band, across = np.cos(2 * np.pi * y), np.cos(2 * np.pi * x)
    strains, paths = np.array([0.1, 0.4]), []
    for seed, size in ((1, 1.0), (2, 0.5)):
        # half a row below the cells: what is averaged to the centres lies there
        md = 0.5 * strains[:, None, None] * (1 + size * np.cos(2 * np.pi * (y - 0.1)))
        model = 0.5 * strains[:, None, None] * (1 + 0.2 * size * np.cos(2 * np.pi * (y - 0.1)))
        paths.append(tmp_path / f"{seed}.h5")
        chain(paths[-1], -5.0 + 0.01 * (band + across), md, model, strains)
    told = ensemble_report._strain_fields(paths)
    for strain in ("0.1", "0.4"):
        assert told["strain_field_correlation"][strain]["r"] == pytest.approx(1.0)
        # averaged along x nothing of what varies there is left
        assert told["strain_field_correlation_of_rest"][strain]["r"] == pytest.approx(1.0)
        # √½ of the amplitudes, 1 and ½; at centres a band is cos π/5 of it
        off, centres = told["strain_difference"][strain], np.cos(np.pi / 5) * np.sqrt(0.5)
        assert off["uniform_shear"]["mean"] == pytest.approx(0.75 * centres)
        assert off["model"]["mean"] == pytest.approx(0.8 * 0.75 * centres)
        assert off["model_less_uniform_shear"]["mean"] == pytest.approx(-0.2 * 0.75 * centres)
        assert off["model_less_uniform_shear"]["error"] == pytest.approx(0.05 * centres)
        assert off["model"]["n"] == 2
        # the map of either is half or twice too steep for the other
        assert off["rest"]["mean"] == pytest.approx(0.5 * centres)
        assert told["strain_field_correlation_less_that_of_rest"][strain]["mean"] == pytest.approx(0.0)
