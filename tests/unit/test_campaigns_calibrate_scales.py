"""Ticks that can be read."""

import itertools

import pytest

from mdbridge.campaigns.calibrate import scales
from mdbridge.core import plots


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
    texts, apart, offset = labels(1e5, 6e5, scales.linear)
    assert apart and "10^{5}" in offset and len(texts) >= 3
    texts, apart, offset = labels(1.0, 12.0, scales.linear)
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
    texts, apart, _ = labels(low, high, scales.logarithms)
    assert len(texts) >= 2 and some <= set(texts) and apart


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (4.0, "4"), (1e-8, "$10^{-8}$"), (500.0, "500"),
     (0.002, "0.002"), (1e3, "1000"), (1e4, "$10^{4}$"),
     (2e5, "$2 \\times 10^{5}$")],
)  # fmt: skip
def test_numbers_are_plain_below_a_thousand(value, text):
    assert scales.number(value) == text
