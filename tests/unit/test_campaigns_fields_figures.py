"""Figures of fields and curves: which components, on which scales, in any number of directions."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from stored_fields import FIELDS, make

from mdbridge.campaigns.fields import figures
from mdbridge.campaigns.fields.stored import opened


@pytest.mark.parametrize(
    ("axes", "cells"), [("y", (5,)), pytest.param("xyz", (4, 3, 3), marks=pytest.mark.slow)]
)
def test_every_field_and_the_curves_are_drawn(tmp_path, axes, cells, drawn):
    make(tmp_path / "fields.h5", axes=axes, cells=cells)
    figures.draw(tmp_path / "fields.h5", tmp_path, 2)
    for name in (*(f"field_{n}" for n in [*FIELDS, "mine"]), "curves"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        panels = [part for part in drawn[name].axes if part.get_visible()]
        assert panels and all(part.has_data() for part in panels), name


def test_frames_that_are_shown_follow_each_other_from_the_first_to_the_last(tmp_path, monkeypatch):
    seen = {}
    campaign = SimpleNamespace(time=np.arange(40.0), names=["density"])
    monkeypatch.setattr(figures, "opened", lambda path: nullcontext(campaign))
    monkeypatch.setattr(figures, "draw_field", lambda _, name, frames, path: seen.update({name: frames}))
    monkeypatch.setattr(figures, "draw_curves", lambda *_: None)
    figures.draw(tmp_path / "fields.h5", tmp_path, 4)
    assert list(seen["density"]) == [0, 13, 26, 39]


def test_components_are_those_in_the_directions_of_the_grid(tmp_path):
    make(tmp_path / "fields.h5", axes="xz", cells=(4, 3))
    with opened(tmp_path / "fields.h5") as stored:
        assert [part for part, _ in figures.components(stored, "displacement")] == ["x", "z"]
        assert [part for part, _ in figures.components(stored, "stress")] == ["xx", "zz", "xz"]
        assert [part for part, _ in figures.components(stored, "composition")] == ["type 1", "type 2"]
        assert figures.components(stored, "density") == [("", None)]


def test_scales_are_common_even_about_zero_and_never_empty():
    low, high, _ = figures._limits(np.array([-1.0, 0.0, 3.0, np.nan]), True)
    assert low == -high and 2.5 < high <= 3.0
    low, high, _ = figures._limits(np.full(5, 2.0), False)
    assert low < 2.0 < high
    assert figures._limits(np.array([np.nan]), True)[:2] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "tips"),
    [([0.5], "neither"), ([-1.0, 0.5], "min"), ([2.0], "max"), ([-1.0, 2.0, np.nan], "both")],
)
def test_a_scale_has_tips_where_values_go_on(values, tips):
    assert figures._beyond(np.array(values), 0.0, 1.0) == tips


def test_a_plane_has_two_stretches(tmp_path, drawn):
    make(tmp_path / "fields.h5", dimension=2, units="lj")
    with opened(tmp_path / "fields.h5") as stored:
        figures.draw_curves(stored, tmp_path / "curves.png")
    assert [line.get_label() for line in drawn["curves"].axes[1].lines] == ["$\\lambda_x$", "$\\lambda_y$"]


def test_units_are_written_short():
    assert figures.short("g/cm^3") == "g/cm³"
    assert figures.short("epsilon/sigma^3") == "ε/σ³"
