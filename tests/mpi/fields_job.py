"""All fields of running simulations against numpy on gathered atoms: ``fields_job.py CASE …``.

Prints the largest difference, relative to the largest value of each field, for every case.
"""

import sys

import numpy as np
from fields_reference import ALL, Reference, gathered
from mpi4py import MPI

from mdbridge.core import parallel
from mdbridge.fields.box import unflipped
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.hardy import PairForces
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every
from mdbridge.md.observe.wanted import Wanted
from mdbridge.md.session import Session

SOLID = """
    units metal
    boundary {boundary}
    atom_modify map array
    lattice fcc 4.05
    region whole prism 0 5 0 4 0 3 {tilts}
    create_box 2 whole
    create_atoms 1 {created}
    set type 1 type/fraction 2 0.3 99
    mass 1 27.0
    mass 2 60.0
    pair_style lj/cut 7.0
    pair_coeff * * 0.4 2.5
    timestep 0.002
    velocity all create 600.0 4711 loop geom
"""
FLAT = """
    units lj
    dimension 2
    atom_modify map array
    lattice hex 0.93
    region whole prism 0 12 0 8 -0.25 0.25 0 0 0
    create_box 2 whole
    create_atoms 1 box
    set type 1 type/fraction 2 0.3 99
    mass 1 1.0
    mass 2 2.0
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    timestep 0.003
    velocity all create 0.1 4711 loop geom
    fix flat all enforce2d
"""
PERIODIC = SOLID.format(boundary="p p p", tilts="0 0 0", created="box")
LEANING = SOLID.format(boundary="p p p", tilts="1.2 -0.7 0.5", created="box")
SURFACES = SOLID.format(boundary="s p p", tilts="0 0 0", created="box")
WIRE = SOLID.format(boundary="f s p", tilts="0 0 0", created="region rod").replace(
    "create_box", "region rod cylinder z 2.5 2 1.7 -1 4\ncreate_box"
)
NVE = "fix motion all nve\n"
SHEAR = NVE + "fix pull all deform 1 xy erate {} remap {}"
PULL = NVE + "fix pull all deform 1 {} erate 1.0 remap x"
CASES = {
    # name: script, motion, axes, cells, kernel, radius, region
    "rest": (PERIODIC, "fix motion all nve", "xyz", (5, 4, 3), "cone", 6.0, None),
    "shear, remap x": (PERIODIC, SHEAR.format(4.0, "x"), "xy", (5, 4), "gaussian", 8.0, None),
    "shear, remap v": (PERIODIC, SHEAR.format(4.0, "v"), "xyz", (4, 4, 3), "quartic", 6.0, None),
    "all tilts": (
        LEANING,
        "fix motion all nve\nfix pull all deform 1 xz erate 4.0 yz erate -4.0 remap x",
        "xyz", (4, 4, 3), "paraboloid", 6.0, None,
    ),
    "tension, remap x": (PERIODIC, PULL.format("x"), "xy", (5, 4), "cone", 6.0, None),
    "tension, remap v": (
        PERIODIC,
        "velocity all ramp vx -10 10 x 0 20.25 sum yes units box\nfix motion all nve\n"
        "fix pull all deform 1 x erate 1.0 remap v",
        "xz", (5, 3), "top-hat", 6.0, None,
    ),
    "leaning": (LEANING, "fix motion all nve", "xyz", (3, 3, 2), "paraboloid", 6.0, None),
    "npt": (
        PERIODIC, "fix motion all npt temp 600 600 0.1 aniso 0 0 0.2", "x", (6,), "paraboloid", 5.0, None
    ),
    "npt, leaning": (
        LEANING, "fix motion all npt temp 600 600 0.1 tri 0 0 0.2", "yz", (4, 3), "gaussian", 7.0, None
    ),
    "free surface": (SURFACES, "fix motion all nve", "xy", (6, 4), "cone", 6.0, None),
    "wire": (WIRE, PULL.format("z"), "z", (4,), "cone", 6.0, None),
    "two dimensions": (FLAT, PULL.format("xy"), "xy", (6, 5), "cone", 3.0, None),
    "two dimensions, one resolved": (FLAT, "fix motion all nve", "y", (5,), "quartic", 3.0, None),
    "laboratory": (
        PERIODIC, PULL.format("x"), "xyz", (4, 3, 2), "cone", 5.0, ((-4.0, 9.0), (3.0, 14.0), (0.0, 6.0)),
    ),
}  # fmt: skip
COLUMNS = {
    "pe": ["c_mdbridge_energy"],
    "stress": [f"c_mdbridge_stress[{k}]" for k in range(1, 7)],
    "virial": [f"c_mdbridge_virial[{k}]" for k in range(1, 7)],
}
LENNARD_JONES = {"units metal": (0.4, 2.5, 7.0), "units lj": (1.0, 1.0, 2.5)}
HARDY = ("leaning", "npt", "two dimensions, one resolved")
"""Cases where atoms are after a step where their forces have been, and kernels that are polynomials."""


class Gather(Observer):
    """Keeps all atoms and the box of every step that it sees."""

    moment = "end"
    needs = ("v", *COLUMNS["pe"], *COLUMNS["stress"], *COLUMNS["virial"])

    def __init__(self):
        self.steps = []

    def local(self, atoms):
        self._atoms = atoms

    def collective(self, comm):
        atoms = self._atoms
        self.steps.append(
            (atoms.step, atoms.box().copy(), np.array(atoms.corner()), gathered(comm, atoms, COLUMNS))
        )


