"""Who looks when: set-ups again, minimisations, clear, early ends, several observers."""

from types import SimpleNamespace

import numpy as np
import pytest
from crystals import crystal, moving
from mpi4py import MPI

from mdbridge.core.errors import InputError, MDError, ObserverError
from mdbridge.md.dumps import Dump
from mdbridge.md.engine import lammps
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.displacement import TimeFilter
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.session import Session
from mdbridge.md.watching import Watching

MOMENTS = ("end", "forces")


class Look(Observer):
    """Keeps steps, positions and what it is told to read."""

    def __init__(self, moment="end", needs=(), thermo=(), reads_atoms=True, once=False, fail=None):
        self.moment, self.needs, self.thermo = moment, needs, thermo
        self.reads_atoms, self.once, self.fail = reads_atoms, once, fail
        self.steps, self.x, self.values, self.finished = [], [], [], 0

    def local(self, atoms):
        if self.fail is not None:
            raise self.fail
        self.steps.append(atoms.step)
        if self.reads_atoms:
            order = np.argsort(atoms.ids)
            self.x.append(atoms.x[order].copy())
            self.values.append([atoms.values(name)[order] for name in self.needs])
        else:
            self.values.append([*(atoms.thermo(name) for name in self.thermo), atoms.box()[0, 0]])

    def finish(self):
        self.finished += 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_step_is_seen_once_however_the_runs_are_cut(moment):
    with moving() as session:
        look, seldom = Look(moment), Look(moment)
        session.attach(look, every(1))
        session.attach(seldom, every(4))
        session.run(3)
        session.commands("run 4\nrun 2 every 1 'print between'")
        session.commands('if "1 == 1" then "run 3" "run 2"')
        assert look.steps == list(range(15))
        assert seldom.steps == [0, 4, 8, 12]


@pytest.mark.parametrize("moment", MOMENTS)
def test_steps_that_are_counted_anew_within_a_script_are_seen(tmp_path, moment):
    (tmp_path / "my.in").write_text("run 7\nreset_timestep 0\nrun 7\nreset_timestep 3\nrun 4\n")
    with moving() as session:
        look = Look(moment)
        session.attach(look, every(2))
        session.file(tmp_path / "my.in")
        # where a later run begins anew the end of a step is that of the run before
        assert [*look.steps] == [0, 2, 4, 6, *([0] if moment == "forces" else []), 2, 4, 6, 4, 6]


@pytest.mark.parametrize("moment", MOMENTS)
def test_run_0_looks_again_at_what_was_set_from_outside(moment):
    with crystal() as session:
        look, once = Look(moment), Look(moment, once=True)
        session.attach(look, every(1))
        session.attach(once, every(1))
        x = session.gather("x", 3)
        for k, give in enumerate(
            (
                lambda: session.run(0),
                lambda: session.commands("run 0"),
                lambda: session.commands("run 0 post no"),
            )
        ):
            session.scatter("x", x + 0.01 * k)
            give()
            assert np.allclose(look.x[-1] - x, 0.01 * k, atol=1e-12)
        session.commands("displace_atoms all move 0.05 0 0 units box\nrun 0")
        assert np.allclose((look.x[-1] - x)[:, 0], 0.07, atol=1e-12)
        session.commands('if "1 == 1" then "displace_atoms all move 0.01 0 0 units box" "run 0"')
        assert np.allclose((look.x[-1] - x)[:, 0], 0.08, atol=1e-12)
        assert look.steps == [0] * 5
        assert once.steps == [0]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("style", ["cg", "fire", "sd"])
def test_a_minimisation_shows_accepted_states_and_where_it_ends(moment, style):
    with crystal(
        "displace_atoms all random 0.1 0.1 0.1 4711 units box\ncompute fm all property/atom fx"
    ) as session:
        look = Look(moment)
        session.attach(look, every(1))
        session.commands(f"min_style {style}\nminimize 0 1e-9 7 1000")
        assert look.steps[-1] == session.step == 7
        assert np.array_equal(look.x[-1], session.gather("x", 3))
        assert look.steps == (list(range(8)) if moment == "end" else [7])
        count = len(look.steps)
        session.run(0)
        assert look.steps[count:] == [7]
        assert np.array_equal(look.x[-1], session.gather("x", 3))


def test_energies_fall_over_the_states_of_a_minimisation():
    with crystal("displace_atoms all random 0.1 0.1 0.1 4711 units box") as session:
        look = Look(thermo=("pe",), reads_atoms=False)
        session.attach(look, every(1))
        session.minimize(1e-3, 1000)
        energies = np.array([value for value, _ in look.values])
        assert (np.diff(energies) <= 0).all()
        assert np.isclose(energies[-1], session.lmp.get_thermo("pe") * session.natoms, rtol=1e-12)
        assert look.steps[-1] == session.step


