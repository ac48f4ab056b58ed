"""PETSc's Python module, imported and started here alone."""

import numpy as np
from mpi4py import MPI  # noqa: F401 - before petsc4py, which finds libmpi only once this has loaded it

from ..core.errors import MissingPackageError
from ..core.requires import requires

with requires("petsc4py", "the solution of boundary-value problems"):
    import petsc4py

    # PETSc's own handlers end the process where Python would raise: at a pipe that nobody reads any more
    petsc4py.init(["-no_signal_handler"])
    from petsc4py import PETSc


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


require_doubles(np.dtype(PETSc.ScalarType).name)

__all__ = ["PETSc", "require_doubles"]
