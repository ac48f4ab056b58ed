"""What the samples of a glass say together: means with errors, correlations with p-values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...fields import shifts
from . import crossed, predictors
from .analysis import at_centres
from .formats import CHAIN
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
        told |= _strain_fields(chains)
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
    """Of calibrated model and MD at each strain, over all samples, beside what one would take instead.

    That is a shear without any band, and for the place of the band what the model began with, its energies at
    rest, averaged along x: an elastic solid that yields where it is softest would do no more with them.
    """
    models: dict[str, list[shifts.Shifted]] = {}
    rows: dict[str, list[shifts.Shifted]] = {}
    apart: dict[str, list[tuple[float, float]]] = {}
    for path in paths:
        with store.reading(path, CHAIN) as file:
            soft = file.get("md/energy_at_rest")
            soft = np.broadcast_to(soft.mean(axis=1, keepdims=True), soft.shape)
            for k, strain in enumerate(file.get("strain")):
                name, mean = f"{strain:g}", 0.5 * float(strain)
                md, model = file.get("md/Exy", at=k), file.get("model/Exy", at=k)
                for pairs, pair in (
                    (models, shifts.correlation(md, model)),
                    (rows, shifts.correlation(at_centres(md), soft)),
                ):
                    if pair is not None:
                        pairs.setdefault(name, []).append(pair)
                off = (float(np.sqrt(np.mean((md - other) ** 2)) / mean) for other in (model, mean))
                apart.setdefault(name, []).append((next(off), next(off)))
    return {
        "strain_field_correlation": {name: predictors.worth(pairs) for name, pairs in models.items()},
        "strain_field_correlation_of_rest": {name: predictors.worth(pairs) for name, pairs in rows.items()},
        "strain_difference": {
            name: {
                "model": mean_and_error([model for model, _ in pairs]),
                "uniform_shear": mean_and_error([uniform for _, uniform in pairs]),
                # of the same samples: their own scatter is in both
                "model_less_uniform_shear": mean_and_error([model - uniform for model, uniform in pairs]),
            }
            for name, pairs in apart.items()
        },
    }
