"""Sessions: commands, observers, failures inside a run, signals."""

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError, InputError, MDError, ObserverError
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.session import Session, potential

GAS = """
    units metal
    atom_modify map array
    region whole block 0 20 0 20 0 20 units box
    create_box 1 whole
    create_atoms 1 single 5 5 5
    create_atoms 1 single 15 10 5
    mass 1 12.0
    pair_style zero 3.0
    pair_coeff * *
    fix arrays all property/atom d2_mine 2
    fix motion all nve
    velocity all set 1.0 2.0 3.0
    """


@pytest.fixture
def session():
    with Session(MPI.COMM_SELF) as gas:
        gas.commands(GAS)
        yield gas


class Recorder:
    """Notes the steps it is called on; fails in one of its phases if told to."""

    def __init__(self, needs=(), fail_at=-1, error=None, phase="local"):
        self.needs, self.fail_at, self.error, self.phase = needs, fail_at, error, phase
        self.steps = []
        self.combined = []

    def local(self, atoms):
        self.steps.append(atoms.step)
        if self.phase == "local" and atoms.step == self.fail_at:
            raise self.error

    def collective(self, comm):
        self.combined.append(self.steps[-1])
        if self.phase == "collective" and self.steps[-1] == self.fail_at:
            raise self.error


# --- commands -------------------------------------------------------------------


def test_a_refused_command_is_named_with_what_lammps_says(session):
    with pytest.raises(MDError, match=r"LAMMPS refused 'fix one all nonsense': .*[Uu]nrecognized fix"):
        session.commands("pair_coeff * *\nfix one all nonsense")
    session.run(1)
    assert session.step == 1


def test_a_refused_command_takes_one_line_and_keeps_links_out(session):
    with pytest.raises(MDError) as caught:
        session.commands("fix one all nonsense")
    assert "\n" not in str(caught.value)
    assert "http" not in str(caught.value)
    assert ".cpp" not in str(caught.value)


def test_closing_twice_does_no_harm():
    session = Session(MPI.COMM_SELF)
    session.close()
    session.close()


def test_memory_is_in_bytes_and_that_of_all_ranks(session, monkeypatch):
    assert 1e5 < session.memory() < 1e9
    alone = session.memory()
    monkeypatch.setattr(session, "comm", SimpleNamespace(allreduce=lambda value: 3 * value))
    assert session.memory() == pytest.approx(3 * alone)


def test_per_atom_arrays_go_out_and_come_back(session):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    session.scatter("d2_mine", values)
    assert np.array_equal(session.gather("d2_mine", 2), values)
    assert session.gather("type", 1).ravel().tolist() == [1, 1]


def test_an_array_that_is_not_there_is_named(session):
    with pytest.raises(MDError, match="'d2_yours'"):
        session.atoms().array("d2_yours")


def test_an_array_that_is_defined_anew_is_seen_anew(session):
    assert session.gather("d2_mine", 2).shape == (2, 2)
    session.commands("unfix arrays\nfix arrays all property/atom d2_mine 3")
    assert session.atoms().array("d2_mine").shape == (2, 3)
    session.commands("unfix arrays")
    with pytest.raises(MDError, match="'d2_mine'"):
        session.atoms().array("d2_mine")


