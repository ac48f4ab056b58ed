"""Started by test_thermal_mpi.py: a few runs of a small sheet at 300 K.

Arguments: the folder of the samples.
"""

import sys
from pathlib import Path

from mpi4py import MPI

from mdbridge.campaigns.peridynamics import sampling
from mdbridge.campaigns.peridynamics import thermal as graphene_thermal
from mdbridge.campaigns.peridynamics.input import MD, Dynamics, GrapheneInput, Learn, Thermal
from mdbridge.core.parallel import run_main

CONFIG = GrapheneInput(
    campaign="graphene",
    md=MD(cells=[26, 15], disc_radius_A=30.0, disc_inner_A=15.0),
    dynamics=Dynamics(enabled=False),
    thermal=Thermal(duration_ps=0.05, disc_duration_ps=0.02),
    learn=Learn(horizons_A=[12.5]),
)
CHOSEN = ("unloaded-sheet", "train-x-1-0", "train-y-2-1-x0.1", "test-1")


def main() -> int:
    every = graphene_thermal.jobs(CONFIG)
    jobs = {name: every[name] for name in CHOSEN}
    sampling.run_samples(MPI.COMM_WORLD, CONFIG, jobs, Path(sys.argv[1]), "key", lambda done, note="": None)
    return 0


if __name__ == "__main__":
    run_main(MPI.COMM_WORLD, main)
