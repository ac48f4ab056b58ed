"""Time LAMMPS with and without observers, in turn, and print the ratio with its spread.

A thermostatted graphene sheet runs, in turn, with the time filter at every step
and a spatial average onto 5 Å and 2.5 Å nodes every 500 steps, and with nothing
attached, not even the fix.  Both in one session, since two sessions can differ by
15 % in speed from where their memory lies; in turn, so that a drift of the
machine's speed cancels in the ratio of each pair.  Times are the processor's, so
that other programs count less; on several ranks they hold what ranks wait for.
"""

import argparse
import time

import numpy as np
from mpi4py import MPI

from mdbridge.fields.grid import NodeGrid
from mdbridge.md.crystals import planar_crystal, plane_box
from mdbridge.md.observe.displacement import SpatialAverage, TimeFilter
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session
from mdbridge.md.thermostat import thermostat

SIZES = {"3,588": ((39, 23), 500), "89,700": ((195, 115), 100)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs of runs")
    rounds = parser.parse_args().rounds
    comm = MPI.COMM_WORLD
    for name, (cells, steps) in SIZES.items():
        ratios, plain_times = compare(comm, cells, steps, rounds)
        if comm.rank == 0:
            low, middle, high = np.percentile(ratios, [10, 50, 90])
            each = 1e3 * np.median(plain_times) / steps
            print(
                f"{name} atoms, {comm.size} ranks: {each:.2f} ms a step without observers; "
                f"observers cost {100 * (middle - 1):+.2f} % (10th to 90th percentile of {rounds} pairs: "
                f"{100 * (low - 1):+.2f} … {100 * (high - 1):+.2f} %)",
                flush=True,
            )


def compare(
    comm: MPI.Comm, cells: tuple[int, int], steps: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Ratios of the times with observers to those without, and the latter (s)."""
    with sheet(comm, cells) as session:
        box = tuple(plane_box(session))
        grids = {f"{h}": NodeGrid.periodic_cells(box, h) for h in (5.0, 2.5)}
        observers = (
            (TimeFilter(0.01, resume=True), every(1)),
            (SpatialAverage(grids, 10.0, "cone", smoothed=True), every(500)),
        )

        def plain() -> float:
            return timed(comm, session, steps)

        def watched() -> float:
            for observer, schedule in observers:
                session.attach(observer, schedule)
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
