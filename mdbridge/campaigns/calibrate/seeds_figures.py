"""Figures of a study over seeds, from the stored results of its runs alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...core import plots
from .figures import COMPARED, along_evaluations, hide, panels
from .runs import Run, medians

COLOURS = (plots.BLUE, plots.ORANGE, plots.GREEN)


def draw(out: Path, schemes: Mapping[str, Sequence[Run]]) -> None:
    """Write convergence, distance and optima (.png) to ``out``.

    Args:
        out: folder of the study.
        schemes: runs by scheme, those of the first are shown in all figures.
    """
    runs = next(iter(schemes.values()))
    _convergence(runs, out / "convergence.png")
    _distance(schemes, out / "distance.png")
    _optima(runs, out / "optima.png")


def _convergence(runs: Sequence[Run], path: Path) -> None:
    """The best parameters after each evaluation, all seeds, [Kontolati2021, Figures 8, 12]."""
    names, truth = runs[0].names, runs[0].summary["truth"] or {}
    # not to its end, which is too pale on white
    colours = plots.pyplot().colormaps["viridis"](np.linspace(0.0, 0.9, len(runs)))
    with plots.figure(path, **panels(len(names))) as (fig, axes):
        for name, panel in zip(names, axes.flat, strict=False):
            for run, colour in zip(runs, colours, strict=True):
                series = run.parameter(name)
                count = np.arange(1, len(series) + 1)
                panel.plot(count, series, color=colour, linewidth=0.9, drawstyle="steps-post")
                panel.plot(count[-1], series[-1], "o", color=colour, markersize=3)
            if name in truth:
                panel.axhline(truth[name], color="black", linestyle="--", linewidth=0.9, label="truth")
            along_evaluations(panel)
            runs[0].along(panel.yaxis, name, "best ")
        known = next((p for n, p in zip(names, axes.flat, strict=False) if n in truth), None)
        if known is not None:
            plots.legend_above(fig, known)
        hide(axes, len(names))


def _distance(schemes: Mapping[str, Sequence[Run]], path: Path) -> None:
    """The least distance at equal evaluations: every seed, and the median of each scheme."""
    with plots.figure(path, 5.0, 3.4) as (_, axes):
        for (scheme, runs), colour in zip(schemes.items(), COLOURS, strict=False):
            for run in runs:
                least = run.distance()
                axes.semilogy(np.arange(1, len(least) + 1), least, color=colour, linewidth=0.6, alpha=0.5)
                axes.semilogy(len(least), least[-1], "o", color=colour, markersize=3)
            # runs end at different numbers; the median goes on to the last of them
            longest = max(len(run.trials) for run in runs)
            label = f"{scheme}, median of {len(runs)} seeds"
            axes.semilogy(
                np.arange(1, longest + 1), medians(runs, longest), color=colour, linewidth=2.2, label=label
            )
        compared = next(iter(schemes.values()))[0].summary["compared"]
        if compared:
            axes.axhline(compared["distance"], color="black", linestyle=":", linewidth=1.0, label=COMPARED)
        along_evaluations(axes)
        axes.set_ylabel("least distance so far")
        axes.legend()


def _optima(runs: Sequence[Run], path: Path) -> None:
    """The optimum of each seed with its 95 % interval."""
    names, truth = runs[0].names, runs[0].summary["truth"] or {}
    seeds = [run.summary["seed"] for run in runs]
    # a line for each seed
    size = {**panels(len(names)), "height": (0.16 * len(runs) + 0.9) * -(-len(names) // 2)}
    with plots.figure(path, **size) as (_, axes):
        for name, panel in zip(names, axes.flat, strict=False):
            for row, run in enumerate(runs):
                best = run.summary["best"][name]
                # choices and whole numbers have none
                interval = (run.summary["intervals"] or {}).get(name)
                if interval:
                    panel.plot(interval, [row, row], color=plots.BLUE, linewidth=1.2)
                panel.plot(best, row, "o", color=plots.BLUE, markersize=4)
            if name in truth:
                panel.axvline(truth[name], color="black", linestyle="--", linewidth=0.9)
            panel.set_yticks(range(len(runs)), seeds)
            panel.set_ylabel("seed")
            # optima agree in many digits: an offset would hide the value
            panel.ticklabel_format(axis="x", useOffset=False)
            panel.xaxis.set_major_locator(plots.ticks(3))
            runs[0].along(panel.xaxis, name)
        hide(axes, len(names))
