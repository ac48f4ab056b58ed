"""A whole glass campaign, small: melt, quench, moduli, shear, fields, calibration, report."""

import json

import h5py
import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.glass import stages

pytestmark = pytest.mark.slow

TEXT = """
campaign = "glass"
[md]
cells = [8, 8, 4]
melt_K = 3500.0
melt_ps = 3.0
liquid_ps = 1.0
quench_rate_K_per_s = 2e14
relax_ps = 2.0
modulus_strain = 0.01
modulus_ps = 4.0
[shear]
rate_per_ps = 0.02
max_strain = 0.5
[observe]
grid = [8, 8]
energy_window = 5.0
strain_window = 4.0
frames = 20
[calibrate]
strains = [0.05, 0.1, 0.5]
[calibrate.ego]
initial = 8
explore = 4
evaluations = 14
"""

FIGURES = [
    "maps_energy",
    "maps_energy_mean_composition",
    "maps_strain",
    "maps_d2min",
    "stress_strain",
    "flow",
    "quench",
    "chain_temperature",
    "chain_strain",
    "chain_stress",
]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glass")
    (folder / "in.toml").write_text(TEXT)
    stages.run(MPI.COMM_SELF, folder / "in.toml", folder / "out", ())
    return folder


@pytest.fixture(scope="module")
def summary(campaign):
    return json.loads((campaign / "out" / "summary.json").read_text())


def test_the_elastic_slope_is_the_modulus_of_the_small_strain_test(summary):
    error = np.hypot(summary["elastic_slope_error"], summary["mu_error_GPa"])
    assert error < 6.0  # 512 atoms for a few picoseconds
    assert abs(summary["elastic_slope"] - summary["mu_GPa"]) < 3 * error + 0.1 * summary["mu_GPa"]
    assert 10 < summary["mu_GPa"] < 45
    assert 90 < summary["bulk_GPa"] < 160


def test_it_yields_and_flows(summary):
    assert 0.5 < summary["flow_stress"] < 3.0
    assert summary["peak_stress"] > summary["flow_stress"]
    # far below what an elastic solid would carry
    assert summary["flow_stress"] < 0.3 * 0.5 * summary["mu_GPa"]


def test_fields_keep_the_mean_strain_and_the_heat(campaign, summary):
    assert summary["mean_Exy_over_half_gamma"] == pytest.approx(1.0, abs=0.02)
    with h5py.File(campaign / "out" / "glass.h5") as file:
        assert file.attrs["complete"]
        assert file["temperature"][5:].mean() == pytest.approx(100.0, rel=0.06)
        volume = np.linalg.det(file["edges"][0]) * file["box"][2]
        mass = 256 * (63.546 + 91.224) * 1.66053906660
        assert file["density"][0].mean() == pytest.approx(mass / volume, rel=0.02)
        assert file["D2min"][-1].mean() > 10 * file["D2min"][1].mean()
        for name in ("potential_energy", "Exy", "D2min", "velocity", "curve/stress", "curve/gamma"):
            assert "units" in file[name].attrs


def test_the_chain_ends_with_a_calibrated_model_and_its_figures(campaign, summary):
    assert set(summary["calibrated"]) == {"c0", "s_y", "beta", "E0"}
    assert summary["calibration_evaluations"] == 14
    assert summary["mean_stress_difference_GPa"] < summary["flow_stress"]
    with h5py.File(campaign / "out" / "chain.h5") as file:
        assert file["md/Exy"].shape == file["model/Exy"].shape
    for name in FIGURES:
        assert (campaign / "out" / f"{name}.png").stat().st_size > 5000


def test_nothing_that_is_done_is_done_again(campaign):
    out = campaign / "out"
    before = {path: path.stat().st_mtime_ns for path in [*out.glob("*/*/*"), *out.glob("*.h5")]}
    assert [path.name for path in before if path.name == "trials.jsonl"] == ["trials.jsonl"]
    stages.run(MPI.COMM_SELF, campaign / "in.toml", out, ())
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before
