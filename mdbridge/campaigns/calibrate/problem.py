"""The input of a calibration, read and checked before the first evaluation.

Nothing of the user's is imported or called here: that is done by a worker, within the time limit.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...calibrate import evaluate
from ...calibrate.ego import SearchSettings
from ...calibrate.evaluate import Evaluation, Outcome
from ...calibrate.likelihood import Likelihood
from ...calibrate.model import Model, Shapes
from ...calibrate.objective import Objective
from ...calibrate.refine import Groups
from ...calibrate.response import Response
from ...calibrate.space import Parameter, Space
from ...calibrate.terms import CurveTerm, GrassmannTerm, Term, UserTerm
from ...calibrate.trials import portable
from ...calibrate.worker import Worker
from ...core import arrays, config
from ...core.errors import InputError
from ...core.identity import contents
from .input import CalibrateInput, ReferenceInput, TermInput

Array = NDArray[np.float64]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Problem:
    """A checked input: what to evaluate, where, and how to search.

    Attributes:
        settings, folder: the input, and where it lies.
        space: the parameters.
        task: what is evaluated.
        source: the function that gives the reference, if one does.
        reference: what the model is to reproduce.
        groups: how residuals make up the distance; None where it may be negative, and is none.
        likelihood: how they scatter; None if intervals shall not come from that.
        search: settings of the search.
        compared: the outcome at ``output.compare``.
    """

    settings: CalibrateInput
    folder: Path
    space: Space
    task: Evaluation
    source: Model | None
    reference: Response
    groups: Groups | None
    likelihood: Likelihood | None
    search: SearchSettings
    compared: Outcome | None

    def configuration(self, *, complete: bool = False) -> dict[str, Any]:
        """What the trials depend on, as JSON values.

        Values at their default are left out unless ``complete``: a release that adds
        a key disowns no record.  Files count by their contents, the reference by its values.
        """
        kept = {"model", "options", "parameters", "objective", "ego"}
        given = self.settings.model_dump(include=kept, exclude_defaults=not complete)
        given["parameters"] = {
            # for the report alone: they move no trial
            name: {k: v for k, v in table.items() if k not in ("truth", "unit")}
            for name, table in given["parameters"].items()
        }
        models = [self.task.model, *self._term_functions()]
        return {
            **portable(given),
            "sources": {label: hashed for model in models for label, hashed in model.sources.items()},
            "contents": {label: contents(path) for label, path in self.option_files().items()},
            "reference": {name: _hash(values) for name, values in sorted(self.reference.items())},
        }

    def option_files(self) -> dict[str, Path]:
        """Label -> path of every file that an option of the model leads to."""
        files: dict[str, Path] = {}
        for name, path in paths(self.settings.options, self.folder).items():
            if _is_path(name, path):
                files |= {f"options.{name}{rest}": file for rest, file in _files(Path(path))}
        return files

    def origins(self) -> dict[str, str]:
        """Keys of hashes in the configuration -> the files that these are of."""
        origins = {f"contents.{label}": str(path) for label, path in self.option_files().items()}
        if self.settings.reference.file is not None:
            origins |= {f"reference.{name}": self.settings.reference.file for name in self.reference}
        return origins

    def _term_functions(self) -> Iterator[Model]:
        for term in self.task.objective.terms:
            if isinstance(term, UserTerm) and isinstance(term.function, Model):
                yield term.function


def load(path: Path, overrides: Sequence[str] = ()) -> tuple[CalibrateInput, Path]:
    """The checked input, and the folder that it lies in."""
    return config.load(path, CalibrateInput, overrides), Path(path).resolve().parent


def worker_for(settings: CalibrateInput, folder: Path) -> Worker:
    """A process for the user's code; it starts at once."""
    worker = Worker([str(folder)], settings.ego.time_limit_s, str(folder))
    # at once: it imports while the input is read
    worker.begin()
    return worker


def prepare(path: Path, overrides: Sequence[str] = (), worker: Worker | None = None) -> Problem:
    """Read and check everything that can be checked before the first evaluation.

    Args:
        path: the TOML file.
        overrides: see :func:`~mdbridge.core.config.load`.
        worker: where the user's code runs; one for the purpose if None.

    Raises:
        InputError: what is wrong with the input, by key.
        FileError: the reference cannot be read.
    """
    settings, folder = load(path, overrides)
    with contextlib.ExitStack() as stack:
        if worker is None:
            worker = stack.enter_context(worker_for(settings, folder))
        return _prepare(settings, folder, worker)


