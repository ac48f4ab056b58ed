"""Tasks one after the other, each going on from the files of the one before."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mpi4py import MPI

from .. import parallel
from ..console import progress
from ..files import changing
from ..records import Record, as_json
from ..workspace import STAGING, Workspace
from .pieces import Link
from .places import in_its_log, named_as_they_will_be


def chained(links: Sequence[Link], before: str = "") -> list[Link]:
    """The links with identities that hold the key of the link before; ``before``: of an earlier chain."""
    joined: list[Link] = []
    for link in links:
        after = joined[-1].identity.key if joined else before
        identity = replace(link.identity, after={**link.identity.after, "before": after}) if after else None
        joined.append(link if identity is None else replace(link, identity=identity))
    return joined


@in_its_log
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

                # as defaults: the names change with the loop, and a task may report from a callback
                def tell(units: float, so_far: float = done, label: str = link.label) -> None:
                    tick(min(1.0, (so_far + units) / total), label)

                records[number] = _forge(comm, workspace, stage, link, before, tell)
                if number >= 2:  # what the last link goes on from stays, whatever happens to the last
                    parallel.on_root(comm, partial(_drop, workspace, records[number - 2]))
                agreeing = partial(_agreeing, workspace, links, records, number)
                # MD on another number of ranks comes out differently: what had gone on from the former state
                # is not its continuation
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
    # those in between are whole, but they are the only way to the state that is missing
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
    with workspace.making(staged), named_as_they_will_be(staged, link_folder(workspace, stage, link)):
        note = link.work(staged, before, tell)

    def keep() -> Record:
        target = link_folder(workspace, stage, link)
        with changing(target):
            if target.exists():  # damaged: out of the way, but not away
                target.rename(target.with_name(f"{target.name}-damaged-{int(time.time())}"))
            target.parent.mkdir(parents=True, exist_ok=True)
            # at once: a folder under its final name has all of its files
            staged.rename(target)
        files = workspace.described(*sorted(p for p in target.rglob("*") if p.is_file()))
        passing = [str((target / link.passing).relative_to(workspace.root))] if link.passing else []
        # what it went on from is noted, because the file itself is removed as soon as it can be
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
