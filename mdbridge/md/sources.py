"""Per-atom values by their LAMMPS names: arrays, ``c_ID``, ``c_ID[k]``, ``f_ID``, ``f_ID[k]``, ``v_name``."""

import re

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MDError
from .engine import lammps

_KINDS = {"c": "compute", "f": "fix", "v": "variable"}
_REFERENCE = re.compile(r"([cfv])_(\w+)(?:\[(\d+)\])?$")


def defined(lmp: lammps.lammps, source: str) -> bool:
    """Whether the simulation defines ``source``."""
    match = _REFERENCE.match(source)
    if match:
        return bool(lmp.has_id(_KINDS[match[1]], match[2]))
    return lmp.extract_atom_datatype(source) not in (None, -1)


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
            array = lmp.numpy.extract_atom(source)
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
