"""``mdbridge calibrate``: the parameters of a model from a reference, restartable and over all ranks."""

import hashlib
import inspect
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from .. import __version__, config, files, parallel
from ..calibrate import pool
from ..calibrate.ego import Calibration, Proposal, Settings
from ..calibrate.evaluate import Outcome, Task, Worker, resolve
from ..calibrate.objective import (
    CurveTerm,
    GrassmannTerm,
    InvalidResponse,
    Objective,
    Response,
    Term,
    UserTerm,
)
from ..calibrate.refine import Groups
from ..calibrate.space import Parameter, Space
from ..calibrate.trials import Record, Trial
from ..errors import FileError, InputError
from ..report.console import Tick, console, progress
from .calibrate_input import CalibrateInput, TermInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A checked input: what to evaluate, where, and how to search."""

    settings: CalibrateInput
    space: Space
    task: Task
    reference: Response
    groups: Groups
    search: Settings

    @property
    def configuration(self) -> dict[str, Any]:
        """What the trials depend on, as JSON values."""
        given = self.settings.model_dump(include={"model", "options", "parameters", "objective", "ego"})
        given["parameters"] = {
            name: {k: v for k, v in table.items() if k not in ("truth", "unit")}
            for name, table in given["parameters"].items()
        }
        return {
            **given,
            "reference": {name: _hash(values) for name, values in sorted(self.reference.items())},
        }


def run(comm: MPI.Comm, path: Path, out: Path, overrides: Sequence[str], resume: bool = False) -> None:
    """Calibrate as ``path`` says; trials.jsonl, summary.json, best.h5 and figures go to ``out`` (collective).

    Raises:
        InputError: the input, or a record of another configuration, named.
        MdbridgeError: no evaluation gave a distance.
    """
    _importable(path)  # on all ranks: the problem names the user's functions
    problem = parallel.on_root(comm, lambda: prepare(path, overrides))
    worker = Worker(problem.task, problem.settings.ego.time_limit_s)
    start = time.perf_counter()
    with progress(comm, "calibrate") as tick:
        search = pool.with_pool(comm, worker, lambda p: _drive(comm, p, problem, Path(out), resume, tick))
    parallel.on_root(comm, lambda: _finish(problem, path, Path(out), search, time.perf_counter() - start))
    best, trials, reason = search
    if best is not None:
        console(comm).print(
            f"{len(trials)} evaluations, {reason}: distance {best.distance:.6g} at "
            f"{_named(best.parameters)}; results in {out}",
            soft_wrap=True,
        )


def prepare(path: Path, overrides: Sequence[str] = ()) -> Problem:
    """Read and check everything that can be checked before the first evaluation."""
    settings = config.load(path, CalibrateInput, overrides)
    folder = _importable(path)
    fields = ("low", "high", "distribution", "mean", "deviation")
    space = Space(
        {name: Parameter(*(getattr(p, f) for f in fields)) for name, p in settings.parameters.items()}
    )
    options = _paths(settings.options, folder)
    _check_signature(settings.model, space, options)
    reference = _reference(settings, options, folder)
    _check_shapes(settings, options, reference)
    terms = [_term(term, reference) for term in settings.objective]
    objective = Objective(terms, [term.weight for term in settings.objective])
    groups = _groups(objective, reference)
    ego = settings.ego.model_dump(exclude={"time_limit_s"})
    task = Task(settings.model, options, objective, (str(folder),))
    return Problem(settings, space, task, reference, groups, Settings(**ego))


def _importable(path: Path) -> Path:
    """The folder of the input, from which a user's own model can be imported."""
    folder = Path(path).resolve().parent
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return folder


def _drive(
    comm: MPI.Comm, workers: pool.Pool, problem: Problem, out: Path, resume: bool, tick: Tick
) -> tuple[Trial | None, list[Trial], str]:
    """The loop of rank 0: ask, evaluate, record, tell."""
    record = Record(out / "trials.jsonl", problem.configuration, resume)
    if record.damaged:
        console(comm).print(
            f"{record.path}: {record.damaged} damaged line(s) left out; {len(record.trials)} intact trials "
            "recovered, the others are evaluated again"
        )
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
    return search.best, [search.trials[k] for k in sorted(search.trials)], search.reason


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
        state=proposal.state,
    )


def _note(search: Calibration) -> str:
    best = search.best
    count = f"evaluation {len(search.trials)}"
    return count if best is None else f"{count}, best {best.distance:.5g} at {_named(best.parameters)}"


def _named(parameters: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in parameters.items())


def _finish(
    problem: Problem, path: Path, out: Path, search: tuple[Trial | None, list[Trial], str], seconds: float
) -> None:
    """Write summary.json, best.h5 and the figures (rank 0)."""
    from ..calibrate import analysis  # needs torch

    best, trials, reason = search
    if best is None:
        first = next(iter(trials), None)
        raise InputError(
            f"{path}: none of {len(trials)} evaluations gave a distance; the first: "
            f"{first.status if first else 'none'}: {first.message if first else ''}"
        )
    findings = analysis.analyse(problem.space, trials, problem.groups, problem.search.seed)
    response = resolve(problem.task.model)(**best.parameters, **problem.task.options)
    _write_best(out / "best.h5", problem, best, response)
    files.write_json(out / "summary.json", _summary(problem, best, trials, reason, findings, seconds))
    files.write_json(out / "analysis.json", findings)
    if problem.settings.output.figures:
        from ..report import calibrate as figures

        folder = Path(path).resolve().parent
        figures.draw(out, [folder / other for other in problem.settings.output.compare])


