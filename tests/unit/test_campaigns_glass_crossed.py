"""The model on samples that it was not calibrated to: with the others' parameters, and no others'."""

import json

import numpy as np
import pytest
from glass_files import stored
from mpi4py import MPI

from mdbridge.campaigns.glass import chain, crossed
from mdbridge.campaigns.glass.input import Calibrate
from mdbridge.core.identity import Identity
from mdbridge.core.stages import Product, make
from mdbridge.core.workspace import Workspace, claim

COMM = MPI.COMM_SELF
SETTINGS = Calibrate(strains=[0.1, 0.3, 0.5], E0_below_eV=[0.01, 0.05])
LEAST = -5.0 - 0.004


def calibrated(root, parameters):
    """A sample with a calibration that came to these parameters."""
    root.mkdir(parents=True)

    def write(staged):
        (staged / "calibrated.json").write_text(json.dumps({"best": parameters}))

    identity = Identity("calibrate", values={"root": root.name})
    with claim(COMM, root, "glass", root / "in.toml") as workspace:
        make(COMM, workspace, Product("calibrate", identity, ("calibrated.json",), write))
    stored(root)
    chain._prepare(SETTINGS, root / "glass.h5", chain.place(Workspace(root, "glass"), identity))
    return root


def parameters(**others):
    return {"c0": 0.3, "s_y": 1.2, "beta": 3.0, "E0": LEAST - 0.03} | others


def test_a_band_that_the_energies_tell_is_found_in_samples_that_were_not_fitted(tmp_path):
    roots = [calibrated(tmp_path / f"seed-{n}", parameters()) for n in range(3)]
    told = crossed.correlations(SETTINGS, roots)
    assert {"0.1", "0.3", "0.5"} <= set(told)
    assert told["0.5"]["n"] == 3 and told["0.5"]["r"] > 0.8 and told["0.5"]["p"] < 0.05
    assert told["0.5"]["error"] == pytest.approx(0.0, abs=1e-9)  # three equal samples


def test_parameters_are_the_medians_of_the_others_and_e0_goes_by_the_sample_s_own_energies(
    tmp_path, monkeypatch
):
    given = [(2.0, -0.02), (3.0, -0.03), (5.0, -0.04), (90.0, -0.05)]
    roots = [
        calibrated(tmp_path / f"seed-{n}", parameters(beta=beta, E0=LEAST + below))
        for n, (beta, below) in enumerate(given)
    ]
    asked = {}

    def fields(settings, glass, folder, chosen):
        assert folder.parent.parent == glass.parent
        asked[glass.parent.name] = chosen
        return [0.5], np.zeros((1, 4, 4)), np.zeros((1, 4, 4))

    monkeypatch.setattr(chain, "strain_fields", fields)
    # fields that do not vary have no correlation
    assert crossed.correlations(SETTINGS, roots) == {}
    assert [asked[f"seed-{n}"]["beta"] for n in range(4)] == [5.0, 5.0, 3.0, 3.0]
    below = [asked[f"seed-{n}"]["E0"] - LEAST for n in range(4)]
    assert below == pytest.approx([-0.04, -0.04, -0.03, -0.03], abs=1e-9)


def test_of_few_samples_or_without_calibrations_there_is_nothing(tmp_path):
    roots = [calibrated(tmp_path / f"seed-{n}", parameters()) for n in range(2)]
    plain = tmp_path / "plain"
    plain.mkdir()
    stored(plain)
    assert crossed.correlations(SETTINGS, [*roots, plain]) == {}


def test_a_sample_on_which_the_model_does_not_run_is_left_out(tmp_path):
    # an E0 above the energies leaves no effective temperature: the median of the others has none
    bad = parameters(E0=LEAST + 0.5)
    roots = [
        calibrated(tmp_path / "a", parameters()),
        calibrated(tmp_path / "b", bad),
        calibrated(tmp_path / "c", bad),
    ]
    told = crossed.correlations(SETTINGS, roots)
    # of b and c the median is between a good and a bad E0, which is bad, too
    assert told == {}
