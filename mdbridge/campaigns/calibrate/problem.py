"""The input of a calibration, read and checked before the first evaluation.

Nothing of the user's is imported or called here: that is done by a worker, within the time limit.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...calibrate import evaluate
from ...calibrate.collect import asked
from ...calibrate.constraints import Constraint
from ...calibrate.evaluate import Calibrated, Evaluation, Outcome
from ...calibrate.likelihood import Likelihood
from ...calibrate.model import Model, Shapes
from ...calibrate.objective import Objective
from ...calibrate.program import Program
from ...calibrate.refine import Groups
from ...calibrate.response import Response
from ...calibrate.sampling import some
from ...calibrate.settings import SearchSettings
from ...calibrate.space import Parameter, Space
from ...calibrate.terms import CurveTerm, GrassmannTerm, Term, UserTerm
from ...calibrate.trials import portable
from ...calibrate.worker import Worker
from ...core import config
from ...core.errors import FileError, InputError
from ...core.identity import contents
from . import references
from .input import CalibrateInput, ProgramInput, TermInput
from .optionfiles import files_of, hashed, is_path, paths

INITIAL = 400
"""Points of the start design of the published scheme, [Kontolati2021, sec. 5.3], if none are given."""

Array = NDArray[np.float64]


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
        kept = {"model", "options", "parameters", "constraints", "objective", "ego"}
        given = self.settings.model_dump(include=kept, exclude_defaults=not complete)
        given["parameters"] = {
            # for the report alone: they move no trial
            name: {k: v for k, v in table.items() if k not in ("truth", "unit")}
            for name, table in given["parameters"].items()
        }
        for term in given["objective"]:  # how residuals are read moves none but the trials at the end
            term.pop("discrepancy", None)
        if isinstance(given["model"], dict):  # what is kept of a trial's folder moves no trial
            given["model"].pop("keep", None)
        models = [self.task.model, *self._term_functions()]
        return {
            **portable(given),
            "sources": {label: source for model in models for label, source in model.sources.items()},
            "contents": {label: contents(path) for label, path in self.option_files().items()},
            "reference": {name: hashed(values) for name, values in sorted(self.reference.items())},
        }

    def keep_reference(self, out: Path) -> None:
        """Have ``out`` keep a reference that was run, for when the search goes on there."""
        references.keep(out, references.origin(self.settings, self.folder, self.source), self.reference)

    def task_in(self, out: Path) -> Evaluation:
        """The task, with the folders that are to be kept of its trials in ``out``."""
        model = self.task.model
        if not isinstance(model, Program) or model.keep == "none":
            return self.task
        return replace(self.task, model=replace(model, kept=str((out / "trials").resolve())))

    @property
    def curves(self) -> dict[str, CurveTerm]:
        """The terms that compare curves, by the name of these."""
        return {term.name: term for term in self.task.objective.terms if isinstance(term, CurveTerm)}

    @property
    def units(self) -> dict[str, str]:
        """Units of fields and curves: those of the model, or else those in the reference's header."""
        return {**references.measured(self.settings, self.folder).units, **self.task.model.units}

    def option_files(self) -> dict[str, Path]:
        """Label -> path of every file that an option of the model leads to."""
        files: dict[str, Path] = {}
        for name, path in paths(self.settings.options, self.folder).items():
            if is_path(name, path):
                files |= {f"options.{name}{rest}": file for rest, file in files_of(Path(path))}
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


def prepare(
    path: Path, overrides: Sequence[str] = (), worker: Worker | None = None, out: Path | None = None
) -> Problem:
    """Read and check everything that can be checked before the first evaluation.

    Args:
        path: the TOML file.
        overrides: see :func:`~mdbridge.core.config.load`.
        worker: where the user's code runs; one for the purpose if None.
        out: results to go on with: a reference that these were compared with is not run again.

    Raises:
        InputError: what is wrong with the input, by key.
        FileError: the reference cannot be read.
    """
    settings, folder = load(path, overrides)
    with contextlib.ExitStack() as stack, in_file(path):
        if worker is None:
            worker = stack.enter_context(worker_for(settings, folder))
        return _prepare(settings, folder, worker, out)


@contextlib.contextmanager
def in_file(path: Path) -> Iterator[None]:
    """Have errors about keys name the file that these stand in, as errors of :func:`load` do."""
    try:
        yield
    except (InputError, FileError) as error:
        if not str(error).startswith(str(path)):
            error.args = (f"{path}: {error}",)
        raise


