"""Small simulations with the observers of fields attached, that several tests share."""

from mpi4py import MPI

from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every
from mdbridge.md.observe.wanted import Wanted
from mdbridge.md.potentials import find_potentials
from mdbridge.md.session import Session

CRYSTAL = """
    units lj
    atom_modify map array
    lattice fcc 0.9
    region whole prism 0 5 0 4 0 3 0 0 0
    create_box 2 whole
    create_atoms 1 box
    set type 1 type/fraction 2 0.3 99
    mass 1 1.0
    mass 2 2.0
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    timestep 0.004
    velocity all create 0.5 4711 loop geom
"""
COPPER = """
    units metal
    atom_modify map array
    lattice fcc 3.615
    region whole prism 0 4 0 4 0 4 2 0 0
    create_box 1 whole
    create_atoms 1 box
    pair_style eam/alloy
    pair_coeff * * Cu_mishin1.eam.alloy Cu
    timestep 0.002
    velocity all create 600 4711 loop geom
    fix motion all nve
"""


def simulation(script=CRYSTAL, more=""):
    """A session in which a script has been run."""
    find_potentials()
    session = Session(MPI.COMM_SELF)
    session.commands(script + "\n" + more)
    return session


def attached(
    session, fields, spacing=10, axes="xy", cells=(5, 4), shape="cone", radius=2.5, region=None, **wanted
):
    """Attach everything that takes fields; returns the frames, and what follows the material."""
    material, frames = Material(), []
    start = session.step
    session.attach(material, every(1))
    asked = Wanted(CellGrid(axes, cells, region), shape, radius, fields, **wanted)
    session.attach(Fields(asked, material, every(spacing, start), frames.append), every(spacing, start))
    return frames, material
