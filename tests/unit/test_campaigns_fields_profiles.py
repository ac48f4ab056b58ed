"""Profiles of fields: lines that are told apart, and explanations that are on none of them."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from stored_fields import make

from mdbridge.campaigns.fields import figures, profiles
from mdbridge.campaigns.fields.stored import opened


def draw(tmp_path, name="density", **options):
    make(tmp_path / "fields.h5", axes="y", cells=options.pop("cells", (18,)), **options)
    with opened(tmp_path / "fields.h5") as stored:
        figures.draw_field(stored, name, list(range(len(stored.time))), tmp_path / "profile.png")


def test_lines_differ_in_colour_and_neighbours_in_style(tmp_path, drawn):
    draw(tmp_path, frames=6)
    lines = drawn["profile"].axes[0].lines
    styles = [line._unscaled_dash_pattern for line in lines]
    assert all(a != b for a, b in itertools.pairwise(styles))
    colours = np.array([line.get_color()[:3] for line in lines])
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 0.15
    # light lines are not seen on white
    assert (colours @ [0.3, 0.6, 0.1]).max() < 0.8


@pytest.mark.parametrize("name", ["density", "stress"])
def test_the_legend_is_beside_all_panels(tmp_path, drawn, monkeypatch, name):
    # laid out as in a file that is looked at
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: (kept.append(self), measure(self)))
    kept, boxes = [], []

    def measure(figure):
        figure.draw_without_rendering()
        boxes.append(
            (figure.legends[0].get_window_extent(), [axes.get_window_extent() for axes in figure.axes])
        )

    draw(tmp_path, name, frames=6)
    assert all(not axes.get_legend() for axes in kept[0].axes)
    for legend, panels in boxes:
        assert len(panels) == (6 if name == "stress" else 1)
        assert not any(legend.overlaps(panel) for panel in panels)


def test_a_constant_is_not_drawn_in_the_digits_of_its_round_off(tmp_path, drawn):
    draw(tmp_path, "composition", given={"composition": np.ones((3, 18, 2)) * [1.0, 0.0] + 1e-16})
    (panel,) = drawn["profile"].axes
    assert panel.get_ylim() == (0.5, 1.5)
    assert "1 everywhere: type 1. 0 everywhere: type 2." in drawn["profile"].get_supxlabel()


def test_a_broken_node_does_not_flatten_the_others(tmp_path, drawn):
    values = np.random.default_rng(0).normal(0.0, 0.01, (3, 18))
    values[2, 4:6] = 1e23
    draw(tmp_path, "D2min", given={"D2min": values})
    (panel,) = drawn["profile"].axes
    assert panel.get_ylim()[1] < 1.0 and panel.get_ylabel().endswith("clipped")


def test_a_grid_of_a_single_cell_has_points(tmp_path, drawn):
    draw(tmp_path, cells=(1,), frames=2)
    assert {line.get_marker() for line in drawn["profile"].axes[0].lines} == {"o"}


def test_shades_go_from_dark_to_light():
    light = [colour[:3] @ np.array([0.3, 0.6, 0.1]) for colour in profiles.shades(7)]
    assert light == sorted(light)
