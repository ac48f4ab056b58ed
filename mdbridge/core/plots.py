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
    """Draw a figure of ``width`` × ``height`` inches into ``path``."""
    plt = pyplot()
    with plt.rc_context(_STYLE):
        fig, axes = plt.subplots(figsize=(width, height), **subplots)
        try:
            yield fig, axes
            with replacing(path) as temporary:
                # the format is told: a temporary file's name ends in .part
                fig.savefig(temporary, format=path.suffix.lstrip("."))
        finally:
            # pyplot holds on to every figure, with its arrays, until it is told not to
            plt.close(fig)


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
