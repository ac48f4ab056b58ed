"""Figures of a calibration: what is drawn is what was recorded."""

import numpy as np
import pytest
from calibration_runs import run, trial
from matplotlib.colors import to_hex

from mdbridge.campaigns.calibrate import figures, results
from mdbridge.campaigns.calibrate.results import Pair
from mdbridge.campaigns.calibrate.runs import Run

INF, NAN = np.inf, np.nan


def line(axes, label):
    """The data of the line with this label."""
    (curve,) = [curve for curve in axes.lines if curve.get_label() == label]
    return np.array(curve.get_data())


def test_convergence_shows_the_best_parameters_and_the_truth(drawn, tmp_path):
    calibrated = run()
    figures._convergence(calibrated, tmp_path / "convergence.png")
    for axes, name, label in zip(drawn["convergence"].axes, "ab", ("best a (GPa)", "best b"), strict=True):
        count, values = axes.lines[0].get_data()
        assert count.tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert values == pytest.approx(calibrated.parameter(name), nan_ok=True)
        assert axes.lines[0].get_drawstyle() == "steps-post"
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("evaluations", label)
        assert all(float(tick).is_integer() for tick in axes.get_xticks())
    first, second = drawn["convergence"].axes
    assert line(first, "truth")[1].tolist() == [0.55, 0.55]
    assert len(second.lines) == 1  # of b nothing is known


def test_every_distance_is_a_point_of_its_phase(drawn, tmp_path):
    figures._distance(run(), tmp_path / "distance.png")
    (axes,) = drawn["distance"].axes
    assert line(axes, "start design").tolist() == [[2, 3], [5.0, 3.0]]
    assert line(axes, "expected improvement").tolist() == [[5, 6, 7], [4.0, 3.0, 2.0]]
    assert line(axes, "least so far")[:, 1:].tolist() == [[2, 3, 4, 5, 6, 7], [5, 3, 3, 3, 3, 2]]
    assert line(axes, "no distance")[0].tolist() == [1, 4]
    assert line(axes, "at output.compare")[1].tolist() == [2.5, 2.5]
    assert axes.get_yscale() == "log" and axes.get_xlabel() == "evaluations"
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    assert {"refinement", "slopes at the end"}.isdisjoint(curve.get_label() for curve in axes.lines)


def test_pairs_have_the_better_trials_on_top_and_the_valley_through_the_best(drawn, tmp_path):
    figures._pairs(run(), tmp_path / "pairs.png")
    axes, bar = drawn["pairs"].axes
    (cloud,) = axes.collections
    assert cloud.get_offsets().tolist() == pytest.approx(
        np.array([[0.1, 1.0], [0.4, 4.0], [0.2, 2.0], [0.5, 5.0], [0.6, 6.0]])
    )
    assert np.asarray(cloud.get_array()) == pytest.approx(np.log10([5.0, 4.0, 3.0, 3.0, 2.0]))
    assert line(axes, "direction known least").tolist() == [[0.0, 1.0], [1.0, 9.0]]
    assert np.ravel(line(axes, "best")) == pytest.approx([0.6, 6.0])
    # of a alone the truth is known; the model failed twice
    assert line(axes, "truth")[0].tolist() == [0.55, 0.55]
    assert line(axes, "no distance") == pytest.approx(np.array([[0.0, 0.3], [0.0, 3.0]]))
    (legend,) = drawn["pairs"].legends
    assert {"best", "truth", "no distance"} <= {text.get_text() for text in legend.get_texts()}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a (GPa)", "b")
    assert "log" in bar.get_ylabel()


def store(path, **options):
    """best.h5 with four snapshots of a field, and a curve."""
    rows = np.arange(12.0).reshape(3, 4)
    field = np.stack([k + rows for k in range(4)])
    responses = {
        name: {"strain": factor * field, "stress": factor * np.array([1.0, 2.0, 4.0])}
        for name, factor in (("reference", 1.0), ("calibrated", 2.0))
    }
    responses["calibrated"]["other"] = field  # what the reference does not have is not drawn
    labels = {"strain": "shear strain", "stress": "stress (GPa)"}
    results.write(path, responses, {"a": 1.0}, 0.5, options, labels)
    return field


