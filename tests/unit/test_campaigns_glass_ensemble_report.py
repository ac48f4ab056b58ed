"""Numbers of an ensemble: means, errors, and which numbers have none."""

import numpy as np
import pytest

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
