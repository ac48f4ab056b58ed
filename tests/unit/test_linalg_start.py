"""PETSc, started so that the process stays Python's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mpi4py import MPI

import mdbridge
from mdbridge.core.errors import MissingPackageError
from mdbridge.linalg import start
from mdbridge.linalg.start import PETSc, ranks, require_doubles

PROGRAM = """
import os, signal
import mdbridge.linalg.petsc
{before}
reading, writing = os.pipe()
os.close(reading)
try:
    os.write(writing, b"to nobody")
except BrokenPipeError:
    print("as Python has it")
"""


@pytest.mark.parametrize("scalars", ["complex128", "float32"])
def test_a_petsc_of_other_numbers_is_refused(scalars):
    with pytest.raises(MissingPackageError, match=f"built with {scalars} scalars, .* needs float64"):
        require_doubles(scalars)


def test_petsc_is_started_by_the_import():
    assert PETSc.Sys.isInitialized()


@pytest.mark.parametrize("before", ["", "mdbridge.linalg.petsc.version()"])
def test_a_pipe_that_nobody_reads_is_an_error_and_not_the_end(before):
    """PETSc's own handler would end the process without a word: a model's process may die at any time."""
    environment = os.environ | {"PYTHONPATH": str(Path(mdbridge.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    job = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (job.returncode, job.stdout.strip()) == (0, "as Python has it"), job.stderr


def test_petsc_keeps_the_same_ranks_for_good():
    own = MPI.COMM_WORLD.Dup()
    try:
        held = ranks(own)
        assert isinstance(held, PETSc.Comm) and held.size == own.size
        assert ranks(own) is held and own.Get_attr(start._HELD) is held
        assert ranks(MPI.COMM_SELF).size == 1 and ranks(MPI.COMM_SELF) is not held
    finally:
        own.Free()
