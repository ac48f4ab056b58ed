"""What is in a folder of results: done, to do, made from another input; and what no input needs any more."""

import importlib
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI
from rich.table import Table
from rich.text import Text

from ..core import parallel
from ..core.console import console
from ..core.demand import size as spelt
from ..core.errors import InputError
from ..core.identity import Identity
from ..core.locks import in_use
from ..core.records import Record
from ..core.stages import Links, Piece, Product, Stage, pieces_of_work
from ..core.workspace import (
    INPUT,
    MANIFEST,
    STAGING,
    SUPERSEDED,
    Workspace,
    claim_again,
    read_manifest,
)
from . import MODULES

_MOST = 3
"""Tasks of a stage that are named one by one."""


@dataclass(frozen=True)
class State:
    """Of one stage.

    Attributes:
        name: of the stage.
        done, total: its tasks.
        words: what else is to be said, for people.
        begun: whether a record of its own says that a part is done.
    """

    name: str
    done: int
    total: int
    words: str
    begun: bool = False


def status(comm: MPI.Comm, root: Path) -> None:
    """Print the state of every stage of the folder's last input (rank 0 alone does the work)."""

    def work() -> None:
        workspace, source, plan = _planned(root)
        out = console(comm)
        out.print(f"{root}: campaign '{workspace.campaign}', input {source}", soft_wrap=True)
        table = Table(box=None)
        for heading in ("stage", "state", ""):
            table.add_column(heading, overflow="fold")
        for piece in plan:
            state = _state(workspace, piece)
            what = " segments" if isinstance(piece, Links) else ""
            count = "done" if state.done == state.total else f"{state.done} of {state.total}{what} done"
            count = ("begun" if state.begun else "to do") if not state.done else count
            table.add_row(state.name, count, Text(state.words))
        for name, files in _beyond(workspace, plan):
            table.add_row(name, "done", Text(files))
        out.print(table)
        # asked last: what was told may be growing
        if in_use(root):
            out.print("a process is working in the folder now")
        # what an interrupted piece of this very input has left is no other's
        keys = {identity.key for piece in plan for _, identity in pieces_of_work(piece)}
        others = [path for path in _unused_paths(workspace, plan) if path.name.rpartition("-")[2] not in keys]
        size = _size(others)
        if size:
            out.print(
                f"{spelt(size)} belong to other inputs, shown and removed by: {_command(root)}",
                soft_wrap=True,
            )

    parallel.on_root(comm, work)


def clean(comm: MPI.Comm, root: Path, sure: bool) -> None:
    """Show what the folder's last input does not use, and remove it if ``sure``.

    Raises:
        FileError: a process works in the folder.
    """

    def work() -> None:
        workspace, source, plan = _planned(root)
        out = console(comm)
        # before the list is made: a running campaign would be adding to it
        with claim_again(workspace):
            paths = sorted(_unused_paths(workspace, plan))
            if not paths:
                out.print(f"{root}: the input {source} uses all of it; nothing to remove", soft_wrap=True)
                return
            for path in paths:
                out.print(f"  {path.relative_to(root)}  {spelt(_size([path]))}", soft_wrap=True, markup=False)
            if not sure:
                out.print(
                    f"{spelt(_size(paths))} that the input {source} does not use; to remove them: "
                    f"{_command(root, '--yes')}",
                    soft_wrap=True,
                )
                return
            total = _size(paths)
            for path in paths:
                _remove(path)
            out.print(f"removed {spelt(total)}")

    parallel.on_root(comm, work)


def _command(root: Path, *options: str) -> str:
    """The command that cleans, to be copied into a shell."""
    return shlex.join(["mdbridge", "clean", str(root), *options])


def _planned(root: Path) -> tuple[Workspace, Path, list[Piece]]:
    """The folder, its last input, and what a run of that would do."""
    manifest = read_manifest(root)
    campaign, source = manifest["campaign"], Path(manifest["source"])
    if campaign not in MODULES:
        raise InputError(f"{root / MANIFEST}: the campaign {campaign!r} is none that this version knows")
    # the input decides what is used: without it nothing may be removed
    if not source.exists():
        raise InputError(
            f"{root}: its input {source} is not there any more; a copy as it was used is "
            f"{root / INPUT}: put it back, and ask again"
        )
    workspace = Workspace(root, campaign)
    # here: only the campaign at hand brings in what it needs
    module = importlib.import_module(f"mdbridge.campaigns.{MODULES[campaign]}")
    return workspace, source, module.plan_of(source, manifest["overrides"], workspace)


