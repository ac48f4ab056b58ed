"""Checks of the environment, each with its remedy."""

import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from .core.errors import InputError, MdbridgeError
from .core.mpi import mpi
from .core.requires import requires
from .core.versions import PACKAGES, versions

if TYPE_CHECKING:
    from mpi4py import MPI

_INSIDE = {
    "mpi4py": "mpi4py.MPI",
    "petsc4py": "petsc4py.PETSc",
    "matplotlib": "matplotlib.figure",
    "tomli-w": "tomli_w",
}
"""What is imported of a package, where its name alone says little."""

POTENTIALS = ("SiC.tersoff", "CuZr_mm.eam.fs")


def run(comm: "MPI.Comm | None") -> int:
    """Print the checks on rank 0; 0 if all pass, else 1.

    Args:
        comm: all ranks; None where mpi4py is what is missing.
    """
    out = Console(quiet=comm is not None and comm.rank != 0, highlight=False)
    checks = (
        ("packages", _packages),
        ("LAMMPS", _lammps),
        ("PETSc", _petsc),
        ("torch", _torch),
        ("one MPI for all", _one_mpi),
        ("potentials", _potentials),
    )
    failed = 0
    for title, check in checks:
        result, problem = _attempted(check)
        # of all ranks: their nodes may have other modules loaded
        problems = [problem] if comm is None else comm.allgather(problem)
        rank, problem = next(((r, words) for r, words in enumerate(problems) if words is not None), (0, None))
        failed += problem is not None
        place = f"on rank {rank}: " if rank else ""
        # escaped: [brackets] of a version or a path are no markup
        if problem is None:
            out.print(f"[green]ok[/green]    {title}: {escape(result)}", soft_wrap=True)
        else:
            out.print(f"[red]wrong[/red] {title}: {place}{escape(problem)}")
    out.print("all well" if not failed else f"{failed} of {len(checks)} checks failed")
    return 1 if failed else 0


def _attempted(check: Callable[[], str]) -> tuple[str, str | None]:
    """What a check says, or in what it failed."""
    try:
        return check(), None
    except (MdbridgeError, ImportError, OSError, RuntimeError) as problem:
        return "", str(problem)
    # what is half installed fails in any way
    except Exception as problem:
        return "", f"{type(problem).__name__}: {problem}"


def _packages() -> str:
    installed = versions()
    missing = [name for name in PACKAGES if name not in installed and not _importable(name)]
    if missing:
        raise ImportError(f"not installed: {', '.join(missing)}; run ./scripts/setup, or pip install them")
    broken = [words for name in PACKAGES if (words := _broken(name))]
    if broken:
        raise ImportError(f"{'; '.join(broken)}: install them anew")
    return ", ".join(f"{name} {version}" for name, version in installed.items())


def _broken(name: str) -> str:
    """Why a package that is installed cannot be imported; empty where it can."""
    try:
        # all of it: many a package notices what it lacks in what it consists of
        importlib.import_module(_INSIDE.get(name, name))
    except Exception as problem:
        return f"{name} cannot be imported ({type(problem).__name__}: {' '.join(str(problem).split())})"
    return ""


def _importable(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _lammps() -> str:
    # alone: a rank whose LAMMPS does not start must not leave the others waiting for it
    comm = mpi().COMM_SELF
    from .md.session import Session

    with Session(comm) as session:
        packages = session.lmp.installed_packages
        lacking = {"MANYBODY"} - set(packages)
        if lacking:
            raise ImportError(f"LAMMPS was built without {', '.join(lacking)}; install a build that has it")
        return f"version {session.lmp.version()}, packages {', '.join(sorted(packages))}"


def _petsc() -> str:
    from .linalg.petsc import version

    return version()


def _torch() -> str:
    with requires("torch", "learning by Algorithm 1, and calibration,"):
        import torch
    return f"{torch.__version__}, {torch.get_num_threads()} threads"


def _one_mpi() -> str:
    """Every libmpi that is mapped into this process must be the same file."""
    library = mpi().Get_library_version().splitlines()[0].strip("\x00 ")
    # imported first: only libraries that are in use show in the process's map
    for name in ("lammps", "petsc4py.PETSc"):
        importlib.import_module(name)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return f"{library} (cannot list loaded libraries on this system)"
    # MPICH's and Open MPI's names
    loaded = sorted(set(re.findall(r"\S*/libmpi(?:ch|_cxx)?\.so\S*", maps.read_text())))
    if len(loaded) > 1:
        raise ImportError(
            f"two MPIs in one process: {' and '.join(loaded)}; install lammps, mpi4py and petsc4py "
            "built against the same one"
        )
    return f"{library}, {loaded[0] if loaded else 'linked statically'}"


def _potentials() -> str:
    mpi()
    from .md.session import potential

    try:
        return ", ".join(str(potential(name)) for name in POTENTIALS)
    except InputError as error:
        raise OSError(str(error)) from error
