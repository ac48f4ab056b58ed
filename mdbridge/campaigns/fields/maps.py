"""Maps of a field: panels of the shape of the box, all frames of a component on one scale."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots
from . import parts as field_parts
from .parts import Part
from .stored import Stored

Array = NDArray[np.float64]
Place = tuple[float, float, float, float]

_EMPTY = "#dcdcdc"
_GAP, _BAR = 0.27, 0.11
"""Inches between panels, where tick labels meet, and across a colour bar."""
_LETTER = 0.066


@dataclass(frozen=True)
class Layout:
    """Where everything is, in inches: left, top, width and height, from the upper left corner.

    Attributes:
        width, height: of the figure, without what is said below it.
        across: blocks beside each other; a block is all frames of a component and their colour bar.
        lying: frames are below each other, with a colour bar that lies below them.
        panels: of each component, of each frame.
        bars: of each component.
    """

    width: float
    height: float
    across: int
    lying: bool
    panels: list[list[Place]]
    bars: list[Place]


def draw(stored: Stored, parts: list[Part], frames: list[int], said: list[str], path: Path) -> None:
    """A panel of each component at each frame."""
    corners = [_corners(stored, parts[0].values.shape[1:], number) for number in frames]
    x, y = (_range(corners, k) for k in (0, 1))
    plan = layout((y[1] - y[0]) / (x[1] - x[0]), len(parts), len(frames))
    said = said + _further(plan, parts, (y[1] - y[0]) / (x[1] - x[0]))
    lines = field_parts.wrapped(said, plan.width - 0.2)
    height = plan.height + field_parts.LINE * len(lines)
    grid = {"nrows": len(parts), "ncols": len(frames), "squeeze": False}
    with plots.figure(path, plan.width, height, **grid) as (fig, axes):
        # panels have the shape of the box and bars their height, which no engine gives
        fig.set_layout_engine("none")
        for number, (row, part) in enumerate(zip(axes, parts, strict=True)):
            for k, (panel, place) in enumerate(zip(row, plan.panels[number], strict=True)):
                panel.set_position(_share(place, plan.width, height))
                _map(panel, corners[k], part, k, place)
                panel.set(xlim=x, ylim=y)
            _explain(fig, row[-1].collections[0], part, plan, number, height)
        _name_axes(stored, axes, plan, frames)
        fig.text(0.1 / plan.width, 0.06 / height, "\n".join(lines), fontsize=7, color="#555555", va="bottom")


def layout(ratio: float, parts: int, frames: int) -> Layout:
    """Frames of boxes that are not wide stand in a row, those of wide ones in a column.

    Args:
        ratio: height of the box over its width.
        parts: components.
        frames: frames of each.
    """
    lying = ratio < 0.4
    # a single frame leaves room beside it
    across = min(parts, 3) if lying or frames == 1 else 1
    width, height = _panel(ratio, across, frames, lying)
    # a frame's title may be wider than a slender panel
    right, down = (0.0, height + 0.27) if lying else (max(width + _GAP, 1.1), 0.0)
    block = (
        right * (frames - 1) + width + (0.35 if lying else 1.25),
        down * (frames - 1) + height + (1.3 if lying else 0.27),
    )
    left, top, panels, bars = 0.62, 0.3, [], []
    for number in range(parts):
        x, y = left + block[0] * (number % across), top + block[1] * (number // across)
        panels.append([(x + right * k, y + down * k, width, height) for k in range(frames)])
        end = (x + right * (frames - 1) + width, y + down * (frames - 1) + height)
        lies, stands = (x, end[1] + 0.5, width, _BAR), (end[0] + 0.1, y, _BAR, height)
        bars.append(lies if lying else stands)
    rows = -(-parts // across)
    size = (left + block[0] * across, top + block[1] * rows + (-0.15 if lying else 0.25))
    return Layout(max(size[0], 3.2), size[1], across, lying, panels, bars)


def _panel(ratio: float, across: int, frames: int, lying: bool) -> tuple[float, float]:
    """Width and height of a panel in the shape of the box; needles are made thicker, for they need labels."""
    if lying:
        width = (5.5, 3.8, 2.8)[across - 1]
    else:
        width = 2.6 if frames <= 3 else 1.9 if frames <= 6 else 1.5
        width = min(width, 3.4 / ratio)
    return max(width, 0.4), float(np.clip(width * ratio, 0.22, 3.4))


def _further(plan: Layout, parts: list[Part], ratio: float) -> list[str]:
    said = []
    if any(np.isnan(part.values).any() for part in parts):
        said.append("Grey: no value, for want of atoms.")
    width, height = plan.panels[0][0][2:]
    if abs(height / width / ratio - 1.0) > 0.01:
        said.append("The two directions are not drawn to one scale.")
    return said


def _map(panel: Any, corners: Array, part: Part, frame: int, place: Place) -> None:
    """One frame; nodes without atoms are grey."""
    colours = plots.pyplot().get_cmap(part.scale.colours).with_extremes(bad=_EMPTY)
    limits = {"vmin": part.scale.low, "vmax": part.scale.high}
    panel.pcolormesh(corners[..., 0], corners[..., 1], part.values[frame], cmap=colours, **limits)
    plots.bare(panel)
    # its place has the shape of the box already
    panel.set_aspect("auto")
    for axis, inches, wanted in ((panel.xaxis, place[2], 0.42), (panel.yaxis, place[3], 0.35)):
        axis.set_major_locator(_ticks(inches, wanted))
    panel.tick_params(labelsize=7)


def _ticks(inches: float, apart: float) -> Any:
    """Ticks with few digits, as those of neighbouring panels meet; three of them tell a scale."""
    return plots.ticks(max(2, int(inches / apart)), steps=(1, 2, 5, 10), least=3 if inches > 0.8 else 2)


def _explain(fig: Any, image: Any, part: Part, plan: Layout, number: int, height: float) -> None:
    """The colour bar of a component, with what it is; of a constant its value in words."""
    place = plan.bars[number]
    if part.level is not None:
        words = "\n".join([*textwrap.wrap(part.label, 15), f"{part.level:.4g} everywhere"])
        left, bottom, _, tall = _share(place, plan.width, height)
        fig.text(left, bottom + tall / 2, words, fontsize=8, va="center")
        return
    axes = fig.add_axes(_share(place, plan.width, height), label="<colorbar>")
    way = "horizontal" if plan.lying else "vertical"
    bar = fig.colorbar(image, cax=axes, orientation=way, extend=part.scale.beyond)
    bar.locator = _ticks(max(place[2:]), 0.55 if plan.lying else 0.35)
    power = part.scale.power
    # the label has the power of ten, for which there is no room above the bar
    bar.formatter = plots.scaled(10.0**-power)
    bar.update_ticks()
    axes.tick_params(labelsize=7)
    words = field_parts.magnified(part.label, power) + (", clipped" if part.scale.beyond != "neither" else "")
    bar.set_label(textwrap.fill(words, max(12, int(max(place[2:]) / _LETTER))), fontsize=8)


def _name_axes(stored: Stored, axes: Any, plan: Layout, frames: list[int]) -> None:
    """Titles where the frames begin, labels where the panels end."""
    length, side = field_parts.short(stored.units("box")), "left" if plan.lying else "center"
    for number, row in enumerate(axes):
        for k, (panel, frame) in enumerate(zip(row, frames, strict=True)):
            if plan.lying or number < plan.across:
                panel.set_title(field_parts.moment(stored, frame), pad=4, loc=side)
            first = number % plan.across == 0 and (plan.lying or k == 0)
            last = k == len(frames) - 1 if plan.lying else number + plan.across >= len(axes)
            panel.tick_params(labelleft=first, labelbottom=last)
            if first:
                panel.set_ylabel(f"{stored.axes[1]} ({length})")
            if last:
                panel.set_xlabel(f"{stored.axes[0]} ({length})")


def _share(place: Place, width: float, height: float) -> Place:
    """A place as Matplotlib has it: in shares of the figure, from the lower left corner."""
    left, top, wide, tall = place
    return left / width, 1.0 - (top + tall) / height, wide / width, tall / height


def _corners(stored: Stored, shape: tuple[int, ...], number: int) -> Array:
    """``(n2 + 1, n1 + 1, 2)`` corners of the cells of a frame, in the plane of the first two directions."""
    cell, corner = stored.cell(number)
    plane = ["xyz".index(axis) for axis in stored.axes[:2]]
    steps = [np.linspace(0.0, 1.0, n + 1) for n in shape]
    f = np.stack(np.meshgrid(*steps, indexing="ij")[::-1], axis=-1)
    place: Array = (f @ cell[:2] + corner)[..., plane]
    return place


def _range(corners: list[Array], direction: int) -> tuple[float, float]:
    """From where to where the boxes of all frames reach."""
    places = [place[..., direction] for place in corners]
    return min(float(p.min()) for p in places), max(float(p.max()) for p in places)
