"""What is read off the record of a calibration."""

import numpy as np
import pytest
from calibration_runs import run

from mdbridge.campaigns.calibrate.runs import medians

INF, NAN = np.inf, np.nan


def test_the_least_distance_and_the_parameters_that_gave_it():
    """Failures change nothing, and of equal distances the first counts."""
    calibrated = run((None, 5.0, 3.0, None, 4.0, 3.0, 2.0))
    assert calibrated.distance().tolist() == [INF, 5.0, 3.0, 3.0, 3.0, 3.0, 2.0]
    assert calibrated.parameter("b") == pytest.approx([NAN, 1.0, 2.0, 2.0, 2.0, 2.0, 6.0], nan_ok=True)
    assert calibrated.parameter("a") == pytest.approx([NAN, 0.1, 0.2, 0.2, 0.2, 0.2, 0.6], nan_ok=True)


def test_a_parameter_carries_its_unit():
    assert [run().label(name) for name in run().names] == ["a (GPa)", "b"]


def test_medians_at_equal_evaluations_keep_the_last_of_a_run_that_ended():
    runs = [run((4.0, 2.0)), run((3.0, 3.0, 3.0, 1.0)), run((9.0, 8.0, 0.5, 0.5))]
    assert medians(runs, 4).tolist() == [4.0, 3.0, 2.0, 1.0]
    assert medians(runs, 2).tolist() == [4.0, 3.0]
