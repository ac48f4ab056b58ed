"""What a person sees while a campaign runs, on rank 0: messages, progress; and the folder's log of it."""

import contextlib
import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

from mpi4py import MPI
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Tick(Protocol):
    """Report that ``done`` (of 1) is finished, with an optional word on what is going on."""

    def __call__(self, done: float, note: str = "") -> None: ...


LOG = "mdbridge.log"
_LOG_BEGINS = "# log of mdbridge"


class _State:
    """What holds for the whole process: one person looks at it."""

    volume = 0
    unseen = False
    beside = ""

    def __init__(self) -> None:
        # several: a study works in its own folder and in those of its campaigns
        self.logs: dict[Path, TextIO] = {}
        self.folder: Path | None = None


_STATE = _State()


def set_volume(volume: int) -> None:
    """Say how much is told from now on: -1 errors alone, 0 what is done, 1 also how."""
    _STATE.volume = volume


@contextmanager
def unseen(beside: str = "") -> Iterator[None]:
    """Keep what is told during the block from the screen: it goes to the logs alone, and has no progress bar.

    For work beside other work, whose lines would be mixed up.

    Args:
        beside: a name for it; with one there is a line every minute that says how far it is.
    """
    before = _STATE.unseen, _STATE.beside
    _STATE.unseen, _STATE.beside = True, beside
    try:
        yield
    finally:
        _STATE.unseen, _STATE.beside = before


class _Unfailing:
    """Standard error as it is now, where nothing is lost but words if nobody reads them."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def fileno(self) -> int:
        return sys.stderr.fileno()

    @property
    def encoding(self) -> str:
        return sys.stderr.encoding


class _Screen(Console):
    """A console whose messages also go to the log of the folder at work."""

    def __init__(self, rank: int, unseen: bool | None = None):
        # no highlighting: rich would colour every number, quoted text and path of a message; and no markup:
        # it would take [brackets] in the name of a folder for its own
        stream = cast(TextIO, _Unfailing())  # of a file rich needs no more
        hidden = _STATE.unseen if unseen is None else unseen
        quiet = rank != 0 or _STATE.volume < 0 or hidden
        super().__init__(file=stream, quiet=quiet, highlight=False, markup=False)
        self._tells = rank == 0

    def print(self, *objects: Any, **options: Any) -> None:
        # a file, or whoever searches one, goes by lines: a message is one, and no path is broken
        if not self.is_terminal and all(isinstance(part, str) for part in objects):
            options.setdefault("soft_wrap", True)
        super().print(*objects, **options)
        if self._tells:
            _note(*objects)

    def progress(self, line: str) -> None:
        """A line that is worth nothing later, where no terminal is."""
        super().print(line, soft_wrap=True)


def console(comm: MPI.Comm) -> _Screen:
    """A console that is silent on all ranks but 0."""
    return _Screen(comm.rank)


def detail(comm: MPI.Comm, text: str) -> None:
    """Tell how something is done: on the screen if that is asked for, and in the log."""
    if _STATE.volume > 0:
        console(comm).print(text, style="dim", soft_wrap=True)
    elif comm.rank == 0:
        _note(text)


@contextmanager
def logged(folder: Path, about: str) -> Iterator[None]:
    """Keep what is told during the block in ``folder/mdbridge.log``, after what is there.

    For the one rank that tells.  A log that cannot be written costs nothing but the log, and a file of
    that name that somebody else wrote stays as it is.
    """
    path, stream = folder / LOG, None
    before = _STATE.folder
    with contextlib.suppress(OSError):
        begun = path.read_text(errors="replace")[: len(_LOG_BEGINS)] if path.exists() else ""
        if begun in ("", _LOG_BEGINS):
            stream = path.open("a", encoding="utf-8")
            _STATE.logs[folder] = stream
            if not begun:
                _write(stream, f"{_LOG_BEGINS}: what each command said, and when\n")
    # one that has no log of its own: its lines belong to no other either
    _STATE.folder = folder
    _note(about)
    try:
        yield
    except BaseException as error:
        with logging_to(folder):
            _note(f"ended by {type(error).__name__}: {error}")
        raise
    finally:
        _STATE.folder = before
        if stream is not None:
            del _STATE.logs[folder]
            with contextlib.suppress(OSError):
                stream.close()


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Keep what is told during the block in the log of this folder, among those that are at work."""
    before = _STATE.folder
    # a part of a folder at work, that has no log of its own, is told where it was
    _STATE.folder = folder if folder in _STATE.logs else before
    try:
        yield
    finally:
        _STATE.folder = before


def _note(*objects: Any) -> None:
    stream = None if _STATE.folder is None else _STATE.logs.get(_STATE.folder)
    if stream is None:
        return
    page = io.StringIO()
    Console(file=page, width=110, highlight=False, markup=False).print(*objects, soft_wrap=True)
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    _write(stream, "".join(f"{now}  {line}\n" for line in page.getvalue().splitlines()))


def _write(stream: TextIO, text: str) -> None:
    # a full disk, a folder that is gone: the run itself goes on, and says so if it meets the same
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()


@contextmanager
def progress(comm: MPI.Comm, title: str) -> Iterator[Tick]:
    """A progress bar with the time left; plain lines where the output is no terminal (mpiexec, a log)."""
    out = console(comm)
    if comm.rank == 0 and _STATE.unseen and _STATE.beside:
        yield _lines(_Screen(0, unseen=False), f"{_STATE.beside}, {title}", interval=60.0)
    elif comm.rank != 0 or _STATE.unseen:
        yield lambda done, note="": None
    elif out.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=out) as bar:
            task, left = bar.add_task(title, total=1.0, note="", left=""), _Left(after=1.0)
            yield lambda done, note="": bar.update(task, completed=done, note=note, left=left(done))
            bar.update(task, completed=1.0, note="", left="")
    else:
        yield _lines(out, title)


# every few seconds a line: the log of a run of hours stays readable
def _lines(out: _Screen, title: str, interval: float = 5.0) -> Tick:
    last, left = time.monotonic(), _Left(after=0.5 * interval)

    def tick(done: float, note: str = "") -> None:
        nonlocal last
        words = left(done)
        now = time.monotonic()
        if done <= 0 or now - last < interval:
            return
        last = now
        out.progress(f"{title}: {100 * done:.0f} %{', ' * bool(words)}{words}  {note}".rstrip())

    return tick


class _Left:
    """The time left, from what has been done since the first of it.

    What comes before that, compilation say, tells nothing of the rest; and so does a short time.

    Args:
        after: seconds from the first on that something is said.
    """

    def __init__(self, after: float):
        self._after = after
        self._first: tuple[float, float] | None = None  # when something was first done, and how much

    def __call__(self, done: float) -> str:
        now = time.monotonic()
        if done <= 0:
            return ""
        self._first = self._first or (now, done)
        begun, had = self._first
        if now - begun < self._after or done <= had:
            return ""
        return f"about {duration((now - begun) * (1 - done) / (done - had))} left"


def duration(seconds: float) -> str:
    """A time as people say it, to about one part in fifty: 34 s, 12 min, 3 h 20 min, 2 d 5 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"
