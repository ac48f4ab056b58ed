"""The far side of a :class:`~mdbridge.calibrate.worker.Worker`: a keeper, and the process that it keeps.

The keeper is a small process that runs no code of the user's.  It waits until the
process that does has ended, or until nobody holds the other end of its lifeline
(the parent closed it, or is gone, killed perhaps), ends whatever is left below it,
programs that a model started included, and ends as that process did.  On Linux
orphans fall to it, so that a program cannot leave by losing its parent.
"""

import contextlib
import ctypes
import faulthandler
import os
import pickle
import resource
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from ..core.errors import InputError, MdbridgeError
from ..core.leftovers import hold
from .scratch import Shared, filled, removed

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # of prctl(2)
_OVERWRITTEN = (
    "the model has written to {}, which is linked, as it is large or below a link, and which all "
    "processes share: have it write to another name"
)
_LAST_RESORT = 5.0  # s that processes may take to die of SIGKILL


@dataclass(frozen=True)
class Failure:
    """Why a call has no value.

    Attributes:
        kind: "input", an :class:`~mdbridge.core.errors.InputError` was raised; "error", anything else
            was; "ended", the process is gone; "timeout", it was ended.
        text: what is to be told.
        trace: the traceback, where there is one.
    """

    kind: Literal["input", "error", "ended", "timeout"]
    text: str
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """What an exception says."""
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, InputError):
            return cls("input", str(error), trace)
        if isinstance(error, SystemExit):
            return cls("error", f"sys.exit({error.code!r}) was called", trace)
        if isinstance(error, MdbridgeError):  # its message is complete
            return cls("error", str(error), trace)
        return cls("error", f"{type(error).__name__}: {error}", trace)


def packed(value: Any) -> bytes:
    """A message: its length, then a pickle."""
    raw = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return struct.pack("<q", len(raw)) + raw


def unpacked(buffer: bytearray) -> Iterator[Any]:
    """The messages that are complete, taken from the front of ``buffer``."""
    while len(buffer) >= 8:
        end = 8 + struct.unpack_from("<q", buffer)[0]
        if len(buffer) < end:
            return
        value = pickle.loads(memoryview(buffer)[8:end].tobytes())
        del buffer[:end]
        yield value


# the keeper ------------------------------------------------------------------------


def main(lifeline: int, home: str, path: Sequence[str]) -> NoReturn:
    """Fork, and keep the process until it ends or ``lifeline`` does.

    Args:
        lifeline: descriptor of the reading end of a pipe that nothing is written to.
        home: folder whose content the process finds in a working folder of its own; none if empty.
        path: where modules are imported from.
    """
    sys.path[:] = path
    # the keeper's, not the process's: it must be removed however that ends
    scratch = filled(Path(home)) if home else None
    if scratch is not None:
        # its lock goes with this process, should that be killed: the next one then sweeps it away
        hold(scratch)
        os.chdir(scratch)
    _prctl(_SET_CHILD_SUBREAPER, 1)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGCHLD, signal.SIGTERM):  # they need handlers to write to the waker
        signal.signal(number, lambda number, frame: None)
    process = os.fork()
    if process == 0:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (lifeline, woken, waker):
            os.close(descriptor)
        os.setsid()
        _prctl(_SET_PDEATHSIG, signal.SIGKILL)
        _serve(scratch)
    for descriptor in (0, 1):
        os.close(descriptor)
    status = None
    while status is None:
        ready, _, _ = select.select([lifeline, woken], [], [])
        if lifeline in ready or (woken in ready and signal.SIGTERM in os.read(woken, 512)):
            break
        status = _reaped().get(process)
    _end_all(process)
    if scratch is not None:
        removed(scratch)
    _end_like(status)


def _reaped() -> dict[int, int]:
    """Exit statuses of the children that have ended, by process ID."""
    statuses = {}
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            statuses[ended[0]] = ended[1]
    return statuses


def _end_all(process: int) -> None:
    """Kill the process, its session and all that descends from this one, and wait for them."""
    deadline = time.monotonic() + _LAST_RESORT
    while time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        for descendant in _descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(descendant, signal.SIGKILL)
        _reaped()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        time.sleep(0.002)


def _descendants(process: int) -> list[int]:
    """Process IDs below a process, from /proc; none where there is no such thing."""
    below: list[int] = []
    for listing in Path("/proc", str(process), "task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, listing.read_text().split()):
                below += [child, *_descendants(child)]
    return below


def _end_like(status: int | None) -> NoReturn:
    """End as a process with this status from :func:`os.waitpid` did."""
    if status is None:
        os._exit(1)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # that of the process itself is enough
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _prctl(option: int, value: int) -> None:
    """Set an option of this process, where the system (Linux) has it."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


# the process that it keeps -----------------------------------------------------------


def _serve(scratch: Path | None) -> NoReturn:
    """Answer calls until there are none any more; what is printed goes to stderr."""
    code = 1
    try:
        calls, answers = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # a model that reads its input must not take the calls
        os.dup2(2, 1)
        faulthandler.enable(all_threads=False)  # where compiled code crashes is said on stderr
        _answer(calls, answers, os.getpid(), scratch)
        code = 0
    except BrokenPipeError:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # at once: what a model started may not let the process end


def _answer(calls: int, answers: int, process: int, scratch: Path | None) -> None:
    function: Callable[..., Any] | None = None
    trouble: Failure | None = None
    shared = None if scratch is None else Shared(scratch)
    buffer = bytearray()
    while block := os.read(calls, 1 << 20):
        buffer += block
        for kind, content in unpacked(buffer):
            if kind == "function":
                function, trouble = _prepared(content)
                continue
            _write(answers, packed(("begun", None)))
            value = None
            failure = trouble
            if scratch is not None:  # where an import, or the last call, may have left for another place
                os.chdir(scratch)
            if function is not None:
                try:
                    value, failure = function(*content), None
                except BaseException as error:
                    failure = Failure.of(error)
            if os.getpid() != process:  # a child that a model forked and left to run on
                os._exit(0 if failure is None else 1)
            if shared is not None and (changed := shared.written()):
                value, failure = None, Failure("error", _OVERWRITTEN.format(", ".join(changed)))
            for stream in (sys.stdout, sys.stderr):
                # a model may have closed them, or put something of its own in their place
                with contextlib.suppress(Exception):
                    stream.flush()
            _write(answers, packed(("answer", (value, failure))))


def _prepared(raw: bytes) -> tuple[Callable[..., Any] | None, Failure | None]:
    """The function, ready to be called, or why it is not."""
    try:
        function = pickle.loads(raw)
        prepare = getattr(function, "prepare", None)
        if prepare is not None:
            prepare()
        return function, None
    except BaseException as error:
        return None, Failure.of(error)


def _write(descriptor: int, raw: bytes) -> None:
    rest = memoryview(raw)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
