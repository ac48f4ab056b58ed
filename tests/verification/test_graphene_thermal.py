"""Graphene at 300 K: a handful of loads on a small sheet, and the whole study on small campaigns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from launch import launch
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import thermal as graphene_thermal
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.campaigns.peridynamics.sampling import Sampler
from mdbridge.coarse import kernels
from mdbridge.core.config import load
from mdbridge.core.units import BOLTZMANN_EV_PER_K
from mdbridge.md.linearresponse import scaled

pytestmark = pytest.mark.slow

INPUTS = Path(__file__).parents[2] / "inputs"
SMALL = ("md.cells=[26,15]", "md.disc_radius_A=45.0", "md.disc_inner_A=15.0", "learn.horizons_A=[12.5]")


@pytest.fixture(scope="module")
def sampler():
    overrides = [*SMALL, "thermal.duration_ps=0.5"]
    opened = Sampler(load(INPUTS / "graphene_300K.toml", GrapheneInput, overrides), MPI.COMM_SELF)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def runs(sampler):
    """The unloaded twin, a few loads, and what they do at rest."""
    jobs = {task.name: task for task in graphene_thermal.tasks(sampler.config).tasks}
    names = ("unloaded-sheet", "train-x-1-0", "train-x-0-1", "train-y-2-1", "train-y-2-1-x0.1")
    results = {name: jobs[name].work(sampler, lambda fraction: None) for name in names}
    results["train-y-2-1-minus"] = graphene_thermal._loaded(sampler, "train", -1.0, "train-y-2-1")
    again = jobs["unloaded-sheet"].work(sampler, lambda fraction: None)
    return results, again


def at_rest(sampler, name):
    """The averaged displacement of the relaxed state under the load, from LAMMPS and the weights alone."""
    crystal = sampler.sheet
    loads = graphene_thermal.all_loads(sampler.config, crystal.box)["train"]
    chosen = next(candidate for candidate in loads if candidate.name == name)
    force = scaled(chosen, crystal, sampler.config.md.max_bond_strain)
    u = crystal.relax(force, 1e-9)
    grid = sampler.node_grids(disc=False)[""]
    weights = kernels.weights(crystal.reference, grid, 10.0, "cone")
    averaged = (weights @ u) / np.asarray(weights.sum(axis=1)).ravel()[:, None]
    return averaged - averaged.mean(axis=0)


def response(runs, name, twin, filter="long"):
    u = runs[name][f"u@{filter}"] - (runs["unloaded-sheet"][f"u@{filter}"] if twin else 0)
    return u - u.mean(axis=0)


def test_a_run_is_reproducible(runs):
    results, again = runs
    np.testing.assert_array_equal(results["unloaded-sheet"]["u@long"], again["u@long"])


def test_the_temperature_is_held(runs):
    assert 270 < runs[0]["train-x-1-0"]["temperature_K"] < 330


@pytest.mark.parametrize(("name", "softening"), [("train-x-1-0", 1.0067), ("train-x-0-1", 1.0121)])
def test_with_the_twin_the_response_is_that_at_rest_but_softer(sampler, runs, name, softening):
    """By what LAMMPS's own stress says: C11 falls from 1.2470 to 1.2387 TPa, C66 from 0.7221 to 0.7134."""
    rest = at_rest(sampler, name)
    mean = response(runs[0], name, twin=True)
    softer = np.vdot(mean, rest) / np.vdot(rest, rest)
    assert softer == pytest.approx(softening, abs=0.003)
    assert np.linalg.norm(mean - softer * rest) < 0.01 * np.linalg.norm(rest)


def test_both_signs_take_the_noise_away_as_the_twin_does(runs):
    """What they have in common beyond the unloaded sheet is even in the load: small, and no noise."""
    plus, minus = (runs[0][f"train-y-2-1{end}"]["u@long"] for end in ("", "-minus"))
    half = 0.5 * (plus - minus)
    size = np.linalg.norm(half)
    assert np.linalg.norm(half - half.mean(axis=0) - response(runs[0], "train-y-2-1", twin=True)) < 0.1 * size
    even = 0.5 * (plus + minus) - runs[0]["unloaded-sheet"]["u@long"]
    assert np.linalg.norm(even) < 0.1 * size
    np.testing.assert_allclose(runs[0]["train-y-2-1-minus"]["b"], -runs[0]["train-y-2-1"]["b"], atol=1e-15)


