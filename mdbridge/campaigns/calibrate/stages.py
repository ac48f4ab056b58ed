"""``mdbridge calibrate``: the parameters of a model from a reference, restartable and over all ranks."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from ... import __version__
from ...calibrate import noisy, pool
from ...calibrate.ego import SPENT
from ...calibrate.evaluate import Outcome
from ...calibrate.noisy import Smoothed
from ...calibrate.response import InvalidResponse, Response
from ...calibrate.trials import Trial, TrialLog, flat
from ...calibrate.worker import Worker
from ...core import config, demand, files, parallel, stages
from ...core.console import console, progress
from ...core.errors import InputError, MdbridgeError
from ...core.identity import Identity
from ...core.stages import Piece, Product
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from .. import demands
from . import listing, results
from .driver import Clock, Search, drive, on_one_line
from .problem import Problem, drawn, load, prepare, worker_for

CAMPAIGN = "calibrate"
UNSETTLED = (
    "the budget was spent before the search had come to its end: as the residuals go, they are least "
    "elsewhere, and the intervals are a guess; raise ego.evaluations and run again, which goes on from here"
)


def run(
    comm: MPI.Comm,
    path: Path,
    out: Path,
    overrides: Sequence[str],
    resume: bool = False,
    accept_changes: bool = False,
    max_walltime: float | None = None,
) -> None:
    """Calibrate as ``path`` says; trials.jsonl, summary.json, best.h5 and figures go to ``out`` (collective).

    Args:
        resume: go on with the record in ``out``.
        accept_changes: even where files that its trials depend on have changed.
        max_walltime: seconds after which to stop, so that a later run can go on.

    Raises:
        InputError: the input, or a record of another configuration, named.
        MdbridgeError: no evaluation gave a distance.
    """
    clock = Clock(max_walltime)
    settings, folder = parallel.on_root(comm, lambda: load(path, overrides))
    demand.require(comm, demands.calibrate(settings), out)
    text = parallel.on_root(comm, lambda: config.as_text(path, overrides))
    with contextlib.ExitStack() as held:
        worker = held.enter_context(worker_for(settings, folder))  # each rank's own, made ready meanwhile
        problem = parallel.on_root(comm, lambda: prepare(path, overrides, worker))
        for line in too_short(problem):
            console(comm).print(f"note: {line}", soft_wrap=True, markup=False)
        # after the input is known to be good: a wrong one must not sign the folder
        workspace = held.enter_context(claim(comm, Path(out), CAMPAIGN, path, overrides, text))
        start = time.perf_counter()

        def open_record() -> TrialLog:
            return TrialLog(
                workspace.root / "trials.jsonl",
                problem.configuration(),
                resume,
                complete=problem.configuration(complete=True),
                origins=problem.origins(),
                accept=accept_changes,
            )

        with progress(comm, f"{problem.search.scheme}, seed {problem.search.seed}") as tick:
            search = pool.with_pool(
                # the record is opened inside: a failure there ends all ranks alike
                comm,
                worker,
                problem.task_in(workspace.root),
                lambda p: drive(comm, p, problem, open_record(), tick, clock),
            )
        seconds = time.perf_counter() - start

        record = workspace.root / "trials.jsonl"
        read = identity(problem)
        end = End(problem, path, workspace.root, record, search, seconds, worker)
        # made again each time: quick beside the search, whose own record says what of it is done
        for name, files_of, finish in (
            ("calibrate", ("summary.json", "analysis.json"), _summarise),
            ("responses", ("best.h5",), _draw),
        ):

            def write(staged: Path, finish: Finish = finish) -> None:
                parallel.on_root(comm, lambda: finish(end, staged))

            made = Product(name, replace(read, task=name), files_of, write)
            stages.make(comm, workspace, made, again=True)
        summary = parallel.on_root(comm, lambda: files.read_json(workspace.root / "summary.json"))
    for doubt in summary["doubts"]:
        console(comm).print(f"doubtful: {doubt}", soft_wrap=True, markup=False)
    if "served" in summary:
        console(comm).print(summary["served"], soft_wrap=True, markup=False)
    console(comm).print(*listing.optimum(summary), sep="\n", soft_wrap=True, markup=False)
    console(comm).print(
        f"{summary['evaluations']} evaluations, {summary['stopped']}: distance {summary['distance']:.6g} at "
        f"{on_one_line(summary['best'])}; results in {out}",
        soft_wrap=True,
    )


def too_short(problem: Problem) -> list[str]:
    """What there is to say of a budget that leaves too little for a descent."""
    search = problem.search
    left = search.evaluations - search.initial - search.explore
    # slopes, a few steps, and the slopes once more for the intervals
    wanted = 6 * (len(problem.space.free) + 1)
    if not search.refines or left >= wanted:
        return []
    return [
        f"of {search.evaluations} evaluations the start design takes {search.initial} and looking for basins "
        f"{search.explore}: {max(left, 0)} are left for the descent and the intervals, which take {wanted} "
        "or more; raise ego.evaluations, or lower ego.initial and ego.explore"
    ]


def run_or_resume(comm: MPI.Comm, path: Path, out: Path, overrides: Sequence[str]) -> None:
    """Calibrate, and go on with the record in ``out`` if there is one (collective)."""
    run(comm, path, out, overrides, parallel.on_root(comm, lambda: (Path(out) / "trials.jsonl").exists()))


def identity(problem: Problem) -> Identity:
    """What the trials of a problem depend on."""
    read, shown = (flat(problem.configuration(complete=whole)) for whole in (False, True))
    return Identity("calibrate", values=read, shown=shown)


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'; the model is imported, but not called."""
    settings, folder = load(source, overrides)
    with worker_for(settings, folder) as worker:
        problem = prepare(source, overrides, worker)
    return [Product("calibrate", identity(problem), ("summary.json",), lambda staged: None)]


