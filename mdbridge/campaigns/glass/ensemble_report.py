"""What the samples of a glass say together: means with errors, correlations with p-values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
_UNITS = ("length_unit", "stress_unit", "energy_unit")


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
        **_units(list(summaries.values())),
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


def _units(summaries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The units of the means, which are those of all samples; summaries of earlier releases lack some."""
    first, *others = summaries
    shared = [key for key in _UNITS if key in first and all(o.get(key) == first[key] for o in others)]
    return {key: first[key] for key in shared}


def mean_and_error(values: Sequence[float]) -> dict[str, Any]:
    """The mean of independent values and its standard error."""
    count = len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else None
    return {"mean": float(np.mean(values)), "error": error, "n": count}


def _strain_fields(paths: Sequence[Path]) -> dict[str, Any]:
    """Of calibrated model and MD at each strain, over all samples, beside what one would take instead.

    That is a shear without any band, and what the model began with, its energies at rest, averaged along x as
    most bands lie: for their place as it is, for the strain by an affine map fitted to the other samples.
    """
    told: dict[str, dict[str, Any]] = {
        "strain_field_correlation": {},
        "strain_field_correlation_of_rest": {},
        "strain_field_correlation_less_that_of_rest": {},
        "strain_difference": {},
    }
    chains = [_Chain.read(path) for path in paths]
    for name in chains[0].strains:
        rows = [chain.rest for chain in chains]
        md, model = ([getattr(chain, which)[name] for chain in chains] for which in ("md", "model"))
        pairs = [shifts.correlation(a, b) for a, b in zip(md, model, strict=True)]
        rests = [shifts.correlation(at_centres(a), b) for a, b in zip(md, rows, strict=True)]
        # no band in any field of either: there is no correlation
        for key, each in (("strain_field_correlation", pairs), ("strain_field_correlation_of_rest", rests)):
            if known := [pair for pair in each if pair is not None]:
                told[key][name] = predictors.worth(known)
        both = [a.r - b.r for a, b in zip(pairs, rests, strict=True) if a is not None and b is not None]
        if both:
            told["strain_field_correlation_less_that_of_rest"][name] = mean_and_error(both)
        told["strain_difference"][name] = _apart(md, model, rows)
    return told


@dataclass(frozen=True)
class _Chain:
    """Of a calibrated sample: strain fields over their mean by strain, and the field at rest along x."""

    strains: list[str]
    md: dict[str, Array]
    model: dict[str, Array]
    rest: Array

    @classmethod
    def read(cls, path: Path) -> "_Chain":
        with store.reading(path, CHAIN) as file:
            soft = file.get("md/energy_at_rest")
            strains = {f"{strain:g}": 0.5 * float(strain) for strain in file.get("strain")}
            fields = {
                source: {
                    name: file.get(f"{source}/Exy", at=k) / mean
                    for k, (name, mean) in enumerate(strains.items())
                }
                for source in ("md", "model")
            }
        rest = np.broadcast_to(soft.mean(axis=1, keepdims=True), soft.shape)
        return cls(list(strains), fields["md"], fields["model"], rest)


def _apart(md: Sequence[Array], model: Sequence[Array], rest: Sequence[Array]) -> dict[str, Any]:
    """Root mean square differences from the MD's strain, over its mean, and of the same samples their own.

    All at the centres of the cells, where the field at rest is: between corners there would be more to miss.
    """
    md, model = ([at_centres(field) for field in fields] for fields in (md, model))
    uniform = [_size(field - 1.0) for field in md]
    models = [_size(a - b) for a, b in zip(md, model, strict=True)]
    differences: dict[str, Any] = {
        "model": mean_and_error(models),
        "uniform_shear": mean_and_error(uniform),
        "model_less_uniform_shear": mean_and_error([a - b for a, b in zip(models, uniform, strict=True)]),
    }
    if len(md) > 1:
        rests = _by_rest(md, rest)
        differences["rest"] = mean_and_error(rests)
        differences["model_less_rest"] = mean_and_error([a - b for a, b in zip(models, rests, strict=True)])
    return differences


def _by_rest(md: Sequence[Array], rest: Sequence[Array]) -> list[float]:
    """How far an affine map of the field at rest is off on each sample, fitted to the others."""
    x = [(field - field.mean()) / (field.std() or 1.0) for field in rest]
    y = [field - 1.0 for field in md]
    slopes = predictors.held_out_slopes(x, y)
    return [_size(b - slope * a) for a, b, slope in zip(x, y, slopes, strict=True)]


def _size(field: Array) -> float:
    return float(np.sqrt(np.mean(field**2)))
