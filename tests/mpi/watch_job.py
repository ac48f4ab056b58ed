"""Runs of all kinds with observers, for tests that start them on several ranks."""

import contextlib
import io
import itertools
import sys
import time
import unittest.mock
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.core import parallel, scratch
from mdbridge.core.errors import MdbridgeError, MDError
from mdbridge.md.dumps import Dump
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session

LIQUID = """
    units {units}
    atom_modify map yes
    lattice fcc 0.85
    region whole prism 0 6 0 5 0 4 1 0 0
    create_box 1 whole
    create_atoms 1 box
    mass 1 1.0
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    timestep 0.003
    velocity all create 1.2 4711 loop geom
    compute pe all pe/atom
    compute s all stress/atom NULL
    compute flow all temp/deform
    """
MOTIONS = {
    "npt": "fix 1 all npt temp 1.0 1.0 0.1 tri 1.0 1.0 0.2\nthermo_modify norm yes",
    "shear": "fix 1 all nvt/sllod temp 1.0 1.0 0.1\nfix 2 all deform 1 xy erate 1.0 remap v"
    "\nthermo_modify temp flow",
    "pull": "fix 1 all nvt temp 1.0 1.0 0.1\nfix 2 all deform 1 x erate 0.3 remap x",
    "langevin": "fix 1 all nve\nfix 2 all langevin 1.0 1.0 0.1 4711",
}
OUTPUT = """
    thermo {every}
    thermo_style custom step temp pe ke press pxx pyy pzz pxy pxz pyz lx xy vol
    thermo_modify format float %.17g
    fix history all ave/time 1 5 10 c_thermo_pe c_thermo_press[4] c_thermo_temp &
        file {name}.txt format " %.17g"
    dump own all custom 20 {name}.dump id x y z vx vy vz c_pe c_s[1]
    dump_modify own sort id format float %.17g
    """


class Look(Observer):
    """Looks at everything, and sums something over the ranks; fails at a step if told to."""

    needs = ("v", "f", "c_pe", "c_s[1]", "c_s[4]")
    thermo = ("temp", "pe", "pxx", "pxy")

    def __init__(self, moment="end", fail_at=-1, phase="local", only=0):
        self.moment, self.fail_at, self.phase, self.only = moment, fail_at, phase, only
        if moment == "forces":
            self.needs, self.thermo = (), ()
        self.steps = []

    def local(self, atoms):
        self.steps.append(atoms.step)
        if self.phase == "local" and atoms.step == self.fail_at and MPI.COMM_WORLD.rank == self.only:
            raise ValueError("no good")
        self.sum = np.array([sum(atoms.values(name).sum() for name in self.needs[2:])])

    def collective(self, comm):
        comm.Allreduce(MPI.IN_PLACE, self.sum)
        if self.phase == "collective" and self.steps[-1] == self.fail_at and comm.rank == self.only:
            raise MDError("no good together")


def log(comm):
    """The same runs with and without observers: the logs, dumps, averages and last states are the same."""
    for motion in MOTIONS:
        plain, observed = (_run(comm, motion, name) for name in ("plain", "observed"))
        for name in plain:
            assert np.array_equal(plain[name], observed[name]), (motion, name)
        if comm.rank == 0:
            for kind in ("log", "txt", "dump"):
                ours, theirs = (_shown(Path(f"{name}.{kind}")) for name in ("observed", "plain"))
                assert len(theirs) > 5
                assert ours == theirs, (motion, kind)
            sys.stdout.write(f"{motion} the same\n")


def _run(comm, motion, name):
    with Session(comm, Path(f"{name}.log")) as session:
        session.commands(LIQUID.format(units="lj"))
        looks = (Look(), Look("forces"), Look())
        if name == "observed":
            for look, steps in zip(looks, (7, 1, 10), strict=True):
                session.attach(look, every(steps))
        session.commands(MOTIONS[motion] + OUTPUT.format(every=5, name=name))
        session.commands("run 30\nrun 20")
        session.run(10)
        if name == "observed":
            assert looks[0].steps == list(range(0, 60, 7))
            assert looks[1].steps == list(range(61))
            assert looks[2].steps == list(range(0, 61, 10))
        return {"x": session.gather("x", 3), "v": session.gather("v", 3), "box": session.box()}


