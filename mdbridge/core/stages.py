"""The engine of all campaigns: is it done? share it over ranks, run it, record it, go on where it was left.

A campaign lists pieces of work, each with the :class:`~.identity.Identity` that says what
it reads; everything else happens here.  There are three shapes of work:

- :func:`share`: independent tasks, given out to groups of ranks as they become free;
- :func:`chain`: tasks one after the other, each going on from the files of the one before;
- :func:`make`: what stands at the top of the folder (``dataset.h5``, ``model.json``, figures).

A task counts as done when its record is there, under its key, and its files are as they
were written.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from mpi4py import MPI
from numpy.typing import NDArray

from . import arrays, parallel
from .console import Tick, console, progress
from .errors import FileError, MdbridgeError
from .identity import Identity
from .workspace import STAGING, Record, Workspace, as_json

Context = TypeVar("Context")
Arrays = dict[str, NDArray[Any]]


class Progress(Protocol):
    """Report that ``fraction`` (of 1) of the task at hand is done."""

    def __call__(self, fraction: float) -> None: ...


@dataclass(frozen=True)
class Task(Generic[Context]):
    """An independent piece of work.

    Attributes:
        name: of its files; unique in its stage.
        identity: what it reads.
        work: gives a JSON-able dictionary, or arrays by name; it gets what the stage's
            ``setup`` made for the group of ranks, over which alone it may communicate.
        cost: roughly, in any unit; the most expensive are given out first.
    """

    name: str
    identity: Identity
    work: Callable[[Context, Progress], Mapping[str, Any]]
    cost: float = 1.0


@dataclass(frozen=True)
class Stage(Generic[Context]):
    """Independent tasks of one kind.

    Attributes:
        name: of their folder.
        tasks: in any order.
        keep: whether their results are small JSON-able dictionaries or arrays.
    """

    name: str
    tasks: Sequence[Task[Context]]
    keep: Literal["json", "arrays"] = "json"


@dataclass(frozen=True)
class Link:
    """A task of a chain.

    Attributes:
        name: of its folder; unique in its chain.
        identity: what it reads; the link before is added by the chain.
        work: fills a folder (collective), given the folder of the link before or None, and
            tells how many units of its cost are done; gives a small JSON-able note.
        cost: in the unit in which it reports.
        label: what a person sees while it runs.
        passing: name of the file that only the next link needs.
    """

    name: str
    identity: Identity
    work: Callable[[Path, Path | None, Callable[[float], None]], Mapping[str, Any]]
    cost: float
    label: str
    passing: str = ""


@dataclass(frozen=True)
class Links:
    """A chain as a piece of a plan.

    Attributes:
        name: of its folder.
        links: from :func:`chained`.
    """

    name: str
    links: Sequence[Link]


@dataclass(frozen=True)
class Product:
    """What stands at the top of the folder.

    Attributes:
        name: of the stage, as people see it.
        identity: what it was made from.
        files: names that it promises; further ones (figures) may be beside them.
        work: writes them into a folder (collective).
    """

    name: str
    identity: Identity
    files: tuple[str, ...]
    work: Callable[[Path], None]


Piece = Stage[Any] | Links | Product
"""What a campaign's plan consists of."""


def pieces_of_work(piece: Piece) -> Iterator[tuple[str, Identity]]:
    """Name and identity of each task of a piece."""
    if isinstance(piece, Product):
        yield piece.name, piece.identity
    else:
        for task in piece.tasks if isinstance(piece, Stage) else piece.links:
            yield task.name, task.identity


# --- independent tasks -----------------------------------------------------------------


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

    left = set(parallel.on_root(comm, unfinished))
    if not left:
        return
    tasks = sorted((t for t in stage.tasks if t.name in left), key=lambda t: -t.cost)
    group, _, _ = parallel.split_groups(comm, ranks_per_task)
    queue = _Queue(comm, group, workspace.root / f"{STAGING}queue-{stage.name}")
    with progress(comm, title) as tick:
        tell = _Done(workspace, stage.name, tasks, tick)

        def work() -> None:
            try:
                with setup(group) as context:
                    for task in tasks:
                        if queue.take(task.name):
                            _do(group, workspace, stage, task, context, tell)
            except BaseException:
                queue.stop()
                raise

        _, error = parallel.attempt(work)
        parallel.agree(comm, error)
    queue.close()
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
        workspace.keep(record)

    parallel.on_root(group, keep)
    tell(1.0, task)


def _array_file(stage: Stage[Any], task: Task[Any]) -> Path:
    return Path(stage.name, f"{task.name}-{task.identity.key}.npz")


