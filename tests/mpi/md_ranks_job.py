"""Started by test_md_ranks.py: simulations whose results must not depend on the number of ranks.

Arguments: what to do, the file that rank 0 writes, further arguments.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.core import parallel
from mdbridge.core.errors import MdbridgeError, ObserverError
from mdbridge.fields.grid import NodeGrid
from mdbridge.md import loads
from mdbridge.md.crystals import planar_crystal, plane_box
from mdbridge.md.elastic import elastic_constants
from mdbridge.md.force_constants import force_constants
from mdbridge.md.linearresponse import linear_response
from mdbridge.md.observe.displacement import SpatialAverage, TimeFilter
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.relax import Crystal
from mdbridge.md.session import Session
from mdbridge.md.thermostat import temperature

GRAPHENE = planar_crystal("graphene")
LATTICE = 2.5298350688
CELLS = (12, 7)


def sheet(comm: MPI.Comm) -> Session:
    return GRAPHENE.sheet(comm, CELLS, LATTICE)


def by_position(session: Session) -> np.ndarray:
    """Order of the atoms by place: their IDs depend on the number of ranks."""
    x = session.gather("d2_reference", 2)
    return np.lexsort(np.round(x, 3).T)


def smooth(x: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Some periodic vector field on positions."""
    a, b = 2 * np.pi * (x / box).T
    return np.stack([np.sin(a + 2 * b) + 0.3 * np.cos(3 * a), np.cos(a - b) - 0.5 * np.sin(4 * b)], axis=1)


def grids(box: np.ndarray) -> dict[str, NodeGrid]:
    return {
        "": NodeGrid.periodic_cells(tuple(box), 5.0),
        "_fine": NodeGrid.periodic_cells(tuple(box), 2.5),
    }


