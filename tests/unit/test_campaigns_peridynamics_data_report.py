"""Figures carry the data's units; what the model predicts is compared with the data."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from own_data import LAM, MU, periodic

from mdbridge.campaigns.peridynamics import data, data_report
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

OWN = data.prepare(
    [RawData(Path("own.npz"), periodic(samples=3))], Data(length_unit="nm", modulus_unit="GPa")
)
MATERIAL = LinearPeridynamicSolid(Bernstein(166.0, np.ones(1), (1.0,)), 1e-3 * LAM, 1e-3 * MU)
ROW = {"delta_A": 166.0, "M": 0, "E_res_train": 0.1, "E_u_train": 0.1, "failure": ""}
RESULTS = data_report.OwnResults({"candidates": [ROW]}, MATERIAL, OWN)


@pytest.fixture
def labels(monkeypatch, tmp_path):
    """Texts on the axes of each figure."""
    seen: dict[int, str] = {}
    save = Figure.savefig

    def keep(figure, path, **keys):
        seen[len(seen)] = " ".join(
            text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())
        )
        save(figure, path, **keys)

    monkeypatch.setattr(Figure, "savefig", keep)
    data_report.draw(RESULTS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(data_report.FIGURES)
    return " ".join(seen.values())


def test_axes_have_the_units_of_the_data(labels):
    assert "(nm)" in labels and "(1/nm)" in labels and "(GPa)" in labels
    assert "Å" not in labels and "TPa" not in labels


def test_predictions_of_a_near_model_are_near():
    truth, model, inside = data_report.predicted(MATERIAL, OWN.fields["train"])
    assert inside.all()
    # K = 1/r with one ring or so: a few per cent at these waves
    assert np.linalg.norm(model - truth) < 0.2 * np.linalg.norm(truth)
    assert np.linalg.norm(model - truth) > 1e-6 * np.linalg.norm(truth)