def _prepare(settings: CalibrateInput, folder: Path, worker: Worker) -> Problem:
    fields = ("low", "high", "distribution", "mean", "deviation")
    space = Space(
        {name: Parameter(*(getattr(p, f) for f in fields)) for name, p in settings.parameters.items()}
    )
    options = paths(settings.options, folder)
    models = _models(settings, folder, worker)
    model, source = models["model"], models.get("reference.function")
    # in the order of cost: names, files and shapes before the first call of the model
    _check_arguments(model, space, options)
    _check_files("options", settings.options, folder, model)
    if source is not None:
        _check_files("reference.options", settings.reference.options, folder, source)
    _check_compare(settings)
    shapes = _shapes(model, settings, folder, worker)
    reference = _reference(settings, folder, model, source, worker)
    _check_shapes(settings, shapes, reference)
    terms = [
        _term(term, reference, models.get(f"objective.{k}.function"))
        for k, term in enumerate(settings.objective)
    ]
    objective = Objective(terms, [term.weight for term in settings.objective])
    objective, groups, likelihood = _called(worker, "objective", evaluate.grouping, objective, reference)
    told = likelihood if settings.uncertainty.method == "likelihood" and not objective.signed else None
    task = Evaluation(model, options, objective)
    search = _search(settings, objective)
    # the last check, and a full one: model, objective and worker have worked together once
    compared = _compared(settings, task, worker)
    return Problem(
        settings,
        folder,
        space,
        task,
        source,
        reference,
        None if objective.signed else groups,
        told,
        search,
        compared,
    )


def _search(settings: CalibrateInput, objective: Objective) -> SearchSettings:
    given = settings.ego.model_dump(exclude={"time_limit_s"})
    if not objective.signed:
        if settings.ego.target < 0.0:
            raise InputError(f"ego.target = {settings.ego.target}: the distance is never below 0")
        return SearchSettings(**given)
    if "target" not in settings.ego.model_fields_set:  # 0 says nothing of what may be negative
        given["target"] = -np.inf
    return SearchSettings(**given, signed=True)


def _models(settings: CalibrateInput, folder: Path, worker: Worker) -> dict[str, Model]:
    """All that the input names as ``package.module:name``, by key."""
    by_key = {"model": settings.model, "reference.function": settings.reference.function}
    by_key |= {f"objective.{k}.function": term.function for k, term in enumerate(settings.objective)}
    # in one call: the imports of the user's modules are done once, in the worker
    pairs = [(key, path) for key, path in by_key.items() if path is not None]
    models = _called(worker, "", evaluate.describe, pairs, str(folder))
    return {model.key: model for model in models}


def _called(worker: Worker, key: str, function: Callable[..., Value], *arguments: Any) -> Value:
    """What a function returns in the worker; whatever it does instead names the key that it comes from."""
    answer = worker.call(function, *arguments)
    failure = answer.failure
    if failure is None:
        return answer.value
    # messages that name their key already do not get it twice
    told = f"{key}: {failure.text}" if key and not failure.text.startswith(key) else failure.text
    if failure.kind != "input" and answer.said:
        told += f"; it said: {answer.said}"
    raise InputError(told)


def _check_arguments(model: Model, space: Space, options: Mapping[str, Any]) -> None:
    accepted = model.arguments
    # a compiled callable does not say what it takes
    if accepted is None:
        return
    for kind, names in (("parameters", space.names), ("options", list(options))):
        for name in names:
            if not accepted.accepts(name):
                raise InputError(
                    f"{kind}.{name}: {model.path} takes no such argument; it takes "
                    f"{', '.join(accepted.names) or 'none by name'}"
                )
    # Python would complain of a value given twice, at the first trial
    both = sorted(set(space.names) & set(options))
    if both:
        raise InputError(f"options.{both[0]}: is also a parameter to calibrate")
    missing = [name for name in accepted.required if name not in space.names and name not in options]
    if missing:
        raise InputError(
            f"{model}: needs the argument {missing[0]!r} too; give it in [parameters] or in [options]"
        )


def _check_files(table: str, options: Mapping[str, Any], folder: Path, model: Model) -> None:
    """Refuse paths that lead nowhere, with the key; the model's ``data`` says what to fetch."""
    for name, path in paths(options, folder).items():
        if _is_path(name, path) and not Path(path).exists():
            raise InputError(
                f"{table}.{name} = {options[name]!r}: there is no {path}; {model.data or 'give its place'}, "
                f"for example with --set {table}.{name}=/where/it/is"
            )


def _check_compare(settings: CalibrateInput) -> None:
    known, names = settings.output.compare, list(settings.parameters)
    # all of them: the model is run there
    if known is not None and sorted(known) != sorted(names):
        raise InputError(f"output.compare: must name {', '.join(names)}; it names {', '.join(known)}")


def _shapes(model: Model, settings: CalibrateInput, folder: Path, worker: Worker) -> Shapes:
    options = paths(settings.options, folder)
    shapes = _called(worker, "options", evaluate.shapes, model, options)
    if settings.output.options:  # what is drawn at the end must not fail there
        drawn = {**options, **paths(settings.output.options, folder)}
        _called(worker, "output.options", evaluate.shapes, model, drawn)
    return shapes


def _check_shapes(settings: CalibrateInput, shapes: Shapes, reference: Response) -> None:
    """Compare the reference with what the model says that it will return."""
    # only what is compared: a model may return more than the reference has
    for name in (term.field or str(term.curve) for term in settings.objective):
        if name in shapes and name in reference and reference[name].shape != shapes[name]:
            raise InputError(
                f"reference: {name!r} has the shape {reference[name].shape}, the model returns "
                f"{shapes[name]}: the frames do not match"
            )


