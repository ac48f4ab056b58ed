"""What a figure of a field is made of: its components, what they are called, and what is said below it."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import scales
from .stored import Stored

Array = NDArray[np.float64]

_WORDS = {
    "potential_energy": "potential energy per atom",
    "number_density": "number density",
    "affine_displacement": "displacement of the box",
    "deformation_gradient": "deformation gradient",
    "heat_flux": "heat flux",
    "D2min": "$D^2_{min}$",
}
_SMALL = 0.055
"""Inches that a letter of a note takes."""
LINE = 0.14
"""Inches that a line of notes takes."""


@dataclass(frozen=True)
class Part:
    """A component of a field, or the whole of a field that has none.

    Attributes:
        name: of the component, such as "xy"; empty if the field has none.
        label: what it is, with its unit.
        values: ``(frames, [ny,] nx)``; NaN where there are no atoms.
        scale: common to all frames.
        level: the value that it has everywhere, if it has the same everywhere.
    """

    name: str
    label: str
    values: Array
    scale: scales.Scale
    level: float | None


def of(stored: Stored, name: str, frames: list[int]) -> list[Part]:
    """The components of a field that its figure may show, at some frames."""
    values = np.stack([stored.frame(name, k) for k in frames])
    if len(stored.axes) == 3:
        # a plane shows what a projection would smear
        values = values[:, values.shape[1] // 2]
    against = scales.size(stored, name, values)
    made = []
    for part, index in components(stored, name):
        chosen = values if index is None else values[..., index]
        scale = scales.scale(name, part, chosen, against)
        made.append(Part(part, label(stored, name, part), chosen, scale, scales.constant(chosen, against)))
    return made


def shown(parts: list[Part]) -> list[Part]:
    """Those that a figure shows: a constant needs a word and no panel, unless there is nothing else."""
    return [part for part in parts if part.level is None] or parts[:1]


def components(stored: Stored, name: str) -> list[tuple[str, int | None]]:
    """The components of a field in the directions of a map; a profile has room for all that there are."""
    names = stored.components(name)
    if not names:
        return [("", None)]
    # its components are types, not directions
    if name == "composition":
        return [(part, k) for k, part in enumerate(names)]
    axes = set(stored.axes) if len(stored.axes) > 1 else set("xyz"[: stored.dimension])
    return [(part, k) for k, part in enumerate(names) if set(part) <= axes]


def label(stored: Stored, name: str, part: str) -> str:
    """What a component is, with its unit."""
    unit = stored.units(name)
    # no line ends within "type 1"
    words = f"{_WORDS.get(name, name.replace('_', ' '))} {part.replace(' ', chr(0xA0))}".strip()
    if unit == "1":
        return words
    return f"{words} (LAMMPS units)" if unit == "as LAMMPS's" else f"{words} ({short(unit)})"


def magnified(words: str, power: int) -> str:
    """A label whose numbers are in units of a power of ten."""
    if not power:
        return words
    quantity, bracket, unit = words.partition(" (")
    return f"{quantity} ($10^{{{power}}}$ {unit}" if bracket else f"{words} ($10^{{{power}}}$)"


def short(unit: str) -> str:
    """A unit as figures have it."""
    for long, brief in (
        ("angstrom", "Å"),
        ("k_B", "$k_B$"),
        ("sigma", "σ"),
        ("epsilon", "ε"),
        ("tau", "τ"),
        ("^3", "³"),
        ("^2", "²"),
    ):
        unit = unit.replace(long, brief)
    return unit


def moment(stored: Stored, number: int) -> str:
    """When a frame was taken: at which load, or at which time."""
    load = stored.loading
    if load.kind == "none":
        return f"t = {stored.time[number]:.6g} {short(stored.units('time'))}"
    return f"${load.symbol}$ = {stored.load_at(number):.4g}"


def notes(stored: Stored, name: str, parts: list[Part], frames: list[int]) -> list[str]:
    """What a figure does not show by itself, in sentences."""
    said = []
    if len(frames) < len(stored.time):
        said.append(f"{len(frames)} of {len(stored.time)} frames.")
    if len(stored.axes) == 3:
        said.append(f"Cut in the middle of {stored.axes[2]}.")
    said += _constants(parts)
    for part in shown(parts):
        if part.scale.beyond != "neither":
            low, high = np.nanmin(part.values), np.nanmax(part.values)
            said.append(f"{part.name or 'Colours'} clipped: values from {_plain(low)} to {_plain(high)}.")
    others = _others(stored, name, parts)
    if others:
        said.append(f"Not drawn: {', '.join(others)}, see fields.h5.")
    return said


def _constants(parts: list[Part]) -> list[str]:
    levels: dict[str, list[str]] = {}
    for part in parts:
        if part.level is not None:
            levels.setdefault(f"{_plain(part.level)} everywhere", []).append(part.name)
    return [f"{level}: {', '.join(names)}." if names[0] else f"{level}." for level, names in levels.items()]


def _others(stored: Stored, name: str, parts: list[Part]) -> list[str]:
    """The components that have no panel and that there are: a plane has none across it."""
    here, space = {part.name for part in parts}, set("xyz"[: stored.dimension])
    known = stored.components(name) if name != "composition" else []
    return [part for part in known if part not in here and set(part) <= space]


def _plain(number: Any) -> str:
    return f"{number:.3g}".replace("-", "−")


def wrapped(said: list[str], width: float) -> list[str]:
    """Sentences in lines of so many inches."""
    return textwrap.wrap(" ".join(said), max(20, int(width / _SMALL)))


def write(fig: Any, said: list[str], width: float) -> None:
    """Notes at the foot of a figure that lays itself out, and makes room for them."""
    if said:
        text = "\n".join(wrapped(said, width))
        fig.supxlabel(text, x=0.01, ha="left", fontsize=7, color="#555555")
