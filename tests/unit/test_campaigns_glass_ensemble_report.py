"""Numbers of an ensemble: means, errors, and which numbers have none."""

import numpy as np
import pytest
from glass_files import stored

from mdbridge.campaigns.glass import ensemble_report
from mdbridge.campaigns.glass.analysis import stress_strain
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.core import store


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


def test_all_samples_and_their_mean_are_drawn(tmp_path, drawn):
    stored(tmp_path)
    ensemble_report.draw({1: tmp_path, 2: tmp_path}, tmp_path / "ensemble_stress_strain.png")
    *samples, mean = drawn["ensemble_stress_strain"].axes[0].lines
    assert len(samples) == 2
    with store.reading(tmp_path / "glass.h5", GLASS) as file:
        np.testing.assert_allclose(mean.get_ydata(), stress_strain(file).stress)


def test_predictors_are_drawn_with_errors_and_filled_where_they_are_sure(tmp_path, drawn):
    def row(r, p, gain):
        return {"correlation": {"r": r, "error": 0.1, "p": p, "n": 3}, "log_likelihood_gain": gain}

    told = {
        "energy": {"0.1": row(0.1, 0.4, -0.01), "0.2": row(0.2, 0.02, 0.0)},
        "local_yield": {"0.1": row(0.3, 0.005, 0.05), "0.2": row(0.4, 0.2, 0.06)},
        # at no strain a sample that varies, and a single sample
        "density": {"0.1": {"correlation": None, "log_likelihood_gain": None}},
        "nonaffinity": {"0.1": {"correlation": {"r": 0.0, "error": None, "p": 0.5, "n": 1}}},
    }
    ensemble_report.draw_predictors(told, tmp_path / "ensemble_predictors.png")
    left, right = drawn["ensemble_predictors"].axes
    lines = {tuple(line.get_ydata()) for line in left.lines}
    # a filled marker where p is small, and nowhere else
    assert {(0.1, 0.2), (0.3, 0.4), (0.3,)} <= lines and (0.4,) not in lines
    assert [tuple(line.get_ydata()) for line in right.lines[:-1]] == [(-0.01, 0.0), (0.05, 0.06)]
