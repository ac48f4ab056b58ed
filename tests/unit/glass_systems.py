"""Small simulations that the tests of the glass campaign share."""

from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core.config import check
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


def glass_input(steps, **observe):
    """The checked input of a glass campaign that observes ``steps`` of a script."""
    data = {"campaign": "glass", "md": {"script": "my.in", "steps": steps}, "observe": observe}
    return check(data, GlassInput, "glass.toml")


def crystal(comm, more="", log=None):
    """360 atoms of two kinds on an fcc lattice, in a box that may lean."""
    session = Session(comm, log)
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
    session.scatter("x", positions, unwrapped=True)


def unwrapped(session):
    """``(n, 3)`` unwrapped positions in the order of the IDs."""
    return session.gather("x", 3, unwrapped=True)
