"""Figures of fields and curves: which frames, and in any number of directions."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from stored_fields import FIELDS, make

from mdbridge.campaigns.fields import figures


@pytest.mark.parametrize(
    ("axes", "cells", "frames"),
    [("y", (5,), 3), ("xy", (3, 2), 1), pytest.param("xyz", (4, 3, 3), 3, marks=pytest.mark.slow)],
)
def test_every_field_and_the_curves_are_drawn(tmp_path, axes, cells, frames, drawn):
    make(tmp_path / "fields.h5", axes=axes, cells=cells, frames=frames)
    figures.draw(tmp_path / "fields.h5", tmp_path, 2)
    for name in (*(f"field_{n}" for n in [*FIELDS, "mine"]), "curves"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        panels = [part for part in drawn[name].axes if part.get_visible()]
        assert panels and all(part.has_data() for part in panels), name


def test_all_figures_show_the_same_frames(tmp_path, monkeypatch):
    seen = {}
    campaign = SimpleNamespace(time=np.arange(40.0), names=["density"])
    monkeypatch.setattr(figures, "opened", lambda path: nullcontext(campaign))
    monkeypatch.setattr(figures, "draw_field", lambda _, name, frames, path: seen.update({name: frames}))
    monkeypatch.setattr(figures.curves, "draw", lambda *_: None)
    figures.draw(tmp_path / "fields.h5", tmp_path, 4)
    assert seen == {"density": [0, 13, 26, 39]}


@pytest.mark.parametrize(
    ("count", "shown", "frames"),
    [
        (3, 5, [0, 1, 2]),  # all that there are
        (41, 5, [0, 10, 20, 30, 40]),
        (7, 5, [0, 2, 4, 6]),  # rather fewer than unevenly
        (6, 5, [0, 1, 2, 3, 4, 5]),  # rather a single frame more than leave a single frame out
        (42, 5, [0, 10, 20, 31, 41]),  # a step of 10 or 11 looks the same
        (8, 5, [1, 3, 5, 7]),  # the last counts more than the first, which is the undeformed
        (9, 1, [8]),
        (9, 2, [0, 8]),
    ],
)
def test_frames_are_evenly_spaced_up_to_the_last(count, shown, frames):
    assert figures.chosen(count, shown) == frames


@pytest.mark.parametrize("shown", range(1, 13))
def test_no_number_of_frames_makes_gaps_in_time(shown):
    for count in range(1, 200):
        frames = figures.chosen(count, shown)
        steps = np.diff(frames)
        assert frames[-1] == count - 1 and len(frames) <= shown + 1
        assert not len(steps) or steps.max() <= figures._EVEN * steps.min(), count
