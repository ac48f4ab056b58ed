"""A made-up record of the study of graphene, each number of it different, for its tables and figures."""

import numpy as np

from mdbridge.campaigns.graphene_study.worth import MEASURED, STEPS
from mdbridge.campaigns.peridynamics.baselines import TITLES
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

SPLITS = ("train", "val", "test")


def learned(number, horizon=12.5, degree=2, failure="", fine=False):
    """A measured candidate; its errors are ``number``.1 % (residual) and ``number``.2 % (displacement), …"""
    material = LinearPeridynamicSolid(
        Bernstein(horizon, np.arange(degree + 1) + 1.0, (1.0 + 0.01 * number,)),
        -0.2 - 0.001 * number,
        0.7 + 0.001 * number,
        quadrature="published",
    )
    errors = {}
    for k, split in enumerate(SPLITS):
        for suffix in ("", "_fine") if fine else ("",):
            more = 0.05 if suffix else 0.0
            errors[f"E_res_{split}{suffix}"] = (number + 0.1 + 0.3 * k + more) / 100
            errors[f"E_u_{split}{suffix}"] = (number + 0.2 + 0.3 * k + more) / 100
    return {
        "horizon": horizon,
        "degree": degree,
        "failure": failure,
        "errors": errors | {"loss_train": 1e-3 * number},
        "constants": material.as_dict(),
        "material": material.as_dict(),
        "certificates": [{"min_gamma": 0.01 * number, "min_inf_sup": 0.3, "min_cauchy_schwarz": 0.0}],
        "wall_s": 0.5 + number,
        "solve_s": {"test": 0.25 + number},
    }


def sweep(shift):
    rows = [
        {
            "M": degree,
            "delta_A": 12.5 + degree,
            **{k: (shift + degree + n) / 100 for n, k in enumerate(KEYS)},
            "AvgE": 1 - 0.01 * degree,
            "E_TPa": 0.9,
            "nu": -0.3,
        }
        for degree in (0, 5, 11)
    ]
    candidates = [row | {"failure": "", "wall_s": 1.0} for row in rows]
    candidates.append(rows[0] | {"delta_A": 99.0, "failure": "too wide", "wall_s": 2.0})
    return {"rows": rows, "candidates": candidates, "best": {"degree": 11, "horizon": 23.5}}


KEYS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")


def manufactured(number):
    """Losses fall with M; K is 1/r, or a multiple, so that its normalised form is known."""
    r = np.linspace(0.02, 1.0, 50) * 12.5
    rows = [
        {
            "M": m,
            "loss": number * 10.0 ** -(1 + k),
            "lambda": 0.1,
            "mu": 0.45,
            "alpha": 1.0,
            "K": (3 / r).tolist(),
        }
        for k, m in enumerate((0, 5, 10))
    ]
    return {
        "true_loss": 0.5 * number,
        "learned": {
            "fixed": rows,
            "learned": [row | {"loss": 2 * row["loss"], "lambda": 0.11} for row in rows],
        },
        "r": r.tolist(),
        "true_K": (1 / r).tolist(),
        "ring_radii": [2.5, 12.5],
        "ring_weight": [2.0, 2.0],
    }


def scattered(number):
    row = {
        "constants": learned(number)["constants"],
        "min_operator": 0.01 * number,
        "failure": "",
    }
    for k, other in enumerate(("uniform", "perturbed")):
        for n, key in enumerate(KEYS):
            row[f"{key}_{other}"] = (number + k + 0.1 * n) / 100
    return row


def record():
    """What ``study.json`` holds."""
    results = {
        "table4-0K": learned(1, 20.0, 10),
        "table4-300K-published": learned(2),
        "table4-300K": learned(3),
        "table5-300K-x0.25": learned(4),
        "table5-300K-x0.1": learned(5, failure="no luck"),
        "table5-300K-published-x0.25": learned(6),
        "table5-300K-plain": learned(7),
        "table5-300K-twin": learned(8),
        "seed-300K-no-twin": learned(90),
        "seed-300K-no-twin-published": learned(91),
        "seed-300K-no-twin-seed-2022-published": learned(93),
        "bootstrap-0K-0": {"constants": [[0.0, 0.0, 0.0, 0.0], [0.02, 0.04, 0.06, 0.08]], "failed": 0},
    }
    for number, (label, kind) in enumerate(
        [(label, kind) for label in ("0K", "300K") for kind in ("one", "two", "half")], 10
    ):
        for more, horizon in enumerate((12.5, 20.0)):
            result = learned(number + 10 * more, horizon, 5)
            certificate = {"min_gamma": 0.9}
            if kind != "one":
                result["certificates"] = [{"min_gamma": 0.9, "min_operator": 0.001 * number}]
                certificate["min_operator"] = 0.8
            # on another grid there is more left
            result["certificates"].insert(more, certificate)
            results[f"dilatation-{label}-{horizon:g}-5-{kind}"] = result
    for number, name in enumerate(("one", "two"), 40):
        results[f"hybrid-12.5-5-{name}"] = learned(number, 12.5, 5, fine=True)
    results["hybrid-20-10-one"] = learned(42, 20.0, 10, failure="no solvable model")
    number = 50
    for label in ("0K", "300K-published"):
        for suffix in ("", "-same-loss", "-default"):
            results[f"algorithm1-{label}{suffix}"] = learned(number, 20.0, 10)
            number += 1
    results["algorithm1-0K"]["certificates"][0]["min_cauchy_schwarz"] = -0.1
    for number, name in enumerate(("5-published", "5-cell", "2.5-published", "2.5-cell"), 1):
        results[f"manufactured-{name}"] = manufactured(number)
    for number, name in enumerate(STEPS, 70):
        results[f"waterfall-{name}"] = learned(number, 20.0, 10)
    for number, label in enumerate(MEASURED, 80):
        results[f"baselines-{label}"] = {
            name: learned(number + 4 * row)["errors"] | {"lambda_TPa": -0.2, "mu_TPa": 0.7}
            for row, name in enumerate(TITLES)
        }
    results["scattered-0.2"] = {"uniform": scattered(60), "perturbed": scattered(70)}
    parts = {"0K, odd_part": {"mean": 0.0123, "largest": 0.0456}}
    direct = {"C11_TPa": 1.2, "C12_TPa": -0.2, "C66_TPa": 0.7}
    errors = {"sd_C11_TPa": 0.01, "sd_C12_TPa": 0.02, "sd_C66_TPa": 0.03, "thermal_stress_TPa": -0.00123}
    snr = {"300K": 0.2, "300K-x0.25": 0.05, "300K-x0.1": 0.02, "300K-published": 0.19, "300K-plain": 0.18}
    samples = {"nodes": [20, 21], "spacing_A": [4.9, 5.1], "max_bond_strain": 0.002, "thermal": None}
    thermal = {"duration_ps": 1.0, "disc_duration_ps": 2.0, "damping_ps": 0.05}
    return {
        "results": results,
        "sweeps": {"0K": sweep(1.0), "300K": sweep(2.0)},
        "direct": {"0K": direct, "300K": direct | errors},
        "snr": snr | {"300K-published-x0.25": 0.04, "300K-twin": 0.17},
        "noise": "two-sided",
        "nonlinearity": parts,
        "samples": {"0K": samples, "300K": samples | {"thermal": thermal, "max_bond_strain": 0.004}},
        "seeds": {"bootstrap": 7},
        "versions": {"numpy": "2"},
        "input_hash": "abcdef",
    }
