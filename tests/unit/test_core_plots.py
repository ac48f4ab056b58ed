"""Figures: whole or not at all, of the size asked for, in one look that leaves no trace."""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from mdbridge.core import plots
from mdbridge.core.errors import FileError


@pytest.fixture(autouse=True)
def as_shipped(monkeypatch):
    """The files as users have them, not the sketches of the other tests."""
    monkeypatch.setattr(Figure, "savefig", Figure.savefig.__wrapped__)


def test_a_figure_has_its_size_and_its_kind(tmp_path):
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")):
        with plots.figure(tmp_path / name, 2.0, 1.5, ncols=2) as (figure, axes):
            axes[0].plot([0, 1])
            assert figure.get_size_inches().tolist() == [2.0, 1.5] and len(axes) == 2
        assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]
    width, height = np.frombuffer((tmp_path / "a.png").read_bytes()[16:24], dtype=">u4")
    assert (width, height) == (400, 300)  # 200 dots an inch, enough to print


def test_a_picture_is_there_to_look_at_and_to_set_anew_and_the_same_each_time(tmp_path):
    texts = []
    for _ in range(2):
        with plots.figure(tmp_path / "b.png", 2.0, 1.5) as (_, axes):
            axes.plot([0, 1], label="line")
            axes.legend()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "b.svg"]
        texts.append((tmp_path / "b.svg").read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("name", "mathematics"),
    [
        ("beta", r"$\beta$"), ("s_y", "$s_{y}$"), ("c0", "$c_{0}$"), ("E0", "$E_{0}$"),
        ("chi_inf", r"$\chi_{\infty}$"), ("a", "a"), ("stiffness", "stiffness"), ("width_A", "width_A"),
        ("run_2", "run_2"), ("train-x-2-1", "train-x-2-1"), ("x_of_y", "x_of_y"), ("", ""),
    ],
)  # fmt: skip
def test_names_of_quantities_are_set_as_mathematics_and_words_stay(name, mathematics):
    assert plots.symbol(name) == mathematics
    with plots.pyplot().rc_context():
        figure = plots.pyplot().figure()
        figure.text(0, 0, plots.symbol(name))
        # matplotlib can set it
        figure.canvas.draw()
        plots.pyplot().close(figure)


def test_units_are_those_of_print():
    given = ("g/cm^3", "angstrom^2", "eV/angstrom", "1/eV", "influence")
    assert [plots.unit(u) for u in given] == ["g/cm³", "Å²", "eV/Å", "1/eV", "influence"]


def test_maps_that_are_compared_have_one_scale():
    maps = np.array([[[1.0, 2.0]], [[5.0, 400.0]]])
    assert plots.common_scale(maps) == {"vmin": 1.0, "vmax": 400.0}
    norm = plots.common_scale(maps, logarithmic=True)["norm"]
    assert (norm.vmin, norm.vmax) == (1.0, 400.0) and norm(20.0) == pytest.approx(0.5)
    # what may be zero or negative has no logarithm, and a uniform field has a scale all the same
    assert plots.common_scale(maps - 1.0, logarithmic=True) == {"vmin": 0.0, "vmax": 399.0}
    uniform = plots.common_scale(np.full((2, 1, 1), 3.0), logarithmic=True)
    assert uniform["vmin"] == 3.0 < uniform["vmax"]


@pytest.mark.parametrize(
    ("largest", "times"), [(0.06, 10.0), (0.9, 1.0), (2.0, 1.0), (0.004, 200.0), (1e-12, 1.0), (0.0, 1.0)]
)
def test_a_difference_is_magnified_until_one_sees_it(largest, times):
    assert plots.magnification(np.array([0.5 * largest, -largest, np.nan]), 1.0) == times


def test_a_failed_figure_leaves_nothing_and_is_closed(tmp_path):
    before = pyplot.get_fignums()
    (tmp_path / "a.png").write_bytes(b"the one before")
    with pytest.raises(ZeroDivisionError), plots.figure(tmp_path / "a.png", 2.0, 1.5):
        _ = 1 / 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"the one before"
    assert pyplot.get_fignums() == before


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FileError, match=r"out/a\.png"), plots.figure(tmp_path / "out" / "a.png", 2.0, 1.5):
        pass


