"""Time filters in compiled code: the same numbers as in Python, in whatever becomes of box and atoms."""

import ctypes

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError, ObserverError
from mdbridge.md import births, steady
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.displacement import TimeFilter
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.session import Session
from mdbridge.md.watching import Watching

LIQUID = """
    units lj
    atom_modify map array
    boundary p p p
    lattice fcc 0.7
    region whole prism 0 5 0 5 0 5 {tilt} 0 0
    create_box 2 whole
    create_atoms 1 box
    mass * 1.0
    pair_style lj/cut 2.0
    pair_coeff * * 1.0 1.0
    timestep 0.005
    neighbor 0.2 bin
    fix arrays all property/atom d2_reference {columns} d2_smoothed {columns} d2_other {columns}
    velocity all create 3.0 7
    fix motion all {motion}
    """
MOTIONS = {
    "nve": "nve",
    "npt": "npt temp 3.0 3.0 0.1 iso 8.0 8.0 0.3",
    "shear": "nvt/sllod temp 3.0 3.0 0.1\nfix moving all deform 1 xy erate 0.8 remap v flip no",
}


def liquid(session, motion="nve", columns=3, tilt=0.0):
    session.commands(LIQUID.format(motion=MOTIONS[motion], columns=columns, tilt=tilt))
    session.run(0)
    session.scatter("d2_reference", session.gather("x", columns))


@pytest.fixture
def calls(monkeypatch):
    """Steps at which Python was called."""
    steps, call = [], Watching.call

    def counted(self, step, count):
        steps.append(step)
        call(self, step, count)

    monkeypatch.setattr(Watching, "call", counted)
    return steps


def filtered(steps=(43, 1, 77), change="", **system):
    """The two filters' arrays after some runs, beside what the positions alone give."""
    with Session(MPI.COMM_SELF) as session:
        liquid(session, **system)
        session.attach(TimeFilter(0.05), every(1))
        session.attach(TimeFilter(0.3, array="d2_other"), every(1))
        for number in steps:
            session.run(number)
            if change:
                session.commands(change)
        ids = session.ids()
        return ids, session.gather("d2_smoothed"), session.gather("d2_other"), session.gather("x", 3)


@pytest.mark.parametrize(
    "system",
    [
        {},
        {"motion": "npt"},
        {"motion": "shear", "tilt": 0.4},
        {"columns": 2, "tilt": -1.2},
        {"motion": "npt", "columns": 2},
    ],
    ids=str,
)
def test_numbers_are_those_of_python(system, calls, monkeypatch):
    """A hot liquid: atoms cross the boundaries, the order of the atoms changes."""
    ours = filtered(**system)
    assert 12 < len(calls) < 60  # of 121 steps: every tenth, and where neighbours are found anew
    monkeypatch.setattr(Session, "steady", lambda self: None)
    calls.clear()
    plain = filtered(**system)
    assert len(calls) == 124
    for compiled, python in zip(ours, plain, strict=True):
        assert np.array_equal(compiled, python)
    assert np.abs(ours[1]).max() > 0.1 and not np.array_equal(ours[1], ours[2])


