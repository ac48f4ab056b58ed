"""Rows of the table of benchmarks, and how a contender is timed."""

import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from mpi4py import MPI


@dataclass(frozen=True)
class Row:
    """What one contender took, in one process or on its ranks.

    Attributes:
        group: what is done, and of what size: the rows of a group stand beside each other.
        what: who does it.
        processor: seconds of the busiest rank, one for each time it was done.
        wall: seconds from start to end, likewise.
        ranks: how many.
        memory: GB of all ranks together, where a process did nothing else; else 0.
        reference: whether the others of the group are told as multiples of this row.
        note: whatever else is to be known; or, without times, why there are none.
    """

    group: str
    what: str
    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    ranks: int = 1
    memory: float = 0.0
    reference: bool = False
    note: str = ""


@dataclass(frozen=True)
class Job:
    """A process (or as many as ``ranks``) that measures some rows of a group.

    Attributes:
        arguments: what its benchmark is to be told.
        ranks: how many.
    """

    arguments: tuple[str, ...]
    ranks: int = 1


def timed(comm: MPI.Comm, work: Callable[[], object]) -> tuple[float, float]:
    """Processor time of the busiest rank and wall time of some work in s, on all ranks (collective)."""
    comm.Barrier()
    wall, processor = time.perf_counter(), time.process_time()
    work()
    busy = time.process_time() - processor
    comm.Barrier()
    return comm.allreduce(busy, op=MPI.MAX), time.perf_counter() - wall


Contender = tuple[str, Callable[[], object]]


def in_turn(
    comm: MPI.Comm, group: str, contenders: Sequence[Contender], rounds: int, per: float
) -> list[Row]:
    """Time contenders in turn, backwards in every other round, so that a drift of the machine cancels.

    Args:
        comm: the ranks on which each of them works.
        group: of the rows.
        contenders: name and work; the first is the reference.  Each is done once before, uncounted.
        rounds: how often.
        per: by how much the times are divided: steps of a run.
    """
    for _, work in contenders:
        work()
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name, _ in contenders}
    for number in range(rounds):
        for name, work in contenders if number % 2 == 0 else contenders[::-1]:
            spent[name].append(timed(comm, work))
    return [
        Row(
            group,
            name,
            [busy / per for busy, _ in times],
            [wall / per for _, wall in times],
            comm.size,
            reference=name == contenders[0][0],
        )
        for name, times in spent.items()
    ]


def gigabytes(comm: MPI.Comm) -> float:
    """The largest memory of all ranks so far, together (collective)."""
    return float(comm.allreduce(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1e6)


def merged(rows: Iterable[Row]) -> list[Row]:
    """One row for each contender of each group, with the times of all its rounds, in order of appearance."""
    by_job: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        key = (row.group, row.what, row.ranks)
        before = by_job.get(key)
        # a round that failed leaves those that did not
        if before is None or (not before.processor and row.processor):
            by_job[key] = row
        elif row.processor:
            by_job[key] = Row(
                row.group,
                row.what,
                before.processor + row.processor,
                before.wall + row.wall,
                row.ranks,
                max(before.memory, row.memory),
                before.reference,
                row.note,
            )
    return list(by_job.values())


def table(rows: Sequence[Row]) -> str:
    """Markdown: medians, spreads, and multiples of the reference of each group, run by run.

    On as many ranks as the reference by processor time, which other programs disturb least; on more by
    wall time, for that is what ranks are for.
    """
    lines = [
        "| what | by | ranks | processor (s) | wall (s) | times the reference | memory (GB) | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    references = {row.group: row for row in reversed(rows) if row.reference and row.processor}
    for row in rows:
        if not row.processor:
            lines.append(f"| {row.group} | {row.what} | {row.ranks} | – | – | – | – | {row.note} |")
            continue
        ratio, base = "–", references.get(row.group)
        if base is row:
            ratio = "1"
        elif base is not None:
            kind = "processor" if row.ranks == base.ranks else "wall"
            pairs = [a / b for a, b in zip(getattr(row, kind), getattr(base, kind), strict=False) if b > 0.0]
            ratio = f"{_middle(pairs)} ({kind})" if pairs else "–"
        memory = f"{row.memory:.2f}" if row.memory else "–"
        lines.append(
            f"| {row.group} | {row.what} | {row.ranks} | {_middle(row.processor)} | {_middle(row.wall)} | "
            f"{ratio} | {memory} | {row.note} |"
        )
    return "\n".join(lines) + "\n"


def _middle(values: Sequence[float]) -> str:
    """The median, and between what eight in ten lie."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    if len(values) < 2:
        return f"{middle:.3g}"
    return f"{middle:.3g} [{low:.3g} … {high:.3g}]"
