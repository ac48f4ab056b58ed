"""Figures of a campaign of fields, from fields.h5 alone."""

import math
from pathlib import Path

import numpy as np

from . import curves, maps, parts, profiles
from .stored import Stored, opened

_EVEN = 1.25
"""Frames are as good as evenly spaced if their distances differ by no more than this factor."""


def draw(path: Path, out: Path, shown: int) -> None:
    """Draw a figure of each field and one of the curves into ``out``.

    Args:
        path: fields.h5.
        shown: frames in the figure of a field.
    """
    with opened(path) as stored:
        frames = chosen(len(stored.time), shown)
        for name in stored.names:
            draw_field(stored, name, frames, out / f"field_{name}.png")
        curves.draw(stored, out / "curves.png")


def draw_field(stored: Stored, name: str, frames: list[int], path: Path) -> None:
    """A field at some frames: maps, or profiles where the grid has one direction; scales are common."""
    known = parts.of(stored, name, frames)
    said = parts.notes(stored, name, known, frames)
    show = profiles.draw if len(stored.axes) == 1 else maps.draw
    show(stored, parts.shown(known), frames, said, path)


def chosen(count: int, shown: int) -> list[int]:
    """About ``shown`` of ``count`` frames, at even distances up to the last: one that is left out is missed.

    The first is among them too, unless no number of frames fits between them evenly.
    """
    last = count - 1
    if count <= shown or shown == 1:
        return list(range(count)) if count <= shown else [last]
    # a single frame more, or some fewer, if that fits exactly
    fewest = min(shown, max(3, (shown + 1) // 2))
    for number in (shown, shown + 1, *range(shown - 1, fewest - 1, -1)):
        if last % (number - 1) == 0:
            return list(range(0, count, last // (number - 1)))
    nearly = [round(k) for k in np.linspace(0, last, shown)]
    steps = np.diff(nearly)
    if steps.max() <= _EVEN * steps.min():
        return nearly
    return sorted(range(last, -1, -math.ceil(count / shown)))
