"""Figures of an ensemble: what stands in them, from numbers and files that are known."""

import numpy as np
import pytest
from glass_files import chain, stored

from mdbridge.campaigns.glass import ensemble_figures
from mdbridge.campaigns.glass.analysis import stress_strain
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.core import store
from mdbridge.fields import shifts


def test_all_samples_and_their_mean_are_drawn(tmp_path, drawn):
    stored(tmp_path)
    ensemble_figures.draw({1: tmp_path, 2: tmp_path}, tmp_path / "ensemble_stress_strain.png")
    *samples, mean = drawn["ensemble_stress_strain"].axes[0].lines
    assert len(samples) == 2
    with store.reading(tmp_path / "glass.h5", GLASS) as file:
        np.testing.assert_allclose(mean.get_ydata(), stress_strain(file).stress)


def test_predictors_are_drawn_with_errors_and_filled_where_they_are_sure(tmp_path, drawn):
    def row(r, p, gain):
        correlation = {"r": r, "error": 0.1, "p": p, "n": 3}
        gained = {"log_likelihood_gain": gain, "log_likelihood_gain_error": 0.02}
        return {"correlation": correlation, **gained}

    told = {
        "energy": {"0.1": row(0.1, 0.4, -0.01), "0.2": row(0.2, 0.02, 0.0)},
        "local_yield": {"0.1": row(0.3, 0.005, 0.05), "0.2": row(0.4, 0.2, 0.06)},
        # at no strain a sample that varies, and a single sample
        "density": {"0.1": {"correlation": None, "log_likelihood_gain": None}},
        "nonaffinity": {"0.1": {"correlation": {"r": 0.0, "error": None, "p": 0.5, "n": 1}}},
    }
    ensemble_figures.draw_predictors(told, tmp_path / "ensemble_predictors.png")
    left, right = drawn["ensemble_predictors"].axes
    lines = {tuple(line.get_ydata()) for line in left.lines}
    # a filled marker where p is small, and nowhere else
    assert {(0.1, 0.2), (0.3, 0.4), (0.3,)} <= lines and (0.4,) not in lines
    gains = {tuple(line.get_ydata()) for line in right.lines}
    # with the ends of their errors
    assert {(-0.01, 0.0), (0.05, 0.06)} <= gains
    assert any(line == pytest.approx((0.03, 0.04)) for line in gains)


def test_bands_of_all_calibrated_samples_stand_above_each_other_on_common_scales(tmp_path, drawn):
    random = np.random.default_rng(4)
    fields = {seed: {"md": random.random((2, 5, 6)), "model": random.random((2, 5, 6))} for seed in (3, 5)}
    rest = random.normal(-5.0, 0.01, (5, 6))
    for seed, both in fields.items():
        (tmp_path / str(seed)).mkdir()
        chain(tmp_path / str(seed) / "chain.h5", rest, both["md"], both["model"])
    # a sample that was not calibrated has no column
    (tmp_path / "4").mkdir()
    folders = {seed: tmp_path / str(seed) for seed in (3, 4, 5)}
    ensemble_figures.draw_bands(folders, tmp_path / "ensemble_bands.png")
    panels = np.reshape(drawn["ensemble_bands"].axes[:6], (3, 2))
    for column, (seed, both) in zip(panels.T, fields.items(), strict=True):
        soft, md, model = (panel.images[0] for panel in column)
        np.testing.assert_allclose(soft.get_array(), (rest - rest.mean()) / rest.std())
        # over half the net strain at the end, on one scale
        for image, source in ((md, "md"), (model, "model")):
            np.testing.assert_allclose(image.get_array(), both[source][-1] / 0.2)
            assert image.get_clim() == (0.0, 3.0) and image.get_extent() == [0, 60, 0, 25]
        pair = shifts.correlation(both["md"][-1], both["model"][-1])
        assert column[0].get_title() == f"seed {seed}\nr = {pair.r:.2f}\np = {pair.p:.2g}"
    assert panels[0, 0].get_ylabel() == "local yield\nY (Å)"


def test_without_a_calibrated_sample_there_are_no_bands(tmp_path, drawn):
    ensemble_figures.draw_bands({1: tmp_path}, tmp_path / "ensemble_bands.png")
    assert "ensemble_bands" not in drawn
