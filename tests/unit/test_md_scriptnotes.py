"""What is told of a script: its flow, what its pressure counts, what each segment begins anew."""

import pytest
from mpi4py import MPI

from mdbridge.md import scriptnotes

COMM = MPI.COMM_SELF
SLLOD = "fix move all nvt/sllod temp 1 1 1\n"


@pytest.mark.parametrize(
    ("text", "flowing"),
    [
        (SLLOD, True),
        ("fix box all deform 1 xy erate 0.1 remap v\n", True),
        ("fix box all deform 1 xy erate 0.1 remap x\n", False),
        (SLLOD + "compute own all temp/deform\nthermo_modify temp own\n", False),
        (SLLOD + "thermo_modify norm no\n", True),
        ("# " + SLLOD, False),
    ],
)
def test_a_box_that_flows_is_told_of_unless_its_temperature_is_freed_of_that(tmp_path, capsys, text, flowing):
    path = tmp_path / "my.in"
    path.write_text(text)
    scriptnotes.tell_of_results(COMM, path)
    assert ("thermo_modify temp ID" in capsys.readouterr().err) == flowing
    assert len(scriptnotes.of_results(path)) == flowing


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("compute mt mobile temp\nthermo_modify norm no temp mt\n", "counts group 'mobile' alone"),
        ("compute mt all temp/sphere\nthermo_modify temp mt\n", "(temp/sphere) counts rotations, too"),
        ("compute mt all temp/partial 0 1 1\nthermo_modify temp mt\n", ""),
        ("compute mt mobile temp\n", ""),
        ("compute mt mobile temp\nthermo_modify temp mt\nthermo_style one\n", ""),
        ("thermo_modify temp thermo_temp\n", ""),
    ],
)
def test_a_pressure_of_another_motion_than_that_of_the_fields_is_told_of(tmp_path, capsys, text, told):
    path = tmp_path / "my.in"
    path.write_text(text)
    scriptnotes.tell_of_results(COMM, path)
    assert told in capsys.readouterr().err
    assert len(scriptnotes.of_results(path)) == bool(told)


GOING_ON = (
    'if "${resumed} == 1" then "read_restart ${restart}" "jump SELF physics"\ndump once all atom 9 a.dump\n'
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dump d all custom 200 traj.lammpstrj id x", "'dump d all custom …' begins traj.lammpstrj anew"),
        ("dump d all atom 200 traj.*.dump", ""),
        ("dump d all atom 200 traj.$(step).dump", ""),
        ("fix p all ave/chunk 1 10 10 bins vx file p.txt mode scalar", "begins p.txt anew in each segment"),
        ("fix p all ave/chunk 1 10 10 bins vx file p.$(step).txt", ""),
        ("fix p all ave/time 1 10 10 v_a", ""),
        ("fix l all langevin 1.0 1.0 0.1 48279", r"write its seed as $(48279+step)"),
        ("fix l all langevin 1.0 1.0 0.1 $(48279+step) zero yes", ""),
        ("fix l all langevin 1.0 1.0 0.1 ${seed}", ""),
        ("fix n all nvt temp 1.0 1.0 0.1", ""),
        ("fix e all evaporate 100 5 top 49892", r"write its seed as $(49892+step)"),
        (
            "fix x all append/atoms zhi freq 5 random 0.1 0.1 0.1 31 units box",
            r"write its seed as $(31+step)",
        ),
        # whose random numbers are in the restart file
        ("fix c all temp/csvr 1.0 1.0 0.1 48279", ""),
        ("fix d all deposit 40 1 3 5771 region slab", ""),
        ("pair_style dpd 1.0 2.5 34387", r"write its seed as $(34387+step)"),
        ("pair_style hybrid/overlay lj/cut 2.5 dpd/tstat 1.0 1.0 2.5 34", r"write its seed as $(34+step)"),
        ("pair_style dpd 1.0 2.5 $(34387+step)", ""),
        ("pair_style lj/cut 2.5", ""),
    ],
)
def test_what_each_segment_begins_anew_is_told(tmp_path, capsys, line, said):
    path = tmp_path / "my.in"
    path.write_text(GOING_ON + "label physics\n" + line + "\n")
    scriptnotes.tell_of_segments(COMM, path)
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed and bool(printed) == bool(said)
    # what is done once, before the label, is no trouble
    assert "a.dump" not in printed
