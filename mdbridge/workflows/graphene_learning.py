"""Choosing the horizon and the degree: every pair is learned, the errors decide."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from mpi4py import MPI

from .. import parallel
from ..dataset import FieldSet
from ..errors import ConvergenceError, MdbridgeError
from ..lps import regression, spectral, stencil, symbol
from ..report.console import Tick
from .graphene_input import Learn

_KEYS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")


@dataclass(frozen=True)
class Candidate:
    """A learned model for one pair (δ, M), or why there is none."""

    horizon: float
    degree: int
    fit: regression.Fit | None
    errors: dict[str, float]
    failure: str = ""

    def row(self) -> dict[str, Any]:
        """One row of the table of candidates."""
        return {"delta_A": self.horizon, "M": self.degree, **self.errors, "failure": self.failure}


@dataclass(frozen=True)
class Outcome:
    """All candidates, with AvgE among their errors, and the best of them."""

    candidates: list[Candidate]
    best: Candidate


def choose(comm: MPI.Comm, settings: Learn, fields: dict[str, FieldSet], tick: Tick) -> Outcome:
    """Learn all candidates, shared over ranks, and choose by AvgE ([You2022, sec. 4.3]).

    AvgE is the mean of the four errors, each divided by that of the baseline:
    a constant Bernstein polynomial, M = 0.

    Raises:
        ConvergenceError: no candidate could be learned.
    """
    samples = {name: _samples(fields[name]) for name in ("train", "val")}
    test_spacing = tuple(fields["test"].spacing) if "test" in fields else None
    pairs = [(settings.baseline_horizon_A, 0)]
    pairs += [(h, m) for h in settings.horizons_A for m in settings.degrees]
    mine = parallel.share([1.0 + m for _, m in pairs], comm.size)[comm.rank]
    learned = {}
    for done, job in enumerate(mine):
        horizon, degree = pairs[job]
        learned[job] = _learn(samples, test_spacing, horizon, degree, settings)
        tick((done + 1) / len(mine), f"δ = {horizon:g} Å, M = {degree}")
    merged = {job: one for part in comm.allgather(learned) for job, one in part.items()}
    baseline, *candidates = (merged[job] for job in range(len(pairs)))
    rated = [_rate(one, baseline) for one in candidates]
    usable = [one for one in rated if one.fit is not None]
    if not usable:
        raise ConvergenceError(f"no model could be learned: {rated[0].failure}")
    return Outcome([_rate(baseline, baseline), *rated], min(usable, key=lambda one: one.errors["AvgE"]))


def _samples(fields: FieldSet) -> spectral.Samples:
    return spectral.transform(fields.u, fields.b, fields.shape, fields.box)  # type: ignore[arg-type]


def _learn(
    samples: dict[str, spectral.Samples],
    test_spacing: tuple[float, ...] | None,
    horizon: float,
    degree: int,
    settings: Learn,
) -> Candidate:
    try:
        own = stencil.uniform(tuple(samples["train"].spacing), horizon)  # type: ignore[arg-type]
        grids = [own]
        if test_spacing is not None:
            grids.append(stencil.uniform(test_spacing, horizon))  # type: ignore[arg-type]
        if settings.method == "algorithm-1":
            from ..lps import algorithm1  # brings in torch, which takes seconds to import

            data = [(spectral.moments(samples["train"]), own)]
            fit = algorithm1.learn(data, degree, algorithm1.Settings(seed=settings.seed))
        else:
            data = [(spectral.moments(samples["train"], settings.long_wave_weight), own)]
            options = regression.Settings(
                solution_weight=settings.solution_weight,
                consistency_weight=settings.consistency_weight,
                starts=settings.starts,
                seed=settings.seed,
                strict_inf_sup=settings.strict_inf_sup,
            )
            fit = regression.learn(data, grids, degree, options)
    except MdbridgeError as error:
        return Candidate(horizon, degree, None, {}, str(error))
    material = fit.material
    if min(material.lame_mu, material.lame_lambda + material.lame_mu) < 1e-6:
        return Candidate(horizon, degree, None, {}, "λ + μ or μ came out as zero: the model is not solvable")
    errors = {}
    for name, sample in samples.items():
        grid = stencil.uniform(tuple(sample.spacing), horizon)  # type: ignore[arg-type]
        operator = symbol.operator(material, symbol.rings(grid, sample.wavevectors))
        residual, solution = spectral.errors(operator, sample)
        errors[f"E_res_{name}"] = float(residual.mean())
        errors[f"E_u_{name}"] = float(solution.mean())
    return Candidate(horizon, degree, fit, errors)


def _rate(candidate: Candidate, baseline: Candidate) -> Candidate:
    """Add AvgE; without a baseline the errors are averaged as they are."""
    if candidate.fit is None:
        return candidate
    scale = baseline.errors or dict.fromkeys(_KEYS, 1.0)
    average = float(np.mean([candidate.errors[key] / scale[key] for key in _KEYS]))
    return Candidate(candidate.horizon, candidate.degree, candidate.fit, candidate.errors | {"AvgE": average})
