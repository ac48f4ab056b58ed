"""Summary and table of a campaign, from made-up samples of a known model."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import peridynamics_results
import pytest
from peridynamics_results import GRID, LAMBDA, MODEL, MU
from rich.console import Console

from mdbridge.campaigns.peridynamics.published import TABLE_4
from mdbridge.campaigns.peridynamics.summary import print_table, summarise
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bspline import BSpline


@pytest.fixture(scope="module")
def results():
    return peridynamics_results.results()


def test_moduli_of_the_md_are_those_of_plane_elasticity(results):
    """E = 4μ(λ+μ)/(λ+2μ) and ν = λ/(λ+2μ), where C11 = λ + 2μ and C12 = λ: free at its sides."""
    summary = summarise(results)
    assert summary["md_E_TPa"] == pytest.approx(4 * MU * (LAMBDA + MU) / (LAMBDA + 2 * MU))
    assert summary["md_nu"] == pytest.approx(LAMBDA / (LAMBDA + 2 * MU))
    # pull along x: σ_xx = E ε_xx while σ_yy = 0
    stiffness = np.array([[LAMBDA + 2 * MU, LAMBDA], [LAMBDA, LAMBDA + 2 * MU]])
    strain = np.linalg.solve(stiffness, [1.0, 0.0])
    assert summary["md_E_TPa"] == pytest.approx(1 / strain[0])
    assert summary["md_nu"] == pytest.approx(-strain[1] / strain[0])
    assert {k: summary[f"md_{k}"] for k in results.md} == results.md


def test_the_summary_has_the_means_over_samples_and_the_model(results):
    summary = summarise(results)
    for number, (split, count) in enumerate((("train", 70), ("val", 10), ("test", 4)), 1):
        drawn = 0.01 * (count - 1) / 2
        assert summary[f"E_u_{split}"] == pytest.approx(0.1 * number + drawn)
        name = "E_res_test_TPa_per_A" if split == "test" else f"E_res_{split}"
        assert summary[name] == pytest.approx(0.2 * number + drawn)
    assert summary["E_u_test_by_case"] == pytest.approx([0.3, 0.31, 0.32, 0.33])
    assert summary["baselines"] == results.baselines
    for key in ("lambda_TPa", "mu_TPa", "E_TPa", "nu", "delta_A", "M", "kernel", "alpha"):
        assert summary[key] == MODEL.as_dict()[key]
    assert summary["quadrature"] == "published"
    rings = symbol.rings(stencil.uniform(GRID.spacing, 13.0, "published"), 1e-4 * np.eye(2))
    along, aside = symbol.operator(MODEL, rings) / 1e-8
    moduli = [summary["moduli_TPa"][name] for name in ("C11", "C22", "C66")]
    assert moduli == pytest.approx([along[0, 0], aside[1, 1], along[1, 1]], rel=1e-6)
    splines = replace(MODEL, influence=BSpline(13.0, np.ones(5)))
    other = summarise(replace(results, material=splines))
    assert other["kernel"] == "b-spline" and "alpha" not in other
    assert summary["wall_s"] == results.wall and summary["wall_s"] is not results.wall


def test_the_table_has_the_summary_s_numbers(results, tmp_path):
    text = io.StringIO()
    summary = summarise(results)
    print_table(Console(file=text, width=200), summary, tmp_path)
    rows = {row[1].strip(): [cell.strip() for cell in row[2:-1]] for row in cells(text.getvalue())}
    percent = [f"{summary[key]:.2%}" for key in ("E_res_train", "E_u_train", "E_res_val", "E_u_val")]
    labels = (
        "training: residual",
        "training: displacement",
        "validation: residual",
        "validation: displacement",
    )
    assert [rows[f"{label} error"][1] for label in labels] == percent
    assert rows["test disc: displacement error"] == ["6.75%", f"{summary['E_u_test']:.2%}", ""]
    assert rows["Young's modulus (TPa)"] == ["0.91", f"{MODEL.young:.4f}", f"{summary['md_E_TPa']:.4f}"]
    assert rows["Poisson's ratio"] == ["-0.4297", f"{MODEL.poisson:.4f}", f"{summary['md_nu']:.4f}"]
    assert rows["coercivity, whole zone"][1] == "0.5"
    assert rows["Cauchy–Schwarz, whole zone"][1] == "0.25"
    assert rows["this run"][0] == "{E_res_train:.2%} / {E_u_train:.2%}".format(**summary).replace("%", "")
    assert rows["gradient elasticity, 4 fitted"] == ["2.00 / 2.10", "2.20 / 2.30", "2.40"]
    assert rows["LPS, K = 1/r, LAMMPS's λ, μ"][-1] == "4.40"
    assert "sample 1.5 s, learn 2.5 s, solve 3.5 s" in text.getvalue()


def test_the_paper_stands_beside_its_own_system_alone(results, tmp_path):
    assert summarise(results)["paper"] == TABLE_4["0K"]
    other = summarise(replace(results, crystal="boron-nitride", paper=None))
    assert "paper" not in other and other["crystal"] == "boron-nitride"
    text = io.StringIO()
    print_table(Console(file=text, width=200), other, Path("out"))
    assert text.getvalue().startswith("Boron nitride: linear peridynamic solid from MD at 0 K")
    for word in ("paper", "grid only", "9.81%", "0.91", "-0.4297", "raphene"):
        assert word not in text.getvalue()
    heads, *rows = [[cell.strip() for cell in row[1:-1]] for row in cells(text.getvalue())]
    assert heads == ["", "this run", "MD directly"]
    ours = {row[0]: row[1:] for row in rows}
    assert ours["Young's modulus (TPa)"] == [f"{MODEL.young:.4f}", f"{other['md_E_TPa']:.4f}"]
    assert ours["training: residual error"] == [f"{other['E_res_train']:.2%}", ""]


def cells(text):
    return [line.replace("┃", "│").split("│") for line in text.splitlines() if "│" in line or "┃" in line]
