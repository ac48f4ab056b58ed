"""Where a reference comes from: a run, a function, a file."""

import numpy as np
import pytest

from mdbridge.campaigns.calibrate import references
from mdbridge.campaigns.calibrate.input import CalibrateInput
from mdbridge.core.config import check
from mdbridge.core.errors import InputError

INPUT = {
    "campaign": "calibrate",
    "model": "m:f",
    "parameters": {"a": {"low": 0.0, "high": 1.0}},
    "objective": [{"term": "l2", "curve": "load", "abscissa": "time", "sigma": "error"}],
}


class Called:
    """Stands for a worker: keeps what it was asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def call(self, function, *arguments):
        self.asked.append(arguments)
        return self.answer


def settings(**reference):
    return check({**INPUT, "reference": reference}, CalibrateInput, "in.toml")


def test_a_file_gives_the_columns_that_the_terms_ask_for(tmp_path):
    (tmp_path / "data.csv").write_text("time_s,load_kN,error\n0,1,0.1\n1,2,0.1\n")
    measurements = references.measured(settings(file="data.csv"), tmp_path)
    assert {"time", "load", "error"} <= set(measurements.values)
    assert (measurements.units["time"], measurements.units["load"]) == ("s", "kN")
    np.testing.assert_array_equal(measurements.values["load"], [1.0, 2.0])


def test_no_file_measures_nothing(tmp_path):
    assert references.measured(settings(parameters={"a": 0.5}), tmp_path).values == {}


def test_parameters_must_be_those_of_the_model(tmp_path):
    with pytest.raises(InputError, match=r"reference\.parameters: must name a; unknown: b"):
        references.read(settings(parameters={"a": 0.5, "b": 1.0}), tmp_path, None, None, Called(None))