def _shown(path):
    """Of a log the thermo output, whatever else is written all of it."""
    lines, inside, result = path.read_text().splitlines(), path.suffix != ".log", []
    for line in lines:
        words = line.split()
        inside = (inside or words[:1] == ["Step"]) and words[:1] != ["Loop"]
        if inside:
            result.append(line)
    return result


STARTS = {
    "run": lambda md: md.run(60),
    "every": lambda md: md.run(60, 'every 25 "print between"'),
    "commands": lambda md: md.commands("run 15\nrun 60"),
    "if": lambda md: md.commands('if "1 == 1" then "run 15" "run 60"'),
    "loop": lambda md: md.commands("variable i loop 4\nlabel a\nrun 15\nnext i\njump SELF a"),
    "file": lambda md: md.file(Path("more.in")),
    "include": lambda md: md.commands("include more.in"),
    "minimize": lambda md: md.commands("displace_atoms all random 0.1 0.1 0.1 99\nminimize 0 1e-12 40 1000"),
    "respa": lambda md: md.commands("run_style respa 2 2\nrun 60"),
}


def fail(comm):
    """One rank's observer fails; whatever started the run raises, on all ranks, and the session goes on."""
    for start in STARTS:
        for moment in ("end", "forces"):
            for phase in ("local", "collective"):
                said = _fail(comm, start, moment, phase)
                if comm.rank == 0:
                    sys.stdout.write(f"{start} {moment} {phase} | {said}\n")


def _fail(comm, start, moment, phase):
    with Session(comm) as session:
        session.commands(LIQUID.format(units="lj") + "fix 1 all nve")
        parallel.on_root(comm, lambda: Path("more.in").write_text("run 15\nprint here\nrun 45\n"))
        look = Look(moment, 20, phase, comm.size - 1)
        session.attach(look, every(5))
        try:
            STARTS[start](session)
            said = "nothing"
        except MdbridgeError as error:
            said = f"{type(error).__name__}: {error}"
        everyone = comm.allgather((said, session.step))
        assert len(set(everyone)) == 1, everyone
        look.fail_at = -1
        session.commands("run_style verlet")
        before = len(look.steps)
        session.run(10)
        assert len(look.steps) > before
        return f"{said} | {everyone[0][1]}"


def lost(comm, kind):
    """Atoms leave the box, or LAMMPS fails on one rank alone: all ranks end, what was seen is kept."""
    with Session(comm) as session:
        session.commands(LIQUID.format(units="lj") + "fix 1 all nve\nthermo 5")
        look = Look()
        session.attach(look, every(1))
        if kind == "alone":
            session.commands("group one id 1\nvariable bad atom sqrt(30-step)\nfix 2 one addforce v_bad 0 0")
        else:
            session.commands("change_box all boundary p p f\nvelocity all set NULL NULL 40.0 sum yes")
        try:
            session.run(100)
        except MdbridgeError as error:
            if comm.rank == 0:
                sys.stdout.write(f"{error} | {look.steps[-1]} | {session.step}\n")
            return
        sys.stdout.write("nothing was said\n")


class Births(Observer):
    """Where this rank has seen each atom first, and its displacement from there at the end."""

    moment = "forces"
    needs = ("d2_reference", "d_mine")
    references = ("d2_reference",)
    states = ("d_mine",)

    def __init__(self):
        self.first, self.now = {}, {}

    def local(self, atoms):
        self.now = {}
        for atom_id, x, u in zip(
            atoms.ids.tolist(), atoms.unwrapped(), atoms.array("d2_reference"), strict=True
        ):
            self.first.setdefault(atom_id, (atoms.step, *x))
            self.now[atom_id] = (*x, *(x - u))


