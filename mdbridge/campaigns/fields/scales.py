"""Scales of fields in figures: colours, limits, and what of a field is nothing but round-off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core import plots
from .stored import ROUND_OFF, Stored

Array = NDArray[np.float64]

_SIGNED = (
    "displacement",
    "affine_displacement",
    "velocity",
    "box_velocity",
    "stress",
    "strain",
    "heat_flux",
    "deformation_gradient",
)
_FAR = 5.0
"""A few values that are so many times as far off as all others do not count for a scale."""
_BROKEN = 1e5
"""More than a few do not either if they are so far off: a fit to too few neighbours, say."""
_BULK = 10.0
"""How far a scale then goes, in what three quarters of the values keep within."""


@dataclass(frozen=True)
class Scale:
    """What the colours of a component mean, in all frames of a figure.

    Attributes:
        low, high: ends of the colours.
        colours: name of the colour map.
        beyond: at which ends values go on: "neither", "min", "max" or "both".
    """

    low: float
    high: float
    colours: str
    beyond: str = "neither"

    @property
    def power(self) -> int:
        """The power of ten that numbers on it are told in; none of those that are read easily without."""
        power = int(np.floor(np.log10(max(abs(self.low), abs(self.high)) or 1.0)))
        return 0 if -3 <= power < 4 else power


def size(stored: Stored, name: str, values: Array) -> float:
    """What the round-off of a field is small against, from ``values`` of all its components."""
    # these are differences of what is about 1, or about as large as the box
    if name in ("strain", "deformation_gradient"):
        return 1.0
    if name in ("displacement", "affine_displacement"):
        return float(np.abs(stored.cell(0)[0]).max())
    columns = values.reshape(-1, max(1, len(stored.components(name))))
    # not the largest: single nodes may be anything
    typical = [float(np.median(np.abs(c[np.isfinite(c)]))) for c in columns.T if np.isfinite(c).any()]
    return max(typical, default=0.0)


def settled(value: float, against: float) -> float:
    """A number as it is shown: zero where it is round-off against ``against``."""
    return 0.0 if abs(value) <= ROUND_OFF * against else float(value)


def constant(values: Array, against: float) -> float | None:
    """The value that a component has everywhere, up to round-off; none if it varies or is known nowhere."""
    known = values[np.isfinite(values)]
    if not known.size or np.ptp(known) > ROUND_OFF * max(against, float(np.abs(known).max())):
        return None
    return settled(float(np.median(known)), against)


def scale(name: str, part: str, values: Array, against: float) -> Scale:
    """The scale of a component: about its neutral value if it is of two signs, whatever signs it has here."""
    neutral = _neutral(name, part)
    colours = plots.SEQUENTIAL if neutral is None else plots.DIVERGING
    known = values[np.isfinite(values)]
    if not known.size:
        return Scale(0.0, 1.0, colours)
    middle = float(np.median(known)) if neutral is None else neutral
    kept = known[_near(np.abs(known - middle), against)]
    low, high = float(kept.min()), float(kept.max())
    if neutral is None:
        # outliers at the other end are no reason to clip this
        least, most = float(known.min()), float(known.max())
        low = least if middle - least <= _FAR * (middle - low) else low
        high = most if most - middle <= _FAR * (high - middle) else high
    else:
        most = max(high - neutral, neutral - low)
        low, high = neutral - most, neutral + most
    if high - low <= ROUND_OFF * max(against, abs(low), abs(high)):
        # a constant has no range; not in the middle, where colours are as grey as what is empty
        room = abs(low) or 1.0
        low, high = low - (0.25 if neutral is None else 0.75) * room, high + 0.75 * room
    return Scale(low, high, colours, _beyond(known, low, high))


def _neutral(name: str, part: str) -> float | None:
    """The value that means nothing: that of the undeformed, of the unstressed or of rest."""
    if name not in _SIGNED:
        return None
    return 1.0 if name == "deformation_gradient" and part in ("xx", "yy", "zz") else 0.0


def _near(distance: Array, against: float) -> NDArray[np.bool_]:
    """Which values count for a scale, by their distances from its middle."""
    # where nearly all nodes have the same value those that have not are what is looked for
    moved = distance[distance > ROUND_OFF * against]
    if not moved.size:
        return np.ones(distance.shape, dtype=bool)
    reach, usual, bulk = moved.max(), *np.percentile(moved, (99.5, 75.0))
    if reach > _FAR * usual:
        reach = usual
    if reach > _BROKEN * bulk:
        reach = _BULK * bulk
    near: NDArray[np.bool_] = distance <= reach
    return near


def _beyond(values: Array, low: float, high: float) -> str:
    """At which ends of a scale values go on: colour bars have a tip there, and only there."""
    with np.errstate(invalid="ignore"):
        below, above = bool(np.any(values < low)), bool(np.any(values > high))
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")
