"""Figures of a calibration, from its stored results alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..calibrate import trials
from ..errors import FileError
from ..files import read_json
from . import style

Array = NDArray[np.float64]

_COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.RED, style.GREY)


@dataclass(frozen=True)
class Run:
    """A record, as it is drawn."""

    label: str
    colour: str
    trials: list[trials.Trial]

    def best_so_far(self) -> tuple[Array, list[trials.Trial]]:
        """After each evaluation: the least distance (``(n,)``) and its trial."""
        best, found = None, []
        for trial in self.trials:
            best = trial if best is None or trial.value < best.value else best
            found.append(best)
        return np.array([t.value for t in found]), found


def draw(out: Path, others: Sequence[Path] = ()) -> None:
    """Write convergence, distance, fields_*, curves_*, slices and sensitivity (.png) to ``out``.

    Args:
        out: folder with trials.jsonl, best.h5, analysis.json and summary.json.
        others: folders of runs to draw beside this one: other seeds, the other scheme.

    Raises:
        FileError: a file is missing or not what it should be.
    """
    runs = [_run(folder, k) for k, folder in enumerate([out, *others])]
    summary, analysis = read_json(out / "summary.json"), read_json(out / "analysis.json")
    _convergence(runs, summary["truth"] or {}, out / "convergence.png")
    _distance(runs, out / "distance.png")
    _responses(out / "best.h5", out)
    if analysis["slices"]:
        _slices(analysis["slices"], summary, out / "slices.png")
        _sensitivity(analysis["sensitivity"], out / "sensitivity.png")


def _run(folder: Path, number: int) -> Run:
    configuration, found = trials.read(folder / "trials.jsonl")
    ego = configuration["ego"]
    return Run(f"{ego['scheme']}, seed {ego['seed']}", _COLOURS[number % len(_COLOURS)], found)


def _convergence(runs: Sequence[Run], truth: dict[str, float], path: Path) -> None:
    """The best parameters after each evaluation, [Kontolati2021, Figures 8, 12]."""
    names = list(runs[0].trials[0].parameters)
    with style.figure(path, 3.4 * min(len(names), 2), 2.3 * -(-len(names) // 2), **_panels(len(names))) as (
        _,
        axes,
    ):
        for name, panel in zip(names, axes.flat, strict=False):
            for run in runs:
                value, best = run.best_so_far()
                known = np.isfinite(value)
                series = np.array([t.parameters.get(name, np.nan) for t in best])
                count = np.arange(1, len(series) + 1)
                panel.plot(count[known], series[known], color=run.colour, label=run.label)
            if name in truth:
                panel.axhline(truth[name], color="black", linestyle="--", linewidth=0.8, label="truth")
            panel.set_xlabel("evaluations")
            panel.set_ylabel(name)
        axes.flat[0].legend()


def _distance(runs: Sequence[Run], path: Path) -> None:
    """Every distance and the least so far: the schemes at equal evaluations."""
    with style.figure(path, 5.0, 3.2) as (_, axes):
        for run in runs:
            count = np.arange(1, len(run.trials) + 1)
            values = np.array([t.value for t in run.trials])
            axes.semilogy(count, values, ".", color=run.colour, markersize=2.5, alpha=0.5)
            axes.semilogy(count, run.best_so_far()[0], color=run.colour, label=run.label)
        axes.set_xlabel("evaluations")
        axes.set_ylabel("distance")
        axes.legend()


def _responses(store: Path, out: Path) -> None:
    """Fields side by side and curves on each other, [Kontolati2021, Figures 5–7, 9–11]."""
    try:
        with h5py.File(store) as file:
            pairs = {
                name: (file["reference"][name][...], file["calibrated"][name][...])
                for name in file["reference"]
                if name in file["calibrated"]
            }
            strains = file.attrs.get("strains")
            end = file.attrs.get("max_strain")
    except (OSError, KeyError) as error:
        raise FileError(f"{store}: not a result of 'mdbridge calibrate': {error}") from error
    for name, (reference, calibrated) in pairs.items():
        if reference.ndim == 3 and reference.shape == calibrated.shape:
            _fields(name, reference, calibrated, strains, out / f"fields_{name}.png")
        elif reference.ndim == 1:
            _curves(name, reference, calibrated, end, out / f"curves_{name}.png")


def _fields(name: str, reference: Array, calibrated: Array, strains: Array | None, path: Path) -> None:
    """Reference above, calibrated below, one colour scale for each snapshot (at most six, the last)."""
    shown = np.arange(len(reference))[-6:]
    with style.figure(path, 1.5 * len(shown) + 0.6, 3.4, nrows=2, ncols=len(shown), squeeze=False) as (
        _,
        axes,
    ):
        for column, k in enumerate(shown):
            both = np.stack([reference[k], calibrated[k]])
            limits = {"vmin": both.min(), "vmax": max(both.max(), both.min() + 1e-12)}
            for row in range(2):
                panel = axes[row, column]
                panel.imshow(both[row], origin="lower", cmap="viridis", **limits)
                panel.set_xticks([])
                panel.set_yticks([])
                style.bare(panel)
            title = f"$\\gamma$ = {strains[k]:g}" if strains is not None else f"snapshot {k}"
            axes[0, column].set_title(title)
        axes[0, 0].set_ylabel(f"{name}, reference")
        axes[1, 0].set_ylabel("calibrated")


def _curves(name: str, reference: Array, calibrated: Array, end: float | None, path: Path) -> None:
    count = np.arange(1, len(reference) + 1)
    along = count if end is None else end * count / len(count)
    with style.figure(path, 4.5, 3.2) as (_, axes):
        axes.plot(along, reference, color=style.GREY, linewidth=2.5, label="reference")
        axes.plot(along, calibrated, color=style.RED, linestyle="--", label="calibrated")
        axes.set_xlabel("point" if end is None else "net strain $\\gamma$")
        axes.set_ylabel(name.replace("_", " "))
        axes.legend()


def _slices(slices: dict[str, Any], summary: dict[str, Any], path: Path) -> None:
    """The surrogate through the best point, with two standard deviations."""
    with style.figure(
        path, 3.4 * min(len(slices), 2), 2.3 * -(-len(slices) // 2), **_panels(len(slices))
    ) as (
        _,
        axes,
    ):
        for (name, line), panel in zip(slices.items(), axes.flat, strict=False):
            mean, deviation = np.array(line["mean"]), np.array(line["deviation"])
            panel.plot(line["value"], mean, color=style.BLUE)
            panel.fill_between(line["value"], mean - 2 * deviation, mean + 2 * deviation, alpha=0.2)
            panel.axvline(summary["best"][name], color=style.RED, linewidth=0.8)
            for bound in (summary["intervals"] or {}).get(name, ()):
                panel.axvline(bound, color=style.RED, linestyle=":", linewidth=0.8)
            panel.set_xlabel(name)
            panel.set_ylabel("log distance")


def _sensitivity(shares: dict[str, float], path: Path) -> None:
    """First-order shares of the variance of the log distance, the largest on top."""
    names = list(shares)[::-1]
    with style.figure(path, 4.0, 0.4 * len(names) + 0.8) as (_, axes):
        axes.barh(names, [shares[name] for name in names], color=style.BLUE)
        axes.set_xlabel("share of the variance of the log distance")


def _panels(count: int) -> dict[str, Any]:
    return {"nrows": -(-count // 2), "ncols": min(count, 2), "squeeze": False}
