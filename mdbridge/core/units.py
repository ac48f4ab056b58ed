"""Conversions from LAMMPS 'metal' units (eV, Å, ps, bar, g/mol).

The package works in Å, ps, eV and GPa (TPa for moduli of planar crystals).
"""

from dataclasses import dataclass, replace

EV_PER_A3_IN_GPA = 160.21766340
"""1 eV/Å³ in GPa (exact by the definition of the electronvolt)."""

EV_PER_A3_IN_TPA = EV_PER_A3_IN_GPA / 1000.0

BAR_IN_GPA = 1.0e-4

BOLTZMANN_EV_PER_K = 8.617333262e-5

# Faraday's constant, 96485.33 C/mol, but for powers of ten
EV_PER_A2_IN_G_PER_MOL_PS2 = 9648.53321233
"""1 eV/Å² in g/mol/ps²: a force constant over a mass is the square of an angular frequency."""

TPA_PER_A2_OVER_G_PER_CM3_IN_PER_PS2 = 1.0e5
"""1 TPa/Å² over 1 g/cm³ in 1/ps²: a stiffness over a density is the square of an angular frequency."""

ATM_IN_GPA = 1.01325e-4

BOHR_IN_A = 0.529177210903


@dataclass(frozen=True)
class UnitStyle:
    """What the numbers of a LAMMPS ``units`` style are written as.

    Attributes:
        length, time, energy, stress, density, temperature: names of the units.
        pressure_factor: what a LAMMPS pressure is multiplied with for ``stress``.
        density_factor: what mass per volume is multiplied with for ``density``.
        planar: names of stress and density in two dimensions, where they are per area.
        dimension: of the simulation.
    """

    length: str
    time: str
    energy: str
    stress: str
    density: str
    temperature: str = "K"
    pressure_factor: float = 1.0
    density_factor: float = 1.0
    planar: tuple[str, str] = ("", "")
    dimension: int = 3

    @property
    def velocity(self) -> str:
        """That of velocities: by so many lengths LAMMPS moves an atom in a unit of time.

        In its style electron, too, whose manual has bohr over the atomic unit of time, 1.03275 fs.
        """
        return f"{self.length}/{self.time}"

    def of(self, dimension: int) -> "UnitStyle":
        """The style of a simulation of so many dimensions.

        In two, LAMMPS divides by areas: what it prints as bar is bar times angstrom.
        """
        if dimension == 3:
            return self
        stress, density = self.planar
        if not stress:
            stress, density = f"{self.stress} {self.length}", f"{self.density} {self.length}"
        return replace(self, stress=stress, density=density, dimension=2)


GRAM_PER_MOL_A3_IN_G_PER_CM3 = 1.66053906660  # in g/cm³

UNIT_STYLES = {
    "metal": UnitStyle(
        "angstrom",
        "ps",
        "eV",
        "GPa",
        "g/cm^3",
        pressure_factor=BAR_IN_GPA,
        density_factor=GRAM_PER_MOL_A3_IN_G_PER_CM3,
    ),
    # reduced units: all factors are 1, and nothing says what they stand for
    "lj": UnitStyle(
        "sigma",
        "tau",
        "epsilon",
        "epsilon/sigma^3",
        "mass/sigma^3",
        temperature="epsilon/k_B",
        planar=("epsilon/sigma^2", "mass/sigma^2"),
    ),
    "real": UnitStyle(
        "angstrom",
        "fs",
        "kcal/mol",
        "GPa",
        "g/cm^3",
        pressure_factor=ATM_IN_GPA,
        density_factor=GRAM_PER_MOL_A3_IN_G_PER_CM3,
    ),
    "si": UnitStyle("m", "s", "J", "Pa", "kg/m^3", planar=("N/m", "kg/m^2")),
    "electron": UnitStyle(
        "bohr",
        "fs",
        "hartree",
        "GPa",
        "g/cm^3",
        pressure_factor=1e-9,
        density_factor=GRAM_PER_MOL_A3_IN_G_PER_CM3 / BOHR_IN_A**3,
    ),
}
"""The unit styles whose results are written with names."""

LENGTHS_IN_A = {
    "angstrom": 1.0,
    "nm": 1e1,
    "um": 1e4,
    "mm": 1e7,
    "cm": 1e8,
    "m": 1e10,
    "km": 1e13,
    "inch": 2.54e8,
}
"""Units of length that data of other programs may be in, in Å."""

