"""``mdbridge calibrate``: the parameters of a model from a reference, restartable and over all ranks."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ... import __version__
from ...calibrate import pool
from ...calibrate.ego import Calibration, Proposal
from ...calibrate.evaluate import Outcome
from ...calibrate.objective import Response
from ...calibrate.trials import Record, Trial
from ...calibrate.worker import Worker
from ...core import files, parallel
from ...core.console import Tick, console, progress
from ...core.errors import InputError, MdbridgeError
from . import results
from .problem import Problem, drawn, load, prepare, worker_for

Search = tuple[Trial | None, list[Trial], str, int]
"""What a search gave: the best trial, all, why it ended, how many were in the record before."""


def run(
    comm: MPI.Comm,
    path: Path,
    out: Path,
    overrides: Sequence[str],
    resume: bool = False,
    accept_changes: bool = False,
) -> None:
    """Calibrate as ``path`` says; trials.jsonl, summary.json, best.h5 and figures go to ``out`` (collective).

    Args:
        resume: go on with the record in ``out``.
        accept_changes: even where files that its trials depend on have changed.

    Raises:
        InputError: the input, or a record of another configuration, named.
        MdbridgeError: no evaluation gave a distance.
    """
    out = Path(out)
    settings, folder = parallel.on_root(comm, lambda: load(path, overrides))
    with worker_for(settings, folder) as worker:  # each rank has one, and gets it ready meanwhile
        problem = parallel.on_root(comm, lambda: prepare(path, overrides, worker))
        start = time.perf_counter()

        def open_record() -> Record:
            return Record(
                out / "trials.jsonl",
                problem.configuration(),
                resume,
                complete=problem.configuration(complete=True),
                origins=problem.origins(),
                accept=accept_changes,
            )

        with progress(comm, f"{problem.search.scheme}, seed {problem.search.seed}") as tick:
            search = pool.with_pool(
                comm, worker, problem.task, lambda p: _drive(comm, p, problem, open_record(), tick)
            )
        seconds = time.perf_counter() - start
        parallel.on_root(comm, lambda: _finish(problem, path, out, search, seconds, worker))
    best, trials, reason, _ = search
    if best is not None:
        console(comm).print(
            f"{len(trials)} evaluations, {reason}: distance {best.distance:.6g} at "
            f"{_named(best.parameters)}; results in {out}",
            soft_wrap=True,
        )


def _drive(comm: MPI.Comm, workers: pool.Pool, problem: Problem, record: Record, tick: Tick) -> Search:
    """The loop of rank 0: ask, evaluate, record, tell."""
    if record.damaged:
        console(comm).print(
            f"{record.path}: {record.damaged} damaged line(s) left out; {len(record.trials)} intact trials "
            "recovered, the others are evaluated again"
        )
    for change in record.accepted:
        console(comm).print(f"{record.path}: {change}; accepted, and noted there", soft_wrap=True)
    found = len(record.trials)
    search = Calibration(problem.space, problem.search, problem.groups, record.trials.values())
    waiting: list[Proposal] = []
    running: dict[int, Proposal] = {}
    try:
        while not search.done:
            waiting += search.ask()
            while waiting and workers.free:
                proposal = waiting.pop(0)
                running[proposal.index] = proposal
                workers.submit(proposal.index, problem.space.physical(proposal.unit))
            for index, outcome in workers.collect():
                trial = _trial(problem, running.pop(index), outcome)
                record.append(trial)
                search.tell(trial)
            tick(len(search.trials) / problem.search.evaluations, _note(search))
    finally:
        record.close()
    return search.best, [search.trials[k] for k in sorted(search.trials)], search.reason, found


def _trial(problem: Problem, proposal: Proposal, outcome: Outcome) -> Trial:
    score = outcome.score
    return Trial(
        index=proposal.index,
        phase=proposal.phase,
        unit=[float(u) for u in proposal.unit],
        parameters=problem.space.physical(proposal.unit),
        status=outcome.status,
        distance=None if score is None else score.distance,
        terms=[] if score is None else score.terms,
        residual=None if score is None else score.residual,
        seconds=outcome.seconds,
        host=outcome.host,
        message=outcome.message,
        said=outcome.said,
        state=proposal.state,
    )


def _note(search: Calibration) -> str:
    best = search.best
    count = f"evaluation {len(search.trials)}"
    return count if best is None else f"{count}, best {best.distance:.5g} at {_named(best.parameters)}"


def _named(parameters: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in parameters.items())


def _finish(problem: Problem, path: Path, out: Path, search: Search, seconds: float, worker: Worker) -> None:
    """Write summary.json, best.h5 and the figures (rank 0)."""
    from ...calibrate import analysis  # needs torch

    best, trials, reason, found = search
    if best is None:
        first = next(iter(trials), None)
        raise InputError(
            f"{path}: none of {len(trials)} evaluations gave a distance; the first: "
            f"{first.status if first else 'none'}: {first.message if first else ''}"
        )
    findings = analysis.analyse(problem.space, trials, problem.groups, problem.search.seed)
    summary = _summary(problem, best, trials, reason, findings)
    summary |= {"wall_s": round(seconds, 3), "from_record": found}
    files.write_json(out / "analysis.json", findings)
    files.write_json(out / "summary.json", summary)
    try:
        responses = drawn(problem, best.parameters, worker)
    except MdbridgeError as error:  # the search has ended all the same
        error.args = (
            f"{error}; {out / 'summary.json'} is complete: mend this, and have the rest drawn with --resume",
        )
        raise
    _write_best(out / "best.h5", problem, best, *responses)
    if problem.settings.output.figures:
        from . import figures

        figures.draw(out)


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
        "valley": findings["valley"],
        "sensitivity": findings["sensitivity"],
        "compared": _compared(problem),
        "units": {n: p.unit for n, p in problem.settings.parameters.items()},
        "truth": truths or None,
        "error": {n: best.parameters[n] - v for n, v in truths.items()} or None,
    }


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
    responses = {"reference": reference, "calibrated": response}
    model = problem.task.model
    assert best.distance is not None
    results.write(path, responses, best.parameters, best.distance, options, model.labels, model.units)
