"""Reference positions of atoms: unwrapped, and of those that come during a run where they are first seen."""

from typing import TYPE_CHECKING

import numpy as np
from mpi4py import MPI

from ..core.errors import InputError
from . import sources
from .observe.base import Atoms

if TYPE_CHECKING:
    from .session import Session

_KNOWN = "i_mdbridge_known"
"""Per-atom mark of those that have been seen; LAMMPS gives a new atom a 0."""


def begin(session: "Session", references: list[str]) -> None:
    """Take all atoms that there are for known (collective).

    Raises:
        InputError: an array has no room for two or three coordinates.
    """
    for name in references:
        if (width := sources.width(session.lmp, name)) not in (2, 3):
            raise InputError(f"'{name}' holds reference positions: it must have 2 or 3 columns, not {width}")
    if not session.defines(_KNOWN):
        session.quietly(f"fix {_KNOWN.removeprefix('i_')} all property/atom {_KNOWN}")
        know(session.atoms())


def know(atoms: Atoms) -> None:
    """Take these atoms for known: their references are as they should be."""
    atoms.array(_KNOWN)[:] = 1


def carry_over(comm: MPI.Comm, atoms: Atoms, name: str) -> None:
    """Unwrap a reference that was taken from wrapped positions (collective).

    It is known by this, that it is exactly where LAMMPS keeps atoms that have crossed a boundary:
    no displacement is exactly a multiple of the box.
    """
    array, images = atoms.array(name), atoms.images
    width = array.shape[1]
    crossed = images.any(axis=1)
    same = bool((array[crossed] == atoms.x[crossed, :width]).all())
    if comm.allreduce(same, MPI.LAND) and comm.allreduce(bool(crossed.any()), MPI.LOR):
        array[crossed] = atoms.unwrapped()[crossed, :width]


def mark(atoms: Atoms, references: list[str]) -> None:
    """Give atoms that have not been seen before their unwrapped positions as ``references``."""
    known = atoms.array(_KNOWN)
    if known.all():
        return
    new = np.flatnonzero(known == 0)
    place = atoms.unwrapped()[new]
    for name in references:
        array = atoms.array(name)
        array[new] = place[:, : array.shape[1]]
    known[new] = 1
