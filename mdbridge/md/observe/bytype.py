"""Mean energies and fractions of the atoms of each type, of the whole system."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI

from .base import Atoms, Moment, Observer
from .channels import ENERGY

if TYPE_CHECKING:
    from ..session import Session


class TypeMeans(Observer):
    """Averages the potential energy of the atoms of each type, over the steps of a frame.

    Args:
        framed: whether a frame ends on a step.
        keep: called on rank 0 with each frame: ``step``, and as ``means`` ``type_energy`` and
            ``type_fraction``, ``(types,)`` each; the energy of a type without atoms is 0.
    """

    moment: Moment = "end"
    needs = (ENERGY,)

    def __init__(self, framed: Callable[[int], bool], keep: Callable[[dict[str, Any]], None]):
        self.framed, self.keep = framed, keep
        self._sums = np.zeros((0, 2))
        self._step = 0

    def prepare(self, session: "Session") -> None:
        """Define the energies, and begin anew."""
        # the fields of the same run may have defined them
        if not session.defines(ENERGY):
            session.commands(f"compute {ENERGY.removeprefix('c_')} all pe/atom")
        self._sums = np.zeros((int(session.lmp.extract_setting("ntypes")), 2))

    def local(self, atoms: Atoms) -> None:
        self._step = atoms.step
        kind, types = atoms.types - 1, len(self._sums)
        # sums and numbers: a rank's own mean would not add up with those of the others
        self._sums[:, 0] += np.bincount(kind, minlength=types)
        self._sums[:, 1] += np.bincount(kind, atoms.values(ENERGY), minlength=types)

    def collective(self, comm: MPI.Comm) -> None:
        # steps alone decide: all ranks come here or none
        if not self.framed(self._step):
            return
        whole = np.empty_like(self._sums) if comm.rank == 0 else None
        comm.Reduce(self._sums, whole)
        self._sums[:] = 0.0
        if whole is not None:
            number, energy = whole.T
            # a type may have no atoms: its sum is 0 as well
            means = {"type_energy": energy / np.maximum(number, 1.0), "type_fraction": number / number.sum()}
            self.keep({"step": self._step, "means": means})