def test_velocities_and_outputs_are_not_handed_out_right_after_the_forces():
    for source in ("v", "vx", "c_pe", "f_mean", "v_twice"):

        class Bad(Observer):
            moment = "forces"

            def local(self, atoms, source=source):
                _ = atoms.v if source == "v" else atoms.values(source)

        with moving("fix mean all ave/atom 1 1 1 x\nvariable twice atom 2*x") as session:
            session.attach(Bad(), every(1))
            with pytest.raises(ObserverError, match=r"are not known yet, right after the forces .* moment"):
                session.run(3)


def test_outputs_of_fixes_are_a_step_old_right_after_the_forces_also_where_energies_are_not():
    class Reads(Observer):
        moment, tallies = "forces", True

        def __init__(self, source):
            self.source, self.sums = source, []

        def local(self, atoms):
            self.atoms = atoms

        def collective(self, comm):
            self.sums.append(self.atoms.values(self.source).sum())

    with moving("fix mean all ave/atom 1 1 1 x") as session:
        energies = Reads("c_pe")
        session.attach(energies, every(1))
        session.run(3)
        assert len(set(energies.sums)) == 4
        session.attach(Reads("f_mean"), every(1))
        with pytest.raises(ObserverError, match="'f_mean' of this step are not known yet"):
            session.run(3)


def test_what_an_observer_did_not_ask_for_is_not_there():
    class Bad(Observer):
        def local(self, atoms):
            _ = atoms.v

    with moving() as session:
        session.attach(Bad(), every(1))
        with pytest.raises(ObserverError, match="'vx' was not recorded: an observer names all that it reads"):
            session.run(3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"needs": ("c_no",)}, "Look needs c_no"),
        ({"needs": ("d2_no",)}, "Look needs d2_no"),
        ({"needs": ("c_pe[3]",)}, "c_pe"),
        ({"needs": ("c_thermo_temp",)}, "thermo_temp"),
        ({"needs": ("q",)}, "Look needs q"),
        ({"thermo": ("nonsense",)}, "Invalid thermo keyword 'nonsense'"),
        ({"thermo": ("c_no",)}, "there is no compute 'no'"),
    ],
)
def test_what_a_script_does_not_define_is_refused_when_attached(settings, words):
    with moving() as session:
        look = Look(**settings)
        with pytest.raises((InputError, MDError), match=words):
            session.attach(look, every(1))
        assert session.run(3) == 3
        assert look.steps == []


def test_outputs_of_fixes_are_refused_on_steps_on_which_they_are_not_current():
    with moving("fix mean all ave/atom 1 1 10 x") as session:
        session.attach(Look(needs=("f_mean",)), every(15))
        with pytest.raises(MDError, match=r"f_mean is not current .*not computed at compatible times"):
            session.run(30)


def test_a_group_that_is_not_there_is_refused():
    class Part(Observer):
        groups = ("some",)

    with moving() as session, pytest.raises(InputError, match=r"Part: .* no group 'some'; it has all"):
        session.attach(Part(), every(1))


MONTE_CARLO = {
    "swap": "fix mc all atom/swap 5 3 99 1.0 types 1 2 ke yes",
    "gcmc": "fix mc all gcmc 5 10 10 1 99 1.0 -1.0 0.1 full_energy",
    "widom": "fix mc all widom 5 10 1 99 1.0 full_energy",
}


@pytest.mark.parametrize("fix", MONTE_CARLO)
def test_trial_states_are_not_taken_for_steps(fix):
    with moving("set group all type/fraction 2 0.5 4711\n" + MONTE_CARLO[fix]) as session:
        look = Look()
        session.attach(look, every(1))
        session.run(12)
        session.run(8)
        assert look.steps == list(range(21))
        assert np.array_equal(look.x[-1], session.gather("x", 3))
        right_after = Look("forces")
        session.attach(right_after, every(1))
        with pytest.raises(InputError, match=r"at step 21 LAMMPS computed forces more than once, .*trial"):
            session.run(12)
        session.detach(right_after)
        session.attach(Look("forces"), every(10, first=23))  # on whose steps there are no trials
        session.commands("run 9\nrun 5")


def test_a_command_that_is_in_a_variable_is_watched_too():
    with moving("variable go index run") as session:
        look = Look()
        session.attach(look, every(1))
        session.run(2)
        session.commands("${go} 3")
        assert look.steps == list(range(6))


def test_what_was_recorded_before_an_error_of_lammps_is_told():
    more = "thermo 1\ngroup one id 1\nvariable bad equal sqrt(6-step)\nfix 2 one addforce v_bad 0 0"
    with moving(more) as session:
        look = Look()
        session.attach(look, every(1))
        with pytest.raises(MDError, match="Sqrt of negative"):
            session.run(20)
        assert look.steps == list(range(7))


