"""PETSc on several ranks: what one rank alone keeps holds nobody up."""

from pathlib import Path

import pytest
from launch import launch

pytestmark = pytest.mark.mpi


def test_what_one_rank_keeps_of_a_solver_holds_up_neither_the_next_one_nor_the_end():
    job = launch(Path(__file__).with_name("linalg_job.py"), 2, timeout=60)
    assert (job.returncode, job.stdout.splitlines()) == (0, 3 * ["[True, True]"]), job.stderr
