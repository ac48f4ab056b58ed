"""Learning graphene's model for pairs (δ, M), shared over ranks, and choosing among them.

Each pair is a task of its own; one that fails is recorded as failed, and the others go on.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from mpi4py import MPI

from ...core import stages
from ...core.errors import ConvergenceError, MdbridgeError, MissingPackageError
from ...core.identity import Identity
from ...core.stages import Stage, Task
from ...core.workspace import Workspace
from ...fields.fieldset import FieldSet
from ...lps import fieldsets, symbol
from ...lps.learn import regression, spectral
from ...lps.learn.residuals import FitSettings
from ...lps.material import LinearPeridynamicSolid
from .input import Learn

ERRORS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")
_SMALLEST_MODULUS = 1e-4  # TPa; the fit's own bound is lower
Fields = dict[str, FieldSet]
Pair = tuple[float, int]


@dataclass(frozen=True)
class Candidate:
    """A learned model for one pair (δ, M), or why there is none.

    Attributes:
        horizon: δ (Å).
        degree: M.
        material: the model, or None.
        certificates: one per grid, as dictionaries.
        errors: mean relative errors by name, and AvgE once they are rated.
        failure: why there is no model.
        cost: half the sum of squares.
        history, trace: of the fit.
        wall_s: time taken (s).
    """

    horizon: float
    degree: int
    material: LinearPeridynamicSolid | None = None
    certificates: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    cost: float = 0.0
    history: list[float] = field(default_factory=list)
    trace: list[float] = field(default_factory=list)
    wall_s: float = 0.0

    def row(self) -> dict[str, Any]:
        """One row of the table of candidates."""
        return {"delta_A": self.horizon, "M": self.degree, **self.errors, "failure": self.failure}

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a file."""
        data = {name: value for name, value in vars(self).items() if name != "material"}
        return data | {"material": None if self.material is None else self.material.as_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str) -> "Candidate":
        """The inverse of :meth:`as_dict`; ``source`` names the file in errors."""
        values = {name: data[name] for name in cls.__dataclass_fields__}
        if values["material"] is not None:
            values["material"] = LinearPeridynamicSolid.from_dict(values["material"], source)
        return cls(**values)


@dataclass(frozen=True)
class Choice:
    """All candidates, with AvgE among their errors, and the best of them."""

    candidates: list[Candidate]
    best: Candidate


@dataclass(frozen=True)
class Source:
    """Where learning takes its fields from, and what they were made from.

    Attributes:
        settings: the section [learn].
        identity: of what every pair reads: data and settings, all but the pair itself.
        fields: reads them on this rank; called where a pair is learned, at most once.
    """

    settings: Learn
    identity: Identity
    fields: Callable[[], Fields]


def pairs_to_choose_from(settings: Learn) -> list[Pair]:
    """The baseline's pair, then all others."""
    pairs = [(settings.baseline_horizon_A, 0)]
    return pairs + [(h, m) for h in settings.horizons_A for m in settings.degrees]


def pairs_stage(source: Source, pairs: Sequence[Pair]) -> Stage[Fields]:
    """One task for each pair, without repetitions."""

    def task(pair: Pair) -> Task[Fields]:
        identity = replace(
            source.identity,
            task="learn a pair",
            values=source.identity.values | {"horizon_A": pair[0], "degree": pair[1]},
        )
        name = f"delta-{pair[0]:g}-M-{pair[1]}"
        # roughly: a fit takes longer with every coefficient
        cost = 4.0 + pair[1]
        return Task(name, identity, lambda f, _: learn_pair(source.settings, f, *pair).as_dict(), cost)

    return Stage("pairs", [task(pair) for pair in dict.fromkeys(pairs)])


def choose(comm: MPI.Comm, workspace: Workspace, source: Source) -> Choice:
    """Learn all pairs and take the one with the smallest AvgE (collective).

    AvgE is the mean of the four errors, each divided by that of the baseline, a
    constant polynomial ([You2022, sec. 4.3]).

    Raises:
        InputError: a horizon does not fit the data.
        ConvergenceError: no candidate could be learned.
    """
    for horizon in source.settings.horizons_A:
        check_horizon(horizon, source.fields())
    pairs = pairs_to_choose_from(source.settings)
    # one list: the baseline is learned beside the others, on whatever ranks are free
    baseline, *candidates = learn_all(comm, workspace, source, pairs, "learn")
    rated = [rate(candidate, baseline) for candidate in candidates]
    usable = [candidate for candidate in rated if candidate.material is not None]
    if not usable:
        raise ConvergenceError(f"no model could be learned: {rated[0].failure}")
    # AvgE of the baseline is 1 by definition; it is shown beside the others
    return Choice(
        [rate(baseline, baseline), *rated], min(usable, key=lambda candidate: candidate.errors["AvgE"])
    )


