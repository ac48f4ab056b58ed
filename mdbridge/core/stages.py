"""Independent pieces of work, shared over ranks, each kept in a file of its own.

What was done before an interruption is not done again, and the result of a task
does not depend on who else was there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi4py import MPI

from . import parallel
from .console import Tick
from .errors import FileError
from .files import read_json, write_json

Result = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes:
        cost: roughly, in any unit; the most expensive are given out first.
        key: hash of all that the result depends on.
        work: gives a JSON-able dictionary.  It must not communicate.
    """

    cost: float
    key: str
    work: Callable[[], Result]


def run_tasks(comm: MPI.Comm, tasks: Mapping[str, Task], folder: Path, tick: Tick) -> dict[str, Result]:
    """Do all tasks that have no file ``folder/name.json`` with their key yet (collective).

    Returns:
        All results, by name, on all ranks.

    Raises:
        MdbridgeError: a task failed; what other ranks have finished is kept.
    """

    def unfinished() -> list[str]:
        return [name for name, task in tasks.items() if _stored(folder, name, task.key) is None]

    left = parallel.on_root(comm, unfinished)
    mine = parallel.share([tasks[name].cost for name in left], comm.size)[comm.rank]
    total = sum(tasks[left[job]].cost for job in mine)

    def work() -> None:
        done = 0.0
        for name in (left[job] for job in mine):
            result = tasks[name].work()
            write_json(folder / f"{name}.json", result | {"key": tasks[name].key})
            done += tasks[name].cost
            tick(done / total, name)

    _, error = parallel.attempt(work)
    parallel.agree(comm, error)

    def collect() -> dict[str, Result]:
        return {name: read_json(folder / f"{name}.json") for name in tasks}

    return parallel.on_root(comm, collect)


def _stored(folder: Path, name: str, key: str) -> Result | None:
    try:
        data = read_json(folder / f"{name}.json")
    except FileError:  # not there, or damaged: made again
        return None
    return data if data.get("key") == key else None