MODULI_IN_TPA = {
    "TPa": 1.0,
    "GPa": 1e-3,
    "MPa": 1e-6,
    "kPa": 1e-9,
    "Pa": 1e-12,
    "eV/A^3": EV_PER_A3_IN_TPA,
}
"""Units of moduli, in TPa."""

_SPELLINGS = {
    "å": "angstrom",
    "a": "angstrom",
    "ang": "angstrom",
    "angstroms": "angstrom",
    "µm": "um",
    "μm": "um",
    "micron": "um",
    "in": "inch",
    "n/m^2": "Pa",
    "n/m2": "Pa",
    "n/mm^2": "MPa",
    "n/mm2": "MPa",
    "n/mm²": "MPa",
    "n/m²": "Pa",
    "kn/m^2": "kPa",
    "kn/mm^2": "GPa",
    "kn/mm2": "GPa",
    "kn/mm²": "GPa",
    "\u212b": "angstrom",
    "ev/angstrom^3": "eV/A^3",
    "ev/å^3": "eV/A^3",
}

_PER_WIDTH = (
    "n/m",
    "n/mm",
    "mn/m",
    "ev/a^2",
    "ev/å^2",
    "ev/angstrom^2",
    "gpanm",
    "gpa*nm",
    "gpa·nm",
    "j/m^2",
)


_OTHERS = (
    {"1": 1.0, "-": 1.0, "%": 1e-2, "permille": 1e-3, "‰": 1e-3, "mm/mm": 1.0, "m/m": 1.0}
    | {"um/m": 1e-6, "µm/m": 1e-6, "μm/m": 1e-6},
    {"fs": 1e-15, "ps": 1e-12, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0}
    | {"min": 60.0, "h": 3600.0},
    {"nN": 1e-9, "uN": 1e-6, "µN": 1e-6, "μN": 1e-6, "mN": 1e-3, "N": 1.0, "kN": 1e3, "MN": 1e6},
    {"eV": 1.602176634e-19, "meV": 1.602176634e-22, "J": 1.0, "mJ": 1e-3, "kJ": 1e3, "MJ": 1e6},
    # an offset lies between these, too: the numbers only tell them apart
    {"K": 1.0, "°C": 2.0, "degC": 2.0, "deg C": 2.0, "degrees C": 2.0, "°F": 3.0, "degF": 3.0, "deg F": 3.0},
)
"""Units of other quantities, each kind in one unit of its own."""


def differ(first: str, second: str, difference: bool = False) -> bool:
    """Whether two names are known to be those of different units of one kind: MPa and GPa, s and ms.

    Names that are not known may be two spellings of one unit, and what stands in brackets may be no unit:
    only two that measure the same thing are told apart.

    Args:
        first, second: the names, as they stand in headers.
        difference: whether a difference or a deviation is measured, for which K and °C are the same.
    """
    places = [_place(name) for name in (first, second)]
    if places[0] is None or places[1] is None or places[0][0] != places[1][0]:
        return False
    if difference and places[0][0] == "°":
        places = [(kind, 3.0 if size == 3.0 else 1.0) for kind, size in filter(None, places)]
    return places[0] != places[1]


def _place(name: str) -> tuple[str, float] | None:
    """A unit that stands for its kind, and the size of the one that is meant; None if it is not known."""
    name = name.strip()
    for units in (LENGTHS_IN_A, MODULI_IN_TPA, *_OTHERS):
        # the letter a may be anything, that with a ring is angstrom
        wanted = _SPELLINGS.get(name.lower(), name) if name.lower() != "a" else name
        if wanted in units:
            return "°" if "°C" in units else next(iter(units)), units[wanted]
    return None


def known_unit(name: str, units: dict[str, float]) -> str:
    """The name of a unit as it is in ``units``, from any of its spellings.

    Raises:
        ValueError: there is no such unit; lists those there are.
    """
    # MPa and mPa differ by nine orders: only what is written otherwise is looked up without case
    wanted = name if name in units else _SPELLINGS.get(name.strip().lower(), name)
    if wanted not in units:
        # what sheets are measured in is no modulus of a solid, but that times a thickness
        sheet = units is MODULI_IN_TPA and name.strip().lower().replace(" ", "") in _PER_WIDTH
        hint = f"; {name} is a modulus times the thickness: divide by that first" if sheet else ""
        raise ValueError(f"unit {name!r}: must be one of {', '.join(units)}{hint}")
    return wanted
