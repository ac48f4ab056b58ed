"""A script of one's own: its variables, what it rejects, whether it can go on."""

import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError, MDError
from mdbridge.md import script

COMM = MPI.COMM_SELF

GOOD = """
units lj
lattice fcc ${density}
region b block 0 4 0 4 0 2
create_box 1 b
create_atoms 1 box
mass * 1.0
pair_style lj/cut 2.5
pair_coeff * * 1.0 1.0
label again
variable i loop 3
run 1
next i
jump SELF again
"""


def written(tmp_path, text):
    path = tmp_path / "my.in"
    path.write_text(text)
    return path


def test_variables_and_loops_of_the_language_work(tmp_path):
    path = written(tmp_path, GOOD)
    with script.start(COMM, path, tmp_path / "log", {"density": 0.8}, None) as session:
        assert session.natoms == 128
        assert session.step == 3
        assert session.lmp.extract_global("units") == "lj"
        assert session.lmp.extract_variable("restart") == "none"
        assert "lattice fcc 0.8" in (tmp_path / "log").read_text()


def test_a_potential_that_is_not_there_is_told(tmp_path):
    """LAMMPS's own end of such a pair style would follow a pointer to nowhere."""
    text = GOOD.replace("lj/cut 2.5", "eam").replace("pair_coeff * * 1.0 1.0", "pair_coeff * * nothing.eam")
    path = written(tmp_path, text.replace("units lj", "units metal"))
    for _ in range(3):
        with pytest.raises(MDError, match=r"nothing\.eam"):
            script.start(COMM, path, tmp_path / "log", {"density": 4.0}, None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pair_coeffs * * 1.0 1.0", "Unknown command"),
        ("pair_style lj/cutt 2.5", "Unrecognized pair style"),
        ("mass 7 1.0", "mass"),
        ("run ${nothing}", "Substitution for illegal variable"),
    ],
)
def test_what_lammps_rejects_is_told_with_its_line(tmp_path, line, words):
    path = written(tmp_path, GOOD.replace("pair_style lj/cut 2.5", line))
    with pytest.raises(MDError) as caught:
        script.start(COMM, path, tmp_path / "log", {"density": 0.8}, None)
    assert f"my.in: LAMMPS refused '{line}'" in str(caught.value)
    assert words in str(caught.value)


def test_a_script_without_atoms_is_refused(tmp_path):
    path = written(tmp_path, "units lj\nregion b block 0 4 0 4 0 2\ncreate_box 1 b\nmass * 1.0\n")
    with pytest.raises(InputError, match="makes no atoms"):
        script.start(COMM, path, tmp_path / "log", {}, None)


@pytest.mark.parametrize("folder", ["plain", "a b", "grün und blau"])
def test_a_script_goes_on_from_a_restart_file_wherever_it_lies(tmp_path, monkeypatch, folder):
    place = tmp_path / folder
    place.mkdir()
    (tmp_path / "elsewhere").mkdir()
    body = GOOD[GOOD.index("pair_style") : GOOD.index("label")]
    path = place / "my.in"
    path.write_text(
        'if "${resumed} == 1" then "read_restart ${restart}" else "include begin.in"\n' + body + "run 2\n"
    )
    (place / "begin.in").write_text(GOOD[: GOOD.index("pair_style")])
    with script.start(COMM, path, tmp_path / "log", {"density": 0.8}, None) as session:
        monkeypatch.chdir(place)
        session.commands("write_restart state.restart")
    # a relative path is relative to the process, not to the script
    monkeypatch.chdir(tmp_path)
    restart = place.relative_to(tmp_path) / "state.restart"
    with script.start(COMM, path, tmp_path / "log", {"density": 0.8}, restart) as session:
        assert (session.step, session.natoms) == (4, 128)


def test_which_scripts_can_go_on():
    assert script.goes_on("read_restart ${restart}")
    assert not script.goes_on(GOOD)


@pytest.mark.parametrize(
    ("line", "measured"),
    [
        ("region left block 0 2 0 2 0 2", True),
        ("region left block 0 2 0 2 0 2 units box", False),
        ("fix pull all deform 1 x final 0 8", True),
        ("fix pull all deform 1 x erate 0.1 remap x", False),
        ("fix pull all deform 1 x vel 0.1 units box", False),
        ("compute bins all chunk/atom bin/1d x lower 0.5", True),
        ("compute heat all ke/atom", False),
        ("fix lid all wall/lj93 zhi 9.0 1 1 2.5", True),
        ("fix floor all wall/gran hooke 1 NULL 1 NULL 1 0 zplane 0 NULL", False),
        ("# region left block 0 2 0 2 0 2", False),
    ],
)
def test_commands_that_measure_in_lattices(line, measured):
    assert script.measured_in_lattices(f"units lj\n{line}\nrun 0\n") == (line if measured else "")


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
    script.tell_of_results(COMM, path)
    assert ("thermo_modify temp ID" in capsys.readouterr().err) == flowing
    assert len(script.of_results(path)) == flowing


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
    script.tell_of_results(COMM, path)
    assert told in capsys.readouterr().err
    assert len(script.of_results(path)) == bool(told)


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
    script.tell_of_segments(COMM, path)
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed and bool(printed) == bool(said)
    # what is done once, before the label, is no trouble
    assert "a.dump" not in printed
