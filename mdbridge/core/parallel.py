"""MPI at the edge: agreed failures, groups of ranks, the end of a program.

The one rule behind this file: no rank raises past a collective.  Work that may
fail runs under :func:`attempt`; all ranks then call :func:`agree`, which raises
on every one of them or on none.
"""

import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar, overload

from mpi4py import MPI

from . import interrupts
from .errors import MdbridgeError

Result = TypeVar("Result")

_UNTIL_READ = 0.2  # s
_UNTIL_ALL_HEAR = 3.0  # s; of a signal
_UNTIL_ALL_END = 30.0  # s; between an error that all have agreed upon and its end a rank does little


def attempt(work: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """Run ``work`` and return its result or its exception, never raising."""
    try:
        return work(), None
    # Ctrl-C and sys.exit pass: no agreement can be reached with ranks that do not know of them, so
    # run_main ends the job
    except Exception as error:
        return None, error


@overload
def agree(comm: MPI.Comm, error: None) -> None: ...
@overload
def agree(comm: MPI.Comm, error: BaseException) -> NoReturn: ...
@overload
def agree(comm: MPI.Comm, error: BaseException | None) -> None: ...
def agree(comm: MPI.Comm, error: BaseException | None) -> None:
    """Raise on all ranks if any rank has an error (collective).

    The ranks that had none raise the first failing rank's error, with its rank
    in the message, so that every rank's exit code is the same.
    """
    # one flag as long as all is well; texts travel only after a failure
    if not comm.allreduce(error is not None, MPI.LOR):
        return
    known = error if isinstance(error, MdbridgeError) else None
    # as text: an exception with arguments of its own, such as ObserverError, does not survive pickling
    portable = None
    if error is not None:
        text = str(error) if known is not None else _told(error)
        portable = (text, getattr(error, "exit_code", 1))
    reports = comm.allgather(portable)
    # the class, which callers may act upon, lives on where the error came from
    if known is not None:
        raise known
    rank, (text, exit_code) = next((r, report) for r, report in enumerate(reports) if report is not None)
    failure = MdbridgeError(f"on rank {rank}: {text}" if comm.size > 1 else text)
    failure.exit_code = exit_code
    raise failure from error


def _told(error: BaseException) -> str:
    """What to say of an error that nobody raised on purpose: where it came from, or that memory is short."""
    if isinstance(error, MemoryError):
        return f"out of memory ({str(error) or 'no more left'}): make the problem smaller, or use more nodes"
    return "".join(traceback.format_exception(error))


def agreed(comm: MPI.Comm, work: Callable[[], Result]) -> Result:
    """The result of ``work``, which fails on all ranks or on none (collective)."""
    try:
        result = work()
    except Exception as error:
        agree(comm, error)
    agree(comm, None)
    return result


def on_root(comm: MPI.Comm, work: Callable[[], Result]) -> Result:
    """Run ``work`` on rank 0 and give its (picklable) result to all ranks; fail on all or none."""
    result, error = attempt(work) if comm.rank == 0 else (None, None)
    agree(comm, error)
    return comm.bcast(result, root=0)


def split_groups(comm: MPI.Comm, size: int) -> MPI.Comm:
    """The communicator of this rank's group, of ``size`` ranks each (the last may be larger)."""
    count = max(1, comm.size // size)
    # ranks left over join the last group: one of their own would be smaller than asked for
    return comm.Split(min(comm.rank // size, count - 1), comm.rank)


def abort(comm: MPI.Comm, code: int) -> NoReturn:
    """End all ranks of the job with ``code``, what was written to stderr having been seen.

    mpiexec reads it in a process of its own, and may drop what it has not read when it is told to abort.
    """
    interrupts.say_no_more()
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(_UNTIL_READ)
    comm.Abort(code)
    # MPICH's returns while mpiexec ends the job, and the caller would go on
    os._exit(code)


def run_main(comm: MPI.Comm, main: Callable[[], int]) -> NoReturn:
    """Run a program's ``main`` on every rank and end the process with its exit code.

    An agreed error (raised on all ranks) prints once, without a traceback.  If not all
    ranks come to their end with it, it was none, and they are ended.  Any other
    exception may have left peers waiting in a collective, so the communicator is
    aborted; its traceback goes to a file.  Signals (:mod:`.interrupts`) end all ranks likewise.
    """
    # of its own: on the other one the peers may be waiting in whatever collective they are in
    at_the_end = comm.Dup() if comm.size > 1 else comm
    with interrupts.raised(aloud=comm.rank == 0):
        code = _ended(comm, at_the_end, main)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    sys.exit(code)


def _ended(comm: MPI.Comm, at_the_end: MPI.Comm, main: Callable[[], int]) -> int:
    """The exit code that ``main`` comes to on this rank."""
    try:
        return main()
    except MdbridgeError as error:
        if comm.rank == 0:
            _say(f"mdbridge: error: {_shortened(str(error), 0)}")
        if comm.size > 1 and not _all_come(at_the_end, _UNTIL_ALL_END):
            if comm.rank != 0:
                _say(f"mdbridge: error: on rank {comm.rank} alone: {error}")
            abort(comm, error.exit_code)
        return error.exit_code
    except KeyboardInterrupt as stop:
        number = stop.number if isinstance(stop, interrupts.Interrupted) else signal.SIGINT
        # launchers tell all ranks, but one may wait in a collective for this one
        if comm.size > 1 and not _all_come(at_the_end, _UNTIL_ALL_HEAR):
            _say(f"mdbridge: on rank {comm.rank}: {interrupts.words(number)}")
            abort(comm, interrupts.exit_code(number))
        interrupts.say_no_more()
        if comm.rank == 0:
            _say(f"mdbridge: {interrupts.words(number)}")
        if comm.size > 1:
            # while somebody watches: what the ranks were in the middle of may never end, or be refused
            with contextlib.suppress(Exception):
                MPI.Finalize()
            # at once: PETSc, at Python's own end, would ask MPI for something and abort
            os._exit(interrupts.exit_code(number))
        return interrupts.exit_code(number)
    except SystemExit as stop:
        # Python's own rule: None is success, a text is a failure
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException as error:
        place = f"on rank {comm.rank}: " if comm.size > 1 else ""
        _say(f"mdbridge: error: {place}{_shortened(_told(error), comm.rank)}")
        if comm.size > 1:
            abort(comm, 1)
        return 1


def _shortened(text: str, rank: int) -> str:
    """An error in one line; a traceback, which is for those who mend it, goes to a file."""
    before, mark, _ = text.partition("Traceback (most recent call last)")
    if not mark:
        return text
    last = text.strip().splitlines()[-1]
    name = f"mdbridge-traceback-{rank}.txt"
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        path = folder / name
        with contextlib.suppress(OSError):
            path.write_text(f"{sys.argv}\n{text}", encoding="utf-8")
            return f"{before}unexpected {last}; please report it, with {path}"
    return text


def _all_come(comm: MPI.Comm, within: float) -> bool:
    """Whether all ranks get here within a while: those that wait for this one elsewhere never do."""
    request, end = comm.Ibarrier(), time.monotonic() + within
    while not request.Test():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
