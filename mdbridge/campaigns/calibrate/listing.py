"""``mdbridge trials``: a record of trials as a table for people, and as CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...calibrate import trials
from ...calibrate.trials import Trial
from ...core.errors import InputError
from ...core.files import write_text

MESSAGE = 60
"""Characters of a message in the table; the CSV has all of them."""


def read(place: Path) -> list[Trial]:
    """The trials of a folder of results, or of a record itself.

    Raises:
        InputError: there is no record.
        FileError: it cannot be read.
    """
    place = Path(place)
    path = place / "trials.jsonl" if place.is_dir() else place
    if not path.is_file():
        below = sorted(each.parent.name for each in place.glob("*/trials.jsonl")) if place.is_dir() else []
        hint = f"; there is one in each of {', '.join(below)}" if below else ""
        raise InputError(f"{path}: there is no record of trials{hint}")
    return trials.read(path)[1]


def told(summary: dict[str, Any]) -> list[str]:
    """What is said at the end of a calibration: doubts, the optimum, convergence, what the distance is."""
    served = [summary["served"]] if "served" in summary else []
    return [
        *(f"doubtful: {doubt}" for doubt in summary["doubts"]),
        *served,
        *optimum(summary),
        f"distance {summary['distance']:.4g}: {summary['distance_is']}",
        summary["convergence"],
    ]


def optimum(summary: dict[str, Any]) -> list[str]:
    """The optimum with its 95 % intervals, a parameter a line, and how these came about or why not."""
    units, intervals = summary["units"], summary["intervals"]
    rows = [["parameter", "best", "95 % interval", "unit"]]
    for name, best in summary["best"].items():
        ends = [] if intervals is None else intervals.get(name, [])
        # of choices all that are possible, of numbers the ends
        within = " … ".join(map(_short, ends)) if all(map(_number, ends)) else ", ".join(map(_short, ends))
        rows.append([name, _short(best), within, units.get(name, "")])
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = ["  ".join(f"{text:{w}}" for text, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    reason = summary["intervals_from"]
    return [*lines, reason if intervals is not None else f"no intervals: {reason}"]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def table(record: Sequence[Trial]) -> str:
    """Rows with aligned columns, the best trial marked by a star.

    Trials are numbered as everywhere: in the record, in names of folders, and for the model itself.
    """
    best = min((t for t in record if t.distance is not None), key=lambda t: (t.value, t.index), default=None)
    names = _parameters(record)
    rows = [["", "trial", "phase", "status", "distance", *names, "seconds", "message"]]
    for t in record:
        values = [_short(t.parameters.get(name)) for name in names]
        first = (t.message.strip().splitlines() or [""])[0]
        message = first if len(first) <= MESSAGE else first[: MESSAGE - 1] + "…"
        mark = "*" if t is best else ""
        distance, seconds = _short(t.distance), f"{t.seconds:.3g}"
        rows.append([mark, str(t.index), t.phase, t.status, distance, *values, seconds, message])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def as_csv(record: Sequence[Trial]) -> str:
    """All that a trial has but its residuals, with all digits; empty cells where there is nothing."""
    names = _parameters(record)
    terms = max((len(t.terms) for t in record), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    numbered = [f"term_{k + 1}" for k in range(terms)]
    writer.writerow(
        ["trial", "phase", "status", "distance", *numbered, *names, "seconds", "host", "message", "said"]
    )
    for t in record:
        distance = "" if t.distance is None else repr(t.distance)
        parts = [repr(term) for term in t.terms] + [""] * (terms - len(t.terms))
        values = [_exact(t.parameters.get(name)) for name in names]
        writer.writerow(
            [t.index, t.phase, t.status, distance, *parts, *values, t.seconds, t.host, t.message, t.said]
        )
    return text.getvalue()


def show(place: Path, target: str | None) -> str:
    """What is printed: the table; or the CSV for ``-``, which any other ``target`` is the file for.

    Raises:
        InputError, FileError: see :func:`read`.
    """
    record = read(place)
    if target is None:
        return table(record)
    if target == "-":
        return as_csv(record).rstrip("\n")
    write_text(Path(target), as_csv(record))
    return f"{len(record)} trials in {target}"


def _parameters(record: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for t in record for name in t.parameters))


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _exact(value: object) -> str:
    return repr(value) if isinstance(value, float) else "" if value is None else str(value)
