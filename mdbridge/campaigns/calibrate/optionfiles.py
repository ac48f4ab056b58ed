"""Paths and arrays of an input: where options lead, and by what their contents count."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def paths(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths in options relative to ``folder``."""
    return {name: str(folder / value) if is_path(name, value) else value for name, value in options.items()}


def is_path(name: str, value: Any) -> bool:
    """Whether an option is a path: a text whose key says so."""
    return isinstance(value, str) and name.endswith(("file", "folder"))


def files_of(path: Path) -> list[tuple[str, Path]]:
    """A file, or all files below a folder, each with what is to be appended to its label."""
    if not path.is_dir():
        return [("", path)]
    # sorted: a folder lists its files in no order that could be relied on
    return [(f"/{file.relative_to(path)}", file) for file in sorted(path.rglob("*")) if file.is_file()]


def hashed(values: Array) -> str:
    """Shape and hash of an array."""
    # one form on all machines, or the hash would tell of the machine
    raw = np.ascontiguousarray(values, dtype="<f8")
    # the shape too: the same numbers in other rows are another reference
    return f"{raw.shape} {hashlib.sha256(raw.tobytes()).hexdigest()[:16]}"