class Follow(Observer):
    """Undoes the flips of every step."""

    moment = "end"
    reads_atoms = False

    def __init__(self):
        self.edges, self._last, self._timestep = {}, None, None

    def local(self, atoms):
        box = atoms.box()
        self._last = box if self._last is None else unflipped(box, self._last)
        self.edges[atoms.step] = self._last.copy()
        self._timestep = atoms.timestep

    def rate(self, step):
        """Of a box that moves steadily."""
        before = min(max(step, min(self.edges) + 1), max(self.edges))
        return (self.edges[before] - self.edges[before - 1]) / self._timestep


def largest(observed, expected, scale=0.0):
    """Difference relative to the largest value, or to ``scale``; NaN must be where the reference has it."""
    observed = np.asarray(observed).reshape(expected.shape)
    assert (np.isnan(observed) == np.isnan(expected)).all(), "NaN elsewhere"
    return np.nanmax(np.abs(observed - expected)) / max(np.nanmax(np.abs(expected)), scale, 1e-30)


class Watched:
    """A simulation with everything attached that is compared.

    Args:
        session: after the script.
        name: of the case.
        spacing: when to look.
    """

    def __init__(self, session, name, spacing):
        _, _, axes, cells, shape, radius, region = CASES[name]
        self.kept = {"lammps": [], "mean": [], "hardy": []}
        self.material, self.follow, self.gather = Material(flows="remap v" in name), Follow(), Gather()
        session.attach(self.material, every(1))
        session.attach(self.follow, every(1))
        grid = CellGrid(axes, cells, region)
        self.fields = []
        for kind, keep in self.kept.items():
            names, stress, forces = (
                (ALL, "virial", None) if kind == "lammps" else (["stress"], "virial", None)
            )
            if kind == "hardy":
                if name not in HARDY:
                    continue
                stress, forces = "hardy", PairForces(grid, shape, radius, self.material)
                session.attach(forces, spacing)
            kinetic = "mean" if kind == "mean" else "lammps"
            wanted = Wanted(grid, shape, radius, names, stress=stress, kinetic=kinetic)
            self.fields.append(Fields(wanted, self.material, spacing, keep.append, forces=forces))
            session.attach(self.fields[-1], spacing)
        session.attach(self.gather, spacing)

    def run(self, session, steps):
        session.run(steps)
        for fields in self.fields:
            fields.flush(session.comm)
        self.dimension, self.periodic = session.atoms().dimension, session.atoms().periodic
        self.constants = [float(session.lmp.extract_global(c)) for c in ("mvv2e", "boltz", "nktv2p")]


def run(comm, name, steps=160, frames=2):
    """The largest difference of every field over all frames."""
    script, motion, axes, cells, shape, radius, region = CASES[name]
    with Session(comm) as session:
        session.commands(script + "\n" + motion + "\nthermo 1")
        watched = Watched(session, name, every(steps // frames, session.step))
        watched.run(session, steps)
    if comm.rank:
        return {}
    mvv2e, boltz, nktv2p = watched.constants
    worst = {}
    step0, box0, corner0, first = watched.gather.steps[0]
    for number, (step, box, corner, now) in enumerate(watched.gather.steps):  # noqa: B007 - the last box
        frame = watched.kept["lammps"][number]
        assert frame["step"] == step
        edges = watched.follow.edges[step]
        assert np.abs(frame["box"] - edges).max() < 1e-12
        reference = Reference(
            (axes, cells, region),
            (shape, radius),
            (edges, corner),
            (box0, corner0),
            now,
            first,
            watched.periodic,
            watched.dimension,
            watched.follow.rate(step) if "remap v" in name else None,
        )
        pairs = {
            field: (frame["fields"][field], expected)
            for field, expected in reference.fields(mvv2e, boltz).items()
            if expected is not None
            and (step > step0 or field not in ("displacement", "affine_displacement", "D2min"))
        }
        if region is None:
            mean = watched.kept["mean"][number]["fields"]["stress"]
            pairs["mean"] = mean, reference.virial_about_mean(now["virial"], mvv2e, nktv2p)
        if name in HARDY and number == len(watched.gather.steps) - 1:
            style = next(v for k, v in LENNARD_JONES.items() if k in script)
            stress = watched.kept["hardy"][number]["fields"]["stress"]
            pairs["hardy"] = stress, reference.hardy(*style, mvv2e, nktv2p)
        for field, (observed, expected) in pairs.items():
            # of a box at rest the affine part is round-off: beside what atoms move in it
            scale = np.nanmax(np.abs(pairs["displacement"][1])) if field == "affine_displacement" else 0.0
            worst[field] = max(worst.get(field, 0.0), largest(observed, expected, scale))
    return worst | {"flipped": float(np.abs(edges - box).max() > 1e-6)}


def main():
    comm = MPI.COMM_WORLD
    for name in sys.argv[1:] or CASES:
        worst = run(comm, name)
        if comm.rank == 0:
            sys.stdout.write(f"{name} | " + " ".join(f"{k} {v:.1e}" for k, v in worst.items()) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    parallel.run_main(MPI.COMM_WORLD, main)
