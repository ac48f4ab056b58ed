"""Started by test_thermal_mpi.py: a few runs of a small sheet at 300 K.

Arguments: the folder of the samples.
"""

import sys
from dataclasses import replace
from pathlib import Path

from mpi4py import MPI

from mdbridge.campaigns.peridynamics import sampling
from mdbridge.campaigns.peridynamics import thermal as graphene_thermal
from mdbridge.campaigns.peridynamics.input import MD, Dynamics, GrapheneInput, Learn, Thermal
from mdbridge.core import stages
from mdbridge.core.parallel import run_main
from mdbridge.core.workspace import Workspace

CONFIG = GrapheneInput(
    campaign="graphene",
    md=MD(cells=[26, 15], disc_radius_A=30.0, disc_inner_A=15.0),
    dynamics=Dynamics(enabled=False),
    thermal=Thermal(duration_ps=0.05, disc_duration_ps=0.02),
    learn=Learn(horizons_A=[12.5]),
)
CHOSEN = ("unloaded-sheet", "train-x-1-0", "train-y-2-1-x0.1", "test-1")


def main() -> int:
    whole = graphene_thermal.tasks(CONFIG)
    stage = replace(whole, tasks=[task for task in whole.tasks if task.name in CHOSEN])
    workspace = Workspace(Path(sys.argv[1]), "graphene")
    stages.share(MPI.COMM_WORLD, workspace, stage, "sample", lambda group: sampling.sampler(group, CONFIG))
    return 0


if __name__ == "__main__":
    run_main(MPI.COMM_WORLD, main)
