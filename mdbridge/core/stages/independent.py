"""Independent tasks, given out to groups of ranks as they become free."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpi4py import MPI

from .. import arrays, parallel
from ..console import Tick, progress
from ..errors import FileError
from ..files import changing
from ..records import Record, as_json
from ..workspace import STAGING, Workspace
from .pieces import Context, Stage, Task
from .places import in_its_log


@in_its_log
def share(
    comm: MPI.Comm,
    workspace: Workspace,
    stage: Stage[Context],
    title: str,
    setup: Callable[[MPI.Comm], AbstractContextManager[Context]],
    ranks_per_task: int = 1,
) -> None:
    """Do all tasks that are not done yet (collective).

    Groups of ranks take the next task as they become free, the most expensive first.

    Args:
        comm: all ranks.
        workspace: where results are kept.
        stage: the tasks.
        title: what a person sees.
        setup: makes what the tasks of one group of ranks share, from the group's communicator.
        ranks_per_task: size of a group.

    Raises:
        MdbridgeError: a task failed; what other groups have finished is kept.
    """

    def unfinished() -> list[str]:
        done = workspace.record
        return [t.name for t in stage.tasks if done(stage.name, t.name, t.identity.key) is None]

    # one rank looks: all must go through the same list, whatever a network file system shows them
    left = set(parallel.on_root(comm, unfinished))
    if not left:
        return
    # the longest first: begun last, it alone would keep one group at work and the others idle
    tasks = sorted((t for t in stage.tasks if t.name in left), key=lambda t: -t.cost)
    group = parallel.split_groups(comm, ranks_per_task)
    # files, not messages: a group at work in LAMMPS or PETSc would answer none until its task ends
    queue = _Queue(comm, group, workspace.root / f"{STAGING}queue-{stage.name}")
    with progress(comm, title) as tick:
        tell = _Done(workspace, stage.name, tasks, tick if comm.rank == 0 else None)

        def work() -> None:
            try:
                with setup(group) as context:
                    for task in tasks:
                        if queue.take(task.name):
                            _do(group, workspace, stage, task, context, tell)
            # Ctrl-C too
            except BaseException:
                queue.stop()
                raise

        _, error = parallel.attempt(work)
        # here the groups meet again: a failure in one of them is one of all ranks
        parallel.agree(comm, error)
    queue.close()
    # MPI libraries have only so many communicators (MPICH some 2,000), and a campaign many stages
    group.Free()


def results(comm: MPI.Comm, workspace: Workspace, stage: Stage[Any]) -> dict[str, dict[str, Any]]:
    """The JSON results of all tasks of a stage, on all ranks (collective).

    Raises:
        FileError: a task is not done.
    """
    return parallel.on_root(comm, lambda: {t.name: result(workspace, stage, t) for t in stage.tasks})


def result(workspace: Workspace, stage: Stage[Any], task: Task[Any]) -> dict[str, Any]:
    """The result of one task: a dictionary, or arrays by name.

    Raises:
        FileError: it is not done.
    """
    kept = workspace.record(stage.name, task.name, task.identity.key)
    if kept is None:
        raise FileError(
            f"{workspace.root / stage.name}: {task.name} is missing or damaged; run the same command again"
        )
    if stage.keep == "json":
        return dict(kept.result)
    return arrays.load(workspace.root / _array_file(stage, task))


def seconds(workspace: Workspace, stage: Stage[Any]) -> float:
    """What all finished tasks of a stage took, added up (s)."""
    records = (workspace.record(stage.name, t.name, t.identity.key) for t in stage.tasks)
    return sum(kept.seconds for kept in records if kept is not None)


def _do(
    group: MPI.Comm,
    workspace: Workspace,
    stage: Stage[Context],
    task: Task[Context],
    context: Context,
    tell: "_Done",
) -> None:
    start = time.monotonic()
    outcome = task.work(context, lambda fraction: tell(fraction, task))

    def keep() -> None:
        record = Record(stage.name, task.name, task.identity, seconds=time.monotonic() - start)
        if stage.keep == "json":
            record = replace(record, result=as_json(outcome))
        else:
            path = workspace.root / _array_file(stage, task)
            arrays.save(path, outcome)
            record = replace(record, files=workspace.described(path))
        # the record last: it is what says that the arrays are whole
        workspace.keep(record)

    parallel.on_root(group, keep)
    tell(1.0, task)


def _array_file(stage: Stage[Any], task: Task[Any]) -> Path:
    return Path(stage.name, f"{task.name}-{task.identity.key}.npz")


class _Done:
    """Progress of a stage: what all groups have finished, and how far this one's task is."""

    def __init__(self, workspace: Workspace, stage: str, tasks: Sequence[Task[Any]], tick: Tick | None):
        # the others' records are looked for: what they have finished is known without a message
        self._paths = {t.name: workspace.root / Record(stage, t.name, t.identity).path for t in tasks}
        self._costs = {t.name: t.cost for t in tasks}
        self._total = sum(self._costs.values()) or 1.0
        self._tick = tick

    def __call__(self, fraction: float, task: Task[Any]) -> None:
        # the other ranks have nobody to show it to, and would only ask the file system for it
        if self._tick is None:
            return
        finished = sum(self._costs[name] for name, path in self._paths.items() if path.exists())
        under_way = 0.0 if fraction >= 1 else fraction * task.cost
        self._tick(min(1.0, (finished + under_way) / self._total), task.label or task.name)


class _Queue:
    """A task is taken by making a file that must not be there yet: first come, first served."""

    def __init__(self, comm: MPI.Comm, group: MPI.Comm, folder: Path):
        self._group, self._folder, self._comm = group, folder, comm

        def fresh() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            with changing(folder):
                folder.mkdir(parents=True)

        parallel.on_root(comm, fresh)

    def take(self, name: str) -> bool:
        """Whether this group is the first to take a task, and none has failed (collective in the group)."""
        # the file can be made once only, so one rank makes it, and all of the group hear of it
        return parallel.on_root(self._group, lambda: self._claim(name))

    def _claim(self, name: str) -> bool:
        with changing(self._folder):
            try:
                if (self._folder / "stop").exists():
                    return False
                # O_EXCL: to look first and make it then would let two groups do both
                os.close(os.open(self._folder / f"task-{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                return False
        return True

    def stop(self) -> None:
        """Have the other groups end after their present tasks: one has failed."""
        with contextlib.suppress(OSError):
            (self._folder / "stop").touch()

    def close(self) -> None:
        """Remove the queue (collective)."""
        # a group that still looks for a task would take a missing folder for a failure
        self._comm.Barrier()
        if self._comm.rank == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
