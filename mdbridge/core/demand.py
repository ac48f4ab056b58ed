"""Work that is merely large: what it would take is told before it begins, and refused or asked for."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from . import memory, parallel
from .errors import InputError

LONG = 30 * 86400.0
"""Seconds of a run that a person is asked about: a slip in a number, more often than a plan."""

LARGEST = 1e99
"""Whatever is more: numbers of an input may be too large for any arithmetic."""


class _Answer:
    """What holds for the whole process: the person has said yes to what was told."""

    yes = False


_ANSWER = _Answer()


def accept(yes: bool = True) -> None:
    """Have nothing refused or asked for from now on."""
    _ANSWER.yes = yes


@dataclass(frozen=True)
class Demand:
    """What work takes at least, by the numbers of its input alone.

    Attributes:
        what: it is, as the beginning of a sentence.
        remedy: what to do about it, as its end.
        memory: bytes that one process holds at once, whatever the number of ranks.
        shared: bytes that all ranks hold together, in equal parts.
        disk: bytes of its results.
        seconds: on all ranks together.
    """

    what: str
    remedy: str
    memory: float = 0.0
    shared: float = 0.0
    disk: float = 0.0
    seconds: float = 0.0


def count(*factors: float) -> float:
    """A product of numbers of an input, of any size."""
    total = 1.0
    for factor in factors:
        # integers of thousands of digits are no floats
        total = min(total * float(min(factor, LARGEST)), LARGEST)
    return total


def require(comm: MPI.Comm, demand: Demand, out: Path | None = None) -> None:
    """Refuse what this machine has no room for, and ask about what takes more than :data:`LONG` (collective).

    Args:
        comm: the ranks that work together.
        demand: what is to be done.
        out: the folder of results; None where it is only told what there is to do, and memory alone counts.

    Raises:
        InputError: says what is needed and what there is; nothing is refused after :func:`accept`.
    """
    if _ANSWER.yes:
        return
    part = _part_on_this_machine(comm)

    def look() -> None:
        needed, there = demand.memory + part * demand.shared, memory.available()
        words = []
        if needed > there:
            words.append(f"about {size(needed)} of memory (this machine has {size(there)} to spare)")
        if out is not None:
            # what is in the folder already is part of the results, and takes no further room
            left, free = demand.disk - _held(out), _free(out)
            if left > free:
                words.append(f"about {size(left)} of disk ({size(free)} are free)")
            if demand.seconds / comm.size > LONG:
                ranks = f"{comm.size} rank{'s' if comm.size > 1 else ''}"
                words.append(f"{_days(demand.seconds / comm.size)} at least on {ranks}")
        if words:
            raise InputError(f"{demand.what} would take {', '.join(words)}: {demand.remedy}, or say --yes")

    parallel.on_root(comm, look)


def _part_on_this_machine(comm: MPI.Comm) -> float:
    """The part of the ranks that share their memory with this one (collective)."""
    if comm.size == 1:
        return 1.0
    beside = comm.Split_type(MPI.COMM_TYPE_SHARED)
    part = beside.size / comm.size
    beside.Free()
    return float(part)


def require_memory(needed: float, what: str, remedy: str) -> None:
    """Refuse work of one process that the machine has no memory for, before it begins.

    Args:
        needed: bytes, roughly.
        what: takes them, as the beginning of a sentence.
        remedy: what to do, as its end.

    Raises:
        InputError: the machine has less.
    """
    there = memory.available()
    if needed > there and not _ANSWER.yes:
        raise InputError(
            f"{what} would need about {size(needed)} of memory, and this machine has {size(there)} to spare: "
            f"{remedy}, or say --yes"
        )


def size(amount: float) -> str:
    """A number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} GB"


def _days(seconds: float) -> str:
    days = seconds / 86400.0
    return f"{days:.0f} days" if days < 730 else f"{days / 365.25:.3g} years"


def _held(out: Path) -> float:
    """Bytes in a folder; of one that is not there none."""
    return float(sum(path.stat().st_size for path in out.rglob("*") if path.is_file()))


def _free(out: Path) -> float:
    """Bytes that are free where a folder is, or will be."""
    # the first that is there on the way up: the folder itself is made later
    place = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    usage = shutil.disk_usage(place)
    # some file systems of the kernel or of a network do not say
    return float(usage.free) if usage.total else float("inf")
