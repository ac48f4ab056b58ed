"""The folder of a campaign's results (``--out``): whose it is, what is in it, what each was made from.

``mdbridge.json`` says what kind of campaign the folder belongs to; ``records/`` has one
small file for each finished piece of work, with its key, everything that it read and the
checksums of its files.  Results of single tasks lie under their key, so that another
input never meets them; what stands at the top of the folder (``dataset.h5``,
``model.json``, figures) is what the newest input led to, and gives way to ``superseded/``
when another input is run.  Nothing that is finished is deleted, and nothing that we did
not write is replaced.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpi4py import MPI

from .. import __version__
from . import parallel, records
from .console import logged
from .errors import FileError, InputError
from .files import changing, read_json, write_json, write_text
from .identity import contents
from .locks import lock
from .records import Record as Record

MANIFEST = "mdbridge.json"
INPUT = "input.toml"
_AS_USED = "# The input as it was used last"
FORMAT, FORMAT_VERSION = "mdbridge-workspace", 1
_SAID: dict[str, type] = {"version": int, "campaign": str, "source": str, "overrides": list}
"""What the manifest says of a folder, beside its format."""
STAGING = ".making-"
SUPERSEDED = "superseded"
# what release 0.1 left at the top of a folder, which had no manifest
_FORMER = ("dataset.h5", "model.json", "solutions.h5", "glass.h5", "run.h5", "trials.jsonl", "study.json")


class Workspace:
    """Records and results in one folder; all methods work on files alone and belong to one rank at a time."""

    def __init__(self, root: Path, campaign: str):
        self.root, self.campaign = Path(root), campaign

    # --- records ------------------------------------------------------------------

    def record(self, stage: str, task: str, key: str) -> Record | None:
        """The record of a finished task whose files are all there and as they were written; else None."""
        kept = records.read(self.root / "records" / stage / f"{task}-{key}.json")
        return kept if kept is not None and not self.damage(kept) else None

    def records(self) -> Iterator[Record]:
        """All records that can be read, the damaged results' too."""
        for path in sorted((self.root / "records").glob("*/*.json")):
            kept = records.read(path)
            if kept is not None:
                yield kept

    def damage(self, record: Record) -> list[str]:
        """The files of a record that are missing or are not what was written."""
        return [name for name in record.files if name not in record.passing and not self.intact(record, name)]

    def intact(self, record: Record, name: str) -> bool:
        """Whether a file of a record is there with the bytes that were written."""
        path, written = self.root / name, record.files[name]
        # a size is compared first: it costs nothing and tells most damage
        return (
            path.is_file() and path.stat().st_size == written["bytes"] and contents(path) == written["sha256"]
        )

    def keep(self, record: Record) -> None:
        """Write a record: from here on the work counts as done."""
        records.write(self.root, record)

    def described(self, *paths: Path) -> dict[str, dict[str, Any]]:
        """Size and SHA-256 of files in the folder, as a record lists them."""
        return _described(self.root, [str(path.relative_to(self.root)) for path in paths])

    # --- what stands at the top ------------------------------------------------------

    def owner(self, name: str) -> Record | None:
        """The record that ``name`` at the top of the folder belongs to, where it is as it was written."""
        owners = [kept for kept in self.records() if name in kept.files]
        return next((kept for kept in owners if self.intact(kept, name)), None)

    def refuse_foreign(self, names: Sequence[str]) -> None:
        """Refuse to work towards a file that somebody else's stands in the way of.

        Raises:
            InputError: a file of that name is there, and no record of ours has it.
        """
        ours = {name for kept in self.records() for name in kept.files}
        damaged = [p for p in sorted((self.root / "records").glob("*/*.json")) if records.read(p) is None]
        # what a damaged record still says will do: what gives way is set aside, not deleted
        ours |= {name for path in damaged for name in records.names_in(path)}
        for name in names:
            if (self.root / name).exists() and name not in ours:
                lost = f", or its record was {damaged[0]}, which is damaged" if damaged else ""
                raise InputError(
                    f"{self.root / name}: is there already, and mdbridge did not write it{lost}; "
                    "move it away, or choose another --out"
                )

    def staging(self, stage: str, key: str) -> Path:
        """An empty folder for the files of a result in the making."""
        folder = self.root / f"{STAGING}{stage}-{key}"
        with changing(folder):
            if folder.exists():  # of a process that was killed
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        return folder

    @contextlib.contextmanager
    def making(self, staged: Path) -> Iterator[None]:
        """Work that fills a folder of :meth:`staging`; where it fails before there is a file, that goes."""
        try:
            yield
        except BaseException:
            # anything in it may tell why; the next start removes it
            with contextlib.suppress(OSError):
                staged.rmdir()
            raise

    def publish(self, record: Record, staged: Path) -> Record:
        """Move staged files to the top of the folder, others of the same stage aside, and keep the record.

        Raises:
            InputError: a file of somebody else's is in the way; nothing is moved.
        """
        names = sorted(str(p.relative_to(staged)) for p in staged.rglob("*") if p.is_file())
        # again: since the work began, hours may have passed
        self.refuse_foreign(names)
        self._set_aside(record, names)
        published = replace(record, files=_described(staged, names), passing=())
        # the record first: a process killed between two moves leaves files that are known as ours
        # and are not all there, so that the work counts as not done and is done again
        self.keep(published)
        for name in names:
            _move(staged / name, self.root / name)
        shutil.rmtree(staged)
        return published

    def restore(self, stage: str, task: str, key: str) -> Record | None:
        """Bring back to the top what an earlier input had made and another one had pushed aside."""
        kept = records.read(self.root / "records" / stage / f"{task}-{key}.json")
        aside = self.root / SUPERSEDED / f"{stage}-{key}"
        if kept is None or not aside.is_dir():
            return None
        there = {name: aside / name for name in kept.files}
        if not all(
            path.is_file() and contents(path) == kept.files[name]["sha256"] for name, path in there.items()
        ):
            return None
        self._set_aside(kept, list(kept.files))
        for name, path in there.items():
            _move(path, self.root / name)
        shutil.rmtree(aside)
        return kept

    def retire(self, stage: str, key: str) -> None:
        """Move to ``superseded/`` what inputs of another key left of a stage, and what was made from it."""
        known = list(self.records())
        self._retire([kept for kept in known if kept.stage == stage and kept.key != key], known, key)

    def _set_aside(self, coming: Record, names: Sequence[str]) -> None:
        """Move to ``superseded/`` what another input left of this stage, and what stands under ``names``."""
        known = list(self.records())
        others = [
            kept
            for kept in known
            if kept.key != coming.key and (kept.stage == coming.stage or set(names) & set(kept.files))
        ]
        self._retire(others, known, coming.key)
        # ours once, but changed since by somebody: kept as well
        same = records.read(self.root / coming.path)
        changed = [
            name
            for name in names
            if (self.root / name).exists()
            and not (same is not None and name in same.files and self.intact(same, name))
        ]
        if changed:
            self._move_aside(coming, changed, suffix=f"-changed-{int(time.time())}")

    def _retire(self, former: Sequence[Record], known: Sequence[Record], staying: str) -> None:
        """Set aside ``former`` and all that was made after them: solutions of another model than is there."""
        leaving, keys = list(former), {kept.key for kept in former}
        for kept in leaving:
            at_top = [name for name in kept.files if not kept.is_keyed(name)]
            self._move_aside(kept, [name for name in at_top if self.intact(kept, name)])
            # the list grows while it is gone through: what was made after one that leaves, leaves too
            later = [r for r in known if kept.key in r.identity.after.values() and r.key not in keys]
            leaving += [r for r in later if r.key != staying]
            keys |= {r.key for r in later}

    def _move_aside(self, record: Record, names: Sequence[str], suffix: str = "") -> None:
        for name in names:
            _move(self.root / name, self.root / SUPERSEDED / f"{record.stage}-{record.key}{suffix}" / name)

    # --- whose folder ---------------------------------------------------------------

    def check(self) -> None:
        """Refuse a folder of another campaign, of another release, or of nobody that we know.

        Raises:
            InputError: names what is there and what to do.
        """
        path, copy = self.root / MANIFEST, self.root / INPUT
        if copy.exists() and not _begins_with(copy, _AS_USED):
            raise InputError(
                f"{copy}: is there already, and mdbridge did not write it: a copy of the input as it is used "
                "would take its place; move it away, or choose another --out"
            )
        if path.exists():
            manifest = read_manifest(self.root)
            if manifest["campaign"] != self.campaign:
                raise InputError(
                    f"{self.root}: holds results of a campaign '{manifest['campaign']}', as its {MANIFEST} "
                    f"says, this is a campaign '{self.campaign}'; choose another --out"
                )
            return
        former = [name for name in _FORMER if (self.root / name).exists()]
        # with records it is ours: its manifest was damaged, say, and has been moved away as we advised
        if former and next(self.records(), None) is None:
            raise InputError(
                f"{self.root}: has {former[0]}, but no {MANIFEST}: results of mdbridge 0.1, which this "
                "version does not read, or files of your own; nothing there is touched: choose another "
                "--out (or finish that run with mdbridge 0.1)"
            )

    def sign(self, source: Path, overrides: Sequence[str], text: str) -> None:
        """Write the manifest and a copy of the input as it is used."""
        write_json(
            self.root / MANIFEST,
            {
                "format": FORMAT,
                "version": FORMAT_VERSION,
                "campaign": self.campaign,
                "source": str(Path(source).resolve()),
                "overrides": list(overrides),
                "mdbridge": __version__,
            },
        )
        write_text(
            self.root / INPUT,
            f"{_AS_USED}; paths are relative to {Path(source).resolve().parent}\n{text}",
        )


