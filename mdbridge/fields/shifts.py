"""What a correlation of two fields on a periodic plane is worth: its p-value by cyclic shifts.

Neighbouring values of a field are alike, so the number of its cells says nothing of how
likely a correlation is by chance: two unrelated bands in one box correlate by ± 0.4 and
more.  But where the place of a field in a periodic box is arbitrary, each of its cyclic
shifts is as likely as the field itself, unless it knows of the other one.  So among the
correlations of all shifts that of the field as it is has a place, and the part of the
shifts that reach it is an exact p-value [Lehmann, Romano: Testing Statistical Hypotheses,
sec. 17.2].  A field that does not vary along x has equal correlations for all shifts
along x, and its p-value is that of shifts along y alone.

With n rows a band along x that is where it should be, but for half a row, has p of about
1/n: a single sample says little.  Several say more, :func:`together`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EQUAL = 1e-9
"""Correlations that differ by less are equal: the transform's round-off must not decide."""
_FLAT = 1e-12
"""Of a field's size: below this its variations are round-off."""
_DRAWS = 100_000
"""Random shifts of several samples at once."""


@dataclass(frozen=True)
class Shifted:
    """The correlation of two fields, and those of all cyclic shifts of one of them.

    Attributes:
        r: of the fields as they are; 1 for equal ones.
        p: part of the shifts whose correlation is r or more; small if the fields agree too well for chance,
            near 1 if one is large where the other is small.
        all: ``(ny, nx)`` correlation with the second field shifted by so many rows and columns.
    """

    r: float
    p: float
    all: Array


def correlation(field: Array, other: Array) -> Shifted | None:
    """Correlate two fields ``(ny, nx)`` on the same periodic plane.

    Returns:
        None where one of them does not vary.

    Raises:
        ValueError: they are no two fields of one shape, or not finite.
    """
    field, other = np.asarray(field, float), np.asarray(other, float)
    if field.shape != other.shape or field.ndim != 2:
        raise ValueError(f"two fields of one shape (ny, nx) are needed, not {field.shape} and {other.shape}")
    if not (np.isfinite(field).all() and np.isfinite(other).all()):
        raise ValueError("fields must be finite")
    normal = [_normal(values) for values in (field, other)]
    if normal[0] is None or normal[1] is None:
        return None
    # Σ a(y, x) b(y - s, x - t) for all s and t at once: a product of the transforms
    spectrum = np.fft.rfft2(normal[0]) * np.conj(np.fft.rfft2(normal[1]))
    shifted = np.fft.irfft2(spectrum, s=field.shape)
    return Shifted(float(shifted[0, 0]), _reached(shifted, float(shifted[0, 0])), shifted)


def together(samples: Sequence[Shifted], draws: int = _DRAWS, seed: int = 0) -> tuple[float, float]:
    """Mean correlation of independent samples, and its p-value by shifting each of them on its own.

    Args:
        samples: one at least.
        draws: random shifts, which are drawn where all combinations would be more; no p is below one
            over them.
        seed: of these.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("there is no sample")
    mean = float(np.mean([sample.r for sample in samples]))
    if len(samples) == 1:
        return mean, samples[0].p
    random = np.random.default_rng(seed)
    drawn = sum(random.choice(sample.all.ravel(), draws) for sample in samples) / len(samples)
    # the samples as they are count as one of the shifts, so that p is never 0
    return mean, float((1 + np.sum(drawn >= mean - _EQUAL)) / (1 + draws))


def _normal(values: Array) -> Array | None:
    """A field without its mean and of size 1; None where it does not vary."""
    varying = values - values.mean()
    size = np.sqrt((varying**2).sum())
    return varying / size if size > _FLAT * max(np.sqrt((values**2).sum()), 1e-300) else None


def _reached(shifted: Array, r: float) -> float:
    return float(np.mean(shifted >= r - _EQUAL))
