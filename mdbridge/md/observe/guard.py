"""Stops a run on numbers that are no numbers, and on lost atoms."""

from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI

from ...core.errors import MDError
from .base import Atoms, Moment, Observer

if TYPE_CHECKING:
    from ..session import Session


class LossGuard(Observer):
    """Compares the atoms that there are with LAMMPS's own number of them; attach it to every step.

    Atoms that are deposited or evaporated change that number; lost ones do not.

    Args:
        may_lose: the script lets atoms go ('thermo_modify lost ignore'): only numbers are checked.
    """

    moment: Moment = "forces"

    def __init__(self, may_lose: bool = False):
        self._count = not may_lose
        self._mine = np.zeros(1, dtype=np.int64)
        self._all = np.zeros(1, dtype=np.int64)
        self._expected = 0
        self._step = 0

    def prepare(self, session: "Session") -> None:
        """Remember where LAMMPS keeps the number."""
        self._lmp: Any = session.lmp

    def local(self, atoms: Atoms) -> None:
        # the sum of finite numbers may overflow, but no sum is finite with a NaN in it
        if not np.isfinite(atoms.array("f").sum()) or not np.isfinite(atoms.array("x").sum()):
            raise MDError(
                "a force or a position is not a finite number: the simulation is unstable; "
                "shorten the time step, or check for overlapping atoms"
            )
        self._mine[0], self._step = atoms.count, atoms.step
        self._expected = int(self._lmp.get_natoms())

    def collective(self, comm: MPI.Comm) -> None:
        if not self._count:
            return
        comm.Allreduce(self._mine, self._all)
        # more than expected is no loss: LAMMPS counts anew at its next output
        lost = self._expected - int(self._all[0])
        if lost > 0:
            raise MDError(
                f"{lost} of {self._expected} atoms lost at step {self._step}: the simulation is unstable, or "
                "the boundaries let them go; shorten the time step, or check the start"
            )
