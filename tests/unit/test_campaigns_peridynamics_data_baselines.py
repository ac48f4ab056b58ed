"""Elasticity with two constants, or four, fitted to own data: what a learned model is worth beside it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_data import LAM, MU, grid, periodic, waves

from mdbridge.campaigns.peridynamics import data, data_baselines, data_plan
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data, OwnLearn
from mdbridge.lps import local

SHAPE, SPACING = (12, 14), (5.0, 4.5)
HORIZON = 16.5  # of points with edges alone
BOX = np.array(SHAPE) * SPACING


def softening(length2, samples=10, seed=0):
    """Waves of a solid whose stiffnesses are those of LAM and MU times 1 − length2 k²."""
    random = np.random.default_rng(seed)
    nodes = grid(SHAPE, SPACING)
    u, b = np.zeros((2, samples, len(nodes), 2))
    for sample in range(samples):
        for numbers in random.permutation([(1, 0), (0, 1), (1, 1), (2, -1), (0, 2), (3, 1)])[:3]:
            k = 2 * np.pi * numbers / BOX
            a = random.standard_normal(2) / (k @ k)
            wave = np.cos(nodes @ k + random.uniform(0, 6))[:, None]
            u[sample] += wave * a
            b[sample] += wave * ((LAM + MU) * k * (k @ a) + MU * (k @ k) * a) * (1 - length2 * (k @ k))
    return {"nodes": nodes, "u": u, "b": b, "box": BOX}


PAIRS = [(0, softening(2.0, seed=3)), (1, softening(2.0, samples=20, seed=4))]
"""Seeds of training samples, and samples to validate with."""


def measured(arrays, folds=5, degree=2, **keys):
    own = data.prepare([RawData(Path("own.npz"), arrays)], Data(**keys))
    settings = data_plan.learn_settings(OwnLearn(degrees=[degree]), own)
    return data_baselines.measure(own, settings, folds, HORIZON * own.length)


def requires_truth(row):
    young, poisson = 4 * MU * (LAM + MU) / (LAM + 2 * MU), LAM / (LAM + 2 * MU)
    assert [row["lambda"], row["mu"]] == pytest.approx([LAM, MU], rel=1e-7)
    assert [row["E"], row["nu"]] == pytest.approx([young, poisson], rel=1e-7)


@pytest.mark.parametrize("unit", ["TPa", "GPa"])
def test_a_classical_solid_is_met_by_both_in_its_own_unit(unit):
    rows = measured(softening(0.0), modulus_unit=unit, length_unit="mm")
    assert list(rows) == ["classical", "gradient"]
    for row in rows.values():
        requires_truth(row)
        assert max(row[f"{kind}_{split}"] for kind in ("E_res", "E_u") for split in ("train", "val")) < 1e-7


def test_a_solid_with_gradients_is_met_by_four_constants_alone():
    rows = measured(softening(2.0))
    requires_truth(rows["gradient"])
    assert rows["gradient"]["E_u_val"] < 1e-7 < 0.01 < rows["classical"]["E_u_val"]


def test_noise_of_displacements_hardly_moves_the_constants():
    """As in the learned model's fit, the displacement counts: the residual alone makes it too soft."""
    arrays = softening(2.0, samples=40)
    u = arrays["u"]
    arrays["u"] = u + 0.01 * np.sqrt((u**2).mean()) * np.random.default_rng(1).standard_normal(u.shape)
    row = measured(arrays, folds=2)["gradient"]
    assert row["E"] == pytest.approx(4 * MU * (LAM + MU) / (LAM + 2 * MU), rel=0.005)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_four_constants_do_no_worse_than_two_on_noisy_data_of_a_classical_solid(seed):
    """By the same sum of squares, of which classical elasticity is a special case."""
    arrays = softening(0.0, samples=20, seed=seed)
    u = arrays["u"]
    arrays["u"] = u + 0.005 * np.sqrt((u**2).mean()) * np.random.default_rng(seed).standard_normal(u.shape)
    classical, gradient = measured(arrays).values()
    assert gradient["E_u_train"] < 1.001 * classical["E_u_train"]
    for row in (classical, gradient):
        assert row["E"] == pytest.approx(4 * MU * (LAM + MU) / (LAM + 2 * MU), rel=2e-3)


def test_a_start_that_noise_has_spoilt_leads_nowhere(monkeypatch):
    arrays, fitted = softening(2.0), local.fitted

    def spoilt(sets, gradients, weights=None):
        constants = fitted(sets, gradients, weights)
        return (
            replace(constants, longitudinal_length2=4e3, transverse_length2=-4e3) if gradients else constants
        )

    monkeypatch.setattr(local, "fitted", spoilt)
    requires_truth(measured(arrays)["gradient"])


def test_samples_of_the_data_s_own_validate_and_folds_leave_out():
    arrays, other = softening(2.0), softening(2.0, seed=3)
    kept = measured(arrays | {"val_u": other["u"], "val_b": other["b"]})["classical"]
    swapped = measured(other)["classical"]
    folded = measured(arrays)["classical"]
    assert kept["E_u_train"] == folded["E_u_train"]
    assert 0.3 < kept["E_u_val"] / swapped["E_u_train"] < 3 and kept["E_u_val"] != folded["E_u_val"]
    # of constants that have not seen them
    assert folded["E_res_val"] > folded["E_res_train"]
    assert (
        "E_res_val"
        not in measured({name: v[:1] if name in "ub" else v for name, v in arrays.items()})["classical"]
    )


