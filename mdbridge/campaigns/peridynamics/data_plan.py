"""What data of one's own decide of a regression: which horizons fit them, and how many coefficients."""

from collections.abc import Sequence

import numpy as np

from ...core.errors import InputError
from ...fields.fieldset import FieldSet
from ...lps import families, fieldsets
from ...lps import quadrature as quadratures
from ...lps.learn import anisotropy, horizons, local, spectral
from .data import OwnData
from .data_input import OwnLearn, OwnSweep
from .input import Learn, Sweep

# of the larger node spacing; between two rings of a square grid, and with one more ring along the axes each
_MULTIPLES = (2.55, 3.3, 4.3, 5.2)
# scattered points leave the fewer errors the more there are in a family
_SCATTERED = (3.3, 4.3, 5.2, 6.6)
_DEGREES = (12,)
# of the largest load over its displacement: more than round-off, but that of very long waves or noise
_FAINT = 1e-3
# node spacings in a wave that tells the moduli
_LONG = 8.0
# of the loads of long waves: what the best isotropic constants may miss
_ISOTROPIC = 0.02
# L takes the noise of short waves, which carry hardly any load, for a large residual: a fit of the residual
# makes L too soft there, and the moduli pay.  Errors of the displacement weigh it as it is.  Beside edges
# these hold the noise of what is given around, so that more weight is no cure
WEIGHTS = {"solution_weight": 2000.0, "consistency_weight": 50.0}
WEIGHTS_ON_POINTS = {"solution_weight": 3.0, "consistency_weight": 1.0}
# beside the M + 1 coefficients, whose common factor means nothing: λ, μ and α
_BESIDE = 3


def learn_settings(given: OwnLearn, own: OwnData) -> Learn:
    """The section [learn] with horizons in Å, and with those of horizons and degrees that are not given.

    Raises:
        InputError: a horizon does not fit the data, or the samples do not determine so many coefficients.
    """
    chosen = _in_angstrom(given.horizons, given.horizons_A, own) or _default_horizons(own)[-2:]
    _require_horizons(chosen, own)
    degrees = given.degrees or _default_degrees(own)
    _require_degrees(degrees, own)
    # what both sections have under the same name means the same
    keys = {name: getattr(given, name) for name in Learn.model_fields if name in type(given).model_fields}
    keys |= _on_points(given, own) | _weights(given, own)
    keys["also_on_A"] = _also_on(given, own)
    keys |= {"horizons_A": chosen, "degrees": degrees, "baseline_horizon_A": _default_horizons(own)[0]}
    return Learn(**keys)


def _on_points(given: OwnLearn, own: OwnData) -> dict[str, str]:
    """The family and the quadrature: what is linear in K where there is no symbol.

    Raises:
        InputError: others are asked for.
    """
    kernel, quadrature = given.kernel, given.quadrature
    if all(fields.shape is not None for fields in own.training.values()):
        if given.also_on or given.also_on_A:
            if quadrature not in (None, "consistent"):
                raise InputError(
                    f"learn.also_on with learn.quadrature = '{quadrature}': the same influence function "
                    "would be another material on other nodes; leave learn.quadrature out"
                )
            # the one with which a function is the same material on all nodes
            return {"kernel": kernel or families.LINEAR, "quadrature": quadrature or "consistent"}
        return {"kernel": kernel or families.DEFAULT, "quadrature": quadrature or quadratures.PUBLISHED}
    if quadrature not in (None, "consistent") or families.family(kernel or families.LINEAR).shape_parameters:
        raise InputError(
            f"data on scattered points or with edges need learn.kernel = '{families.LINEAR}' and "
            f"learn.quadrature = 'consistent', not '{kernel or families.LINEAR}' and "
            f"'{quadrature or 'consistent'}': leave both out"
        )
    return {"kernel": kernel or families.LINEAR, "quadrature": "consistent"}


def _weights(given: OwnLearn, own: OwnData) -> dict[str, float]:
    """Those of the parts of the loss, by what noise does to each on the nodes of the data."""
    periodic = all(fields.shape is not None for fields in own.training.values())
    chosen = {name: getattr(given, name) for name in WEIGHTS if getattr(given, name) is not None}
    return (WEIGHTS if periodic else WEIGHTS_ON_POINTS) | chosen


