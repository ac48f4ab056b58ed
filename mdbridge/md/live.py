"""The atoms of one rank in LAMMPS's memory, as it is while the call lasts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MDError
from . import sources
from .rankatoms import RankAtoms
from .recorded import UNWRAPPED

if TYPE_CHECKING:
    from .session import Session

Array = NDArray[np.float64]

_IMAGES = ("ix", "iy", "iz")


class LiveAtoms(RankAtoms):
    """An :class:`.observe.base.Atoms` of views into LAMMPS's memory.

    Args:
        session: whose atoms.
        step: the timestep.
        count: number of atoms of this rank.
        mid_step: LAMMPS is in the middle of the step, right after the forces.

    Attributes:
        tallied: it has been told to tally energies and stresses, which are handed out then.
    """

    tallied = False

    def __init__(self, session: "Session", step: int, count: int, mid_step: bool = False):
        self._session, self._mid_step = session, mid_step
        self.step = step
        self.count = count
        self.image_bits = session.image_bits

    def array(self, name: str) -> NDArray[Any]:
        return self._session.view(name, self.count)

    def arrays(self, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
        return self._session.views(names, self.count)

    @property
    def v(self) -> Array:
        self._require_end("velocities")
        return self.array("v")

    @property
    def images(self) -> NDArray[np.int64]:
        bits = self.image_bits
        half, mask = 1 << (bits - 1), (1 << bits) - 1
        packed = self.array("image").astype(np.int64)
        # LAMMPS keeps the third direction in what bits are left
        return np.stack([packed & mask, packed >> bits & mask, packed >> 2 * bits], axis=1) - half

    def masses(self) -> Array:
        if self._session.defines("rmass"):  # LAMMPS itself gives it precedence
            return self.array("rmass")
        per_type = self._session.lmp.numpy.extract_atom("mass")
        masses = np.zeros(self.count) if per_type is None else per_type.reshape(-1)[self.types]
        # LAMMPS itself asks for them only when a run is set up, and has zeros until then
        if not (masses > 0).all():
            raise MDError("the simulation has no masses yet: give them by 'mass' or 'set group all mass'")
        return masses

    def group(self, name: str) -> NDArray[np.bool_]:
        groups = self._session.lmp.available_ids("group")
        if name not in groups:
            known = ", ".join(filter(None, groups))
            raise MDError(f"the simulation has no group '{name}'; it has {known}")
        return self.array("mask") & (1 << groups.index(name)) != 0

    def values(self, source: str) -> Array:
        given = ("c_", "v_") if self.tallied else ()
        if (source[:2] in ("c_", "f_", "v_") and source[:2] not in given) or source in ("vx", "vy", "vz"):
            self._require_end(f"'{source}'")
        return sources.values(self._session.lmp, source, self.count)

    def table(self, names: Sequence[str]) -> Array:
        return np.stack([self.values(name) for name in names], axis=1)

    def tables(self, names: Sequence[str]) -> tuple[Sequence[Array], Mapping[str, tuple[int, int]]]:
        table = np.empty((self.count, len(names)))
        for k, name in enumerate(names):
            table[:, k] = self._column(name)
        return [table], {name: (0, k) for k, name in enumerate(names)}

    def _column(self, name: str) -> NDArray[Any]:
        # in LAMMPS's memory masses may be by type, and the three image flags are one number
        if name == "mass":
            return self.masses()
        if name in UNWRAPPED:
            return self.unwrapped()[:, UNWRAPPED.index(name)]
        return self.images[:, _IMAGES.index(name)] if name in _IMAGES else self.values(name)

    def thermo(self, name: str) -> float:
        self._require_end(f"'{name}'")
        return sources.thermo(self._session.lmp, name)

    def _require_end(self, what: str) -> None:
        if self._mid_step:
            raise MDError(
                f"{what} of this step are not known yet, right after the forces (velocities are half a step "
                "behind, and LAMMPS would keep what it computes now for its own output): look at the end of "
                'the step, moment = "end"'
            )

    def box(self) -> Array:
        return self._session.box()

    def corner(self) -> Array:
        return self._session.corner()

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        a, b, c = self._session.lmp.extract_box()[5]
        return bool(a), bool(b), bool(c)

    @property
    def timestep(self) -> float:
        return float(self._session.lmp.extract_global("dt"))

    @property
    def time(self) -> float:
        read = self._session.lmp.extract_global
        return float(read("atime")) + (self.step - int(read("atimestep"))) * self.timestep
