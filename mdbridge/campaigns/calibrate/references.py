"""What a model is to reproduce: a run of its own, a function of the user's, or a file."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ...calibrate import evaluate, tables
from ...calibrate.evaluate import Calibrated
from ...calibrate.model import Model
from ...calibrate.response import Response
from ...calibrate.tables import Measurements
from ...calibrate.worker import Worker
from ...core.errors import InputError
from .input import CalibrateInput, ReferenceInput
from .optionfiles import paths

Value = TypeVar("Value")


def called(worker: Worker, key: str, function: Callable[..., Value], *arguments: Any) -> Value:
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


def read(
    settings: CalibrateInput, folder: Path, model: Calibrated, function: Model | None, worker: Worker
) -> Response:
    """The reference of an input.

    Args:
        settings, folder: the input, and where it lies.
        model: what is calibrated.
        function: what gives the reference, if one does.
        worker: where these are called.

    Raises:
        InputError: there is none, by key.
        FileError: its file cannot be read.
    """
    source = settings.reference
    if source.parameters is not None:
        _check_reference_parameters(settings, source)
        arguments = {**settings.cast(source.parameters), **paths(settings.options, folder)}
        return responded(worker, "reference.parameters", model, arguments, settings.compared)
    if function is not None:
        return responded(
            worker, "reference.options", function, paths(source.options, folder), settings.compared
        )
    return measured(settings, folder).values


def measured(settings: CalibrateInput, folder: Path) -> Measurements:
    """The file of the reference; nothing where that is none."""
    source = settings.reference
    if source.file is None:
        return Measurements({}, {})
    asked = [n for term in settings.objective for n in (term.curve, term.field, term.abscissa, term.sigma)]
    return tables.read(folder / source.file, [name for name in asked if isinstance(name, str)])


def _check_reference_parameters(settings: CalibrateInput, source: ReferenceInput) -> None:
    given = source.parameters or {}
    unknown = [n for n in given if n not in settings.parameters]
    missing = [n for n, p in settings.parameters.items() if n not in given and p.held is None]
    if unknown or missing:
        raise InputError(
            f"reference.parameters: must name {', '.join(settings.parameters)}; "
            f"{'unknown' if unknown else 'missing'}: {', '.join(unknown or missing)}"
        )


def responded(
    worker: Worker, key: str, model: Calibrated, arguments: Mapping[str, Any], compared: Collection[str] = ()
) -> Response:
    """What a model returns in the worker; whatever it does instead names the key.

    Args:
        compared: names that must be arrays of real numbers.

    Raises:
        InputError: it failed.
    """
    answer = worker.call(evaluate.respond, model, arguments, compared)
    failure = answer.failure
    if failure is None:
        response: Response = answer.value
        return response
    if failure.kind == "input":
        raise InputError(f"{key}: {failure.text}")
    said = f"; it said: {answer.said}" if answer.said else ""
    raise InputError(f"{key}: {model.path} failed: {failure.text}{said}")
