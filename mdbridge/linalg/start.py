"""PETSc's Python module, imported and started here alone; all ranks of the program must (collective)."""

import atexit
from typing import cast

import numpy as np
from mpi4py import MPI  # before petsc4py, which finds libmpi only once this has loaded it

from ..core.errors import MissingPackageError
from ..core.requires import requires

with requires("petsc4py", "the solution of boundary-value problems"):
    import petsc4py

    # PETSc's own handlers end the process where Python would raise: at a pipe that nobody reads any more
    petsc4py.init(["-no_signal_handler"])
    from petsc4py import PETSc

# petsc4py cleans up after Python's garbage collector when the program ends, together with all ranks: one on
# which something outlived its solver waits there for the others, which have nothing left, for ever.  What
# mdbridge makes it destroys itself
atexit.unregister(PETSc._pre_finalize)

_HELD = MPI.Comm.Create_keyval()


def require_doubles(scalars: str) -> None:
    """Refuse a PETSc of other numbers than real doubles: they would be cut, or not solve what is asked.

    Raises:
        MissingPackageError: says what it was built with.
    """
    if scalars != "float64":
        raise MissingPackageError(
            f"petsc4py: this PETSc was built with {scalars} scalars, and mdbridge needs float64: install or "
            "load a build with real numbers in double precision",
            name="petsc4py",
        )


def ranks(comm: MPI.Comm) -> PETSc.Comm:
    """The same ranks for PETSc's objects (collective the first time).

    PETSc keeps a communicator of its own inside of the one that it is given, for as long as this rank has
    an object there, and makes it anew, collectively, for the next one.  Whether the last object is gone
    depends on Python's garbage collector, rank by rank: so one is held for good.
    """
    held = comm.Get_attr(_HELD)
    if held is None:
        held = PETSc.Comm(comm.Dup()).duplicate()
        comm.Set_attr(_HELD, held)
    return cast(PETSc.Comm, held)


require_doubles(np.dtype(PETSc.ScalarType).name)

__all__ = ["PETSc", "ranks", "require_doubles"]
