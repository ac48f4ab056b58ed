"""Learning a linear peridynamic solid: least squares on the symbol, beside Algorithm 1 of [You2022]."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import algorithm1, regression, spectral
from mdbridge.lps.learn.algorithm1 import Algorithm1Settings
from mdbridge.lps.learn.residuals import FitSettings
from mdbridge.lps.material import LinearPeridynamicSolid

from .rows import Job, Row

TITLE = "Learning: one horizon and degree"
NOTE = "Standing waves of a known solid, which both are to find; the residual is that of its equation."


def jobs(quick: bool) -> list[Job]:
    """Horizon in Å, degree of the truth and of the model, epochs of Algorithm 1."""
    if quick:
        return [Job(("15.0", "2", "quick"))]
    return [Job(("15.0", "2", "whole")), Job(("28.5", "16", "whole"))]


def measure(comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
    """Both on the same samples, in turn."""
    horizon, degree = float(arguments[0]), int(arguments[1])
    # the effort of the publication, or enough of it to see that it runs
    effort = Algorithm1Settings()
    if arguments[2] == "quick":
        effort = replace(effort, prediction_epochs=20, correction_epochs=5, correction_steps=2)
    grid = stencil.uniform((4.93, 5.04), horizon)
    samples = manufactured(horizon, grid)
    moments = spectral.moments(samples)
    # by the weights of the publication, which its constraints are made for
    grids = {"ours": grid, "theirs": stencil.uniform((4.93, 5.04), horizon, quadrature="published")}

    def ours() -> LinearPeridynamicSolid:
        return regression.learn([(moments, grid)], [grid], degree, FitSettings()).material

    def published() -> LinearPeridynamicSolid:
        return algorithm1.learn([(moments, grids["theirs"])], degree, effort).material

    rows = []
    for name, learn in (("mdbridge: least squares", ours), ("Algorithm 1, our implementation", published)):
        took, models, note = [], list[LinearPeridynamicSolid](), ""
        try:
            for _ in range(1 if learn is published else rounds):
                begun = time.process_time(), time.perf_counter()
                models.append(learn())
                took.append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
        except ConvergenceError as failure:
            note = str(failure)[:80]
        if models:
            own = grids["ours" if learn is ours else "theirs"]
            operator = symbol.operator(models[-1], symbol.rings(own, samples.wavevectors))
            note = f"residual {100 * np.sqrt((spectral.errors(operator, samples)[0] ** 2).mean()):.2g} %"
        busy, wall = [processor for processor, _ in took], [wall for _, wall in took]
        group = f"δ = {horizon:g} Å, M = {degree}"
        rows.append(Row(group, name, busy, wall, reference=learn is ours, note=note))
    return rows


def manufactured(horizon: float, grid: stencil.Stencil) -> spectral.Samples:
    """Standing waves of both polarisations, and the loads of a solid whose kernel changes sign."""
    truth = LinearPeridynamicSolid(Bernstein(horizon, np.array([-2.0, 1.0, 2.0]), (1.0,)), -0.197, 0.722)
    shape, box = (12, 12), 12 * np.asarray(grid.spacing)
    x, y = (2 * np.pi * np.indices(shape) / 12).reshape(2, -1)
    shapes = [np.sin(n * x + 0.3) * np.sin(m * y + 0.7) for n in range(4) for m in range(4) if n + m]
    u = np.array([np.outer(wave, axis) for wave in shapes for axis in np.eye(2)])
    samples = spectral.transform(u, u, shape, box)
    operator = symbol.operator(truth, symbol.rings(grid, samples.wavevectors))
    return replace(samples, b=np.einsum("kij,skj->ski", operator, samples.u))
