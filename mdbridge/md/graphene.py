"""Graphene with the Tersoff potential, as in [You2022, sec. 6]."""

from math import sqrt

from .crystals import HONEYCOMB_CELL, PlanarCrystal, honeycomb

CRYSTAL = PlanarCrystal(
    name="graphene",
    cell=HONEYCOMB_CELL,
    basis=honeycomb(1, 1),
    masses=(12.011,),
    pair_style="tersoff",
    pair_coeff=("* * {potential} C",),
    potentials={"potential": "SiC.tersoff"},
    lattice_guess=1.46 * sqrt(3.0),
    thickness=3.35,  # the distance of layers in graphite
)