@dataclass
class End:
    """What is there when a search has ended."""

    problem: Problem
    source: Path
    out: Path
    record: Path
    search: Search
    seconds: float
    worker: Worker

    @property
    def best(self) -> Trial:
        """The trial with the least distance.

        Raises:
            InputError: no evaluation gave a distance.
        """
        best, trials, _, _ = self.search
        if best is not None:
            return best
        # the first trial's message: what fails always fails there first
        first = next(iter(trials), None)
        raise InputError(
            f"{self.source}: none of {len(trials)} evaluations gave a distance; the first: "
            f"{first.status if first else 'none'}: {first.message if first else ''}"
        )

    # once: a run of the model, which may take its time
    @cached_property
    def served(self) -> Smoothed | None:
        """The optimum of the mean, where one more run at the best trial shows that the model is noisy."""
        best, problem = self.best, self.problem
        again = Outcome.of(self.worker.call(problem.task, best.parameters))
        if again.score is None:  # it cannot be told, and drawing will say why
            return None
        noise = noisy.scatter(best, again.score, self.search[1])
        return (
            noisy.smoothed(problem.space, self.search[1], problem.groups, noise, problem.search.seed)
            if noise
            else None
        )

    @property
    def answer(self) -> Trial:
        """What is served: the best trial, or of a noisy model the optimum of the mean."""
        served = self.served
        if served is None:
            return self.best
        return replace(
            self.best,
            unit=served.unit.tolist(),
            parameters=self.problem.space.physical(served.unit),
            distance=served.distance,
            residual=served.residual,
        )


Finish = Callable[[End, Path], None]


