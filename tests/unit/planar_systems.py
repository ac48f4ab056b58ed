"""Planar crystals for the tests: those that ship, one with another pair style, and one with a closed form."""

from math import sqrt

from mdbridge.md.crystals import PlanarCrystal, planar_crystal

GRAPHENE = planar_crystal("graphene")
BORON_NITRIDE = planar_crystal("boron-nitride")
AIREBO = GRAPHENE.with_potential("airebo 3.0", ["* * {potential} C"], {"potential": "CH.airebo"})

STIFFNESS = 2 * 0.4 * 1.7**2  # eV/Å²: 2 D α² of the bonds below
TRIANGULAR = PlanarCrystal(
    name="triangular",
    cell=(1.0, sqrt(3.0)),
    basis=((1, 0.25, 0.25), (1, 0.75, 0.75)),
    masses=(40.0,),
    pair_style="morse 3.8",  # nearest neighbours alone
    pair_coeff=("* * 0.4 1.7 2.5",),
    lattice_guess=2.5,
    thickness=3.0,
)
"""Bonds of 2.5 Å between nearest neighbours: C11 = 3 C12 = 3 C66 = (3√3/4) STIFFNESS over the thickness."""

ALL = {
    crystal.name + crystal.pair_style[:3]: crystal
    for crystal in (GRAPHENE, BORON_NITRIDE, AIREBO, TRIANGULAR)
}
