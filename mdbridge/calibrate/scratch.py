"""A working folder of its own for a process: a model with fixed file names meets no other one there.

It holds what lies beside the input, so that names relative to that folder lead to the
same content.  Files are copied, so that writing to one changes this copy alone; very large
ones are linked, and a call that has written to one of these is refused.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.leftovers import sweep

PREFIX = "mdbridge-model-"
"""Of the names of these folders."""

COPIED_FILE, COPIED_ALL = 16 << 20, 256 << 20
"""Bytes of a file, and of all files together, up to which they are copied and not linked."""

ENTRIES = 2000
"""Files and folders that are looked at; what lies deeper in a larger tree is linked as a whole."""

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


def removed(scratch: Path) -> None:
    """Remove a folder of :func:`filled`."""
    shutil.rmtree(scratch, ignore_errors=True)


class Shared:
    """The large files of a working folder, which are those of all processes.

    Args:
        scratch: a folder of :func:`filled`, as it was made.
    """

    def __init__(self, scratch: Path):
        links = (Path(root, name) for root, _, names in os.walk(scratch) for name in names)
        self._before = {link: _state(link) for link in links if link.is_symlink()}

    def written(self) -> list[str]:
        """Those that have changed since this was asked last, by the names that they really have."""
        changed = []
        for link, before in self._before.items():
            now = _state(link)
            if now is not None and now != before:
                changed.append(str(link.resolve()))
                self._before[link] = now
        return changed


def _state(link: Path) -> tuple[int, int] | None:
    """Time and size of what a link leads to; None if it leads nowhere, or was replaced by a file."""
    try:
        status = link.stat()
        return (status.st_mtime_ns, status.st_size) if link.is_symlink() else None
    except OSError:
        return None


def _entries(folder: Path) -> Iterator[Path]:
    """What a model may need of a folder, in order of names."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        ours = any((entry / name).exists() for name in _RESULTS) if entry.is_dir() else False
        if not (entry.name.startswith(".") or entry.name == "__pycache__" or ours):
            yield entry