# --- clear, quit, early ends ---------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_clear_observers_look_on(moment):
    class Defines(Look):
        def prepare(self, session):
            if not session.defines("c_mine"):
                session.commands("compute mine all property/atom x")

    with moving() as session:
        look = Defines(moment, needs=("c_mine",) if moment == "end" else ())
        session.attach(look, every(1))
        session.run(4)
        text = "lattice fcc 0.9\nregion b block 0 4 0 4 0 4\ncreate_box 1 b\ncreate_atoms 1 box\nmass 1 1\n"
        session.commands("clear\nunits lj\natom_modify map yes\n" + text)
        session.commands("pair_style lj/cut 2.5\npair_coeff * * 1 1\nfix 1 all nve\nrun 5")
        assert look.steps == [*range(5), *range(6)]
        assert len(look.x[-1]) == 256


def test_after_clear_what_is_missing_is_named():
    with moving("fix own all property/atom d2_reference 2 d2_smoothed 2") as session:
        session.attach(TimeFilter(0.5), every(1))
        session.commands(
            "clear\nregion b block 0 4 0 4 0 4\ncreate_box 1 b\npair_style zero 1\npair_coeff * *\nmass 1 1"
        )
        with pytest.raises(InputError, match="TimeFilter needs d2_reference"):
            session.commands("run 5")


def test_a_script_that_clears_and_runs_on_without_the_observers_is_refused(tmp_path):
    with moving() as session:
        (tmp_path / "again.in").write_text(
            "clear\nregion b block 0 4 0 4 0 4\ncreate_box 1 b\n"
            "pair_style zero 1\npair_coeff * *\nmass 1 1\nrun 5\n"
        )
        look = Look()
        session.attach(look, every(1))
        with pytest.raises(MDError, match="cleared"):
            session.file(tmp_path / "again.in")


def test_quit_is_refused_where_it_can_be_seen():
    with moving() as session:
        with pytest.raises(MDError, match="'quit' would end the whole process"):
            session.commands("run 2\nquit\nrun 3")
        assert session.step == 2


def test_a_run_says_how_many_steps_it_made():
    with moving("variable now equal step\nfix stop all halt 1 v_now > 17 error continue") as session:
        look = Look()
        session.attach(look, every(1))
        assert session.run(10) == 10
        assert session.run(100) == session.step - 10 == 8
        assert look.steps == list(range(19))
        session.commands("unfix stop\ntimer timeout 0:00:00")
        assert session.run(50) == 0
        session.commands("timer timeout off")
        assert session.run(50) == 50
        assert session.run(70, "upto") == 2


# --- several -------------------------------------------------------------------------


def test_a_quantity_of_the_system_that_is_no_number_is_told_in_words_and_at_its_step():
    """LAMMPS itself speaks of a variable that nobody has given."""
    with moving() as session:
        atoms, box = Look(), Look(thermo=("temp", "pxx"), reads_atoms=False)
        session.attach(atoms, every(1))
        session.attach(box, every(1))
        session.run(2)
        session.atoms().array("v")[3] = np.nan
        with pytest.raises(
            MDError, match=r"a pressure is not a finite number at step 2 or before: .*unstable"
        ):
            session.run(5)
        assert box.steps == [0, 1, 2] and atoms.steps[-1] == 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_without_a_set_up_is_refused_where_observers_would_miss_it(moment, tmp_path):
    """LAMMPS takes no notice of fixes and dumps that came since: it would call nobody, or crash."""
    with moving() as session:
        session.run(2)
        look = Look(moment)
        session.attach(look, every(1))
        for give in (lambda: session.run(5, "pre no"), lambda: session.commands("run 5  pre  no post no")):
            with pytest.raises(InputError, match="leaves out the set-up of a run"):
                give()
        session.run(3)
        if moment == "forces":  # nothing has been given since
            session.run(3, "pre no")
            assert look.steps == list(range(2, 9))
        # within a script all is as the script's first run has set it up
        script = tmp_path / "in.twice"
        script.write_text("run 2\nrun 2 pre no\n")
        session.file(script)
        assert look.steps == list(range(2, session.step + 1))
        session.detach(look)
        session.run(1)
        session.run(5, "pre no")


