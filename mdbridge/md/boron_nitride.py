"""A layer of hexagonal boron nitride with the Tersoff potential of Kınacı et al., Phys. Rev. B 86, 115410."""

from .crystals import HONEYCOMB_CELL, PlanarCrystal, honeycomb

CRYSTAL = PlanarCrystal(
    name="boron-nitride",
    cell=HONEYCOMB_CELL,
    basis=honeycomb(1, 2),
    masses=(10.81, 14.007),
    pair_style="tersoff",
    pair_coeff=("* * {potential} B N",),
    potentials={"potential": "BNC.tersoff"},
    lattice_guess=2.504,
    thickness=3.33,  # half the height of the cell of the layered solid
)
