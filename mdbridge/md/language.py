"""LAMMPS's input language, as far as it can be known without running it.

LAMMPS alone reads scripts that are run.  This is for what must be known before: which
files a script reads, and how a text is handed over so that LAMMPS takes it for a text.
"""

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path

from ..core.errors import InputError
from . import potentials

_MANY = 64  # values tried for one word; more come of loops over numbers alone

# What these name is written, or no file.
_WRITERS = frozenset(
    [
        "clear",
        "dump",
        "dump_modify",
        "echo",
        "info",
        "label",
        "log",
        "next",
        "partition",
        "print",
        "quit",
        "restart",
        "shell",
        "timer",
        "undump",
        "write_coeff",
        "write_data",
        "write_dump",
        "write_restart",
    ]
)
_WRITING_FIXES = ("reaxff/bonds", "reaxff/species", "reax/c/bonds", "reax/c/species")
_WRITTEN_AFTER = frozenset(["append", "ave_file", "file", "out", "outfile", "overwrite", "prefix", "screen"])
# Commands in the course of which dumps are written.
_STEPPING = frozenset(["run", "minimize", "rerun", "temper", "neb", "prd", "tad", "hyper"])
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w)")


def quoted(name: str, value: object) -> str:
    """``value`` as one word of a LAMMPS command: blanks, ``#``, ``$`` and quotes in it stand for themselves.

    A text that is in quotes already is left as it is.

    Args:
        name: of the LAMMPS variable that is to have it.
        value: text or number.

    Raises:
        InputError: no name of a variable, or nothing that one word can hold.
    """
    if not re.fullmatch(r"\w+", name, re.ASCII):
        raise InputError(
            f"variable '{name}': LAMMPS allows letters, digits and '_' in the name of a variable"
        )
    if isinstance(value, bool) or not isinstance(value, str | Real | os.PathLike):
        raise InputError(
            f"variable '{name}' = {value!r}: a LAMMPS variable is a text or a number; "
            "write what LAMMPS is to read, for example 'yes' or 1"
        )
    text = repr(float(value)) if isinstance(value, float) else str(value)
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InputError(
            f"variable '{name}': line ends and control characters cannot stand in a LAMMPS command"
        )
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        return text
    for quote in ('"', "'", '"""'):
        if quote not in text and not (quote == '"""' and text.endswith('"')):
            return f"{quote}{text}{quote}"
    raise InputError(f"variable '{name}' = {text}: LAMMPS has no way to quote this; use one kind of quotes")


def logical_lines(text: str) -> Iterator[str]:
    """The commands of a script: ``&`` continues a line, triple quotes span lines, comments are gone."""
    held = ""
    for line in text.splitlines():
        held += line
        if held.count('"""') % 2:
            held += "\n"
        elif held.rstrip().endswith("&"):
            held = held.rstrip()[:-1]
        else:
            if command := _without_comment(held).strip():
                yield command
            held = ""
    if command := _without_comment(held).strip():
        yield command


def _without_comment(line: str) -> str:
    # nearly all lines of a log
    if "#" not in line:
        return line
    quote = ""
    for place, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#":
            return line[:place]
    return line


def words(command: str) -> list[str]:
    """The words of a command; what stands in quotes is one word, without them."""
    pattern = re.compile(r'"""(.*?)"""|"([^"]*)"|\'([^\']*)\'|(\S+)', re.DOTALL)
    return [
        next(group for group in match.groups() if group is not None) for match in pattern.finditer(command)
    ]


def files(script: Path, variables: Mapping[str, object]) -> dict[str, Path]:
    """The files on which a run of ``script`` depends, itself first: what it includes and reads.

    Nothing is run: both branches of an ``if`` count, and all values of a variable of style index.
    What cannot be known before (names that LAMMPS computes) is left out, as is what does not exist.

    Args:
        script: paths in it are relative to its folder.
        variables: LAMMPS variables that are given to it.

    Returns:
        Paths by labels that do not depend on where the folder lies: the path from it, or
        the name alone of what lies elsewhere.
    """
    reader = _Reader(script, variables)
    reader.read(script)
    return reader.labelled()


def dumped(script: Path, variables: Mapping[str, object]) -> set[Path]:
    """The files, of those that there are, over which the dumps of ``script`` write while it is run.

    Dumps of steps that the script itself makes, in the order of its lines; one that it only defines
    has written nothing when it ends.

    Args:
        script, variables: as of :func:`files`.
    """
    reader = _Reader(script, variables)
    reader.read(script)
    return reader.written