def arrays(comm):
    """IDs with gaps, atoms that come, go and change ranks."""
    with Session(comm) as session:
        session.commands(LIQUID.format(units="lj"))
        session.commands("region hole block 1 3 1 3 INF INF\ndelete_atoms region hole compress no")
        session.commands("fix own all property/atom d2_reference 3 d_mine\nfix 1 all nve")
        session.commands("velocity all set 3.0 -2.0 1.0 sum yes")
        ids = session.ids()
        assert len(ids) == session.natoms < ids[-1]
        session.scatter("d_mine", np.sqrt(ids))
        session.scatter("d2_reference", session.gather("x", unwrapped=True))
        births = Births()
        session.attach(births, every(1))
        session.commands(
            "region hole delete\nregion room block 1 2.9 1 2.9 0.5 3 \nregion any block 0 6 3 5 0 4"
        )
        session.commands("fix 2 all deposit 5 1 20 99 region room near 0.7 units box vz 0 0 id next")
        session.commands("fix 3 all evaporate 15 1 any 99")
        session.run(200)
        mine = session.gather("d_mine")[:, 0]
        assert np.allclose(mine[mine > 0] ** 2, session.ids()[mine > 0], rtol=1e-14)
        assert 0 < (mine == 0).sum() <= 5
        first = {}
        for seen in comm.allgather(births.first):
            for atom_id, place in seen.items():
                first[atom_id] = min(place, first.get(atom_id, place))
        changed = comm.allreduce(len(births.first)) > len(first)
        assert changed == (comm.size > 1)
        new = [atom_id for atom_id in births.now if atom_id > ids[-1]]
        assert 2 <= comm.allreduce(len(new)) <= 5
        for atom_id in births.now:
            expected = np.array(births.now[atom_id][:3]) - first[atom_id][1:]
            assert np.abs(births.now[atom_id][3:] - expected).max() < 1e-9, atom_id
        assert first[max(first)][0] > 10
        if comm.rank == 0:
            sys.stdout.write("followed\n")


def untagged(comm):
    """Atoms without IDs, and arrays that are not there or do not fit on one rank alone."""
    with Session(comm) as session:
        session.commands("atom_modify id no\n" + LIQUID.format(units="lj").replace("atom_modify map yes", ""))
        for call in (
            lambda: session.gather("x"),
            lambda: session.scatter("x", np.zeros((480, 3))),
            session.ids,
        ):
            _refused(call, "atom_modify id no")
    with Session(comm) as session:
        session.commands(LIQUID.format(units="lj"))
        _refused(lambda: session.gather("d_no"), "no per-atom array 'd_no'")
        rows = session.natoms - (comm.rank == comm.size - 1)  # one rank's values alone do not fit
        _refused(lambda: session.scatter("x", np.zeros((rows, 3))), "rows for")
    sys.stdout.write("refused\n")


def _refused(call, words):
    try:
        call()
    except MdbridgeError as error:
        assert words in str(error), error
        return
    raise AssertionError("not refused")


def moved(comm):
    """The place for temporary files changes between runs, while one rank is slow to look into the old one."""
    places, listing = [Path.cwd() / name for name in ("here", "there")], Path.iterdir
    for place in places:
        place.mkdir(exist_ok=True)
    homes = itertools.cycle(places)

    def slow(path):
        time.sleep(0.1 + 0.2 * comm.rank)
        return listing(path)

    with Session(comm) as session, unittest.mock.patch.object(scratch, "home", lambda size: next(homes)):
        session.commands(LIQUID.format(units="lj"))
        dump = Dump(session, "mine")
        for columns in (["id"], ["id", "x"]):
            with unittest.mock.patch.object(Path, "iterdir", slow):
                dump.start(columns, session.step + 3, False, 1, "step+100", "")
            session.commands("run 5 post no")
            # the first rank has done with it, and leaves, while the others have not begun to read
            time.sleep(0.2 * comm.rank)
            assert dump.take(session.step - 2).columns == tuple(columns)
        dump.close()
        comm.Barrier()
        assert not [*listing(places[0]), *listing(places[1])]
    sys.stdout.write("taken\n")


def main() -> int:
    comm = MPI.COMM_WORLD
    jobs = {"log": log, "fail": fail, "arrays": arrays, "untagged": untagged, "moved": moved}
    jobs |= {kind: partial(lost, kind=kind) for kind in ("away", "alone")}
    for what in sys.argv[1:]:
        lines = io.StringIO()
        with contextlib.redirect_stdout(lines):
            jobs[what](comm)
        for said in comm.gather(lines.getvalue()) or ():
            for line in said.splitlines():
                sys.stdout.write(f"{what}: {line}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    parallel.run_main(MPI.COMM_WORLD, main)
