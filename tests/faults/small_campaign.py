"""The smallest campaign that the tests of faults run, and Python without packages that it does not need."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# the smallest that has enough nodes for the training waves: seconds
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

# refuses imports as Python does where a package is not installed
REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])

sys.meta_path.insert(0, Refuse())
"""

HEAVY = "petsc4py torch gpytorch botorch matplotlib"
"""What sampling does without."""


@dataclass(frozen=True)
class Sampled:
    """A campaign's input, its folder, and the process that made the samples."""

    path: Path
    out: Path
    job: subprocess.CompletedProcess


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


def mdbridge_without(packages, *arguments):
    """Run a command line in such a Python."""
    return without(packages, "from mdbridge.cli import main\nmain()", *arguments)
