"""What a program wrote, as arrays by name: tables with a header, JSON, .npz, HDF5, bare numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MdbridgeError
from ..core.units import differ
from . import tables
from .response import numbers
from .tables import Measurements

Array = NDArray[np.float64]


class OtherUnit(RuntimeError):
    """A program writes in another unit than what it is compared with is in."""


@dataclass(frozen=True)
class Output:
    """Where an array, or several, are found.

    Attributes:
        file: in the folder of a run.
        column: the array of that file which is meant; all that it holds if None.
    """

    file: str
    column: str | None = None


def asked(given: str | list[str] | dict[str, str]) -> dict[str, Output]:
    """What is to be collected, by name, from the input's ``collect``.

    A file, or several, give their arrays under their own names; a table gives an array the name of its
    key: ``{stress = "out.csv:column"}``, or of a file with a single array ``{stress = "out.txt"}``.

    Raises:
        InputError: two of them have one name.
    """
    if isinstance(given, dict):
        return {name: Output(*_parted(place)) for name, place in given.items()}
    files = [given] if isinstance(given, str) else given
    if len(set(files)) != len(files):
        raise InputError("model.collect: names a file twice")
    return {f"={file}": Output(file) for file in files}


def outputs(
    collected: Mapping[str, Output], folder: Path, units: Mapping[str, str] | None = None
) -> dict[str, Array]:
    """The arrays of a run's folder, by name.

    Args:
        collected: what is looked for, and where.
        folder: of the run.
        units: by name, those that arrays are compared in; a header that tells another one is refused.

    Raises:
        RuntimeError: a file is not there, or does not hold what is asked for.
        OtherUnit: a header has another unit.
        InvalidResponse: an array of it is none of numbers.
    """
    read: dict[str, Measurements] = {}
    arrays: dict[str, Array] = {}
    for name, output in collected.items():
        if output.file not in read:  # once, however many columns are asked of it
            read[output.file] = _arrays(folder, output.file)
        whole = read[output.file]
        if name.startswith("="):
            if both := sorted(whole.values.keys() & arrays.keys()):
                raise RuntimeError(f"the program wrote {both[0]!r} to two files; name them in model.collect")
            columns = {column: column for column in whole.values}
        else:
            columns = {name: _chosen(whole.values, output, name)}
        arrays |= {name: whole.values[column] for name, column in columns.items()}
        for array, column in columns.items():
            _check_unit(output.file, array, _unit(whole, array, column), (units or {}).get(array, ""))
    return arrays


def _unit(whole: Measurements, name: str, column: str) -> str:
    """What a header says of a column: in brackets, or behind the name under which it is asked for."""
    behind = column.removeprefix(f"{name}_") if column.startswith(f"{name}_") else ""
    return whole.units.get(column, "") or (behind if tables.may_be_a_unit(behind) else "")


def _check_unit(file: str, name: str, written: str, wanted: str) -> None:
    if differ(written, wanted):
        raise OtherUnit(
            f"the program's {file!r} has {name!r} in {written}, it is compared with {wanted}: have "
            "both in one unit, or take the wrong one out of its header"
        )


def _arrays(folder: Path, file: str) -> Measurements:
    path = folder / file
    if not path.is_file():
        there = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
        raise RuntimeError(
            f"the program wrote no {file!r}; in its folder are {', '.join(there) or 'no files'}"
        )
    try:
        if path.suffix.lower() == ".json":
            return Measurements(_json(path), {})
        read = tables.read(path)
        # a row or a column of a bare file is a curve
        flat = {n: values.ravel() if 1 in values.shape else values for n, values in read.values.items()}
        return Measurements(flat, read.units)
    except MdbridgeError as error:
        # the folder's own name is another one in every trial, and gone when this is read
        told = str(error).replace(f"{folder}/", "")
        raise RuntimeError(f"the program wrote something that cannot be read: {told}") from error


def _json(path: Path) -> dict[str, Array]:
    """The arrays at the top of a JSON object; null is a missing value."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RuntimeError(f"the program wrote something that is no JSON: {path.name}: {error}") from error
    if not isinstance(content, dict):
        raise RuntimeError(f"{path.name}: expected a JSON object of arrays by name")
    # words and nested objects are for people
    kept = {name: value for name, value in content.items() if isinstance(value, list | int | float)}
    return {name: np.atleast_1d(values) for name, values in numbers(kept).items()}


def _chosen(whole: Mapping[str, Array], output: Output, name: str) -> str:
    """The name under which the file has it."""
    wanted = output.column or name
    if wanted in whole:
        return wanted
    # a file with a single array need not know its name
    if output.column is None and len(whole) == 1:
        return next(iter(whole))
    raise RuntimeError(f"the program's {output.file!r} has no {wanted!r}; it has {', '.join(sorted(whole))}")


def _parted(place: str) -> tuple[str, str | None]:
    file, separator, column = place.rpartition(":")
    return (file, column) if separator else (place, None)
