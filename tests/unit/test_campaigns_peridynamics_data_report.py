"""Figures carry the data's units; what the model predicts is compared with the data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_data import LAM, MU, periodic

from mdbridge.campaigns.peridynamics import data, data_baselines, data_plan, data_report
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data, OwnLearn
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

OWN = data.prepare(
    [RawData(Path("own.npz"), periodic(samples=3))], Data(length_unit="nm", modulus_unit="GPa")
)
MATERIAL = LinearPeridynamicSolid(Bernstein(166.0, np.ones(1), (1.0,)), 1e-3 * LAM, 1e-3 * MU)
ROW = {"delta_A": 166.0, "M": 0, "E_res_train": 0.1, "E_u_train": 0.1, "failure": ""}
RESULTS = data_report.OwnResults({"candidates": [ROW]}, MATERIAL, OWN)


NUMBERS = 2 * np.pi / 80.0  # of waves in the data's box, 1/nm


@pytest.fixture(scope="module")
def shown(drawn_once, tmp_path_factory):
    """All figures by name."""
    folder = tmp_path_factory.mktemp("figures")
    data_report.draw(RESULTS, folder)
    assert {path.name for path in folder.glob("*.png")} == set(data_report.FIGURES)
    return drawn_once


def test_axes_have_the_units_of_the_data(shown):
    labels = " ".join(
        text
        for figure in shown.values()
        for axes in figure.axes
        for text in (axes.get_xlabel(), axes.get_ylabel())
    )
    assert "(nm)" in labels and "(1/nm)" in labels and "(GPa)" in labels
    assert "Å" not in labels and "TPa" not in labels


def test_predictions_of_a_near_model_are_near():
    truth, model, inside = data_report.predicted(MATERIAL, OWN.fields["train"])
    assert inside.all()
    # K = 1/r with one ring or so: a few per cent at these waves
    assert np.linalg.norm(model - truth) < 0.2 * np.linalg.norm(truth)
    assert np.linalg.norm(model - truth) > 1e-6 * np.linalg.norm(truth)


def test_the_influence_function_is_over_its_weighted_volume(shown):
    (axes,) = shown["influence"].axes
    curve, bonds = (next(line for line in axes.lines if line.get_label() == name) for name in (
        "learned", "bonds of the grid",
    ))  # fmt: skip
    grid = stencil.uniform((50.0, 50.0), 166.0, MATERIAL.quadrature)
    assert bonds.get_xdata() == pytest.approx(grid.radii / 10)
    assert grid.volume @ bonds.get_ydata() == pytest.approx(50.0**4)
    assert curve.get_xdata()[[0, -1]] == pytest.approx([0.8 * 5.0, 16.6])
    assert np.interp(bonds.get_xdata(), *curve.get_data()) == pytest.approx(bonds.get_ydata(), rel=1e-3)


def test_errors_of_a_pair_are_in_per_cent_over_its_horizon_and_degree(shown):
    (axes,) = shown["candidates"].axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[pytest.approx(10.0)]] * 2
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16.6, 0"]


def test_moduli_of_waves_are_those_of_the_solid_that_made_the_data(shown):
    (axes,) = shown["dispersion"].axes
    longitudinal, compressed, transverse, sheared = axes.lines
    for model, points, modulus in (
        (longitudinal, compressed, LAM + 2 * MU),
        (transverse, sheared, MU),
    ):
        assert points.get_ydata() == pytest.approx(np.full(len(points.get_ydata()), modulus), rel=1e-6)
        squares = (points.get_xdata() / NUMBERS) ** 2
        assert squares == pytest.approx(np.rint(squares)) and squares.max() <= 18.01
        # long waves have the modulus, shorter ones less or more
        assert model.get_ydata()[0] == pytest.approx(modulus, rel=1e-3)
        assert model.get_xdata()[-1] == pytest.approx(np.pi / 5.0)


def test_the_third_panel_is_as_many_times_the_difference_as_it_says(shown):
    truth, model, difference = (axes.images[0] for axes in shown["displacements"].axes[:3])
    values = [np.asarray(part.get_array()) for part in (truth, model, difference)]
    times = float(shown["displacements"].axes[2].get_title().removeprefix("difference × "))
    assert values[2] == pytest.approx(times * (values[1] - values[0]))
    assert 0.3 < np.abs(values[2]).max() / np.abs(values[0]).max() <= 1.0  # it is seen
    expected = OWN.fields["train"].u[0, :, 0] / 10
    # each node has a cell of its own about it
    left, right, bottom, top = truth.get_extent()
    assert [left, right, bottom, top] == pytest.approx([-2.5, 77.5, -2.5, 77.5])
    cells = (
        (OWN.fields["train"].nodes / 10 - [left, bottom])
        / [right - left, top - bottom]
        * values[0].shape[::-1]
    )
    rows, columns = np.floor(cells[:, 1]).astype(int), np.floor(cells[:, 0]).astype(int)
    assert values[0][rows, columns] == pytest.approx(expected - expected.mean())
    assert truth.get_clim()[1] == pytest.approx(np.abs(values[0]).max())


def test_samples_for_validation_of_a_later_file_are_drawn(drawn, tmp_path):
    own = replace(OWN, fields=OWN.fields | {"val-2": OWN.fields["train"]})
    data_report._displacements(replace(RESULTS, own=own), tmp_path / "displacements.png")
    titles = [axes.get_title() for axes in drawn["displacements"].axes]
    assert "training: data" in titles and "validation: data" in titles


def test_the_smallest_eigenvalue_of_long_waves_is_the_shear_modulus(shown):
    axes = shown["solvability"].axes[0]
    values = np.asarray(axes.collections[0].get_array()).reshape(121, 121)
    assert values[60, 60] == pytest.approx(MU, rel=1e-3)
    # as symmetric as the square grid
    np.testing.assert_allclose(values, values.T, rtol=1e-9)
    np.testing.assert_allclose(values, values[::-1], rtol=1e-9)
    assert f"{values.min():.4g} GPa" in axes.get_title()


def test_a_wave_is_predicted_as_the_symbol_says():
    fields = OWN.fields["train"]
    k = 2 * np.pi * np.array([[2, -1]]) / fields.box
    grid = stencil.uniform((50.0, 50.0), 166.0, MATERIAL.quadrature)
    (operator,) = symbol.operator(MATERIAL, symbol.rings(grid, k))
    wave = np.cos(fields.nodes @ k[0] + 0.3)[:, None]
    u, amplitude = wave * [0.7, -0.4] + 3.0, [0.7, -0.4]
    sample = replace(
        fields, u=u[None], b=(wave * (operator @ amplitude))[None], names=["a"], load=np.zeros((1, 0))
    )
    truth, model, _ = data_report.predicted(MATERIAL, sample)
    np.testing.assert_allclose(truth, u - 3.0, atol=1e-12)
    np.testing.assert_allclose(model, truth, atol=1e-10)


def test_constants_and_their_errors_are_told_in_the_data_s_units_too():
    model = {
        "metrics": {"E_res_train": 0.1, "E_u_train": 0.1, "loss": 3.0},
        "error_bars": {"lambda_TPa": {"std": 2e-5}, "nu": {"std": 0.03}},
        "lambda_TPa": 4e-4, "mu_TPa": 5e-4, "E_TPa": 1.2e-3, "nu": 0.25, "delta_A": 166.0, "M": 0,
        "validation": "by folds", "notes": [], "certificate": {}, "wall_s": 2, "versions": {},
        "input_hash": "0",
    }  # fmt: skip
    own = replace(OWN, thickness=2.0)
    settings = data_plan.learn_settings(OwnLearn(degrees=[2]), own)
    summary = data_report.summarise(data_report.OwnResults(model, MATERIAL, own), settings, 3)
    assert summary["baselines"] == data_baselines.measure(own, settings, 3, 166.0)
    assert summary["own_units"] == {
        "length_unit": "nm", "modulus_unit": "GPa", "horizon": pytest.approx(16.6),
        "lambda": pytest.approx(0.4), "mu": pytest.approx(0.5), "E": pytest.approx(1.2), "nu": 0.25,
        "lambda_std": pytest.approx(0.02), "nu_std": 0.03,
        "thickness": 2.0, "E_thickness": pytest.approx(2.4),
    }  # fmt: skip
    assert summary["lambda_TPa_std"] == 2e-5 and "loss" not in summary
    assert summary["moduli_TPa"]["C66"] == pytest.approx(1e-3 * MU, rel=1e-6)
    assert summary["samples"] == {name: len(fields.u) for name, fields in OWN.fields.items()}
    assert data_report.units(own) == {
        "length": "nm", "length_A": 10.0, "modulus": "GPa", "modulus_TPa": 1e-3, "thickness": 2.0,
    }  # fmt: skip
