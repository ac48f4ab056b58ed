"""What a script has set up, read from the commands that LAMMPS echoes."""

import pytest

from mdbridge.core.errors import InputError
from mdbridge.md import setup


def test_the_last_temperature_counts_until_the_style_is_set_anew():
    assert setup.of("").temperature == "thermo_temp"
    text = "compute thermal all temp/deform\nthermo_modify lost warn temp thermal\n"
    assert setup.of(text).temperature == "thermal"
    assert setup.of(text).loses and setup.of(text).biased
    assert setup.of(text + "thermo_style custom step temp").temperature == "thermo_temp"
    assert not setup.of(text + "clear").loses


def test_atoms_take_over_the_velocity_of_a_box_that_remaps_velocities():
    pull = "fix pull all deform 1 xy erate ${{rate}} remap ${{how}}\n"
    pull += "fix pull all deform 1 xy erate 0.1 remap {}\n"
    assert setup.of(pull.format("v")).flows
    assert not setup.of(pull.format("x")).flows
    assert not setup.of("fix pull all deform 1 x erate 0.1\n").flows  # 'remap x' is what LAMMPS takes itself
    assert not setup.of(pull.format("v") + "unfix pull\n").flows


def test_fixes_that_move_the_box_are_known_by_their_styles():
    text = """
fix pull all deform 1 xy erate 0.1 remap v
fix motion all nvt/sllod temp 1 1 1
fix hold all press/berendsen iso 0 0 1
fix heat all langevin 1 1 1 4711
"""
    assert setup.of(text).moving() == ["pull", "motion", "hold"]


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
