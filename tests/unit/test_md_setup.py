"""What a script has set up, read from the commands that LAMMPS echoes."""

from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.md import script, setup


def test_the_last_temperature_counts_until_the_style_is_set_anew():
    assert setup.of("").temperature == "thermo_temp"
    text = "compute thermal all temp/deform\nthermo_modify lost warn temp thermal\n"
    assert setup.of(text).temperature == "thermal"
    assert setup.of(text).loses and setup.of(text).biased
    assert setup.of(text + "thermo_style custom step temp").temperature == "thermo_temp"
    assert not setup.of(text + "clear").loses


def test_what_a_style_leaves_out_comes_from_computes():
    assert setup.of("").stand_ins == setup.of("thermo_style one\n").stand_ins == {}
    assert setup.of("thermo_style custom step etotal press\n").stand_ins == {}
    without = setup.of("thermo_style custom step\nthermo_modify temp thermal\n").stand_ins
    assert without["temp"] == "c_thermal" and without["pe"] == "c_thermo_pe"
    assert without["pyz"] == "c_thermo_press[6]" and "press" not in without
    # what 'norm' divides is taken from one place, both or none
    assert {"pe", "ke"} <= set(setup.of("thermo_style custom step pe pxx\n").stand_ins)
    assert set(setup.of("thermo_style custom step temp press\n").stand_ins) == {"pe", "ke"}


def test_atoms_take_over_the_velocity_of_a_box_that_remaps_velocities():
    pull = "fix pull all deform 1 xy erate ${{rate}} remap ${{how}}\n"
    pull += "fix pull all deform 1 xy erate 0.1 remap {}\n"
    assert setup.of(pull.format("v")).flows
    assert not setup.of(pull.format("x")).flows
    assert not setup.of("fix pull all deform 1 x erate 0.1\n").flows  # 'remap x' is what LAMMPS takes itself
    assert not setup.of(pull.format("v") + "unfix pull\n").flows
    # the same fix, given anew, takes the place of what it was
    assert not setup.of(pull.format("v") + pull.format("x")).flows


@pytest.mark.parametrize("motion", ["wiggle 1 2", "trate 0.1", "variable v_a v_b", "volume"])
def test_a_run_in_a_box_whose_flow_changes_is_not_cut(motion):
    text = f"fix pull all deform 1 x erate 0.1 y {motion} remap v units box\n"
    with pytest.raises(InputError, match=f"fix pull moves the box by 'y {motion.split()[0]}'"):
        setup.of(text).require_one_piece(Path("my.in"), 10)
    for other in (text.replace(motion, "scale 2"), text.replace("remap v", "remap x"), text + "unfix pull\n"):
        setup.of(other).require_one_piece(Path("my.in"), 10)


def test_a_box_that_moves_by_jerks_is_refused_where_its_flow_is_needed():
    """LAMMPS 2025: of 'deform 10' the box flowed ten times too fast on some steps, on others not at all."""
    text = "fix pull all deform ${{often}} xy erate 0.1\nfix pull all deform {} xy erate 0.1 remap {}\n"
    words = "fix pull moves the box every 10 steps .* Let it move at every step"
    for remap, asked in (("v", False), ("v", True), ("x", True)):
        with pytest.raises(InputError, match=words):
            setup.of(text.format(10, remap)).require_flow(Path("my.in"), asked)
    setup.of(text.format(10, "x")).require_flow(Path("my.in"), asked=False)
    for other in (text.format(1, "v"), text.format(10, "v") + "unfix pull\n"):
        setup.of(other).require_flow(Path("my.in"), asked=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fix rain all pour 20 1 4767548 region top", "fix rain (pour) goes on from what it has inserted"),
        ("fix hold all controller 5 1 1 1 1 v_p 3 f", "fix hold (controller) goes on from the errors"),
    ],
)
def test_a_run_whose_fixes_begin_anew_in_each_piece_is_not_cut(line, words):
    with pytest.raises(InputError) as caught:
        setup.of(line).require_one_piece(Path("my.in"), 10)
    assert words in str(caught.value) and "'checkpoint.every_frames' = 10" in str(caught.value)
    setup.of(f"{line}\nunfix {line.split()[1]}").require_one_piece(Path("my.in"), 10)


def test_a_fix_that_is_gone_neither_moves_the_box_nor_carries_atoms():
    state = setup.of("fix pull all deform 1 xy erate 0.1 remap v\nfix hold all press/berendsen iso 0 0 1\n")
    assert state.flows and state.moving() == ["pull", "hold"]
    state.forget("pull")
    state.forget("another")
    assert not state.flows and state.moving() == ["hold"]


def test_fixes_that_move_the_box_are_known_by_their_styles():
    text = """
fix pull all deform 1 xy erate 0.1 remap v
fix motion all nvt/sllod temp 1 1 1
fix hold all press/berendsen iso 0 0 1
fix heat all langevin 1 1 1 4711
"""
    assert setup.of(text).moving() == ["pull", "motion", "hold"]


def test_comments_say_nothing_and_lines_go_on():
    assert not setup.of("fix pull all deform 1 xy erate 0.1 # not remap v\n").flows
    assert setup.of("fix pull all deform 1 xy erate 0.1 &\n  remap v\n").flows


SWITCHED = """
units lj
region whole prism 0 5 0 5 0 5 0 0 0
create_box 1 whole
create_atoms 1 random 20 4711 NULL
mass 1 1.0
{first}
group near dynamic all region whole
fix pull all deform 1 xy erate 0.1 remap v
compute thermal all temp/deform
thermo_modify temp thermal
{then}
fix motion all nve
"""


@pytest.mark.parametrize(
    ("first", "then", "refused"),
    [
        ("variable n index here\nlog ${n}.log", "", ""),
        ("log here.log", "log there.log", ""),
        ("log none", "", "says 'log none'"),
        ("log here.log append", "", "says 'log here.log append'"),
        ("shell mkdir deep\nshell cd deep\nlog here.log", "", "relative to the script's folder"),
        # what the log said of the fix is written over
        ("log here.log", "log there.log\nlog here.log", "does not tell of fix pull"),
    ],
)
def test_a_script_may_switch_its_log(tmp_path, first, then, refused):
    """What is set up after that would be missed without a word: that atoms take over the box's velocity."""
    path, log = tmp_path / "my.in", tmp_path / "lammps.log"
    path.write_text(SWITCHED.format(first=first, then=then))
    with script.start(MPI.COMM_SELF, path, log, {}, None) as session:
        if refused:
            with pytest.raises(InputError, match=refused):
                setup.read(MPI.COMM_SELF, session, log)
            return
        state = setup.read(MPI.COMM_SELF, session, log)
    assert state.flows and state.biased and state.moving() == ["pull"]


def test_a_script_that_says_nothing_is_refused():
    with pytest.raises(InputError, match="echo none"):
        setup.of("units lj\necho none\n")


def test_a_box_that_carries_atoms_in_steps_of_changing_duration_is_refused():
    """LAMMPS 2025: erate 2 with steps of 0.0018 moved the box as steps of 0.004 would, at a rate of 4.5."""
    pull, shorter = (
        "fix pull all deform 1 xy erate 2.0 remap v\n",
        "fix shorter all dt/reset 3 1e-4 0.01 0.002\n",
    )
    with pytest.raises(InputError, match="it is not known how images move; leave one of them out"):
        setup.of(pull + shorter)
    assert setup.of(pull + shorter + "unfix shorter\n").flows
    assert not setup.of(pull.replace("remap v", "remap x") + shorter).flows