def test_reference_and_calibrated_fields_share_one_colour_scale_a_snapshot(drawn, tmp_path):
    field = store(tmp_path / "best.h5", strains=[0.1, 0.2, 0.3, 0.5])
    figures._responses(tmp_path / "best.h5", tmp_path)
    assert set(drawn) == {"fields_strain", "curves_stress"}
    shown = drawn["fields_strain"]
    above, below = (shown.axes[4 * row : 4 * row + 4] for row in range(2))
    for k, (top, bottom) in enumerate(zip(above, below, strict=True)):
        (reference,), (calibrated,) = top.images, bottom.images
        assert np.array_equal(reference.get_array(), field[k])
        assert np.array_equal(calibrated.get_array(), 2 * field[k])
        assert reference.get_clim() == calibrated.get_clim() == (field[k].min(), 2 * field[k].max())
        assert reference.origin == "lower"
    assert [panel.get_title() for panel in above] == [f"$\\gamma$ = {g} %" for g in (10, 20, 30, 50)]
    assert (above[0].get_ylabel(), below[0].get_ylabel()) == ("reference", "calibrated")
    assert shown.get_suptitle() == "shear strain"


@pytest.mark.parametrize(("apart", "rows"), [(0.01, 3), (1e-9, 2)])
def test_what_lies_between_fields_is_magnified_and_round_off_is_not_drawn(drawn, tmp_path, apart, rows):
    field = np.arange(24.0).reshape(2, 3, 4)
    figures._fields(Pair(field, field + apart, "a", np.arange(2.0), False), tmp_path / "fields.png")
    shown = [axes for axes in drawn["fields"].axes if axes.images]
    assert len(shown) == 2 * rows
    if rows == 3:
        # half of the range of 11.01 of a snapshot over 0.01, as 1, 2 or 5 of a decade
        assert shown[4].get_ylabel() == "difference\n× 500"
        np.testing.assert_allclose(shown[5].images[0].get_array(), 5.0)
        assert shown[5].images[0].get_clim() == pytest.approx((-5.505, 5.505))


def test_a_long_series_of_fields_is_thinned_from_the_first_to_the_last(drawn, tmp_path):
    field = np.arange(30.0)[:, None, None] * np.ones((3, 4))
    figures._fields(Pair(field, field, "a", np.arange(30.0), False), tmp_path / "fields.png")
    above = drawn["fields"].axes[: figures.SHOWN]
    assert [panel.get_title() for panel in above][:: figures.SHOWN - 1] == ["snapshot 0", "snapshot 29"]
    assert all(panel.images[0].get_array()[0, 0] == int(panel.get_title().split()[1]) for panel in above)


