"""Conversions from LAMMPS 'metal' units (eV, Å, ps, bar, g/mol).

The package works in Å, ps, eV and GPa (TPa for graphene's moduli).
"""

EV_PER_A3_IN_GPA = 160.21766340
"""1 eV/Å³ in GPa (exact by the definition of the electronvolt)."""

EV_PER_A3_IN_TPA = EV_PER_A3_IN_GPA / 1000.0

BAR_IN_GPA = 1.0e-4

BOLTZMANN_EV_PER_K = 8.617333262e-5