class _Done:
    """Progress of a stage: what all groups have finished, and how far this one's task is."""

    def __init__(self, workspace: Workspace, stage: str, tasks: Sequence[Task[Any]], tick: Tick):
        self._paths = {t.name: workspace.root / Record(stage, t.name, t.identity).path for t in tasks}
        self._costs = {t.name: t.cost for t in tasks}
        self._total = sum(self._costs.values()) or 1.0
        self._tick = tick

    def __call__(self, fraction: float, task: Task[Any]) -> None:
        finished = sum(self._costs[name] for name, path in self._paths.items() if path.exists())
        under_way = 0.0 if fraction >= 1 else fraction * task.cost
        self._tick(min(1.0, (finished + under_way) / self._total), task.name)


class _Queue:
    """A task is taken by making a file that must not be there yet: first come, first served."""

    def __init__(self, comm: MPI.Comm, group: MPI.Comm, folder: Path):
        self._group, self._folder, self._comm = group, folder, comm

        def fresh() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

        parallel.on_root(comm, fresh)

    def take(self, name: str) -> bool:
        """Whether this group is the first to take a task, and none has failed (collective in the group)."""
        mine = self._group.rank == 0 and not (self._folder / "stop").exists() and self._claim(name)
        return bool(self._group.bcast(mine, root=0))

    def _claim(self, name: str) -> bool:
        try:
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
        self._comm.Barrier()
        if self._comm.rank == 0:
            shutil.rmtree(self._folder, ignore_errors=True)


# --- one after the other ---------------------------------------------------------------


def chained(links: Sequence[Link], before: str = "") -> list[Link]:
    """The links with identities that hold the key of the link before; ``before``: of an earlier chain."""
    joined: list[Link] = []
    for link in links:
        after = joined[-1].identity.key if joined else before
        identity = replace(link.identity, after={**link.identity.after, "before": after}) if after else None
        joined.append(link if identity is None else replace(link, identity=identity))
    return joined


def chain(
    comm: MPI.Comm,
    workspace: Workspace,
    stage: str,
    links: Sequence[Link],
    title: str,
    begin: Path | None = None,
) -> list[Record]:
    """Do the links that are not done, from the last one that can be gone on from (collective).

    A link that is done but goes on from another file than is there now (because that one had
    to be made again, by another number of ranks say) is made again too.

    Args:
        comm: all ranks.
        workspace: where results are kept; each link has the folder ``stage/name-key``.
        stage: name of the chain.
        links: from :func:`chained`.
        title: what a person sees.
        begin: folder of the last link of an earlier chain.

    Returns:
        The records of all links, on all ranks.

    Raises:
        MdbridgeError: the work failed; what was finished is kept, and so is the folder of
            the link that failed, until the next start.
    """
    total = sum(link.cost for link in links) or 1.0
    records: list[Record | None] = parallel.on_root(comm, lambda: _intact(workspace, stage, links))
    done = 0.0
    with progress(comm, title) as tick:
        for number, link in enumerate(links):
            kept = records[number]
            if kept is None:
                before = link_folder(workspace, stage, links[number - 1]) if number else begin

                def tell(units: float, so_far: float = done, label: str = link.label) -> None:
                    tick(min(1.0, (so_far + units) / total), label)

                records[number] = _forge(comm, workspace, stage, link, before, tell)
                if number >= 2:  # what the last link goes on from stays, whatever happens to the last
                    parallel.on_root(comm, partial(_drop, workspace, records[number - 2]))
                agreeing = partial(_agreeing, workspace, links, records, number)
                records[number + 1 :] = parallel.on_root(comm, agreeing)
            done += link.cost
    return [record for record in records if record is not None]


def link_folder(workspace: Workspace, stage: str, link: Link) -> Path:
    """Where the files of a link lie."""
    return workspace.root / stage / f"{link.name}-{link.identity.key}"


def unfinished_folder(workspace: Workspace, stage: str, link: Link) -> Path:
    """Where they are while it is at work."""
    return workspace.root / f"{STAGING}{stage}-{link.name}-{link.identity.key}"


def _intact(workspace: Workspace, stage: str, links: Sequence[Link]) -> list[Record | None]:
    """The records of finished links, without those that must be made again to make a lost one."""
    records = [workspace.record(stage, link.name, link.identity.key) for link in links]
    missing = next((n for n, kept in enumerate(records) if kept is None), None)
    if missing is None:
        return records
    start = missing
    while start and not _can_go_on_from(workspace, records[start - 1]):
        start -= 1
    return [None if start <= n <= missing else kept for n, kept in enumerate(records)]


def _can_go_on_from(workspace: Workspace, record: Record | None) -> bool:
    return record is not None and all(workspace.intact(record, name) for name in record.passing)