def test_observers_of_different_kinds_do_not_disturb_each_other():
    with moving("compute s all stress/atom NULL\nfix mean all ave/atom 1 5 5 vx") as session:
        looks = [
            (Look(needs=("vx", "c_s[1]")), every(5)),
            (Look(needs=("f_mean", "c_pe")), every(10)),
            (Look(thermo=("temp", "pxx"), reads_atoms=False), on([0, 10, 35])),
            (Look("forces"), lambda step: step % 7 == 0),
        ]
        for look, schedule in looks:
            session.attach(look, schedule)
        session.run(20)
        session.detach(looks[0][0])
        session.run(20)
        assert [look.steps for look, _ in looks] == [
            [0, 5, 10, 15, 20],
            [0, 10, 20, 30, 40],
            [0, 10, 35],
            [0, 7, 14, 21, 28, 35],
        ]
        assert [look.finished for look, _ in looks] == [1, 0, 0, 0]
    assert [look.finished for look, _ in looks] == [1, 1, 1, 1]


def test_steps_that_nobody_looks_at_are_not_recorded(monkeypatch):
    """Neither is that at which a run is set up: a dump of many atoms costs as much as a step."""
    taken = []
    take = Dump.take
    monkeypatch.setattr(Dump, "take", lambda self, step: taken.append(step) or take(self, step))
    with moving() as session:
        session.run(3)
        session.attach(Look(), every(10))
        session.run(20)
        session.run(7)
        session.run(5)
    assert taken == [10, 20, 30, 30]


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with moving() as session:
        look = Look()
        session.attach(look, every(5))
        session.run(20)
        assert [path.name for folder in tmp_path.iterdir() for path in folder.glob("*.bin")] == []
        session.detach(look)
        assert not session.lmp.has_id("fix", "mdbridge_observers")
        assert not session.lmp.has_id("dump", "mdbridge_frame")
    assert list(tmp_path.iterdir()) == []


# --- someone else's LAMMPS -------------------------------------------------------------


class Calculator:
    """What other packages do: hold an instance, and run it when they are asked."""

    def __init__(self):
        self.lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"], comm=MPI.COMM_SELF)
        self.lmp.commands_string(
            "units lj\natom_modify map yes\nlattice fcc 0.85\nregion b block 0 4 0 4 0 4\ncreate_box 1 b\n"
            "create_atoms 1 box\nmass 1 1\npair_style lj/cut 2.5\npair_coeff * * 1 1\nfix 1 all nve\n"
            "velocity all create 0.8 4711 loop geom\ncompute pe all pe/atom"
        )


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_instance_of_someone_else_is_watched_and_left_open(moment):
    theirs = Calculator()
    look = Look(moment, needs=("c_pe",) if moment == "end" else ())
    with Session(MPI.COMM_SELF, lmp=theirs) as session:
        session.attach(look, every(5))
        theirs.lmp.command("run 10")  # not through the session
        session.catch_up()
        assert look.steps == [0, 5, 10]
        assert session.run(10) == 10
        theirs.lmp.command("run 7")
    assert (
        look.steps == [0, 5, 10, 15, 20, 25] if moment == "forces" else look.steps[:5] == [0, 5, 10, 15, 20]
    )
    theirs.lmp.command("run 3")
    assert theirs.lmp.extract_global("ntimestep") == 30
    theirs.lmp.close()


def test_a_failure_in_someone_elses_run_is_told_when_they_ask():
    theirs = Calculator()
    with Session(MPI.COMM_SELF, lmp=theirs.lmp) as session:
        session.attach(Look(fail=ValueError("no good")), every(1))
        theirs.lmp.command("run 10")
        with pytest.raises(ObserverError, match="no good"):
            session.catch_up()
    theirs.lmp.close()


def test_what_holds_no_instance_is_refused():
    with pytest.raises(InputError, match="dict is no LAMMPS instance"):
        Session(MPI.COMM_SELF, lmp={})


def test_switches_of_the_command_line_are_passed_on():
    with Session(MPI.COMM_SELF, cmdargs=["-var", "size", "7", "-sf", "opt"]) as session:
        assert session.lmp.extract_variable("size") == "7"
        session.commands("region b block 0 4 0 4 0 4\ncreate_box 1 b\nmass 1 1\npair_style lj/cut 2.5")
        session.commands("pair_coeff * * 1 1\nrun 0")
    with pytest.raises(InputError, match="'-partition'"):
        Session(MPI.COMM_SELF, cmdargs=["-partition", "1x1"])


@pytest.mark.parametrize(
    ("step", "other", "expected"), [(3, None, 2**62), (29, 64, 64), (21, 23, 23), (23, 23, 46)]
)
def test_steps_are_quiet_until_somebody_else_looks(step, other, expected):
    watches = [] if other is None else [SimpleNamespace(schedule=every(other))]
    watching_now = SimpleNamespace(
        _minimising=False,
        _failure=None,
        recording=SimpleNamespace(expects=False),
        watches=watches,
        _steady=[],
    )
    assert Watching._next_busy(watching_now, step) == expected
    watching_now.recording.expects = True
    assert Watching._next_busy(watching_now, step) == -1