@pytest.mark.parametrize("name", ["plain/a_1.5-b", "with blanks", "für jörg", "a#b $c"])
def test_a_path_is_one_word_of_a_command_whatever_is_in_it(session, tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    session.quietly(f"write_restart {session.word(path)}")
    assert path.is_file()


def test_masses_follow_the_types(session):
    assert session.atoms().masses().tolist() == [12.0, 12.0]


def test_the_box_has_its_edges_in_rows(session):
    session.commands("change_box all triclinic\nchange_box all xy final 3.0 yz final 1.0")
    assert session.atoms().box().tolist() == [[20, 0, 0], [3, 20, 0], [0, 1, 20]]


def test_a_minimisation_that_stops_early_says_what_is_left():
    with Session(MPI.COMM_SELF) as session:
        session.commands(
            GAS.replace("pair_style zero 3.0\n    pair_coeff * *", "pair_style lj/cut 15\npair_coeff * * 1 9")
        )
        with pytest.raises(ConvergenceError, match=r"largest force of .*, above 1e-12"):
            session.minimize(force=1e-12, iterations=1)


# --- observers ------------------------------------------------------------------


def test_every_step_is_seen_once_over_several_runs(session):
    seen = Recorder()
    session.attach(seen, every(1))
    session.run(6)
    session.run(4)
    assert seen.steps == list(range(11))
    assert seen.combined == seen.steps


def test_schedules_choose_the_steps(session):
    seldom, listed = Recorder(), Recorder()
    session.attach(seldom, every(4))
    session.attach(listed, on([3, 5, 99]))
    session.run(9)
    assert seldom.steps == [0, 4, 8]
    assert listed.steps == [3, 5]


def test_a_schedule_needs_a_positive_interval():
    with pytest.raises(ValueError, match="at least 1"):
        every(0)


def test_one_observer_leaves_the_other_attached(session):
    first, second = Recorder(), Recorder()
    session.attach(first, every(1))
    session.attach(second, every(1))
    session.run(2)
    session.detach(first)
    session.run(2)
    session.detach(second)
    session.run(2)
    assert first.steps == [0, 1, 2]
    assert second.steps == [0, 1, 2, 3, 4]


def test_a_missing_array_is_refused_before_the_run(session):
    with pytest.raises(InputError, match=r"Recorder needs .*d2_smoothed.*fix property/atom"):
        session.attach(Recorder(needs=("d2_mine", "d2_smoothed")), every(1))
    session.run(2)


@pytest.mark.parametrize("phase", ["local", "collective"])
def test_an_observer_that_raises_stops_the_run(session, phase):
    bad = Recorder(fail_at=3, error=ValueError("no good"), phase=phase)
    good = Recorder()
    session.attach(good, every(1))
    session.attach(bad, every(1))
    with pytest.raises(ObserverError, match=r"step 3 on rank 0: ValueError: no good") as caught:
        session.run(10)
    assert (caught.value.step, caught.value.rank) == (3, 0)
    assert isinstance(caught.value.__cause__, ValueError)
    assert session.step == 3
    bad.fail_at = -1
    session.run(5)
    assert session.step == 8
    assert good.steps == list(range(9))


def test_an_error_without_words_says_where_it_came_from(session):
    session.attach(Recorder(fail_at=2, error=ValueError()), every(1))
    with pytest.raises(
        ObserverError, match=r"step 2 on rank 0: ValueError: \(no message; line \d+ of .*test_md"
    ):
        session.run(5)


def test_a_failure_is_raised_by_any_command_that_runs(session):
    session.attach(Recorder(fail_at=2, error=ValueError("no good")), every(1))
    with pytest.raises(ObserverError, match="step 2"):
        session.commands("run 5\nreset_timestep 0")
    assert session.step == 2


def test_a_failure_in_the_set_up_of_a_run_is_raised(session):
    session.attach(Recorder(fail_at=0, error=ValueError("no good")), every(1))
    with pytest.raises(ObserverError, match="step 0"):
        session.run(0)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=["Ctrl-C", "exit"])
def test_an_interrupt_in_an_observer_is_not_lost(session, error):
    session.attach(Recorder(fail_at=4, error=error), every(1))
    with pytest.raises(type(error)):
        session.run(10)
    assert session.step == 4
    session.run(1)
    assert session.step == 5


class Signaller(Recorder):
    """Sends its own process a signal, which Python handles when LAMMPS calls back."""

    def __init__(self, step, number):
        super().__init__()
        self.step, self.number = step, number

    def local(self, atoms):
        super().local(atoms)
        if atoms.step == self.step:
            os.kill(os.getpid(), self.number)


