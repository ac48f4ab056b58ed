"""Figures of an ensemble: what stands in them, from numbers and files that are known."""

import numpy as np
from glass_files import stored

from mdbridge.campaigns.glass import ensemble_figures
from mdbridge.campaigns.glass.analysis import stress_strain
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.core import store


def test_all_samples_and_their_mean_are_drawn(tmp_path, drawn):
    stored(tmp_path)
    ensemble_figures.draw({1: tmp_path, 2: tmp_path}, tmp_path / "ensemble_stress_strain.png")
    *samples, mean = drawn["ensemble_stress_strain"].axes[0].lines
    assert len(samples) == 2
    with store.reading(tmp_path / "glass.h5", GLASS) as file:
        np.testing.assert_allclose(mean.get_ydata(), stress_strain(file).stress)


def test_predictors_are_drawn_with_errors_and_filled_where_they_are_sure(tmp_path, drawn):
    def row(r, p, gain):
        return {"correlation": {"r": r, "error": 0.1, "p": p, "n": 3}, "log_likelihood_gain": gain}

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
    assert [tuple(line.get_ydata()) for line in right.lines[:-1]] == [(-0.01, 0.0), (0.05, 0.06)]