def _also_on(given: OwnLearn, own: OwnData) -> list[float | list[float]]:
    """Node spacings (Å) on which a model is to be used, too."""
    if given.also_on is None:
        return list(given.also_on_A or [])
    scaled = [(own.length * np.asarray(spacing)).tolist() for spacing in given.also_on]
    return list(scaled)


def sweep_settings(given: OwnSweep, own: OwnData) -> Sweep:
    """The section [sweep] likewise; a degree that the samples do not determine is left out.

    Raises:
        InputError: as :func:`learn_settings`.
    """
    chosen = _in_angstrom(given.horizons, given.horizons_A, own) or _default_horizons(own)
    _require_horizons(chosen, own)
    known = equations(own)
    # a sweep is there to try: what cannot be is no reason to stop
    degrees = [degree for degree in given.degrees if degree + _BESIDE <= known]
    _require_degrees(degrees or given.degrees, own)
    return Sweep(horizons_A=chosen, degrees=degrees)


def require_determined(own: OwnData) -> None:
    """Refuse samples that do not determine λ and μ, or whose loads have the wrong sign, before any work.

    Raises:
        InputError: which constants, and what is missing.
    """
    fieldsets.scale_of(own.training, _default_horizons(own)[0])


def long_wave_note(own: OwnData) -> list[str]:
    """What there is to say of moduli where no wave of the data is long; nothing of data without a symbol."""
    longest = 0.0
    for name, fields in own.training.items():
        if fields.shape is None:
            return []
        samples = fieldsets.transformed(fields, name)
        power = (np.abs(samples.u) ** 2).sum(axis=(0, 2))
        k = np.hypot(*samples.wavevectors[power > 1e-6 * power.max()].T)
        longest = max(longest, 2 * np.pi / float(k.min()) / float(fields.spacing.max()))
    if longest >= _LONG:
        return []
    return [
        f"the longest wave of the data is {longest:.3g} node spacings long: λ, μ, E and ν, which are those "
        "of longer waves, are extrapolated; give samples on a larger box or on finer nodes"
    ]


def isotropy_note(own: OwnData) -> list[str]:
    """What there is to say of data whose long waves are those of a solid that is not isotropic."""
    if any(fields.shape is None for fields in own.training.values()):
        return []  # without a symbol there are no waves to compare
    elastic = anisotropy.fit([fieldsets.transformed(f, name) for name, f in own.training.items()])
    # noise and dispersion are missed by both
    if elastic is None or elastic.isotropic_misfit < max(_ISOTROPIC, 2 * elastic.misfit):
        return []
    listed = ", ".join(f"{name} {value / own.modulus:.4g}" for name, value in elastic.constants.items())
    anisotropic, isotropic = (f"{100 * part:.2g} %" for part in (elastic.misfit, elastic.isotropic_misfit))
    return [
        f"the data are not those of an isotropic solid: {listed} {own.modulus_unit} miss {anisotropic} of "
        f"the loads of their long waves, the best λ and μ {isotropic}. This model is isotropic: its λ, μ, E "
        "and ν are a compromise, of which the error bars know nothing"
    ]


def unloaded_note(own: OwnData, horizon: float) -> list[str]:
    """What samples without a load where the equation is asked for say, and what they do not."""
    notes = []
    for name, fields in own.fields.items():
        if fields.shape is not None:
            continue
        loaded, clearly = (local.loaded(fields, horizon, least) for least in (local.ROUND_OFF, _FAINT))
        of_all = f"of {len(fields.u)} samples of '{name}' have"
        if not loaded.all():
            notes.append(
                f"{int((~loaded).sum())} {of_all} no load two horizons from all edges (over its displacement "
                f"below {local.ROUND_OFF:g} of the largest): they tell the ratio of the moduli, and count in "
                "the displacement error alone, not in that of the residual"
            )
        if (faint := loaded & ~clearly).any():
            notes.append(
                f"{int(faint.sum())} {of_all} a load two horizons from all edges that is, over its "
                f"displacement, below {_FAINT:g} of the largest, and count as very long waves, which weigh "
                "most: if it is noise, set b to zero there"
            )
    return notes


