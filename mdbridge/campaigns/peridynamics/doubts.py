"""What the constants of a learned model may be off by, beyond error bars, which know of scatter alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.digits import alike
from ...lps import fieldsets, stencil, symbol
from ...lps.learn import clouds, spectral
from ...lps.material import LinearPeridynamicSolid
from . import stored_model
from .data import OwnData
from .learning import Candidate

Array = NDArray[np.float64]

_AS_GOOD = 1.2
"""Times the displacement error of the chosen pair: a pair that describes the data as well.  Not the residual,
which makes much of the noise of short waves."""
_SURE = 3.0
"""Standard errors from which a difference is more than scatter."""
_MISSED = 0.01
"""Of the loads of long waves, what a model may miss."""
_FEW = 0.3
"""Part of the nodes: where the equation is asked for at fewer, that is told."""
_KINDS = ("longitudinal", "transverse")


def long_waves(material: LinearPeridynamicSolid, own: OwnData) -> list[str]:
    """What there is to say of a model that does not fit the longest waves of periodic data.

    These are what its moduli are extrapolated from; noise hardly reaches them, so a model that misses them
    is not able to follow the data.
    """
    said = []
    for name, fields in own.training.items():
        if fields.shape is None:
            continue
        samples = fieldsets.transformed(fields, name)
        grid = fieldsets.stencil_of(fields, material.influence.horizon, material.quadrature)
        operator = symbol.operator(material, symbol.rings(grid, samples.wavevectors))
        for kind, (ratio, error) in zip(_KINDS, ratios(operator, samples), strict=True):
            if abs(ratio - 1) > max(_MISSED, _SURE * error):
                amount = f"{100 * abs(1 / ratio - 1):.2g} % {'less' if ratio > 1 else 'more'}"
                said.append(f"{amount} than the {kind} loads of the longest waves of '{name}'")
    if not said:
        return []
    remedy = "" if material.own_dilatation is not None else "; learn.own_dilatation = true may follow them"
    return [
        f"the model makes of the displacements {' and '.join(said)}: its λ, μ, E and ν are off by as much, "
        f"of which the standard errors know nothing{remedy}"
    ]


def stiff_waves(
    material: LinearPeridynamicSolid, also_on: Sequence[float | Sequence[float]], own: OwnData
) -> list[str]:
    """Nodes without samples, spacings in Å, on which the model makes short waves far stiffer."""
    said = []
    for spacing in also_on:
        hx, hy = (float(h) for h in np.broadcast_to(spacing, 2))
        grid = stencil.uniform((hx, hy), material.influence.horizon, material.quadrature)
        said.append(stored_model.stiff_waves(material, grid, own.length_unit, own.length))
    return [words for words in said if words]


def ratios(operator: Array, samples: spectral.Samples) -> list[tuple[float, float]]:
    """Loads of the longest waves over those that a model makes of the displacements, along k and across it.

    Args:
        operator: ``(k, 2, 2)`` the model's symbol at the samples' wave vectors.
        samples: in Fourier space.

    Returns:
        Each with its standard error, of leaving out one sample in turn; (1, 0) where there are no such waves.
    """
    size = np.hypot(*samples.wavevectors.T)
    power = (np.abs(samples.b) ** 2).sum(axis=(0, 2))
    # by the loads, which are given exactly: noise of displacements is in all waves
    loaded = power > 1e-6 * power.max()
    long = loaded & (size < 1.5 * size[loaded].min())
    along = samples.wavevectors[long] / size[long, None]
    model = np.einsum("kij,skj->ski", operator[long], samples.u[:, long])
    results = []
    for direction in (along, along[:, ::-1] * [-1.0, 1.0]):
        made, given = ((field * direction).sum(axis=2) for field in (model, samples.b[:, long]))
        cross, square = (made.conj() * given).real.sum(axis=1), (np.abs(made) ** 2).sum(axis=1)
        # of a kind that no load has there are only noise and round-off
        if (np.abs(given) ** 2).sum() < 1e-6 * power[long].sum() or len(cross) < 2:
            results.append((1.0, 0.0))
            continue
        left = (cross.sum() - cross) / (square.sum() - square)
        error = np.sqrt((len(left) - 1) * left.var())
        results.append((float(cross.sum() / square.sum()), float(error)))
    return results


def other_pairs(
    best: Candidate, candidates: Sequence[Candidate], bars: Mapping[str, Any], own: OwnData
) -> list[str]:
    """What there is to say where other horizons and degrees, as good, have other moduli than bars allow."""
    rivals = [
        c.material
        for c in candidates
        if c.material is not None
        and c is not best
        and c.errors["E_u_train"] <= _AS_GOOD * best.errors["E_u_train"]
    ]
    assert best.material is not None
    ours = _constants(best.material, own)
    said = []
    for key, (words, value) in ours.items():
        if key not in bars:
            continue
        error = bars[key]["std"] / (1.0 if key == "nu" else own.modulus)
        others = [_constants(rival, own)[key][1] for rival in rivals]
        farthest = max(others, key=lambda other: abs(other - value), default=value)
        if abs(farthest - value) > _SURE * error:
            (other, _), (mine, bar) = alike(farthest, error), alike(value, error)
            said.append(f"{words} {other} for {mine} (± {bar})")
    if not said:
        return []
    return [
        f"another horizon or degree that describes the data as well gives {', '.join(said)}: take that "
        "difference for the error, since the standard errors know nothing of the choice"
    ]


def _constants(material: LinearPeridynamicSolid, own: OwnData) -> dict[str, tuple[str, float]]:
    """E and ν, in the data's units, by the keys of error bars."""
    return {"E_TPa": ("E", material.young / own.modulus), "nu": ("ν", material.poisson)}


def few_nodes(own: OwnData, horizon: float) -> list[str]:
    """What there is to say where the equation is asked for at few of the nodes of bodies with edges."""
    said = []
    for name, fields in own.training.items():
        if fields.shape is None:
            count, total = len(clouds.cloud_of(fields, horizon).interior), len(fields.nodes)
            if count < _FEW * total:
                said.append(f"{count} of the {total} nodes of '{name}'")
    if not said:
        return []
    return [
        f"the equation is asked for at {' and '.join(said)} alone, two horizons from all edges: finer nodes, "
        "or a lower learn.horizons, leave more of the body to learn from"
    ]
