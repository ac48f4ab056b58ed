"""Time the shear of the small glass with and without its observers, and print the ratio with its spread.

8,112 atoms of the crystal of inputs/cuzr_small.toml, sheared at its rate; one
frame every 0.5 % of strain, as there.  Both in one session and in turn, so that a
drift of the machine's speed cancels in the ratio of each pair.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.campaigns.glass.frames import Times, attach_observers
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core import config
from mdbridge.md import cuzr
from mdbridge.md.session import Session, potential
from mdbridge.md.setup import Setup

INPUT = Path(__file__).parents[1] / "inputs" / "cuzr_small.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="pairs of runs, one frame each")
    rounds = parser.parse_args().rounds
    comm = MPI.COMM_WORLD
    settings = config.load(INPUT, GlassInput)
    md = settings.md
    material = potential(md.potential)
    steps = settings.frame_steps
    nx, ny, nz = md.cells
    with cuzr.crystal(comm, (nx, ny, nz), md.temperature_K, md.seed, material, md.timestep_ps) as session:
        cuzr.in_shear(session, md.temperature_K, settings.shear.rate_per_ps, begin=True)
        frames: list[object] = []

        def watched() -> float:
            times = Times.of(settings, session.step + steps, session.step)
            watch = attach_observers(session, settings, times, frames.append, Setup(carried={"deform"}))
            took = timed(comm, session, steps)
            for observer in watch.all:
                session.detach(observer)
            return took

        watched()  # compiles the loops
        pairs = []
        for number in range(rounds):
            if number % 2:
                without, with_observers = timed(comm, session, steps), watched()
            else:
                with_observers, without = watched(), timed(comm, session, steps)
            pairs.append((with_observers, without))
        atoms = session.natoms
    if comm.rank == 0:
        ratios = np.array([a / b for a, b in pairs])
        low, middle, high = np.percentile(ratios, [10, 50, 90])
        print(
            f"{atoms:,} atoms, {comm.size} ranks: {1e3 * np.median([b for _, b in pairs]) / steps:.2f} ms a "
            f"step without observers; a frame every {steps} steps costs {100 * (middle - 1):+.2f} % "
            f"(10th to 90th percentile of {rounds} pairs: {100 * (low - 1):+.2f} … {100 * (high - 1):+.2f} "
            f"%); {len(frames)} frames",
            flush=True,
        )


def timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    """Seconds of a run."""
    comm.Barrier()
    start = time.perf_counter()
    session.run(steps, "post no")
    comm.Barrier()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
