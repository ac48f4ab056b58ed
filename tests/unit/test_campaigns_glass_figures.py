"""Figures of a glass: every field at its strains, the curve, the flow and the quench."""

from pathlib import Path
from types import SimpleNamespace

import glass_files
import numpy as np
import pytest
from glass_files import frames, history, settings, stored

from mdbridge.campaigns.glass import figures, plan
from mdbridge.campaigns.glass.analysis import Curve
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core import store
from mdbridge.core.config import check
from mdbridge.core.errors import FileError


@pytest.mark.slow
def test_each_figure_shows_what_is_stored(tmp_path, drawn):
    figures.draw(stored(tmp_path, extra={"csym": "c_csym"}), tmp_path)
    assert set(drawn) == {
        "maps_energy", "maps_energy_mean_composition", "maps_strain", "maps_d2min", "maps_csym",
        "stress_strain", "flow", "quench",
    }  # fmt: skip
    expected = list(frames(settings(tmp_path), 21))
    panels = [axes for axes in drawn["maps_strain"].axes if axes.images]
    assert [axes.get_title() for axes in panels] == [
        f"$\\gamma$ = {gamma}" for gamma in ("0.10", "0.18", "0.25", "0.35", "0.50")
    ]
    for axes, number in zip(panels, (4, 7, 10, 14, 20), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), expected[number]["Exy"])
        assert axes.images[0].get_extent() == [0, 40, 0, 36]
        # one scale: to be compared
        assert axes.images[0].get_clim() == panels[0].images[0].get_clim()
    assert drawn["maps_energy"].get_suptitle() == "energy per atom (eV)"
    md = next(line for line in drawn["stress_strain"].axes[0].lines if line.get_label() == "MD")
    np.testing.assert_allclose(md.get_ydata(), np.minimum(25 * md.get_xdata(), 1.5), atol=1e-12)
    labels = [axes.get_xlabel() for axes in drawn["flow"].axes]
    assert labels == [
        "$v_x$ beyond the box's (Å/ps)", "$E_{xy}$", "temperature (K)", "density (g/cm³)",
    ]  # fmt: skip
    np.testing.assert_allclose(drawn["flow"].axes[1].lines[0].get_xdata(), expected[20]["Exy"][:, 0])


def test_the_quench_is_drawn_over_time_and_temperature(tmp_path, drawn):
    with store.reading(stored(tmp_path, count=2), GLASS) as file:
        figures._quench(file, tmp_path / "quench.png")
    ((_, rows),) = history()
    over_time, energy, over_temperature = drawn["quench"].axes
    assert [text.get_text() for text in over_time.get_legend().get_texts()] == ["quench"]
    np.testing.assert_allclose(over_time.lines[0].get_xdata(), 0.005 * rows[:, 0])
    np.testing.assert_allclose(over_time.lines[0].get_ydata(), rows[:, 2])
    np.testing.assert_allclose(energy.lines[0].get_ydata(), rows[:, 3] / 216)
    np.testing.assert_allclose(over_temperature.lines[0].get_xdata(), rows[:, 2])