def _state(workspace: Workspace, piece: Piece) -> State:
    name = piece.name
    tasks = list(pieces_of_work(piece))
    missing = [
        (task, identity) for task, identity in tasks if workspace.record(name, task, identity.key) is None
    ]
    begun = piece.begun() if isinstance(piece, Product) and missing else ""
    words = [begun] if begun else []
    for task, identity in missing[:_MOST]:
        # nothing to say of a task that was never begun
        reason = _reason(workspace, piece, task, identity)
        if reason:
            words.append(reason if len(tasks) == 1 else f"{task}: {reason}")
    if len(missing) > _MOST and words:
        words.append(f"and {len(missing) - _MOST} more")
    return State(name, len(tasks) - len(missing), len(tasks), "; ".join(words), bool(begun))


def _beyond(workspace: Workspace, plan: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    """What stands at the top that a run of the input does not make: a problem, a sweep; and its files."""
    planned = {piece.name for piece in plan}
    for record in workspace.records():
        # products have their stage's name; results that gave way to others are not at the top
        if record.stage == record.task and record.stage not in planned and not workspace.damage(record):
            yield record.stage, ", ".join(list(record.files)[:_MOST])


def _reason(workspace: Workspace, piece: Piece, task: str, identity: Identity) -> str:
    """Why a task that is not done is not, where something of it is there."""
    others = [record for record in workspace.records() if (record.stage, record.task) == (piece.name, task)]
    # a record under this very key, and yet not done
    same = next((record for record in others if record.key == identity.key), None)
    if same is not None:
        damaged = workspace.damage(same)
        aside = workspace.root / SUPERSEDED / f"{piece.name}-{same.key}"
        if isinstance(piece, Product) and aside.is_dir():
            return "done for this input, and set aside for another's; comes back with the next run"
        return f"damaged or removed: {', '.join(damaged[:_MOST])}"
    if not others:
        return ""
    # the newest says what a person remembers
    latest = max(others, key=lambda record: (workspace.root / record.path).stat().st_mtime)
    return f"made from another input: {'; '.join(latest.identity.differences(identity))}"


def _unused_paths(workspace: Workspace, plan: Sequence[Piece]) -> Iterator[Path]:
    """Files and folders of records that no piece of the plan has, and what is left of killed processes."""
    used = {(piece.name, task, identity.key) for piece in plan for task, identity in pieces_of_work(piece)}
    planned = {(stage, task) for stage, task, _ in used}
    whole = {piece.name for piece in plan if not isinstance(piece, Stage) or piece.whole}
    root = workspace.root
    for record in workspace.records():
        # what the plan does not name at all (a sweep, or what waits for its choice) is not for it to judge
        judged = record.stage in whole or (record.stage, record.task) in planned
        if not judged or (record.stage, record.task, record.key) in used:
            continue
        yield root / record.path
        yield from _own_files(root, record)
    yield from (path for path in root.glob(f"{SUPERSEDED}/*") if not _wanted(path, used))
    yield from root.glob(f"{STAGING}*")
    for piece in plan:
        if isinstance(piece, Links):  # what was damaged and has been made again
            yield from root.glob(f"{piece.name}/*-damaged-*")


def _wanted(path: Path, used: set[tuple[str, str, str]]) -> bool:
    """Whether what is set aside belongs to the input: it comes back with the next run."""
    return any(path.name == f"{stage}-{key}" for stage, _, key in used)


def _own_files(root: Path, record: Record) -> Iterator[Path]:
    """What lies under the record's own key; what stands at the top belongs to whoever wrote it last."""
    for name in record.files:
        if record.is_keyed(name) and (root / name).exists():
            yield root / name


def _size(paths: Iterable[Path]) -> int:
    files = (f for p in paths for f in ([p] if p.is_file() else p.rglob("*")))
    return sum(f.stat().st_size for f in files if f.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        return
    path.unlink(missing_ok=True)
    # an empty folder of a stage would look like a stage
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
