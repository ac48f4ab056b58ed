"""One look for all figures, and files that appear whole."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .files import replacing
from .requires import requires

DIVERGING = "RdBu_r"
SEQUENTIAL = "cividis"
# distinguishable in print and by the colour-blind (Okabe and Ito)
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6f6f6f"

_STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "figure.constrained_layout.use": True,
    # the same figure is the same file
    "svg.hashsalt": "mdbridge",
}


def pyplot() -> Any:
    """matplotlib's pyplot, set to draw into files; imported only here, as few commands draw."""
    with requires("matplotlib", "drawing"):
        import matplotlib

        # before pyplot is imported: other backends ask for a display, which a node of a cluster has not
        matplotlib.use("Agg")
        from matplotlib import pyplot
    return pyplot


def shown() -> Any:
    """Axes of a new figure, in whatever way the program that asks for them shows figures."""
    with requires("matplotlib", "drawing"):
        # not those of :func:`pyplot`: a notebook would show nothing any more
        from matplotlib import pyplot
    return pyplot.subplots(layout="constrained")[1]


@contextmanager
def figure(path: Path, width: float, height: float, **subplots: Any) -> Iterator[tuple[Any, Any]]:
    """Draw a figure of ``width`` × ``height`` inches into ``path``; of a PNG there is an SVG beside it."""
    plt = pyplot()
    with plt.rc_context(_STYLE):
        fig, axes = plt.subplots(figsize=(width, height), **subplots)
        try:
            yield fig, axes
            # lines and letters that a journal can set anew beside what a screen shows
            for wanted in (path, path.with_suffix(".svg")) if path.suffix == ".png" else (path,):
                with replacing(wanted) as temporary:
                    # the format is told: a temporary file's name ends in .part
                    fig.savefig(temporary, format=wanted.suffix.lstrip("."), metadata=_undated(wanted))
        finally:
            # pyplot holds on to every figure, with its arrays, until it is told not to
            plt.close(fig)


def _undated(path: Path) -> dict[str, None] | None:
    """Metadata without the time: the same figure is the same file."""
    return {"Date": None} if path.suffix == ".svg" else None


def magnification(difference: Any, limit: float) -> float:
    """By what, of 1, 2, 5, 10, …, a difference is multiplied to be seen on a scale up to ``limit``."""
    import numpy as np

    largest = float(np.nanmax(np.abs(difference), initial=0.0))
    # round-off is no difference: a perfect model shows nothing, not noise
    if not largest > 1e-9 * limit:
        return 1.0
    # a tenth, as exactly as it may be, is magnified ten times
    ratio = limit / largest * (1 + 1e-9)
    decade = 10.0 ** np.floor(np.log10(ratio))
    return max(1.0, float(max(step * decade for step in (1.0, 2.0, 5.0) if step * decade <= ratio)))


_GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
_MARKS = {"inf": "\\infty", "angstrom": "Å", "^2": "²", "^3": "³", "deg": "°"}


def symbol(name: str) -> str:
    """A name as mathematics writes it where it is one of a quantity (beta, s_y, c0, chi_inf); else itself."""
    stem, _, index = name.partition("_")
    if not index:
        # digits at the end count as an index: E0
        stem = name.rstrip("0123456789")
        index = name[len(stem) :]
    greek = stem.lower() in _GREEK.split()
    # a word with an underscore is a word
    if not (greek or (len(stem) == 1 and index)) or len(index) > 3 or "_" in index:
        return name
    letter = f"\\{stem}" if greek else stem
    return f"${letter}_{{{_MARKS.get(index, index)}}}$" if index else f"${letter}$"


def unit(text: str) -> str:
    """A unit as figures write it: Å², g/cm³."""
    for plain, mark in _MARKS.items():
        text = text.replace(plain, mark) if plain != "inf" else text
    return text


def legend_above(fig: Any, axes: Any, columns: int = 2) -> None:
    """The legend of one panel above all of them, where it covers no curve."""
    fig.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns)