@pytest.mark.parametrize(
    ("attributes", "along", "label"),
    [({"max_strain": 0.6}, [0.2, 0.4, 0.6], "net strain $\\gamma$"), ({}, [1, 2, 3], "point")],
)
def test_curves_are_drawn_over_the_strain_where_it_is_known(drawn, tmp_path, attributes, along, label):
    store(tmp_path / "best.h5", **attributes)
    figures._responses(tmp_path / "best.h5", tmp_path)
    (axes,) = drawn["curves_stress"].axes
    assert line(axes, "reference") == pytest.approx(np.array([along, [1.0, 2.0, 4.0]]))
    assert line(axes, "calibrated") == pytest.approx(np.array([along, [2.0, 4.0, 8.0]]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == (label, "stress (GPa)")


@pytest.mark.parametrize(
    ("converged", "doubt"), [(True, ""), (None, ""), (False, ",\nif this were the optimum")]
)
def test_a_band_beside_an_optimum_that_is_none_is_called_so(drawn, tmp_path, converged, doubt):
    pair = Pair(np.arange(3.0), np.arange(3.0) + 1, "a", np.arange(3.0), False, "time (s)")
    figures._curves(pair, tmp_path / "curves.png", {"low": [0, 1, 2], "high": [2, 3, 4]}, None, converged)
    (axes,) = drawn["curves"].axes
    assert axes.collections[0].get_label() == f"95 % of measurements{doubt}"


@pytest.mark.parametrize(
    ("along", "scale"),
    [
        (np.geomspace(0.5, 5000.0, 20), "log"),
        (np.linspace(0.5, 50.0, 20), "linear"),
        (np.r_[0.0, 1.0, 2.0, 99.0], "linear"),
    ],
)
def test_measurements_that_crowd_at_the_low_end_have_a_logarithmic_axis(drawn, tmp_path, along, scale):
    pair = Pair(np.ones(len(along)), np.ones(len(along)), "a", along, False, "time (s)")
    figures._curves(pair, tmp_path / "curves.png")
    assert drawn["curves"].axes[0].get_xscale() == scale


def test_slices_are_of_the_distance_itself_between_two_deviations(drawn, tmp_path):
    mean, deviation = [0.0, 1.0, 2.0], [0.5, 0.1, 0.2]
    slices = {name: {"value": [0.0, 0.5, 1.0], "mean": mean, "deviation": deviation} for name in ("a", "b")}
    figures._slices(run(intervals={"a": [0.5, 0.7]}), slices, tmp_path / "slices.png")
    first, second = drawn["slices"].axes
    assert line(first, "surrogate") == pytest.approx(np.array([[0.0, 0.5, 1.0], np.exp(mean)]))
    band = first.collections[0].get_paths()[0].vertices
    for value, m, d in zip([0.0, 0.5, 1.0], mean, deviation, strict=True):
        heights = band[np.isclose(band[:, 0], value), 1]
        assert [heights.min(), heights.max()] == pytest.approx([np.exp(m - 2 * d), np.exp(m + 2 * d)])
    assert line(first, "best")[0] == pytest.approx([0.6, 0.6])
    assert line(first, "truth")[0] == pytest.approx([0.55, 0.55])
    (span,) = [patch for patch in first.patches if patch.get_label() == "95 %"]
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((0.5, 0.7))
    # of an interval that is narrower than a pixel the edge is seen, and makes others hardly wider
    assert 0.5 <= span.get_linewidth() <= 1.0
    assert not second.patches
    assert first.get_yscale() == "log"
    assert [panel.get_xlabel() for panel in (first, second)] == ["a (GPa)", "b"]


def test_sensitivities_are_bars_with_the_largest_on_top(drawn, tmp_path):
    shares = {"b": {"first": 0.5, "total": 0.75}, "a": {"first": 0.125, "total": 0.25}}
    figures._sensitivity(shares, tmp_path / "sensitivity.png")
    (axes,) = drawn["sensitivity"].axes
    drawn_bars = {
        box.get_label(): {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in box}
        for box in axes.containers
    }
    names = dict(zip(axes.get_yticks(), [tick.get_text() for tick in axes.get_yticklabels()], strict=True))
    assert names == {0: "a", 1: "b"}
    assert drawn_bars == {"with interactions": {0: 0.25, 1: 0.75}, "alone": {0: 0.125, 1: 0.5}}


def test_phases_have_colours_of_their_own():
    assert len({to_hex(colour) for _, colour in figures.PHASES.values()}) == len(figures.PHASES)


def test_one_parameter_has_no_pairs(drawn, tmp_path):
    alone = trial(0, 1.0, 0.1, 1.0)
    object.__setattr__(alone, "parameters", {"a": 0.1})
    figures._pairs(Run(run().summary, [alone]), tmp_path / "pairs.png")
    assert not drawn


def test_measurements_are_points_over_their_abscissa_within_a_band(drawn, tmp_path):
    over = np.array([3.0, 1.0, 2.0])
    pair = Pair(
        np.array([30.0, 11.0, NAN]), np.array([29.0, 10.0, 20.0]), "load (N)", over, False, "time (s)"
    )
    band = {"low": [28.0, 9.0, 19.0], "high": [30.0, 11.0, 21.0]}
    figures._curves(pair, tmp_path / "curves.png", band)
    (axes,) = drawn["curves"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "load (N)")
    (points,) = [each for each in axes.lines if each.get_label() == "reference"]
    assert points.get_linestyle() == "None" and points.get_marker() == "."
    assert line(axes, "calibrated").tolist() == [[1.0, 2.0, 3.0], [10.0, 20.0, 29.0]]
    (filled,) = axes.collections
    corners = {tuple(corner) for corner in filled.get_paths()[0].vertices.tolist()}
    assert {(1.0, 9.0), (3.0, 30.0), (2.0, 21.0)} <= corners


def test_what_was_searched_by_its_logarithm_is_drawn_so(drawn, tmp_path):
    figures._pairs(run(), tmp_path / "pairs.png", ["b"])
    assert [drawn["pairs"].axes[0].get_xscale(), drawn["pairs"].axes[0].get_yscale()] == ["linear", "log"]
    line_of = {"value": [0.1, 1.0], "mean": [0.0, 1.0], "deviation": [0.1, 0.1]}
    figures._slices(run(), {"a": line_of, "b": line_of}, tmp_path / "slices.png", logarithmic=["b"])
    assert [axes.get_xscale() for axes in drawn["slices"].axes] == ["linear", "log"]


def test_an_abscissa_is_no_result(drawn, tmp_path):
    store(tmp_path / "best.h5")
    figures._responses(tmp_path / "best.h5", tmp_path, {"abscissae": ["stress"]})
    assert set(drawn) == {"fields_strain"}


def test_measurements_have_their_errors(drawn, tmp_path):
    x, y = np.array([1.0, 2.0, 3.0]), np.array([4.0, NAN, 6.0])
    pair = Pair(y, y + 1.0, "y", x, strained=False, over="x")
    figures._curves(pair, tmp_path / "curves.png", None, [0.5, None, 0.25])
    (bars,) = drawn["curves"].axes[0].containers
    heights = [np.ptp(bar[:, 1]) for bar in bars.lines[2][0].get_segments() if len(bar)]
    assert heights[0] == 1.0 and heights[-1] == 0.5