def _summarise(end: End, folder: Path) -> None:
    """Write summary.json and analysis.json (rank 0)."""
    from ...calibrate.findings import analyse  # needs torch

    problem, (_, trials, reason, recorded) = end.problem, end.search
    findings = analyse(problem.space, trials, problem.groups, problem.likelihood, problem.search.seed)
    if reason == SPENT and findings["unsettled"]:
        findings["doubts"] = [UNSETTLED, *findings["doubts"]]
    # of parameters whose logarithm was searched figures show that
    findings["logarithmic"] = [
        n for n, p in problem.space.parameters.items() if p.distribution == "loguniform"
    ]
    served = end.served
    if isinstance(served, Smoothed):
        findings |= {"doubts": [], "bands": {}, "valley": None, "correlation": None, "posterior": None}
        findings["discrepancy"] = None
        told = noisy.intervals(problem.space, served, problem.likelihood)
        findings |= {"intervals": None, "intervals_from": told} if isinstance(told, str) else told
    summary = _summary(problem, end.answer, trials, reason, findings)
    if isinstance(served, Smoothed):
        luckiest = {"parameters": end.best.parameters, "distance": end.best.distance}
        summary |= {"served": served.said, "model_noise": served.noise, "luckiest": luckiest}
    summary |= {"wall_s": round(end.seconds, 3), "from_record": recorded}
    curves = problem.curves
    findings["bands"] = {
        name: {end: curves[name].of_residual(np.array(values)) for end, values in band.items()}
        for name, band in findings["bands"].items()
        if name in curves
    }
    findings["sigma"] = {name: term.deviations.tolist() for name, term in curves.items() if term.known}
    files.write_json(folder / "analysis.json", findings)
    files.write_json(folder / "summary.json", summary | {"versions": versions()})


def _draw(end: End, folder: Path) -> None:
    """Call the model at the optimum once more; write best.h5 and the figures (rank 0)."""
    answer = end.answer
    try:
        responses = drawn(end.problem, answer.parameters, end.worker)
    except MdbridgeError as error:  # the search has ended all the same
        whole = end.out / "summary.json"
        error.args = (f"{error}; {whole} is complete: mend this, and have the rest drawn with --resume",)
        raise
    _write_best(folder / "best.h5", end.problem, answer, *responses)
    if end.problem.settings.output.figures:
        from . import figures

        figures.draw(folder, end.record, end.out)


def _summary(
    problem: Problem, best: Trial, trials: list[Trial], reason: str, findings: dict[str, Any]
) -> dict[str, Any]:
    counts = {s: sum(t.status == s for t in trials) for s in ("ok", "invalid", "failed", "timeout")}
    truths = {n: p.truth for n, p in problem.settings.parameters.items() if p.truth is not None}
    return {
        "version": __version__,
        "best": best.parameters,
        "distance": best.distance,
        "terms": best.terms,
        "found_at": best.index + 1,
        "evaluations": len(trials),
        "failed": len(trials) - counts["ok"],
        "status": counts,
        "scheme": problem.search.scheme,
        "seed": problem.search.seed,
        "stopped": reason,
        "model_s": round(sum(t.seconds for t in trials), 3),
        "intervals": findings["intervals"],
        "intervals_from": findings["intervals_from"],
        "doubts": findings["doubts"],
        "estimate": findings["estimate"],
        "correlation": findings["correlation"],
        "noise": findings["noise"],
        "discrepancy": findings["discrepancy"],
        "valley": findings["valley"],
        "sensitivity": findings["sensitivity"],
        "compared": _compared(problem),
        "units": {n: p.unit for n, p in problem.settings.parameters.items()},
        "truth": truths or None,
        "error": {n: best.parameters[n] - v for n, v in truths.items() if _is_number(v)} or None,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compared(problem: Problem) -> dict[str, Any] | None:
    """The distance at the parameters of ``output.compare``."""
    if problem.compared is None or problem.compared.score is None:
        return None
    score = problem.compared.score
    return {
        "parameters": problem.settings.output.compare,
        "distance": score.distance,
        "terms": score.terms,
    }


def _write_best(path: Path, problem: Problem, best: Trial, reference: Response, response: Response) -> None:
    """The reference and the calibrated response side by side."""
    options = {**problem.task.options, **problem.settings.output.options}
    abscissae = {}
    for name, term in problem.curves.items():
        if term.abscissa is None or term.along is None:
            continue
        abscissae[name] = (term.abscissa, term.along)
        # side by side: the model's curve at the points of the measurements
        with contextlib.suppress(InvalidResponse):
            response = {**response, name: term.at_the_reference(response)}
    responses = {"reference": reference, "calibrated": response}
    assert best.distance is not None
    labels, units = problem.task.model.labels, problem.units
    results.write(
        path, responses, best.parameters, best.distance, options, labels, units, abscissae=abscissae
    )
