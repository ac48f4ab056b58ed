"""From molecular dynamics to continuum models.

The names below are all that a program of one's own needs at first; docs/python.md lists
them, each with an example.  They are imported when they are used: ``import mdbridge``
brings in neither numpy nor MPI, and a program that only learns needs no LAMMPS.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .calibrate.ego import Calibration
    from .calibrate.settings import SearchSettings
    from .calibrate.space import Parameter, Space
    from .core.errors import MdbridgeError
    from .fields.fieldset import FieldSet
    from .fields.grid import NodeGrid
    from .lps.fieldsets import learn, solve
    from .lps.material import LinearPeridynamicSolid
    from .md.exchange import from_ase, to_ase
    from .md.observe.base import Observer
    from .md.observe.displacement import SpatialAverage, TimeFilter
    from .md.observe.schedule import every, on
    from .md.session import Session
    from .stz.forwardrun import Case, forward
    from .stz.ratelaw import Material
    from .stz.staggered import Grid

__version__ = "0.2.0"

__all__ = [
    "Calibration",
    "Case",
    "FieldSet",
    "Grid",
    "LinearPeridynamicSolid",
    "Material",
    "MdbridgeError",
    "NodeGrid",
    "Observer",
    "Parameter",
    "SearchSettings",
    "Session",
    "Space",
    "SpatialAverage",
    "TimeFilter",
    "every",
    "forward",
    "from_ase",
    "learn",
    "on",
    "solve",
    "to_ase",
]

_HOMES = {
    "Calibration": "calibrate.ego",
    "Case": "stz.forwardrun",
    "FieldSet": "fields.fieldset",
    "Grid": "stz.staggered",
    "LinearPeridynamicSolid": "lps.material",
    "Material": "stz.ratelaw",
    "MdbridgeError": "core.errors",
    "NodeGrid": "fields.grid",
    "Observer": "md.observe.base",
    "Parameter": "calibrate.space",
    "SearchSettings": "calibrate.settings",
    "Session": "md.session",
    "Space": "calibrate.space",
    "SpatialAverage": "md.observe.displacement",
    "TimeFilter": "md.observe.displacement",
    "every": "md.observe.schedule",
    "forward": "stz.forwardrun",
    "from_ase": "md.exchange",
    "learn": "lps.fieldsets",
    "on": "md.observe.schedule",
    "solve": "lps.fieldsets",
    "to_ase": "md.exchange",
}
"""The module of each public name."""


def __dir__() -> list[str]:
    """What there is, whether it has been imported or not."""
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # a checker takes the names from the imports above, and misses misspelt ones

    def __getattr__(name):
        """Import a public name when it is first used."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # kept, so that Python finds it without asking here the next time
        value = globals()[name] = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        return value