def _agreeing(
    workspace: Workspace, links: Sequence[Link], records: Sequence[Record | None], number: int
) -> list[Record | None]:
    """The records after ``number``, without those that had gone on from another state than is there now."""
    later = list(records[number + 1 :])
    made = records[number]
    if later and later[0] is not None and made is not None:
        state = [made.files[name]["sha256"] for name in made.passing]
        if later[0].result.get("went_on_from", state) != state:
            return [None] * len(later)
    return later


def _forge(
    comm: MPI.Comm,
    workspace: Workspace,
    stage: str,
    link: Link,
    before: Path | None,
    tell: Callable[[float], None],
) -> Record:
    start = time.monotonic()
    name = f"{stage}-{link.name}"
    staged = parallel.on_root(comm, lambda: workspace.staging(name, link.identity.key))
    with _named_as_they_will_be(staged, link_folder(workspace, stage, link)):
        note = link.work(staged, before, tell)

    def keep() -> Record:
        target = link_folder(workspace, stage, link)
        if target.exists():  # damaged: out of the way, but not away
            aside = target.with_name(f"{target.name}-damaged-{int(time.time())}")
            target.rename(aside)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(target)
        files = workspace.described(*sorted(p for p in target.rglob("*") if p.is_file()))
        passing = [str((target / link.passing).relative_to(workspace.root))] if link.passing else []
        result = as_json(note) | {"went_on_from": _state(workspace, stage, before, link.passing)}
        record = Record(stage, link.name, link.identity, files, result, passing, time.monotonic() - start)
        workspace.keep(record)
        return record

    return parallel.on_root(comm, keep)


def _state(workspace: Workspace, stage: str, before: Path | None, passing: str) -> list[str]:
    if before is None or not passing:
        return []
    path = before / passing
    described = workspace.described(path) if path.exists() else {}
    return [entry["sha256"] for entry in described.values()]


def _drop(workspace: Workspace, record: Record | None) -> None:
    for name in record.passing if record is not None else ():
        (workspace.root / name).unlink(missing_ok=True)


# --- the top of the folder --------------------------------------------------------------


def make(comm: MPI.Comm, workspace: Workspace, product: Product, again: bool = False) -> Record:
    """Make a product unless it stands there, or bring it back from ``superseded/`` (collective).

    Args:
        again: make it even if it is there.

    Raises:
        InputError: somebody else's file is in the way; before any work.
        FileError: the work did not write what it promises.
    """
    key, out = product.identity.key, console(comm)

    def known() -> tuple[Record | None, str]:
        if not again:
            kept = workspace.record(product.name, product.name, key)
            if kept is not None:
                return kept, "done before"
            kept = workspace.restore(product.name, product.name, key)
            if kept is not None:
                return kept, "done before, for this input; brought back from superseded/"
        workspace.refuse_foreign(product.files)
        return None, ""

    record, words = parallel.on_root(comm, known)
    if record is not None:
        out.print(f"[dim]{product.name}: {words}[/dim]")
        return record
    start = time.monotonic()
    staged = parallel.on_root(comm, lambda: workspace.staging(product.name, key))
    with _named_as_they_will_be(staged, workspace.root):
        product.work(staged)

    def publish() -> Record:
        missing = [name for name in product.files if not (staged / name).exists()]
        if missing:
            raise FileError(f"{product.name}: {', '.join(missing)} was not written")
        made = Record(product.name, product.name, product.identity, seconds=time.monotonic() - start)
        return workspace.publish(made, staged)

    record = parallel.on_root(comm, publish)
    out.print(f"{product.name}: {time.monotonic() - start:.1f} s")
    return record


@contextlib.contextmanager
def _named_as_they_will_be(staged: Path, final: Path) -> Iterator[None]:
    """Have errors name files by the place that people know, not that of their making."""
    try:
        yield
    except MdbridgeError as error:
        error.args = tuple(str(part).replace(str(staged), str(final)) for part in error.args)
        raise


def require(workspace: Workspace, product: Product, command: str) -> Path:
    """The first file of a product that must have been made from this very input.

    Raises:
        FileError: it is not there, or was made from another input: which key, both values.
    """
    path = workspace.root / product.files[0]
    if workspace.record(product.name, product.name, product.identity.key) is not None:
        return path
    other = workspace.owner(product.files[0])
    if other is None:
        state = "is not as it was written" if path.exists() else "no such file"
        raise FileError(f"{path}: {state}; run '{command}' first")
    words = "; ".join(other.identity.differences(product.identity)) or "by another task"
    raise FileError(
        f"{path}: made from another input ({words}); run '{command}' with this one first, "
        "or choose another --out"
    )
