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

FORMAT = "mdbridge-trials-2"
READABLE = ("mdbridge-trials-1", FORMAT)
MAY_DIFFER = ("ego.evaluations", "ego.target")
"""Keys that say when to stop, not where to go: a finished record may go on with others."""

CONTENTS = {
    "sources": "{0}, of which the model is made,",
    "contents": "the content of {0}",
    "reference": "reference.{0}",
}
"""Tables of the configuration that are hashes, and what they are of."""

ACCEPTABLE = ("sources", "contents")
"""Those whose change may be accepted: all distances on record are from the reference as it was."""


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
        said: the last lines that a model printed which gave no distance.
        state: hyperparameters of the surrogate that proposed it.
    """

    index: int
    phase: str
    unit: list[float]
    parameters: dict[str, Any]
    status: Status
    distance: float | None = None
    terms: list[float] = field(default_factory=list)
    residual: Array | None = None
    seconds: float = 0.0
    host: str = ""
    message: str = ""
    said: str = ""
    state: list[float] | None = None

    @property
    def value(self) -> float:
        """The distance, infinite where there is none."""
        return math.inf if self.distance is None else self.distance


class TrialLog:
    """The file of trials, open for appending.

    Args:
        path: the file; made if absent.
        configuration: what the trials depend on, JSON values; values left at their default may be left out.
        resume: whether a file that is there may be continued.
        complete: the configuration with all values, to be compared with a record that has more of them.
        origins: dotted key of a hash in the configuration -> the file that it is of, for messages.
        accept: go on although files have changed (see :data:`ACCEPTABLE`); that is noted in the record.

    Attributes:
        trials: those found, by index.
        damaged: the number of lines that could not be recovered.
        accepted: what has changed and was accepted, in words.

    Raises:
        InputError: the file belongs to another configuration (the key is
            named), or is there although ``resume`` is False.
        FileError: it cannot be read or written, or another run is writing to it.
    """

    def __init__(
        self,
        path: Path,
        configuration: Mapping[str, Any],
        resume: bool,
        *,
        complete: Mapping[str, Any] | None = None,
        origins: Mapping[str, str] | None = None,
        accept: bool = False,
    ):
        self.path = Path(path)
        self.configuration = portable(configuration)
        self._complete = portable(complete or configuration)
        self._origins, self._accept = dict(origins or {}), accept
        self._key = digest(_without(self.configuration))
        self.trials: dict[int, Trial] = {}
        self.damaged, self.accepted = 0, list[str]()
        try:
            self._open(resume)
        except OSError as error:
            raise FileError(f"{self.path}: cannot be opened: {error.strerror}") from error

    def _open(self, resume: bool) -> None:
        """Lock the file before anything is read or written: two runs may start within a millisecond."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._locked()
        try:
            raw = self.path.read_bytes()
            # nothing has been spent on it, whatever it was to be of; unless another run has just begun it
            if raw and self._alone and _begun_alone(raw):
                self._stream.truncate(0)
                raw = b""
            if raw and not resume:
                raise InputError(
                    f"{self.path}: holds a record already; go on with --resume, or choose another --out"
                )
            mended = self._recover(raw) if raw else None
            if mended is not None:
                write_text(self.path, mended)
                self._stream.close()
                self._stream = self._locked()
            if not raw:
                # a record begins with what its trials depend on
                self._append(self._header())
            elif self.accepted:  # from here on the trials are of this configuration
                self._append(self._header(accepted=self.accepted))
        except BaseException:
            self._stream.close()
            raise

    def _locked(self) -> BinaryIO:
        """The file, open for appending, and locked until it is closed or this process ends in any way."""
        # appending: what was written before a crash stays where it is
        stream = self.path.open("ab")
        self._alone = True
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.path.samestat(os.fstat(stream.fileno()), self.path.stat())
        except BlockingIOError:
            current = False
        except OSError:  # a file system without locks
            self._alone = False
            return stream
        if not current:  # or replaced by its owner between opening and locking
            stream.close()
            raise FileError(f"{self.path}: another run is writing to it; wait for its end or stop it")
        return stream

    def append(self, trial: Trial) -> None:
        """Add a trial and wait until the disk has it.

        Raises:
            FileError: the disk is full or gone.
        """
        self._append(self._line({"trial": _encode(trial)}))
        self.trials[trial.index] = trial

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _append(self, line: str) -> None:
        try:
            self._stream.write(line.encode())
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise FileError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _header(self, **further: Any) -> str:
        further["shown"] = self._complete  # for people, and for messages: with what was left at its default
        return self._line({"configuration": self.configuration, "format": FORMAT, **further})

    def _line(self, content: dict[str, Any]) -> str:
        return _signed({"key": self._key, **content}) + "\n"

    def _recover(self, raw: bytes) -> str | None:
        """Take the trials of the intact lines; these, if there were others."""
        lines = [line for line in raw.split(b"\n") if line.strip()]
        intact = [(line, content) for line in lines if (content := _verified(line)) is not None]
        self.damaged = len(lines) - len(intact)
        if not intact:
            raise FileError(
                f"{self.path}: nothing in it can be recovered; move it away, or choose another --out"
            )
        headers = [content for _, content in intact if "configuration" in content]
        if headers:
            self._compare(headers[-1])
        keys = {self._key, *(header["key"] for header in headers)}
        if any(content["key"] not in keys for _, content in intact):
            raise InputError(f"{self.path}: holds trials of another configuration; choose another --out")
        for _, content in intact:
            if "trial" in content:
                trial = _decode(content["trial"])
                self.trials[trial.index] = trial
        # half a line at the end is the usual mark of a kill -9
        if self.damaged or not raw.endswith(b"\n"):
            kept = "".join(line.decode() + "\n" for line, _ in intact)
            return kept if headers else self._header() + kept
        return None

    def _compare(self, header: dict[str, Any]) -> None:
        """Refuse another configuration, or accept what has changed in files."""
        if header.get("format") not in READABLE:
            raise FileError(
                f"{self.path}: has the format {header.get('format')!r}; this release reads {FORMAT!r}: go on "
                "with the release that made it, or choose another --out"
            )
        changed = _changes(flat(header["configuration"]), flat(self.configuration), flat(self._complete))
        values = {name: pair for name, pair in changed.items() if name.partition(".")[0] not in CONTENTS}
        for name, (old, new) in values.items():
            shown = flat(header.get("shown", {})).get(name) if old is None else old
            raise InputError(
                f"{self.path}: recorded with {name} = {shown!r}, now it is {new!r}; "
                "restore it, or choose another --out"
            )
        files = [self._told(name, *pair) for name, pair in changed.items()]
        if any(name.partition(".")[0] not in ACCEPTABLE for name in changed):
            raise InputError(
                f"{self.path}: {'; '.join(files)}; restore that, or choose another --out: the distances on "
                "record are from the reference as it was"
            )
        if files and not self._accept:
            raise InputError(
                f"{self.path}: {'; '.join(files)}; restore that, choose another --out, or go on all the same "
                "with 'mdbridge calibrate … --resume --accept-changes'"
            )
        self.accepted = files
        if not files:  # perhaps written by a release with fewer keys, or more
            self._key = header["key"]

    def _told(self, name: str, old: Any, new: Any) -> str:
        table, _, rest = name.partition(".")
        what = CONTENTS[table].format(rest)
        if name in self._origins:
            what += f" ({self._origins[name]})"
        if old is None:
            return f"{what} is not in the record, and may have changed since"
        if new is None:
            return f"{what} is not there any more"
        return f"{what} has changed since it was recorded"


