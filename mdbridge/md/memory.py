"""Per-atom arrays of LAMMPS as numpy views into its memory."""

import ctypes
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MDError
from .engine import lammps
from .steady import Places

# LAMMPS's code of a per-atom type -> numpy's, and whether it is a table of rows
_DTYPES: dict[int, tuple[np.dtype[Any], bool]] = {
    lammps.LAMMPS_INT: (np.dtype(np.int32), False),
    lammps.LAMMPS_INT_2D: (np.dtype(np.int32), True),
    lammps.LAMMPS_DOUBLE: (np.dtype(np.float64), False),
    lammps.LAMMPS_DOUBLE_2D: (np.dtype(np.float64), True),
    lammps.LAMMPS_INT64: (np.dtype(np.int64), False),
    lammps.LAMMPS_INT64_2D: (np.dtype(np.int64), True),
}


_BOX = {"boxlo": 3, "boxhi": 3, "xy": 1, "yz": 1, "xz": 1}
"""LAMMPS's numbers of its box."""


class _BoxMemory:
    """The box where LAMMPS has it, asked for at every step: made anew only where something has changed."""

    def __init__(self, places: dict[str, int]):
        start = min(places.values())
        # members of one object of LAMMPS: what lies between them is read with them, and costs nothing
        length = max(places[name] + 8 * count for name, count in _BOX.items()) - start
        if length > 65536:
            raise MDError("this LAMMPS does not keep the numbers of its box together")
        self._memory = (ctypes.c_char * length).from_address(start)
        self._offsets = [places[name] - start + 8 * k for name, count in _BOX.items() for k in range(count)]
        self._seen = b""
        self._box = np.zeros(3), np.zeros((3, 3))

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        raw = self._memory.raw
        if raw != self._seen:
            self._seen = raw
            x, y, z, right, back, top, xy, yz, xz = (
                struct.unpack_from("=d", raw, offset)[0] for offset in self._offsets
            )
            edges = np.array([[right - x, 0.0, 0.0], [xy, back - y, 0.0], [xz, yz, top - z]])
            self._box = np.array([x, y, z]), edges
            # who keeps one keeps the box of that step: the next is another array
            for part in self._box:
                part.flags.writeable = False
        return self._box


@dataclass
class _Kind:
    """A per-atom array of LAMMPS and the view of it that was made last."""

    name: bytes
    dtype: np.dtype[Any]
    table: bool
    columns: int
    address: int | None
    rows: int
    view: NDArray[Any]
    age: int = -1


class Memory:
    """The arrays of one instance; views are made anew only where LAMMPS has moved them."""

    def __init__(self, lmp: lammps.lammps):
        self._lmp = lmp
        self._kinds: dict[str, _Kind] = {}
        self._together: dict[tuple[str, ...], tuple[int, int, tuple[NDArray[Any], ...]]] = {}
        # the plain function, without the type detection of the wrapper's method
        self._handle = lmp.lmp
        self._extract_atom = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
            ("lammps_extract_atom", lmp.lib)
        )

        self._has_id = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)(
            ("lammps_has_id", lmp.lib)
        )
        self._extract_global = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
            ("lammps_extract_global", lmp.lib)
        )
        self._box_memory: _BoxMemory | None = None
        self._natoms: Any = None
        self._extract_setting = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
            ("lammps_extract_setting", lmp.lib)
        )
        self._room = -1
        self._age = 0
        self._inside = False

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(3,)`` corner and ``(3, 3)`` edge vectors, one a row, of the box as it is now."""
        if self._box_memory is None:
            self._box_memory = _BoxMemory({name: self._address(name) for name in _BOX})
        return self._box_memory.read()

    def _address(self, name: str) -> int:
        address = self._extract_global(self._handle, name.encode())
        if address is None:
            raise MDError(f"this LAMMPS does not tell '{name}' of its box")
        return int(address)

    def natoms(self) -> int:
        """LAMMPS's number of atoms on all ranks."""
        if self._natoms is None:
            kind = ctypes.c_int64 if self._extract_setting(self._handle, b"bigint") == 8 else ctypes.c_int32
            self._natoms = kind.from_address(self._address("natoms"))
        return int(self._natoms.value)

    def places(self) -> Places | None:
        """Where LAMMPS keeps what is looked at in each step; None where its numbers have other sizes."""
        nmax = self._extract_global(self._handle, b"nmax")
        if nmax is None or self._extract_setting(self._handle, b"bigint") != 8:
            return None
        low, high, xy, xz, yz = (self._address(name) for name in ("boxlo", "boxhi", "xy", "xz", "yz"))
        return Places(self._address("natoms"), int(nmax), low, high, xy, xz, yz)

    def has_fix(self, name: bytes) -> bool:
        """Whether there is a fix of this ID."""
        return bool(self._has_id(self._handle, b"fix", name))

    def forget(self) -> None:
        """After a command: an array may be defined anew under the same name."""
        self._kinds.clear()
        self._together.clear()
        self._box_memory = self._natoms = None

    def enter(self) -> None:
        """LAMMPS calls in the middle of a run: arrays lie where they lay, but for new room."""
        self._inside = True
        room = self._extract_setting(self._handle, b"nmax")
        # it grows all of them together
        if room != self._room:
            self._room = room
            self._age += 1

    def leave(self) -> None:
        """From now on anything may lie elsewhere when it is looked at again."""
        self._inside = False

    def view(self, name: str, count: int) -> NDArray[Any]:
        """The first ``count`` rows of a per-atom array, as a view into LAMMPS's memory.

        LAMMPS moves an array only when it grows, so the view made last time serves
        while its address is the same: this is called at every step.
        """
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = self._kind(name)
        elif self._inside and kind.age == self._age and count <= kind.rows:
            return kind.view[:count]
        kind.age = self._age
        address = self._extract_atom(self._handle, kind.name)
        if kind.table:
            address = ctypes.c_void_p.from_address(address).value if count else None
        if address != kind.address or count > kind.rows:
            self._remap(kind, address, count)
        return kind.view[:count]

    def views(self, names: tuple[str, ...], count: int) -> tuple[NDArray[Any], ...]:
        """Several of :meth:`view`, which at most steps are those of the step before."""
        age, rows, arrays = self._together.get(names, (-1, 0, ()))
        if not self._inside or age != self._age or rows != count:
            arrays = tuple([self.view(name, count) for name in names])
            self._together[names] = self._age if self._inside else -1, count, arrays
        return arrays

    def _kind(self, name: str) -> "_Kind":
        code = self._lmp.extract_atom_datatype(name)
        if code not in _DTYPES or not self._extract_atom(self._handle, name.encode()):
            raise MDError(f"the simulation defines no per-atom array '{name}'")
        dtype, table = _DTYPES[code]
        # for a vector LAMMPS gives its length as the number of columns
        columns = self._lmp.extract_atom_size(name, lammps.LMP_SIZE_COLS) if table else 1
        empty = np.empty((0, columns) if table else 0, dtype)
        return _Kind(name.encode(), dtype, table, columns, None, 0, empty)

    def _remap(self, kind: "_Kind", address: int | None, rows: int) -> None:
        kind.address, kind.rows = address, rows
        size = rows * kind.columns
        if not size:
            kind.view = kind.view[:0]
            return
        if address is None:
            raise MDError(f"the array '{kind.name.decode()}' is gone from LAMMPS's memory")
        raw = (ctypes.c_char * (size * kind.dtype.itemsize)).from_address(address)
        flat: NDArray[Any] = np.frombuffer(memoryview(raw), dtype=kind.dtype)
        kind.view = flat.reshape(rows, kind.columns) if kind.table else flat
