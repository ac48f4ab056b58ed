"""Ends of steps as observers see them beside what LAMMPS's own dump of the same run says; run by mpiexec."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.core import parallel
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session

CRYSTAL = """
    units lj
    atom_modify map yes
    boundary p p {z}
    lattice fcc 0.85
    region whole prism 0 6 0 5 0 4 1 0.5 0
    create_box 2 whole
    {before}
    create_atoms 1 box
    set group all type/fraction 2 0.4 4711
    mass 1 1.0
    mass 2 3.0
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    timestep 0.003
    velocity all create 1.2 4711 loop geom
    velocity all set 0.8 0.5 0.0 sum yes
    variable now atom step
    variable fast atom vx*vy
    group some id 1:100
    compute part some ke/atom
    thermo 10
    """
FIELDS = """
    compute pe all pe/atom
    compute s all stress/atom NULL
    fix mean all ave/atom 1 5 10 vx c_s[2] v_now
    fix last all store/state 10 vx xu
    """
MOTIONS = {
    "nve": "fix 1 all nve",
    "langevin": "fix 1 all nve\nfix 2 all langevin 1.0 1.0 0.1 4711",
    "remap x": "fix 1 all nvt temp 1.0 1.0 0.1\nfix 2 all deform 1 x erate 0.3 xy erate 2.0 remap x",
    "remap v": "fix 1 all nvt/sllod temp 1.0 1.0 0.1\nfix 2 all deform 1 xy erate 2.0 remap v",
    "npt": "fix 1 all npt temp 1.0 1.0 0.1 tri 1.0 1.0 0.2",
    "respa": "run_style respa 2 2\nfix 1 all nve",
    "deposit": "fix 1 all nve\nregion top block 1 3 1 3 3.3 3.8"
    "\nfix 2 all deposit 9 2 4 99 region top near 0.3\nfix 3 all wall/reflect zlo EDGE zhi EDGE",
    "evaporate": "region hot block 1 4 1 4 1 3\nfix 1 all nve\nfix 2 all evaporate 4 1 hot 99",
    "push": "fix 1 all nve\nfix 2 all addforce 0.3 0.1 v_fast",
    "minimize": "min_style cg",
}
SOURCES = ("c_pe", "c_s[1]", "c_s[4]", "f_mean[1]", "f_mean[2]", "f_mean[3]", "f_last[1]", "v_fast", "c_part")
SYSTEM = ("temp", "pe", "press", "pxx", "pxy", "vol", "lx", "xy", "ke", "enthalpy", "c_thermo_press[3]")


class Look(Observer):
    """Keeps what it sees at the ends of steps."""

    needs = ("v", "f", "d2_mine", *SOURCES)
    groups = ("some",)
    thermo = SYSTEM

    def __init__(self):
        self.steps = {}

    def local(self, atoms):
        columns = [atoms.ids, atoms.types, *atoms.x.T, *atoms.unwrapped().T, *atoms.v.T, *atoms.f.T]
        columns += [atoms.masses(), *(atoms.values(name) for name in SOURCES), atoms.group("some")]
        columns += [*atoms.array("d2_mine").T]
        system = [atoms.thermo(name) for name in SYSTEM]
        assert not np.isnan(atoms.time)
        self.steps[atoms.step] = (np.stack(columns, axis=1), atoms.box().copy(), atoms.corner(), system)


def look(comm, motion, folder):
    """What the observer sees on all ranks, by steps, in the order of the IDs; and LAMMPS's dump and log."""
    folder = Path(folder)
    free = motion == "deposit"
    text = CRYSTAL.format(z="f" if free else "p", before="")
    with Session(comm, folder / "log.lammps") as session:
        session.commands(text + "fix own all property/atom d2_mine 2" + FIELDS)
        if motion == "deposit":
            session.commands("region slab block INF INF INF INF INF 2.5\ngroup gone region slab\n")
            session.commands(
                "group rest subtract all gone\ndelete_atoms group rest compress no\ngroup some id 1:100"
            )
        session.run(0)
        session.scatter("d2_mine", session.gather("x", 2))
        observer = Look()
        session.attach(observer, every(10))
        # fixes that come after the observers are seen at the end of the step all the same
        session.commands(MOTIONS[motion])
        names = (
            "id type x y z xu yu zu vx vy vz fx fy fz mass " + " ".join(SOURCES) + " d2_mine[1] d2_mine[2]"
        )
        session.commands(f"dump truth all custom 10 {folder}/truth.dump {names}")
        session.commands("dump_modify truth sort id format float %.17g")
        line = "thermo_style custom step " + " ".join(SYSTEM)
        session.commands(line + "\nthermo_modify norm no format float %.17g")
        if motion == "minimize":
            session.commands("minimize 0 1e-6 23 1000")
        else:
            session.run(40)
            session.commands("run 23")
        result = {}
        for step, (rows, box, corner, system) in observer.steps.items():
            whole = np.concatenate(comm.allgather(rows))
            result[f"rows{step}"] = whole[np.argsort(whole[:, 0])]
            result[f"box{step}"] = np.vstack([box, corner])
            result[f"system{step}"] = np.array(system)
        return result


def main() -> int:
    comm = MPI.COMM_WORLD
    for motion in MOTIONS:
        folder = Path(sys.argv[1]) / motion.replace(" ", "-")  # LAMMPS splits its lines at blanks
        parallel.on_root(comm, folder.mkdir)
        arrays = look(comm, motion, folder)
        parallel.on_root(comm, partial(np.savez, folder / "seen.npz", **arrays))
    return 0


if __name__ == "__main__":
    parallel.run_main(MPI.COMM_WORLD, main)
