"""The calibrated model on samples that it was not calibrated to: the test of a prediction.

Each sample of an ensemble is sheared by the model with the medians of the other samples' parameters, E0
counted from the least energy at rest.  Of its own MD the model knows the glass at rest, μ, K, the stress at
rest, and the largest energy of the last frame, a number that χ∞ is made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import MdbridgeError
from ...core.files import read_json
from ...core.workspace import Workspace
from ...fields import shifts
from . import chain, predictors
from .input import Calibrate

_FEWEST = 3
"""Samples of which a median of the others says something."""


@dataclass(frozen=True)
class _Sample:
    """A calibrated sample: its folder, that of its calibration, its parameters and its least energy (eV)."""

    root: Path
    calibration: Path
    best: dict[str, float]
    least: float


def correlations(settings: Calibrate, roots: Sequence[Path]) -> dict[str, Any]:
    """Correlation of the strain fields of MD and model, by net strain, with its error and its p by shifts.

    Args:
        settings: of the calibrations.
        roots: the folders of the samples.

    Returns:
        Nothing of fewer than three calibrated samples.  A sample that the model cannot be run on with the
        others' parameters is left out.
    """
    samples = [sample for root in roots if (sample := _read(settings, root)) is not None]
    if len(samples) < _FEWEST:
        return {}
    by_strain: dict[str, list[shifts.Shifted]] = {}
    for sample in samples:
        others = [other for other in samples if other is not sample]
        parameters = {name: float(np.median([o.best[name] for o in others])) for name in sample.best}
        parameters["E0"] = sample.least + float(np.median([o.best["E0"] - o.least for o in others]))
        try:
            strains, md, model = chain.strain_fields(
                settings, sample.root / "glass.h5", sample.calibration, parameters
            )
        except MdbridgeError:
            continue
        for strain, atoms, continuum in zip(strains, md, model, strict=True):
            pair = shifts.correlation(atoms, continuum)
            if pair is not None:
                by_strain.setdefault(f"{strain:g}", []).append(pair)
    return {strain: predictors.worth(pairs) for strain, pairs in by_strain.items()}


def _read(settings: Calibrate, root: Path) -> _Sample | None:
    workspace = Workspace(root, "glass")
    record = workspace.owner("calibrated.json")
    if record is None:
        return None
    best = read_json(root / "calibrated.json")["best"]
    least = chain.least_energy(settings, root / "glass.h5")
    return _Sample(root, chain.place(workspace, record.identity), best, least)