def test_without_the_twin_there_is_ten_times_the_noise(sampler, runs):
    rest = at_rest(sampler, "train-y-2-1")
    noise = [
        np.linalg.norm(response(runs[0], "train-y-2-1", twin, "published") - rest) for twin in (False, True)
    ]
    assert noise[0] > 10 * noise[1]


def test_with_the_twin_a_tenth_of_the_load_gives_a_tenth_of_the_response(runs):
    whole, tenth = (response(runs[0], f"train-y-2-1{end}", twin=True) for end in ("", "-x0.1"))
    assert np.linalg.norm(10 * tenth - whole) < 0.03 * np.linalg.norm(whole)
    ratio = runs[0]["train-y-2-1"]["rms_load"] / runs[0]["train-y-2-1-x0.1"]["rms_load"]
    assert ratio == pytest.approx(10.0)


def test_forces_are_those_of_a_harmonic_crystal(sampler, runs):
    """Equipartition: <F²> = kT tr(H)/n, with the Hessian at rest; anharmonic terms are small."""
    crystal, run = sampler.sheet, runs[0]["unloaded-sheet"]
    mean = BOLTZMANN_EV_PER_K * 300.0 * crystal.hessian.diagonal().sum() / len(crystal.reference)
    assert run["rms_force"] ** 2 == pytest.approx(mean, rel=0.08)


# --- the study --------------------------------------------------------------------

_CAMPAIGN = [
    *SMALL,
    "loads.waves=3",
    "learn.starts=1",
    "sweep.horizons_A=[6.0,12.5,15.0]",
    "sweep.degrees=[2,4]",
]
_WARM = [*_CAMPAIGN, "thermal.duration_ps=0.02", "thermal.disc_duration_ps=0.02", "thermal.elastic_ps=0.05"]
_ZERO = [*_CAMPAIGN, "dynamics.enabled=false"]
STUDY = f"""
campaign = "graphene-study"
[campaigns]
zero = "{INPUTS / "graphene_0K.toml"}"
warm = "{INPUTS / "graphene_300K.toml"}"
zero_set = {json.dumps(_ZERO)}
warm_set = {json.dumps([*_WARM, "thermal.load_factors=[1.0,0.1]", "thermal.elastic_seeds=2"])}
no_twin = "{INPUTS / "graphene_300K_no_twin.toml"}"
no_twin_set = {json.dumps([*_WARM, "thermal.elastic_seeds=2"])}
md_seeds = [7]
[bootstrap]
replicates = 3
[compare]
algorithm_1 = [[12.5, 2], [12.5, 2]]
own_dilatation = [[12.5, 3]]
hybrid = [[12.5, 3]]
steps = [[12.5, 2], [12.5, 3]]
[manufactured]
spacings_A = [5.0, 2.5]
degrees = [0, 5]
[scattered]
horizon_A = 15.0
degree = 3
samples = 4
perturbations = [0.05]
"""


