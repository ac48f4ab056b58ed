"""LAMMPS's language: texts handed over as they are, and the files of a script."""

import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.md.language import dumped, files, logical_lines, quoted, words
from mdbridge.md.potentials import potential
from mdbridge.md.session import Session

COMM = MPI.COMM_SELF


PLAIN = ("a b", "quench A # first try", "cost $5 ${no} $(1+1)", "x &", "", "-5", "*?%", "; shell touch ran")
MARKED = ("it's", 'say "so"', "' and \" too", "a\\b", "Größe")


@pytest.mark.parametrize("text", PLAIN + MARKED)
def test_a_variable_has_the_text_that_it_was_given(text):
    with Session(COMM) as session:
        session.variable("title", text)
        assert session.lmp.extract_variable("title") == text


@pytest.mark.parametrize(("value", "expected"), [(3, "3"), (-0.1, "-0.1"), (1e-5, "1e-05"), ('"a b"', "a b")])
def test_numbers_and_texts_in_quotes_are_left_as_they_are(value, expected):
    with Session(COMM) as session:
        session.commands(f"variable title index {quoted('title', value)}")
        assert session.lmp.extract_variable("title") == expected


@pytest.mark.parametrize("value", ["a\nshell touch ran", "a\rb", "a\x00b", True, [1, 2], None])
def test_what_is_no_text_of_one_line_is_refused(value):
    with pytest.raises(InputError, match="variable 'title'"):
        quoted("title", value)


@pytest.mark.parametrize("name", ["a b", "x index 1\nshell", "", "grün"])
def test_a_name_that_lammps_does_not_allow_is_refused(name):
    with pytest.raises(InputError, match="name of a variable"):
        quoted(name, 1)


def test_lines_are_joined_as_lammps_joins_them():
    text = 'velocity all &\n  create 1 # why\nprint """two # no comment\nlines"""\n# so &\nrun 5\nrun "6 # 7"'
    assert list(logical_lines(text)) == [
        "velocity all   create 1",
        'print """two # no comment\nlines"""',
        'run "6 # 7"',
    ]
    assert words("if \"${a} == 1\" then 'run 5' x") == ["if", "${a} == 1", "then", "run 5", "x"]


SCRIPT = """
variable which index soft.in
variable name string crys${n}.data
read_data ${name} add append
include ${which}   # the interaction
include "a file.in"
if "$n == 1" then "include yes.in" &
  else "include 'no.in'"
molecule m ethane.mol other.mol
variable load file loads.txt
pair_coeff * * CuZr_mm.eam.fs ${elements}
fix watch all ave/time 1 1 1 c_thermo_temp file seen.txt
dump d all custom 10 seen.dump id
log mine.log
run 10 every 5 "include often.in"
rerun frames.dump first 0 dump x y z
read_restart state.*.restart
jump SELF end
"""


def test_the_files_of_a_script_are_found_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    folder = tmp_path / "m y"
    (folder / "sub").mkdir(parents=True)
    (folder / "my.in").write_text(SCRIPT)
    (folder / "soft.in").write_text("include sub/deep.in\ninclude soft.in\n")
    read = ["crys1.data", "a file.in", "yes.in", "no.in", "ethane.mol", "other.mol", "loads.txt", "often.in"]
    read += ["sub/deep.in", "frames.dump", "state.100.restart"]
    for name in [*read, "seen.txt", "seen.dump", "mine.log", "unrelated.data"]:
        (folder / name).write_text("# nothing\n")
    result = files(folder / "my.in", {"n": 1, "elements": "Cu Zr"})
    assert next(iter(result)) == "my.in"
    assert set(result) == {"my.in", "soft.in", "CuZr_mm.eam.fs", *read}
    assert result["sub/deep.in"] == folder / "sub" / "deep.in"
    assert result["CuZr_mm.eam.fs"] == potential("CuZr_mm.eam.fs")


def test_a_potential_beside_the_script_and_one_that_the_user_names_come_first(tmp_path, monkeypatch):
    mine, potentials = tmp_path / "mine", tmp_path / "named"
    mine.mkdir()
    potentials.mkdir()
    (mine / "my.in").write_text("pair_coeff * * a.eam Cu\npair_coeff * * /elsewhere/b.eam Zr\n")
    for path in (mine / "a.eam", potentials / "a.eam", potentials / "b.eam"):
        path.write_text("")
    monkeypatch.setenv("LAMMPS_POTENTIALS", str(potentials))
    assert files(mine / "my.in", {}) == {
        "my.in": mine / "my.in",
        "a.eam": mine / "a.eam",
        "b.eam": potentials / "b.eam",
    }


def test_what_is_given_stands_against_the_scripts_own_value(tmp_path):
    (tmp_path / "my.in").write_text(
        "variable f index default.in\ninclude $f\ninclude ${unknown}\ninclude gone.in\n"
    )
    for name in ("default.in", "given.in"):
        (tmp_path / name).write_text("")
    assert set(files(tmp_path / "my.in", {"f": "given.in"})) == {"my.in", "given.in"}
    assert set(files(tmp_path / "my.in", {})) == {"my.in", "default.in"}


@pytest.mark.parametrize(
    ("commands", "written"),
    [
        ("dump d all custom 10 ${name} id x\nrun 10", True),
        ("dump d all custom 10 old.dump id x", False),
        ("run 10\ndump d all custom 10 old.dump id x", False),
        ("dump d all custom 10 old.dump id x\nundump d\nrun 10", False),
        ("dump d all custom 10 old.dump id x\nclear\nrun 10", False),
        ("dump d all atom 10 old.dump\ninclude more.in", True),
        ("write_dump all atom old.dump", True),
        ("dump d all atom 10 new.dump\nrun 10\nread_data old.dump", False),
    ],
)
def test_the_dumps_that_a_script_writes_while_it_is_run(tmp_path, commands, written):
    (tmp_path / "my.in").write_text(commands)
    (tmp_path / "more.in").write_text("minimize 0 1e-6 10 10")
    (tmp_path / "old.dump").write_text("")
    assert dumped(tmp_path / "my.in", {"name": "old.dump"}) == ({tmp_path / "old.dump"} if written else set())
