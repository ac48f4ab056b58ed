"""Steps at which time filters act and nothing else, without Python.

Python costs some 50 µs a step, most of it because LAMMPS has taken the processor's cache meanwhile; in a
small system that is more than the filters themselves.  So LAMMPS calls compiled code.  Where it has been told
that the coming steps hold nothing but filters (:meth:`Steady.arm`), and finds atoms and arrays as they were
then, it does the step; else it calls Python, which does whatever there is to do.
"""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..coarse.timefilter import smooth_displacement
from ..core.loops import call_at, called_back, carray, compiled, pointer, types
from .births import all_in

_MOST = 8  # filters; a run has one, or two

_STATE = np.dtype(
    [
        ("python", np.int64),  # address of the function that does all other steps
        ("until", np.int64),  # the first step that is not to be done here
        ("at", np.int64),  # the last step that was done, here or there
        ("count", np.int64),  # of atoms of this rank
        ("natoms", np.int64),  # of all ranks
        ("nmax", np.int64),  # the room of LAMMPS's arrays, which may move when it grows
        ("natoms_at", np.int64),  # where LAMMPS has these two, and its box
        ("nmax_at", np.int64),
        ("low", np.int64),
        ("high", np.int64),
        ("xy", np.int64),
        ("xz", np.int64),
        ("yz", np.int64),
        ("box", np.int64),  # (3, 3) of ours, to be filled
        ("image", np.int64),
        ("bits", np.int64),
        ("mask", np.int64),
        ("seen", np.int64),
        ("filters", np.int64),
        ("filter_count", np.int64),
    ],
    align=True,
)
_FILTER = np.dtype(
    [("smoothed", np.int64), ("reference", np.int64), ("columns", np.int64), ("weight", np.float64)],
    align=True,
)


@dataclass(frozen=True)
class Filter:
    """One time filter at one moment: where its arrays are.

    Attributes:
        smoothed: ``(n, d)`` its state.
        reference: ``(n, d)`` unwrapped reference positions.
        weight: ι of the equation.
    """

    smoothed: NDArray[np.float64]
    reference: NDArray[np.float64]
    weight: float


@dataclass(frozen=True)
class Present:
    """The atoms at one moment.

    Attributes:
        total: number of those of all ranks.
        image: ``(n,)`` image flags of this rank's.
        mask: ``(n,)`` their groups; None where it is no matter whether they have been seen.
        seen: the bit of those that have been.
    """

    total: int
    image: NDArray[np.integer[Any]]
    mask: NDArray[np.int32] | None = None
    seen: int = 0


@dataclass(frozen=True)
class Places:
    """Where LAMMPS keeps what is looked at in each step: addresses.

    Attributes:
        natoms: the number of atoms of all ranks, 8 bytes.
        nmax: the room of its arrays, 4 bytes.
        low, high: corners of the box.
        xy, xz, yz: its tilts.
    """

    natoms: int
    nmax: int
    low: int
    high: int
    xy: int
    xz: int
    yz: int


@compiled(inline="always")
def _number(address: Any) -> Any:
    return carray(pointer(address), 1, dtype=np.float64)[0]


def _step(state: Any, step: Any, count: Any, tag: Any, x: Any, forces: Any) -> None:
    """LAMMPS has computed the forces of a step."""
    now = carray(state, 1, dtype=_STATE)[0]
    done = (
        step < now.until
        and step - 1 == now.at
        and count == now.count
        and carray(pointer(now.natoms_at), 1, dtype=np.int64)[0] == now.natoms
        and carray(pointer(now.nmax_at), 1, dtype=np.int32)[0] == now.nmax
    )
    if done and now.seen and count:
        done = all_in(carray(pointer(now.mask), count, dtype=np.int32), now.seen)
    if not done:
        call_at(now.python, state, step, count, tag, x, forces)
        return
    now.at = step
    if count == 0:
        return
    low = carray(pointer(now.low), 3, dtype=np.float64)
    high = carray(pointer(now.high), 3, dtype=np.float64)
    box = carray(pointer(now.box), (3, 3), dtype=np.float64)
    for axis in range(3):
        box[axis, axis] = high[axis] - low[axis]
    box[1, 0], box[2, 0], box[2, 1] = _number(now.xy), _number(now.xz), _number(now.yz)
    # rows are one after the other; LAMMPS gives the pointers to them
    rows = carray(x, 1, dtype=np.int64)[0]
    places = carray(pointer(rows), (count, 3), dtype=np.float64)
    filters = carray(pointer(now.filters), now.filter_count, dtype=_FILTER)
    for k in range(now.filter_count):
        shape = (count, filters[k].columns)
        smoothed = carray(pointer(filters[k].smoothed), shape, dtype=np.float64)
        reference = carray(pointer(filters[k].reference), shape, dtype=np.float64)
        if now.bits == 10:
            image = carray(pointer(now.image), count, dtype=np.int32)
            smooth_displacement(smoothed, places, image, reference, box, now.bits, filters[k].weight)
        else:
            wide = carray(pointer(now.image), count, dtype=np.int64)
            smooth_displacement(smoothed, places, wide, reference, box, now.bits, filters[k].weight)


@functools.cache
def _compiled() -> int | None:
    """Address of the compiled function; none where numba cannot or may not compile it."""
    anything = types.voidptr
    return called_back(types.void(anything, types.int64, types.int32, *3 * (anything,)), _step)


class Steady:
    """The compiled steps of one session.

    Args:
        python: address of the function that LAMMPS would call without it, with the same arguments.
        places: where LAMMPS keeps its numbers.
        bits: per direction of a packed image flag.

    Attributes:
        function: address of what LAMMPS is to call; None where it cannot be compiled.
        argument: what it is to be called with.
    """

    def __init__(self, python: int, places: Places, bits: int):
        self.function = _compiled()
        self._state = np.zeros(1, dtype=_STATE)
        self._filters = np.zeros(_MOST, dtype=_FILTER)
        self._box = np.zeros((3, 3))
        self.argument = self._state.ctypes.data
        self._nmax = ctypes.c_int32.from_address(places.nmax)
        now = self._now = self._state[0]
        now["python"], now["bits"], now["until"] = python, bits, -1
        now["natoms_at"], now["nmax_at"] = places.natoms, places.nmax
        now["low"], now["high"] = places.low, places.high
        now["xy"], now["xz"], now["yz"] = places.xy, places.xz, places.yz
        now["box"], now["filters"] = self._box.ctypes.data, self._filters.ctypes.data

    def arm(self, at: int, until: int, atoms: Present, filters: Sequence[Filter]) -> None:
        """Let compiled code do the steps after ``at`` and before ``until``, as long as nothing moves.

        Args:
            at: the present step, which has been done.
            until: the first step at which there is more to do.
            atoms: as they are.
            filters: their arrays, in the order of the atoms.
        """
        if len(filters) > _MOST:
            return
        for here, of in zip(self._filters, filters, strict=False):
            here["smoothed"], here["reference"] = _address(of.smoothed), _address(of.reference)
            here["columns"], here["weight"] = of.smoothed.shape[1], of.weight
        now = self._now
        now["filter_count"], now["count"], now["natoms"] = len(filters), len(atoms.image), atoms.total
        now["image"], now["nmax"], now["seen"] = _address(atoms.image), self._nmax.value, atoms.seen
        now["mask"] = 0 if atoms.mask is None else _address(atoms.mask)
        now["at"], now["until"] = at, until

    def disarm(self) -> int:
        """From now on Python does all steps; returns the last one that compiled code did or was told of."""
        self._now["until"] = -1
        return int(self._now["at"])


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
