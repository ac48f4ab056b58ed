"""Maps of fields: where their panels and colour bars are, and what is written at them."""

import itertools

import numpy as np
import pytest
from stored_fields import make

from mdbridge.campaigns.fields import figures, maps
from mdbridge.campaigns.fields.stored import opened
from mdbridge.core import plots


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.39, 0.41, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("frames", [1, 2, 5, 12])
def test_nothing_is_on_anything_else_whatever_the_box(ratio, parts, frames):
    plan = maps.layout(ratio, parts, frames)
    places = [*itertools.chain(*plan.panels), *plan.bars]
    assert len(places) == parts * (frames + 1)
    for (x, y, wide, tall), (left, top, width, height) in itertools.combinations(places, 2):
        apart = (x + wide <= left, left + width <= x, y + tall <= top, top + height <= y)
        assert any(apart)
    assert all(x >= 0.5 and x + wide < plan.width and y + tall < plan.height for x, y, wide, tall in places)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 5.0])
@pytest.mark.parametrize("frames", [1, 5])
def test_panels_have_the_shape_of_the_box_and_bars_are_as_long_as_panels(ratio, frames):
    plan = maps.layout(ratio, 3, frames)
    for row, bar in zip(plan.panels, plan.bars, strict=True):
        assert all(tall / wide == pytest.approx(ratio) for _, _, wide, tall in row)
        last = row[-1]
        if plan.lying:
            assert (bar[0], bar[2]) == (last[0], last[2])
        else:
            assert (bar[1], bar[3]) == (last[1], last[3])


def bars(figure):
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def draw(tmp_path, name="stress", **options):
    make(tmp_path / "fields.h5", **options)
    with opened(tmp_path / "fields.h5") as stored:
        figures.draw_field(stored, name, list(range(len(stored.time))), tmp_path / "map.png")


def test_all_components_of_a_figure_have_the_same_colours(tmp_path, drawn):
    ends = [(-2, 1), (-3, -1), (0, 1), (1, 5), (0, 1), (0, 1)]
    values = np.stack([np.linspace(a, b, 36).reshape(3, 3, 4) for a, b in ends], -1)
    draw(tmp_path, given={"stress": values})
    panels = [axes for axes in drawn["map"].axes if axes.collections and axes.get_label() != "<colorbar>"]
    assert len(panels) == 9
    assert {axes.collections[0].get_cmap().name for axes in panels} == {plots.DIVERGING}
    assert all(axes.collections[0].norm.vmin == -axes.collections[0].norm.vmax for axes in panels)


def test_a_bar_says_that_it_is_clipped_and_the_foot_what_else_there_is(tmp_path, drawn):
    values = np.random.default_rng(0).normal(0.0, 0.01, (3, 20, 30, 6))
    values[2, :3, :, 0] = 1e20  # bar, of which there are 1e4 in a GPa
    draw(tmp_path, cells=(30, 20), given={"stress": values})
    first, second, _ = bars(drawn["map"])
    assert first.get_ylabel().endswith("clipped") and "clipped" not in second.get_ylabel()
    foot = drawn["map"].texts[-1].get_text()
    assert "Not drawn: zz, xz, yz" in foot and "1e+16" in foot


def test_constants_have_no_bar(tmp_path, drawn):
    draw(tmp_path, "composition", given={"composition": np.ones((3, 3, 4, 2)) * [1.0, 0.0]})
    assert not bars(drawn["map"])
    words = [text.get_text() for text in drawn["map"].texts]
    assert "1 everywhere" in words[0] and "1 everywhere: type 1. 0 everywhere: type 2." in words[1]


def test_what_is_outside_the_box_is_not_what_has_no_atoms(tmp_path, drawn):
    draw(tmp_path, "displacement", motion="shear")
    panel = drawn["map"].axes[0]
    assert panel.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert panel.collections[0].get_cmap().get_bad()[0] < 0.95
    assert "Grey: no value" in drawn["map"].texts[-1].get_text()


@pytest.mark.parametrize("size", [(20.0, 90.0, 10.0), (90.0, 50.0, 10.0), (300.0, 310.0, 10.0)])
def test_axes_have_enough_numbers_to_read_a_scale(tmp_path, drawn, size):
    draw(tmp_path, "density", size=size)
    panel = drawn["map"].axes[0]
    low, high = panel.get_ylim()
    assert sum(low <= tick <= high for tick in panel.get_yticks()) >= 3
