"""Started by test_sweep_mpi.py: a sweep over random waves, written by rank 0.

Arguments: the folder of the pairs, the file to write.
"""

import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import sweep as graphene_sweep
from mdbridge.campaigns.peridynamics.input import Learn, Sweep
from mdbridge.campaigns.peridynamics.learning import Source
from mdbridge.core.files import write_json
from mdbridge.core.identity import Identity
from mdbridge.core.parallel import run_main
from mdbridge.core.workspace import Workspace
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid

GRID = NodeGrid.periodic_cells((60.0, 70.0), 5.0)


def fields(seed: int) -> FieldSet:
    """Waves, and what a solid with λ + 2μ = 1.2, μ = 0.7 and a little dispersion makes of them."""
    random = np.random.default_rng(seed)
    x = GRID.points()
    u, b = np.zeros((2, 6, len(x), 2))
    for displacement, load in zip(u, b, strict=True):
        k = 2 * np.pi * np.array([random.integers(1, 4), random.integers(0, 4)]) / GRID.box
        size = np.linalg.norm(k)
        along = k / size
        wave = np.cos(x @ k + random.uniform(0, 6))[:, None]
        for direction, modulus in ((along, 1.2 + 0.3 * size), (along[::-1] * [1, -1], 0.7)):
            part = random.standard_normal() * wave * direction
            displacement += part
            load += modulus * size**2 * part
    names, spacing = [f"{n}" for n in range(6)], np.array(GRID.spacing)
    return FieldSet(x, u, b, np.zeros((6, 0)), [], names, GRID.box, spacing, GRID.shape)


def main() -> int:
    comm = MPI.COMM_WORLD
    pairs = Sweep(horizons_A=[6.0, 12.5, 15.0], degrees=[0, 2, 4])
    data = {"train": fields(0), "val": fields(1)}
    source = Source(Learn(starts=2), Identity("data"), lambda: data)
    swept = graphene_sweep.sweep(comm, Workspace(Path(sys.argv[1]), "graphene"), source, pairs)
    result = swept.as_dict()
    for candidate in result["candidates"]:
        candidate.pop("wall_s")
    result["best"].pop("wall_s")
    if comm.rank == 0:
        write_json(Path(sys.argv[2]), result)
    return 0


if __name__ == "__main__":
    run_main(MPI.COMM_WORLD, main)
