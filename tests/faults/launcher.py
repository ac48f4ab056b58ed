"""Starts the real command, does something to it, and looks at what it leaves: code, words, processes, files.

A job runs in a session of its own, as a shell starts it, and carries a mark in its environment that its
children inherit, in whatever session they are: what lives on after the job is found by that mark.
"""

import ast
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

import mdbridge

MARK = "MDBRIDGE_FAULT_JOB"
PASSING = (".part",)
"""Endings of files that are not under their final names."""
OF_THE_RUN = (
    "mdbridge.log",
    "README.txt",
    "index.html",
    ".lock",
    "lammps.log",
    "input.toml",
    "mdbridge.json",
)
"""Files that say when, where and how something was done."""
_OF_THE_CLOCK = ("from_record", "second", "wall_s", "model_s", "finished", "check", "host", "stages")
"""Beginnings of names of what differs from run to run."""


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        code: exit code of what was started; negative for a signal that nobody handled.
        printed, said: its standard output and standard error.
        seconds: from the fault (or the start) to the end.
        left: command lines of its processes that live on.
        peak: the most bytes that it held, of a child of this process with what that one had before.
    """

    code: int
    printed: str
    said: str
    seconds: float
    left: list[str] = field(default_factory=list)
    peak: float = 0.0

    @property
    def last(self) -> str:
        """The last line of what was said."""
        lines = self.said.strip().splitlines()
        return lines[-1] if lines else ""

    def require_tidy(self) -> "Outcome":
        """No traceback, no crash, nobody left."""
        assert "Traceback" not in self.said + self.printed, self.said
        assert self.code >= 0 and self.code not in (128 + signal.SIGSEGV, 128 + signal.SIGABRT), self
        assert not self.left, self
        return self

    def require_refused(self, *words: str) -> "Outcome":
        """One line of error with all of ``words``, and a code that is no success."""
        self.require_tidy()
        errors = [line for line in self.said.splitlines() if line.startswith("mdbridge: error: ")]
        assert self.code in (1, 2) and len(errors) == 1, self
        for word in words:
            assert word in errors[0], self
        return self


class Job:
    """A command at work.

    Args:
        arguments: of mdbridge.
        folder: where it is started.
        ranks: under mpiexec if more than one.
        environment: what is set beside the present one.
        prepare: called in the process before the command, as for limits.
        outputs: where stdout and stderr go; kept if absent.
    """

    def __init__(
        self,
        arguments: list[object],
        folder: Path,
        *,
        ranks: int = 1,
        environment: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ):
        self._mark = uuid.uuid4().hex
        package = str(Path(mdbridge.__file__).parents[1])
        # the package is found by its path, and the folder at hand is not one to import from
        settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": package, MARK: self._mark, **(environment or {})}
        command = [sys.executable, "-m", "mdbridge", *map(str, arguments)]
        if ranks > 1:
            beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            command = [str(shutil.which("mpiexec", path=beside)), "-n", str(ranks), *command]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE if stderr is None else stderr,
            text=True,
            start_new_session=True,
            preexec_fn=prepare,
        )

    def until(self, ready: Callable[[], bool], within: float = 60.0) -> "Job":
        """Wait for a state of the files, say, in which something is to be done to the job."""
        end = time.monotonic() + within
        while not ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"ended too early, {self.process.returncode}: {self.process.communicate()}"
                )
            assert time.monotonic() < end, "the state has not come"
            time.sleep(0.01)
        return self

    def send(self, number: int, to_all: bool = True) -> "Job":
        """Signal the whole group, as a terminal does, or what was started alone."""
        self.begun = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_all else os.kill)(self.process.pid, number)
        return self

    def end(self, within: float = 60.0, patience: float = 1.0) -> Outcome:
        """Wait for its end; whatever lives on is told, and killed.

        Raises:
            AssertionError: it hangs.
        """
        try:
            printed, said = self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired as hanging:
            living = self._kill()
            raise AssertionError(f"hangs after {within} s: {hanging.stderr!r}; {living}") from hanging
        took = time.monotonic() - self.begun
        # killed processes need a moment to go
        end = time.monotonic() + patience
        while processes(self._mark) and time.monotonic() < end:
            time.sleep(0.05)
        return Outcome(self.process.returncode, printed or "", said or "", took, self._kill())

    def _kill(self) -> list[str]:
        living = processes(self._mark)
        for number in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return list(living.values())


def processes(mark: str) -> dict[int, str]:
    """Command lines of living processes that carry a mark, by their numbers."""
    living = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() not in (place / "environ").read_bytes().split(b"\0"):
                continue
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                words = (place / "cmdline").read_bytes().replace(b"\0", b" ")
                living[int(place.name)] = words.decode(errors="replace")[:200]
    return living


def run(arguments: list[object], folder: Path, within: float = 60.0, **options: object) -> Outcome:
    """Run a command to its end."""
    return Job(arguments, folder, **options).end(within)  # type: ignore[arg-type]


def results(out: Path) -> dict[str, object]:
    """What stands under final names, by file, without what tells the time; equal for equal results."""
    return {
        str(path.relative_to(out)): _content(path)
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path.name not in OF_THE_RUN
        and path.suffix != ".part"
        and path.relative_to(out).parts[0] not in ("records", "superseded")
    }


def _content(path: Path) -> object:
    # damaged, and not read by anybody
    with contextlib.suppress(ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        return _parsed(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parsed(path: Path) -> object:
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text()))
    if path.suffix == ".jsonl":
        return [_timeless(json.loads(line)) for line in path.read_text().splitlines()]
    if path.suffix == ".npz":
        # of its bytes: a file that is no archive would be left open
        with np.load(io.BytesIO(path.read_bytes())) as file:
            return {name: repr(file[name].tolist()) for name in file.files}
    if path.suffix != ".h5":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    values: dict[str, object] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: values.update(_of_item(name, item)))
        values |= _of_item("", file)
    return values


def near(obtained: object, wanted: object, tolerance: float) -> bool:
    """Whether two of the values of :func:`results` are the same up to rounding.

    Args:
        tolerance: of numbers, over the largest of their array.
    """
    return all(value <= tolerance for value in deviations({"": obtained}, {"": wanted}).values())


def deviations(obtained: dict[str, object], wanted: dict[str, object]) -> dict[str, float]:
    """By how much results differ, each array by the largest of its numbers; infinite for what are no numbers.

    Only what differs is told.
    """
    worst = {}
    for name in obtained.keys() | wanted.keys():
        mine, theirs = obtained.get(name), wanted.get(name)
        if mine == theirs:
            continue
        if isinstance(mine, dict) and isinstance(theirs, dict):
            worst |= {f"{name}: {place}": value for place, value in deviations(mine, theirs).items()}
        else:
            worst[name] = _difference(mine, theirs)
    return worst


def _difference(obtained: object, wanted: object) -> float:
    try:
        # NaN is a word to this reader, and stands where a node has no atoms
        mine, theirs = (
            np.array(ast.literal_eval(str(value).replace("nan", "1e999")), dtype=float)
            for value in (obtained, wanted)
        )
    except (ValueError, SyntaxError, TypeError):
        return float("inf")
    whole = np.isfinite(theirs)
    if mine.shape != theirs.shape or not np.array_equal(np.isfinite(mine), whole):
        return float("inf")
    mine, theirs = mine[whole], theirs[whole]
    scale = np.abs(theirs).max(initial=0.0)
    return float(np.abs(mine - theirs).max(initial=0.0) / scale) if scale else float("inf")


def _of_item(name: str, item: h5py.Group | h5py.Dataset) -> dict[str, object]:
    contents = {f"{name}@{k}": repr(v) for k, v in item.attrs.items() if not k.startswith(_OF_THE_CLOCK)}
    contents = {k: v for k, v in contents.items() if "reference" not in v.lower()}
    if isinstance(item, h5py.Dataset):
        contents[name] = repr(item[()].tolist())
    return contents


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not k.startswith(_OF_THE_CLOCK)}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def half_made(out: Path) -> list[str]:
    """Temporary files of ours that stand among the finished ones."""
    return [str(path.relative_to(out)) for path in out.rglob("*.part")]
