"""Whole campaigns with other crystals and potentials: the learned moduli against LAMMPS's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import thermal
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.campaigns.peridynamics.sampling import Sampler, all_loads
from mdbridge.coarse import kernels
from mdbridge.core.config import load
from mdbridge.md.linearresponse import scaled

pytestmark = pytest.mark.slow

INPUTS = Path(__file__).parents[2] / "inputs"
# one candidate (δ, M), waves down to a quarter of the box, one relaxation a load instead of four, no dynamics
REDUCED = (
    *("learn.horizons_A=[25.5]", "learn.degrees=[24]", "learn.starts=2", "dynamics.enabled=false"),
    *("loads.waves=4", "loads.two_sided=false"),
)
AIREBO = ("md.potential=CH.airebo", "md.pair_style=airebo 3.0", "md.pair_coeff=* * {potential} C")
CAMPAIGNS = {
    "hbn": ("hbn_0K.toml", ()),
    # the keys of another pair style, and no other, in the input of graphene
    "airebo": ("graphene_0K.toml", AIREBO),
}


@pytest.fixture(scope="module", params=CAMPAIGNS)
def campaign(request, tmp_path_factory):
    """Its name, its folder, its summary, and what was printed."""
    name, sets = CAMPAIGNS[request.param]
    out = tmp_path_factory.mktemp(request.param) / "out"
    given = [word for override in (*REDUCED, *sets) for word in ("--set", override)]
    job = subprocess.run(
        [sys.executable, "-m", "mdbridge", "run", str(INPUTS / name), "--out", str(out), *given],
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert job.returncode == 0, job.stderr
    return request.param, out, json.loads((out / "summary.json").read_text()), job.stderr


def test_moduli_are_those_of_the_same_lammps(campaign):
    name, _, summary, _ = campaign
    c11, c12, c66 = (summary[f"md_C{i}_TPa"] for i in (11, 12, 66))
    known = {"hbn": [0.8320, 0.2588, 0.2866], "airebo": [0.9546, 0.3500, 0.3023]}
    assert np.allclose([c11, c12, c66], known[name], atol=5e-4)
    young, poisson = c11 - c12**2 / c11, c12 / c11
    assert abs(summary["E_TPa"] / young - 1) <= 0.015
    assert abs(summary["nu"] - poisson) <= 0.015


@pytest.mark.parametrize(
    ("key", "limit"),
    [
        ("E_res_train", 0.020),
        ("E_u_train", 0.015),
        ("E_res_val", 0.033),
        ("E_u_val", 0.015),
        ("E_u_test", 0.034),
    ],
)
def test_errors_stay_below_those_that_graphene_must_keep(campaign, key, limit):
    assert 0 < campaign[2][key] <= limit


def test_the_model_is_certified_and_the_report_is_of_this_crystal(campaign):
    name, out, summary, output = campaign
    for certificate in (
        summary["certificate"],
        *json.loads((out / "model.json").read_text())["certificates"],
    ):
        assert certificate["min_gamma"] > 0 and certificate["min_cauchy_schwarz"] > 0
    assert summary["crystal"] == ("boron-nitride" if name == "hbn" else "graphene")
    assert "paper" not in summary and "paper" not in output.partition("summary.json, model.json")[0]
    assert output.count("MD directly") == 1


def test_boron_nitride_at_300_K_is_that_at_rest_but_softer():
    """The mean under a constant load with the twin subtracted, and LAMMPS's own constants at 300 K."""
    sets = ["md.crystal=boron-nitride", "md.cells=[26,15]", "learn.horizons_A=[12.5]"]
    sets += ["md.disc_radius_A=45.0", "md.disc_inner_A=15.0", "thermal.duration_ps=0.5"]
    sampler = Sampler(load(INPUTS / "graphene_300K.toml", GrapheneInput, sets), MPI.COMM_SELF)
    try:
        works = {task.name: task.work for task in thermal.tasks(sampler.config).tasks}
        runs = {
            name: works[name](sampler, lambda done: None)
            for name in ("unloaded-sheet", "train-x-1-0", "train-x-0-1", "elastic", "elastic-0", "elastic-1")
        }
        crystal = sampler.sheet
        grid = sampler.node_grids(disc=False)[""]
        weights = kernels.weights(crystal.reference, grid, 10.0, "cone") * crystal.masses
        for name, modulus in (("train-x-1-0", "C11_TPa"), ("train-x-0-1", "C66_TPa")):
            applied = next(
                candidate
                for candidate in all_loads(sampler.config, crystal.box)["train"]
                if candidate.name == name
            )
            force = scaled(applied, crystal, sampler.config.md.max_bond_strain)
            u = crystal.relax(force, 1e-9)
            rest = (weights @ u) / np.asarray(weights.sum(axis=1)).ravel()[:, None]
            rest -= rest.mean(axis=0)
            mean = runs[name]["u@long"] - runs["unloaded-sheet"]["u@long"]
            mean -= mean.mean(axis=0)
            softer = np.vdot(mean, rest) / np.vdot(rest, rest)
            warm = np.mean([float(runs[f"elastic-{n}"][modulus]) for n in (0, 1)])
            assert softer == pytest.approx(float(runs["elastic"][modulus]) / warm, abs=0.006)
            assert np.linalg.norm(mean - softer * rest) < 0.03 * np.linalg.norm(rest)
            assert 270 < runs[name]["temperature_K"] < 330
    finally:
        sampler.close()
