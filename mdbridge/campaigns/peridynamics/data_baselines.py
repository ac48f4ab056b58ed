"""What a user would take instead of a model learned from own data: elasticity with two constants, or four."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ...core.digits import alike, with_error
from ...lps import fieldsets, local
from ...lps.learn import spectral
from ...lps.learn.spectral import Samples
from ...lps.local import GradientElasticity
from . import data_baselines_points
from .data import OwnData
from .data_baselines_points import constants, kept_of
from .input import Learn

Array = NDArray[np.float64]

TITLES = {"classical": "classical elasticity", "gradient": "gradient elasticity"}
"""Rows of the table, in their order."""
_SIMPLE = {
    "classical": "classical elasticity with two constants",
    "gradient": "gradient elasticity with four constants",
}
_AS_GOOD = 1.2  # times the error of the learned model
_OF_POINTS = 0.003  # of E, and in ν: what two constants may be off by that are fitted on points with edges
_FOURTH = 1.05  # ratio of the wave numbers of a sample's waves from which k⁴ can be told from k²


def measure(own: OwnData, settings: Learn, folds: int, horizon: float) -> dict[str, dict[str, Any]]:
    """Errors of elasticity fitted to the same samples, and its constants.

    On periodic grids the fit minimises what that of the learned model does, with the same weights of the
    samples and of both errors; on other points the errors of the solution, see :mod:`.data_baselines_points`.

    Args:
        own: the data.
        settings: of the learned model's fit.
        folds: parts of the samples for validation, where the data have no samples for it of their own.
        horizon: of the learned model (Å): on points with edges errors are asked for where it has them.

    Returns:
        By the names of :data:`TITLES` ``E_res_train``, ``E_u_train`` and, where there are samples for it,
        ``E_res_val``, ``E_u_val`` (relative ℓ² norms, means over samples), ``lambda`` and ``mu`` in the
        data's unit, and ``E`` and ``nu`` of plane stress.  No gradients on other points than periodic grids,
        and where all waves are equally long; nothing where the samples are those of no elastic solid.
    """
    if any(fields.shape is None for fields in own.fields.values()):
        row = data_baselines_points.classical(own, folds, horizon)
        return {} if row is None else {"classical": _in_units(row, own)}
    waves = {name: fieldsets.transformed(fields, name) for name, fields in own.fields.items()}
    train = [waves[name] for name in own.training]
    rows = {"classical": _row(waves, train, _Fit(settings, False), folds)}
    if _lengths(train) > _FOURTH:
        rows["gradient"] = _row(waves, train, _Fit(settings, True), folds)
    return {name: _in_units(row, own) for name, row in rows.items()}


def _in_units(row: dict[str, float], own: OwnData) -> dict[str, float]:
    return row | {name: row[name] / own.modulus for name in ("lambda", "mu", "E")}


@dataclass(frozen=True)
class _Fit:
    """Two constants, or four, by the sum of squares that the learned model is fitted by."""

    settings: Learn
    gradients: bool

    def __call__(self, sets: Sequence[Samples], kept: Sequence[Array]) -> GradientElasticity:
        reduced = [
            spectral.moments(samples, self.settings.long_wave_weight, k)
            for samples, k in zip(sets, kept, strict=True)
        ]
        spacings = [samples.spacing for samples in sets]
        weight = self.settings.solution_weight
        # the residual alone is linear in the constants: starts that noise spoils, but not by much
        plain = astuple(local.fitted(sets, False, kept))
        starts = [np.array(plain if self.gradients else plain[:2])]
        if self.gradients:
            starts.append(np.array(astuple(local.fitted(sets, True, kept))))
        # an area of the nodes: a length of zero has no size of its own
        size = np.array([plain[1], plain[1], *[float(np.prod(spacings[0]))] * 2])[: len(starts[0])]

        def off(constants: Array) -> Array:
            elasticity = GradientElasticity(*(constants * size))
            parts = []
            for moments, spacing in zip(reduced, spacings, strict=True):
                operator = elasticity.symbol(moments.wavevectors, spacing)
                loads, displacements = moments.residual, moments.solution
                parts.append((operator @ loads[0] - loads[1]).ravel())
                parts.append(weight * (np.linalg.inv(operator) @ displacements[0] - displacements[1]).ravel())
            return np.concatenate(parts)

        ends = []
        for start in starts:
            # of data far from any elasticity a step may end at an operator without an inverse
            with contextlib.suppress(ValueError, np.linalg.LinAlgError):
                ends.append(least_squares(off, start / size, method="lm"))
        # noise of short waves leads one of both astray: four constants would do worse than two
        best = min(ends, key=lambda end: float(end.cost)).x * size if ends else starts[0]
        return GradientElasticity(*best.tolist())


def _row(waves: Mapping[str, Samples], train: Sequence[Samples], fit: _Fit, folds: int) -> dict[str, float]:
    fitted = fit(train, [np.ones(len(samples.u)) for samples in train])
    errors = {"train": _errors(fitted, train)}
    # several files may each have their own
    unseen = [samples for name, samples in waves.items() if name.startswith("val")]
    errors["val"] = _errors(fitted, unseen) if unseen else _left_out(train, fit, folds)
    row = {
        f"{kind}_{split}": float(np.mean(values))
        for split, both in errors.items()
        for kind, values in zip(("E_res", "E_u"), both, strict=True)
        if len(values)
    }
    return row | constants(fitted.longitudinal - 2 * fitted.transverse, fitted.transverse)


def _left_out(train: Sequence[Samples], fit: _Fit, folds: int) -> tuple[Array, Array]:
    """Errors of samples by constants that were fitted without them, as those of the learned model are."""
    both = [(np.empty(0), np.empty(0))]
    for kept in kept_of([len(samples.u) for samples in train], folds):
        both.append(_errors(fit(train, kept), train, [k == 0 for k in kept]))
    residual, solution = (np.concatenate(part) for part in zip(*both, strict=True))
    return residual, solution


def _errors(
    fitted: GradientElasticity, sets: Sequence[Samples], chosen: Sequence[NDArray[np.bool_]] | None = None
) -> tuple[Array, Array]:
    """Relative errors of residual and displacement of the samples, or of those that are chosen."""
    pairs = []
    for i, samples in enumerate(sets):
        residual, solution = spectral.errors(fitted.symbol(samples.wavevectors, samples.spacing), samples)
        which = slice(None) if chosen is None else chosen[i]
        pairs.append((residual[which], solution[which]))
    residual, solution = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return residual, solution


def _lengths(train: Sequence[Samples]) -> float:
    """The largest of the wave numbers of the loads over the smallest."""
    sizes = []
    for samples in train:
        power = (np.abs(samples.b) ** 2).sum(axis=(0, 2))
        sizes.append(np.hypot(*samples.wavevectors[power > 1e-6 * power.max()].T))
    k = np.concatenate(sizes)
    return float(k.max() / k.min())


def note(summary: dict[str, Any]) -> list[str]:
    """What there is to say of elasticity beside the model.

    That there are none; and where another model, as good, has other moduli than the error bars allow.
    """
    if not summary.get("baselines"):
        return [
            "elasticity with two constants, which one would take instead, cannot be fitted to these data; "
            "what the model is worth beside it is not known"
        ]
    own = summary["own_units"]
    # the simplest that is as good as any; not by the residual, where what more constants gain may be noise
    rows = {name: summary["baselines"][name] for name in TITLES if name in summary["baselines"]}
    least = min(summary["E_u_train"], *(row["E_u_train"] for row in rows.values()))
    good = [name for name, row in rows.items() if row["E_u_train"] <= _AS_GOOD * least]
    if not good:
        return []
    row = rows[good[0]]
    # on points derivatives have errors of their own
    floor = _OF_POINTS if "gradient" not in rows else 0.0
    apart = [
        f"{words} {alike(row[name], own[f'{name}_std'])[0]} for {with_error(own[name], own[f'{name}_std'])}"
        for words, name in (("E", "E"), ("ν", "nu"))
        if f"{name}_std" in own
        and abs(row[name] - own[name])
        > max(3 * own[f"{name}_std"], floor * (own["E"] if name == "E" else 1.0))
    ]
    nearer = row["E_u_train"] * _AS_GOOD < summary["E_u_train"]
    if nearer:
        both = " against ".join(f"{100 * errors['E_u_train']:.3g}" for errors in (row, summary))
        constants_of = f"E {row['E']:.5g} and ν {row['nu']:.4g}"
        return [
            f"{_SIMPLE[good[0]]} is nearer to the displacements of these data than the learned model ({both} "
            f"%), with {constants_of}: take these"
        ]
    if not apart:
        return []
    remedy = "; take these, of the simpler model, unless you know better"
    if good[0] == "gradient":
        # periodic grids: two influence functions may do what one cannot
        own_dilatation = summary.get("own_dilatation")
        remedy = "" if own_dilatation else "; learn.own_dilatation = true may follow them, too"
    return [
        f"{_SIMPLE[good[0]]} gives the displacements of these data as well, with "
        f"{' and '.join(apart)}: the standard errors are those of the samples, and know nothing of the "
        f"choice of a model{remedy}"
    ]
