"""Set-up from nothing: what PETSc is built with stays as it is, and is optimised where solvers need it."""

import os
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "scripts/requirements.txt").read_text().splitlines()
PINNED = {
    requirement.name: requirement
    for requirement in (Requirement(line) for line in LINES if line and not line.startswith("#"))
    if str(requirement.specifier).startswith("==") and requirement.marker is None
}


def _building() -> list[str]:
    return re.search(r"grep -E '\^\(([\w|]+)\)=='", (ROOT / "scripts/setup").read_text())[1].split("|")


def test_what_petsc_is_built_with_is_pinned_for_every_python():
    assert {"setuptools", "cython", "mpich"} <= set(_building()) <= PINNED.keys()


def test_no_wheel_exchanges_it_while_petsc_is_built():
    """Torch asks for a setuptools newer than the one of a fresh environment."""
    asked = [
        (package.name, requirement)
        for package in distributions()
        if package.name in {re.split("[=><;]", line)[0].strip() for line in LINES}
        for requirement in map(Requirement, package.requires or [])
        if requirement.name in _building() and (requirement.marker is None or requirement.marker.evaluate())
    ]
    assert any(name == "torch" for name, _ in asked)
    for name, requirement in asked:
        version = str(PINNED[requirement.name].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{name} wants {requirement}"


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("vec/vec/impls/seq/dvec2.c", "-O2"),
        ("mat/impls/aij/mpi/mpiaij.c", "-O2"),
        ("ksp/pc/impls/gamg/agg.c", "-O2"),
        ("ksp/ksp/impls/cg/cg.c", "-O2"),
        ("ts/impls/bdf/bdf.c", "-O0"),
        ("mat/impls/baij/seq/baij.c", "-O0"),
    ],
)
def test_petsc_is_optimised_where_solvers_spend_their_time(tmp_path, source, level):
    for name in ("gcc", "mpicc"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MPICH_HEADERS": "/mpi"}

    def called(*given: str) -> list[str]:
        command = [str(ROOT / "scripts/petsc-mpicc"), *given]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout.split()

    told = called("-O3", "-c", f"/build/src/{source}", "-o", "x.o")
    assert told[:2] == ["gcc", "-I/mpi"]
    # the last of several levels holds
    assert told[-1] == level
    assert called("-shared", "x.o", "-o", "lib.so") == ["mpicc", "-shared", "x.o", "-o", "lib.so"]
