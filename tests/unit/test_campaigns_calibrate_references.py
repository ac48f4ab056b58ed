"""Where a reference comes from: a run, a function, a file."""

from types import SimpleNamespace

import numpy as np
import pytest

from mdbridge.calibrate.terms import CurveTerm
from mdbridge.calibrate.trials import Trial, TrialLog
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


def test_a_reference_is_kept_for_the_trials_that_were_compared_with_it(tmp_path):
    values = {"load": np.array([1.0, np.nan]), "a/b": np.ones((2, 3, 4)), "check": np.array([7.0])}
    function = SimpleNamespace(path="m:reference", sources={"m.py": "aa"})
    (tmp_path / "energy").write_text("1")
    told = settings(function="m:reference", options={"energy_file": "energy"})
    given = references.origin(told, tmp_path, function)
    references.keep(tmp_path, given, values)
    assert references.kept(tmp_path, given) is None  # no trial was compared with it
    record = TrialLog(tmp_path / "trials.jsonl", {}, resume=False)
    record.append(Trial(0, "initial", [0.5], {"a": 0.5}, "failed"))
    record.close()
    kept = references.kept(tmp_path, given)
    assert list(kept) == list(values)
    assert all(np.array_equal(kept[name], values[name], equal_nan=True) for name in values)
    # where it comes from somewhere else, or was changed, it is made again
    function.sources = {"m.py": "bb"}
    assert references.kept(tmp_path, references.origin(told, tmp_path, function)) is None
    function.sources = {"m.py": "aa"}
    (tmp_path / "energy").write_text("2")
    assert references.kept(tmp_path, references.origin(told, tmp_path, function)) is None
    other, same = (references.origin(settings(parameters={"a": a}), tmp_path, None) for a in (0.5, 0.25))
    assert other != same and references.kept(tmp_path, other) is None
    for broken in (b"", b"no archive", (tmp_path / references.KEPT).read_bytes()[:-30]):
        (tmp_path / references.KEPT).write_bytes(broken)
        assert references.kept(tmp_path, given) is None


def test_what_is_read_from_a_file_is_not_kept(tmp_path):
    given = references.origin(settings(file="data.csv"), tmp_path, None)
    references.keep(tmp_path, given, {"load": np.ones(2)})
    assert given is None and not list(tmp_path.iterdir()) and references.kept(tmp_path, given) is None


def test_parameters_must_be_those_of_the_model(tmp_path):
    with pytest.raises(InputError, match=r"reference\.parameters: must name a; unknown: b"):
        references.read(settings(parameters={"a": 0.5, "b": 1.0}), tmp_path, None, None, Called(None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"curve": "laod"},
            r"objective\.0\.curve = 'laod': the reference d\.csv .*error, load.*mean 'load'\?",
        ),
        ({"abscissa": "tiem"}, r"objective\.0\.abscissa = 'tiem'.*did you mean 'time'\?"),
        ({"sigma": "eror"}, r"objective\.0\.sigma = 'eror'.*did you mean 'error'\?"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_key_file_and_near_name(changes, message):
    term = INPUT["objective"][0] | changes
    given = check({**INPUT, "objective": [term], "reference": {"file": "d.csv"}}, CalibrateInput, "in.toml")
    with pytest.raises(InputError, match=message):
        references.check_names(given, dict.fromkeys(("time", "load", "error"), np.ones(2)))


@pytest.mark.parametrize(
    ("cell", "told"), [("0", "error = 0"), ("-2", "error = -2"), ("nan", "error is missing")]
)
def test_a_sigma_that_is_none_is_told_with_its_line(tmp_path, cell, told):
    # of the measurement that is missing none is needed
    (tmp_path / "d.csv").write_text(f"time,load,error\n0,1,0.1\n# remark\n1,,0\n2,2,{cell}\n")
    message = rf"objective\.0\.sigma = 'error': d\.csv, line 5: {told}: must be finite and above 0"
    with pytest.raises(InputError, match=message):
        references.check_sigma(settings(file="d.csv"), tmp_path)


def test_a_file_that_is_not_there_has_a_near_name_and_tells_what_there_is(tmp_path):
    for name in ("data.csv", "other.txt"):
        (tmp_path / name).write_text("x\n1\n")
    message = (
        r"reference\.file = 'dat\.csv': there is no .*; of \.csv there are data\.csv; did .* 'data\.csv'\?"
    )
    with pytest.raises(InputError, match=message):
        references.measured(settings(file="dat.csv"), tmp_path)


def test_rows_without_a_value_are_counted_and_shorter_columns_are_not():
    nan = np.nan
    reference = {
        "t": np.array([0.0, 1.0, 2.0, 3.0]),
        "gap": np.array([1.0, nan, 3.0, nan]),
        "x": np.array([0.0, 1.0, nan, nan]),
        "short": np.array([1.0, 2.0, nan, nan]),
    }

    def lines(name, abscissa):
        return references.left_out("d.csv", [CurveTerm(name, reference, "l2", None, abscissa)], reference)

    assert lines("gap", "t") == ["gap: 2 of 4 rows of d.csv; 2 without a value left out"]
    assert lines("gap", None) == ["gap: 2 of 3 rows of d.csv; 1 without a value left out"]
    assert lines("short", "x") == lines("short", None) == []


def test_another_unit_of_the_model_or_of_a_deviation_is_refused(tmp_path):
    (tmp_path / "d.csv").write_text("time (s),load (kN),error (kN),heat (K)\n0,1,0.1,1\n1,2,0.1,1\n")
    given = settings(file="d.csv")
    # what is not compared may be in any, and counts for nothing
    told = references.check_units(given, tmp_path, {"load": "kN", "heat": "°C"})
    assert told == {"time": "s", "load": "kN"}
    for name, unit, written in (("load", "N", "kN"), ("time", "ms", "s")):
        with pytest.raises(InputError, match=rf"gives '{name}' in {unit}, d\.csv has it in {written}"):
            references.check_units(given, tmp_path, {name: unit})
    (tmp_path / "d.csv").write_text("time (s),load (kN),error (N)\n0,1,100\n1,2,100\n")
    with pytest.raises(InputError, match=r"objective\.0\.sigma = 'error': d\.csv has it in N, 'load' in kN"):
        references.check_units(given, tmp_path, {})
    # where the reference says nothing, the model's own word is what its output is held to
    (tmp_path / "d.csv").write_text("time,load_1,error_2\n0,1,100\n1,2,100\n")
    assert references.check_units(given, tmp_path, {"load": "kN"}) == {"load": "kN"}
    (tmp_path / "d.csv").write_text("time,load (°C),error (K)\n0,1,100\n1,2,100\n")
    assert references.check_units(given, tmp_path, {}) == {"load": "°C"}
