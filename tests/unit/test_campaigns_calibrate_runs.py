"""What is read off the record of a calibration."""

import numpy as np
import pytest
from calibration_runs import run
from matplotlib.figure import Figure

from mdbridge.calibrate.trials import Trial, TrialLog
from mdbridge.campaigns.calibrate.runs import Run, medians
from mdbridge.core.files import write_json

INF, NAN = np.inf, np.nan


def test_the_least_distance_and_the_parameters_that_gave_it():
    """Failures change nothing, and of equal distances the first counts."""
    calibrated = run((None, 5.0, 3.0, None, 4.0, 3.0, 2.0))
    assert calibrated.distance().tolist() == [INF, 5.0, 3.0, 3.0, 3.0, 3.0, 2.0]
    assert calibrated.parameter("b") == pytest.approx([NAN, 1.0, 2.0, 2.0, 2.0, 2.0, 6.0], nan_ok=True)
    assert calibrated.parameter("a") == pytest.approx([NAN, 0.1, 0.2, 0.2, 0.2, 0.2, 0.6], nan_ok=True)
    # the first may be the best
    assert run((1.0, 2.0, None, 0.5)).parameter("b").tolist() == [0.0, 0.0, 0.0, 3.0]


def test_a_parameter_carries_its_unit():
    assert [run().label(name) for name in run().names] == ["a (GPa)", "b"]


def test_along_whole_numbers_there_are_no_ticks_between_them():
    whole = run((1.0, 2.0, 3.0))
    for trial in whole.trials:
        trial.parameters["b"] = int(trial.parameters["b"])
    axes = Figure().subplots()
    axes.set_xlim(1.0, 3.0)
    axes.set_ylim(1.0, 3.0)
    whole.along(axes.xaxis, "b", "best ")
    whole.along(axes.yaxis, "a")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("best b", "a (GPa)")
    assert axes.get_xticks().tolist() == [1.0, 2.0, 3.0] and len(axes.get_yticks()) > 3


def test_medians_at_equal_evaluations_keep_the_last_of_a_run_that_ended():
    runs = [run((4.0, 2.0)), run((3.0, 3.0, 3.0, 1.0)), run((9.0, 8.0, 0.5, 0.5))]
    assert medians(runs, 4).tolist() == [4.0, 3.0, 2.0, 1.0]
    assert medians(runs, 2).tolist() == [4.0, 3.0]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_run_is_read_as_far_as_its_summary_goes(tmp_path, elsewhere):
    """A record may have gone on since; it may lie in another folder."""
    record = tmp_path / ("other/record.jsonl" if elsewhere else "trials.jsonl")
    record.parent.mkdir(exist_ok=True)
    log = TrialLog(record, {"model": "m:f"}, resume=False)
    for index in range(4):
        log.append(Trial(index, "ego", [0.1], {"a": 0.1}, "ok", 1.0 + index, [1.0], np.zeros(1)))
    log.close()
    write_json(tmp_path / "summary.json", {"evaluations": 3, "units": {"a": "GPa"}})
    kept = Run.read(tmp_path, record if elsewhere else None)
    assert [trial.value for trial in kept.trials] == [1.0, 2.0, 3.0] and kept.summary["evaluations"] == 3
