"""One look for all figures, and files that appear whole."""

import shutil
from collections.abc import Callable, Iterator
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


def plain_log(axes: Any) -> None:
    """Plain numbers, 1, 2 and 5 of each decade, on a logarithmic vertical axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def ticks(count: int) -> Any:
    """At most about ``count`` round ticks."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count)
