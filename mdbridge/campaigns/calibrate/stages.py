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
from ...calibrate.trials import Trial, TrialLog, flat, read
from ...calibrate.worker import Worker
from ...core import config, demand, files, parallel, stages
from ...core.console import console, progress
from ...core.errors import InputError, MdbridgeError
from ...core.identity import Identity
from ...core.stages import Piece, Product
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from .. import demands
from . import finished, listing, results, verdict
from .driver import Clock, Search, drive, on_one_line
from .problem import Problem, drawn, load, prepare, worker_for
from .references import left_out

CAMPAIGN = "calibrate"
UNSETTLED = "the intervals are a guess: the search has not converged"


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
        if resume and parallel.on_root(comm, lambda: finished.stands(Path(out), settings, folder, worker)):
            held.enter_context(claim(comm, Path(out), CAMPAIGN, path, overrides, text))
            console(comm).print(f"{CAMPAIGN}: done before; nothing of it is evaluated again", style="dim")
        else:
            problem = parallel.on_root(
                comm, lambda: prepare(path, overrides, worker, Path(out) if resume else None)
            )
            made_from = parallel.on_root(comm, lambda: finished.inputs(settings, folder, worker))
            notes = parallel.on_root(comm, lambda: _notes(problem))
            free = len(problem.space.free)
            early = [*verdict.short(problem.search, free), *verdict.unscaled(problem.likelihood, free)]
            for line in [*notes, *early]:
                console(comm).print(f"note: {line}", soft_wrap=True, markup=False)
            # after the input is known to be good: a wrong one must not sign the folder
            workspace = held.enter_context(claim(comm, Path(out), CAMPAIGN, path, overrides, text))
            end = End(problem, path, workspace.root, worker, made_from, notes)
            _work(comm, workspace, end, lambda: _search(comm, end, clock, resume, accept_changes))
        summary = parallel.on_root(comm, lambda: files.read_json(Path(out) / "summary.json"))
        # while the folder is owned: its log has the optimum, too
        for line in listing.told(summary):
            console(comm).print(line, soft_wrap=True, markup=False)
        console(comm).print(
            f"{summary['evaluations']} evaluations, {summary['stopped']}: distance "
            f"{summary['distance']:.6g} at {on_one_line(summary['best'])}; results in {out}",
            soft_wrap=True,
        )


def _notes(problem: Problem) -> list[str]:
    """What a person should know of what is compared."""
    file = problem.settings.reference.file
    return [] if file is None else left_out(file, problem.curves.values(), problem.reference)


def _search(comm: MPI.Comm, end: "End", clock: Clock, resume: bool, accept_changes: bool) -> None:
    """Search to the end (collective)."""
    problem, start = end.problem, time.perf_counter()

    def open_record() -> TrialLog:
        record = TrialLog(
            end.record,
            problem.configuration(),
            resume,
            complete=problem.configuration(complete=True),
            origins=problem.origins(),
            accept=accept_changes,
        )
        problem.keep_reference(end.out)
        return record

    with progress(comm, f"{problem.search.scheme}, seed {problem.search.seed}") as tick:
        end.search = pool.with_pool(
            # the record is opened inside: a failure there ends all ranks alike
            comm,
            end.worker,
            problem.task_in(end.out),
            lambda workers: drive(comm, workers, problem, open_record(), tick, clock),
        )
    end.seconds = time.perf_counter() - start


def _work(comm: MPI.Comm, workspace: Workspace, end: "End", search: Callable[[], None]) -> None:
    """Search, and write what there is to say and to draw of it (collective)."""

    def calibrate(staged: Path) -> None:
        search()
        parallel.on_root(comm, lambda: _summarise(end, staged))

    def respond(staged: Path) -> None:
        parallel.on_root(comm, lambda: _draw(end, staged))

    given = identity(end.problem)
    # each time: the search's own record says what of it is done, and the rest is quick beside it
    for name, promised, write in (
        ("calibrate", ("summary.json", "analysis.json"), calibrate),
        ("responses", ("best.h5",), respond),
    ):
        stages.make(comm, workspace, Product(name, replace(given, task=name), promised, write), again=True)


def run_or_resume(comm: MPI.Comm, path: Path, out: Path, overrides: Sequence[str]) -> None:
    """Calibrate, and go on with the record in ``out`` if there is one (collective)."""
    run(comm, path, out, overrides, parallel.on_root(comm, lambda: (Path(out) / "trials.jsonl").exists()))


