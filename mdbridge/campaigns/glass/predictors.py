"""Which field of the glass at rest tells where it will shear: candidates for χ, compared on samples.

A predictor is turned so that it is large where the glass should be soft.  The effective
temperature takes it through an affine map; so the comparison asks what an affine map of it
tells of the strain: the correlation with its p-value by shifts, the likelihood of strain
fields that the map was not fitted to, and how high the predictor stands where the band is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...core.errors import InputError
from ...fields import shifts
from .analysis import at_centres
from .formats import GLASS

Array = NDArray[np.float64]

DATASETS: Mapping[str, tuple[str, int]] = {
    "energy": ("potential_energy", 1),
    "energy_mean_composition": ("energy_mean_composition", 1),
    "nonaffinity": ("nonaffinity", 1),
    "local_yield": ("local_yield", -1),
    "density": ("density", -1),
}
"""Dataset of glass.h5 for each predictor, and its sign: what is dense, or bears much, is not soft."""
TITLES: Mapping[str, str] = {
    "energy": "energy",
    "energy_mean_composition": "energy at mean composition",
    "nonaffinity": "nonaffinity",
    "local_yield": "local yield",
    "density": "density",
}
"""What figures call them."""
STRAINS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Net strains at which predictors are compared, as far as a run goes."""


def softness(file: store.Reader, name: str) -> Array | None:
    """A predictor at rest ``(ny, nx)``, large where the glass should be soft; None if the file has none."""
    dataset, sign = DATASETS[name]
    if dataset not in file:
        return None
    values = file.get(dataset)
    # what was measured at rest alone has no axis of frames
    return sign * (values[0] if values.ndim == 3 else values)


def as_energy(predictor: Array, energy: Array) -> Array:
    """The predictor mapped to the mean and the spread of the energies at rest, (eV), as χ takes energies.

    So β and E0 keep their meaning and their bounds, whatever the unit of the predictor.

    Raises:
        InputError: the predictor does not vary: it tells no place from another.
    """
    spread = predictor.std()
    # below this its variations are round-off, which would be blown up to those of the energies
    if spread <= 1e-12 * np.abs(predictor).max():
        raise InputError("'calibrate.predictor': the field does not vary in this glass; take another one")
    return np.asarray(energy.mean() + energy.std() * (predictor - predictor.mean()) / spread)


def worth(pairs: Sequence[shifts.Shifted]) -> dict[str, Any]:
    """Mean correlation of samples, its standard error, and the p-value by shifting each on its own."""
    values = [pair.r for pair in pairs]
    mean, p = shifts.together(pairs)
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"r": mean, "error": error, "p": p, "n": len(values)}


def table(paths: Sequence[Path]) -> dict[str, Any]:
    """Compare all predictors that the samples have.

    Args:
        paths: a glass.h5 each, of the same input but for its seed.

    Returns:
        By predictor and net strain: ``correlation`` (r, error, p, n), ``band_rank`` (mean part of the rows
        that stand as high as the band's or higher, small if the band is at the softest place; p), and
        ``log_likelihood_gain`` of strain fields that were not fitted, a cell, over no predictor at all, with
        its standard error over the samples (about: the maps are of samples that are mostly the same).
    """
    strains, samples = _read(paths)
    told: dict[str, Any] = {}
    for name in DATASETS:
        fields = [sample[name] for sample in samples if name in sample]
        # a mean over fewer samples than the others' could not be compared with them
        if len(fields) < len(samples):
            continue
        told[name] = {}
        for strain in strains:
            bands = [sample["strain"][strain] for sample in samples]
            pairs = [shifts.correlation(a, b) for a, b in zip(fields, bands, strict=True)]
            known = [pair for pair in pairs if pair is not None]
            gains = held_out_gains(fields, bands)
            count = len(gains)
            told[name][f"{strain:g}"] = {
                "correlation": worth(known) if known else None,
                "band_rank": band_rank(fields, bands),
                "log_likelihood_gain": float(np.mean(gains)) if gains else None,
                "log_likelihood_gain_error": float(np.std(gains, ddof=1) / count**0.5) if gains else None,
            }
    return told


def _read(paths: Sequence[Path]) -> tuple[list[float], list[dict[str, Any]]]:
    """Strains that all runs reach, and of each sample its predictors and its strain fields at the centres."""
    samples: list[dict[str, Any]] = []
    reach = []
    for path in paths:
        with store.reading(path, GLASS) as file:
            gamma, exy = file.get("gamma"), file.get("Exy")
            sample: dict[str, Any] = {n: s for n in DATASETS if (s := softness(file, n)) is not None}
            sample["strain"] = {s: at_centres(exy[int(np.abs(gamma - s).argmin())]) for s in STRAINS}
            samples.append(sample)
            reach.append(gamma.max())
    return [strain for strain in STRAINS if strain <= min(reach) * (1 + 1e-6)], samples


def band_rank(fields: Sequence[Array], bands: Sequence[Array]) -> dict[str, float]:
    """How high the predictor stands at the row of the largest strain, among all rows, over the samples."""
    ranks = []
    for field, strain in zip(fields, bands, strict=True):
        rows = field.mean(axis=1)
        ranks.append(float(np.mean(rows >= rows[int(strain.mean(axis=1).argmax())])))
    # of a band that knows nothing of the predictor each rank 1/n … 1 is as likely: the sum of such ranks
    height, uniform = len(fields[0]), np.full(len(fields[0]), 1.0 / len(fields[0]))
    chances = np.ones(1)
    for _ in ranks:
        chances = np.convolve(chances, uniform)
    # entry k is the chance of the sum len(ranks) + k
    reached = round(height * sum(ranks)) - len(ranks)
    return {"mean": float(np.mean(ranks)), "p": float(chances[: reached + 1].sum())}


def held_out_gains(fields: Sequence[Array], bands: Sequence[Array]) -> list[float]:
    """Log-likelihood a cell of each unseen strain field by an affine map of the predictor, over none.

    The map, and the scatter about it, are fitted to all samples but one and tried on that
    one, each in turn; the strain in parts of its mean.  Positive if the predictor helps.

    Returns:
        One for each sample; none of a single one, of which nothing is unseen: its band stays where it is in
        all frames.
    """
    if len(fields) < 2:
        return []
    # a sample's own mean and spread are known before it is sheared
    x = [((f - f.mean()) / (f.std() or 1.0)).ravel() for f in fields]
    y = [(b / b.mean() - 1.0).ravel() for b in bands]
    gains = []
    for out, slope in enumerate(held_out_slopes(x, y)):
        seen_x, seen_y = (np.concatenate([v for k, v in enumerate(part) if k != out]) for part in (x, y))
        gains.append(_likelihood(seen_y - slope * seen_x, y[out] - slope * x[out]))
        gains[-1] -= _likelihood(seen_y, y[out])
    return gains


def held_out_slopes(x: Sequence[Array], y: Sequence[Array]) -> list[float]:
    """For each sample the slope of y over x, both about 0, that least squares find in all others."""
    powers, products = ([float(np.sum(a * b)) for a, b in zip(x, z, strict=True)] for z in (x, y))
    return [
        (sum(products) - product) / ((sum(powers) - power) or 1.0)
        for power, product in zip(powers, products, strict=True)
    ]


def _likelihood(seen: Array, unseen: Array) -> float:
    """Mean normal log-likelihood of residuals, with the scatter of those that were seen."""
    variance = float(np.mean(seen**2))
    return float(-0.5 * np.log(2 * np.pi * variance) - 0.5 * np.mean(unseen**2) / variance)
