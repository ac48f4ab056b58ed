"""A program as a model: input files with placeholders, a folder for each run, output that is collected.

A :class:`Program` is called as a function of the user's is.  Each call gets a fresh folder
with copies of what lies beside the input, fills the templates there, runs the command in it,
and reads what that wrote.  No two calls ever share a folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ..core.errors import InputError
from ..core.files import sha256
from .collect import Output, outputs
from .model import Arguments, Shapes
from .response import Response
from .scratch import Shared, copy_into, vacate
from .template import Template, filled, placeholders

Keep = Literal["none", "failed", "all"]

TRIAL = "MDBRIDGE_TRIAL"
"""Environment variable with the number of the trial; not there in other runs."""

STDOUT = "stdout.txt"
"""What a program prints is in this file of its folder, and can be collected."""

_SYSTEM = ("/bin", "/usr/bin", "/usr/sbin", "/sbin")
"""Programs here come with the machine: another version of them is no other model."""

_WORDS = 2000
"""So many characters of what a program printed are told when it fails, from the end."""


@dataclass(frozen=True)
class Program:
    """A command, and the files that connect it with the parameters; picklable.

    Attributes:
        command: the program and its arguments.  ``{input}`` is the first filled template, ``{output}`` the
            first file that is collected, ``{name}`` a parameter or an option, also with a format
            (``{name:.3f}``).
        templates: files with such placeholders, relative to ``folder``.
        collected: what is read at the end, by name; see :func:`~mdbridge.calibrate.collect.outputs`.
        folder: that of the input.
        values: names of the parameters and options.
        files: what a run finds in its folder, relative to ``folder``; all that lies there if None.
        keep: folders of which trials are kept.
        kept: where these are; None where they go with the process.
        units: of arrays, by their names: for figures, and where the reference tells none, what is meant.
        compared: units of what arrays are compared with, by their names.
    """

    command: Sequence[str]
    templates: Sequence[str]
    collected: Mapping[str, Output]
    folder: str
    values: Sequence[str]
    files: Sequence[str] | None = None
    keep: Keep = "none"
    kept: str | None = None
    key: str = "model"
    data: str = "give its place"
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    compared: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The command, for messages."""
        return " ".join(self.command)

    @property
    def arguments(self) -> Arguments:
        """The parameters and options that have a placeholder."""
        # in the order of the input, which messages follow
        used = {name for text in self._texts() for name in placeholders(text, self.values)}
        return Arguments(tuple(name for name in self.values if name in used), (), any=False)

    def check(self) -> None:
        """Look for everything that a run needs, before there is one.

        Raises:
            InputError: a program, a template or a file is not there, or a template or a parameter has no
                placeholder; it is named.
        """
        _ = self._executable
        for name in (*self.templates, *(self.files or ())):
            if not Path(self.folder, name).exists():
                table = "template" if name in self.templates else "files"
                raise InputError(f"{self.key}.{table}: there is no {name!r} in {self.folder}")
        for template in self._read:
            template.check(self.values)
        self._check_targets()
        used = self.arguments.names
        for name in self.values:
            if name not in used:
                places = "".join(f" nor in {template}" for template in self.templates)
                raise InputError(
                    f"{name!r} is a parameter or an option, but {{{name}}} is not in the command{places}: "
                    "put it there, or take it out of the input"
                )

    def _check_targets(self) -> None:
        """Refuse filled templates of which one would be written over, or be taken for a result."""
        written = {STDOUT: "what the program prints"}
        written |= {str(Path(output.file)): f"in {self.key}.collect" for output in self.collected.values()}
        for template in self._read:
            if (other := written.get(template.target)) is not None:
                raise InputError(
                    f"{self.key}.template: {template.name!r} becomes {template.target!r}, which is {other}, "
                    "too: rename one of the two"
                )
            written[template.target] = f"{template.name!r}, filled"

    @property
    def sources(self) -> dict[str, str]:
        """SHA-256 of the program, of the templates, and of the files that the command or ``files`` name."""
        base = Path(self.folder)
        names = [*self.templates, *(self.files or ()), *self.command[1:]]
        paths = {name: base / name for name in names if (base / name).is_file()}
        for name in self.files or ():
            paths |= {str(p.relative_to(base)): p for p in sorted((base / name).rglob("*")) if p.is_file()}
        # not the interpreter of the machine: it is updated without being another model
        executable = Path(self._executable)
        if str(executable.parent) not in _SYSTEM:
            paths[self.command[0]] = executable
        return {label: sha256(path) for label, path in sorted(paths.items())}

    def shapes(self, options: Mapping[str, Any]) -> Shapes:
        """Nothing is known before a run."""
        return {}

    def prepare(self) -> None:
        """Nothing to import."""

    def __call__(self, **values: Any) -> Response:
        """Run the program.

        Raises:
            RuntimeError: it failed, or did not write what is to be collected.
        """
        number = os.environ.get(TRIAL)
        place = self._place(number)
        try:
            response = self._run(place, values)
        except BaseException as error:
            if self.kept is not None and number is not None and self.keep != "none":
                error.args = (f"{error}; its folder is {place}",)
            else:
                shutil.rmtree(place, ignore_errors=True)
            raise
        if self.kept is None or number is None or self.keep != "all":
            shutil.rmtree(place, ignore_errors=True)
        return response

    def _place(self, number: str | None) -> Path:
        """An empty folder for a run."""
        if self.kept is None or number is None or self.keep == "none":
            # below the process's own folder, which goes with it however it ends; hidden, so that it is not
            # copied into the next one
            return Path(tempfile.mkdtemp(prefix=".mdbridge-trial-", dir=Path.cwd()))
        place = Path(self.kept, f"{int(number):04d}")
        shutil.rmtree(place, ignore_errors=True)  # of a run that was stopped in its midst
        place.mkdir(parents=True)
        return place

    def _run(self, place: Path, values: Mapping[str, Any]) -> Response:
        copy_into(Path(self.folder), place, self.files)
        written = [output.file for output in self.collected.values()]
        for name in (*written, STDOUT):
            vacate(place, name)  # what lies beside the input may be of another run, and is not this one's
        for template in self._read:
            vacate(place, template.target).write_text(filled(template.text, values), encoding="utf-8")
        shared = Shared(place)
        more = {"input": self._read[0].target if self._read else "", "output": written[0] if written else ""}
        words = [filled(word, {**more, **values}) for word in self.command[1:]]
        with (place / STDOUT).open("wb") as printed:
            code = subprocess.run(
                [self._executable, *words], cwd=place, stdin=subprocess.DEVNULL, stdout=printed, check=False
            ).returncode
        if code:
            # where a program says what went wrong differs: stderr is passed on while it runs
            _pass_on(place / STDOUT)
            raise RuntimeError(f"{self.command[0]} {_ended(code)}")
        if changed := shared.written():
            raise RuntimeError(f"{self.command[0]} has written to {', '.join(changed)}, which all runs share")
        return outputs(self.collected, place, self.compared)

    @cached_property
    def _read(self) -> list[Template]:
        return [Template.read(Path(self.folder), name, f"{self.key}.template") for name in self.templates]

    @cached_property
    def _executable(self) -> str:
        """The program's place.

        Raises:
            InputError: there is none, or it cannot be run.
        """
        name = self.command[0]
        beside = Path(self.folder, name)
        # as in a shell: with a slash it is a place, without one a name on the path
        if os.sep in name:
            if not beside.is_file():
                raise InputError(f"{self.key}.command: there is no program {name!r} ({beside})")
            if not os.access(beside, os.X_OK):
                raise InputError(
                    f"{self.key}.command: {beside} cannot be run; make it so with chmod +x {beside}"
                )
            return str(beside.resolve())
        place = shutil.which(name)
        if place is None:
            hint = f"; write './{name}' for the one beside the input" if beside.is_file() else ""
            raise InputError(f"{self.key}.command: there is no program {name!r} on the path{hint}")
        return place

    def _texts(self) -> Iterator[str]:
        yield from self.command
        yield from (template.text for template in self._read)

    def __getstate__(self) -> dict[str, Any]:
        """All but what is read again where it is used."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_read", "_executable")}


def _ended(code: int) -> str:
    return f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"


def _pass_on(printed: Path) -> None:
    """Write the end of what was printed to stderr, whose end is recorded with the trial."""
    with printed.open("rb") as stream:
        stream.seek(max(printed.stat().st_size - _WORDS, 0))
        text = stream.read().decode(errors="replace").strip()
    if text:
        sys.stderr.write(text + "\n")
