"""``--dry-run``: what a campaign would take, from a small part of it, which is timed and not kept."""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from rich.table import Table

from ..core.console import console, duration
from ..core.demand import size
from ..core.stages import Piece, pieces_of_work
from ..core.workspace import Workspace

PATIENCE = 10.0
"""Seconds after which no further part is begun."""


@dataclass(frozen=True)
class Row:
    """One kind of work.

    Attributes:
        what: it is.
        tasks: how many there are.
        done: how many of them are done in the folder of results.
        seconds: what those that are left take on the present ranks; None where that was not timed.
    """

    what: str
    tasks: int
    done: int
    seconds: float | None

    @property
    def over(self) -> bool:
        """Whether all tasks are done; what is no task of its own never is."""
        return 0 < self.tasks == self.done


def unfinished(workspace: Workspace, piece: Piece) -> set[str]:
    """Names of a piece's tasks that are not done; for one rank."""
    names = pieces_of_work(piece)
    return {task for task, identity in names if not workspace.record(piece.name, task, identity.key)}


def timed(work: Callable[[], object]) -> float:
    """Seconds that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def shared(costs: Iterable[float], groups: int) -> float:
    """Seconds in which groups of ranks do tasks of these lengths, the longest first, as they become free."""
    # as the engine does: begun last, the longest alone would keep one group at work
    ends = np.zeros(groups)
    for cost in sorted(costs, reverse=True):
        ends[ends.argmin()] += cost
    return float(ends.max())


def peak_memory(comm: MPI.Comm) -> float:
    """The most bytes that all ranks together have held so far (collective)."""
    # macOS counts bytes, others kilobytes
    unit = 1 if sys.platform == "darwin" else 1024
    return float(comm.allreduce(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def show(
    comm: MPI.Comm, title: str, rows: Sequence[Row], disk: float, *notes: str, beyond: float = 0.0
) -> None:
    """Print the table, memory and disk (collective).

    Args:
        comm: the ranks that the run would have.
        title: of the table.
        rows: the kinds of work, in order.
        disk: bytes that a whole run leaves.
        notes: what else there is to say.
        beyond: bytes on all ranks that the whole takes, and the part that was tried did not.
    """
    # all ranks: before rank 0 alone goes on
    memory = peak_memory(comm) + beyond
    table = Table()
    for heading in ("work", "tasks", "done", "time"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for row in rows:
        if row.over:
            words = "–"
        else:
            words = "not timed" if row.seconds is None else _spell(row.seconds)
        table.add_row(row.what, f"{row.tasks:,}", f"{row.done:,}", words)
    # what was not timed is said to be so, and is in no sum
    known = [row.seconds for row in rows if not row.over and row.seconds is not None]
    table.add_row(
        "all", f"{sum(r.tasks for r in rows):,}", f"{sum(r.done for r in rows):,}", _spell(sum(known))
    )
    out = console(comm)
    out.print(title, soft_wrap=True)
    out.print(table)
    ranks = f"{comm.size} rank{'s' if comm.size > 1 else ''}"
    out.print(
        f"times are those of {ranks} on this machine, compilation (once, up to a minute) not counted; "
        f"memory: about {size(memory)} on all ranks; disk: about {size(disk)}",
        soft_wrap=True,
    )
    for note in notes:
        out.print(note, soft_wrap=True)


def _spell(seconds: float) -> str:
    return "under 1 s" if seconds < 1 else duration(seconds)