def _move(source: Path, target: Path) -> None:
    with changing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


def _described(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    paths = {name: folder / name for name in names}
    return {name: {"bytes": path.stat().st_size, "sha256": contents(path)} for name, path in paths.items()}


def _begins_with(path: Path, text: str) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(text)) == text.encode()


def read_manifest(root: Path) -> dict[str, Any]:
    """What a folder says of itself.

    Raises:
        InputError: it is no folder of results, or one of a newer release.
        FileError: the file that says so is damaged.
    """
    path = Path(root) / MANIFEST
    if not path.exists():
        raise InputError(f"{root}: is no folder of mdbridge's results: it has no {MANIFEST}")
    manifest = read_json(path)
    if manifest.get("format") != FORMAT:
        raise InputError(f"{path}: has the format {manifest.get('format')!r}, expected {FORMAT!r}")
    for name, kind in _SAID.items():
        if type(manifest.get(name)) is not kind:
            raise FileError(
                f"{path}: is damaged: its '{name}' is no {kind.__name__}; move it away to have it made again"
            )
    if manifest["version"] > FORMAT_VERSION:
        raise InputError(
            f"{root}: a folder of version {manifest['version']}, written by mdbridge "
            f"{manifest.get('mdbridge')}; this is mdbridge {__version__}, which reads up to version "
            f"{FORMAT_VERSION}: use the newer mdbridge, or choose another --out"
        )
    return manifest


