"""What a result was made from, and the key that follows from it.

A key is the hash of exactly what a task reads: the values of the keys of the input
that it declares, the contents of the files that it reads, and the keys of the tasks
before it.  Values at their default are left out, so that a release which adds a key
disowns nobody's finished work; where the *meaning* of a task changes, its version
does, which says so explicitly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .errors import FileError
from .files import digest, sha256

# 48 bits: that any two of a million tasks share a key has a probability of 0.2 %
KEY_LENGTH = 12


@dataclass(frozen=True)
class Identity:
    """What one task reads.

    Attributes:
        task: its kind, for example ``"graphene sample"``.
        version: raised by us where the same input would now give another result.
        values: dotted key of the input -> value, without those left at their default.
        files: label -> SHA-256 of the contents.
        after: label -> key of the tasks whose results it takes.
        shown: all values that were read, defaults too: for people, not part of the key.
    """

    task: str
    version: int = 1
    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        task: str,
        config: BaseModel,
        keys: Sequence[str],
        *,
        files: Mapping[str, str] | None = None,
        after: Mapping[str, str] | None = None,
        version: int = 1,
        **further: Any,
    ) -> "Identity":
        """The identity of a task that reads ``keys`` of ``config``, and ``further`` values of its own."""
        values = reads(config, *keys) | further
        shown = everything(config, *keys) | further
        return cls(task, version, values, dict(files or {}), dict(after or {}), shown)

    @cached_property
    def key(self) -> str:
        """Hash of all of it but ``shown``, 12 hexadecimal digits."""
        parts = (self.task, self.version, dict(self.values), dict(self.files), dict(self.after))
        return digest(*parts)[:KEY_LENGTH]

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return {name: value if name in ("task", "version") else dict(value) for name, value in self._parts()}

    def _parts(self) -> Iterator[tuple[str, Any]]:
        return ((each.name, getattr(self, each.name)) for each in fields(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Identity":
        """The inverse of :meth:`as_dict`."""
        return cls(**{each.name: data[each.name] for each in fields(cls)})

    def differences(self, now: "Identity") -> list[str]:
        """What differs between this identity and that of ``now``, each with both values, in words."""
        words = []
        if self.version != now.version:
            words.append(f"another version of the task ({self.version}, now {now.version})")
        # in words of the values as people know them: those of ``shown``, which have the defaults
        for name, before, after in _changed(self.values, now.values):
            if all(value is None or _is_hash(value) for value in (before, after)):
                # of a table of files, sources.model.py: what it is the hash of is what a person knows
                words.append(f"{name.partition('.')[2] or name} {_state(before, after)}")
                continue
            words.append(f"{name} was {_word(self, name)}, now {_word(now, name)}")
        for name, before, after in _changed(self.files, now.files):
            words.append(f"the file of {name} {_state(before, after)}")
        # an earlier task that changed is named only here: it has its own record, which tells why
        if not words:
            words = [f"made after another {name}" for name, _, _ in _changed(self.after, now.after)]
        return words


def reads(config: BaseModel, *keys: str) -> dict[str, Any]:
    """The values of the declared keys, those left at their default omitted.

    Args:
        config: the whole checked input.
        keys: dotted keys, each a value or a whole section (``"md.cells"``, ``"coarse"``).

    Raises:
        KeyError: the input has no such key: a mistake in the declaration, not of the user.
    """
    # a default that the user has written out is left out too: it gives the same result
    given = config.model_dump(exclude_defaults=True)
    values: dict[str, Any] = {}
    for key in keys:
        _require(config, key)
        values |= dict(_flat(key, _descend(given, key)))
    return dict(sorted(values.items()))


def everything(config: BaseModel, *keys: str) -> dict[str, Any]:
    """The values of the declared keys, those left at their default included."""
    given = config.model_dump()
    return {name: value for key in keys for name, value in _flat(key, _descend(given, key))}


def contents(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        return sha256(Path(path))
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def together(identities: Mapping[str, Identity]) -> str:
    """One key for the results of several tasks, by their names."""
    return digest({name: identity.key for name, identity in identities.items()})[:KEY_LENGTH]


# not None, which a key may well have as its value
_ABSENT = object()


def _descend(table: Mapping[str, Any], key: str) -> Any:
    value: Any = table
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _ABSENT  # left at its default
        value = value[part]
    return value


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Nested tables, and lists of them, by dotted names; a table's presence counts even where it is empty."""
    if value is _ABSENT:
        return
    if isinstance(value, Mapping):
        if not value:
            yield name, {}
        for part, inner in value.items():
            yield from _flat(f"{name}.{part}", inner)
    # by place, so that of ten sections the changed one is told, not all ten
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _flat(f"{name}.{number}", item)
    else:
        yield name, value


def _require(config: BaseModel, key: str) -> None:
    """Follow ``key`` through the models; plain dictionaries end the walk."""
    here: Any = config
    for part in key.split("."):
        if isinstance(here, BaseModel):
            if part not in type(here).model_fields:
                raise KeyError(f"the input has no key '{key}'")
            here = getattr(here, part)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(before.keys() | after.keys()):
        # a record is JSON, whose lists an input may have as tuples: they have the same key
        if digest(before.get(name)) != digest(after.get(name)):
            yield name, before.get(name), after.get(name)


def _state(before: Any, after: Any) -> str:
    return "is new" if before is None else "is not read any more" if after is None else "has changed"


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 32 and not set(value) - set("0123456789abcdef")


def _word(identity: Identity, name: str) -> str:
    return repr(identity.shown[name]) if name in identity.shown else "not given"
