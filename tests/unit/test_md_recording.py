"""What observers are told of a run: ends of steps as LAMMPS dumps them, each once, and failures on time."""

from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError, ObserverError
from mdbridge.md import setup, sources
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.recorded import ALWAYS
from mdbridge.md.recording import Recording
from mdbridge.md.session import Session

CRYSTAL = """
    units lj
    atom_modify map array
    lattice fcc 0.9
    region whole block 0 4 0 3 0 3
    create_box 2 whole
    create_atoms 1 box
    set group all type/fraction 2 0.4 99
    mass 1 1.0
    mass 2 3.5
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    velocity all create 1.5 4711 loop geom
    timestep 0.002
    fix motion all nve
    group heavy type 2
    compute each all pe/atom
    """


class End(Observer):
    """Keeps what it is shown at the end of its steps."""

    needs = ("v", "f", "c_each")
    groups = ("heavy",)
    thermo = ("temp", "pe", "press")

    def __init__(self):
        self.seen = []

    def local(self, atoms):
        order = np.argsort(atoms.ids)
        shown = {"step": atoms.step, "time": atoms.time, "box": atoms.box().copy()}
        shown |= {name: getattr(atoms, name)[order].copy() for name in ("v", "f", "types")}
        shown["x"] = atoms.unwrapped()[order]
        shown |= {"each": atoms.values("c_each")[order], "heavy": atoms.group("heavy")[order]}
        self.seen.append(shown | {name: atoms.thermo(name) for name in self.thermo})

    @property
    def steps(self):
        return [look["step"] for look in self.seen]


@pytest.fixture
def session():
    with Session(MPI.COMM_SELF) as opened:
        opened.commands(CRYSTAL)
        yield opened


def test_the_end_of_a_step_is_what_a_run_to_there_leaves(session):
    """Positions, velocities and energies belong together; so does the temperature."""
    observer = End()
    session.attach(observer, every(5))
    session.run(10)
    assert observer.steps == [0, 5, 10]
    with Session(MPI.COMM_SELF) as other:
        other.commands(CRYSTAL)
        for shown, steps in zip(observer.seen, (0, 5, 5), strict=True):
            other.run(steps)
            for name in "xvf":
                theirs = other.gather(name, 3, unwrapped=name == "x")
                np.testing.assert_allclose(shown[name], theirs, atol=1e-12)
            assert shown["temp"] == pytest.approx(other.lmp.get_thermo("temp"), rel=1e-12)
            assert shown["press"] == pytest.approx(other.lmp.get_thermo("press"), rel=1e-12)
            assert shown["each"].sum() == pytest.approx(shown["pe"], rel=1e-12)
            masses = np.where(shown["types"] == 2, 3.5, 1.0)
            kinetic = 0.5 * (masses * (shown["v"] ** 2).sum(axis=1)).sum()
            assert shown["temp"] == pytest.approx(2 * kinetic / (3 * (len(masses) - 1)), rel=1e-12)
            assert np.array_equal(shown["heavy"], shown["types"] == 2)
            assert shown["time"] == pytest.approx(0.002 * shown["step"])


def test_energies_are_those_of_the_system_whatever_thermo_shows(session):
    session.commands("thermo_modify norm no")
    observer = End()
    session.attach(observer, every(3))
    session.run(3)
    whole = [look["pe"] for look in observer.seen]
    session.detach(observer)
    session.commands("thermo_modify norm yes")
    with Session(MPI.COMM_SELF) as other:
        other.commands(CRYSTAL + "\nthermo_modify norm yes")
        again = End()
        other.attach(again, every(3))
        other.run(3)
    assert [look["pe"] for look in again.seen] == pytest.approx(whole)


@pytest.mark.parametrize("norm", ["yes", "no"])
@pytest.mark.parametrize("style", ["", "thermo_style custom step"])
def test_energies_of_atoms_without_a_potential_are_those_of_the_system(norm, style):
    """Grains have no potential energy whose part for each atom would say what LAMMPS divides by."""
    text = CRYSTAL.replace("lj/cut 2.5", "zero 2.5").replace("* * 1.0 1.0", "* *")
    text += f"{style}\nthermo_modify norm {norm}\nfix rain all deposit 3 1 5 4711 region whole near 0.1\n"
    observer = End()
    observer.thermo = ("ke", "pe")
    with Session(MPI.COMM_SELF) as session:
        session.commands(text)
        session.stand_ins = setup.of(text).stand_ins
        session.attach(observer, every(5))
        session.run(10, "post no")
        now = sources.thermo(session.lmp, "ke") if not style else None
    for look in observer.seen:
        masses = np.where(look["types"] == 2, 3.5, 1.0)
        kinetic = 0.5 * (masses * (look["v"] ** 2).sum(axis=1)).sum()
        assert look["ke"] == pytest.approx(kinetic, rel=1e-12) and look["pe"] == 0.0
    assert len(look["v"]) == 146 and now in (None, pytest.approx(kinetic, rel=1e-12))


