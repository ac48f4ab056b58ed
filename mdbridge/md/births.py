"""Reference positions of atoms: unwrapped, and of those that come during a run where they are first seen.

A new atom finds in LAMMPS's per-atom arrays what another has left there.  But it belongs
to no group except ``all``, so a group tells who has been seen before.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.loops import compiled
from . import sources
from .observe.base import Atoms, Observer

if TYPE_CHECKING:
    from .session import Session

GROUP = "mdbridge_known"


@compiled()
def all_in(mask: NDArray[np.int32], bit: int) -> bool:
    """Whether all atoms are in a group; asked at every step, so compiled."""
    for flags in mask:  # noqa: SIM110 - numba has no all()
        if not flags & bit:
            return False
    return True


class Births:
    """Watches for atoms that have not been seen.

    Args:
        session: whose atoms.

    Attributes:
        references: arrays that get the unwrapped position of a new atom.
        watching: whether there is anything to do for them.
    """

    def __init__(self, session: "Session"):
        self._session = session
        self.references: list[str] = []
        self._states: list[str] = []
        self._told: list[Observer] = []
        self.watching = False
        self._numbers = (-1, -1)
        self._bit = 0

    def watch(self, observers: Sequence[Observer]) -> None:
        """Do for these what atoms that come from now on ask for (collective).

        Raises:
            InputError: an array has no room for two or three coordinates.
        """
        lmp = self._session.lmp
        self.references = list(dict.fromkeys(name for o in observers for name in o.references))
        self._states = list(dict.fromkeys(name for o in observers for name in o.states))
        # only those that do something: the others would cost a call for every new atom
        self._told = [o for o in observers if o.welcomes]
        for name in self.references:
            if (width := sources.width(lmp, name)) not in (2, 3):
                raise InputError(
                    f"'{name}' holds reference positions: it must have 2 or 3 columns, not {width}"
                )
        self.watching = bool(self.references or self._states or self._told)
        if not self.watching:
            return
        if GROUP not in lmp.available_ids("group"):
            self._session.quietly(f"group {GROUP} empty")
            self._bit = 1 << lmp.available_ids("group").index(GROUP)
            # who is there now is known
            self._session.atoms().array("mask")[:] |= self._bit
        self._bit = 1 << lmp.available_ids("group").index(GROUP)

    def known(self, count: int) -> bool:
        """Whether atoms are as many, here and on all ranks, as at the last look, and all have been seen."""
        if not self.watching:
            return True
        # as many may have come as have gone
        same = self._numbers == (count, self._session.natoms)
        return same and all_in(self._session.view("mask", count), self._bit)

    def seen(self, count: int) -> tuple[NDArray[np.int32] | None, int]:
        """``(n,)`` groups of this rank's atoms, and the bit of those that have been seen.

        None and 0 where it is no matter.
        """
        return (self._session.view("mask", count), self._bit) if self.watching else (None, 0)

    def mark(self, atoms: Atoms) -> None:
        """Atoms that have not been seen before get their references and states; who wants to know is told.

        Args:
            atoms: right after the forces.
        """
        if not self.watching:
            return
        self._numbers = atoms.count, self._session.natoms
        mask = atoms.array("mask")
        if all_in(mask, self._bit):
            return
        new = np.flatnonzero(mask & self._bit == 0)
        place = atoms.unwrapped()[new]
        for name in self.references:
            array = atoms.array(name)
            array[new] = place[:, : array.shape[1]]
        for name in self._states:
            atoms.array(name)[new] = 0
        for observer in self._told:
            observer.born(atoms, new)
        # last: if an observer raises, the atom is new again the next time
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
            # exactly: a reference that was unwrapped before differs by whole boxes
            same = bool((array[crossed] == atoms.x[crossed, :width]).all())
            if comm.allreduce(same, MPI.LAND) and comm.allreduce(bool(crossed.any()), MPI.LOR):
                array[crossed] = atoms.unwrapped()[crossed, :width]
