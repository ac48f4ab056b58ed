"""The durable record of a calibration: one JSON line for each trial, on the disk before the next proposal.

The first line holds the configuration.  Every line carries a checksum and the
hash of the configuration, so that whatever is intact can be recovered.
"""

import base64
import fcntl
import json
import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileError, InputError
from ..core.files import digest, write_text

Array = NDArray[np.float64]
Status = Literal["ok", "invalid", "failed", "timeout"]

FORMAT = "mdbridge-trials-1"
MAY_DIFFER = ("ego.evaluations", "ego.target")
"""Keys that say when to stop, not where to go: a finished record may go on with others."""


@dataclass(frozen=True)
class Trial:
    """One evaluation.

    Attributes:
        index: its number, from 0 in the order of proposal.
        phase: "initial", "ego", "refine" or "slopes".
        unit: the point in the unit cube, ``(d,)``.
        parameters: the same by name, in physical units.
        status: "ok", or why there is no distance: the model refused the
            parameters, failed, or took too long.
        distance: the objective; None unless ok.
        terms: its terms, without weights.
        residual: all residuals, ``(m,)``; None unless ok.
        seconds: wall time of the evaluation.
        host: the machine.
        message: what went wrong.
        state: hyperparameters of the surrogate that proposed it.
    """

    index: int
    phase: str
    unit: list[float]
    parameters: dict[str, float]
    status: Status
    distance: float | None = None
    terms: list[float] = field(default_factory=list)
    residual: Array | None = None
    seconds: float = 0.0
    host: str = ""
    message: str = ""
    state: list[float] | None = None

    @property
    def value(self) -> float:
        """The distance, infinite where there is none."""
        return math.inf if self.distance is None else self.distance


class Record:
    """The file of trials, open for appending.

    Args:
        path: the file; made if absent.
        configuration: what the trials depend on; JSON values.
        resume: whether a file that is there may be continued.

    Attributes:
        trials: those found, by index.
        damaged: the number of lines that could not be recovered.

    Raises:
        InputError: the file belongs to another configuration (the key is
            named), or is there although ``resume`` is False.
        FileError: it cannot be read or written, or another run is writing to it.
    """

    def __init__(self, path: Path, configuration: Mapping[str, Any], resume: bool):
        self.path = Path(path)
        self.configuration = json.loads(json.dumps(configuration))
        self._key = digest(_without(self.configuration))
        self.trials: dict[int, Trial] = {}
        self.damaged = 0
        try:
            if self.path.exists() and self.path.stat().st_size:
                if not resume:
                    raise InputError(
                        f"{self.path}: holds a record already; go on with --resume, or choose another --out"
                    )
                with self.path.open("ab") as held:  # what looks damaged may be half a line of a run alive
                    self._lock(held)
                    self._recover(self.path.read_bytes())
            else:
                header = self._line({"configuration": self.configuration, "format": FORMAT})
                write_text(self.path, header)
            self._stream = self.path.open("ab")
            self._lock(self._stream)
        except OSError as error:
            raise FileError(f"{self.path}: cannot be opened: {error.strerror}") from error

    def _lock(self, stream: BinaryIO) -> None:
        """Keep others out until ``stream`` is closed or this process ends, however it ends."""
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise FileError(
                f"{self.path}: another run is writing to it; wait for its end or stop it"
            ) from None
        except OSError:  # a file system without locks
            return

    def append(self, trial: Trial) -> None:
        """Add a trial and wait until the disk has it.

        Raises:
            FileError: the disk is full or gone.
        """
        try:
            self._stream.write(self._line({"trial": _encode(trial)}).encode())
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise FileError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.trials[trial.index] = trial

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _line(self, content: dict[str, Any]) -> str:
        return _signed({"key": self._key, **content}) + "\n"

    def _recover(self, raw: bytes) -> None:
        """Keep the intact lines; rewrite the file if there were others."""
        lines = [line for line in raw.split(b"\n") if line.strip()]
        intact = [content for content in map(_verified, lines) if content is not None]
        self.damaged = len(lines) - len(intact)
        if not intact:
            raise FileError(
                f"{self.path}: nothing in it can be recovered; delete it, or choose another --out"
            )
        for content in intact:
            if "configuration" in content:
                self._compare(content)
        if any(content["key"] != self._key for content in intact):
            raise InputError(f"{self.path}: holds trials of another configuration; choose another --out")
        for content in intact:
            if "trial" in content:
                trial = _decode(content["trial"])
                self.trials[trial.index] = trial
        if self.damaged or not raw.endswith(b"\n"):
            kept = [self._line({"configuration": self.configuration, "format": FORMAT})]
            kept += [self._line({"trial": _encode(trial)}) for trial in self.trials.values()]
            write_text(self.path, "".join(kept))

    def _compare(self, header: dict[str, Any]) -> None:
        if header.get("format") != FORMAT:
            raise FileError(f"{self.path}: has the format {header.get('format')!r}, expected {FORMAT!r}")
        old, new = _flat(_without(header["configuration"])), _flat(_without(self.configuration))
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                raise InputError(
                    f"{self.path}: recorded with {name} = {old.get(name)!r}, now it is {new.get(name)!r}; "
                    "restore it, or choose another --out"
                )


def read(path: Path) -> tuple[dict[str, Any], list[Trial]]:
    """The configuration and the intact trials of a record, in order.

    Raises:
        FileError: no such file, or no intact configuration in it.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    intact = [content for content in map(_verified, lines) if content is not None]
    headers = [content["configuration"] for content in intact if "configuration" in content]
    if not headers:
        raise FileError(f"{path}: not a record of trials")
    trials = {c["trial"]["index"]: _decode(c["trial"]) for c in intact if "trial" in c}
    return headers[0], [trials[index] for index in sorted(trials)]


def _signed(content: dict[str, Any]) -> str:
    body = json.dumps(content, allow_nan=False)
    return f'{{"check": "{zlib.crc32(body.encode()):08x}", "content": {body}}}'


def _verified(line: bytes) -> dict[str, Any] | None:
    """The content of a line, None if it is damaged."""
    try:
        outer = json.loads(line)
        content = outer["content"]
        intact = f"{zlib.crc32(json.dumps(content).encode()):08x}" == outer["check"]
        return content if intact and "key" in content else None
    except (ValueError, KeyError, TypeError):
        return None


def _encode(trial: Trial) -> dict[str, Any]:
    content = asdict(trial)
    if trial.residual is not None:
        raw = np.ascontiguousarray(trial.residual, dtype="<f8").tobytes()
        content["residual"] = base64.b64encode(raw).decode()
    return content


def _decode(content: dict[str, Any]) -> Trial:
    residual = content["residual"]
    if residual is not None:
        residual = np.frombuffer(base64.b64decode(residual), dtype="<f8").astype(float)
    return Trial(**{**content, "residual": residual})


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested tables and lists with dotted names."""
    if isinstance(values, list):
        values = dict(enumerate(values))
    if not isinstance(values, dict):
        return {prefix: values}
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _without(configuration: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _flat(configuration).items() if name not in MAY_DIFFER}
