"""A small Lennard-Jones crystal that the tests of sessions share."""

from mpi4py import MPI

from mdbridge.md.session import Session

TEXT = """
    units lj
    atom_style {style}
    atom_modify map yes
    lattice fcc 0.85
    region whole prism 0 4 0 4 0 3 {tilt} 0 0
    create_box 2 whole
    create_atoms 1 box
    {masses}
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    timestep 0.003
    velocity all create 0.8 4711 loop geom
    compute pe all pe/atom
    """


def crystal(more="", style="atomic", tilt=0.0, masses="mass * 1.0", comm=MPI.COMM_SELF, **options):
    """A session with the crystal in it, at step 0, with nothing that moves it."""
    session = Session(comm, **options)
    session.commands(TEXT.format(style=style, tilt=tilt, masses=masses) + more)
    return session


def moving(more="", **options):
    """The crystal with ``fix nve``."""
    return crystal("fix motion all nve\n" + more, **options)
