"""Numbers and keys of summary.json as a page shows them to people."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..core import plots

_PARTS = {"md": "MD", "lps": "LPS", "ego": "EGO", "mu": "μ", "gamma": "γ", "bulk": "bulk modulus"}
_UNITS = {
    "TPa_per_A": "TPa/Å",
    "A2": "Å²",
    "GPa": "GPa",
    "TPa": "TPa",
    "A": "Å",
    "ps": "ps",
    "K": "K",
    "eV": "eV",
    "s": "s",
}
NAMES = {
    "E_res_train": "residual, training",
    "E_u_train": "displacement, training",
    "E_res_val": "residual, validation",
    "E_u_val": "displacement, validation",
    "E_u_test": "displacement, disc",
    "E_res_test": "residual, disc",
    # trials are numbered from 0
    "found_at": "evaluations until the best",
    "nu": "ν",
    "mu": "μ",
    "lambda": "λ",
    "alpha": "α",
    "delta": "δ",
    "lps_inverse_r": "LPS with K = 1/r",
    "classical": "classical elasticity",
    "gradient": "gradient elasticity",
    "md_E": "E of the MD",
    "md_nu": "ν of the MD",
    "energy_mean_composition": "energy at mean composition",
}
"""Words for keys that are no words."""
_UNIT_KEYS = {
    **dict.fromkeys(("elastic_slope", "elastic_slope_error", "stress_at_rest", "peak_stress"), "stress_unit"),
    **dict.fromkeys(("flow_stress", "flow_stress_error"), "stress_unit"),
    **dict.fromkeys(("box", "band_width"), "length_unit"),
    **dict.fromkeys(("energy_per_atom_first_last", "energy_per_atom_at_rest"), "energy_unit"),
    **dict.fromkeys(("energy_spread_first", "energy_mean_composition_spread_first"), "energy_unit"),
}
"""Of keys whose unit another key of the same summary tells: which."""


def worded(name: str) -> str:
    """A key as one reads it: ``peak_stress_GPa`` is peak stress (GPa)."""
    for suffix, unit in _UNITS.items():
        if name.endswith(f"_{suffix}"):
            return f"{worded(name.removesuffix(f'_{suffix}'))} ({unit})"
    # of a name in two parts the first may be an abbreviation
    return NAMES.get(name, " ".join(_PARTS.get(part, part) for part in name.split("_")))


def with_unit(name: str, summary: Mapping[str, Any]) -> str:
    """A key as one reads it, with the unit that another key of the summary tells of it."""
    unit = summary.get(_UNIT_KEYS.get(name, ""))
    return f"{worded(name)} ({plots.unit(unit)})" if isinstance(unit, str) else worded(name)


def units_beside(names: Iterable[str]) -> set[str]:
    """Keys that say no more than the units which stand with numbers of these names."""
    return {_UNIT_KEYS[name] for name in names if name in _UNIT_KEYS}


def headed(name: str) -> str:
    """A key at the head of a table."""
    text = worded(name)
    return text[:1].upper() + text[1:]


def as_text(value: Any, digits: int = 4) -> str:
    """A value for a cell; empty for what does not fit one."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, float):
        return f"{value:.{digits}g}".replace("-", "−") if math.isfinite(value) else "–"
    if isinstance(value, list) and len(value) <= 4 and all(isinstance(v, int | float) for v in value):
        return (" … " if len(value) == 2 else ", ").join(as_text(v, digits) for v in value)
    return ""