class _Reader:
    """Goes through a script and what it includes, and notes the files."""

    def __init__(self, script: Path, variables: Mapping[str, object]):
        self.folder = script.resolve().parent
        # a value given from outside stands against the script's own of style index
        self.values = {name: [str(value)] for name, value in variables.items()}
        self.given = frozenset(variables)
        self.paths: dict[Path, None] = {}
        self.dumps: dict[str, list[Path]] = {}  # that are open, by their IDs
        self.written: set[Path] = set()

    def read(self, script: Path) -> None:
        """A script, once."""
        path = script.resolve()
        if path in self.paths:
            return
        self.paths[path] = None
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for command in logical_lines(text):
            self.command(words(command))

    def command(self, line: list[str]) -> None:
        """One command: learn a variable, follow an included script, note files."""
        if not line:
            return
        for name in self.expanded(line[0]):
            arguments = line[1:]
            self.dump(name, arguments)
            if name == "variable":
                self.variable(arguments)
            elif name in ("include", "jump"):
                for path in self.resolved(arguments[:1]):
                    self.read(path)
            elif name == "if" or (name == "run" and "every" in arguments):
                for text in filter(None, arguments):
                    self.command(words(text) if " " in text else [])
            elif name == "read_restart":
                self.note(self.globbed(arguments[:1]))
            elif name not in _WRITERS:
                self.note(self.resolved(_read_words(name, arguments), name))

    def dump(self, name: str, arguments: list[str]) -> None:
        """Note over which files LAMMPS writes what it dumps, and when."""
        if name == "dump" and len(arguments) > 4:
            self.dumps[arguments[0]] = [path.resolve() for path in self.resolved(arguments[4:5])]
        elif name == "write_dump":
            self.written.update(path.resolve() for path in self.resolved(arguments[2:3]))
        elif name == "undump" and arguments:
            self.dumps.pop(arguments[0], None)
        elif name == "clear":
            self.dumps.clear()
        elif name in _STEPPING:
            self.written.update(path for paths in self.dumps.values() for path in paths)

    def variable(self, arguments: list[str]) -> None:
        """Remember the values of a variable as far as they are texts; a file that it reads counts."""
        name, style, *rest = [*arguments, "", ""][: max(2, len(arguments))]
        if style in ("file", "atomfile"):
            self.note(self.resolved(rest))
        elif style in ("index", "world", "universe", "string") and not (
            style == "index" and name in self.given
        ):
            values = [value for word in rest for value in self.expanded(word)]
            before = self.values.get(name, []) if style == "string" else []  # either may hold at a later line
            self.values[name] = list(dict.fromkeys([*before, *values]))
        elif style == "getenv" and rest:
            self.values[name] = [os.environ.get(rest[0], "")]
        elif style in ("equal", "internal") and rest and re.fullmatch(r"[-+\d.eE]+", rest[0]):
            self.values[name] = [rest[0]]

    def expanded(self, word: str) -> list[str]:
        """What ``word`` may be once its variables have values; nothing if one is not known."""
        names = [a or b for a, b in _VARIABLE.findall(word)]
        if "$(" in word or any(name not in self.values for name in names):
            return []
        choices = itertools.product(*(self.values[name] for name in names))
        return [_filled(word, choice) for choice in itertools.islice(choices, _MANY)]

    def resolved(self, names: Iterable[str], command: str = "") -> Iterator[Path]:
        """The files that there are among ``names``; those of potentials also where LAMMPS looks for them."""
        for word in names:
            for text in self.expanded(word):
                for name in text.split() or [text]:  # a variable may hold several words
                    path = self.folder / name
                    if not path.is_file() and command.startswith(
                        ("pair_", "fix", "compute", "bond_", "angle_")
                    ):
                        path = next(
                            (f / path.name for f in potentials.folders() if (f / path.name).is_file()), path
                        )
                    if path.is_file():
                        yield path
                if (self.folder / text).is_file():  # a name with blanks
                    yield self.folder / text

    def globbed(self, names: Iterable[str]) -> Iterator[Path]:
        """Restart files, whose names may have ``*`` (the latest) and ``%`` (one for each rank)."""
        for word in names:
            for text in self.expanded(word):
                path = self.folder / text.replace("%", "*")
                yield from sorted(p for p in path.parent.glob(path.name) if p.is_file())

    def note(self, paths: Iterable[Path]) -> None:
        """Remember files that are read."""
        self.paths.update((path.resolve(), None) for path in paths)

    def labelled(self) -> dict[str, Path]:
        """The files noted, by labels."""
        result: dict[str, Path] = {}
        for path in self.paths:
            inside = path.is_relative_to(self.folder)
            label = path.relative_to(self.folder).as_posix() if inside else path.name
            above = iter(path.parents)
            while label in result:  # another file of the same name
                label = f"{next(above).name}/{label}"
            result[label] = path
        return result


def _filled(word: str, choice: tuple[str, ...]) -> str:
    values = iter(choice)
    return _VARIABLE.sub(lambda _: next(values), word)


def _read_words(name: str, arguments: list[str]) -> list[str]:
    """The words of a command that may name files that it reads."""
    if name == "fix" and len(arguments) > 2 and arguments[2] in _WRITING_FIXES:
        return []
    before = ["", *arguments]
    return [word for word, left in zip(arguments, before, strict=False) if left not in _WRITTEN_AFTER]
