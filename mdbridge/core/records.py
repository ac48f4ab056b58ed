"""Records of finished work: one small file each, with its key, all that it read and its files' checksums."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from .errors import FileError, InputError
from .files import digest, read_json, write_json
from .identity import Identity

RECORD, RECORD_VERSION = "mdbridge-record", 1


@dataclass(frozen=True)
class Record:
    """A finished piece of work.

    Attributes:
        stage, task: its name.
        identity: what it was made from.
        files: path relative to the folder -> size in bytes and SHA-256.
        result: a small JSON-able result, where that is all there is.
        passing: names among ``files`` that may be removed once the next task is done.
        seconds: wall time of the work.
    """

    stage: str
    task: str
    identity: Identity
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    result: Any = None
    passing: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def key(self) -> str:
        """The key of the identity."""
        return self.identity.key

    @property
    def path(self) -> Path:
        """Where the record lies, relative to the folder."""
        return Path("records", self.stage, f"{self.task}-{self.key}.json")

    def is_keyed(self, name: str) -> bool:
        """Whether a file lies under this record's own key, where no other input's results meet it."""
        folder, *below = Path(name).parts
        # the folder alone does not tell: a product at the top may have one of its stage's name
        return folder == self.stage and bool(below) and below[0].startswith(f"{self.task}-{self.key}")


def write(root: Path, record: Record) -> None:
    """Write a record into the folder that it belongs to."""
    data = {
        "format": RECORD,
        "version": RECORD_VERSION,
        "stage": record.stage,
        "task": record.task,
        "key": record.key,
        "made_from": record.identity.as_dict(),
        "files": dict(record.files),
        "passing": list(record.passing),
        "result": record.result,
        "seconds": round(record.seconds, 3),
        "mdbridge": __version__,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    # hashed as it will be read: tuples come back as lists, numbers that are keys as texts
    data = as_json(data)
    write_json(root / record.path, data | {"check": digest(data)})


def read(path: Path) -> Record | None:
    """A record; None where there is none, or it is damaged or was edited by hand: the work is done again.

    Raises:
        InputError: it is of a newer release.
    """
    try:
        data = read_json(path)
        check = data.pop("check", None)
        if data["format"] != RECORD:
            return None
        if data["version"] > RECORD_VERSION:
            raise InputError(
                f"{path}: a record of version {data['version']}, made by mdbridge {data['mdbridge']}; "
                f"this is mdbridge {__version__}, which reads up to version {RECORD_VERSION}: use the "
                "newer mdbridge, or choose another --out"
            )
        identity = Identity.from_dict(data["made_from"])
        if check != digest(data) or identity.key != data["key"]:
            return None
        names = ("files", "result", "passing", "seconds")
        return Record(data["stage"], data["task"], identity, *(data[name] for name in names))
    except (FileError, KeyError, TypeError, AttributeError):
        return None


def names_in(path: Path) -> set[str]:
    """The names of files in a record that is damaged, as far as they can be made out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return set(re.findall(r'"([^"\n]+)":\s*\{\s*"bytes"', text))


def as_json(value: Any) -> Any:
    """What ``value`` is after a journey through a JSON file."""
    return json.loads(json.dumps(value))
