"""The atoms of one rank at the end of a step, as LAMMPS's dump of it holds them."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MDError
from . import sources
from .dumps import Snapshot
from .rankatoms import RankAtoms

if TYPE_CHECKING:
    from .session import Session

Array = NDArray[np.float64]

ALWAYS = ("id", "type", "x", "y", "z", "ix", "iy", "iz", "mass")
"""Columns that every observer may rely on."""
UNWRAPPED = ("xu", "yu", "zu")
"""Columns that are written for those who name them in their ``reads``: places carried over the boundaries."""

_VECTORS = {name: tuple(prefix + d for d in "xyz") for name, prefix in (("x", ""), ("v", "v"), ("f", "f"))}
_SYNONYMS = {"molecule": "mol", "image": "ix"}  # LAMMPS's names of arrays are not always those of its dumps


def columns(
    session: "Session", needs: Sequence[str], groups: Sequence[str], always: Sequence[str] = ALWAYS
) -> list[str]:
    """What a dump must hold for observers that need ``needs`` and ``groups``, and ``always`` at first."""
    result = dict.fromkeys(always)
    for source in needs:
        result.update(dict.fromkeys(_columns_of(session, source)))
    result.update(dict.fromkeys(f"v_{group_variable(name)}" for name in groups))
    return list(result)


def _columns_of(session: "Session", source: str) -> Sequence[str]:
    if source in _VECTORS:
        return _VECTORS[source]
    if source in _SYNONYMS:
        return [_SYNONYMS[source]]
    if source.startswith(("d2_", "i2_")) and not source.endswith("]"):
        width = sources.width(session.lmp, source)
        return [f"{source}[{k}]" for k in range(1, width + 1)]
    return [source]


def group_variable(name: str) -> str:
    """The LAMMPS variable that says whether atoms belong to a group."""
    if re.fullmatch(r"\w+", name, re.ASCII):
        return f"mdbridge_group_{name}"
    # groups may have characters that variables may not: a-b and a_b must not become one
    return f"mdbridge_coded_{name.encode().hex()}"


class RecordedAtoms(RankAtoms):
    """An :class:`.observe.base.Atoms` out of a dump; belongs to who has it.

    Args:
        session: whose atoms.
        snapshot: of this rank.
        system: quantities of the whole system, by name.
    """

    def __init__(self, session: "Session", snapshot: Snapshot, system: Mapping[str, float]):
        self._session, self._snapshot, self._system = session, snapshot, system
        places = [(part, k) for part, table in enumerate(snapshot.tables) for k in range(table.shape[1])]
        self._place = dict(zip(snapshot.columns, places, strict=True))  # its table, and where in it
        self._cache: dict[str, NDArray[Any]] = {}
        self.step, self.count, self.time = snapshot.step, snapshot.count, snapshot.time
        self.image_bits = session.image_bits
        self.timestep = float(session.lmp.extract_global("dt"))

    def values(self, source: str) -> Array:
        return np.ascontiguousarray(self._column(source))

    def _column(self, source: str) -> Array:
        part, column = self._placed(source)
        return self._snapshot.tables[part][:, column]

    def _placed(self, source: str) -> tuple[int, int]:
        place = self._place.get(_SYNONYMS.get(source, source))
        if place is None:
            raise MDError(f"'{source}' was not recorded: an observer names all that it reads in its 'needs'")
        return place

    def array(self, name: str) -> NDArray[Any]:
        if name not in self._cache:
            self._cache[name] = self._array(name)
        return self._cache[name]

    def _array(self, name: str) -> NDArray[Any]:
        if name in _VECTORS:
            return self.table(_VECTORS[name])
        if name == "image":
            return self._packed_images()
        if name in ("id", "type"):
            # a dump holds everything as doubles
            return self.values(name).astype(np.int64)
        if name == "rmass":
            return self.values("mass")
        if name.startswith(("d2_", "i2_")):
            width = sum(column.startswith(f"{name}[") for column in self._place)
            return self.table([f"{name}[{k}]" for k in range(1, max(width, 1) + 1)])
        return self.values(name)

    def table(self, names: Sequence[str]) -> Array:
        places = [self._placed(name) for name in names]
        # columns that lie side by side are there already: each copy would read all of the dump again
        if places and places == [(places[0][0], places[0][1] + k) for k in range(len(names))]:
            return self._snapshot.tables[places[0][0]][:, places[0][1] : places[0][1] + len(names)]
        return np.stack([self._column(name) for name in names], axis=1)

    def tables(self, names: Sequence[str]) -> tuple[Sequence[Array], Mapping[str, tuple[int, int]]]:
        # all of the dump as it lies: taking columns out would read it once for each
        for name in names:
            self._placed(name)
        return self._snapshot.tables, self._place

    def _packed_images(self) -> NDArray[Any]:
        bits = self.image_bits
        a, b, c = (self.images + (1 << (bits - 1))).T
        # packed again: observers of live atoms find the same
        return (a | b << bits | c << 2 * bits).astype(np.int32 if bits == 10 else np.int64)

    @property
    def v(self) -> Array:
        return self.array("v")

    @property
    def images(self) -> NDArray[np.int64]:
        return self.table(("ix", "iy", "iz")).astype(np.int64)

    def masses(self) -> Array:
        return self.values("mass")

    def group(self, name: str) -> NDArray[np.bool_]:
        if name == "all":
            return np.ones(self.count, dtype=bool)
        column = f"v_{group_variable(name)}"
        if column not in self._place:
            raise MDError(f"group '{name}' was not recorded: an observer names it in its 'groups'")
        return self.values(column) != 0.0

    def thermo(self, name: str) -> float:
        if name not in self._system:
            raise MDError(f"'{name}' was not recorded: an observer names what it reads in its 'thermo'")
        return self._system[name]

    def box(self) -> Array:
        return self._snapshot.box

    def corner(self) -> Array:
        return self._snapshot.corner

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        return self._snapshot.periodic