def learn_all(
    comm: MPI.Comm, workspace: Workspace, source: Source, pairs: Sequence[Pair], title: str
) -> list[Candidate]:
    """Learn every pair that is not learned yet (collective); in the order of ``pairs``."""
    stage = pairs_stage(source, pairs)
    stages.share(comm, workspace, stage, title, lambda _: nullcontext(source.fields()))
    learned = stages.results(comm, workspace, stage)
    # a pair asked for twice is one task
    names = dict(zip(dict.fromkeys(pairs), (task.name for task in stage.tasks), strict=True))
    return [Candidate.from_dict(learned[names[pair]], names[pair]) for pair in pairs]


def learn_pair(
    settings: Learn,
    fields: Fields,
    horizon: float,
    degree: int,
    start: LinearPeridynamicSolid | None = None,
    weights: np.ndarray | None = None,
) -> Candidate:
    """Learn one pair; failing is a result.

    Args:
        start: a model to start from, instead of random ones.
        weights: ``(s,)`` further weights of the training samples.
    """
    begin = time.monotonic()
    try:
        check_horizon(horizon, fields)
        fit = _fit(settings, fields, horizon, degree, start, weights)
        material = fit.material
        if min(material.lame_mu, material.lame_lambda + material.lame_mu) < _SMALLEST_MODULUS:
            raise ConvergenceError("λ + μ or μ came out as zero: the model is not solvable")
        errors = spectral_errors(material, fields)
    except MissingPackageError:  # says nothing about the pair, which is to be learned once it is installed
        raise
    except (MdbridgeError, ArithmeticError, ValueError) as error:  # LinAlgError is a ValueError
        words = str(error) if isinstance(error, MdbridgeError) else repr(error)
        return Candidate(horizon, degree, failure=words, wall_s=time.monotonic() - begin)
    return Candidate(
        horizon=horizon,
        degree=degree,
        material=material,
        certificates=[asdict(certificate) for certificate in fit.certificates],
        errors=errors,
        cost=fit.cost,
        history=fit.history,
        trace=fit.trace,
        wall_s=time.monotonic() - begin,
    )


def _fit(
    settings: Learn,
    fields: Fields,
    horizon: float,
    degree: int,
    start: LinearPeridynamicSolid | None,
    weights: np.ndarray | None,
) -> regression.Fit:
    # as published: all samples count alike
    power = 0.0 if settings.method == "algorithm-1" else settings.long_wave_weight
    # "train_fine" too, where it was read: that is the hybrid training of section 6.4
    training = [name for name in fields if name.startswith("train")]
    data, grids = fieldsets.problem_of(
        fields, training, horizon, power, weights, settings.own_dilatation, settings.quadrature
    )
    if settings.method == "algorithm-1":
        from ...lps.learn import algorithm1  # brings in torch, which takes seconds to import

        return algorithm1.learn(
            data, degree, algorithm1.Algorithm1Settings(seed=settings.seed, kernel=settings.kernel)
        )
    options = FitSettings(
        solution_weight=settings.solution_weight,
        consistency_weight=settings.consistency_weight,
        starts=settings.starts,
        seed=settings.seed,
        strict_inf_sup=settings.strict_inf_sup,
        own_dilatation=settings.own_dilatation,
        kernel=settings.kernel,
    )
    return regression.learn(data, grids, degree, options, start)


def spectral_errors(material: LinearPeridynamicSolid, fields: Fields) -> dict[str, float]:
    """Mean relative errors of residual and solution on all periodic sets, and the loss (4.1), by name."""
    errors = {}
    for name, field_set in fields.items():
        if field_set.shape is None:
            continue
        sample = fieldsets.transformed(field_set, name)
        grid = fieldsets.stencil_of(field_set, material.influence.horizon, material.quadrature)
        operator = symbol.operator(material, symbol.rings(grid, sample.wavevectors))
        residual, solution = spectral.errors(operator, sample)
        errors[f"E_res_{name}"] = float(residual.mean())
        errors[f"E_u_{name}"] = float(solution.mean())
        errors[f"loss_{name}"] = float((residual**2).mean())
    return errors


def check_horizon(horizon: float, fields: Fields) -> None:
    """Refuse a horizon that does not fit the data.

    Raises:
        InputError: it is more than half of a periodic box, or holds no neighbour.
    """
    for name, field_set in fields.items():
        fieldsets.check_horizon(horizon, field_set, name)


def rate(candidate: Candidate, baseline: Candidate) -> Candidate:
    """Add AvgE; without a baseline the errors are averaged as they are."""
    if candidate.material is None:
        return candidate
    # the baseline may not have been learned
    scale = baseline.errors or dict.fromkeys(ERRORS, 1.0)
    average = float(np.mean([candidate.errors[key] / scale[key] for key in ERRORS]))
    return replace(candidate, errors=candidate.errors | {"AvgE": average})
