"""MPI, started when it is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mpi4py import MPI

import mdbridge
from mdbridge.core import mpi as module
from mdbridge.core.errors import MissingPackageError


def test_the_module_is_mpi4py_s_own():
    assert module.mpi() is MPI


def test_it_is_not_started_by_being_imported():
    code = "import sys, mdbridge.core.mpi; sys.exit('mpi4py' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(mdbridge.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_where_there_is_none_it_says_so_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(MissingPackageError, match=r"every command but 'doctor' needs mpi4py") as caught:
        module.mpi()
    assert "\n" not in str(caught.value)