def static(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """Averages of one displaced and loaded state, for every kernel."""
    averages = {}
    with sheet(comm) as session:
        box = plane_box(session)
        reference = session.gather("d2_reference", 2)
        session.scatter("d2_load", smooth(reference, box))
        session.scatter("d2_smoothed", smooth(reference[:, ::-1], box[::-1]))
        session.scatter("x", reference + 0.7 * smooth(reference, box))
        for shape in ("cone", "paraboloid", "gaussian"):
            for smoothed in (False, True):
                observer = SpatialAverage(grids(box), 10.0, shape, smoothed)
                session.attach(observer, every(1))
                session.run(0)
                session.detach(observer)
                for name, average in observer.results.items():
                    key = f"{shape}{name}_{smoothed}"
                    averages |= {
                        f"{key}_u": average.u,
                        f"{key}_b": average.load,
                        f"{key}_rho": average.density,
                    }
    return averages


class Owners:
    """Counts the atoms that this rank has gained since it last looked."""

    needs = ("d2_reference",)

    def __init__(self) -> None:
        self.mine: set[tuple[float, float]] | None = None
        self.gained = 0

    def local(self, atoms) -> None:
        now = {tuple(place) for place in np.round(atoms.array("d2_reference"), 6).tolist()}
        self.gained += 0 if self.mine is None else len(now - self.mine)
        self.mine = now

    def collective(self, comm: MPI.Comm) -> None:
        pass


def dynamics(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """Hot atoms in a drifting sheet: owners change, filtered fields must not."""
    with sheet(comm) as session:
        box = plane_box(session)
        reference = session.gather("d2_reference", 2)
        session.scatter("d2_load", 0.01 * smooth(reference, box))
        drift, wave = np.array([60.0, 35.0]), 8 * smooth(7 * reference, box)
        session.scatter("v", np.hstack([drift + wave, np.zeros((len(reference), 1))]))
        session.commands("fix motion all nve")
        owners = Owners()
        fields = {
            name: SpatialAverage(grids(box), 10.0, "cone", name == "filtered") for name in ("filtered", "raw")
        }
        session.attach(TimeFilter(0.02), every(1))
        session.attach(owners, every(1))
        for observer in fields.values():
            session.attach(observer, on([300]))
        session.run(170)
        session.run(130)
        gained = comm.allreduce(owners.gained)
        order = by_position(session)
        displacements = {
            f"{name}{grid}": average.u
            for name, averager in fields.items()
            for grid, average in averager.results.items()
        }
        heat = np.array(temperature(session))
        return displacements | {
            "gained": np.array(gained),
            "smoothed": session.gather("d2_smoothed", 2)[order],
            "heat": heat,
        }


def crystal(comm: MPI.Comm, name: str) -> dict[str, np.ndarray]:
    """What is found out about a crystal, and one load on it: atoms of two kinds have other IDs too."""
    planar = planar_crystal(name)
    lattice = planar.relaxed_lattice(comm)
    forces = force_constants(comm, planar, lattice)
    properties = {key: np.array(value) for key, value in elastic_constants(comm, planar, lattice).items()}
    properties |= {"lattice": np.array(lattice), "reach": np.array(forces.reach())}
    properties["frequencies"] = forces.frequencies(np.array([0.1, 0.2]))
    with planar.sheet(comm, CELLS, lattice) as session:
        loaded = Crystal(session, planar.bond_cutoff(lattice), forces.reach(), free=False)
        order = by_position(session)
        properties["masses"] = loaded.masses[order]
        force, u = linear_response(loads.training(loaded.box)[8], loaded, 0.002, 1e-9, 0.005)
        return properties | {"force": force[order], "u": u[order]}


def relax(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """A sheet and a small disc under load."""
    positions = {}
    with sheet(comm) as session:
        crystal = Crystal(session, GRAPHENE.bond_cutoff(LATTICE), 2.75, free=False)
        for load in (loads.training(crystal.box)[8], loads.validation(crystal.box)[4]):
            force = load.on(crystal.reference)
            force *= 0.01 / crystal.bond_strain(crystal.respond(force))
            positions[load.name] = crystal.relax(force, 1e-9)[by_position(session)]
    with GRAPHENE.free_disc(comm, 22.0, LATTICE) as session:
        crystal = Crystal(session, GRAPHENE.bond_cutoff(LATTICE), 2.75, free=True)
        crystal.settle(1e-9)
        order = by_position(session)
        positions["rest"] = crystal.reference[order]
        for load in loads.disc(11.0):
            force = load.on(crystal.reference)
            force *= 0.01 / crystal.bond_strain(crystal.respond(force))
            positions[load.name] = crystal.relax(force, 1e-9)[order]
        grid = NodeGrid.centred(32.0, 5.0)
        observer = SpatialAverage({"": grid}, 10.0, "cone")
        session.attach(observer, every(1))
        session.run(0)
        positions["disc_u"] = np.nan_to_num(observer.results[""].u)
    return positions


class Faulty:
    """Raises on one rank at one step."""

    needs = ()

    def __init__(self, comm: MPI.Comm, phase: str) -> None:
        self.phase, self.last, self.step = phase, comm.rank == comm.size - 1, -1

    def local(self, atoms) -> None:
        self.step = atoms.step
        self.fail("local")

    def collective(self, comm: MPI.Comm) -> None:
        self.fail("collective")

    def fail(self, phase: str) -> None:
        if self.phase == phase and self.last and self.step == 7:
            raise ValueError(f"no good in {phase}")


def fault(comm: MPI.Comm, phase: str) -> dict[str, np.ndarray]:
    """An observer that raises on the last rank only."""
    with sheet(comm) as session:
        session.commands("fix motion all nve")
        session.attach(Faulty(comm, phase), every(1))
        try:
            session.run(20)
        except ObserverError as error:
            assert (error.step, error.rank) == (7, comm.size - 1)
            assert session.step == 7
            session.run(5)  # the session goes on after it
            assert session.step == 12
            raise
    return {}


def lost(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """Coordinates that are no numbers, on the last rank only: LAMMPS fails there alone."""
    with sheet(comm) as session:
        session.commands("fix motion all nve\nneigh_modify every 1 delay 0 check no")
        session.run(1)
        if comm.rank == comm.size - 1:
            session.atoms().array("x")[0] = np.nan
        session.run(20)
    return {}


def empty(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """Two atoms near each other: some ranks have none."""
    with Session(comm) as session:
        session.commands("""
            units metal
            atom_modify map array
            region whole block -20 20 -20 20 -5 5 units box
            create_box 1 whole
            create_atoms 1 single -11 -10 0
            create_atoms 1 single -9 -10 0
            mass 1 12.0
            pair_style zero 3.0
            pair_coeff * *
            fix arrays all property/atom d2_reference 2 d2_smoothed 2 d2_load 2
            fix motion all move linear 120.0 0 0
            """)
        session.run(0)
        session.scatter("d2_reference", session.gather("x", 2))
        session.scatter("d2_load", np.ones((2, 2)))
        observer = SpatialAverage({"": NodeGrid.periodic_cells((40.0, 40.0), 5.0)}, 10.0, "cone")
        session.attach(TimeFilter(0.1), every(1))
        session.attach(observer, every(1))
        session.run(300)  # into the other ranks' parts of the box
        average = observer.results[""]
        smoothed = session.gather("d2_smoothed", 2)
        return {"u": np.nan_to_num(average.u), "rho": average.density, "smoothed": smoothed}


def main() -> int:
    comm = MPI.COMM_WORLD
    folder, *tasks = sys.argv[1:]
    known = {task.__name__: task for task in (static, dynamics, crystal, relax, fault, lost, empty)}
    for words in tasks:
        what, *rest = words.split()
        arrays = known[what](comm, *rest)
        parallel.on_root(comm, partial(np.savez, Path(folder) / f"{what}.npz", **arrays))
    return 0


if __name__ == "__main__":
    try:
        parallel.run_main(MPI.COMM_WORLD, main)
    except MdbridgeError as error:  # run_main never lets one through
        sys.exit(f"escaped: {error}")
