"""Files of displacements and loads that other programs wrote: .npz, HDF5, and tables of text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ...core import arrays
from ...core.errors import FileError
from ...core.units import LENGTHS_IN_A, MODULI_IN_TPA, known_unit

Array = NDArray[np.float64]

REQUIRED = ("nodes", "u", "b")
OPTIONAL = ("box", "val_u", "val_b")
_ALIASES = {
    "nodes": ("points", "coordinates", "positions", "xy", "X"),
    "u": ("displacement", "displacements", "disp"),
    "b": ("load", "loads", "body_force", "body_forces"),
    "box": ("cell", "period"),
    "val_u": ("u_val",),
    "val_b": ("b_val",),
}
_COLUMNS = {
    "x": ("x", "x1"),
    "y": ("y", "x2"),
    "ux": ("ux", "u_x", "u1", "u_1"),
    "uy": ("uy", "u_y", "u2", "u_2"),
    "bx": ("bx", "b_x", "b1", "b_1"),
    "by": ("by", "b_y", "b2", "b_2"),
    "sample": ("sample", "load", "case"),
    "set": ("set", "split"),
}
# of a node spacing: what the places of a node in two samples may differ by, as of round-off
_SAME_PLACE = 1e-5
_DECIMAL_COMMA = re.compile(r"^([+-]?\d*),(?=\d+([eE][+-]?\d+)?$)")
_HEAD = re.compile(r"[^\s\[(]+(?:\s*[\[(][^\])]*[\])])?")
_PER_VOLUME = re.compile(r"\s*(k?)N\s*/\s*(m?)m(?:\^?3|³)\s*")
_TABLE = "a table needs a first line that names its columns: sample, x, y, ux, uy, bx, by"


@dataclass(frozen=True)
class RawData:
    """Arrays as a file has them.

    Attributes:
        path: the file, for errors.
        arrays: ``nodes``, ``u`` and ``b``, and what there is of ``box``, ``val_u`` and ``val_b``.
        units: of x, ux and bx, where a table's first line says them.
        notes: what was taken for what, and what was left unread, a sentence each.
    """

    path: Path
    arrays: Mapping[str, Array]
    units: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def read(path: Path, names: Mapping[str, str]) -> RawData:
    """The arrays of a file.

    Args:
        names: what the file calls them, where it is not what we call them.

    Raises:
        FileError: it cannot be read, or an array is missing, complex or no array of numbers; names are given
            for a table.
    """
    # told by the ending: text has no other sign
    if path.suffix.lower() in (".csv", ".txt", ".dat", ".tsv"):
        if names:
            raise FileError(
                f"{path}: data.names = {dict(names)} is for arrays of .npz and HDF5 files, not for a table; "
                "leave it out, and call the columns in the table's first line sample, x, y, ux, uy, bx, by"
            )
        return _table(path)
    given = arrays.read(path)
    theirs: dict[str, str] = {}
    for name in (*REQUIRED, *OPTIONAL):
        if name in names:
            if names[name] not in given:
                raise FileError(
                    f"{path}: has no '{names[name]}', which data.names.{name} asks for; it has "
                    f"{', '.join(sorted(given)) or 'nothing'}"
                )
            theirs[name] = names[name]
            continue
        # their own name wins: a file with 'u' and 'displacement' means something by each
        matches = [name] if name in given else [alias for alias in _ALIASES[name] if alias in given]
        if len(matches) > 1 or (not matches and name in REQUIRED):
            reason = f"has {' and '.join(matches)} for '{name}'" if matches else f"has no '{name}'"
            raise FileError(
                f"{path}: {reason}; it has {', '.join(sorted(given)) or 'nothing'}: expected nodes (n x 2), "
                "u and b (samples x n x 2), or say what they are called there: "
                f'data.names = {{{name} = "…"}}'
            )
        if matches:
            theirs[name] = matches[0]
    # what the input names is no news
    guessed = {name: word for name, word in theirs.items() if word not in (name, names.get(name))}
    notes = _left(path, set(given) - set(theirs.values()))
    if guessed:
        words = ", ".join(f"'{word}' for {name}" for name, word in guessed.items())
        notes = [f"{path.name}: {words}: say data.names if that is not meant", *notes]
    return RawData(path, {name: given[word] for name, word in theirs.items()}, notes=notes)


def _left(path: Path, names: set[str]) -> list[str]:
    return [f"{path.name}: left unread: {', '.join(sorted(names))}"] if names else []


def _table(path: Path) -> RawData:
    """A row for each node of each sample."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is no text: {error}; {_TABLE}") from error
    # what a program puts in front of the table, such as '# box: 120 120'
    remarks = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise FileError(f"{path}: has {len(lines)} lines; {_TABLE}")
    # decimal commas would have to be guessed, so a semicolon, if there is any, comes first
    separator = next((mark for mark in (";", "\t", ",") if mark in lines[0]), None)
    # a unit in brackets belongs to the name before it, also where blanks part names
    head = _cells(lines[0], separator) if separator else _HEAD.findall(lines[0])
    columns, units = _heading(path, head)
    rows = [_cells(line, separator) for line in lines[1:]]
    # told by its number: a table of a million rows is not looked through
    wrong = next((n for n, row in enumerate(rows) if len(row) != len(columns)), None)
    if wrong is not None:
        raise FileError(
            f"{path}: row {wrong + 1} of the table has {len(rows[wrong])} values, but the first line names "
            f"{len(columns)} columns"
        )
    table = {name: [row[place] for row in rows] for place, name in enumerate(columns) if name}
    numbers = {name: _numbers(path, name, table[name]) for name in ("x", "y", "ux", "uy", "bx", "by")}
    arrays_of = _samples(path, numbers, table)
    box = next((match for line in remarks if (match := re.match(r"\s*#\s*box\s*[:=]?(.*)", line))), None)
    if box is not None:
        arrays_of["box"] = _numbers(path, "box", _edges(box[1]))
    others = {cell for cell, name in zip(head, columns, strict=True) if cell and not name}
    return RawData(path, arrays_of, units, _left(path, others))