def identity(problem: Problem) -> Identity:
    """What the trials of a problem depend on."""
    given, shown = (flat(problem.configuration(complete=whole)) for whole in (False, True))
    return Identity("calibrate", values=given, shown=shown)


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'; the model is imported, but not called."""
    settings, folder = load(source, overrides)
    with worker_for(settings, folder) as worker:
        problem = prepare(source, overrides, worker, workspace.root)
    record = workspace.root / "trials.jsonl"
    if not record.exists():
        from . import seeds  # which runs this module's own campaign for each of them

        if study := seeds.plan_of(workspace.root, source, overrides, identity(problem)):
            return study

    def begun() -> str:
        if not record.exists():
            return ""
        count, most = len(read(record)[1]), problem.search.evaluations
        return f"{count} of at most {most} evaluations are recorded"

    return [Product("calibrate", identity(problem), ("summary.json",), lambda staged: None, begun)]


@dataclass
class End:
    """What is there when a search has ended; ``search`` and ``seconds`` are of that."""

    problem: Problem
    source: Path
    out: Path
    worker: Worker
    made_from: str
    notes: list[str]
    search: Search = (None, [], "", 0)
    seconds: float = 0.0

    @property
    def record(self) -> Path:
        """The file of the trials."""
        return self.out / "trials.jsonl"

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
    def again(self) -> Outcome:
        """The best trial run once more."""
        return Outcome.of(self.worker.call(self.problem.task, self.best.parameters))

    @cached_property
    def served(self) -> Smoothed | None:
        """The optimum of the mean, where one more run at the best trial shows that the model is noisy."""
        best, problem, again = self.best, self.problem, self.again
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
            terms=self._terms_of(served),
            residual=served.residual,
        )

    def _terms_of(self, served: Smoothed) -> list[float]:
        """What the terms come to of the mean residuals; none where these are not parted into terms."""
        problem = self.problem
        if served.residual is None or problem.groups is None or problem.likelihood is None:
            return []
        objective, sizes = problem.task.objective, problem.likelihood.sizes
        return objective.distances(served.residual, problem.groups, sizes)


def _summarise(end: End, folder: Path) -> None:
    """Write summary.json and analysis.json (rank 0)."""
    from ...calibrate.findings import analyse, none  # needs torch

    problem, (_, trials, reason, recorded) = end.problem, end.search
    findings = analyse(problem.space, trials, problem.groups, problem.likelihood, problem.search.seed)
    if reason == SPENT and findings["unsettled"]:
        findings["doubts"] = [UNSETTLED, *findings["doubts"]]
    # of parameters whose logarithm was searched figures show that
    findings["logarithmic"] = [
        n for n, p in problem.space.parameters.items() if p.distribution == "loguniform"
    ]
    served = end.served
    # of a noisy model the residuals do not tell where their least is
    settled = verdict.convergence(reason, findings | ({"estimate": None} if served else {}))
    if isinstance(served, Smoothed):
        # nothing of the residuals about the luckiest trial
        told = noisy.intervals(problem.space, served, problem.likelihood)
        findings |= none(told) if isinstance(told, str) else none("") | told
    findings["intervals_from"] = verdict.advised(
        findings["intervals_from"], problem.search, len(problem.space.free)
    )
    findings["doubts"] = [
        *verdict.at_bounds(problem.space, end.answer.parameters, findings),
        # of a noisy model it cannot be told, and without errors there is nothing to compare with
        *([] if served or findings["intervals"] is None else verdict.coarse(end.again.between)),
        *findings["doubts"],
    ]
    summary = _summary(problem, end.answer, trials, reason, findings)
    summary |= dict(zip(("converged", "convergence"), settled, strict=True)) | {"notes": end.notes}
    summary["distance_is"] = verdict.meaning(
        problem.task.objective.terms, problem.task.objective.weights, len(problem.space.names)
    )
    if isinstance(served, Smoothed):
        best = end.best
        luckiest = {"parameters": best.parameters, "distance": best.distance, "terms": best.terms}
        summary |= {"served": served.said, "model_noise": served.noise, "found_at": None}
        summary["luckiest"] = luckiest | {"found_at": best.index + 1}
    summary |= {"wall_s": round(end.seconds, 3), "from_record": recorded}
    summary["made_from"] = finished.stamp(end.record, end.made_from)
    curves = problem.curves
    findings["bands"] = {
        name: {end: curves[name].of_residual(np.array(values)) for end, values in band.items()}
        for name, band in findings["bands"].items()
        if name in curves
    }
    # drawn along an axis, not as curves
    findings["abscissae"] = sorted({term.abscissa for term in curves.values() if term.abscissa is not None})
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
