"""How near a calibrated model comes to the MD: correlations and what they are worth, fields and stress."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...fields import shifts
from .analysis import Curve

Array = NDArray[np.float64]


def held_out(fitted: Sequence[int]) -> list[int]:
    """Frames in the middle between those that were fitted, which the calibration has not seen.

    Args:
        fitted: numbers of the frames, increasing, from 1 on; frame 0, at rest, lies before them.
    """
    ends = [0, *fitted]
    middle = [(a + b) // 2 for a, b in itertools.pairwise(ends)]
    # neighbouring frames leave no frame between them, and at rest there is no strain to predict
    return sorted(set(middle) - set(fitted) - {0})


def fields(strains: Sequence[float], md: Array, model: Array) -> dict[str, Any]:
    """Correlation of the strain fields ``(k, ny, nx)`` of both at each net strain, and its p by shifts."""
    correlations = [shifts.correlation(a, b) for a, b in zip(md, model, strict=True)]
    names = [f"{strain:g}" for strain in strains]
    return {
        "strain_field_correlation": {n: f and f.r for n, f in zip(names, correlations, strict=True)},
        "strain_field_correlation_p": {n: f and f.p for n, f in zip(names, correlations, strict=True)},
    }


def differences(strains: Sequence[float], md: Array, model: Array, fitted: Sequence[float]) -> dict[str, Any]:
    """Root mean square difference of the strain fields over their mean γ/2: where it was fitted, and not.

    Beside it that of a shear without any band, which one would take instead, where it was fitted.
    """

    def off(other: Array | Sequence[float]) -> list[float]:
        # of the mean of the field, which is γ/2: early frames would else count for nothing
        pairs = zip(strains, md, other, strict=True)
        return [float(np.sqrt(np.mean((a - b) ** 2)) / (0.5 * s)) for s, a, b in pairs]

    size, uniform = off(model), off([0.5 * s for s in strains])
    seen = [bool(np.isclose(strain, fitted).any()) for strain in strains]
    parts = {
        name: [value for value, was in zip(size, seen, strict=True) if was is wanted]
        for name, wanted in (("fitted", True), ("held_out", False))
    }
    known, unseen = (float(np.mean(values)) if values else None for values in parts.values())
    return {
        "strain_difference_fitted": known,
        "strain_difference_held_out": unseen,
        "strain_difference_of_uniform_shear": (
            float(np.mean([value for value, was in zip(uniform, seen, strict=True) if was]))
            if any(seen)
            else None
        ),
        "held_out_over_fitted": unseen / known if known and unseen is not None else None,
        "held_out_strains": [s for s, was in zip(strains, seen, strict=True) if not was],
    }


def stresses(gamma: Array, curves: Mapping[str, Array], flow: float) -> dict[str, Any]:
    """Mean difference of the stress–strain curves (GPa, and over the MD's flow stress); both overshoots."""
    difference = float(np.abs(curves["model"] - curves["md"]).mean())
    over = {}
    for source, stress in curves.items():
        # both from the same frames: a finer curve would have the higher peak
        curve = Curve.of(gamma, stress)
        over[f"overshoot_{source}"] = curve.peak()[1] / curve.flow - 1
    return {
        "mean_stress_difference_GPa": difference,
        "mean_stress_difference_over_flow": difference / flow,
        **over,
    }
