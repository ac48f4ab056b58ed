"""A process of its own for each call of what a user gave us.

A model may raise, print, crash, end its process, start others, or never return.
It therefore runs outside this process, which imports none of it, in a session of
its own that is ended as a whole when its time is up and started again.
"""

import contextlib
import fcntl
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .serve import Failure, packed, unpacked

IMPORTS = 60.0
"""Seconds that a process may take to get ready (its imports), beside the time limit."""

SAID_LINES, SAID_BYTES = 20, 4096
"""How much of what was printed during a call is kept, from the end."""

# what would make an MPI program believe that it is a rank of this job; schedulers' variables stay
_RANKS = ("PMI", "PMIX", "MPI_", "MPIR", "HYDRA", "HYDI", "OMPI_")
# this very package, wherever the path leads; the current folder, which Python puts first, is off it
_BOOT = (
    "import sys; sys.path[0] = sys.argv[2]; from mdbridge.calibrate.serve import main; "
    "main(int(sys.argv[1]), sys.argv[3], sys.argv[4:])"
)
_PACKAGE = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Attributes:
        value: what the function returned.
        failure: None if it returned.
        seconds: wall time, as seen from here.
        said: the last lines that were printed during the call, stdout and stderr alike.
    """

    value: Any = None
    failure: Failure | None = None
    seconds: float = 0.0
    said: str = ""


class Worker:
    """A process that makes one call at a time.

    Args:
        folders: where modules may be imported from after all other places.
        time_limit: seconds for one call; None for no limit.
        home: folder whose content the process finds in a working folder of its own, see
            :mod:`~mdbridge.calibrate.scratch`; it works in the present one if None.

    Example:
        :meth:`assign` a function, :meth:`start` a call of it, and :meth:`poll` until there is an answer.
        The function goes to the process pickled, once; if it has a method ``prepare``, that is called
        there first, and does not count towards the time limit.
    """

    def __init__(self, folders: Sequence[str] = (), time_limit: float | None = None, home: str | None = None):
        self.time_limit, self._home = time_limit, home
        self._folders = list(folders)
        self._function: bytes | None = None
        self._process: _Process | None = None
        self._started, self._begun = 0.0, False

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Start the process, if there is none; it gets ready while the caller does something else."""
        if self._process is None:
            self._process = _Process(_path(self._folders), self._home or "")
            if self._function is not None:
                self._process.send(("function", self._function))

    def assign(self, function: Callable[..., Any]) -> None:
        """Set what is called; it and its arguments must be picklable."""
        # once: workers get its bytes, and unpickle it where it is called
        self._function = pickle.dumps(function)
        if self._process is None:
            self.begin()
        else:
            self._process.send(("function", self._function))

    def start(self, *arguments: Any) -> None:
        """Begin a call."""
        if self._process is not None and self._process.ended:  # while it had nothing to do
            self._discard()
        self.begin()
        assert self._process is not None
        self._started, self._begun = time.monotonic(), False
        self._process.said.clear()
        self._process.send(("call", arguments))

    def poll(self, wait: float = 0.0) -> Answer | None:
        """The answer if there is one within ``wait`` seconds."""
        if self._process is None:
            raise RuntimeError("no call was started")
        for kind, content in self._process.exchange(wait):
            if kind == "answer":
                value, failure = content
                seconds = time.monotonic() - self._started
                return Answer(value, failure, seconds, self._process.last_words())
            self._started, self._begun = time.monotonic(), True  # ready: the clock starts
        elapsed = time.monotonic() - self._started
        if self._process.silent:
            return self._lost(elapsed)
        if self.time_limit is not None:
            limit = self.time_limit if self._begun else self.time_limit + IMPORTS
            if elapsed > limit:
                words = self._discard()[1]
                self.begin()  # the next one gets ready at once
                text = f"no answer in {limit:g} s" if self._begun else f"not ready to run after {limit:g} s"
                return Answer(None, Failure("timeout", text), elapsed, words)
        return None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        """Assign, start, and wait for the answer."""
        self.assign(function)
        self.start(*arguments)
        while (answer := self.poll(0.1)) is None:
            pass
        return answer

    def close(self) -> None:
        """End the process and all that it started."""
        if self._process is not None:
            self._discard()

    def _lost(self, elapsed: float) -> Answer:
        how, words = self._discard(wait=2.0)
        self.begin()
        return Answer(None, Failure("ended", f"the model ended its process: {how}"), elapsed, words)

    def _discard(self, wait: float = 0.0) -> tuple[str, str]:
        """How the process ended, which it is given some time for, and its last words."""
        process, self._process = self._process, None
        assert process is not None
        return process.end(wait), process.last_words()


