"""Table and figure of a sweep: the rows that were selected, in per cent."""

import io

import numpy as np
import pytest
from rich.console import Console

from mdbridge.campaigns.peridynamics import sweep_figures


def row(horizon, degree, size, failure=""):
    errors = {key: size * (k + 1) for k, key in enumerate(sweep_figures.ERRORS)}
    return {"delta_A": horizon, "M": degree, "failure": failure, "AvgE": 10 * size} | errors


ROWS = [row(10.0, 0, 0.1) | {"E_TPa": 0.9, "nu": -0.4}, row(20.0, 5, 0.02) | {"E_TPa": 0.95, "nu": -0.35}]
SWEEP = {
    "rows": ROWS,
    "candidates": [*ROWS, row(30.0, 5, 0.0, "too wide")],
    "best": {"horizon": 20.0, "degree": 5},
    "wall_s": 12.34,
}


def test_the_table_is_that_of_the_rows_and_failures_are_listed():
    text = io.StringIO()
    sweep_figures.show(Console(file=text, width=200), SWEEP)
    rows = [line.split("│")[1:-1] for line in text.getvalue().splitlines() if "│" in line]
    values = [[cell.strip() for cell in cells] for cells in rows]
    assert values[-2:] == [
        ["0", "10", "10.00%", "20.00%", "30.00%", "40.00%", "1.0000", "0.9000", "-0.4000"],
        ["5", "20", "2.00%", "4.00%", "6.00%", "8.00%", "0.2000", "0.9500", "-0.3500"],
    ]
    assert "failed: δ = 30 Å, M = 5: too wide" in text.getvalue()
    assert "3 pairs, 1 failed, 12.3 s" in text.getvalue()
    assert "--set learn.horizons_A=[20] --set learn.degrees=[5]" in text.getvalue()


def test_it_is_told_in_the_units_of_the_data_with_the_key_that_takes_them():
    text = io.StringIO()
    units = sweep_figures.Units(10.0, 1e-3, "nm", "GPa", "learn.horizons")
    sweep_figures.show(Console(file=text, width=200), SWEEP, units)
    assert "δ (nm)" in text.getvalue() and "E (GPa)" in text.getvalue()
    cells = [cell.strip() for cell in text.getvalue().split("│")]
    assert {"2", "950", "-0.3500"} <= set(cells)
    assert "failed: δ = 3 nm" in text.getvalue()
    assert "--set learn.horizons=[2] --set learn.degrees=[5]" in text.getvalue()


def test_the_pair_that_is_chosen_is_bold():
    text = io.StringIO()
    sweep_figures.show(Console(file=text, width=200, force_terminal=True, color_system="standard"), SWEEP)
    lines = {line.split("│")[2].strip(): line for line in text.getvalue().splitlines() if line.count("│") > 2}
    (bold,) = [horizon for horizon in ("10", "20") if any(horizon in h and "\x1b[1m" in h for h in lines)]
    assert bold == "20"


def test_each_error_is_a_line_over_the_degree_with_the_paper_s_beside(drawn, tmp_path):
    other = {"rows": [row(12.5, 3, 0.3)]}
    paper = {"0 K": [row(15.0, 0, 0.2), row(15.0, 10, 0.04)]}
    sweep_figures.draw({"0 K": SWEEP, "300 K": other}, tmp_path / "sweep.png", paper)
    first, second = drawn["sweep"].axes
    assert (first.get_title(), second.get_title()) == ("0 K", "300 K")
    for number, label in enumerate(sweep_figures.LABELS):
        (ours,) = [line for line in first.lines if line.get_label() == label]
        assert np.array(ours.get_data()) == pytest.approx(
            np.array([[0, 5], [10.0 * (number + 1), 2.0 * (number + 1)]])
        )
        open_marks = [line for line in first.lines if line.get_mfc() == "none"][2 * number : 2 * number + 2]
        assert np.array([np.ravel(mark.get_data()) for mark in open_marks]) == pytest.approx(
            np.array([[0, 20.0 * (number + 1)], [10, 4.0 * (number + 1)]])
        )
        assert {mark.get_color() for mark in open_marks} == {ours.get_color()}
    assert not [line for line in second.lines if line.get_mfc() == "none"]
    assert first.get_ylabel() == "relative error (%)" and first.get_yscale() == "log"
    assert first.get_xlabel() == "degree M"
    # above the panels, where they cover no curve
    (legend,) = drawn["sweep"].legends
    assert [text.get_text() for text in legend.get_texts()] == [*sweep_figures.LABELS, "open: published"]


def test_errors_that_are_not_known_are_dashes_and_gaps(drawn, tmp_path):
    """Of a single sample there is no validation, of one without load no residual."""
    key = sweep_figures.ERRORS[2]
    sweep = SWEEP | {"rows": [{name: v for name, v in r.items() if name != key} for r in ROWS]}
    text = io.StringIO()
    sweep_figures.show(Console(file=text, width=200), sweep)
    values = [
        [c.strip() for c in line.split("│")[1:-1]] for line in text.getvalue().splitlines() if "│" in line
    ]
    assert [cells[4] for cells in values[-2:]] == ["–", "–"]
    sweep_figures.draw({"": sweep}, tmp_path / "gaps.png")
    (axes,) = drawn["gaps"].axes
    known = [label for label in sweep_figures.LABELS if label != sweep_figures.LABELS[2]]
    assert [line.get_label() for line in axes.lines] == known
    assert all(np.isfinite(line.get_ydata()).all() for line in axes.lines)