def command(*arguments, ranks=1, folder=None):
    if ranks > 1:
        start = folder / "start.py"
        start.write_text("from mdbridge.cli import main\nmain()\n")
        return launch(start, ranks, *arguments, timeout=400)
    return subprocess.run(
        [sys.executable, "-m", "mdbridge", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.toml").write_text(STUDY)
    job = command("study", folder / "study.toml", "--out", folder / "out", ranks=2, folder=folder)
    assert job.returncode == 0, job.stderr
    return folder


@pytest.fixture(scope="module")
def record(study):
    return json.loads((study / "out" / "study.json").read_text())


def test_every_table_is_there_with_its_provenance(study, record):
    text = (study / "out" / "study.md").read_text()
    for title in (
        "What the model is worth",
        "From the paper's setting",
        "Table 3",
        "Table 4",
        "Table 5",
        "Table 6",
        "Section 5",
        "Algorithm 1",
        "Scattered",
    ):
        assert f"## {title}" in text or f"\n## {title}" in text
    assert "LAMMPS directly, 300 K" in text
    assert "MD at 300 K 2021, 7" in text
    for title in ("longer filter", "ι as published", "no twin, longer filter", "no twin, ι as published"):
        assert text.count(f"| 300 K, {title}, 2 seeds |") == 3
    assert "300K, odd_part from x0.1" in text
    assert record["versions"]["lammps"] in text
    assert "nan" not in text.lower().replace("finance", "")
    for name in ("study_sweeps", "study_influence", "study_dilatation", "study_manufactured"):
        assert f"figures/{name}.png" in text
        assert (study / "out" / "figures" / f"{name}.png").stat().st_size > 10000


def test_table_4_prints_what_was_computed(study, record):
    text = (study / "out" / "study.md").read_text()
    two = "300 K, ι as published, 2 seeds"
    for names, title in (
        (("table4-0K",), "0 K"),
        (("table4-300K-published", "seed-300K-seed-7-published"), two),
    ):
        results = [record["results"][name] for name in names]
        line = next(row for row in text.splitlines() if row.startswith(f"| {title} |") and "%" in row)
        for key in ("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test"):
            values = [100 * result["errors"][key] for result in results]
            spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            assert f"{np.mean(values):.2f}{spread} % (" in line


def test_failed_points_of_the_sweep_are_reported(study, record):
    failed = [candidate for candidate in record["sweeps"]["0K"]["candidates"] if candidate["failure"]]
    assert {candidate["delta_A"] for candidate in failed} == {6.0}
    assert "Failed: δ = 6 Å" in (study / "out" / "study.md").read_text()


def test_what_is_finished_is_not_done_again(study, record):
    tasks = study / "out" / "records" / "tasks"
    before = {path.name: path.stat().st_mtime_ns for path in tasks.iterdir()}
    damaged = next(tasks.glob("scattered-0.05-*.json"))
    damaged.write_text("{")
    job = command("study", study / "study.toml", "--out", study / "out")
    assert job.returncode == 0, job.stderr
    assert job.stderr.count("sample: done before") == 6
    after = {path.name: path.stat().st_mtime_ns for path in tasks.iterdir()}
    assert [name for name in after if after[name] != before[name]] == [damaged.name]
    again = json.loads((study / "out" / "study.json").read_text())
    for name, result in record["results"].items():
        if name.startswith("table"):
            assert again["results"][name] == result


def test_a_sweep_of_its_own_takes_what_the_study_has_learned(study, record):
    pairs = study / "out" / "0K" / "records" / "pairs"
    before = {path.name: path.stat().st_mtime_ns for path in pairs.iterdir()}
    sets = [word for override in _ZERO for word in ("--set", override)]
    job = command("learn", INPUTS / "graphene_0K.toml", "--sweep", "--out", study / "out" / "0K", *sets)
    assert job.returncode == 0, job.stderr
    assert {path.name: path.stat().st_mtime_ns for path in pairs.iterdir()} == before
    sweep = json.loads((study / "out" / "0K" / "sweep.json").read_text())
    assert sweep["rows"] == record["sweeps"]["0K"]["rows"]
    assert "failed: δ = 6 Å, M = 2" in job.stderr.replace("\n", " ")
    assert "6 pairs, 2 failed" in job.stderr
    assert (study / "out" / "0K" / "sweep.png").stat().st_size > 5000


def test_campaigns_that_cannot_be_compared_are_refused_with_both_values(study):
    arguments = ("--set", "campaigns.warm_set=[]")
    job = command("study", study / "study.toml", "--out", study / "refused", *arguments)
    assert job.returncode == 2
    assert "'md.cells' is [26, 15] in the campaign at rest and [39, 23] in the warm one" in job.stderr
    assert "Traceback" not in job.stderr