def along(start, stop, energy):
    """Rows of a stage from a step to another, at 100 to 200 K."""
    rows = np.zeros(((stop - start) // 100, 11))
    rows[:, 0] = np.arange(start, stop, 100)
    rows[:, 2], rows[:, 3] = np.linspace(200.0, 100.0, len(rows)), energy
    return rows


def test_every_stage_of_the_preparation_is_drawn_and_named(tmp_path, drawn, monkeypatch):
    """On the way down the quench has a pause, in which the glass is annealed: no line goes across."""
    quench = np.concatenate([along(1000, 1500, -5.0), along(2500, 3000, -7.0)])
    told = {
        "melt": along(0, 500, -3.0), "liquid": along(500, 1000, -4.0), "quench": quench,
        "anneal": along(1500, 2500, -6.0), "relax": along(3000, 3500, -8.0),
        "stripe": along(3500, 4000, -9.0),
    }  # fmt: skip
    monkeypatch.setattr(glass_files, "history", lambda: list(told.items()))
    with store.reading(stored(tmp_path, count=2), GLASS) as file:
        figures._quench(file, tmp_path / "quench.png")
    over_time, energy, over_temperature = drawn["quench"].axes
    assert [text.get_text() for text in over_time.get_legend().get_texts()] == list(told)
    for panel in (over_time, energy):
        assert len({line.get_color() for line in panel.lines}) == len(panel.lines) == len(told)
    for line, (name, rows) in zip(energy.lines, told.items(), strict=True):
        there = np.isfinite(line.get_ydata())
        np.testing.assert_allclose(line.get_xdata()[there], 0.005 * rows[:, 0])
        np.testing.assert_allclose(line.get_ydata()[there], rows[:, 3] / 216)
        # a value that is none between the two parts, and nowhere else
        assert np.flatnonzero(~there).tolist() == ([5] if name == "quench" else [])
    assert np.isnan(over_temperature.lines[0].get_ydata()).sum() == 1


@pytest.mark.parametrize("way", ["swap", "sgcmc", "cyclic"])
def test_stages_that_are_made_are_stages_that_are_drawn(way):
    glass = {"anneal": way, "stripe": {"centre": 0.5, "height": 0.2}}
    config = check({"campaign": "glass", "glass": glass}, GlassInput, "glass.toml")
    made = {segment.stage for segment in plan.preparation(config, Path("CuZr"))}
    assert made == set(figures._STAGES)


def test_the_elastic_line_lies_on_the_curve(tmp_path, drawn):
    """A glass that begins with a stress: up to the peak the line is the stress itself."""
    gamma = np.linspace(0, 0.5, 101)
    curve = Curve.of(gamma, 0.3 + np.minimum(25 * gamma, 1.5))
    figures._stress_strain(curve, {}, "GPa", tmp_path / "curve.png")
    lines = {line.get_label().split()[0]: line for line in drawn["curve"].axes[0].lines}
    reach = lines["slope"].get_xdata()
    np.testing.assert_allclose(lines["slope"].get_ydata(), 0.3 + 25 * reach, rtol=1e-9)
    assert reach[-1] > 0.06


@pytest.mark.parametrize("name", ["Exy", "D2min"])
def test_a_map_of_round_off_is_not_drawn(tmp_path, drawn, name):
    """At the start strain and D²min are zero but for round-off."""
    strain = np.stack([np.full((4, 4), 1e-17) * k + (k > 0) * np.eye(4) * 10.0**k for k in range(3)])
    file = SimpleNamespace(get=lambda _: strain, units=lambda what: "angstrom" if what == "box" else "1")
    figures._maps(file, name, np.array([0.0, 0.1, 0.2]), [0, 1, 2], np.ones(2), tmp_path / "a.png")
    titles = [axes.get_title() for axes in drawn["a"].axes if axes.images]
    assert titles == ["$\\gamma$ = 0.10", "$\\gamma$ = 0.20"]


@pytest.mark.parametrize(
    ("spread", "seen"),
    [
        ((0.03, 0.5, 1.0), [1, 2]),  # thermal noise at the start
        ((0.1, 0.5, 1.0), [0, 1, 2]),  # noise that the others have in them, too: it has to be seen
        ((0.5, 0.03, 1.0), [0, 1, 2]),  # later little has happened, which is what the map is for
        ((1e-9, 1e-9, 1.0), [2]),
        ((0.0, 0.0, 0.0), [0, 1, 2]),
    ],
)
def test_a_map_of_the_noise_at_the_start_alone_is_not_drawn(spread, seen):
    assert figures._seen([0, 1, 2], dict(enumerate(spread))) == seen


def test_what_is_no_glass_is_named(tmp_path):
    (tmp_path / "glass.h5").write_text("no")
    with pytest.raises(FileError, match=r"glass\.h5: .*'mdbridge sample'"):
        figures.draw(tmp_path / "glass.h5", tmp_path)
