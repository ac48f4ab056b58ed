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