def validation(own: OwnData, folds: int) -> str:
    """How models are validated, in words."""
    if own.validation:
        return f"{sum(len(fields.u) for fields in own.validation.values())} samples of the data's own"
    count = max(len(fields.u) for fields in own.training.values())
    return f"{min(folds, count)} folds" if count > 1 else "none: a single sample"


def equations(own: OwnData) -> int:
    """How many independent numbers the training samples say of the operator: up to three a wave."""
    total = 0
    for name, fields in own.training.items():
        if fields.shape is None:
            # a node of a sample is two equations; a model has far fewer unknowns
            total += 2 * len(fields.u) * len(fields.nodes)
            continue
        root, _ = spectral.moments(fieldsets.transformed(fields, name)).residual
        ranks = (np.abs(root).max(axis=1) > 1e-7 * np.abs(root).max()).sum(axis=1)
        # a symmetric 2 x 2 matrix has three entries, of which one displacement tells two
        total += int(np.minimum(2 * ranks, 3).sum())
    return total


def bounds(own: OwnData) -> tuple[float, float]:
    """The shortest and the longest horizon (Å) that fit all sets."""
    least = max(_least_spacings(fields) * float(fields.spacing.max()) for fields in own.fields.values())
    most = min(
        # of a body with edges the families of a node and of its neighbours must be whole
        float(min(fields.box)) / 2 if fields.period is not None else float(min(fields.box)) / 4
        for fields in own.fields.values()
    )
    return least, most


def _least_spacings(fields: FieldSet) -> float:
    return horizons.LEAST_SCATTERED if fields.scattered else horizons.LEAST


def _in_angstrom(
    given: Sequence[float] | None, in_angstrom: Sequence[float] | None, own: OwnData
) -> list[float] | None:
    if given is not None:
        return [own.length * horizon for horizon in given]
    return None if in_angstrom is None else list(in_angstrom)


def _default_horizons(own: OwnData) -> list[float]:
    least, most = bounds(own)
    spacing = max(float(fields.spacing.max()) for fields in own.fields.values())
    multiples = _SCATTERED if any(fields.scattered for fields in own.fields.values()) else _MULTIPLES
    fitting = [multiple * spacing for multiple in multiples if multiple * spacing < 0.99 * most]
    if not fitting:
        fitting = [0.5 * (least + most)] if least < most else []
    if not fitting:
        raise InputError(
            f"the data are too small: a horizon needs {_least_told(own)}, "
            f"{_spell(least, own)}, but must be below {_spell(most, own)}, half the periodic box, or a "
            "quarter of a body with edges; give fields on more nodes"
        )
    grids = [fields.spacing for fields in own.fields.values() if not fields.scattered]
    # those that we choose need no word about being moved
    return [horizons.symmetric(horizon, grids, most) for horizon in fitting]


def _require_horizons(chosen: Sequence[float], own: OwnData) -> None:
    least, most = bounds(own)
    for horizon in chosen:
        if not least <= horizon * (1 + 1e-9) or not horizon < most:
            raise InputError(
                f"a horizon of {_spell(horizon, own)} is outside its bounds: it must be at least "
                f"{_spell(least, own)}, {_least_told(own)}, and below {_spell(most, own)}, "
                "half the periodic box (of a body with edges a quarter); change learn.horizons"
            )


def _least_told(own: OwnData) -> str:
    return f"{max(_least_spacings(fields) for fields in own.fields.values()):g} node spacings"


def _spell(length: float, own: OwnData) -> str:
    """A length (Å) in the data's unit."""
    return f"{length / own.length:.6g} {own.length_unit}"


def _default_degrees(own: OwnData) -> list[int]:
    known = equations(own) - _BESIDE
    degrees = [degree for degree in _DEGREES if degree <= known]
    return degrees or [max(0, known)]


def _require_degrees(degrees: Sequence[int], own: OwnData) -> None:
    known = equations(own)
    count = sum(len(fields.u) for fields in own.training.values())
    if max(degrees) + _BESIDE > known:
        highest = known - _BESIDE
        remedy = f"lower learn.degrees to {highest}, or give" if highest >= 0 else "give"
        raise InputError(
            f"too few samples: the {count} training samples determine {known} numbers, a model of degree "
            f"{max(degrees)} has {max(degrees) + _BESIDE} unknowns (λ, μ and the influence function); "
            f"{remedy} samples with more different waves"
        )
