"""Numbers of a campaign of fields, from fields.h5 alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import scales
from .stored import Stored, opened


def of(path: Path, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What a person wants to know of a fields.h5 first.

    Args:
        notes: what a reader should know of it that the file does not tell, in sentences.
    """
    with opened(path) as stored:
        return _summary(stored) | {"notes": [*notes, *_notes(stored)]}


def _summary(stored: Stored) -> dict[str, Any]:
    """What a person wants to know first."""
    known, curve = stored.file.attributes(), stored.file.group("curve")
    fields = {}
    for name in stored.names:
        values = np.stack([stored.frame(name, k) for k in range(len(stored.time))])
        parts = stored.components(name) or [name]
        last, against = values[-1].reshape(-1, len(parts)), scales.size(stored, name, values)
        with np.errstate(all="ignore"):
            fields[name] = {
                "units": stored.units(name),
                "empty_nodes_last": float(np.isnan(last[:, 0]).mean()),
                "last": {
                    part: _spread(column, against)
                    for part, column in ((p, last[np.isfinite(last[:, k]), k]) for k, p in enumerate(parts))
                    if column.size
                },
            }
    load = stored.loading
    # in two dimensions LAMMPS writes zeros for what is not there
    plane = "xyz"[: stored.dimension]
    stress = dict(zip(curve.texts("voigt"), curve.get("stress")[-1], strict=True))
    return {
        "natoms": known["natoms"],
        "units_style": known["units_style"],
        "frames": len(stored.time),
        "complete": bool(known["complete"]),
        "steps": [stored.step[0], stored.step[-1]],
        "time": [stored.time[0], stored.time[-1]],
        "time_unit": stored.units("time"),
        "loading": {
            "kind": load.kind,
            "direction": load.direction,
            "first": load.values[0],
            "last": load.values[-1],
        },
        "stress_unit": curve.units("stress"),
        "stress_last": {part: value for part, value in stress.items() if set(part) <= set(plane)},
        "temperature_mean": curve.get("temperature").mean(),
        "fields": fields,
    }


def _notes(stored: Stored) -> list[str]:
    """What a reader should know of numbers of atoms that change."""
    atoms = stored.file.group("curve").get("atoms")
    first, least, most = (int(number) for number in (atoms[0], atoms.min(), atoms.max()))
    said = []
    if least < first:
        said.append(f"of {first:,} atoms at first up to {first - least:,} were gone later")
    if most > first:
        came = f"up to {most - first:,} atoms more than the {first:,} at first were there later"
        said.append(
            f"{came}: their displacement counts from where they came, their strain as if the box alone had "
            "carried them there since the first frame"
        )
    return said


def _spread(column: NDArray[np.float64], against: float) -> dict[str, float]:
    """Least, mean and largest value of a component, where round-off is shown as zero."""
    told = {"min": column.min(), "mean": column.mean(), "max": column.max()}
    return {word: scales.settled(value, against) for word, value in told.items()}