def _begun_alone(raw: bytes) -> bool:
    """Whether a record is whole and has no trial."""
    lines = [_verified(line) for line in raw.split(b"\n") if line.strip()]
    return all(line is not None and "configuration" in line for line in lines)


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


def portable(value: Any) -> Any:
    """What JSON can hold of a value: numbers that are not finite, dates and the like become words."""
    if isinstance(value, Mapping):
        return {str(name): portable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [portable(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], complete: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """What differs between flat configurations: key -> (before, now), None where it is not given.

    What the record does not have was at its default then; what the present one does not give is at its
    default now.
    """
    changes = {}
    for name in sorted(old.keys() | new.keys()):
        if name in MAY_DIFFER:
            continue
        before, now = old.get(name), new[name] if name in new else complete.get(name)
        if before != now:
            changes[name] = (before, now)
    return changes


def _signed(content: dict[str, Any]) -> str:
    # NaN is no JSON; what has none is null
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
        # the bytes, not decimals: a resumed search must see the same residuals bit for bit
        raw = np.ascontiguousarray(trial.residual, dtype="<f8").tobytes()
        content["residual"] = base64.b64encode(raw).decode()
    return content


def _decode(content: dict[str, Any]) -> Trial:
    residual = content["residual"]
    if residual is not None:
        residual = np.frombuffer(base64.b64decode(residual), dtype="<f8").astype(float)
    return Trial(**{**content, "residual": residual})


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested tables and lists with dotted names."""
    if isinstance(values, list):
        values = dict(enumerate(values))
    if not isinstance(values, dict):
        return {prefix: values}
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        leaves |= flat(value, f"{prefix}.{name}" if prefix else str(name))
    return leaves


def _without(configuration: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flat(configuration).items() if name not in MAY_DIFFER}