@pytest.fixture
def interruptible():
    """Python's own handler, which a process started in the background of a shell does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_signal_during_a_run_stops_it(session):
    before = signal.getsignal(signal.SIGINT)
    session.attach(Signaller(3, signal.SIGINT), every(1))
    with pytest.raises(KeyboardInterrupt):
        session.run(10)
    assert session.step == 4  # the first call back after it
    assert signal.getsignal(signal.SIGINT) is before
    session.run(2)
    assert session.step == 6


@pytest.mark.usefixtures("interruptible")
def test_a_signal_on_the_last_call_is_raised_after_the_run(session):
    session.attach(Signaller(10, signal.SIGINT), on([10]))
    with pytest.raises(KeyboardInterrupt):
        session.run(10)
    assert session.step == 10


def test_a_handler_that_returns_does_not_stop_the_run(session):
    arrived = []
    before = signal.signal(signal.SIGTERM, lambda number, _: arrived.append(number))
    try:
        session.attach(Signaller(3, signal.SIGTERM), every(1))
        session.run(10)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert arrived == [signal.SIGTERM]
    assert session.step == 10


# --- forces ---------------------------------------------------------------------


class Pusher(Recorder):
    """Leaves forces in the array that LAMMPS keeps between its calls."""

    def __init__(self, session):
        super().__init__()
        self.session = session

    def local(self, atoms):
        super().local(atoms)
        forces = self.session.lmp.numpy.fix_external_get_force("mdbridge_observers")
        forces[: atoms.count] = 1e3


def test_forces_left_behind_act_no_longer_than_their_step(session):
    session.attach(Pusher(session), on([0]))
    session.run(1)
    velocity = session.gather("v", 3)
    session.run(20)
    assert np.array_equal(session.gather("v", 3), velocity)


def test_what_calls_the_observers_is_no_part_of_pressure_and_energy(session):
    """LAMMPS gives its fix no virial until it is called, and a barostat asks for one before that."""
    session.attach(Recorder(), every(1))
    session.run(0)
    before = [session.lmp.get_thermo(name) for name in ("press", "pxy", "pe")]
    fix = "mdbridge_observers"
    session.lmp.fix_external_set_virial_global(fix, [3e5] * 6)
    session.lmp.fix_external_set_energy_global(fix, 7.0)
    session.run(1)
    after = [session.lmp.get_thermo(name) for name in ("press", "pxy", "pe")]
    # atoms fly freely here: what they have stays
    assert after == pytest.approx(before, rel=1e-9, abs=1e-9)


def test_evaluating_forces_calls_no_observer(session):
    session.commands("unfix motion")
    seen = Recorder()
    session.attach(seen, every(1))
    session.evaluate()
    session.evaluate()
    assert seen.steps == []
    session.run(0)
    assert len(seen.steps) == 1


@pytest.mark.parametrize(("within", "vx"), [(None, 8.0), ((0, 10), 0.0)])
def test_a_restart_file_has_atoms_that_crossed_with_the_velocity_of_the_box(tmp_path, within, vx):
    """By LAMMPS alone they keep vx = 8 of the upper boundary at the lower one, where the box rests."""
    text = GAS.replace("block 0 20 0 20 0 20", "prism 0 8 0 8 0 8 0 0 0").replace(
        "set 1.0 2.0 3.0", "set 8 0.1 0"
    )
    text = text.replace("single 5 5 5", "single 4 7.9995 4").replace("single 15 10 5", "single 4 4 4")
    with Session(MPI.COMM_SELF) as session:
        session.commands(
            text + "fix pull all deform 1 xy erate 1.0 remap v\nneigh_modify delay 100\ntimestep 0.01"
        )
        seen = Recorder()
        session.attach(seen, every(1))
        session.run(3, "post no")
        assert session.gather("v")[0, 0] == 8.0 and session.gather("x")[0, 1] > 8.0
        session.write_restart(tmp_path / "a restart", within)
        assert session.gather("v")[0].tolist() == pytest.approx([vx, 0.1, 0.0], abs=1e-12)
        assert seen.steps == [0, 1, 2, 3] and session.step == 3
    with Session(MPI.COMM_SELF) as session:
        session.commands(f"atom_modify map array\nread_restart '{tmp_path / 'a restart'}'")
        assert session.gather("v")[0, 0] == pytest.approx(vx, abs=1e-12)


def test_evaluating_is_safe_after_observers_come_and_go():
    with Session(MPI.COMM_SELF) as session:
        session.commands(GAS.replace("zero 3.0\n    pair_coeff * *", "lj/cut 9\npair_coeff * * 0.01 3"))
        session.commands("unfix motion")
        expected = []
        for shift in (0.0, 0.5, 1.0):
            session.scatter("x", np.array([[5.0, 5, 5], [9 + shift, 5, 5]]))
            session.run(0)
            expected.append(session.gather("f", 3))
        assert np.abs(expected).max(axis=(1, 2)).min() > 1e-4
        for _ in range(2):
            for shift, force in zip((0.0, 0.5, 1.0), expected, strict=True):
                seen = Recorder()
                session.attach(seen, every(1))
                session.scatter("x", np.array([[5.0, 5, 5], [9 + shift, 5, 5]]))
                session.evaluate()
                assert np.allclose(session.gather("f", 3), force, rtol=1e-12)
                session.detach(seen)
                session.evaluate()
                assert np.allclose(session.gather("f", 3), force, rtol=1e-12)
                assert seen.steps == []


def test_evaluating_is_safe_after_a_command_that_failed(session):
    session.evaluate()
    with pytest.raises(MDError):
        session.commands("run nonsense")
    session.evaluate()


# --- potentials -----------------------------------------------------------------


def test_a_potential_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    shipped = potential("SiC.tersoff")
    assert shipped.is_file()
    assert potential(str(shipped)) == shipped
    mine = tmp_path / "mine.tersoff"
    mine.write_text("")
    monkeypatch.setenv("LAMMPS_POTENTIALS", str(tmp_path))
    assert potential("mine.tersoff") == mine.resolve()


def test_a_potential_that_is_nowhere_names_the_places(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMMPS_POTENTIALS", str(tmp_path))
    with pytest.raises(InputError) as caught:
        potential("nowhere.tersoff")
    assert "nowhere.tersoff" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "share/lammps/potentials" in str(caught.value)