def _cells(line: str, separator: str | None) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(separator)]


def _edges(text: str) -> list[str]:
    """The words of two edges: blanks part them, or else a comma, which beside blanks may be a decimal one."""
    words = [word.strip(",") for word in text.replace(";", " ").split()]
    return words[0].split(",") if len(words) == 1 else [word for word in words if word]


def _heading(path: Path, cells: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Our names of the columns, '' for others, and the units that stand in brackets after them."""
    columns, units = [], {}
    for cell in cells:
        match = re.fullmatch(r"([^\[(]*?)\s*(?:[\[(](.*)[\])])?", cell)
        word, unit = (match[1], match[2]) if match else (cell, None)
        name = next((ours for ours, known in _COLUMNS.items() if word.strip().lower() in known), "")
        columns.append(name)
        if name and unit:
            # kept as they are written: what does not agree is shown as it stands
            units[name] = unit.strip()
    missing = [name for name in ("x", "y", "ux", "uy", "bx", "by") if name not in columns]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if missing or twice:
        what = f"no column {', '.join(missing)}" if missing else f"two columns {', '.join(twice)}"
        raise FileError(f"{path}: {what} among {', '.join(cells)}; {_TABLE}")
    return columns, units


def _numbers(path: Path, name: str, words: Sequence[str]) -> Array:
    values = np.empty(len(words))
    for row, word in enumerate(words):
        try:
            # a comma inside a cell has parted none: it is a decimal one
            values[row] = float(_DECIMAL_COMMA.sub(r"\1.", word))
        except ValueError as error:
            raise FileError(
                f"{path}: column {name}, row {row + 1} of the table: {word!r} is no number"
            ) from error
    return values


def _samples(path: Path, numbers: Mapping[str, Array], table: Mapping[str, list[str]]) -> dict[str, Array]:
    """The rows sorted into samples, whose nodes may come in any order, but must be the same."""
    count = len(numbers["x"])
    samples, sets = table.get("sample", ["1"] * count), table.get("set", ["train"] * count)
    members: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(sets, samples, strict=True)):
        members.setdefault(key, []).append(row)
    unknown = sorted(set(sets) - {"train", "val"})
    if unknown:
        raise FileError(f"{path}: column set: '{unknown[0]}': must be train or val")
    nodes: Array | None = None
    result: dict[str, list[Array]] = {}
    for (which, sample), rows in members.items():
        index = np.array(rows)
        # programs may write the nodes of each sample in another order
        order = index[np.lexsort((numbers["y"][index], numbers["x"][index]))]
        places = np.stack([numbers["x"][order], numbers["y"][order]], axis=1)
        if not np.isfinite(places).all():
            row = int(order[~np.isfinite(places).all(axis=1)].min()) + 1
            raise FileError(f"{path}: row {row} of the table: a node's place is not finite")
        if nodes is None:
            nodes = places
        elif (same := _matched(nodes, places)) is not None:
            order = order[same]
        else:
            raise FileError(
                f"{path}: sample {sample} has {len(places)} nodes that are not the {len(nodes)} of the first "
                "sample: put samples on other nodes into a file of their own, and give both files"
            )
        prefix = "" if which == "train" else "val_"
        for name in "ub":
            field_of = np.stack([numbers[f"{name}x"][order], numbers[f"{name}y"][order]], axis=1)
            result.setdefault(prefix + name, []).append(field_of)
    assert nodes is not None
    missing = [name for name in ("u", "b") if name not in result]
    if missing:
        raise FileError(f"{path}: has samples of the set val alone: there is nothing to learn from")
    return {"nodes": nodes} | {name: np.array(fields) for name, fields in result.items()}


def _matched(nodes: Array, places: Array) -> NDArray[np.int64] | None:
    """Which of the places is each of the nodes; None where they are not the same."""
    if places.shape != nodes.shape:
        return None
    if np.array_equal(places, nodes):
        return np.arange(len(nodes))
    # sorted places are no help: round-off moves a node to another end of its row
    distance, nearest = KDTree(places).query(nodes)
    near = _SAME_PLACE * np.sqrt(np.ptp(nodes, axis=0).prod() / len(nodes))
    whole = len(np.unique(nearest)) == len(nodes) and bool((distance <= near).all())
    return np.asarray(nearest, dtype=np.int64) if whole else None


def units_of(
    raw: RawData, length: str | None, modulus: str | None, load_per: str
) -> tuple[str | None, str | None]:
    """The units that the file and the input agree on.

    Args:
        length, modulus: what is known of them so far.
        load_per: ``volume`` or ``area``, of which b is a force.

    Raises:
        FileError: they contradict each other; names both.
    """
    for name in ("x", "y", "ux", "uy"):
        if name in raw.units:
            length = _agreed(raw, name, raw.units[name], length, "length_unit", LENGTHS_IN_A)
    for name in ("bx", "by"):
        if name in raw.units:
            stress, over = _parts_of_load(raw, name, load_per)
            modulus = _agreed(raw, name, stress, modulus, "modulus_unit", MODULI_IN_TPA)
            if over is not None:
                length = _agreed(raw, name, over, length, "length_unit", LENGTHS_IN_A)
    return length, modulus


def _parts_of_load(raw: RawData, column: str, load_per: str) -> tuple[str, str | None]:
    """The modulus in a load's unit, and the length that it is over: of a force per area there is none.

    Raises:
        FileError: the unit is that of a force per something else.
    """
    unit = raw.units[column]
    if load_per == "area":
        if _is_modulus(unit):
            return unit, None
        raise FileError(
            f"{raw.path}: column {column} is in '{unit}', but data.load_per = 'area': expected a modulus, "
            "such as GPa; convert it, or leave load_per out if b is a force per volume"
        )
    if force := _PER_VOLUME.fullmatch(unit):
        # a newton per volume is one per area over a length
        kilo, milli = force.groups()
        return f"{kilo}N/{milli}m^2", f"{milli}m"
    parts = re.fullmatch(r"(.*)/\s*([^/]+)", unit)
    if parts is None or _is_modulus(unit):
        raise FileError(
            f"{raw.path}: column {column} is in '{unit}': expected a modulus over a length, such as GPa/mm, "
            "or say data.load_per = 'area' if b is a force per area of a sheet"
        )
    return parts[1], parts[2]


def _is_modulus(unit: str) -> bool:
    try:
        return known_unit(unit.strip(), MODULI_IN_TPA) in MODULI_IN_TPA
    except ValueError:
        return False


def _agreed(
    raw: RawData, column: str, said: str, given: str | None, key: str, units: dict[str, float]
) -> str:
    try:
        unit = known_unit(said.strip(), units)
    except ValueError as error:
        raise FileError(f"{raw.path}: column {column}: {error}") from error
    if given is not None and unit != given:
        raise FileError(
            f"{raw.path}: column {column} is in {unit}, but data.{key} = '{given}'; convert it, or correct "
            "one"
        )
    return unit