class Memory:
    """What LAMMPS has in its memory, and what it calls."""

    def __init__(self, count=5, bits=10):
        random = np.random.default_rng(3)
        self.x, self.reference = random.random((2, count, 3))
        self.smoothed = np.zeros((count, 3))
        self.rows = np.array([self.x.ctypes.data], dtype=np.int64)
        self.numbers = {"natoms": np.array([9], np.int64), "nmax": np.array([16], np.int32)}
        self.numbers |= {"low": np.zeros(3), "high": np.array([2.0, 3.0, 4.0])}
        self.numbers |= {"xy": np.array([0.5]), "xz": np.array([0.25]), "yz": np.array([-0.75])}
        half = 1 << (bits - 1)
        image = [half + i % 3 - 1 | (half - i % 2) << bits | (half + 1) << 2 * bits for i in range(count)]
        self.image = np.array(image, dtype=np.int32 if bits == 10 else np.int64)
        self.mask = np.full(count, 5, dtype=np.int32)
        self.count, self.python = count, []
        pointer = ctypes.c_void_p
        kind = ctypes.CFUNCTYPE(None, pointer, ctypes.c_int64, ctypes.c_int32, *3 * (pointer,))
        self._call = kind(lambda _, step, count, *rest: self.python.append((step, count)))
        places = steady.Places(**{name: number.ctypes.data for name, number in self.numbers.items()})
        self.steps = steady.Steady(ctypes.cast(self._call, pointer).value, places, bits)
        self._compiled = kind(self.steps.function)

    def arm(self, at=3, until=10):
        atoms = steady.Present(9, self.image, self.mask, 4)
        self.steps.arm(at, until, atoms, [steady.Filter(self.smoothed, self.reference, 0.25)])

    def step(self, step, count=None):
        rows = self.rows.ctypes.data if self.count else None  # as LAMMPS has it before there are any
        self._compiled(self.steps.argument, step, self.count if count is None else count, None, rows, None)

    def displacement(self):
        """By the formula, with numpy."""
        i = np.arange(self.count)
        images = np.stack([i % 3 - 1, -(i % 2), np.ones(self.count)], axis=1)
        box = np.array([[2.0, 0, 0], [0.5, 3.0, 0], [0.25, -0.75, 4.0]])
        return self.x + images @ box - self.reference


@pytest.mark.parametrize("bits", [10, 21])
def test_a_step_is_that_of_the_equation(bits):
    memory = Memory(bits=bits)
    memory.arm()
    memory.step(4)
    memory.x += 0.125
    memory.step(5)
    expected = 0.75 * 0.25 * (memory.displacement() - 0.125) + 0.25 * memory.displacement()
    assert np.abs(memory.smoothed - expected).max() < 1e-14
    assert memory.python == [] and memory.steps.disarm() == 5
    memory.step(6)
    assert memory.python == [(6, 5)]


@pytest.mark.parametrize("change", ["count", "natoms", "nmax", "mask", "gap", "again", "until", "disarm"])
def test_python_is_called_where_anything_is_not_as_it_was(change):
    memory = Memory()
    memory.arm(until=10 if change != "until" else 5)
    memory.step(4)
    before = memory.smoothed.copy()
    assert memory.python == []
    if change in memory.numbers:
        memory.numbers[change] += 1
    if change == "mask":
        memory.mask[3] = 1
    if change == "disarm":
        memory.steps.disarm()
    step = {"gap": 6, "again": 4}.get(change, 5)
    memory.step(step, count=4 if change == "count" else None)
    assert memory.python == [(step, 4 if change == "count" else 5)]
    assert np.array_equal(memory.smoothed, before)


def test_a_rank_without_atoms_has_nothing_to_filter():
    memory = Memory(count=0)
    memory.arm()
    memory.step(4)
    assert memory.python == [] and memory.steps.disarm() == 4


def test_forces_that_are_evaluated_between_runs_are_no_steps(calls):
    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        session.attach(TimeFilter(0.2), every(1))
        session.run(15)
        assert len(calls) < 10
        before = session.gather("d2_smoothed")
        session.evaluate()
        session.evaluate()
        assert np.array_equal(session.gather("d2_smoothed"), before)
        session.lmp.command("run 4")  # by someone else
        before = session.gather("d2_smoothed")
        session.evaluate()
        assert np.array_equal(session.gather("d2_smoothed"), before)
        session.run(1)
        assert not np.array_equal(session.gather("d2_smoothed"), before)


def test_steps_of_others_are_theirs(calls):
    """An observer of some steps sees the filtered displacements of those steps."""

    class Copy(Observer):
        moment = "forces"

        def __init__(self):
            self.seen = {}

        def local(self, atoms):
            self.seen[atoms.step] = atoms.array("d2_smoothed")[np.argsort(atoms.ids)].copy()

    def run(watched):
        with Session(MPI.COMM_SELF) as session:
            liquid(session)
            copy = Copy()
            session.attach(TimeFilter(0.1), every(1))
            if watched:
                session.attach(copy, on([3, 17, 18, 36]))
            for steps in (3, 14, 1, 18):
                session.run(steps)
                if not watched:
                    copy.seen[session.step] = session.gather("d2_smoothed")
            return copy.seen

    ours, alone = run(True), run(False)
    assert sorted(ours) == [3, 17, 18, 36]
    assert all(np.array_equal(ours[step], alone[step]) for step in ours)