def test_the_look_is_that_of_our_figures_alone(tmp_path):
    before = matplotlib.rcParams["font.size"], matplotlib.rcParams["axes.spines.top"]
    with plots.figure(tmp_path / "a.png", 2.0, 1.5) as (_, axes):
        assert not axes.spines["top"].get_visible()
        plots.bare(axes)
        assert all(side.get_visible() for side in axes.spines.values())
        assert axes.get_aspect() == 1.0
    assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["axes.spines.top"]) == before


def test_no_display_is_asked_for():
    assert plots.pyplot().get_backend().lower() == "agg"


def test_logarithmic_axes_have_plain_numbers(tmp_path):
    with plots.figure(tmp_path / "a.png", 3.0, 4.0) as (figure, axes):
        axes.semilogy([1, 2], [3.0, 60.0])
        plots.log_axis(axes.yaxis)
        figure.canvas.draw()
        shown = [tick.get_text() for tick in axes.get_yticklabels()]
    assert {"5", "10", "20", "50"} <= set(shown)


def test_ticks_are_few_and_evenly_spaced():
    values = plots.ticks(3).tick_values(0.0, 0.9)
    assert len(values) <= 5 and np.allclose(np.diff(values), np.diff(values)[0])


def test_colours_differ_also_in_grey():
    """Luminances of the lines' colours, as a printer without colours has them."""
    colours = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.RED, plots.GREY)
    assert len(set(colours)) == 5
    grey = [np.dot([0.2126, 0.7152, 0.0722], matplotlib.colors.to_rgb(colour)) for colour in colours[:2]]
    assert abs(grey[0] - grey[1]) > 0.2


def labels(low, high, scale):
    """The labels of a small panel over a range, and whether two of them overlap."""
    with plots.pyplot().rc_context({"font.size": 9}):
        figure, axes = plots.pyplot().subplots(figsize=(2.2, 1.7))
        axes.plot([low, high], [0.0, 1.0])
        scale(axes.xaxis)
        figure.canvas.draw()
        shown = [t for t in axes.get_xticklabels() if t.get_text() and t.get_window_extent().width]
        boxes = sorted((t.get_window_extent().x0, t.get_window_extent().x1) for t in shown)
        apart = all(left[1] < right[0] for left, right in itertools.pairwise(boxes))
        offset = axes.xaxis.get_offset_text().get_text()
        plots.pyplot().close(figure)
    return [t.get_text() for t in shown], apart, offset


def test_large_numbers_share_a_power_of_ten_and_do_not_overlap():
    texts, apart, offset = labels(1e5, 6e5, plots.few_ticks)
    assert apart and "10^{5}" in offset and len(texts) >= 3
    texts, apart, offset = labels(1.0, 12.0, plots.few_ticks)
    assert apart and not offset and len(texts) >= 3


@pytest.mark.parametrize(
    ("low", "high", "some"),
    [
        (3.0, 6.5, {"4", "6"}),  # not 4 × 10⁰
        (1.5, 70.0, {"2", "5", "10", "20", "50"}),
        (1e-14, 1e-2, {"$10^{-14}$", "$10^{-2}$"}),  # one way of writing
        (1.0, 2e3, {"1", "10", "100", "1000"}),
    ],
)
def test_a_logarithmic_axis_has_numbers_however_little_it_spans(low, high, some):
    texts, apart, _ = labels(low, high, plots.log_axis)
    assert len(texts) >= 2 and some <= set(texts) and apart


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (4.0, "4"), (1e-8, "$10^{-8}$"), (500.0, "500"),
     (0.002, "0.002"), (1e3, "1000"), (1e4, "$10^{4}$"),
     (2e5, "$2 \\times 10^{5}$")],
)  # fmt: skip
def test_numbers_are_plain_below_a_thousand(value, text):
    assert plots.axis_number(value) == text