def _prepare(settings: CalibrateInput, folder: Path, worker: Worker, out: Path | None) -> Problem:
    space = _space(settings)
    options = paths(settings.options, folder)
    models = models_of(settings, folder, worker)
    source = models.get("reference.function")
    model: Calibrated = models["model"] if "model" in models else program_of(settings, folder)
    # in the order of cost: names, files and shapes before the first call of the model
    if isinstance(model, Program):
        model.check()
    _check_arguments(model, space, options)
    _check_files("options", settings.options, folder, model)
    if source is not None:
        _check_files("reference.options", settings.reference.options, folder, source)
    _check_compare(settings)
    shapes = _shapes(model, settings, folder, worker)
    reference = None if out is None else references.kept(out, references.origin(settings, folder, source))
    if reference is None:
        reference = references.read(settings, folder, model, source, worker)
    references.check_names(settings, reference)
    references.check_sigma(settings, folder)
    measured_in = references.check_units(settings, folder, model.units)
    if isinstance(model, Program):  # what its own headers say is seen when it has run
        model = replace(model, compared=measured_in)
    _check_shapes(settings, shapes, reference)
    terms = [
        _term(term, reference, models.get(f"objective.{k}.function"))
        for k, term in enumerate(settings.objective)
    ]
    objective = Objective(terms, [term.weight for term in settings.objective])
    objective, groups, likelihood = references.called(
        worker, "objective", evaluate.grouping, objective, reference
    )
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
    if settings.ego.scheme == "published" and "initial" not in settings.ego.model_fields_set:
        given["initial"] = INITIAL
    if not objective.signed:
        if settings.ego.target < 0.0:
            raise InputError(f"ego.target = {settings.ego.target}: the distance is never below 0")
        return SearchSettings(**given)
    if "target" not in settings.ego.model_fields_set:  # 0 says nothing of what may be negative
        given["target"] = -np.inf
    return SearchSettings(**given, signed=True)


def _space(settings: CalibrateInput) -> Space:
    """The parameters and their constraints, which must leave something."""
    searched = {
        name: Parameter(choices=tuple(p.values))
        if p.values is not None
        else Parameter(
            config.given(p.low, f"parameters.{name}.low"),
            config.given(p.high, f"parameters.{name}.high"),
            p.distribution,
            p.mean,
            p.deviation,
            p.integer,
        )
        for name, p in settings.parameters.items()
        if p.held is None
    }
    if not searched:
        raise InputError(
            f"parameters: {', '.join(settings.fixed)}: all are fixed, there is none to calibrate"
        )
    texts = [settings.constraints] if isinstance(settings.constraints, str) else settings.constraints
    numeric = [name for name, p in searched.items() if not p.choices]
    numeric += [name for name, value in settings.fixed.items() if not isinstance(value, str)]
    space = Space(searched, settings.fixed, [Constraint.read(text, numeric) for text in texts])
    if texts:
        some(space)
    return space


def program_of(settings: CalibrateInput, folder: Path) -> Program:
    """The program that ``[model]`` describes."""
    given = settings.model
    assert isinstance(given, ProgramInput)
    templates = [given.template] if isinstance(given.template, str) else given.template
    return Program(
        list(given.command),
        templates,
        asked(given.collect),
        str(folder),
        [*settings.parameters, *settings.options],
        given.files,
        given.keep,
        labels=given.labels,
        units=given.units,
    )


def models_of(settings: CalibrateInput, folder: Path, worker: Worker) -> dict[str, Model]:
    """All that the input names as ``package.module:name``, by key."""
    function = settings.model if isinstance(settings.model, str) else None
    by_key = {"model": function, "reference.function": settings.reference.function}
    by_key |= {f"objective.{k}.function": term.function for k, term in enumerate(settings.objective)}
    # in one call: the imports of the user's modules are done once, in the worker
    pairs = [(key, path) for key, path in by_key.items() if path is not None]
    models = references.called(worker, "", evaluate.describe, pairs, str(folder))
    return {model.key: model for model in models}


def _check_arguments(model: Calibrated, space: Space, options: Mapping[str, Any]) -> None:
    accepted = model.arguments
    # a compiled callable does not say what it takes
    if accepted is None:
        return
    given = [*space.names, *space.fixed]
    for kind, names in (("parameters", given), ("options", list(options))):
        for name in names:
            if not accepted.accepts(name):
                raise InputError(
                    f"{kind}.{name}: {model.path} takes no such argument; it takes "
                    f"{', '.join(accepted.names) or 'none by name'}"
                )
    # Python would complain of a value given twice, at the first trial
    both = sorted(set(given) & set(options))
    if both:
        raise InputError(f"options.{both[0]}: is also a parameter to calibrate")
    missing = [name for name in accepted.required if name not in given and name not in options]
    if missing:
        raise InputError(
            f"{model}: needs the argument {missing[0]!r} too; give it in [parameters] or in [options]"
        )


