"""A whole graphene campaign through the command line, and the accuracy that the project promises."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from launch import launch

pytestmark = pytest.mark.slow

INPUT = Path(__file__).parents[2] / "inputs" / "graphene_0K.toml"
# the campaign that ships, with one candidate (δ, M) and next to no dynamics
REDUCED = ("dynamics.duration_ps=0.1", "learn.horizons_A=[25.5]", "learn.degrees=[16]", "learn.starts=2")
FIGURES = ("influence", "convergence", "candidates", "displacements", "dispersion", "solvability")


def run(out, *overrides, stage="run", ranks=1):
    sets = [word for override in (*REDUCED, *overrides) for word in ("--set", override)]
    arguments = (stage, str(INPUT), "--out", str(out), *sets)
    if ranks > 1:
        start = out.parent / "start.py"
        start.write_text("from mdbridge.cli import main\nmain()\n")
        job = launch(start, ranks, *arguments, timeout=300)
    else:
        job = subprocess.run(
            [sys.executable, "-m", "mdbridge", *arguments],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert job.returncode == 0, job.stderr
    return job.stderr


def times(folder):
    """When results were written; who works in the folder, and with which input, is noted each time."""
    notes = (".lock", "mdbridge.json", "input.toml", "mdbridge.log", "index.html", "README.txt")
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in notes]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign") / "out"
    run(folder)
    return folder


@pytest.fixture(scope="module")
def summary(out):
    return json.loads((out / "summary.json").read_text())


# --- accuracy -------------------------------------------------------------------


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
def test_errors_stay_below_what_must_hold(summary, key, limit):
    assert 0 < summary[key] <= limit


def test_moduli_are_those_of_the_same_lammps(summary):
    c11, c12, c66 = (summary[f"md_C{i}_TPa"] for i in (11, 12, 66))
    assert np.allclose([c11, c12, c66], [1.2470, -0.1971, 0.7221], atol=2e-4)
    young, poisson = c11 - c12**2 / c11, c12 / c11
    assert abs(summary["E_TPa"] / young - 1) <= 0.015
    assert abs(summary["nu"] - poisson) <= 0.015


def test_learned_constants_belong_together(summary):
    lam, mu = summary["lambda_TPa"], summary["mu_TPa"]
    # plane stress in two dimensions: λ is that of the plane
    assert np.isclose(summary["nu"], lam / (lam + 2 * mu), rtol=1e-10)
    assert np.isclose(summary["E_TPa"], 4 * mu * (lam + mu) / (lam + 2 * mu), rtol=1e-10)


def test_the_certificate_holds(out, summary):
    certificates = json.loads((out / "model.json").read_text())["certificates"]
    assert len(certificates) == 2  # of the grid of the sheet and of that of the disc
    for certificate in (summary["certificate"], *certificates):
        for name in ("min_gamma", "min_cauchy_schwarz"):
            assert certificate[name] > 0
    assert "one solution, for every λ and μ" in summary["certified"]


# --- files ----------------------------------------------------------------------


@pytest.mark.parametrize(("split", "samples"), [("train", 70), ("val", 10), ("test", 4)])
@pytest.mark.parametrize("suffix", ["", "_fine"])
def test_dataset_holds_what_is_documented(out, split, samples, suffix):
    with h5py.File(out / "dataset.h5") as file:
        group = file[split + suffix]
        n = len(group["nodes"])
        assert group["nodes"].shape == (n, 2)
        assert group["u"].shape == group["b"].shape == (samples, n, 2)
        assert group["load"].shape == (samples, len(group["parameter"]))
        units = {name: group[name].attrs["units"] for name in ("nodes", "u", "b")}
        assert units == {"nodes": "angstrom", "u": "angstrom", "b": "TPa/angstrom"}
        assert len(set(group["sample"].asstr()[:])) == samples
        for name in ("nodes", "u", "b", "load"):
            assert np.isfinite(group[name][:]).all()
        assert group["load"][:, -1].max() < 0.02  # bond strains
        box = group.attrs["box"]
        if split != "test":
            assert n == (40 * 40 if suffix else 20 * 20)
            assert np.allclose(group.attrs["spacing"] * group.attrs["shape"], box)
            assert np.allclose(box, [98.66, 100.78], atol=0.01)
            # the load of a whole period balances
            assert np.abs(group["b"][:].sum(axis=1)).max() < 1e-10 * np.abs(group["b"][:]).max()
        else:
            r = np.hypot(*group["nodes"][:].T)
            assert 95 < r.max() <= 110
            assert np.abs(group["b"][:, r < 35]).max() == 0


def test_long_waves_answer_with_the_elastic_constants(out, summary):
    """b / (k² u) at one wave per box is C11 for longitudinal and C66 for transverse waves."""
    with h5py.File(out / "dataset.h5") as file:
        group = file["train"]
        names = list(group["sample"].asstr()[:])
        nodes, box = group["nodes"][:], group.attrs["box"]
        for axis, component, constant in ((0, 0, "C11"), (1, 1, "C11"), (0, 1, "C66"), (1, 0, "C66")):
            waves = "1-0" if axis == 0 else "0-1"
            index = names.index(f"train-{'xy'[component]}-{waves}")
            k = 2 * np.pi / box[axis]
            cosine = np.cos(k * nodes[:, axis])
            b, u = (group[name][index, :, component] @ cosine for name in ("b", "u"))
            assert np.isclose(b / (k**2 * u), summary[f"md_{constant}_TPa"], rtol=5e-3)


def test_dynamics_are_stored_beside_their_twin_at_rest(out):
    with h5py.File(out / "dataset.h5") as file:
        group = file["dynamics"]
        assert group.attrs["load"] == "train-x-1-1"
        assert 200 < group.attrs["temperature_K"] < 500
        for name in ("u_zero", "u_raw", "u_filtered"):
            assert group[name].shape == (400, 2)
            assert group[name].attrs["units"] == "angstrom"


def test_model_and_summary_have_the_documented_keys(out, summary):
    model = json.loads((out / "model.json").read_text())
    wanted = [
        "lambda_TPa",
        "mu_TPa",
        "alpha",
        "D",
        "delta_A",
        "M",
        "E_TPa",
        "nu",
        "certificate",
        "metrics",
        "input_hash",
        "versions",
    ]
    assert set(wanted) <= set(model)
    assert model["delta_A"] == 25.5
    assert model["M"] == 16
    assert len(model["D"]) == 17
    assert {"lammps", "numpy", "petsc4py", "mdbridge"} <= set(model["versions"])
    wanted = [
        "E_res_train",
        "E_u_train",
        "E_res_val",
        "E_u_val",
        "E_u_test",
        "lambda_TPa",
        "mu_TPa",
        "E_TPa",
        "nu",
    ]
    wanted += ["md_C11_TPa", "md_C12_TPa", "md_C66_TPa", "certificate", "wall_s"]
    assert set(wanted) <= set(summary)
    assert set(summary["wall_s"]) == {"sample", "learn", "solve", "report"}
    # the regression predicts in Fourier space what the solver then finds on the nodes
    for split in ("train", "val"):
        for kind in ("E_res", "E_u"):
            assert np.isclose(model["metrics"][f"{kind}_{split}"], summary[f"{kind}_{split}"], rtol=1e-4)


def test_figures_are_there_and_nothing_is_left_over(out):
    for name in (*FIGURES, "time_filter"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in out.rglob("*.part")] == []


# --- again ----------------------------------------------------------------------


def test_a_second_run_does_nothing_again(out):
    before = times(out)
    output = run(out)
    assert [output.count(f"{stage}: done before") for stage in ("sample", "learn", "solve", "report")] == [
        1
    ] * 4
    assert times(out) == before


def test_a_changed_key_redoes_what_depends_on_it_alone(out, tmp_path):
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    before = times(copy)
    output = run(copy, "learn.degrees=[12]")
    assert "sample: done before" in output
    assert "learn: done before" not in output
    after = times(copy)
    assert after["dataset.h5"] == before["dataset.h5"]
    assert all(after[name] > before[name] for name in ("model.json", "solutions.h5", "summary.json"))
    assert json.loads((copy / "summary.json").read_text())["M"] == 12

    output = run(copy, "learn.degrees=[12]", "solve.relative_tolerance=1e-9")
    assert "learn: done before" in output
    assert "solve: done before" not in output


def test_a_report_of_another_model_is_refused(out, tmp_path):
    """A model learned anew does not go with the solutions of the last one, which give way with it."""
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    summary = (copy / "summary.json").read_bytes()
    run(copy, "learn.degrees=[8]", stage="learn")
    with pytest.raises(AssertionError, match=r"solutions\.h5: no such file; run \\?'mdbridge solve"):
        run(copy, "learn.degrees=[8]", stage="report")
    assert not (copy / "summary.json").exists()
    (kept,) = (copy / "superseded").rglob("summary.json")
    assert kept.read_bytes() == summary


@pytest.mark.mpi
def test_two_ranks_give_the_same(out, tmp_path, summary):
    other = tmp_path / "out"
    run(other, "dynamics.enabled=false", ranks=2)
    with h5py.File(out / "dataset.h5") as serial, h5py.File(other / "dataset.h5") as parallel:
        assert set(serial) == {*parallel, "dynamics"}
        for split in parallel:
            for name in set(parallel[split]) - {"sample", "axis", "parameter"}:
                a, b = serial[split][name][:], parallel[split][name][:]
                assert np.abs(a - b).max() <= 1e-8 * np.abs(a).max(), (split, name)
    again = json.loads((other / "summary.json").read_text())
    for key in ("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test", "E_TPa", "nu"):
        assert np.isclose(again[key], summary[key], rtol=1e-3), key


@pytest.mark.mpi
def test_two_ranks_for_each_sample_give_the_same(out, tmp_path):
    other = tmp_path / "out"
    few = ("dynamics.enabled=false", "loads.waves=2", "parallel.ranks_per_sample=2")
    run(other, *few, stage="sample", ranks=2)
    with h5py.File(out / "dataset.h5") as serial, h5py.File(other / "dataset.h5") as parallel:
        for split in parallel:
            every = list(serial[split]["sample"])
            shared = [every.index(sample) for sample in parallel[split]["sample"]]
            for name in set(parallel[split]) - {"sample", "axis", "parameter"}:
                per_sample = len(serial[split][name]) == len(every)
                a, b = serial[split][name][shared if per_sample else ...], parallel[split][name][:]
                # two relaxations, each down to its tolerance
                assert np.abs(a - b).max() <= 1e-5 * np.abs(a).max(), (split, name)
