"""Started by test_glass_mpi.py: fields of one state, and failures that must end all ranks.

Arguments: what to do, the file that rank 0 writes.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.campaigns.glass.frames import Times, attach_observers
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core import parallel
from mdbridge.core.config import check
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.guard import LossGuard
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every
from mdbridge.md.observe.wanted import Wanted
from mdbridge.md.session import Session
from mdbridge.md.setup import Setup

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


def attached(session: Session, steps: int = 1, **observe: object) -> list[dict[str, np.ndarray]]:
    """Attach everything of a glass; the frames go to the list that is returned."""
    given = {"grid": [8, 9], "energy_window": 4.0, "strain_window": 4.0, "frames": 1, "samples": 1} | observe
    data = {
        "campaign": "glass",
        "md": {"script": "a", "steps": steps},
        "observe": given | {"curve_points": 1},
    }
    config = check(data, GlassInput, "glass.toml")
    kept: list[dict[str, np.ndarray]] = []
    times = Times.of(config, session.step, session.step - 1)
    attach_observers(session, config, times, kept.append, Setup())
    return kept


def fields(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """All fields of one state, displaced, moving, in a box that has been flipped."""
    with sample(comm) as session:
        kept = attached(session, samples=1, sample_every=1)
        session.run(0)
        box = session.box()
        # the state is a function of the reference positions alone: the same on any ranks
        x0 = session.gather("x", 3)
        lean = 0.7 * box[1, 1]
        for part in (0.35, 0.7):  # the box is followed from look to look
            tilt = part * box[1, 1]
            tilt -= round(tilt / box[0, 0]) * box[0, 0]
            session.commands(f"change_box all xy final {tilt} units box")
            if part < 0.7:
                session.run(0)
        wave = np.sin(2 * np.pi * x0[:, [1, 0, 0]] / box[1, 1]) * [2.5, 0.4, 0.3]
        session.scatter("x", x0 + np.outer(x0[:, 1], [0.7, 0, 0]) + wave)
        atoms = session.atoms()
        half = 1 << (atoms.image_bits - 1)
        atoms.array("image")[:] = half | half << atoms.image_bits | half << 2 * atoms.image_bits
        session.scatter("v", 3.0 * np.cos(x0))
        session.run(0)
        kept[-1:] = [
            frame | {"turns": round((lean - session.box()[1, 0]) / box[0, 0])} for frame in kept[-1:]
        ]
    return {name: np.asarray(values) for name, values in kept[-1].items()} if kept else {}


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
        kept: list[dict[str, np.ndarray]] = []
        wanted = Wanted(CellGrid("xy", (6, 6)), "gaussian", 48.0, ("potential_energy", "density"))
        material = Material()
        for observer in (LossGuard(), material, Fields(wanted, material, every(1), kept.append)):
            session.attach(observer, every(1))
        session.run(0)
    return {name: np.asarray(kept[0]["fields"][name]) for name in wanted.fields} if kept else {}


def wrong_window(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """A window with no atoms in it: rank 0 alone sees that, at the end of the frame."""
    with sample(comm) as session:
        session.commands("fix motion all nve")
        attached(session, 20, strain_window=0.05, sample_every=1)
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
        session.attach(LossGuard(), every(1))
        session.run(200)
    return {}


def nan(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """A velocity that is no number, on the last rank only."""
    with sample(comm) as session:
        session.commands("fix motion all nve")
        session.run(1)
        session.attach(LossGuard(), every(1))
        attached(session, 50, sample_every=1)
        if comm.rank == comm.size - 1:
            session.atoms().array("v")[0] = np.nan
        session.run(100)
    return {}


def main() -> int:
    comm = MPI.COMM_WORLD
    folder, *tasks = sys.argv[1:]
    for what in tasks:
        arrays = {task.__name__: task for task in (fields, empty, wrong_window, lost, nan)}[what](comm)
        parallel.on_root(comm, partial(np.savez, Path(folder) / f"{what}.npz", **arrays))
    return 0


if __name__ == "__main__":
    parallel.run_main(MPI.COMM_WORLD, main)
