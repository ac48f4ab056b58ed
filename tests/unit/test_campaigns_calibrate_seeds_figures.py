"""Figures of a study over seeds: every seed, the median, and each optimum with its interval."""

import numpy as np
import pytest
from calibration_runs import run

from mdbridge.campaigns.calibrate import seeds_figures
from mdbridge.campaigns.calibrate.runs import medians

RUNS = [
    run((4.0, 3.0, 2.0), seed=5),
    run((5.0, None, 1.0, 0.5), seed=6, intervals={"a": [0.2, 0.4], "b": [2.0, 4.0]}),
    run((3.0, 2.5), seed=7, intervals=None),
]
OTHER = [run((9.0, 8.0)), run((9.0, 7.0))]


@pytest.fixture(scope="module")
def shown(drawn_once, tmp_path_factory):
    seeds_figures.draw(tmp_path_factory.mktemp("seeds"), {"ego+refine": RUNS, "ego": OTHER})
    assert set(drawn_once) == {"convergence", "distance", "optima"}
    return drawn_once


def test_convergence_shows_every_seed_to_its_end(shown):
    for axes, name in zip(shown["convergence"].axes, "ab", strict=True):
        series, ends = axes.lines[0:6:2], axes.lines[1:6:2]
        for calibrated, curve, end in zip(RUNS, series, ends, strict=True):
            assert curve.get_xdata().tolist() == list(range(1, len(calibrated.trials) + 1))
            assert curve.get_ydata() == pytest.approx(calibrated.parameter(name), nan_ok=True)
            assert np.ravel(end.get_data()) == pytest.approx(
                [len(calibrated.trials), calibrated.summary["best"][name]]
            )
    first, second = shown["convergence"].axes
    assert [line.get_label() for line in first.lines[6:]] == ["truth"] and not second.lines[6:]
    assert [panel.get_ylabel() for panel in (first, second)] == ["best a (GPa)", "best b"]


def test_distances_are_those_of_all_seeds_with_a_median_for_each_scheme(shown):
    (axes,) = shown["distance"].axes
    thick = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_linewidth() > 2}
    assert set(thick) == {"ego+refine, median of 3 seeds", "ego, median of 2 seeds"}
    assert thick["ego+refine, median of 3 seeds"].tolist() == medians(RUNS, 4).tolist()
    assert thick["ego, median of 2 seeds"].tolist() == [9.0, 7.5]
    thin = [line.get_ydata().tolist() for line in axes.lines if line.get_linewidth() < 1]
    assert thin == [calibrated.distance().tolist() for calibrated in (*RUNS, *OTHER)]
    (compared,) = [line for line in axes.lines if line.get_label() == "at output.compare"]
    assert compared.get_ydata() == [2.5, 2.5]
    assert axes.get_yscale() == "log"


def test_an_optimum_lies_in_the_row_of_its_seed_with_its_interval(shown):
    axes = shown["optima"].axes[0]
    points = {line.get_ydata()[0]: line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"}
    assert points == {row: calibrated.summary["best"]["a"] for row, calibrated in enumerate(RUNS)}
    intervals = {
        line.get_ydata()[0]: list(line.get_xdata())
        for line in axes.lines
        if line.get_marker() != "o" and line.get_linestyle() == "-"
    }
    assert intervals == {0: [0.5, 0.7], 1: [0.2, 0.4]}  # of the third none is known
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["5", "6", "7"]
    assert axes.get_xlabel() == "a (GPa)"
    truths = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert truths == [0.55]
