"""The input of a calibration, read and checked before the first evaluation."""

import hashlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...calibrate.ego import SearchSettings
from ...calibrate.evaluate import Task, resolve
from ...calibrate.objective import (
    CurveTerm,
    GrassmannTerm,
    InvalidResponse,
    Objective,
    Response,
    Term,
    UserTerm,
)
from ...calibrate.refine import Groups
from ...calibrate.space import Parameter, Space
from ...core import config
from ...core.errors import FileError, InputError, MdbridgeError
from .input import CalibrateInput, TermInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A checked input: what to evaluate, where, and how to search."""

    settings: CalibrateInput
    space: Space
    task: Task
    reference: Response
    groups: Groups
    search: SearchSettings

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


def prepare(path: Path, overrides: Sequence[str] = ()) -> Problem:
    """Read and check everything that can be checked before the first evaluation."""
    settings = config.load(path, CalibrateInput, overrides)
    folder = importable(path)
    fields = ("low", "high", "distribution", "mean", "deviation")
    space = Space(
        {name: Parameter(*(getattr(p, f) for f in fields)) for name, p in settings.parameters.items()}
    )
    options = paths(settings.options, folder)
    _check_signature(settings.model, space, options)
    _check_files(settings, folder)
    _check_compare(settings)
    reference = _reference(settings, options, folder)
    _check_shapes(settings, options, reference)
    terms = [_term(term, reference) for term in settings.objective]
    objective = Objective(terms, [term.weight for term in settings.objective])
    groups = _groups(objective, reference)
    ego = settings.ego.model_dump(exclude={"time_limit_s"})
    task = Task(settings.model, options, objective, (str(folder),))
    return Problem(settings, space, task, reference, groups, SearchSettings(**ego))


def importable(path: Path) -> Path:
    """The folder of the input, from which a user's own model can be imported."""
    folder = Path(path).resolve().parent
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return folder


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


def _check_files(settings: CalibrateInput, folder: Path) -> None:
    """Refuse paths that lead nowhere, with the key; a function's ``data`` says what to fetch."""
    tables = {"options": (settings.options, settings.model)}
    if settings.reference.function is not None:
        tables["reference.options"] = (settings.reference.options, settings.reference.function)
    for table, (options, function) in tables.items():
        for name, path in paths(options, folder).items():
            if _is_path(name, path) and not Path(path).exists():
                hint = getattr(resolve(function), "data", "give its place")
                raise InputError(
                    f"{table}.{name} = {options[name]!r}: there is no {path}; {hint}, for example with "
                    f"--set {table}.{name}=/where/it/is"
                )


def _check_compare(settings: CalibrateInput) -> None:
    known, names = settings.output.compare, list(settings.parameters)
    if known is not None and sorted(known) != sorted(names):
        raise InputError(f"output.compare: must name {', '.join(names)}; it names {', '.join(known)}")


def _check_shapes(settings: CalibrateInput, options: Mapping[str, Any], reference: Response) -> None:
    """Compare the reference with the ``shapes(**options)`` that a model may offer as an attribute."""
    offered = getattr(resolve(settings.model), "shapes", None)
    shapes = offered(**options) if offered is not None else {}
    if offered is not None:  # what is drawn at the end must not fail there
        offered(**{**options, **settings.output.options})
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
        found = _call("reference.parameters", settings.model, {**source.parameters, **options})
    elif source.function is not None:
        given = paths(source.options, folder)
        resolve(source.function)
        found = _call("reference.options", source.function, given)
    else:
        found = _read_arrays(folder / str(source.file))
    return _numbers(found)


def _numbers(found: Response) -> dict[str, Array]:
    numbers = {}
    for name, values in found.items():
        try:
            numbers[name] = np.asarray(values, dtype=float)
        except (TypeError, ValueError) as error:
            raise InputError(f"reference: {name!r} is no array of numbers: {error}") from error
    return numbers


def drawn(problem: Problem, folder: Path, best: Mapping[str, float]) -> tuple[Response, Response]:
    """The reference and the response at ``best``, both with the options of ``[output]``."""
    settings, extra = problem.settings, paths(problem.settings.output.options, folder)
    options = {**problem.task.options, **extra}
    response = resolve(settings.model)(**best, **options)
    source = settings.reference
    if source.function is None:
        return _reference(settings, options, folder), response
    accepted = inspect.signature(resolve(source.function)).parameters
    given = {name: value for name, value in {**extra, **best}.items() if name in accepted}
    return _call("output.options", source.function, {**paths(source.options, folder), **given}), response


def _call(key: str, function: str, arguments: Mapping[str, Any]) -> Response:
    """Call a user's function; whatever it raises names the key that its arguments come from."""
    try:
        found = resolve(function)(**arguments)
    except InputError as error:
        raise InputError(f"{key}: {error}") from error
    except MdbridgeError:
        raise
    except Exception as error:
        raise InputError(f"{key}: {function} failed: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise InputError(
            f"{key}: {function} returned a {type(found).__name__}, expected a mapping from names to arrays"
        )
    return found


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
        objective.score(reference)
        return objective.groups(reference)
    except InvalidResponse as error:
        raise InputError(f"reference: compared with itself: {error}") from error
    except Exception as error:  # a term of the user's own
        raise InputError(
            f"objective: the reference cannot be compared with itself: {type(error).__name__}: {error}"
        ) from error


def paths(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths in options relative to ``folder``."""
    return {name: str(folder / value) if _is_path(name, value) else value for name, value in options.items()}


def _is_path(name: str, value: Any) -> bool:
    return isinstance(value, str) and name.endswith(("file", "folder"))


def _hash(values: Array) -> str:
    raw = np.ascontiguousarray(values, dtype="<f8")
    return f"{raw.shape} {hashlib.sha256(raw.tobytes()).hexdigest()[:16]}"