def test_every_step_is_seen_once_over_several_runs_and_after_a_pause(session):
    observer = End()
    session.attach(observer, every(4))
    for steps in (3, 5, 4):  # up to 12
        session.run(steps)
    session.commands("change_box all x scale 1.0 remap")  # which does not go with a dump
    session.run(4)
    assert observer.steps == [0, 4, 8, 12, 16]


def test_a_step_that_is_set_up_again_is_seen_again_unless_it_is_once(session):
    again, once = End(), End()
    once.once = True
    session.attach(again, every(1))
    session.attach(once, every(1))
    session.run(0)
    session.commands("displace_atoms all move 0.1 0 0")
    session.run(0)
    assert (again.steps, once.steps) == ([0, 0], [0])
    assert again.seen[1]["x"][0, 0] != again.seen[0]["x"][0, 0]


def test_listed_steps_and_those_of_runs_inside_of_other_commands(session):
    observer = End()
    session.attach(observer, on([2, 7]))
    session.commands('run 10 every 5 "print hello"')
    assert observer.steps == [2, 7]


@pytest.mark.parametrize("moment", ["end", "forces"])
def test_a_failure_names_its_step_and_later_runs_go_on(session, moment):
    class Fails(Observer):
        fail = True

        def local(self, atoms):
            if atoms.step == 6 and self.fail:
                raise ValueError("out of patience")

    observer = Fails()
    observer.moment = moment
    session.attach(observer, every(3))
    with pytest.raises(ObserverError, match="at step 6 on rank 0: ValueError: out of patience") as caught:
        session.run(30)
    assert (caught.value.step, caught.value.rank) == (6, 0)
    assert session.step < 30
    observer.fail = False
    session.run(10)


def test_what_an_observer_needs_is_asked_for_when_it_is_attached(session):
    class Greedy(Observer):
        pass

    for change, words in (
        ({"needs": ("c_none",)}, r"Greedy needs c_none, .* add 'compute none all …'"),
        ({"groups": ("light",)}, r"no group 'light'; it has all, heavy"),
    ):
        observer = Greedy()
        vars(observer).update(change)
        with pytest.raises(InputError, match=words):
            session.attach(observer, every(1))
    session.run(1)  # nothing of it was left behind


class OfGroups(Observer):
    """Counts the atoms of groups whose names differ in a character that variables cannot have."""

    groups = ("a-b", "a_b")

    def local(self, atoms):
        self.counts = [int(atoms.group(name).sum()) for name in self.groups]


def test_groups_with_names_alike_are_not_mixed_up(session):
    session.commands("group a-b id 1:10\ngroup a_b id 1:25")
    observer = OfGroups()
    session.attach(observer, every(1))
    session.run(1)
    assert observer.counts == [10, 25]


class OfComputes(Observer):
    """Reads an element of a vector, and a number whose name is alike but for the brackets."""

    thermo = ("c_p[1]", "c_p_1_")
    reads_atoms = False

    def local(self, atoms):
        self.values = [atoms.thermo(name) for name in self.thermo]


def test_quantities_with_names_alike_are_not_mixed_up(session):
    session.commands("compute p all pressure thermo_temp\ncompute p_1_ all temp")
    observer = OfComputes()
    session.attach(observer, every(1))
    session.run(1)
    shown = [session.lmp.get_thermo(name) for name in ("pxx", "temp")]
    assert observer.values == pytest.approx(shown, rel=1e-12)


def test_nothing_is_left_in_lammps_when_all_have_gone(session):
    observer = End()
    finished = []
    observer.finish = lambda: finished.append(True)
    session.attach(observer, every(1))
    session.run(1)
    session.detach(observer)
    assert finished == [True]
    assert not session.lmp.has_id("fix", "mdbridge_observers")
    session.run(2)
    assert observer.steps == [0, 1]


def test_what_nobody_reads_is_not_written_down(session):
    """A dump costs by its columns; who does not say what it reads gets all that is always there."""

    class Places(Observer):
        reads = ("x", "type")

        def local(self, atoms):
            self.columns = set(atoms.tables(["x"])[1])

    class Everything(Places):
        reads = None

    few, all_of_it = Places(), Everything()
    session.attach(few, every(5))
    session.run(5)
    assert few.columns == {"x", "type"}
    session.attach(all_of_it, every(5))
    session.run(5)
    assert few.columns == all_of_it.columns == set(ALWAYS)


def test_what_is_left_is_told_in_the_order_of_the_steps():
    recording = Recording.__new__(Recording)
    recording._expected = {3}
    # a set of these does not happen to be in order
    recording._frame, recording._system = (
        SimpleNamespace(steps=lambda steps=steps: steps) for steps in ([100000, 3], [3, 2**40])
    )
    assert recording.left() == [3, 100000, 2**40] and not recording._expected
