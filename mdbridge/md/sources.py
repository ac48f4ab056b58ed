"""Per-atom values by their LAMMPS names: arrays, ``c_ID``, ``c_ID[k]``, ``f_ID``, ``f_ID[k]``, ``v_name``."""

import re

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MDError
from .engine import lammps

_KINDS = {"c": "compute", "f": "fix", "v": "variable"}
_ATTRIBUTES = frozenset(a + d for a in ("", "v", "f") for d in "xyz")
_COLUMN = re.compile(r"(\w+)\[(\d+)\]$")
_REFERENCE = re.compile(r"([cfv])_(\w+)(?:\[(\d+)\])?$")


def defined(lmp: lammps.lammps, source: str) -> bool:
    """Whether the simulation defines ``source``."""
    match = _REFERENCE.match(source)
    if match:
        return bool(lmp.has_id(_KINDS[match[1]], match[2]))
    # LAMMPS knows the type of every array, also of those that the atom style leaves out
    return bool(lmp.lib.lammps_extract_atom(lmp.lmp, _array(source)[0].encode()))


def _array(source: str) -> tuple[str, int | None]:
    """The array of LAMMPS that holds an attribute (``vx``) or a column (``d2_name[1]``), and which column."""
    if source in _ATTRIBUTES:
        return source[:-1] or "x", "xyz".index(source[-1])
    match = _COLUMN.match(source)
    return (match[1], int(match[2]) - 1) if match else (source, None)


def width(lmp: lammps.lammps, name: str) -> int:
    """Number of columns of a per-atom table (``d2_name``)."""
    return int(lmp.extract_atom_size(name, lammps.LMP_SIZE_COLS))


def require_ids(ids: NDArray[np.integer]) -> None:
    """Refuse atoms that carry no IDs.

    Raises:
        InputError: so it is.
    """
    if len(ids) and ids[0] == 0:
        raise InputError("the atoms have no IDs ('atom_modify id no') by which to follow them")


def remedy(source: str) -> str:
    """How a script defines ``source``."""
    match = _REFERENCE.match(source)
    if not match:
        return "add it with 'fix property/atom'"
    what = {"c": "compute {} all …", "f": "fix {} all ave/atom …", "v": "variable {} atom …"}[match[1]]
    return f"add '{what.format(match[2])}' to the script"


def values(lmp: lammps.lammps, source: str, count: int) -> NDArray[np.float64]:
    """``(count,)`` values of this rank's atoms; computes and variables are evaluated (collective).

    Raises:
        MDError: LAMMPS has no such per-atom value now, in its own words.
    """
    match = _REFERENCE.match(source)
    try:
        if not match:
            name, column = _array(source)
            array = lmp.numpy.extract_atom(name)
            array = array if column is None else array[:, column]
        elif match[1] == "v":
            array = np.asarray(lmp.extract_variable(match[2], "all"))
        else:
            extract = lmp.numpy.extract_compute if match[1] == "c" else lmp.numpy.extract_fix
            kind = lammps.LMP_TYPE_ARRAY if match[3] else lammps.LMP_TYPE_VECTOR
            array = extract(match[2], lammps.LMP_STYLE_ATOM, kind)
    except Exception as error:
        raise MDError(f"LAMMPS does not give the per-atom values '{source}': {error}") from error
    if array is None or np.ndim(array) == 0:
        raise MDError(f"LAMMPS does not give the per-atom values '{source}': they are not one number an atom")
    if match and match[3]:
        array = array[:, int(match[3]) - 1]
    return np.asarray(array[:count], dtype=float).reshape(count)


EXTENSIVE = frozenset(
    f"e{what}" for what in ("total", "vdwl", "coul", "pair", "bond", "angle", "dihed", "imp", "mol", "long")
) | {"pe", "ke", "enthalpy", "etail", "ecouple", "econserve"}
"""Keywords of ``thermo_style`` that 'thermo_modify norm' divides by the number of atoms."""


KINETIC = "c_mdbridge_kinetic"
"""Energy of all motion, by a compute of ours: what ``ke`` stands for where LAMMPS has no temperature."""


_COMPUTED = EXTENSIVE | {"temp", "press", "fmax", "fnorm"} | {f"p{a}{b}" for a in "xyz" for b in "xyz"}


def refused(lmp: lammps.lammps, name: str) -> str:
    """Why LAMMPS has no such quantity of the whole system; nothing if it has, or may have in a run."""
    match = _REFERENCE.match(name)
    if match:
        there = lmp.has_id(_KINDS[match[1]], match[2])
        return "" if there else f"there is no {_KINDS[match[1]]} '{match[2]}'"
    # of what LAMMPS knows nothing may be computed here: it would keep that for its own output
    if name in _COMPUTED:
        return ""
    lmp.command(f"variable mdbridge_try equal {name}")
    try:
        lmp.extract_variable("mdbridge_try")
    except Exception as error:
        text = str(error)
        return text.splitlines()[0] if "Invalid" in text else ""
    finally:
        lmp.command("variable mdbridge_try delete")
    return ""


def thermo(lmp: lammps.lammps, name: str) -> float:
    """A quantity of the whole system: a keyword of ``thermo_style``, ``c_ID``, ``c_ID[k]``, … (collective).

    Raises:
        MDError: LAMMPS has no such value now, in its own words.
    """
    match = _REFERENCE.match(name)
    try:
        if not match:
            value = lmp.get_thermo(name)
            if name in EXTENSIVE:
                whole = lmp.extract_compute("thermo_pe", lammps.LMP_STYLE_GLOBAL, lammps.LMP_TYPE_SCALAR)
                value *= normalised(lmp, whole, lmp.get_thermo("pe"), lmp.get_natoms())
        elif match[1] == "v":
            value = lmp.extract_variable(match[2])
        else:
            index = int(match[3]) - 1 if match[3] else 0
            if match[1] == "f":
                kind = lammps.LMP_TYPE_VECTOR if match[3] else lammps.LMP_TYPE_SCALAR
                value = lmp.extract_fix(match[2], lammps.LMP_STYLE_GLOBAL, kind, index)
            elif match[3]:
                value = lmp.extract_compute(match[2], lammps.LMP_STYLE_GLOBAL, lammps.LMP_TYPE_VECTOR)[index]
            else:
                value = lmp.extract_compute(match[2], lammps.LMP_STYLE_GLOBAL, lammps.LMP_TYPE_SCALAR)
    except Exception as error:
        raise MDError(f"LAMMPS does not give '{name}': {error}") from error
    return float(value)


def normalised(lmp: lammps.lammps, whole: float, shown: float, atoms: float) -> float:
    """By what 'thermo_modify norm' has divided energies of a step.

    Args:
        lmp: whose run it is.
        whole: potential energy of the system.
        shown: what the keyword ``pe`` says of it; 0 where that is not known.
        atoms: number of atoms.
    """
    if shown:
        return whole / shown
    # nothing divided by anything is nothing (grains, free flight): the setting tells
    return atoms if lmp.extract_setting("thermo_norm") else 1.0