class _Process:
    """One process behind three pipes, none of which ever blocks us.

    Attributes:
        said: what it printed since this was last cleared, the end of it.
        silent: no more answers will come.
    """

    def __init__(self, path: Sequence[str], home: str):
        lifeline_end, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, str(lifeline_end), _PACKAGE, home, *path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[lifeline_end],
            env={k: v for k, v in os.environ.items() if not k.startswith(_RANKS)},
            start_new_session=True,
            bufsize=0,
        )
        os.close(lifeline_end)
        streams = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._calls, self._answers, self._words = (s.fileno() for s in streams if s is not None)
        for descriptor in (self._calls, self._answers, self._words):
            os.set_blocking(descriptor, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # a model that prints while nobody looks need not wait
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._words, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._outgoing, self._incoming = bytearray(), bytearray()
        self.said = bytearray()
        self.silent = False

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, message: Any) -> None:
        """Queue a message; as much as the pipe takes goes at once."""
        self._outgoing += packed(message)
        self._write()

    def exchange(self, wait: float) -> list[Any]:
        """Write what is queued, read what is there, for at most ``wait`` seconds; the messages."""
        reading = [self._words] if self.silent else [self._answers, self._words]
        writing = [self._calls] if self._outgoing else []
        ready, writable, _ = select.select(reading, writing, [], wait)
        if writable:
            self._write()
        messages = []
        if self._answers in ready:
            block = _read(self._answers)
            self.silent = block == b""
            self._incoming += block or b""
            messages = list(unpacked(self._incoming))
        if ready:  # what was printed before an answer was sent is there by now
            self._listen()
        return messages

    def last_words(self) -> str:
        """The end of what was printed."""
        lines = self.said.decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-SAID_LINES:])

    def end(self, wait: float) -> str:
        """Have the keeper end everything, if it has not after ``wait`` seconds; how the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=wait)
        os.close(self._lifeline)
        try:
            code = self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:  # a process in uninterruptible sleep: nothing ends it
            self._process.kill()
            code = self._process.wait()
        self._listen()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return _signal_name(-code) if code < 0 else f"exit code {code}"

    def _write(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: os.write(self._calls, self._outgoing)]
        except BlockingIOError:
            return
        except OSError:  # it is gone, as exchange() will find
            self._outgoing.clear()

    def _listen(self) -> None:
        """Take what was printed, pass it on to our own stderr, and keep the end of it."""
        while block := _read(self._words):
            self.said += block
            del self.said[:-SAID_BYTES]
            with contextlib.suppress(OSError, ValueError):  # nobody listens to us either
                sys.stderr.write(block.decode(errors="replace"))


def _read(descriptor: int) -> bytes | None:
    """What is there, up to 1 MiB; nothing at the end of the stream; None if one would have to wait."""
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return None


def _path(folders: Sequence[str]) -> list[str]:
    """Where a process imports from: as this one does, the user's folders last.

    A file beside the input may be called ``random.py``; it must not stand in for Python's own.  What is
    on PYTHONPATH was put there on purpose and stays where it is.
    """
    chosen = {str(Path(entry).resolve()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    last = [str(folder.resolve()) for folder in (*map(Path, folders), Path.cwd())]
    entries = [str(Path(entry).resolve()) for entry in sys.path]
    first = [entry for entry in entries if entry in chosen or entry not in last]
    return list(dict.fromkeys([*first, *last]))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
