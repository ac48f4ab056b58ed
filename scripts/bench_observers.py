"""Time LAMMPS with and without observers, in turn, and print the ratio with its spread.

A thermostatted graphene sheet runs, in turn, with the time filter at every step
and a spatial average onto 5 Å and 2.5 Å nodes every 500 steps, and with nothing
attached, not even the fix.  Both in one session, since two sessions can differ by
15 % in speed from where their memory lies; in turn, so that a drift of the
machine's speed cancels in the ratio of each pair.  Times are the processor's, so
that other programs count less; on several ranks they hold what ranks wait for.

With --fields, in the same way: five fields in the plane of the sheet, with the virial stress, on
32 × 32 nodes every 10 steps; and density, velocity and virial stress of copper on 32 × 32 × 32
nodes every 100 steps.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mpi4py import MPI

from mdbridge.fields.grid import CellGrid, NodeGrid
from mdbridge.md.crystals import planar_crystal, plane_box
from mdbridge.md.observe.displacement import SpatialAverage, TimeFilter
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import Every, after, every
from mdbridge.md.observe.wanted import Wanted
from mdbridge.md.potentials import find_potentials
from mdbridge.md.session import Session
from mdbridge.md.thermostat import thermostat

Observers = list[tuple[Any, Every]]

FIVE = ("displacement", "velocity", "density", "temperature", "stress")
COPPER = """
units metal
lattice fcc 3.615
region whole block 0 28 0 28 0 28
create_box 1 whole
create_atoms 1 box
pair_style eam/alloy
pair_coeff * * Cu_mishin1.eam.alloy Cu
velocity all create 600.0 4711
fix motion all nvt temp 300.0 300.0 0.1
timestep 0.002
"""
SIZES = {"3,588": ((39, 23), 500), "89,700": ((195, 115), 100)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs of runs")
    parser.add_argument("--fields", action="store_true", help="fields on grids, not the time filter")
    options = parser.parse_args()
    comm = MPI.COMM_WORLD
    for name, start, made, steps in fields(comm) if options.fields else filters(comm):
        with start() as session:
            ratios, plain_times = compare(comm, session, made(session), steps, options.rounds)
        if comm.rank == 0:
            low, middle, high = np.percentile(ratios, [10, 50, 90])
            each = 1e3 * np.median(plain_times) / steps
            print(
                f"{name}, {comm.size} ranks: {each:.2f} ms a step without observers; observers cost "
                f"{100 * (middle - 1):+.2f} % (10th to 90th percentile of {len(ratios)} pairs: "
                f"{100 * (low - 1):+.2f} … {100 * (high - 1):+.2f} %)",
                flush=True,
            )


Case = tuple[str, Callable[[], Session], Callable[[Session], Observers], int]


def filters(comm: MPI.Comm) -> list[Case]:
    """The time filter and a spatial average, on sheets of both sizes."""

    def observers(session: Session) -> Observers:
        box = tuple(plane_box(session))
        grids = {f"{h}": NodeGrid.periodic_cells(box, h) for h in (5.0, 2.5)}
        average = SpatialAverage(grids, 10.0, "cone", smoothed=True)
        return [(TimeFilter(0.01, resume=True), every(1)), (average, every(500))]

    def start(cells: tuple[int, int]) -> Callable[[], Session]:
        return lambda: sheet(comm, cells)

    return [(f"{n} atoms", start(cells), observers, steps) for n, (cells, steps) in SIZES.items()]


def fields(comm: MPI.Comm) -> list[Case]:
    """Fields in the plane of the large sheet, and in a block of copper."""

    def observers(session: Session, names: tuple[str, ...], axes: str, steps: int) -> Observers:
        radius = 1.5 * float(session.box()[0, 0]) / 32
        grid, material = CellGrid(axes, (32,) * len(axes)), Material()
        taken = Fields(Wanted(grid, "gaussian", radius, names), material, every(steps), lambda frame: None)
        return [(material, every(1)), (taken, every(steps))]

    def copper() -> Session:
        find_potentials()
        session = Session(comm)
        session.commands(COPPER)
        return session

    return [
        (
            "89,700 atoms, five fields on 32² nodes every 10 steps",
            lambda: sheet(comm, (195, 115)),
            lambda session: observers(session, FIVE, "xy", 10),
            50,
        ),
        (
            "87,808 atoms, three fields on 32³ nodes every 100 steps",
            copper,
            lambda session: observers(session, ("density", "velocity", "stress"), "xyz", 100),
            100,
        ),
    ]


def compare(
    comm: MPI.Comm, session: Session, observers: Observers, steps: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Ratios of the times with observers to those without, and the latter (s)."""

    def plain() -> float:
        return timed(comm, session, steps)

    def watched() -> float:
        for observer, schedule in observers:
            # the step that a run is set up at is not one of its steps
            session.attach(observer, schedule if schedule.steps == 1 else after(session.step, schedule))
        took = timed(comm, session, steps)
        for observer, _ in observers:
            session.detach(observer)
        return took

    watched()
    pairs = []
    for round in range(rounds):
        if round % 2:
            without, with_observers = plain(), watched()
        else:
            with_observers, without = watched(), plain()
        pairs.append((with_observers, without))
    return [a / b for a, b in pairs], [b for _, b in pairs]


def sheet(comm: MPI.Comm, cells: tuple[int, int]) -> Session:
    session = planar_crystal("graphene").sheet(comm, cells, 2.5298)
    thermostat(session, 300.0, 0.1, 1)
    return session


def timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    comm.Barrier()
    start = time.process_time()
    session.run(steps, "post no")
    return comm.allreduce(time.process_time() - start)


if __name__ == "__main__":
    main()
