"""What a model is to reproduce: a run of its own, a function of the user's, or a file."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from ...calibrate import evaluate, tables
from ...calibrate.evaluate import Calibrated
from ...calibrate.model import Model
from ...calibrate.response import Response
from ...calibrate.tables import Measurements
from ...calibrate.terms import CurveTerm
from ...calibrate.trials import portable
from ...calibrate.trials import read as read_record
from ...calibrate.worker import Worker
from ...core.errors import FileError, InputError
from ...core.files import digest, replacing
from ...core.identity import contents
from ...core.slips import near
from ...core.units import differ
from .input import CalibrateInput, ReferenceInput
from .optionfiles import files_of, hashed, is_path, paths

Value = TypeVar("Value")

KEPT = "reference.npz"
"""Where the results keep a reference that was run; it need not come out the same to the last bit again."""

_VALUES = "values of "
"""Before the names of its arrays in that file."""

LISTED = 12
"""Names of files that a message tells, at most."""


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


def origin(settings: CalibrateInput, folder: Path, function: Model | None) -> dict[str, Any] | None:
    """What a reference that is run comes from; None of one that is read from a file.

    The code of the model and the contents of its options' files are not in it: trials depend on these, too,
    and their record tells where they have changed.

    Args:
        settings, folder: the input, and where it lies.
        function: what gives the reference, if one does.
    """
    source = settings.reference
    if source.parameters is not None:
        model = settings.model_dump(include={"model", "options"})
        if isinstance(model["model"], dict):  # what is kept of a trial's folder is no matter
            model["model"].pop("keep", None)
        return {**portable(model), "parameters": settings.cast(source.parameters)}
    if function is None:
        return None
    files = {n: path for n, path in paths(source.options, folder).items() if is_path(n, path)}
    return {
        "function": function.path,
        "options": portable(source.options),
        "sources": dict(function.sources),
        "contents": {f"{n}{rest}": contents(f) for n, p in files.items() for rest, f in files_of(Path(p))},
    }


def kept(out: Path, given: Mapping[str, Any] | None) -> Response | None:
    """The reference that the trials on record in ``out`` were compared with, if it is of this :func:`origin`.

    None where there is no such trial, and where the file is damaged or is not there.
    """
    path = out / KEPT
    if given is None or not path.exists():
        return None
    try:
        if not read_record(out / "trials.jsonl")[1]:
            return None
        with path.open("rb") as stream, np.load(stream) as file:
            stored = {n.removeprefix(_VALUES): file[n] for n in file.files if n.startswith(_VALUES)}
            return stored if str(file["check"]) == _check(given, stored) else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, FileError):
        return None


def keep(out: Path, given: Mapping[str, Any] | None, reference: Response) -> None:
    """Have ``out`` keep a reference of an :func:`origin`; nothing where that is None.

    Raises:
        FileError: it cannot be written.
    """
    if given is None:
        return
    arrays: dict[str, Any] = {_VALUES + name: values for name, values in reference.items()}
    with replacing(out / KEPT) as temporary, temporary.open("wb") as stream:
        np.savez(stream, check=np.array(_check(given, reference)), **arrays)


def _check(given: Mapping[str, Any], reference: Response) -> str:
    return digest(given, {name: hashed(values) for name, values in sorted(reference.items())})


def measured(settings: CalibrateInput, folder: Path) -> Measurements:
    """The file of the reference; nothing where that is none."""
    source = settings.reference
    if source.file is None:
        return Measurements({}, {})
    path = folder / source.file
    if not path.exists():
        # of the same kind: what else lies there is not meant
        beside = sorted(each.name for each in path.parent.glob(f"*{path.suffix}") if each.is_file())
        there = _listed(f"; of {path.suffix} there are ", beside) if path.suffix else ""
        raise InputError(
            f"reference.file = {source.file!r}: there is no {path}{there}{near(path.name, beside)}"
        )
    asked = [n for term in settings.objective for n in (term.curve, term.field, term.abscissa, term.sigma)]
    return tables.read(path, [name for name in asked if isinstance(name, str)])


def _listed(words: str, names: Sequence[str]) -> str:
    """Names, for a message; a folder of thousands fills no screen."""
    if not names:
        return ""
    return words + ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")


def check_names(settings: CalibrateInput, reference: Response) -> None:
    """Refuse names of terms that the reference does not have.

    Raises:
        InputError: the key, what the reference has, and what may have been meant.
    """
    file = settings.reference.file
    where = "the reference" if file is None else f"the reference {file}"
    for k, term in enumerate(settings.objective):
        for key in ("field", "curve", "abscissa", "sigma"):
            name = getattr(term, key)
            if isinstance(name, str) and name not in reference:
                raise InputError(
                    f"objective.{k}.{key} = {name!r}: {where} has no such values; it has "
                    f"{', '.join(sorted(reference))}{near(name, reference)}"
                )


def check_sigma(settings: CalibrateInput, folder: Path) -> None:
    """Refuse standard deviations of measurements that are none, where a measurement is.

    Raises:
        InputError: the key, the file, the line and the value.
    """
    table = measured(settings, folder)
    for k, term in enumerate(settings.objective):
        if not (isinstance(term.sigma, str) and term.curve and table.lines):
            continue
        curve, sigma = table.values[term.curve], table.values[term.sigma]
        # of a measurement that is missing none is needed
        wrong = np.flatnonzero(np.isfinite(curve) & ~(sigma > 0.0))
        if len(wrong):
            line, value = table.lines[wrong[0]], sigma[wrong[0]]
            told = "is missing" if np.isnan(value) else f"= {value:g}"
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise InputError(
                f"objective.{k}.sigma = {term.sigma!r}: {settings.reference.file}, line {line}: {term.sigma} "
                f"{told}{more}: must be finite and above 0; mend it, or leave {term.curve!r} of that line "
                "empty"
            )


def check_units(settings: CalibrateInput, folder: Path, units: Mapping[str, str]) -> dict[str, str]:
    """The units of what is compared and of what that is over, by name: of the reference, else of the model.

    Args:
        settings, folder: the input, and where it lies.
        units: those that the model tells.

    Raises:
        InputError: the model's is another unit than that in the header of the reference, or a standard
            deviation's is not that of its curve.
    """
    header, file = measured(settings, folder).units, settings.reference.file
    names = [*settings.compared, *(term.abscissa for term in settings.objective if term.abscissa is not None)]
    for name in names:
        if differ(units.get(name, ""), header.get(name, "")):
            raise InputError(
                f"model: gives {name!r} in {units[name]}, {file} has it in {header[name]}: have both in one "
                "unit, or correct the one that is wrong"
            )
    for k, term in enumerate(settings.objective):
        curve, sigma = (header.get(str(name), "") for name in (term.curve, term.sigma))
        if differ(curve, sigma, difference=True):
            raise InputError(
                f"objective.{k}.sigma = {term.sigma!r}: {file} has it in {sigma}, {term.curve!r} in {curve}: "
                "have both in one unit"
            )
    told = {name: header.get(name) or units.get(name, "") for name in names}
    return {name: unit for name, unit in told.items() if unit}


def left_out(file: str, terms: Iterable[CurveTerm], reference: Response) -> list[str]:
    """How many rows of a table have a curve's value, where some do not.

    A column that ends before others is not missing anything: a row counts where the curve, or its
    abscissa, has a value.
    """
    lines = []
    for term in terms:
        has = np.isfinite(np.atleast_1d(reference[term.name]))
        last = int(np.flatnonzero(has)[-1]) + 1
        rows = last if term.along is None else int(np.sum(has | np.isfinite(term.along)))
        missing = rows - int(has.sum())
        if missing:
            lines.append(
                f"{term.name}: {rows - missing} of {rows} rows of {file}; {missing} without a value left out"
            )
    return lines


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
