"""A working folder of its own for a process: a model with fixed file names meets no other one there.

It holds what lies beside the input, so that names relative to that folder lead to the
same content.  Files are copied, so that writing to one changes this copy alone; very large
ones are linked, as are folders that are links there, and a call that has written to one of
these, or below it, is refused.
"""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from ..core.leftovers import sweep

PREFIX = "mdbridge-model-"
"""Of the names of these folders."""

COPIED_FILE, COPIED_ALL = 16 << 20, 256 << 20
"""Bytes of a file, and of all files together, up to which they are copied and not linked."""

ENTRIES = 2000
"""Files and folders that are looked at; what lies deeper in a larger tree is linked as a whole."""

WATCHED = 10_000
"""Files and folders below linked folders that are watched, those nearest to the links."""

TOLD = 5
"""Names of what has changed that are told, at most."""

_RESULTS = ("mdbridge.json", "trials.jsonl")
"""A folder with one of these holds results of ours, of which a model needs nothing."""


def filled(source: Path) -> Path:
    """A new temporary folder with the content of ``source``; the caller removes it.

    Those that killed processes have left are removed on the way.
    """
    sweep(Path(tempfile.gettempdir()), PREFIX)
    scratch = Path(tempfile.mkdtemp(prefix=PREFIX))
    copy_into(source, scratch)
    return scratch


def copy_into(source: Path, target: Path, names: Sequence[str] | None = None) -> None:
    """Fill a folder with the content of another; with ``names``, files or folders there, with these alone."""
    room = COPIED_ALL
    # breadth first: what lies near the input is what a model is likely to use
    todo, seen = [source], 0
    while todo:
        here = todo.pop(0)
        for entry in _entries(here) if names is None or here != source else map(source.joinpath, names):
            seen += 1
            place = target / entry.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # unreadable, or gone meanwhile: it is not there for the model
                if entry.is_dir() and not entry.is_symlink() and seen <= ENTRIES:
                    place.mkdir(exist_ok=True)
                    todo.append(entry)
                elif entry.is_file() and (size := entry.stat().st_size) <= min(COPIED_FILE, room):
                    shutil.copy2(entry, place)
                    room -= size
                else:
                    place.symlink_to(entry.resolve())


def vacate(scratch: Path, name: str) -> Path:
    """Make room for a file that is written to a folder of :func:`filled`: nothing that is shared is touched.

    The folders that lead to it are this one's own afterwards: one that is linked is replaced by a copy.

    Returns:
        The place of the file, where there is none.
    """
    place = scratch / name
    for parent in reversed(Path(name).parents):
        here = scratch / parent
        if here.is_symlink():
            there = here.resolve()
            here.unlink()
            here.mkdir()
            if there.is_dir():
                copy_into(there, here)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    return place


def removed(scratch: Path) -> None:
    """Remove a folder of :func:`filled`."""
    shutil.rmtree(scratch, ignore_errors=True)


class Shared:
    """The large files and the linked folders of a working folder, which are those of all processes.

    Args:
        scratch: a folder of :func:`filled`, as it was made.
    """

    def __init__(self, scratch: Path):
        entries = (Path(root, name) for root, *names in os.walk(scratch) for name in chain(*names))
        self._links = [entry for entry in entries if entry.is_symlink()]
        self._before = self._states()

    def written(self) -> list[str]:
        """Some of those that have changed since this was asked last, by the names that they really have."""
        before, self._before = self._before, self._states()
        changed = {path for path, state in self._before.items() if before.get(path) != state}
        # what is not seen any more was removed, unless a link to it was replaced by something of its own
        changed |= {path for path in before.keys() - self._before.keys() if not path.exists()}
        return sorted(map(str, changed))[:TOLD]

    def _states(self) -> dict[Path, tuple[int, int]]:
        """Time and size of all files that the links lead to, by the names that they really have."""
        todo = [link.resolve() for link in self._links if link.is_symlink()]
        seen, states = set(todo), {}
        for here in todo:  # grows: breadth first, each once, whatever leads in circles
            with contextlib.suppress(OSError):  # it leads nowhere
                status = here.stat()
                if not stat.S_ISDIR(status.st_mode):
                    states[here] = (status.st_mtime_ns, status.st_size)
                    continue
                entries = islice(_entries(here), max(WATCHED - len(todo), 0))
                below = dict.fromkeys(e.resolve() if e.is_symlink() else e for e in entries)
                todo += [entry for entry in below if entry not in seen]
                seen |= below.keys()
        return states


def _entries(folder: Path) -> Iterator[Path]:
    """What a model may need of a folder: folders first, so that thousands of files leave none of them out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (not _is_folder(entry), entry.name))
    except OSError:
        return
    for entry in entries:
        ours = _is_folder(entry) and any(Path(entry, name).exists() for name in _RESULTS)
        # others' working folders lie beside each other where a link leads to all that is temporary
        if not (ours or entry.name.startswith((".", PREFIX)) or entry.name == "__pycache__"):
            yield Path(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is, or leads to, a folder; not if that cannot be told."""
    try:
        return entry.is_dir()
    except OSError:
        return False
