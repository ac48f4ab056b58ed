"""Table 4: error bars over loads and seeds, and LAMMPS's own constants."""

import numpy as np
import pytest
from study_records import record

from mdbridge.campaigns.graphene_study import table_4
from mdbridge.campaigns.peridynamics.published import TABLE_4


def test_error_bars_are_the_spread_over_all_batches():
    rows = np.random.default_rng(0).standard_normal((6, 4))
    results = {
        "bootstrap-300K-0": {"constants": rows[:4].tolist()},
        "bootstrap-300K-4": {"constants": rows[4:].tolist()},
        "bootstrap-300K-published-0": {"constants": (100 * rows).tolist()},
    }
    spread = table_4.spread({"results": results}, "300K")
    assert list(spread.values()) == pytest.approx(rows.std(axis=0, ddof=1).tolist())
    assert table_4.spread({"results": results}, "0K") is None


def test_derived_constants_of_lammps_and_their_errors():
    direct = {"C11_TPa": 1.2, "C12_TPa": -0.2, "C66_TPa": 0.7}
    assert table_4.direct_row("at rest", direct)[4:] == ["-0.2000", "0.7000", "1.1667", "-0.1667"]
    errors = {"sd_C11_TPa": 0.01, "sd_C12_TPa": 0.02, "sd_C66_TPa": 0.03}
    row = table_4.direct_row("warm", direct | errors)
    # E = C11 − C12²/C11 and ν = C12/C11, to first order in independent errors
    young = np.hypot((1 + (0.2 / 1.2) ** 2) * 0.01, 2 * 0.2 / 1.2 * 0.02)
    nu = np.hypot(0.02, 0.2 / 1.2 * 0.01) / 1.2
    assert row[6] == f"1.1667 ± {young:.4f}"
    assert row[7] == f"-0.1667 ± {nu:.4f}"


def test_errors_over_seeds_have_a_deviation_and_those_of_one_seed_none():
    first, second = ({"errors": {"E_u_val": value}} for value in (0.03, 0.05))
    assert table_4._over_seeds([first], "E_u_val", 0.5) == "3.00 % (50.00)"
    assert table_4._over_seeds([first, second], "E_u_val", 0.5) == "4.00 ± 1.41 % (50.00)"


def test_loads_and_seeds_are_drawn_independently():
    """An error bar of 0.3 over the loads and one of 0.4 over the seeds are 0.5."""
    constants = dict.fromkeys(("lambda_TPa", "mu_TPa", "E_TPa", "nu"), 1.0)
    seeds = [
        {"horizon": 20.0, "degree": 3, "constants": {key: value + shift for key, value in constants.items()}}
        for shift in (-0.4 / 2**0.5, 0.4 / 2**0.5)
    ]
    drawn = {"results": {"bootstrap-300K-0": {"constants": [[-0.3 / 2**0.5] * 4, [0.3 / 2**0.5] * 4]}}}
    cells = table_4._constants(drawn, "300K", seeds, constants)
    assert cells == ["20", "3", "", *["1.0000 ± 0.5000 (1)"] * 4]


def test_models_stand_beside_the_paper_s_of_the_same_temperature():
    text = table_4.models(record())
    constants, errors, ratios = (
        {row.split(" | ")[0].strip("| "): row.strip("| ").split(" | ") for row in part.split("\n")[2:]}
        for part in text.split("\n\n")
        if part.lstrip().startswith("| data")
        for part in [part.strip()]
    )
    keys = ("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test")
    ours = {"0 K": 1, "300 K, ι as published": 2, "300 K, longer filter": 3}
    assert {*ours, *(f"LAMMPS directly, {t}" for t in ("0 K", "300 K"))} <= set(constants)
    for title, number in ours.items():
        paper = TABLE_4["0K" if title == "0 K" else "300K"]
        model = record()["results"]["table4-" + {1: "0K", 2: "300K-published", 3: "300K"}[number]]
        _, horizon, degree, alpha, *cells = constants[title]
        assert (float(horizon), int(degree)) == (model["horizon"], model["degree"])
        assert float(alpha) == pytest.approx(1.0 + 0.01 * number)
        for key, cell in zip(("lambda_TPa", "mu_TPa", "E_TPa", "nu"), cells, strict=True):
            assert float(cell.split()[0]) == pytest.approx(model["constants"][key], abs=5e-5)
            assert cell.endswith(f"({paper[key]:g})")
        for key, cell, ratio in zip(keys, errors[title][1:-1], ratios[title][1:], strict=True):
            assert float(cell.split()[0]) == pytest.approx(100 * model["errors"][key], abs=5e-3)
            assert cell.endswith(f"({100 * paper[key]:.2f})")
            assert float(ratio) == pytest.approx(model["errors"][key] / paper[key], abs=5e-3)
        assert errors[title][-1] == f"{model['errors']['E_res_test']:.1e} ({paper['E_res_test']:g})"
    assert "thermal stress of -1.23 GPa" in text


def test_a_model_that_failed_says_so_and_one_that_was_left_out_has_no_row():
    study = record()
    study["results"]["table4-300K"]["failure"] = "no solvable model"
    del study["results"]["table4-300K-published"]
    text = table_4.models(study)
    assert "| 300 K, longer filter | failed: no solvable model |" in text
    assert "| 300 K, ι as published |" not in text
