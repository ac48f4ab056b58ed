"""Signals that end a program, and the end of the time that it was given: one way out for all of them.

Python calls a handler between two of its own instructions alone, and LAMMPS, PETSc or a compiled
loop may be a long way from the next.  So a thread that is woken at once waits for the program's own
end, and if that does not come ends the process itself: finished work has been recorded anyway.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

OUT_OF_TIME = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
"""What is sent ahead of a limit: by Slurm (``--signal``), Grid Engine (``-notify``) and ``ulimit -t``."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, *OUT_OF_TIME)
"""Ctrl-C, batch systems, a terminal that is closed, and the end of the time."""

TIME_IS_UP = 75
"""Exit code of a program that was stopped before its time was up (EX_TEMPFAIL of sysexits.h)."""

GRACE = 8.0
"""Seconds that the program has for its own end."""


class Interrupted(KeyboardInterrupt):
    """A signal that ends the program; of its number follow the exit code and what is said."""

    def __init__(self, number: int = signal.SIGINT):
        super().__init__()
        self.number = number


def exit_code(number: int) -> int:
    """What shells have for a program that was ended by a signal; or that its time was up."""
    return TIME_IS_UP if number in OUT_OF_TIME else 128 + number


def words(number: int) -> str:
    """What is said of it."""
    if number in OUT_OF_TIME:
        return "the time is up; finished work is kept, and the same command goes on"
    return "interrupted; finished work is kept"


_asked: list[int] = []
_silent: list[bool] = []


def again() -> Interrupted:
    """What was raised, for those who caught it and lost its number."""
    return Interrupted(_asked[0] if _asked else signal.SIGINT)


def asked() -> bool:
    """Whether a signal has come since the last :func:`raised` began."""
    return bool(_asked)


def ignore() -> None:
    """Take no notice of further signals: the program is on its way out, and says nothing more."""
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)


def say_no_more() -> None:
    """Have further signals end the program at once, without a word: what there is to say has been said.

    A launcher sends signals of its own to the ranks of a job that one of them aborts.
    """
    _silent.append(True)


class _Watch:
    """The thread that ends the process if nobody else does."""

    def __init__(self, grace: float) -> None:
        self._grace, self._over = grace, threading.Event()
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        self._writing = writing
        self._former = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        number = 0
        # other signals with handlers of their own, children's, wake it as well
        while number not in ENDING:
            data = os.read(self._reading, 1)
            if not data:
                return
            number = data[0]
        if not self._over.wait(self._grace):
            _leave(number, "; it was in the middle of something and did not answer")

    def close(self) -> None:
        self._over.set()
        signal.set_wakeup_fd(self._former)
        os.close(self._writing)


@contextlib.contextmanager
def raised(grace: float = GRACE, aloud: bool = True) -> Iterator[None]:
    """Have the signals raise :class:`Interrupted` during the block; a second one ends the process at once.

    It says so, if ``aloud``: of many ranks one is enough, and a launcher sends a second one of its
    own to those that another rank's abort ends.
    What is ignored when it begins stays ignored: ``nohup`` and shells in the background count on that.
    Nothing happens where Python handles no signals, outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked.clear()
    _silent.clear()

    def end(number: int, _: FrameType | None) -> NoReturn:
        _asked.append(number)
        if len(_asked) > 1 or _silent:
            _leave(_asked[0], "" if aloud else None)
        raise Interrupted(number)

    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    former = {number: signal.signal(number, end) for number in heard}
    watch, unraisable = _Watch(grace), sys.unraisablehook

    def lost(what: "sys.UnraisableHookArgs") -> None:
        """Ask once more: callbacks of C libraries, and Python's own clean-up, drop what is raised in them."""
        if not isinstance(what.exc_value, Interrupted):
            unraisable(what)
            return
        number = what.exc_value.number
        _asked.clear()
        # later, from another thread: the main one is still in that callback
        again = threading.Timer(0.05, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()

    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        watch.close()
        for number, handler in former.items():
            signal.signal(number, handler)


def stop_after(seconds: float) -> None:
    """Have the program told in so many seconds that its time is up."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.daemon = True
    timer.start()


def _leave(number: int, more: str | None) -> NoReturn:
    """End the process without any of its own clean-up, which may be what does not end."""
    if more is not None and not _silent:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"mdbridge: {words(number)}{more}\n")
            sys.stderr.flush()
    os._exit(exit_code(number))
