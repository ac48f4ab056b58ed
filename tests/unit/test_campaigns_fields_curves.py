"""Curves of the whole box: panels of what changes, and words for what does not."""

import numpy as np
from stored_fields import make

from mdbridge.campaigns.fields import curves
from mdbridge.campaigns.fields.stored import opened


def draw(tmp_path, **options):
    make(tmp_path / "fields.h5", **options)
    with opened(tmp_path / "fields.h5") as stored:
        curves.draw(stored, tmp_path / "curves.png")


def labels(figure):
    return [axes.get_ylabel().split(" (")[0] for axes in figure.axes]


def test_a_stretched_box_has_its_stretches_told_apart(tmp_path, drawn):
    draw(tmp_path)
    assert labels(drawn["curves"]) == [
        "stress",
        "stretch of the box",
        "temperature",
        "potential energy\nper atom",
    ]
    lines = drawn["curves"].axes[1].lines
    assert [line.get_label() for line in lines] == ["$\\lambda_x$", "$\\lambda_y$", "$\\lambda_z$"]
    # two of them lie on each other
    assert len({(line.get_linewidth(), str(line._unscaled_dash_pattern)) for line in lines}) == 3


def test_a_sheared_box_has_its_shear_by_itself(tmp_path, drawn):
    draw(tmp_path, motion="shear")
    assert labels(drawn["curves"])[:2] == ["stress", "shear of the box"]
    (line,) = drawn["curves"].axes[1].lines
    assert line.get_label() == "$\\gamma_{xy}$"
    assert line.get_ydata()[0] == 0.0
    assert "keep their lengths" in drawn["curves"].get_supxlabel()


def test_a_box_that_stays_has_no_panel_and_a_word(tmp_path, drawn):
    draw(tmp_path, motion="none")
    assert labels(drawn["curves"]) == ["stress", "temperature", "potential energy\nper atom"]
    assert "The box keeps its shape." in drawn["curves"].get_supxlabel()


def test_a_plane_has_two_stretches(tmp_path, drawn):
    draw(tmp_path, dimension=2, units="lj")
    assert [line.get_label() for line in drawn["curves"].axes[1].lines] == ["$\\lambda_x$", "$\\lambda_y$"]
    assert [line.get_label() for line in drawn["curves"].axes[0].lines] == [
        f"$\\sigma_{{{part}}}$" for part in ("xx", "yy", "xy")
    ]


def test_legends_are_above_their_panels(tmp_path, drawn):
    draw(tmp_path)
    figure = drawn["curves"]
    figure.draw_without_rendering()
    for panel in figure.axes[:2]:
        assert panel.get_legend().get_window_extent().y0 >= panel.get_window_extent().y1 - 1


def test_what_a_trajectory_does_not_tell_has_no_empty_panel(tmp_path, drawn, monkeypatch):
    make(tmp_path / "fields.h5", motion="none")
    with opened(tmp_path / "fields.h5") as stored:
        group = stored.file.group("curve")
        known = group.get

        def get(name):
            return known(name) * (np.nan if name in ("stress", "potential_energy") else 1.0)

        monkeypatch.setattr(group, "get", get)
        monkeypatch.setattr(stored.file, "group", lambda name: group)
        curves.draw(stored, tmp_path / "curves.png")
    assert labels(drawn["curves"]) == ["temperature"]
    assert "Not known: stress, potential energy." in drawn["curves"].get_supxlabel()
