"""Placeholders of parameters in text: ``{name}``, or with a format, ``{name:.3f}``.

All other braces are left as they are, those of shells and of LAMMPS (``${name}``) too.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputError

ENDINGS = (".template", ".tmpl", ".tpl", ".in.txt")
"""Taken off a template's name to give that of the filled file."""

_PLACE = re.compile(r"(?<!\$)\{([A-Za-z_]\w*)(?::([^{}]*))?\}")


@dataclass(frozen=True)
class Template:
    """A file with placeholders.

    Attributes:
        name: of the file, relative to the input.
        text: in it.
        key: of the input that names it.
    """

    name: str
    text: str
    key: str

    @classmethod
    def read(cls, folder: Path, name: str, key: str) -> "Template":
        """The template of a file.

        Raises:
            InputError: it is no text.
        """
        try:
            return cls(name, Path(folder, name).read_text(encoding="utf-8"), key)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{key}: {Path(folder, name)} cannot be read: {error}") from error

    @property
    def target(self) -> str:
        """Place of the filled file in the folder of a run, as that of the template beside the input.

        One from elsewhere lies at the top.
        """
        path = Path(self.name)
        name = path.name
        name = next((name.removesuffix(end) for end in ENDINGS if name.endswith(end) and name != end), name)
        outside = path.is_absolute() or ".." in path.parts
        return name if outside else str(path.with_name(name))

    def check(self, names: Iterable[str]) -> None:
        """Refuse what cannot have been meant.

        Raises:
            InputError: there is no placeholder, or one with a format that no number has; with its line.
        """
        known = set(names)
        if not placeholders(self.text, known):
            others = sorted({match[1] for match in _PLACE.finditer(self.text)})
            there = f"; it has {', '.join('{' + name + '}' for name in others)}" if others else ""
            first = min(known)
            raise InputError(
                f"{self.key}: {self.name!r} has no placeholder: write {{{first}}} where the value of {first} "
                f"belongs{there}"
            )
        for number, line in enumerate(self.text.splitlines(), 1):
            for match in _PLACE.finditer(line):
                if match[1] in known:
                    self._check_place(number, line, match)

    def _check_place(self, number: int, line: str, match: re.Match[str]) -> None:
        where = f"{self.key}: {self.name!r}, line {number}: {match[0]}"
        # in one language of templates they are the placeholder, in another they mean a brace
        if line[: match.start()].endswith("{") and line[match.end() :].startswith("}"):
            raise InputError(f"{where} stands in doubled braces; write {match[0]} alone")
        if match[2] and not any(_formats(number, match[2]) for number in (1.0, 1)):
            raise InputError(f"{where}: no number has this format")


def _formats(number: float, code: str) -> bool:
    """Whether a number has a format; some are of whole numbers alone, as 03d."""
    try:
        format(number, code)
    except ValueError:
        return False
    return True


def placeholders(text: str, names: Iterable[str]) -> set[str]:
    """Those of ``names`` that have a placeholder in a text."""
    known = set(names)
    return {match[1] for match in _PLACE.finditer(text) if match[1] in known}


def filled(text: str, values: Mapping[str, Any]) -> str:
    """A text with the values in the places of their names; numbers with all their digits without a format.

    Raises:
        InputError: a value does not have the format of its place, as 2.5 that of whole numbers.
    """

    # names that are not known are left alone: their braces belong to somebody else
    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        given = values[match[1]]
        if match[2]:
            try:
                return format(given, match[2])
            except ValueError as error:
                raise InputError(f"{match[0]}: {given!r} does not have this format: {error}") from error
        return repr(given) if isinstance(given, float) else str(given)

    return _PLACE.sub(value, text)
