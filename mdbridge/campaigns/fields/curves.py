"""The whole box in time: stress against the load, the shape of the box, temperature and energy."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots
from . import parts as field_parts
from .parts import short
from .stored import Stored

Array = NDArray[np.float64]

_COLOURS = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.RED, plots.GREY, "black")
_LOOKS = (
    {"linestyle": "-", "linewidth": 2.6},
    {"linestyle": (0, (4, 2)), "linewidth": 1.7},
    {"linestyle": (0, (1, 2)), "linewidth": 1.7},
)
"""Directions whose lines lie on each other are all seen."""
_SEEN = 0.02
"""Stresses below this share of the largest are noise beside it."""
_MOVED = 1e-6
"""A shape of the box that changes by less is the same."""


def draw(stored: Stored, path: Path) -> None:
    """A panel of everything that changes."""
    panels = [
        show for show in (_stress, *_shapes(stored), _temperature, _energy) if show not in _unknown(stored)
    ]
    across = (1, 2, 3, 2, 3)[len(panels) - 1]
    said = notes(stored)
    size = (3.3 * across + 0.4, 2.7 * -(-len(panels) // across) + 0.2)
    grid = {"nrows": -(-len(panels) // across), "ncols": across, "squeeze": False}
    with plots.figure(path, *size, **grid) as (fig, axes):
        for panel, show in zip(axes.ravel(), panels, strict=False):
            panel.set_xlabel(f"time ({short(stored.file.group('curve').units('time'))})")
            # energies differ in their last digits: an offset in the corner is overlooked
            panel.ticklabel_format(useOffset=False)
            show(stored, panel)
        for spare in axes.ravel()[len(panels) :]:
            spare.remove()
        field_parts.write(fig, said, size[0] - 0.2)


def notes(stored: Stored) -> list[str]:
    """What the curves leave out."""
    said, hidden = [], [name for name, _, seen in _stresses(stored) if not seen]
    unknown = _unknown(stored)
    if unknown:
        said.append(f"Not known: {', '.join(unknown.values())}.")
    if hidden and _stress not in unknown:
        said.append(f"Stress below {_SEEN:.0%} of the largest is not drawn: {', '.join(hidden)}.")
    shapes = _shapes(stored)
    if not shapes:
        said.append("The box keeps its shape.")
    elif _stretches not in shapes:
        said.append("The edges of the box keep their lengths.")
    return said


def _unknown(stored: Stored) -> dict[Any, str]:
    """Panels that would be empty, as not every trajectory tells all, and what they would show."""
    curve = stored.file.group("curve")
    known = ((_stress, "stress"), (_temperature, "temperature"), (_energy, "potential_energy"))
    empty = [(show, name) for show, name in known if not np.isfinite(curve.get(name)).any()]
    return {show: name.replace("_", " ") for show, name in empty}


def _shapes(stored: Stored) -> list[Any]:
    """Panels of how the box changes: of stretches and of shears, if there are some."""
    curve = stored.file.group("curve")
    stretch, shear = curve.get("stretch")[:, : stored.dimension], curve.get("shear")
    changes = ((_stretches, stretch - 1.0), (_shears, shear))
    return [show for show, change in changes if np.abs(change).max() > _MOVED]


def _stresses(stored: Stored) -> list[tuple[str, Array, bool]]:
    """Components of stress that there are, and whether they are more than noise beside the largest."""
    curve = stored.file.group("curve")
    stress, names = curve.get("stress"), curve.texts("voigt")
    # components that are noise would hide those that are not, and crowd the legend
    least, space = _SEEN * np.nanmax(np.abs(stress), initial=0.0), set("xyz"[: stored.dimension])
    return [
        (name, stress[:, k], bool(np.nanmax(np.abs(stress[:, k]), initial=0.0) >= least))
        for k, name in enumerate(names)
        if set(name) <= space
    ]


def _stress(stored: Stored, panel: Any) -> None:
    load = stored.loading
    for (name, values, seen), colour in zip(_stresses(stored), _COLOURS, strict=False):
        if seen:
            panel.plot(load.values, values, color=colour, label=f"$\\sigma_{{{name}}}$")
    if load.kind != "none":
        panel.set_xlabel(f"{load.kind} ${load.symbol}$")
    panel.set_ylabel(f"stress ({short(stored.file.group('curve').units('stress'))})")
    _legend(panel)


def _stretches(stored: Stored, panel: Any) -> None:
    curve = stored.file.group("curve")
    # in two dimensions the third edge is not of the system
    for k, axis in enumerate("xyz"[: stored.dimension]):
        values = curve.get("stretch")[:, k]
        panel.plot(curve.get("time"), values, color=_COLOURS[k], label=f"$\\lambda_{axis}$", **_LOOKS[k])
    panel.set_ylabel("stretch of the box")
    _legend(panel)


def _shears(stored: Stored, panel: Any) -> None:
    curve = stored.file.group("curve")
    shear = curve.get("shear")
    moved = [k for k in range(3) if np.abs(shear[:, k]).max() > _MOVED]
    for k, look in zip(moved, _LOOKS, strict=False):
        words = f"$\\gamma_{{{curve.texts('plane')[k]}}}$"
        # alone it needs no more weight than others
        panel.plot(
            curve.get("time"), shear[:, k], color=_COLOURS[3 + k], label=words, **look if moved[1:] else {}
        )
    panel.set_ylabel("shear of the box")
    _legend(panel)


def _temperature(stored: Stored, panel: Any) -> None:
    curve = stored.file.group("curve")
    panel.plot(curve.get("time"), curve.get("temperature"), color=plots.RED)
    panel.set_ylabel(f"temperature ({short(curve.units('temperature'))})")


def _energy(stored: Stored, panel: Any) -> None:
    curve = stored.file.group("curve")
    panel.plot(curve.get("time"), curve.get("potential_energy") / curve.get("atoms"), color=plots.BLUE)
    panel.set_ylabel(f"potential energy\nper atom ({short(curve.units('potential_energy'))})")


def _legend(panel: Any) -> None:
    """Above the panel, where it covers no curve."""
    count = len(panel.lines)
    if count:
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.1}
        panel.legend(ncols=min(count, 6), columnspacing=0.9, handlelength=1.6, handletextpad=0.4, **place)
