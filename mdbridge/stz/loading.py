"""Programs of loading: legs of shear, each in one direction at one rate.

The time of the solver is the length of the path, ∫|dγ|: it grows through reversals, and with it
every rate stays one per unit of strain, whatever the sign of the shear.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .frame import Frame

Tensor = NDArray[np.float64]

SHORTEST = 1e-6
"""Shortest leg, in strain: less than that is a slip of the pen, and near what steps can resolve."""


@dataclass(frozen=True)
class Leg:
    """Shear from one net strain to another.

    Attributes:
        start, end: net strain γ.
        path: length of the path before it.
        rate: λ = |dγ/dt| in 1/s.
    """

    start: float
    end: float
    path: float
    rate: float

    @property
    def direction(self) -> float:
        """1 where γ grows, -1 where it falls."""
        return math.copysign(1.0, self.end - self.start)

    @property
    def length(self) -> float:
        """In strain."""
        return abs(self.end - self.start)

    def strain(self, path: float) -> float:
        """Net strain γ where the path is so long."""
        return self.start + self.direction * (path - self.path)


class Driven:
    """A frame moved along a leg: a :class:`~mdbridge.stz.frame.Frame` of the path's length."""

    def __init__(self, frame: Frame, leg: Leg):
        self.name = frame.name
        self._frame, self._leg = frame, leg

    def matrix(self, gamma: float) -> Tensor:
        """T where the path is ``gamma`` long."""
        return self._frame.matrix(self._leg.strain(gamma))

    def velocity_gradient(self, gamma: float) -> Tensor:
        """Ṫ T⁻¹ per unit of path."""
        return self._leg.direction * self._frame.velocity_gradient(self._leg.strain(gamma))


def legs(strains: Sequence[float], rates: Sequence[float]) -> tuple[Leg, ...]:
    """The legs from γ = 0 to each of ``strains`` in turn.

    Args:
        strains: net strains at which direction or rate change, and the last one.
        rates: of each leg in 1/s.

    Raises:
        InputError: none, another number of rates, a strain that is not finite, or no leg at all between two.
    """
    if not strains:
        raise InputError("loading: strains = []: must have at least one shear strain")
    if len(rates) != len(strains):
        raise InputError(
            f"loading: rates_per_s has {len(rates)} values, strains has {len(strains)}: "
            "must be one rate for each strain"
        )
    made: list[Leg] = []
    path, start = 0.0, 0.0
    for number, (end, rate) in enumerate(zip(strains, rates, strict=True)):
        if not math.isfinite(end):
            raise InputError(f"loading: strains[{number}] = {end}: must be finite")
        if not abs(end - start) >= SHORTEST:
            raise InputError(
                f"loading: strains[{number}] = {end}: must differ from {start:g}, where that leg begins, "
                f"by at least {SHORTEST:g}"
            )
        made.append(Leg(start, end, path, rate))
        path, start = path + made[-1].length, end
    return tuple(made)