def common_scale(maps: Any, logarithmic: bool = False) -> dict[str, Any]:
    """Colours for maps that are compared, ``(k, ny, nx)``; logarithmic where all values are positive."""
    import numpy as np
    from matplotlib.colors import LogNorm

    low, high = float(np.nanmin(maps)), float(np.nanmax(maps))
    # a uniform field has no range, and nothing that may be negative a logarithm
    if logarithmic and 0 < low < high:
        return {"norm": LogNorm(low, high)}
    return {"vmin": low, "vmax": max(high, low + 1e-6 * max(abs(low), 1.0))}


def animate(fig: Any, show: Callable[[int], list[Any]], frames: int, path: Path, rate: int) -> None:
    """Write ``frames`` frames of ``fig``, each drawn by ``show``, at so many a second as an animated GIF."""
    pyplot()
    from matplotlib.animation import FuncAnimation, PillowWriter

    animation = FuncAnimation(fig, show, frames=frames, blit=False)
    with replacing(path) as temporary, TemporaryDirectory() as folder:
        # the writer takes the format from the name
        made = Path(folder) / "animation.gif"
        animation.save(made, writer=PillowWriter(fps=rate))
        shutil.copyfile(made, temporary)


def bare(axes: Any) -> None:
    """A map: equal scales and all four sides."""
    axes.set_aspect("equal")
    for side in axes.spines.values():
        side.set_visible(True)


def cut_out(image: Any, loops: Sequence[Any]) -> None:
    """Show an image inside closed loops ``(n, 2)`` alone, and draw them: holes go round the other way."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    whole = Outline.make_compound_path(*(Outline(loop, closed=True) for loop in loops))
    edge = PathPatch(whole, transform=image.axes.transData, fill=False, linewidth=0.6)
    image.axes.add_patch(edge)
    image.set_clip_path(edge)


def ticks(count: int, whole: bool = False, steps: Sequence[float] | None = None, least: int = 2) -> Any:
    """At most about ``count`` round ticks; at whole numbers alone, if ``whole``, or in certain ``steps``.

    Rather more than so many than fewer than ``least``.
    """
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count, integer=whole, steps=steps, min_n_ticks=least)


def scaled(factor: float) -> Any:
    """Plain numbers for a scale, each multiplied with ``factor``."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value * factor:.6g}".replace("-", "−"))


FEW = 4
"""Ticks of an axis, about: panels are small."""

PLAIN = (1e-3, 1e4)
"""Numbers from the first up to the second are written without a power of ten."""


def few_ticks(axis: Any) -> None:
    """Few ticks; large and small numbers share a power of ten, which stands at the end of the axis."""
    from matplotlib.ticker import ScalarFormatter

    axis.set_major_locator(ticks(FEW + 1, steps=[1, 2, 4, 5, 10]))
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 4))
    axis.set_major_formatter(formatter)


def log_axis(axis: Any) -> None:
    """A logarithmic axis with numbers however little it spans: matplotlib labels whole decades alone."""
    import numpy as np
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.axes.autoscale_view()
    low, high = axis.get_view_interval()
    decades = float(np.log10(high / low))
    if decades >= 2.0:
        axis.set_major_locator(LogLocator(numticks=FEW))
    elif decades >= 0.7:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    else:  # within a decade round numbers are nearly evenly spaced
        axis.set_major_locator(ticks(FEW))
    # one way of writing for all of an axis that has whole decades
    whole = decades >= 2.0 and not PLAIN[0] <= low <= high < PLAIN[1]
    axis.set_major_formatter(FuncFormatter(lambda value, _: axis_number(value, whole)))
    axis.set_minor_formatter(NullFormatter())


def axis_number(value: float, power: bool = False) -> str:
    """A number of an axis: plain within :data:`PLAIN`, beyond it, or if asked for, with a power of ten."""
    if value == 0.0 or (PLAIN[0] <= abs(value) < PLAIN[1] and not power):
        return f"{value:g}"
    import numpy as np

    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    factor = value / 10.0**exponent
    raised = f"10^{{{exponent}}}"
    return f"${raised}$" if np.isclose(factor, 1.0) else f"${factor:.3g} \\times {raised}$"