def _reference(
    settings: CalibrateInput, folder: Path, model: Model, function: Model | None, worker: Worker
) -> Response:
    source = settings.reference
    if source.parameters is not None:
        _check_reference_parameters(settings, source)
        arguments = {**source.parameters, **paths(settings.options, folder)}
        return _responded(worker, "reference.parameters", model, arguments)
    if function is not None:
        return _responded(worker, "reference.options", function, paths(source.options, folder))
    return arrays.read(folder / str(source.file))


def _check_reference_parameters(settings: CalibrateInput, source: ReferenceInput) -> None:
    given = source.parameters or {}
    unknown = [n for n in given if n not in settings.parameters]
    missing = [n for n in settings.parameters if n not in given]
    if unknown or missing:
        raise InputError(
            f"reference.parameters: must name {', '.join(settings.parameters)}; "
            f"{'unknown' if unknown else 'missing'}: {', '.join(unknown or missing)}"
        )


def _responded(worker: Worker, key: str, model: Model, arguments: Mapping[str, Any]) -> Response:
    answer = worker.call(evaluate.respond, model, arguments)
    failure = answer.failure
    if failure is None:
        response: Response = answer.value
        return response
    if failure.kind == "input":
        raise InputError(f"{key}: {failure.text}")
    said = f"; it said: {answer.said}" if answer.said else ""
    raise InputError(f"{key}: {model.path} failed: {failure.text}{said}")


def drawn(problem: Problem, best: Mapping[str, float], worker: Worker) -> tuple[Response, Response]:
    """The reference and the response at ``best``, both with the options of ``[output]``.

    Raises:
        MdbridgeError: one of them fails.
    """
    settings, extra = problem.settings, paths(problem.settings.output.options, problem.folder)
    options = {**problem.task.options, **extra}
    response = _responded(worker, "output.options", problem.task.model, {**best, **options})
    source = settings.reference
    if source.parameters is not None:
        arguments = {**source.parameters, **options}
        return _responded(worker, "output.options", problem.task.model, arguments), response
    if problem.source is None:
        return problem.reference, response
    accepted = problem.source.arguments
    names = accepted.names if accepted is not None else ()
    # a reference may show itself by the calibrated parameters (χ = β (E − E0) of measured energies)
    given = {name: value for name, value in {**extra, **best}.items() if name in names}
    arguments = {**paths(source.options, problem.folder), **given}
    return _responded(worker, "output.options", problem.source, arguments), response


def _compared(settings: CalibrateInput, task: Evaluation, worker: Worker) -> Outcome | None:
    """The outcome at the parameters of ``output.compare``, before anything is spent on the search."""
    known = settings.output.compare
    if known is None:
        return None
    outcome = Outcome.of(worker.call(task, dict(known)))
    if outcome.score is None:
        raise InputError(f"output.compare: {outcome.status}: {outcome.message}")
    return outcome


def _term(given: TermInput, reference: Response, function: Model | None) -> Term:
    if given.term == "user":
        assert function is not None  # the input says so
        return UserTerm(function, reference)
    if given.term == "grassmann":
        sigma = given.sigma if isinstance(given.sigma, float) else None
        return GrassmannTerm(str(given.field), reference, given.rank, given.tolerance, given.space, sigma)
    return CurveTerm(str(given.curve), reference, given.term, _sigma(given, reference))


def _sigma(given: TermInput, reference: Response) -> float | Array | None:
    """The standard deviations of a curve's points, as given or as they stand in the reference."""
    if isinstance(given.sigma, str):
        if given.sigma not in reference:
            raise InputError(
                f"objective: sigma = {given.sigma!r}: the reference has no such values; it has "
                f"{', '.join(sorted(reference))}"
            )
        return reference[given.sigma]
    return np.array(given.sigma) if isinstance(given.sigma, list) else given.sigma


def paths(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths in options relative to ``folder``."""
    return {name: str(folder / value) if _is_path(name, value) else value for name, value in options.items()}


def _is_path(name: str, value: Any) -> bool:
    return isinstance(value, str) and name.endswith(("file", "folder"))


def _files(path: Path) -> list[tuple[str, Path]]:
    """A file, or all files below a folder, each with what is to be appended to its label."""
    if not path.is_dir():
        return [("", path)]
    # sorted: a folder lists its files in no order that could be relied on
    return [(f"/{file.relative_to(path)}", file) for file in sorted(path.rglob("*")) if file.is_file()]


def _hash(values: Array) -> str:
    # one form on all machines, or the hash would tell of the machine
    raw = np.ascontiguousarray(values, dtype="<f8")
    # the shape too: the same numbers in other rows are another reference
    return f"{raw.shape} {hashlib.sha256(raw.tobytes()).hexdigest()[:16]}"
