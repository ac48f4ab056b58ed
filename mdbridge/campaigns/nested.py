"""Sections of summary.json that are tables of tables, as rows: one for each name and strain, or component.

An error stands with its value, and p beside it, whatever the section calls them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import plots
from ..core.digits import with_error
from .wording import as_text, with_unit, worded

Record = Mapping[str, Any]
Labelled = tuple[tuple[str, ...], Record]
"""What a row is called, a text for each of its first columns, and its numbers."""

_CORRELATION = "strain_field_correlation"
_CORRELATED = {
    _CORRELATION: "calibrated model",
    f"{_CORRELATION}_of_rest": "field at rest, averaged along x",
    f"{_CORRELATION}_less_that_of_rest": "model less field at rest",
    f"{_CORRELATION}_left_out": "model with the other samples' parameters",
}
_DIFFERENT = {
    "model": "calibrated model",
    "uniform_shear": "uniform shear",
    "model_less_uniform_shear": "model less uniform shear",
    "rest": "field at rest, averaged along x",
    "model_less_rest": "model less field at rest",
}
_HEADS = {
    "r": "correlation",
    "n": "samples",
    "correlation": "correlation with the strain",
    "band_rank": "rank of the band",
    "log_likelihood_gain": "gain of log-likelihood a cell",
    "min": "least",
    "max": "largest",
    "interval": "95 % interval of a further seed",
}
"""Words for columns."""
TOLD = ("means", "predictors", "strain_difference", "fields", *_CORRELATED, f"{_CORRELATION}_p")
"""Sections of which all is in a table here."""


@dataclass(frozen=True)
class Numbers:
    """A table: a row has a name, or several, and its values, as many as there are columns in all."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(summary: Record) -> Iterator[Numbers]:
    """Those of a summary, whatever campaign it is of; none of a section that is not there."""
    off = [((_DIFFERENT.get(name, name), at), r) for (at, name), r in _pairs(summary, "strain_difference")]
    for title, heads, labelled in (
        ("Means of the samples", [""], _means(summary)),
        ("What tells, at rest, where the glass will shear", ["field", "γ"], _predictors(summary)),
        ("Correlation with the strain of the MD", ["", "γ"], _correlations(summary)),
        ("Root mean square difference from the MD's strain, over its mean", ["", "γ"], off),
        ("Fields at the last frame", ["", "component"], _fields(summary)),
        ("What the seeds agree on", ["scheme", ""], _seeds(summary)),
    ):
        if labelled:
            yield table(title, heads, labelled)


def table(title: str, heads: Sequence[str], labelled: Sequence[Labelled]) -> Numbers:
    """Records as rows; a column in which nothing is a number or a word is left out.

    Args:
        heads: of the columns with the texts that a row is called.
        labelled: these texts and the record of each row.
    """
    records = [_flat(record) for _, record in labelled]
    keys = list(dict.fromkeys(key for record in records for key in record))
    columns: list[tuple[str, list[str]]] = []
    for key in keys:
        # they stand with what they are of
        if any(key == f"{other}_{of}" for other in keys for of in ("error", "p")):
            continue
        error = any(_positive(record.get(f"{key}_error")) for record in records)
        head = _HEADS.get(key, worded(key)) + (" ± standard error" if error else "")
        columns.append((head, [_number(record.get(key), record.get(f"{key}_error")) for record in records]))
        columns.append(("p", [as_text(record.get(f"{key}_p"), 2) for record in records]))
    columns = [(head, cells) for head, cells in columns if any(cells)]
    rows = [[*texts, *(cells[k] for _, cells in columns)] for k, (texts, _) in enumerate(labelled)]
    return Numbers(title, [*heads, *(head for head, _ in columns)], rows)


def _flat(record: Record) -> dict[str, Any]:
    """A record without records in it: of a correlation or a mean its value, NAME_error and NAME_p."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat[key] = value.get("r", value.get("mean"))
            flat |= {f"{key}_{of}": value.get(of) for of in ("error", "p")}
        elif key in ("error", "p"):
            flat[f"{'r' if 'r' in record else 'mean'}_{key}"] = value
        else:
            flat[key] = value
    return flat


def _number(value: Any, error: Any) -> str:
    """A cell: a value, with as many digits as its error allows where there is one."""
    if isinstance(value, float) and math.isfinite(value) and _positive(error):
        return with_error(value, error).replace("-", "−")
    return as_text(value)


def _positive(error: Any) -> bool:
    """Whether it is an error: equal samples have none, and of a single sample it is not known."""
    return isinstance(error, float) and math.isfinite(error) and error > 0


# --- what the sections are made of ------------------------------------------------


def _inner(section: Any) -> dict[str, Record]:
    """The tables in a section, by name; none of what is no section."""
    items = section.items() if isinstance(section, Mapping) else ()
    return {str(name): value for name, value in items if isinstance(value, Mapping)}


def _pairs(summary: Record, key: str) -> list[tuple[tuple[str, str], Record]]:
    """The records of a section two levels below it."""
    outer = _inner(summary.get(key))
    return [((a, b), record) for a, values in outer.items() for b, record in _inner(values).items()]


def _means(summary: Record) -> list[Labelled]:
    return [((with_unit(name, summary),), record) for name, record in _inner(summary.get("means")).items()]


def _predictors(summary: Record) -> list[Labelled]:
    return [((worded(name), strain), record) for (name, strain), record in _pairs(summary, "predictors")]


def _correlations(summary: Record) -> list[Labelled]:
    """Of strain fields: of many samples with errors; of a single sample p has a section of its own."""
    labelled: list[Labelled] = []
    chances = summary.get(f"{_CORRELATION}_p")
    for key, words in _CORRELATED.items():
        section = summary.get(key)
        for strain, value in section.items() if isinstance(section, Mapping) else ():
            p = chances.get(strain) if isinstance(chances, Mapping) else None
            record = value if isinstance(value, Mapping) else {"r": value, "p": p}
            # a difference of correlations stands in the column of these
            record = {"r" if name == "mean" else name: number for name, number in record.items()}
            labelled.append(((words, str(strain)), record))
    return labelled


def _fields(summary: Record) -> list[Labelled]:
    """Least, mean and largest value of each component of the fields of an MD."""
    labelled: list[Labelled] = []
    for name, told in _inner(summary.get("fields")).items():
        unit = told.get("units", "1")
        words = name.replace("_", " ") + ("" if unit == "1" else f" ({plots.unit(str(unit))})")
        empty = {"part of the nodes without atoms": told.get("empty_nodes_last")}
        parts = _inner(told.get("last"))
        labelled += [((words, "" if part == name else part), {**at, **empty}) for part, at in parts.items()]
        if not parts:
            labelled.append(((words, ""), empty))
    return labelled


def _seeds(summary: Record) -> list[Labelled]:
    """Where the seeds of a calibration end: distances, evaluations and parameters."""
    labelled: list[Labelled] = []
    for scheme, told in _inner(summary.get("schemes")).items():
        spreads = {key: told.get(key) for key in ("distance", "evaluations")}
        spreads |= _inner(told.get("parameters"))
        for name, spread in _inner(spreads).items():
            # no error of the largest, as its name might say
            record = {"off the truth at most" if k == "largest_error" else k: v for k, v in spread.items()}
            labelled.append(((scheme, name), record))
    return labelled
