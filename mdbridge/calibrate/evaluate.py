"""One evaluation of a model, and the process it runs in.

A model may raise, return NaN, crash or never return.  It therefore runs in a
process of its own, which is ended when its time is up and started again.
"""

import contextlib
import importlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..core.errors import InputError
from .objective import InvalidResponse, Objective, Score
from .trials import Status


def resolve(path: str) -> Callable[..., Any]:
    """The callable named ``package.module:name``.

    Raises:
        InputError: there is no such module, no such name, or it is not callable.
    """
    module, separator, name = path.partition(":")
    if not separator:
        raise InputError(f"model = {path!r}: expected 'package.module:function'")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise InputError(f"model = {path!r}: cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise InputError(f"model = {path!r}: is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Task:
    """What a process needs once: the model by name, its options, the objective, where to import from."""

    model: str
    options: Mapping[str, Any]
    objective: Objective
    folders: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What an evaluation gave; see :class:`~mdbridge.calibrate.trials.Trial`."""

    status: Status
    score: Score | None = None
    seconds: float = 0.0
    host: str = field(default_factory=socket.gethostname)
    message: str = ""


def evaluate(task: Task, parameters: Mapping[str, float]) -> Outcome:
    """Run the model at ``parameters`` and compare; whatever it raises is in the outcome."""
    start = time.perf_counter()
    status: Status
    try:
        response = resolve(task.model)(**parameters, **task.options)
        score, status, message = task.objective.score(response), "ok", ""
    except (InputError, InvalidResponse) as error:  # the parameters make no sample
        score, status, message = None, "invalid", str(error)
    except Exception as error:
        score, status, message = None, "failed", f"{type(error).__name__}: {error}"
    return Outcome(status, score, time.perf_counter() - start, message=message)  # type: ignore[arg-type]


IMPORTS = 60.0
"""Seconds that a process may take for its imports, beside the time limit."""


class Worker:
    """A process that evaluates one point at a time.

    Args:
        task: what to evaluate.
        time_limit: seconds for one evaluation; None for no limit.
    """

    def __init__(self, task: Task, time_limit: float | None = None):
        self._task, self._limit = task, time_limit
        self._process: subprocess.Popen[bytes] | None = None
        self._started, self._ready = 0.0, False
        self.busy = False

    def start(self, parameters: Mapping[str, float]) -> None:
        """Begin an evaluation."""
        if self._process is None:
            self._process, self._ready = _spawn(self._task), False
        self.busy, self._started = True, time.monotonic()
        with contextlib.suppress(OSError):  # it is gone: poll() says so
            _send(self._process.stdin, dict(parameters))

    def poll(self, wait: float = 0.0) -> Outcome | None:
        """The outcome if there is one within ``wait`` seconds."""
        process = self._process
        ready, _, _ = select.select([process.stdout], [], [], wait)
        elapsed = time.monotonic() - self._started
        if ready:
            try:
                outcome = _receive(process.stdout)
                if outcome == "ready":  # imports are done: the clock starts
                    self._started, self._ready = time.monotonic(), True
                    return None
            except EOFError:
                outcome = Outcome(
                    "failed", seconds=elapsed, message=f"the model ended its process: {self._end()}"
                )
        elif self._limit is not None and elapsed > self._limit + (0.0 if self._ready else IMPORTS):
            self._end(kill=True)
            outcome = Outcome("timeout", seconds=elapsed, message=f"no answer in {self._limit:g} s")
        else:
            return None
        self.busy = False
        return outcome

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._end(kill=True)

    def _end(self, kill: bool = False) -> str:
        process, self._process = self._process, None
        if kill:
            process.kill()
        try:
            code = process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:  # its answers have ended, but it has not
            process.kill()
            code = process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _spawn(task: Task) -> "subprocess.Popen[bytes]":
    """Start a process outside MPI, with one thread, that sees the same package."""
    package = str(Path(__file__).parents[2])
    hidden = ("PMI", "PMIX", "MPI", "HYDRA", "HYDI", "OMPI", "SLURM", "MPIR")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    paths = [package, *task.folders, environment.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from mdbridge.calibrate.evaluate import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        bufsize=0,  # an answer in a buffer of ours would be hidden from select()
    )
    with contextlib.suppress(OSError):
        _send(process.stdin, task)
    return process


def _send(stream: BinaryIO | None, value: Any) -> None:
    raw = pickle.dumps(value)
    rest = memoryview(struct.pack("<q", len(raw)) + raw)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


def _receive(stream: BinaryIO | None) -> Any:
    (length,) = struct.unpack("<q", _read(stream, 8))
    return pickle.loads(_read(stream, length))


def _read(stream: BinaryIO | None, length: int) -> bytes:
    raw = b""
    while len(raw) < length:
        part = stream.read(length - len(raw))
        if not part:
            raise EOFError
        raw += part
    return raw


def _watch(parent: int) -> None:
    """End this process when its parent is gone, whatever the model is doing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def serve() -> None:
    """The loop of a worker's process; what the model prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    np.seterr(all="ignore")
    with contextlib.suppress(EOFError):
        task: Task = _receive(sys.stdin.buffer)
        resolve(task.model)
        _send(answers, "ready")
        while True:
            try:
                _send(answers, evaluate(task, _receive(sys.stdin.buffer)))
            except SystemExit as stop:  # at once: what the model started may not let the process end
                os._exit(stop.code if isinstance(stop.code, int) else 1)