def _check_files(table: str, options: Mapping[str, Any], folder: Path, model: Calibrated) -> None:
    """Refuse paths that lead nowhere, with the key; the model's ``data`` says what to fetch."""
    for name, path in paths(options, folder).items():
        if is_path(name, path) and not Path(path).exists():
            raise InputError(
                f"{table}.{name} = {options[name]!r}: there is no {path}; {model.data or 'give its place'}, "
                f"for example with --set {table}.{name}=/where/it/is"
            )


def _check_compare(settings: CalibrateInput) -> None:
    known, names = settings.output.compare, [n for n, p in settings.parameters.items() if p.held is None]
    # all of them: the model is run there
    if known is not None and sorted(set(known) - set(settings.fixed)) != sorted(names):
        raise InputError(f"output.compare: must name {', '.join(names)}; it names {', '.join(known)}")


def _shapes(model: Calibrated, settings: CalibrateInput, folder: Path, worker: Worker) -> Shapes:
    options = paths(settings.options, folder)
    shapes = references.called(worker, "options", evaluate.shapes, model, options)
    if settings.output.options:  # what is drawn at the end must not fail there
        drawn = {**options, **paths(settings.output.options, folder)}
        references.called(worker, "output.options", evaluate.shapes, model, drawn)
    return shapes


def _check_shapes(settings: CalibrateInput, shapes: Shapes, reference: Response) -> None:
    """Compare the reference with what the model says that it will return."""
    # only what is compared: a model may return more than the reference has
    for term in settings.objective:
        name = term.field or str(term.curve)
        if term.abscissa in shapes:  # the model's points are its own, and are interpolated
            continue
        if name not in shapes or name not in reference:
            continue
        # a number is a curve of one point
        if (reference[name].shape or (1,)) != (shapes[name] or (1,)):
            raise InputError(
                f"reference: {name!r} has the shape {reference[name].shape}, the model returns "
                f"{shapes[name]}: the frames do not match"
            )


def drawn(problem: Problem, best: Mapping[str, float], worker: Worker) -> tuple[Response, Response]:
    """The reference and the response at ``best``, both with the options of ``[output]``.

    Raises:
        MdbridgeError: one of them fails.
    """
    settings, extra = problem.settings, paths(problem.settings.output.options, problem.folder)
    options = {**problem.task.options, **extra}
    response = references.responded(
        worker, "output.options", problem.task.model, {**best, **options}, problem.settings.compared
    )
    source = settings.reference
    if source.parameters is not None:
        arguments = {**settings.cast(source.parameters), **options}
        again = references.responded(
            worker, "output.options", problem.task.model, arguments, problem.settings.compared
        )
        return again, response
    if problem.source is None:
        return problem.reference, response
    accepted = problem.source.arguments
    names = accepted.names if accepted is not None else ()
    # a reference may show itself by the calibrated parameters (χ = β (E − E0) of measured energies)
    given = {name: value for name, value in {**extra, **best}.items() if name in names}
    arguments = {**paths(source.options, problem.folder), **given}
    return references.responded(worker, "output.options", problem.source, arguments), response


def _compared(settings: CalibrateInput, task: Evaluation, worker: Worker) -> Outcome | None:
    """The outcome at the parameters of ``output.compare``, before anything is spent on the search."""
    known = settings.output.compare
    if known is None:
        return None
    outcome = Outcome.of(worker.call(task, settings.cast(known)))
    if outcome.score is None:
        raise InputError(f"output.compare: {outcome.status}: {outcome.message}")
    return outcome


def _term(given: TermInput, reference: Response, function: Model | None) -> Term:
    if given.term == "user":
        assert function is not None  # the input says so
        return UserTerm(function, reference)
    if given.term == "grassmann":
        sigma = given.sigma if isinstance(given.sigma, float) else None
        return GrassmannTerm(
            str(given.field), reference, given.rank, given.tolerance, given.space, sigma, given.discrepancy
        )
    return CurveTerm(
        str(given.curve), reference, given.term, _sigma(given, reference), given.abscissa, given.discrepancy
    )


def _sigma(given: TermInput, reference: Response) -> float | Array | None:
    """The standard deviations of a curve's points, as given or as they stand in the reference."""
    if isinstance(given.sigma, str):
        return reference[given.sigma]
    return np.array(given.sigma) if isinstance(given.sigma, list) else given.sigma
