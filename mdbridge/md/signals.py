"""Signals that end a program while LAMMPS runs: held back, then delivered where nothing is lost.

Python runs its signal handlers as soon as LAMMPS calls back.  What they raise
there, before the callback's own code, disappears inside LAMMPS, and one rank
of a job leaves the others waiting.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ..core.interrupts import ENDING

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def quiet_pipes() -> Iterator[None]:
    """Let programs that LAMMPS starts in the block end without a word once it reads them no further.

    gzip says 'Broken pipe' where it inherits that Python ignores the signal; a handler is not inherited.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGPIPE)
    if not main or before != signal.SIG_IGN:
        yield
        return
    # of this program nothing changes: what is written to a closed pipe is an error as before
    signal.signal(signal.SIGPIPE, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


class Signals:
    """Signals that arrived while they were held."""

    def __init__(self) -> None:
        self._arrived: list[tuple[Handler, int]] = []
        self._holding = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold signals that end programs during the block, and deliver after it what :meth:`deliver` has not.

        Only where Python handles them at all, and in the main thread, where it does so.  In a block
        inside of another one they are held until the outer one is over.
        """
        if self._holding:
            yield
            return
        handlers: dict[int, Handler] = {}
        # Python handles signals nowhere else
        if threading.current_thread() is threading.main_thread():
            for ending in ENDING:
                handler = signal.getsignal(ending)
                if callable(handler):
                    handlers[ending] = handler

        def hold(number: int, _: FrameType | None) -> None:
            self._arrived.append((handlers[number], number))

        for number in handlers:
            signal.signal(number, hold)
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self.deliver()

    def deliver(self) -> None:
        """Call the handlers of what has arrived; they may raise, as that of Ctrl-C does."""
        while self._arrived:
            handler, number = self._arrived.pop(0)
            handler(number, None)
