"""Figures of a calibration, from its stored results alone."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots
from ...core.files import read_json
from . import results
from .results import Pair
from .runs import Run

Array = NDArray[np.float64]

PHASES = {
    "initial": ("start design", plots.GREY),
    "ego": ("expected improvement", plots.BLUE),
    "refine": ("refinement", plots.ORANGE),
    "slopes": ("slopes at the end", plots.GREEN),
}
COMPARED = "at output.compare"
"""What figures call the distance at the parameters that the input names to compare with."""

FAILED = {"color": plots.GREY, "markersize": 3.5, "markeredgewidth": 0.8, "label": "no distance"}
"""How trials are drawn in which the model failed or was refused."""

TRUTH = {"color": "black", "linestyle": "--", "linewidth": 0.8, "label": "truth"}

PALE = "#F7D3BE"
"""A red that lies below all lines: through a transparent one edges would show twice."""

SHOWN = 8
"""Snapshots side by side, at most."""


def draw(out: Path, record: Path | None = None, results: Path | None = None) -> None:
    """Write convergence, distance, pairs, fields_*, curves_*, slices and sensitivity (.png) to ``out``.

    Args:
        out: folder with best.h5.
        record: the trials; ``out/trials.jsonl`` if None.
        results: folder with analysis.json and summary.json; ``out`` if None.

    Raises:
        FileError: a file is missing or not what it should be.
    """
    results = out if results is None else results
    run = Run.read(results, out / "trials.jsonl" if record is None else record)
    analysis = read_json(results / "analysis.json")
    # results of earlier releases do not say it
    logarithmic = analysis.get("logarithmic", [])
    _convergence(run, out / "convergence.png", logarithmic)
    _distance(run, out / "distance.png")
    _pairs(run, out / "pairs.png", logarithmic)
    _responses(out / "best.h5", out, analysis, run.summary.get("converged"))
    # too few trials make no surrogate
    if analysis["slices"]:
        _slices(run, analysis["slices"], out / "slices.png", analysis.get("offset", 0.0), logarithmic)
        _sensitivity(analysis["sensitivity"], out / "sensitivity.png")


def _convergence(run: Run, path: Path, logarithmic: Collection[str] = ()) -> None:
    """The best parameters after each evaluation, [Kontolati2021, Figures 8, 12]."""
    truth = run.summary["truth"] or {}
    with plots.figure(path, **panels(len(run.names))) as (fig, axes):
        for name, panel in zip(run.names, axes.flat, strict=False):
            series = run.parameter(name)
            # steps: the best value holds until a better one is known
            panel.plot(np.arange(1, len(series) + 1), series, color=plots.BLUE, drawstyle="steps-post")
            if name in truth:
                panel.axhline(truth[name], **TRUTH)
            along_evaluations(panel)
            _along(run, panel.yaxis, name, logarithmic, "best ")
        _legend(fig, axes.flat)
        hide(axes, len(run.names))


def _distance(run: Run, path: Path) -> None:
    """Every distance by its phase, and the least so far."""
    with plots.figure(path, 5.0, 3.2) as (_, axes):
        for phase, (label, colour) in PHASES.items():
            answered = [t for t in run.trials if t.phase == phase and t.distance is not None]
            if not answered:
                continue
            where, values = [t.index + 1 for t in answered], [t.value for t in answered]
            axes.plot(where, values, ".", color=colour, markersize=4, label=label)
        least = run.distance()
        axes.plot(np.arange(1, len(least) + 1), least, color="black", linewidth=1.0, label="least so far")
        if run.positive:
            plots.log_axis(axes.yaxis)
        # they have no height: at the upper edge, where nothing is
        where = [t.index + 1 for t in run.trials if t.distance is None]
        if where:
            edge = axes.get_xaxis_transform()
            axes.plot(where, np.full(len(where), 0.98), "x", transform=edge, **FAILED)
        compared = run.summary["compared"]
        if compared:
            axes.axhline(compared["distance"], color=plots.RED, linestyle=":", linewidth=1.0, label=COMPARED)
        along_evaluations(axes)
        axes.set_ylabel("distance")
        axes.legend()


def _pairs(run: Run, path: Path, logarithmic: Collection[str] = ()) -> None:
    """The trials over every pair of parameters, the best, and the flattest direction through it."""
    names, count = run.names, len(run.names) - 1
    # one parameter has no pairs
    if not count:
        return
    # the worst first: good ones are few, and must not be drawn over
    answered = sorted((t for t in run.trials if t.distance is not None), key=lambda t: -t.value)
    # a distance of zero has no logarithm, nor has an objective that may be negative
    values = np.array([np.log10(max(t.value, 1e-300)) if run.positive else t.value for t in answered])
    size = {"nrows": count, "ncols": count, "squeeze": False, "sharex": "col", "sharey": "row"}
    # the colours are for the good nine tenths: a few hopeless trials would take the whole scale
    colours = {"cmap": plots.SEQUENTIAL + "_r", "vmax": float(np.quantile(values, 0.9))}
    with plots.figure(path, 1.7 * count + 1.2, 1.5 * count + 0.5, **size) as (figure, axes):
        scatters = []
        for row, y in enumerate(names[1:]):
            for column, x in enumerate(names[:-1]):
                panel = axes[row, column]
                # x and y changed over: the same points once more
                if column > row:
                    panel.set_visible(False)
                    continue
                points = np.array([[t.parameters[x], t.parameters[y]] for t in answered])
                scatters.append(panel.scatter(*points.T, c=values, s=5, linewidths=0, **colours))
                _mark(panel, run, x, y)
                # spread evenly by their logarithms, trials would crowd at one side
                _along(run, panel.xaxis, x, logarithmic)
                _along(run, panel.yaxis, y, logarithmic)
                panel.label_outer()
        _legend(figure, axes.flat)
        figure.colorbar(
            scatters[-1], ax=axes, label="$\\log_{10}$ distance" if run.positive else "objective", shrink=0.7
        )


def _along(run: Run, axis: Any, name: str, logarithmic: Collection[str], words: str = "") -> None:
    """Scale, ticks and label of an axis along a parameter, after everything is drawn."""
    if name in logarithmic:
        plots.log_axis(axis)
    else:
        plots.few_ticks(axis)
    run.along(axis, name, words)


def _mark(panel: Any, run: Run, x: str, y: str) -> None:
    """What there is beside the trials with a distance: those without, the best, the truth, the valley."""
    failed = [t.parameters for t in run.trials if t.distance is None]
    if failed:
        panel.plot([p[x] for p in failed], [p[y] for p in failed], "x", zorder=1, **FAILED)
    truth = run.summary["truth"] or {}
    if x in truth:
        panel.axvline(truth[x], zorder=1, **TRUTH)
    if y in truth:
        panel.axhline(truth[y], zorder=1, **TRUTH)
    best = run.summary["best"]
    panel.plot(best[x], best[y], "+", color=plots.RED, markersize=8, label="best")
    if run.summary["valley"]:
        # over the cross, and not in its colour: short ones would not be seen
        ends = [[end[name] for end in run.summary["valley"]] for name in (x, y)]
        panel.plot(*ends, color="black", linewidth=1.2, label="direction known least")


def _responses(
    store: Path, out: Path, analysis: Mapping[str, Any] | None = None, converged: bool | None = True
) -> None:
    """Fields side by side and curves on each other, [Kontolati2021, Figures 5–7, 9–11]."""
    analysis = analysis or {}
    bands, sigmas = analysis.get("bands", {}), analysis.get("sigma", {})
    for name, pair in results.read(store).items():
        # what curves are over is no result
        if name in analysis.get("abscissae", ()):
            continue
        if pair.reference.ndim == 3:
            _fields(pair, out / f"fields_{name}.png")
        # other shapes are in best.h5, for whoever knows what they mean
        elif pair.reference.ndim == 1:
            _curves(pair, out / f"curves_{name}.png", bands.get(name), sigmas.get(name), converged)


def _fields(pair: Pair, path: Path) -> None:
    """Reference above, calibrated below, one colour scale for each snapshot; their difference, magnified."""
    reference, calibrated = pair.reference, pair.calibrated
    shown = np.unique(np.linspace(0, len(reference) - 1, min(SHOWN, len(reference))).round().astype(int))
    largest = max(float(np.ptp(np.stack([reference[k], calibrated[k]]))) for k in shown)
    difference = calibrated - reference
    # round-off is nothing to look at
    apart = float(np.abs(difference[shown]).max()) > 1e-6 * largest
    size = {"nrows": 3 if apart else 2, "ncols": len(shown), "squeeze": False}
    with plots.figure(path, 1.45 * len(shown) + 0.5, 4.6 if apart else 3.3, **size) as (figure, axes):
        for column, k in enumerate(shown):
            # one scale for both, or they could not be compared
            both = np.stack([reference[k], calibrated[k]])
            # a uniform field has no range
            limits = {"vmin": both.min(), "vmax": max(both.max(), both.min() + 1e-12)}
            images = [
                panel.imshow(values, origin="lower", cmap=plots.SEQUENTIAL, **limits)
                for panel, values in zip(axes[:2, column], both, strict=True)
            ]
            for panel in axes[:, column]:
                panel.set_xticks([])
                panel.set_yticks([])
                plots.bare(panel)
            title = f"$\\gamma$ = {100 * pair.along[k]:g} %" if pair.strained else f"snapshot {k}"
            axes[0, column].set_title(title)
            bar = figure.colorbar(images[0], ax=axes[:2, column], location="bottom", aspect=12, pad=0.03)
            bar.ax.tick_params(labelsize=6)
            bar.locator = plots.ticks(3)
            bar.update_ticks()
        axes[0, 0].set_ylabel("reference")
        axes[1, 0].set_ylabel("calibrated")
        if apart:
            _differences(figure, axes[2], difference[shown], 0.5 * largest)
        figure.suptitle(plots.unit(pair.label), fontsize=9)


def _differences(figure: Any, axes: Any, difference: Array, limit: float) -> None:
    """A row of differences, all magnified alike so that one sees them."""
    factor = plots.magnification(difference, limit)
    colours = {"cmap": plots.DIVERGING, "vmin": -limit, "vmax": limit}
    images = [
        panel.imshow(factor * values, origin="lower", **colours)
        for panel, values in zip(axes, difference, strict=True)
    ]
    axes[0].set_ylabel(f"difference\n× {factor:g}" if factor > 1 else "difference")
    bar = figure.colorbar(images[0], ax=list(axes), location="bottom", aspect=12 * len(axes), pad=0.03)
    bar.ax.tick_params(labelsize=6)


def _curves(
    pair: Pair,
    path: Path,
    band: Mapping[str, Any] | None = None,
    sigma: Sequence[float | None] | None = None,
    converged: bool | None = True,
) -> None:
    """The reference and the calibrated curve; measurements as points, with where more are expected.

    Args:
        sigma: standard deviation of each measurement; None or NaN where it is not known.
        converged: whether the search has; where it has not, the band is a guess.
    """
    doubt = ",\nif this were the optimum" if converged is False else ""
    # points are counted from 1, strains and other coordinates are what they are
    along = pair.along if pair.strained or pair.over else pair.along + 1
    order = np.argsort(along, kind="stable")
    if pair.over:  # a line goes on where a measurement is missing
        order = order[np.isfinite(along[order]) & np.isfinite(pair.calibrated[order])]
    with plots.figure(path, 4.5, 3.2) as (_, axes):
        if pair.over:
            style = {"color": plots.GREY, "markersize": 5, "label": "reference"}
            if sigma is not None and len(sigma) == len(along):
                deviation = np.array(sigma, dtype=np.float64)
                axes.errorbar(along, pair.reference, deviation, fmt=".", elinewidth=0.8, **style)
            else:
                axes.plot(along, pair.reference, ".", **style)
        else:
            axes.plot(along, pair.reference, color=plots.GREY, linewidth=2.5, label="reference")
        # options of the report may draw another curve than the one that was compared
        if band is not None and len(band["low"]) == len(along):
            low, high = (np.array(band[end], dtype=np.float64)[order] for end in ("low", "high"))
            axes.fill_between(
                along[order],
                low,
                high,
                color=plots.RED,
                alpha=0.15,
                linewidth=0,
                label=f"95 % of measurements{doubt}",
            )
        axes.plot(along[order], pair.calibrated[order], color=plots.RED, linestyle="--", label="calibrated")
        if pair.over and _crowded(along[np.isfinite(along)]):
            plots.log_axis(axes.xaxis)
        axes.set_xlabel("net strain $\\gamma$" if pair.strained else pair.over or "point")
        axes.set_ylabel(pair.label)
        axes.legend()


def _crowded(along: Array) -> bool:
    """Whether points lie so close at the low end that only a logarithmic axis shows them apart."""
    return bool(len(along) and along.min() > 0.0 and np.median(along) < 0.1 * along.max())


def _slices(
    run: Run, slices: dict[str, Any], path: Path, below: float = 0.0, logarithmic: Collection[str] = ()
) -> None:
    """The surrogate through the best point, with two standard deviations."""
    intervals, truth = run.summary["intervals"] or {}, run.summary["truth"] or {}
    with plots.figure(path, **panels(len(slices))) as (fig, axes):
        for (name, line), panel in zip(slices.items(), axes.flat, strict=False):
            mean, deviation = np.array(line["mean"]), np.array(line["deviation"])
            # the surrogate is one of the logarithm
            panel.plot(line["value"], below + np.exp(mean), color=plots.BLUE, label="surrogate")
            low, high = below + np.exp(mean - 2 * deviation), below + np.exp(mean + 2 * deviation)
            panel.fill_between(
                line["value"],
                low,
                high,
                color=plots.BLUE,
                alpha=0.2,
                linewidth=0,
                label="± 2 standard deviations",
            )
            panel.axvline(run.summary["best"][name], color=plots.RED, linewidth=0.8, label="best")
            # what the model gave there, which the surrogate may miss
            panel.plot(run.summary["best"][name], run.summary["distance"], "o", ms=4, color=plots.RED)
            if name in intervals:
                # a thin edge of its own: over many decades the rest of it may be too narrow to see
                panel.axvspan(*intervals[name], color=PALE, linewidth=0.6, zorder=0, label="95 %")
            if name in truth:
                panel.axvline(truth[name], **TRUTH)
            panel.set_ylabel("distance" if run.positive else "objective")
            if run.positive:
                plots.log_axis(panel.yaxis)
            _along(run, panel.xaxis, name, logarithmic)
        _legend(fig, axes.flat, 3)
        hide(axes, len(slices))


def _sensitivity(shares: dict[str, dict[str, float]], path: Path) -> None:
    """Sobol indices of the log distance, the largest on top."""
    # bars are drawn from below; the largest share belongs on top
    names = list(shares)[::-1]
    rows = np.arange(len(names))
    with plots.figure(path, 4.2, 0.4 * len(names) + 1.1) as (fig, axes):
        for shift, kind, colour in ((0.19, "total", plots.BLUE), (-0.19, "first", plots.ORANGE)):
            label = {"total": "with interactions", "first": "alone"}[kind]
            axes.barh(rows + shift, [shares[n][kind] for n in names], 0.36, color=colour, label=label)
        axes.set_yticks(rows, [plots.symbol(name) for name in names])
        axes.set_xlabel("share of the variance of log distance")
        # of any length are the bars: beside them is no room that could be relied on
        plots.legend_above(fig, axes)


def _legend(fig: Any, all_axes: Iterable[Any], columns: int = 2) -> None:
    """One legend above all panels of what any of them has."""
    handles: dict[str, Any] = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        columns = min(columns, len(handles))
        fig.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=columns)


def panels(count: int) -> dict[str, Any]:
    """Size and arrangement of a figure with ``count`` panels, two beside each other."""
    # rounded up
    rows, columns = -(-count // 2), min(count, 2)
    return {"width": 3.4 * columns, "height": 2.3 * rows, "nrows": rows, "ncols": columns, "squeeze": False}


def along_evaluations(axes: Any) -> None:
    """Name the abscissa of a search: there is no half of an evaluation."""
    axes.set_xlabel("evaluations")
    axes.xaxis.set_major_locator(plots.ticks(5, whole=True))


def hide(axes: Any, used: int) -> None:
    """Take away the panels beyond the first ``used``."""
    for panel in list(axes.flat)[used:]:
        panel.set_visible(False)
