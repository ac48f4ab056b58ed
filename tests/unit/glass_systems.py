"""Small simulations that the tests of the glass campaign share."""

import numpy as np

from mdbridge.md.session import Session

SHEARED = """
    units metal
    atom_modify map array
    lattice fcc 4.05
    region whole prism 0 5 0 6 0 3 0 0 0
    create_box 2 whole
    create_atoms 1 box
    set type 1 type/fraction 2 0.3 99
    mass 1 27.0
    mass 2 60.0
    pair_style lj/cut 7.0
    pair_coeff * * 0.4 2.5
    timestep 0.004
    velocity all create 150.0 4711 loop geom
"""


def crystal(comm, more=""):
    """360 atoms of two kinds on an fcc lattice, in a box that may lean."""
    session = Session(comm)
    session.commands(SHEARED + more)
    return session


def motion(rate):
    """Commands for simple shear at ``rate`` (1/ps)."""
    return f"""
        variable top equal {rate}*ly
        velocity all ramp vx 0 ${{top}} y 0 $(ly) sum yes units box
        fix deform all deform 1 xy erate {rate} remap v
        fix motion all nvt/sllod temp 150.0 150.0 0.1
        compute thermal all temp/deform
        thermo_modify temp thermal
    """


def place(session, positions):
    """Put the atoms at unwrapped ``positions`` ``(n, 3)``, in the order of their IDs."""
    session.scatter("x", positions)
    atoms = session.atoms()
    half = 1 << (atoms.image_bits - 1)
    atoms.array("image")[:] = half | half << atoms.image_bits | half << 2 * atoms.image_bits


def unwrapped(session):
    """``(n, 3)`` unwrapped positions in the order of the IDs."""
    atoms = session.atoms()
    bits = atoms.image_bits
    image, box = session.gather("image", 1)[:, 0].astype(np.int64), atoms.box()
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    flags = np.stack([image & mask, image >> bits & mask, image >> 2 * bits], axis=1) - half
    return session.gather("x", 3) + flags @ box
