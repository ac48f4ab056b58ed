"""PETSc's Python module, imported and started here alone."""

from mpi4py import MPI  # noqa: F401 - before petsc4py, which finds libmpi only once this has loaded it

from ..core.requires import requires

with requires("petsc4py", "the solution of boundary-value problems"):
    import petsc4py

    # PETSc's own handlers end the process where Python would raise: at a pipe that nobody reads any more
    petsc4py.init(["-no_signal_handler"])
    from petsc4py import PETSc

__all__ = ["PETSc"]
