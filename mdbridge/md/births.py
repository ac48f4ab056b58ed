"""Reference positions of atoms: unwrapped, and of those that come during a run where they are first seen.

A new atom finds in LAMMPS's per-atom arrays what another has left there.  But it belongs
to no group except ``all``, so a group tells who has been seen before.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from mpi4py import MPI

from ..core.errors import InputError
from . import sources
from .observe.base import Atoms

if TYPE_CHECKING:
    from .session import Session

GROUP = "mdbridge_known"


class Births:
    """Watches for atoms that have not been seen.

    Args:
        session: whose atoms.

    Attributes:
        references: arrays that get the unwrapped position of a new atom.
        states: arrays that get zeros.
    """

    def __init__(self, session: "Session"):
        self._session = session
        self.references: list[str] = []
        self.states: list[str] = []
        self._bit = 0

    def watch(self, references: Sequence[str], states: Sequence[str]) -> None:
        """Keep these arrays right for atoms that come from now on (collective).

        Raises:
            InputError: an array has no room for two or three coordinates.
        """
        lmp = self._session.lmp
        for name in references:
            if (width := sources.width(lmp, name)) not in (2, 3):
                raise InputError(
                    f"'{name}' holds reference positions: it must have 2 or 3 columns, not {width}"
                )
        self.references, self.states = list(references), list(states)
        if not references and not states:
            return
        if GROUP not in lmp.available_ids("group"):
            self._session.quietly(f"group {GROUP} empty")
            self._bit = 1 << lmp.available_ids("group").index(GROUP)
            self._session.atoms().array("mask")[:] |= self._bit
        self._bit = 1 << lmp.available_ids("group").index(GROUP)

    @property
    def watching(self) -> bool:
        """Whether there is anything to keep right."""
        return bool(self.references or self.states)

    def mark(self, atoms: Atoms) -> None:
        """Give atoms that have not been seen before their references and states."""
        mask = atoms.array("mask")
        known = mask & self._bit
        if known.all():
            return
        new = np.flatnonzero(known == 0)
        place = atoms.unwrapped()[new]
        for name in self.references:
            array = atoms.array(name)
            array[new] = place[:, : array.shape[1]]
        for name in self.states:
            atoms.array(name)[new] = 0
        mask[new] |= self._bit

    def carry_over(self) -> None:
        """Unwrap references that were taken from wrapped positions (collective).

        They are known by this, that they are exactly where LAMMPS keeps atoms that have crossed a
        boundary: no displacement is exactly a multiple of the box.
        """
        atoms, comm = self._session.atoms(), self._session.comm
        crossed = atoms.images.any(axis=1)
        for name in self.references:
            array = atoms.array(name)
            width = array.shape[1]
            same = bool((array[crossed] == atoms.x[crossed, :width]).all())
            if comm.allreduce(same, MPI.LAND) and comm.allreduce(bool(crossed.any()), MPI.LOR):
                array[crossed] = atoms.unwrapped()[crossed, :width]
