"""The package's errors: one small tree.

A message names the file, the key or the place, what was found, what is
allowed and what to do about it.  ``exit_code`` is what the command line ends
with: 2 where the user's input is at fault, 1 otherwise.
"""


class MdbridgeError(Exception):
    """Base of every error that mdbridge raises on purpose."""

    exit_code = 1


class InputError(MdbridgeError):
    """The user's input (a TOML file, an override, an option) is not usable."""

    exit_code = 2


class FileError(MdbridgeError):
    """A file cannot be read, written, or is not what it should be."""


class MissingPackageError(MdbridgeError, ImportError):
    """A package that this part of mdbridge needs is not installed, or does not find its libraries."""


class MDError(MdbridgeError):
    """LAMMPS refused a command, or a run of it failed."""


class ObserverError(MDError):
    """An observer failed inside a running simulation.

    Attributes:
        step: the timestep at which it failed.
        rank: the rank on which it failed.
    """

    def __init__(self, message: str, step: int, rank: int):
        super().__init__(message)
        self.step = step
        self.rank = rank


class ConvergenceError(MdbridgeError):
    """An iteration did not reach its tolerance."""


class SolvabilityError(MdbridgeError):
    """A kernel violates a condition under which its problems are solvable."""


class FlowError(MdbridgeError):
    """An STZ run came to a state it cannot leave.

    Attributes:
        frame: the number of the last frame reached.
        gamma: the net strain at which the run stopped.
        cell: (row, column) of the worst cell.
        partial: the result up to ``frame``.
    """

    def __init__(self, message: str, frame: int, gamma: float, cell: tuple[int, int], partial: object):
        super().__init__(message)
        self.frame = frame
        self.gamma = gamma
        self.cell = cell
        self.partial = partial
