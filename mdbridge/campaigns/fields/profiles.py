"""Profiles of a field on a grid of one direction: a panel of each component, a line of each frame."""

from pathlib import Path
from typing import Any

import numpy as np

from ...core import plots
from . import parts as field_parts
from .parts import Part
from .stored import Stored

_COLOURS = "viridis"
_STYLES = ("-", (0, (5, 1.2)), (0, (1.2, 1.0)), (0, (5, 1.2, 1.2, 1.2)))
"""Lines that follow each other in time differ in more than their colour."""


def draw(stored: Stored, parts: list[Part], frames: list[int], said: list[str], path: Path) -> None:
    """A panel of each component, with the frames explained beside them all."""
    across = min(len(parts), 3)
    rows = -(-len(parts) // across)
    width = 2.6 * across + 1.5 if across > 1 else 5.2
    size = (width, 2.1 * rows + 0.5 + 0.14 * len(said))
    with plots.figure(path, *size, nrows=rows, ncols=across, squeeze=False) as (fig, axes):
        panels = axes.ravel()
        for panel, part in zip(panels, parts, strict=False):
            _lines(stored, panel, part, frames)
        for spare in panels[len(parts) :]:
            spare.remove()
        # beside the panels no curve is ever below it
        fig.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
        field_parts.write(fig, said, width - 0.2)


def shades(count: int) -> list[Any]:
    """Colours from dark to light in time; the lightest end is hard to see on white."""
    colours = plots.pyplot().get_cmap(_COLOURS)(np.linspace(0.0, 0.88, count))
    return list(colours)


def _lines(stored: Stored, panel: Any, part: Part, frames: list[int]) -> None:
    axis = stored.axes
    direction = "xyz".index(axis)
    for k, (field, number, shade) in enumerate(zip(part.values, frames, shades(len(frames)), strict=True)):
        cell, corner = stored.cell(number)
        place = corner[direction] + cell[0, direction] * (np.arange(len(field)) + 0.5) / len(field)
        # a grid of a single cell has points and no line
        look = {"linestyle": _STYLES[k % len(_STYLES)], "marker": "o" if len(field) == 1 else None}
        panel.plot(place, field, color=shade, label=field_parts.moment(stored, number), **look)
    if part.level is not None:
        # the digits of round-off are no scale
        half = 0.5 * abs(part.level) or 0.5
        panel.set_ylim(part.level - half, part.level + half)
    elif part.scale.beyond != "neither":
        margin = 0.05 * (part.scale.high - part.scale.low)
        panel.set_ylim(part.scale.low - margin, part.scale.high + margin)
    panel.ticklabel_format(axis="y", scilimits=(-3, 4), useOffset=False)
    panel.set_xlabel(f"{axis} ({field_parts.short(stored.units('box'))})")
    panel.set_ylabel(part.label + (", clipped" if part.scale.beyond != "neither" else ""))
