"""What the atoms of one rank are asked for in the same words, in LAMMPS's memory or out of a dump."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import sources

if TYPE_CHECKING:
    from .session import Session

Array = NDArray[np.float64]


class RankAtoms(ABC):
    """The part of an :class:`.observe.base.Atoms` that follows from its arrays, its images and its box."""

    _session: "Session"

    @abstractmethod
    def array(self, name: str) -> NDArray[Any]:
        """See :meth:`.observe.base.Atoms.array`."""

    def arrays(self, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
        """See :meth:`.observe.base.Atoms.arrays`."""
        return tuple(self.array(name) for name in names)

    @property
    @abstractmethod
    def images(self) -> NDArray[np.int64]:
        """See :attr:`.observe.base.Atoms.images`."""

    @abstractmethod
    def box(self) -> Array:
        """See :meth:`.observe.base.Atoms.box`."""

    @property
    def ids(self) -> NDArray[Any]:
        """See :attr:`.observe.base.Atoms.ids`.

        Raises:
            InputError: the atoms have none.
        """
        ids = self.array("id")
        sources.require_ids(ids)
        return ids

    @property
    def types(self) -> NDArray[Any]:
        """See :attr:`.observe.base.Atoms.types`."""
        return self.array("type")

    @property
    def x(self) -> Array:
        """See :attr:`.observe.base.Atoms.x`."""
        return self.array("x")

    @property
    def f(self) -> Array:
        """See :attr:`.observe.base.Atoms.f`."""
        return self.array("f")

    def unwrapped(self) -> Array:
        """See :meth:`.observe.base.Atoms.unwrapped`."""
        # images count edges of the box of this very moment, flips and all
        return self.x + self.images @ self.box()

    @property
    def dimension(self) -> int:
        """See :attr:`.observe.base.Atoms.dimension`."""
        return int(self._session.lmp.extract_setting("dimension"))

    @property
    def degrees_of_freedom(self) -> int:
        """See :attr:`.observe.base.Atoms.degrees_of_freedom`."""
        return self.dimension

    @property
    def units(self) -> str:
        """See :attr:`.observe.base.Atoms.units`."""
        return str(self._session.lmp.extract_global("units"))
