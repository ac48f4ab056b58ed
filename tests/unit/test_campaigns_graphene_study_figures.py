"""Figures of the study: every curve is that of the record."""

import numpy as np
import pytest
from study_records import learned, manufactured, record

from mdbridge.campaigns.graphene_study import figures
from mdbridge.campaigns.peridynamics.published import TABLE_3
from mdbridge.core.plots import BLUE, GREEN, RED
from mdbridge.lps import stencil
from mdbridge.lps.material import LinearPeridynamicSolid


@pytest.fixture(scope="module")
def shown(drawn_once, tmp_path_factory):
    figures.draw(record(), tmp_path_factory.mktemp("study"))
    assert {f"{name}.png" for name in drawn_once} == set(figures.FIGURES)
    return dict(drawn_once)


def test_sweeps_stand_beside_the_paper_s_of_the_same_temperature(shown):
    for panel, label in zip(shown["study_sweeps"].axes, ("0K", "300K"), strict=True):
        assert panel.get_title() == f"{label[:-1]} K"
        ours = [line for line in panel.lines if line.get_mfc() != "none"]
        rows = record()["sweeps"][label]["rows"]
        assert ours[0].get_ydata() == pytest.approx([100 * row["E_res_train"] for row in rows])
        paper = [np.ravel(line.get_data()).tolist() for line in panel.lines if line.get_mfc() == "none"]
        assert paper[:5] == [[row["M"], 100 * row["E_res_train"]] for row in TABLE_3[label]]


def test_influence_functions_are_normalised_by_their_weighted_volume(shown):
    """The marks, times r⁻¹ and the quadrature's weights, add up to 1."""
    first, second = shown["study_influence"].axes
    assert [text.get_text() for text in first.get_legend().get_texts()] == [
        "0 K",
        "300 K, ι as published",
        "300 K, longer filter",
    ]
    # the model that could not be learned is left out
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["SNR 0.200", "SNR 0.050"]
    names = ("table4-0K", "table4-300K-published", "table4-300K", "table4-300K", "table5-300K-x0.25")
    marks = [
        line
        for panel in (first, second)
        for line in panel.lines
        if line.get_marker() not in ("None", "", None)
    ]
    for name, mark in zip(names, marks, strict=True):
        influence = LinearPeridynamicSolid.from_dict(record()["results"][name]["constants"], name).influence
        grid = stencil.uniform((4.9, 5.1), influence.horizon, "published")
        r, values = mark.get_data()
        np.testing.assert_allclose(r, grid.radii)
        volume = values[grid.ring] / r[grid.ring] ** 3 * grid.weights * (grid.offsets**2).sum(axis=1)
        assert volume.sum() == pytest.approx(1.0)
        shape = values / r**3 / influence(r)
        assert np.ptp(shape) < 1e-12 * np.abs(shape).max()
    assert first.get_ylabel() == "K r³/m (1/Å)"


def test_errors_with_one_and_two_functions_over_the_horizon(shown):
    """In per cent: those of learned(n) are n + 0.1 (residual), n + 0.5 (validation) and n + 0.8 (disc)."""
    for panel, label, first in zip(shown["study_dilatation"].axes, ("0 K", "300 K"), (10, 13), strict=True):
        assert panel.get_title() == label
        for number, style in enumerate(("o-", "^--", "s:"), first):  # one, two, half
            curves = {
                line.get_color(): line
                for line in panel.lines
                if line.get_marker() + line.get_linestyle() == style and len(line.get_xdata())
            }
            for colour, more in ((BLUE, 0.1), (RED, 0.5), (GREEN, 0.8)):
                horizons, values = curves[colour].get_data()
                assert list(horizons) == [12.5, 20.0]
                assert list(values) == pytest.approx([number + more, number + 10 + more])
    # colours and marks are explained once each
    legend = shown["study_dilatation"].axes[1].get_legend()
    assert sorted(text.get_text() for text in legend.get_texts()) == [
        "displacement, disc",
        "displacement, validation",
        "one function",
        "residual, training",
        "two functions",
        "two, as many parameters",
    ]


def test_a_failed_model_is_left_out_of_the_comparison(drawn, tmp_path):
    study = record()
    study["results"]["dilatation-0K-12.5-5-one"] = learned(1, failure="no")
    figures._dilatation(study, tmp_path / "dilatation.png")
    curve = drawn["dilatation"].axes[0].lines[0]
    assert list(curve.get_xdata()) == [20.0]


def test_losses_fall_below_those_of_the_true_kernel_and_kernels_are_normalised(shown):
    panels = np.reshape(shown["study_manufactured"].axes, (2, 4))
    for column, (quadrature, kind) in enumerate(
        [("published", "fixed"), ("published", "learned"), ("cell", "fixed"), ("cell", "learned")]
    ):
        top, bottom = panels[:, column]
        numbers = {"published": (1, 3), "cell": (2, 4)}[quadrature]  # the coarse nodes, the fine ones
        losses = [line for line in top.lines if line.get_marker() == "o"]
        truths = [line.get_ydata()[0] for line in top.lines if line.get_linestyle() == "--"]
        assert truths == [0.5 * n for n in numbers]
        for number, curve in zip(numbers, losses, strict=True):
            expected = [row["loss"] for row in manufactured(number)["learned"][kind]]
            assert np.array(curve.get_data()).tolist() == [[0, 5, 10], expected]
        *ours, true = [line for line in bottom.lines if len(line.get_xdata())]
        assert [line.get_label() for line in (*ours, true)] == ["h = 5 Å", "h = 2.5 Å", "K = 1/r"]
        for curve in ours:  # K is 3/r and the quadrature's weight 2: normalised as 1/r is
            r, values = curve.get_data()
            assert r.min() >= 2.5
            np.testing.assert_allclose(values, np.interp(r, *true.get_data()), rtol=1e-9)
        assert np.trapezoid(true.get_ydata(), true.get_xdata()) == pytest.approx(1.0)
        assert bottom.get_xlabel() == "bond length r (Å)" and top.get_xlabel() == "degree M"