@contextlib.contextmanager
def claim(
    comm: MPI.Comm, root: Path, campaign: str, source: Path, overrides: Sequence[str] = (), text: str = ""
) -> Iterator[Workspace]:
    """Own a folder while a command works in it (collective).

    Args:
        comm: the ranks that work together.
        root: the folder; made if absent.
        campaign: the kind of campaign.
        source: the input's file.
        overrides: of the command line.
        text: the input as it is used, in TOML.

    Raises:
        InputError: another kind of campaign's folder, or of an older or newer release.
        FileError: another process works in it, or it cannot be written; on all ranks, before any work.
    """
    workspace = Workspace(Path(root), campaign)

    def enter() -> int:
        # the lock before a look: of two that start at once, both would find the folder free
        handle = lock(workspace.root)
        try:
            workspace.check()
            for remnant in workspace.root.glob(f"{STAGING}*"):  # half-made, by a process that was killed
                shutil.rmtree(remnant, ignore_errors=True)
            workspace.sign(source, overrides, text)
        except BaseException:
            os.close(handle)
            raise
        return handle

    handle, error = parallel.attempt(enter) if comm.rank == 0 else (None, None)
    parallel.agree(comm, error)
    about = told(comm, Path(source), overrides)
    try:
        with logged(workspace.root, about) if comm.rank == 0 else contextlib.nullcontext():
            yield workspace
    finally:
        if handle is not None:
            os.close(handle)


def told(comm: MPI.Comm, source: Path, overrides: Sequence[str] = ()) -> str:
    """What the log says first of a command: version, ranks, and the file that it works on."""
    ranks = f"{comm.size} rank{'s' if comm.size > 1 else ''}"
    return f"mdbridge {__version__}, {ranks}: {source.resolve()} {' '.join(overrides)}".rstrip()


@contextlib.contextmanager
def claim_again(workspace: Workspace, about: str = "") -> Iterator[None]:
    """Own a folder that is there, on one rank, without saying that another input is used in it.

    Args:
        workspace: the folder.
        about: what is done, for its log; without it nothing is noted there.

    Raises:
        FileError: another process works in it, or it cannot be written.
    """
    handle = lock(workspace.root)
    try:
        with logged(workspace.root, about) if about else contextlib.nullcontext():
            yield
    finally:
        os.close(handle)
