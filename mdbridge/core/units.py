"""Conversions from LAMMPS 'metal' units (eV, Å, ps, bar, g/mol).

The package works in Å, ps, eV and GPa (TPa for moduli of planar crystals).
"""

from dataclasses import dataclass

EV_PER_A3_IN_GPA = 160.21766340
"""1 eV/Å³ in GPa (exact by the definition of the electronvolt)."""

EV_PER_A3_IN_TPA = EV_PER_A3_IN_GPA / 1000.0

BAR_IN_GPA = 1.0e-4

BOLTZMANN_EV_PER_K = 8.617333262e-5

# Faraday's constant, 96485.33 C/mol, but for powers of ten
EV_PER_A2_IN_G_PER_MOL_PS2 = 9648.53321233
"""1 eV/Å² in g/mol/ps²: a force constant over a mass is the square of an angular frequency."""


@dataclass(frozen=True)
class UnitStyle:
    """What the numbers of a LAMMPS ``units`` style are written as.

    Attributes:
        length, time, energy, stress, density: names of the units.
        pressure_factor: what a LAMMPS pressure is multiplied with for ``stress``.
        density_factor: what mass per volume is multiplied with for ``density``.
    """

    length: str
    time: str
    energy: str
    stress: str
    density: str
    temperature: str = "K"
    pressure_factor: float = 1.0
    density_factor: float = 1.0

    @property
    def velocity(self) -> str:
        """Name of the unit of velocities."""
        return f"{self.length}/{self.time}"


_G_PER_MOL_A3 = 1.66053906660  # in g/cm³

UNIT_STYLES = {
    "metal": UnitStyle(
        "angstrom", "ps", "eV", "GPa", "g/cm^3", "K", pressure_factor=BAR_IN_GPA, density_factor=_G_PER_MOL_A3
    ),
    # reduced units: all factors are 1, and nothing says what they stand for
    "lj": UnitStyle("sigma", "tau", "epsilon", "epsilon/sigma^3", "mass/sigma^3", temperature="epsilon/k_B"),
}
"""The unit styles whose results are written with names."""
