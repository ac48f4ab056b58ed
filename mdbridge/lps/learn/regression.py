"""Operator regression by least squares on the ring form of the symbol, after [You2022, eq. 4.7].

On a uniform grid the operator's symbol is quadratic in the ring values of the
influence function, so the loss is a small nonlinear least-squares problem,
whatever the number of samples.  Beside the residual of the LPS equation the
fit takes in

* the error of the solution, |L⁻¹ b − u|, which is what a user of the model sees;
* the consistency of the quadrature: on every grid where the model is to be
  used, Σ K W z⊗z and Σ K W z⊗z⊗z⊗z/|z|² are those of the isotropic continuum, so
  that λ and μ are the moduli of the discretised model too;
* the solvability conditions (4.6) on the whole Brillouin zone of those grids (see
  :mod:`.stability`), as penalties at a coarse sample of wave vectors to which the
  points that still violate a condition are added, until none is left.

The problem has many local minima; the best of several seeded starts is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConvergenceError
from .. import stability
from ..material import LinearPeridynamicSolid
from ..stencil import Stencil
from .local import LocalCuts, LocalMoments
from .residuals import STEEP, FitSettings, LeastSquaresProblem
from .spectral import Moments

Array = NDArray[np.float64]
Certificate = stability.Certificate | stability.PairCertificate

_POLISHED = 2  # starts that are carried to the end


@dataclass(frozen=True)
class Fit:
    """The outcome of a regression.

    Attributes:
        material: the learned model.
        certificates: one per grid, all of them holding.
        cost: half the sum of squares at the optimum.
        costs: of all the starts, ascending: how rugged the problem was.
        evaluations: number of loss evaluations in all.
        history: cost of each start, then of the best after each stage.
        trace: lowest cost so far after each evaluation.
    """

    material: LinearPeridynamicSolid
    certificates: list[Certificate]
    cost: float
    costs: list[float]
    evaluations: int
    history: list[float] = field(default_factory=list)
    trace: list[float] = field(default_factory=list)


def learn(
    data: Sequence[tuple[Moments | LocalMoments | LocalCuts, Stencil]],
    grids: Sequence[Stencil],
    degree: int,
    settings: FitSettings,
    start: LinearPeridynamicSolid | None = None,
) -> Fit:
    """Learn λ, μ and an influence function for a given horizon and degree.

    Args:
        data: samples of one or more grids, each with its grid's stencil.
        grids: stencils of all grids on which the model must be consistent and solvable.
        degree: M, one less than the number of coefficients.
        settings: weights and effort.
        start: a model of the same family, horizon and degree to start from, instead of random ones.

    Raises:
        ConvergenceError: no start leads to a solvable model.
    """
    problem = LeastSquaresProblem(data, grids, degree, settings)
    # only to rank them: the best are carried to the end
    tries = [problem.minimize(p, 50) for p in _starts(problem, data, grids, start)]
    tries.sort(key=lambda result: result.cost)
    history = [float(result.cost) for result in tries]
    best = [result.x for result in tries[:_POLISHED]]
    if settings.strict_inf_sup:  # only now, and step by step: from a random start it leads astray
        best = [problem.tighten(p) for p in best]
    fits = [fit for p in best if (fit := _polish(problem, p, history))]
    if not fits:
        raise ConvergenceError(
            f"no solvable model found for a horizon of {grids[0].horizon:g} Å and degree {degree} "
            f"from {settings.starts} starts; try another horizon or a lower degree"
        )
    cost, p, certificates = min(fits, key=lambda fit: fit[0])
    return Fit(
        material=problem.material(p),
        certificates=certificates,
        cost=cost,
        costs=[float(attempt.cost) for attempt in tries],
        evaluations=problem.evaluations,
        history=history,
        trace=np.minimum.accumulate(problem.trace).tolist(),
    )


def refine(
    data: Sequence[tuple[Moments | LocalMoments | LocalCuts, Stencil]],
    grids: Sequence[Stencil],
    degree: int,
    settings: FitSettings,
    start: LinearPeridynamicSolid,
    evaluations: int = 12,
) -> LinearPeridynamicSolid:
    """The model of nearly the same data, from that of the data: for error bars, and not certified.

    Args:
        data, grids, degree, settings, start: as for :func:`learn`.
        evaluations: of the loss, at most.
    """
    problem = LeastSquaresProblem(data, grids, degree, settings)
    # a model is near: what is left are a few steps in a valley that is known
    return problem.material(problem.minimize(problem.parameters(start), evaluations).x)


def _starts(
    problem: LeastSquaresProblem,
    data: Sequence[tuple[Moments | LocalMoments | LocalCuts, Stencil]],
    grids: Sequence[Stencil],
    start: LinearPeridynamicSolid | None,
) -> list[Array]:
    """At a given model or at random; for two influence functions also at the best single one."""
    settings = problem.settings
    if start is not None:
        return [problem.parameters(start)]
    random = np.random.default_rng(settings.seed)
    starts = [problem.start(random) for _ in range(settings.starts)]
    if settings.own_dilatation:
        single = LeastSquaresProblem(
            data, grids, problem.layout.degree, replace(settings, own_dilatation=False)
        )
        random = np.random.default_rng(settings.seed)
        tries = [single.minimize(single.start(random), 50) for _ in range(settings.starts)]
        best = min(tries, key=lambda result: result.cost)
        starts.append(problem.parameters(single.material(best.x)))
    return starts


def _polish(
    problem: LeastSquaresProblem, start: Array, history: list[float]
) -> tuple[float, Array, list[Certificate]] | None:
    """Minimise from ``start``, adding violated wave vectors until solvable; None if it never is."""
    problem.steep = STEEP
    result = problem.minimize(start, 150)
    for round in range(9):
        history.append(float(result.cost))
        if not problem.add_violations(result.x):
            material = problem.material(result.x)
            certificates = [stability.certify_material(material, stencil) for stencil in problem.grids]
            if all(certificate.holds for certificate in certificates):
                return float(result.cost), result.x, certificates
        if round >= 2:  # more points have not helped: press harder
            problem.steep *= 3
        result = problem.minimize(result.x, 60)
    return None