def test_samples_for_validation_of_every_file_count():
    first, second = ({**softening(2.0, seed=s), "val_u": v["u"], "val_b": v["b"]} for s, v in PAIRS)
    files = [RawData(Path(f"{n}.npz"), arrays) for n, arrays in (("a", first), ("b", second))]
    own = data.prepare(files, Data())
    settings = data_plan.learn_settings(OwnLearn(degrees=[2]), own)
    error = data_baselines.measure(own, settings, 5, HORIZON)["classical"]["E_u_val"]
    # the validation samples of both, where one file's hold twice as many as the other's
    swapped = data.prepare(files[::-1], Data())
    assert error == pytest.approx(
        data_baselines.measure(swapped, settings, 5, HORIZON)["classical"]["E_u_val"]
    )


def test_on_nodes_with_edges_there_is_classical_elasticity_alone_in_the_data_s_unit():
    nodes = grid((24, 24), (5.0, 5.0))
    u, b = waves(nodes, (150.0, 150.0), samples=4)
    rows = measured({"nodes": nodes, "u": u, "b": b}, modulus_unit="GPa", length_unit="nm")
    assert list(rows) == ["classical"]
    assert [rows["classical"][name] for name in ("lambda", "mu")] == pytest.approx([LAM, MU], rel=0.01)


def test_waves_of_one_length_have_no_gradients_and_samples_of_no_solid_nothing():
    nodes = grid((24, 24), (5.0, 5.0))
    u, b = waves(nodes, (150.0, 150.0), samples=4)
    own = data.prepare([RawData(Path("own.npz"), {"nodes": nodes, "u": u, "b": -b})], Data())
    assert data_baselines.measure(own, None, 5, HORIZON) == {}
    assert list(measured(periodic((12, 12), samples=2, highest=1, seed=3))) == ["classical", "gradient"]
    # along both axes of a square grid
    single, k = periodic((12, 12), samples=2), 2 * np.pi / 60.0
    x, y = k * single["nodes"].T
    single["u"] = np.array(
        [np.stack([np.cos(x), np.sin(x)], axis=1), np.stack([np.sin(y), np.cos(y)], axis=1)]
    )
    single["b"] = single["u"] * k**2 * np.array([[[LAM + 2 * MU, MU]], [[MU, LAM + 2 * MU]]])
    assert list(measured(single, degree=1)) == ["classical"]


SUMMARY = {
    "E_u_train": 0.01,
    "own_units": {"E": 1.0, "E_std": 0.01, "nu": 0.30, "nu_std": 0.01},
    "baselines": {"gradient": {"E_u_train": 0.012, "E": 1.031, "nu": 0.32}},
}


def test_moduli_that_hang_on_the_model_are_told():
    (note,) = data_baselines.note(SUMMARY)
    assert (
        "with E 1.031 for 1.000 ± 0.010: the standard errors" in note and "own_dilatation = true may" in note
    )
    (note,) = data_baselines.note(SUMMARY | {"own_dilatation": True})
    assert note.endswith("the choice of a model")
    worse = {"gradient": SUMMARY["baselines"]["gradient"] | {"E_u_train": 0.0121}}
    near = {"gradient": SUMMARY["baselines"]["gradient"] | {"E": 1.029}}
    both = {"gradient": SUMMARY["baselines"]["gradient"] | {"nu": 0.26}}
    assert not data_baselines.note(SUMMARY | {"baselines": worse})
    assert not data_baselines.note(SUMMARY | {"baselines": near})
    assert (
        "E 1.031 for 1.000 ± 0.010 and ν 0.260 for 0.300 ± 0.010"
        in data_baselines.note(SUMMARY | {"baselines": both})[0]
    )


def test_a_simpler_model_that_is_nearer_is_told_whatever_the_moduli():
    near = SUMMARY["own_units"] | {"E_std": 1.0, "nu_std": 1.0}
    rows = {"classical": {"E_u_train": 0.007, "E": 1.02, "nu": 0.31}}
    (note,) = data_baselines.note(SUMMARY | {"own_units": near, "baselines": rows})
    assert "is nearer to the displacements" in note and "(0.7 against 1 %), with E 1.02 and ν 0.31" in note


def test_two_constants_that_miss_what_four_meet_are_no_remedy():
    rows = {"classical": {"E_u_train": 0.0118, "E": 1.2, "nu": 0.3}}
    rows["gradient"] = {"E_u_train": 0.003, "E": 1.04, "nu": 0.30}
    (note,) = data_baselines.note(SUMMARY | {"baselines": rows})
    assert note.startswith("gradient elasticity with four constants is nearer") and "E 1.04 and" in note


def test_of_points_a_difference_below_what_their_derivatives_are_off_by_is_none():
    own = {"E": 1.0, "E_std": 1e-5, "nu": 0.30, "nu_std": 1e-5}
    near, far = ({"classical": {"E_u_train": 0.01, "E": e, "nu": 0.3}} for e in (1.002, 1.004))
    assert data_baselines.note(SUMMARY | {"own_units": own, "baselines": near}) == []
    assert data_baselines.note(SUMMARY | {"own_units": own, "baselines": far})


def test_two_constants_are_told_before_four_where_both_do():
    classical = {"E_u_train": 0.011, "E": 1.04, "nu": 0.30}
    (note,) = data_baselines.note(SUMMARY | {"baselines": {"classical": classical, **SUMMARY["baselines"]}})
    assert note.startswith("classical elasticity with two constants") and "E 1.040 for" in note
    # what is for periodic grids alone is no advice here
    assert "own_dilatation" not in note


@pytest.mark.parametrize("baselines", [{}, {"baselines": {}}])
def test_where_nothing_was_fitted_it_is_said_that_there_is_nothing_beside_the_model(baselines):
    (note,) = data_baselines.note({"own_units": {}} | baselines)
    assert "which one would take instead, cannot be fitted" in note
