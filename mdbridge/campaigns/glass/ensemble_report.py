"""What the samples of a glass say together: means with errors, correlations with p-values, a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots, store
from ...fields import shifts
from . import crossed, predictors
from .analysis import stress_strain
from .formats import CHAIN, GLASS
from .input import Calibrate

Array = NDArray[np.float64]

_NOT_MEASURED = ("natoms", "frames", "strain_reached", "modulus_strain", "calibration_evaluations")
"""Numbers of a summary that are the input's, not the sample's."""


def summarise(
    summaries: Mapping[int, Mapping[str, Any]], folders: Mapping[int, Path], settings: Calibrate | None = None
) -> dict[str, Any]:
    """The contents of summary.json of an ensemble.

    Args:
        summaries: those of the samples, by seed.
        folders: where the samples lie, by seed.
        settings: of their calibrations, if any.
    """
    told: dict[str, Any] = {
        "samples": len(summaries),
        "seeds": sorted(summaries),
        "means": means(list(summaries.values())),
        "predictors": predictors.table([path / "glass.h5" for path in folders.values()]),
    }
    chains = [path / "chain.h5" for path in folders.values() if (path / "chain.h5").exists()]
    if chains:
        told["strain_field_correlation"] = _strain_fields(chains)
    left_out = {} if settings is None else crossed.correlations(settings, list(folders.values()))
    if left_out:
        told["strain_field_correlation_left_out"] = left_out
    return told


def means(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each number that all samples have: mean, its standard error, and the number of samples.

    The error of a single sample is not known: None.
    """
    told = {}
    for name in summaries[0]:
        values = [summary.get(name) for summary in summaries]
        # a number that one sample alone lacks would be the mean of others
        if name in _NOT_MEASURED or not all(isinstance(v, int | float) for v in values):
            continue
        told[name] = mean_and_error([float(v) for v in values if v is not None])
    return told


def mean_and_error(values: Sequence[float]) -> dict[str, Any]:
    """The mean of independent values and its standard error."""
    count = len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else None
    return {"mean": float(np.mean(values)), "error": error, "n": count}


def _strain_fields(paths: Sequence[Path]) -> dict[str, Any]:
    """Of calibrated model and MD at each strain, over all samples."""
    by_strain: dict[str, list[shifts.Shifted]] = {}
    for path in paths:
        with store.reading(path, CHAIN) as file:
            for k, strain in enumerate(file.get("strain")):
                pair = shifts.correlation(file.get("md/Exy", at=k), file.get("model/Exy", at=k))
                if pair is not None:
                    by_strain.setdefault(f"{strain:g}", []).append(pair)
    return {strain: predictors.worth(pairs) for strain, pairs in by_strain.items()}


def draw(folders: Mapping[int, Path], path: Path) -> None:
    """Stress against strain of all samples and their mean."""
    curves, unit = [], ""
    for folder in folders.values():
        with store.reading(folder / "glass.h5", GLASS) as file:
            curves.append(stress_strain(file))
            unit = file.units("curve/stress")
    with plots.figure(path, 5.2, 3.4) as (_, axes):
        for curve in curves:
            axes.plot(curve.gamma, curve.stress, color=plots.GREY, linewidth=0.6)
        # of one input: all have the same strains
        mean = np.mean([curve.stress for curve in curves], axis=0)
        axes.plot(curves[0].gamma, mean, color=plots.BLUE, label=f"mean of {len(curves)} samples")
        axes.set_xlabel("net shear strain $\\gamma$")
        axes.set_ylabel(f"shear stress $\\sigma_{{xy}}$ ({unit})")
        axes.legend(loc="lower right")


_SURE = 0.01
"""p below which a correlation is drawn as one."""
_LOOKS = {
    "energy": ("energy", plots.GREY, "v"),
    "energy_mean_composition": ("energy at mean composition", plots.BLUE, "o"),
    "density": ("density", plots.ORANGE, "^"),
    "nonaffinity": ("nonaffinity", plots.GREEN, "s"),
    "local_yield": ("local yield", plots.RED, "D"),
}


def draw_predictors(told: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """What fields at rest tell of the strain, over the strain: correlation, and held-out likelihood."""
    with plots.figure(path, 7.4, 3.6, ncols=2) as (fig, (left, right)):
        for name, at in told.items():
            label, colour, marker = _LOOKS.get(name, (name, plots.GREY, "x"))
            # at a strain at which no sample varies there is none
            rows = {float(strain): row for strain, row in at.items() if row["correlation"] is not None}
            if not rows:
                continue
            strains, pairs = list(rows), [row["correlation"] for row in rows.values()]
            values, p = ([pair[key] for pair in pairs] for key in ("r", "p"))
            # of a single sample there is none
            errors = [pair.get("error") or 0.0 for pair in pairs]
            look = {"fmt": marker + "-", "ms": 5, "mfc": "white", "capsize": 2, "lw": 1.0}
            left.errorbar(strains, values, errors, color=colour, label=label, **look)
            sure = [(s, v) for s, v, chance in zip(strains, values, p, strict=True) if chance < _SURE]
            if sure:
                left.plot(*zip(*sure, strict=True), marker, ms=5, color=colour, zorder=3)
            gains = [row.get("log_likelihood_gain") for row in rows.values()]
            if all(gain is not None for gain in gains):
                right.plot(strains, gains, marker + "-", ms=4, lw=1.0, color=colour)
        for axes in (left, right):
            axes.axhline(0.0, color=plots.GREY, lw=0.6)
            axes.set_xlabel("net shear strain $\\gamma$")
        left.set_ylabel("correlation with the strain")
        left.set_title(f"filled: p < {_SURE:g} by shifts")
        right.set_ylabel("gain of log-likelihood a cell")
        right.set_title("on samples held out")
        plots.legend_above(fig, left, columns=3)
