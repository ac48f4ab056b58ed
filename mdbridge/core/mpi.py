"""MPI, started when it is asked for: what needs no ranks must not fail where there is no MPI."""

from types import ModuleType

from .requires import requires


def mpi() -> ModuleType:
    """The module ``mpi4py.MPI``; MPI itself starts when this is first called.

    Raises:
        MissingPackageError: mpi4py, or the library of an MPI, is not there.
    """
    with requires("mpi4py", "every command but 'doctor'"):
        from mpi4py import MPI
    return MPI