@pytest.mark.parametrize("compiled", [True, False])
def test_an_atom_that_comes_for_one_that_goes_is_noticed_at_once(compiled, monkeypatch):
    """Their numbers stay, so that only groups tell: LAMMPS makes new atoms in none but ``all``."""

    class Exchange(Observer):
        moment = "forces"

        def local(self, atoms):
            session.atoms().array("mask")[5] &= ~(1 << session.lmp.available_ids("group").index(births.GROUP))
            atoms.array("d2_smoothed")[5] = 50.0  # what another atom has left
            self.id = int(atoms.ids[5])

    if not compiled:
        monkeypatch.setattr(Session, "steady", lambda self: None)
    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        session.attach(TimeFilter(0.1), every(1))
        exchange = Exchange()
        session.attach(exchange, on([13]))
        session.run(15, "post no")
        row = list(session.ids()).index(exchange.id)
        assert np.abs(session.gather("d2_smoothed")[row]).max() < 0.1
        # and where it came is its reference
        assert (
            np.abs(session.gather("d2_reference")[row] - session.gather("x", 3, unwrapped=True)[row]).max()
            < 0.1
        )


@pytest.mark.parametrize("alone", [False, True])
def test_a_failure_beside_filters_is_told(alone):
    class Fails(Observer):
        moment = "forces"

        def local(self, atoms):
            if atoms.step == 27:
                raise RuntimeError("at 27")

    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        session.attach(TimeFilter(0.1), every(1))
        session.attach(Fails(), every(1) if alone else on([27]))
        with pytest.raises(ObserverError, match="at 27"):
            session.run(100)
        assert session.step < 40


def test_trial_states_are_refused_all_the_same():
    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        session.commands(
            "fix trials mobile_all atom/swap 7 1 1 3.0 ke no types 1 2".replace("mobile_all", "all")
        )
        session.commands("set atom 1*40 type 2\npair_coeff 2 2 1.0 1.1")
        session.attach(TimeFilter(0.1), every(1))
        with pytest.raises(InputError, match="trial"):
            session.run(50)


def test_a_run_of_someone_else_counts_each_step_once(calls):
    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        session.attach(TimeFilter(0.1), every(1))
        session.lmp.command("run 25")
        session.lmp.command("run 13 pre no")
        session.catch_up()
        ours = session.gather("d2_smoothed")
        assert len(calls) < 25
    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        session.attach(TimeFilter(0.1), every(1))
        session.run(25)
        session.run(13)
        assert np.allclose(session.gather("d2_smoothed"), ours, rtol=0, atol=1e-10)


def test_a_filter_that_was_detached_acts_no_more_in_runs_of_someone_else(calls):
    """Their next run begins where compiled code was left, with steps that were still its own to do."""

    class Looks(Observer):
        moment = "forces"

    with Session(MPI.COMM_SELF) as session:
        liquid(session)
        ramp = TimeFilter(0.1)
        session.attach(ramp, every(1))
        session.lmp.command("run 14")
        # whose steps compiled code does not do
        session.attach(Looks(), every(1))
        session.detach(ramp)
        before = session.gather("d2_smoothed")
        session.lmp.command("run 5")
        assert np.array_equal(session.gather("d2_smoothed"), before)


def test_after_clear_nothing_is_left_of_the_old_arrays(calls):
    with Session(MPI.COMM_SELF) as session:
        for _ in range(2):
            liquid(session)
            ramp = TimeFilter(0.1)
            session.attach(ramp, every(1))
            session.run(35)
            result = session.gather("d2_smoothed")
            session.detach(ramp)
            session.commands("clear")
        assert np.isfinite(result).all() and 0 < np.abs(result).max() < 2
