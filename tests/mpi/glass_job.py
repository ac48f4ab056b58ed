"""Started by test_glass_mpi.py: fields of one state, and failures that must end all ranks.

Arguments: what to do, the file that rank 0 writes.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.core import parallel
from mdbridge.md.observe.cell import Cell, Guard, mark_reference
from mdbridge.md.observe.glass import Frames, LocalStrain, Thermo, WindowAverage, define_energy
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.session import Session

# atoms are made by hand, so that IDs and with them what follows do not depend on the ranks
START = """
    units metal
    atom_modify map array
    region whole prism 0 24.3 0 28.35 0 16.2 0 0 0 units box
    create_box 2 whole
    mass 1 27.0
    mass 2 60.0
"""


def sample(comm: MPI.Comm) -> Session:
    """560 atoms about an fcc lattice, of two kinds."""
    random = np.random.default_rng(7)
    cells = np.stack(np.meshgrid(range(6), range(7), range(4), indexing="ij"), axis=-1).reshape(-1, 3)
    basis = 0.5 * np.array([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
    x = 4.05 * (cells[:, None] + basis + 0.25).reshape(-1, 3) + random.normal(scale=0.05, size=(672, 3))
    session = Session(comm)
    session.commands(START)
    session.lmp.create_atoms(
        len(x), list(range(1, len(x) + 1)), random.integers(1, 3, len(x)).tolist(), x.ravel().tolist()
    )
    session.commands("pair_style lj/cut 7.0\npair_coeff * * 0.4 2.5\ntimestep 0.002")
    return session


def fields(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """All fields of one state, displaced, moving, in a box that has been flipped."""
    with sample(comm) as session:
        box = mark_reference(session)
        atoms = session.atoms()
        # the state is a function of the reference positions alone: the same on any ranks
        x0 = session.gather("x", 3)
        lean = 0.7 * box[1, 1]
        turns = round(lean / box[0, 0])
        session.commands(f"change_box all xy final {lean - turns * box[0, 0]} units box")
        wave = np.sin(2 * np.pi * x0[:, [1, 0, 0]] / box[1, 1]) * [2.5, 0.4, 0.3]
        session.scatter("x", x0 + np.outer(x0[:, 1], [0.7, 0, 0]) + wave)
        atoms = session.atoms()
        half = 1 << (atoms.image_bits - 1)
        atoms.array("image")[:] = half | half << atoms.image_bits | half << 2 * atoms.image_bits
        session.scatter("v", 3.0 * np.cos(x0))
        cell = Cell(box, turns)
        define_energy(session)
        found = []
        average = WindowAverage(session, cell, (9, 8), 4.0, 12.0, {})
        local, thermo = LocalStrain(cell, (9, 8), 4.0, 12.0), Thermo(session, cell)
        for one in (cell, average, local, thermo, Frames(cell, [average, local, thermo], found.append)):
            session.attach(one, every(1))
        session.run(0)
    return {name: np.asarray(values) for name, values in found[0].items()} if found else {}


def empty(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """Two atoms near each other: some ranks have none."""
    with Session(comm) as session:
        session.commands("""
            units metal
            atom_modify map array
            region whole block 0 40 0 40 0 10 units box
            create_box 1 whole
            create_atoms 1 single 10 11 5 units box
            create_atoms 1 single 12 11 5 units box
            mass 1 12.0
            pair_style lj/cut 3.0
            pair_coeff * * 0.1 1.9
            """)
        cell = Cell(mark_reference(session))
        define_energy(session)
        found = []
        average = WindowAverage(session, cell, (6, 6), 12.0, 48.0, {})
        thermo = Thermo(session, cell)
        for one in (Guard(2), cell, average, thermo, Frames(cell, [average, thermo], found.append)):
            session.attach(one, every(1))
        session.run(0)
    return {name: np.asarray(found[0][name]) for name in ("potential_energy", "density")} if found else {}


def wrong_window(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """A window with no atoms in it: every rank sees that, at the end of the frame."""
    with sample(comm) as session:
        session.commands("fix motion all nve")
        cell = Cell(mark_reference(session))
        local = LocalStrain(cell, (9, 8), 0.05, 0.15)
        for one in (Guard(session.natoms), cell, local, Frames(cell, [local], lambda frame: None)):
            session.attach(one, every(5) if one is local else every(1))
        session.run(20)
    return {}


def lost(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """One atom leaves the box; the last rank has nothing to do with it."""
    with Session(comm) as session:
        session.commands("""
            units metal
            region whole block 0 20 0 20 0 20 units box
            boundary p p f
            create_box 1 whole
            create_atoms 1 single 5 5 10 units box
            create_atoms 1 single 15 5 19.5 units box
            mass 1 30
            pair_style zero 3.0
            pair_coeff * *
            thermo_modify lost ignore
            neigh_modify every 1 delay 0 check no
            velocity all set 0 0 50.0
            fix motion all nve
            """)
        session.attach(Guard(session.natoms), every(1))
        session.run(200)
    return {}


def nan(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """A velocity that is no number, on the last rank only."""
    with sample(comm) as session:
        session.commands("fix motion all nve")
        session.run(1)
        session.attach(Guard(session.natoms), every(1))
        session.attach(Thermo(session, Cell(session.atoms().box())), on([50]))
        if comm.rank == comm.size - 1:
            session.atoms().array("v")[0] = np.nan
        session.run(100)
    return {}


def main() -> int:
    comm = MPI.COMM_WORLD
    folder, *tasks = sys.argv[1:]
    for what in tasks:
        found = {task.__name__: task for task in (fields, empty, wrong_window, lost, nan)}[what](comm)
        parallel.on_root(comm, partial(np.savez, Path(folder) / f"{what}.npz", **found))
    return 0


if __name__ == "__main__":
    parallel.run_main(MPI.COMM_WORLD, main)
