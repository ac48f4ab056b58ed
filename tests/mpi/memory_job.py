"""How much the peak of each rank's memory grows with a large grid, in grids: ``memory_job.py``."""

import resource
import sys

from mpi4py import MPI

from mdbridge.core import parallel
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every
from mdbridge.md.observe.wanted import Wanted
from mdbridge.md.session import Session

CRYSTAL = """
    units lj
    lattice fcc 0.9
    region whole block 0 6 0 6 0 6
    create_box 1 whole
    create_atoms 1 box
    mass 1 1.0
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    velocity all create 1.0 4711
    fix motion all nve
"""
CELLS = 64
# density, velocity and stress: mass, momentum, and six components
GRID = 10 * 8 * CELLS**3


def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def take(session, material, cells):
    grid = CellGrid("xyz", (cells,) * 3)
    wanted = Wanted(grid, "cone", 2.0 * session.box()[0, 0] / cells, ("density", "velocity", "stress"))
    fields = Fields(wanted, material, every(5), lambda frame: None)
    session.attach(fields, every(5))
    session.run(10)
    session.detach(fields)


def main():
    comm = MPI.COMM_WORLD
    with Session(comm) as session:
        session.commands(CRYSTAL)
        material = Material()
        session.attach(material, every(1))
        # all that is needed once: libraries, compiled loops, LAMMPS's own
        take(session, material, 8)
        before = peak()
        take(session, material, CELLS)
        grown = comm.gather((peak() - before) / GRID)
    if comm.rank == 0:
        sys.stdout.write(" ".join(f"{g:.2f}" for g in grown) + "\n")
    return 0


if __name__ == "__main__":
    parallel.run_main(MPI.COMM_WORLD, main)
