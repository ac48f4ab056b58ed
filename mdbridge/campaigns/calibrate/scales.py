"""Ticks of figures that can be read: few of them, apart from each other, and with plain numbers."""

from collections.abc import Collection
from typing import Any

import numpy as np

from ...core import plots
from .runs import Run

COUNT = 4
"""Ticks of an axis, about: panels are small."""

PLAIN = (1e-3, 1e4)
"""Numbers from the first up to the second are written without a power of ten."""


def parameter(run: Run, axis: Any, name: str, logarithmic: Collection[str], words: str = "") -> None:
    """Scale, label and ticks of an axis along a parameter, after everything is drawn."""
    if name in logarithmic:
        logarithms(axis)
    else:
        linear(axis)
    run.along(axis, name, words)


def linear(axis: Any) -> None:
    """Few ticks; large and small numbers share a power of ten, which stands at the end of the axis."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    axis.set_major_locator(MaxNLocator(COUNT + 1, steps=[1, 2, 4, 5, 10]))
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 4))
    axis.set_major_formatter(formatter)


def logarithms(axis: Any) -> None:
    """A logarithmic axis with numbers however little it spans: matplotlib labels whole decades alone."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.axes.autoscale_view()
    low, high = axis.get_view_interval()
    decades = float(np.log10(high / low))
    if decades >= 2.0:
        axis.set_major_locator(LogLocator(numticks=COUNT))
    elif decades >= 0.7:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    else:  # within a decade round numbers are nearly evenly spaced
        axis.set_major_locator(plots.ticks(COUNT))
    # one way of writing for all of an axis that has whole decades
    whole = decades >= 2.0 and not PLAIN[0] <= low <= high < PLAIN[1]
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, whole)))
    axis.set_minor_formatter(NullFormatter())


def number(value: float, power: bool = False) -> str:
    """A number of an axis: plain within :data:`PLAIN`, beyond it, or if asked for, with a power of ten."""
    if value == 0.0 or (PLAIN[0] <= abs(value) < PLAIN[1] and not power):
        return f"{value:g}"
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    factor = value / 10.0**exponent
    raised = f"10^{{{exponent}}}"
    return f"${raised}$" if np.isclose(factor, 1.0) else f"${factor:.3g} \\times {raised}$"