def _summary(
    problem: Problem, best: Trial, trials: list[Trial], reason: str, findings: dict[str, Any], seconds: float
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
        "wall_s": round(seconds, 3),
        "model_s": round(sum(t.seconds for t in trials), 3),
        "intervals": findings["intervals"],
        "intervals_from": findings["intervals_from"],
        "sensitivity": findings["sensitivity"],
        "truth": truths or None,
        "error": {n: best.parameters[n] - v for n, v in truths.items()} or None,
    }


def _write_best(path: Path, problem: Problem, best: Trial, response: Response) -> None:
    """The reference and the calibrated response side by side."""
    with files.replacing(path) as temporary, h5py.File(temporary, "w") as store:
        for name, content in (("reference", problem.reference), ("calibrated", response)):
            for key, values in content.items():
                store[f"{name}/{key}"] = np.asarray(values)
        store.attrs.update({f"parameter_{name}": value for name, value in best.parameters.items()})
        store.attrs["distance"] = best.distance
        for key in ("strains", "max_strain"):
            if key in problem.task.options:
                store.attrs[key] = problem.task.options[key]


def _check_signature(model: str, space: Space, options: Mapping[str, Any]) -> None:
    function = resolve(model)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    accepted = signature.parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    for kind, names in (("parameters", space.names), ("options", list(options))):
        for name in names:
            if name not in accepted and not anything:
                raise InputError(
                    f"{kind}.{name}: {model} takes no such argument; it takes {', '.join(accepted)}"
                )
    both = sorted(set(space.names) & set(options))
    if both:
        raise InputError(f"options.{both[0]}: is also a parameter to calibrate")
    try:
        signature.bind(**dict.fromkeys([*space.names, *options]))
    except TypeError as error:
        raise InputError(f"model = {model!r}: {error}; give it in [parameters] or in [options]") from error


def _check_shapes(settings: CalibrateInput, options: Mapping[str, Any], reference: Response) -> None:
    """Compare the reference with the ``shapes(**options)`` that a model may offer as an attribute."""
    offered = getattr(resolve(settings.model), "shapes", None)
    shapes = offered(**options) if offered is not None else {}
    for name in (term.field or term.curve for term in settings.objective):
        if name in shapes and name in reference and reference[name].shape != shapes[name]:
            raise InputError(
                f"reference: {name!r} has the shape {reference[name].shape}, the model returns "
                f"{shapes[name]}: the frames do not match"
            )


def _reference(settings: CalibrateInput, options: Mapping[str, Any], folder: Path) -> Response:
    source = settings.reference
    if source.parameters is not None:
        unknown = [n for n in source.parameters if n not in settings.parameters]
        missing = [n for n in settings.parameters if n not in source.parameters]
        if unknown or missing:
            raise InputError(
                f"reference.parameters: must name {', '.join(settings.parameters)}; "
                f"{'unknown' if unknown else 'missing'}: {', '.join(unknown or missing)}"
            )
        found = resolve(settings.model)(**source.parameters, **options)
    elif source.function is not None:
        found = resolve(source.function)(**_paths(source.options, folder))
    else:
        found = _read_arrays(folder / str(source.file))
    return {name: np.asarray(values, dtype=float) for name, values in found.items()}


def _read_arrays(path: Path) -> dict[str, Array]:
    try:
        if path.suffix == ".npz":
            with np.load(path) as store:
                return {name: store[name] for name in store}
        with h5py.File(path) as store:
            return {name: data[...] for name, data in store.items() if isinstance(data, h5py.Dataset)}
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read as .npz or HDF5: {error}") from error


def _term(given: TermInput, reference: Response) -> Term:
    if given.term == "grassmann":
        return GrassmannTerm(str(given.field), reference, given.rank, given.tolerance, given.space)
    if given.term == "user":
        return UserTerm(resolve(str(given.function)), reference)
    return CurveTerm(str(given.curve), reference, given.term)


def _groups(objective: Objective, reference: Response) -> Groups:
    """The grouping of residuals, from the reference compared with itself."""
    try:
        return objective.groups(reference)
    except InvalidResponse as error:
        raise InputError(f"reference: {error}") from error


def _paths(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths in options relative to ``folder``."""
    named = ("file", "folder")
    return {
        name: str(folder / value) if isinstance(value, str) and name.endswith(named) else value
        for name, value in options.items()
    }


def _hash(values: Array) -> str:
    raw = np.ascontiguousarray(values, dtype="<f8")
    return f"{raw.shape} {hashlib.sha256(raw.tobytes()).hexdigest()[:16]}"
