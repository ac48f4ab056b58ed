"""What a person sees while a campaign runs: messages and progress, on rank 0."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mpi4py import MPI
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Tick(Protocol):
    """Report that ``done`` (of 1) is finished, with an optional word on what is going on."""

    def __call__(self, done: float, note: str = "") -> None: ...


def console(comm: MPI.Comm) -> Console:
    """A console that is silent on all ranks but 0."""
    # no highlighting: rich would colour every number, quoted text and path of a message; and no markup: it
    # would take [brackets] in the name of a folder for its own
    return Console(stderr=True, quiet=comm.rank != 0, highlight=False, markup=False)


@contextmanager
def progress(comm: MPI.Comm, title: str) -> Iterator[Tick]:
    """A progress bar with the time left; plain lines where the output is no terminal (mpiexec, a log)."""
    out = console(comm)
    if comm.rank != 0:
        yield lambda done, note="": None
    elif out.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=out) as bar:
            task = bar.add_task(title, total=1.0, note="")
            yield lambda done, note="": bar.update(task, completed=done, note=note)
            bar.update(task, completed=1.0, note="")
    else:
        yield _lines(out, title)


# every few seconds a line: the log of a run of hours stays readable
def _lines(out: Console, title: str, interval: float = 5.0) -> Tick:
    start = last = time.monotonic()

    def tick(done: float, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < interval or done <= 0:
            return
        last = now
        left = (now - start) * (1 - done) / done
        out.print(f"{title}: {100 * done:.0f} %, about {left:.0f} s left  {note}".rstrip())

    return tick
