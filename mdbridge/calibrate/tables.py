"""Measurements from text: a header, columns of numbers, values that are missing.

Everything that a person may have meant otherwise is refused with its line: a number that is
none, a row that is too long or too short, a header that is missing or names two columns alike.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core import arrays
from ..core.errors import FileError, InputError

Array = NDArray[np.float64]

TEXT = (".csv", ".tsv", ".txt", ".dat")
"""Endings of files that are read here; others are read as arrays."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?"})
"""What stands in a cell without a value, in any case of letters."""

_UNIT = re.compile(r"(?P<name>.*?)\s*(?:\((?P<round>[^()]*)\)|\[(?P<square>[^\[\]]*)\])")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eEdD][+-]?\d+)?")
_FORTRAN = re.compile(r"(?P<digits>[+-]?(?:\d+\.?\d*|\.\d+))[dD](?P<power>[+-]?\d+)")


@dataclass(frozen=True)
class Measurements:
    """Arrays by name, and the units that their names told.

    Attributes:
        values: name -> array; in a table ``(rows,)``, NaN where a value is missing.
        units: name -> unit.
        lines: of a table the number of the line that each row stands in.
    """

    values: Mapping[str, Array]
    units: Mapping[str, str]
    lines: Sequence[int] = ()


def read(path: Path, wanted: Iterable[str] = ()) -> Measurements:
    """The arrays of a file.

    Args:
        path: text with a header, .npz, .npy or HDF5.
        wanted: names that will be asked for.  One that no column has is that of the only column
            which begins with it and an underscore: ``stress_MPa`` for ``stress``.

    Raises:
        InputError: a table that is none, with the line.
        FileError: the file cannot be read.
    """
    if path.suffix.lower() not in TEXT or not path.is_file():
        return Measurements(arrays.read(path), {})
    lines = _lines(path)
    header = _header(path, lines)
    if header is None:
        return Measurements(arrays.read(path), {})
    first, separator, titles = header
    names, units = _named(path, first, titles)
    columns: list[list[float | str]] = [[] for _ in names]
    rows = []
    for number, text in lines:
        if number > first and not text.startswith("#"):
            rows.append(number)
            for column, value in zip(columns, _row(path, number, text, separator, names), strict=True):
                column.append(value)
    values = {name: _column(path, name, column) for name, column in zip(names, columns, strict=True)}
    # a column of words, of specimens say, is nothing to compare with
    kept = {name: column for name, column in values.items() if column is not None}
    if not kept or not len(next(iter(kept.values()))):
        raise InputError(f"{path}: no rows of numbers below its header")
    return _aliased(Measurements(kept, units, rows), wanted)


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not empty, each with its number from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is no text in UTF-8: {error}") from error
    numbered = enumerate(text.splitlines(), 1)
    return [(number, line.strip("\r\n ")) for number, line in numbered if line.strip(",;\t\r\n ")]


def _header(path: Path, lines: list[tuple[int, str]]) -> tuple[int, str | None, list[str]] | None:
    """Line number, separator and titles; None where the file begins with numbers."""
    comments: list[tuple[int, str]] = []
    for number, text in lines:
        if text.startswith("#"):  # numpy.savetxt hides a header so
            comments.append((number, text.lstrip("# ")))
            continue
        separator = _separator(text)
        cells = _cells(text, separator)
        if any(_may_be_a_title(cell, separator) for cell in cells):
            return number, separator, cells
        # the last remark with a name for each column; names may be parted as rows are, or by commas
        for line, words in reversed(comments):
            for titles in (_cells(words, separator), _cells(words, ",")):
                if len(titles) == len(cells):
                    return line, separator, titles
        return None
    raise InputError(f"{path}: holds no table: expected a line of names, and rows of numbers below it")


def _separator(text: str) -> str | None:
    """What stands between cells; None for blanks."""
    return next((each for each in ";\t," if each in text), None)


def _cells(text: str, separator: str | None) -> list[str]:
    cells = (
        text.split()
        if separator is None
        else next(csv.reader([text], delimiter=separator, skipinitialspace=True))
    )
    return [cell.strip() for cell in cells]


class NotFinite(ValueError):
    """A number that is none to compare with."""


def _may_be_a_title(cell: str, separator: str | None) -> bool:
    try:
        _number(cell, separator)
    except NotFinite:  # a result that has diverged, of a file without titles
        return False
    except ValueError:
        return True
    return False


def _is_number(cell: str, separator: str | None) -> bool:
    try:
        _number(cell, separator)
    except ValueError:
        return False
    return True


def _number(cell: str, separator: str | None) -> float:
    """A cell's value, NaN if it is missing; a decimal comma is one where it does not part cells."""
    if cell.lower() in MISSING:
        return np.nan
    if separator != "," and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    value = float(_FORTRAN.sub(r"\g<digits>e\g<power>", cell))
    if not np.isfinite(value):
        raise NotFinite("not finite")
    return value


def _named(path: Path, line: int, titles: list[str]) -> tuple[list[str], dict[str, str]]:
    """Names and units of columns: ``stress (MPa)``, ``stress [MPa]``, ``stress``."""
    # a unit in brackets is no part of the name by which a column is asked for
    names, units = [], {}
    for k, title in enumerate(titles, 1):
        match = _UNIT.fullmatch(title)
        name = match["name"] if match else title
        if not name:
            raise InputError(f"{path}, line {line}: column {k} has no name")
        if name in names:
            raise InputError(f"{path}, line {line}: two columns are called {name!r}")
        names.append(name)
        if match:
            units[name] = (match["round"] or match["square"] or "").strip()
    return names, {name: unit for name, unit in units.items() if unit}


def _row(path: Path, line: int, text: str, separator: str | None, names: list[str]) -> list[float | str]:
    cells = _cells(text, separator)
    if len(cells) == len(names) + 1 and not cells[-1]:  # a separator at the end
        cells.pop()
    if len(cells) != len(names):
        raise InputError(f"{path}, line {line}: {len(cells)} cells, but {len(names)} columns have names")
    # a word is kept as it is: only its whole column tells whether it is a mistake
    return [_number(cell, separator) if _is_number(cell, separator) else f"{line}:{cell}" for cell in cells]


def _column(path: Path, name: str, cells: list[float | str]) -> Array | None:
    """The numbers of a column; None if it has none."""
    words = [cell for cell in cells if isinstance(cell, str)]
    numbers = [cell for cell in cells if not isinstance(cell, str)]
    if not words:
        return np.array(numbers)
    if all(np.isnan(number) for number in numbers):
        return None
    line, _, word = words[0].partition(":")
    raise InputError(
        f"{path}, line {line}: {name} = {word!r} is no finite number; leave the cell empty if it is missing"
    )


def may_be_a_unit(behind: str) -> bool:
    """Whether what stands behind a name and an underscore may be a unit: the number of a specimen is none."""
    return bool(behind) and not behind.isdigit()


def _aliased(table: Measurements, wanted: Iterable[str]) -> Measurements:
    """Columns by the names under which they will be asked for."""
    values, units = dict(table.values), dict(table.units)
    for name in wanted:
        longer = [column for column in values if column.startswith(f"{name}_")]
        # only where no other can be meant
        if name not in values and len(longer) == 1:
            values[name] = values[longer[0]]
            behind = longer[0].removeprefix(f"{name}_")
            unit = units.get(longer[0]) or (behind if may_be_a_unit(behind) else "")
            if unit:
                units.setdefault(name, unit)
    return Measurements(values, units, table.lines)
