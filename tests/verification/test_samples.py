"""Every block in the README and in docs is run, or checked as far as it can be.

Tutorials are run whole by ``test_tutorials.py``, the samples of docs/python.md by ``test_mdbridge.py``, and
commands by ``test_sample_commands.py``.
"""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sample_blocks import PAGES, ROOT, TUTORIALS, blocks_of, name_of, reader, run, split

from mdbridge.calibrate import tables
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.campaigns.peridynamics.problem_input import Problem
from mdbridge.campaigns.starters import STARTERS, model_of
from mdbridge.core.config import Section, check, tomllib
from mdbridge.core.errors import InputError

BLOCKS = [block for page in PAGES for block in split(page)[0]]
LANGUAGES = {"python", "toml", "lammps", "csv", "sh"}
"""Blocks in these languages are each taken by a test below, or by those of commands."""

OTHERS: dict[tuple[str, str], str] = {}
"""Page and heading of a block in another language -> why nothing can be made of it by a machine."""

IN_PYTHON = "docs/python.md"


def in_language(language: str, *but: str) -> list[pytest.param]:
    """All blocks in a language, but for those of some pages."""
    chosen = [block for block in BLOCKS if block.language == language and block.page not in but]
    return [pytest.param(block, id=f"{block.page}:{block.heading}") for block in chosen]


def test_no_block_is_forgotten():
    unknown = [
        f"{block}: {block.language or 'no language'}"
        for block in BLOCKS
        if block.language not in LANGUAGES and block.place not in OTHERS
    ]
    assert unknown == [], "give it a language that is run, or a reason in OTHERS"
    assert set(OTHERS) <= {block.place for block in BLOCKS}
    # what finds no blocks would find nothing wrong either
    assert len(BLOCKS) > 40 and {block.language for block in BLOCKS} >= LANGUAGES


def test_samples_that_others_run_are_all_of_them():
    """The test of docs/python.md takes the first of each section."""
    headings = [block.heading for block in BLOCKS if block.page == IN_PYTHON]
    assert len(headings) == len(set(headings)) > 5
    tutorials = {name_of(page) for page in TUTORIALS}
    assert {block.language for block in BLOCKS if block.page in tutorials} <= {"sh", "python", "toml"}


# --- Python ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """What a sample does not say itself.

    Attributes:
        files: that it needs, by name.
        shorter: numbers for which it would run long -> those that are taken here.
        then: what must hold at its end.
    """

    then: str
    files: dict[str, str] = field(default_factory=dict)
    shorter: dict[str, str] = field(default_factory=dict)


# of the size that the sample speaks of, periodic, and soft enough for the lattice that makes it so
ATOMS = """
units metal
dimension 2
lattice sq 2.1
region whole block -23.5 23.5 -24 24 -0.2 0.2
create_box 1 whole
create_atoms 1 box
mass 1 12.0
pair_style lj/cut 6.0
pair_coeff 1 1 0.01 1.9
velocity all create 10.0 1 mom yes
fix motion all nve
fix flat all enforce2d
"""

PREPARED = {
    ("README.md", "In a program of your own"): Prepared(
        files={"my.in": ATOMS},
        shorter={"every(1000)": "every(10)", "10_000": "20"},
        then="assert u.shape == (20 * 20, 2) and 0 < abs(u).max() < 0.1",
    ),
    ("docs/calibration.md", "A model of your own"): Prepared(
        then="assert respond.shapes() == {'displacement': respond(2.0, 0.1)['displacement'].shape}\n"
        "assert respond(2.0, 0.1)['heat'].ndim == 3"
    ),
    ("docs/calibration.md", "Ask and tell"): Prepared(
        then="assert len(search.trials) == 30 and len(open('trials.jsonl').readlines()) > 30\n"
        "assert abs(search.best.parameters['a'] - 2.0) < 0.2"
    ),
    ("docs/crystals.md", "Another crystal: one file"): Prepared(
        then="from mdbridge.md.crystals import planar_crystal\n"
        "assert planar_crystal('boron-nitride') == CRYSTAL"
    ),
}

SLOW = {("docs/calibration.md", "Ask and tell")}


def summary_of(folder: Path) -> dict[str, Any]:
    """What a campaign came to."""
    return json.loads((folder / "out" / "summary.json").read_text())


@pytest.fixture
def place(tmp_path):
    """An empty folder, and the variables of a reader's process."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work", reader(tmp_path)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(*given.values, id=given.id, marks=[pytest.mark.slow] * (given.values[0].place in SLOW))
        for given in in_language("python", IN_PYTHON, *map(name_of, TUTORIALS))
    ],
)
def test_a_sample_in_python_runs(block, place):
    folder, environment = place
    prepared = PREPARED.get(block.place, Prepared(then=""))
    assert prepared.then or "assert" in block.text, f"{block}: a sample that checks nothing"
    code = block.text
    for long, short in prepared.shorter.items():
        assert code.count(long) == 1, f"{block}: {long!r} is there no more"
        code = code.replace(long, short)
    for name, text in prepared.files.items():
        (folder / name).write_text(text)
    run([sys.executable, "-c", f"{code}\n{prepared.then}"], folder, environment)


# --- TOML -----------------------------------------------------------------------------------

KINDS = {
    "docs/calibration.md": "program",
    "docs/crystals.md": "graphene",
    "docs/own_data.md": "peridynamics",
    "docs/own_problem.md": "problem",
    "docs/stz.md": "shear",
    "docs/tutorials/calibration.md": "program",
}
"""Page -> of which kind its inputs are; what 'mdbridge init' writes of that kind completes a fragment."""


def checked(kind: str, text: str, source: str) -> Section:
    """An input, or a section of it and the rest as in a first input of its kind."""
    given = tomllib.loads(text)
    if kind == "problem":
        return check(given, Problem, source)
    return check(STARTERS[kind] | given, model_of(STARTERS[kind]["campaign"]), source)


@pytest.mark.parametrize("block", in_language("toml"))
def test_a_sample_in_toml_is_an_input(block):
    assert block.page in KINDS, f"{block}: of which kind is it?"
    config = checked(KINDS[block.page], block.text, str(block))
    if isinstance(config, GrapheneInput):  # its potential is one that LAMMPS has
        assert config.md.planar.pair_commands()


def test_the_program_of_the_tutorial_is_that_of_the_input_to_begin_with():
    (block,) = blocks_of(ROOT / "docs" / "tutorials" / "calibration.md", "toml")
    assert tomllib.loads(block.text)["model"] == STARTERS["program"]["model"]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (
            "program",
            '[model]\ncommand = "./solve"\ncollect = "a.csv"\nkeep = "faild"',
            "did you mean 'failed'",
        ),
        ("graphene", '[md]\ncrystal = "graphen"', "graphene, boron-nitride"),
        ("peridynamics", "[learn]\nalso = [2.5]", "unknown key 'learn.also'"),
        ("problem", "[domain]\ndisc = { centre = [0, 0], radius = -1.0 }", "greater than 0"),
        ("shear", "[loading]\nstrain = [0.1]", "unknown key 'loading.strain'"),
    ],
)
def test_a_wrong_sample_in_toml_is_noticed(kind, text, said):
    with pytest.raises(InputError, match=re.escape(said)):
        checked(kind, text, "sample")


# --- tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("block", in_language("csv"))
def test_a_sample_of_a_table_is_read(block, tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text(block.text)
    measured = tables.read(path)
    lines = block.text.splitlines()
    assert len(measured.values) == lines[0].count(",") + 1
    assert {len(column) for column in measured.values.values()} == {len(lines) - 1}


# a program as the page describes it: it needs what lies beside it, and reads its input
SOLVE = f"""#!{sys.executable}
import pathlib, sys
deck, result = sys.argv[1:]
assert deck == "deck.in" and pathlib.Path("mesh.vtk").is_file() and pathlib.Path("tables").is_dir()
modulus = float(pathlib.Path(deck).read_text())
rows = [f"{{n / 1000}},{{modulus * (n / 1000) ** 0.33}}" for n in range(21)]
pathlib.Path(result).write_text("\\n".join(["strain,stress (MPa)", *rows]))
"""
SEARCH = """
[parameters.modulus]
low = 500.0
high = 2000.0
[reference]
file = "tensile.csv"
[[objective]]
term = "l2"
curve = "stress"
abscissa = "strain"
sigma = "error"
[ego]
initial = 3
explore = 1
evaluations = 6
[output]
figures = false
"""


@pytest.mark.slow
def test_the_program_of_the_page_is_calibrated_to_its_measurements(place):
    folder, environment = place
    page = ROOT / "docs" / "calibration.md"
    (program,), (measurements,) = blocks_of(page, "toml"), blocks_of(page, "csv")
    (folder / "my.toml").write_text('campaign = "calibrate"\n' + program.text + SEARCH)
    (folder / "tensile.csv").write_text(measurements.text)
    (folder / "deck.in.template").write_text("{modulus}\n")
    (folder / "mesh.vtk").write_text("")
    (folder / "tables").mkdir()
    (folder / "solve").write_text(SOLVE)
    (folder / "solve").chmod(0o755)
    run(["mdbridge", "calibrate", "my.toml", "--out", "out"], folder, environment)
    assert 900 < summary_of(folder)["best"]["modulus"] < 1300


@pytest.mark.slow
def test_the_model_of_the_page_is_calibrated(place):
    folder, environment = place
    (sample,) = (b for b in blocks_of(ROOT / "docs" / "calibration.md", "python") if "mymodel" in b.text)
    (folder / "mymodel.py").write_text(sample.text)
    (folder / "my.toml").write_text(
        'campaign = "calibrate"\nmodel = "mymodel:respond"\n'
        "[parameters]\nstiffness = { low = 1.0, high = 4.0 }\ndamping = { low = 0.0, high = 1.0 }\n"
        "[reference.parameters]\nstiffness = 2.0\ndamping = 0.3\n"
        '[[objective]]\nterm = "l2"\ncurve = "displacement"\n'
        '[[objective]]\nterm = "grassmann"\nfield = "heat"\n'
        "[ego]\ninitial = 4\nexplore = 1\nevaluations = 8\n[output]\nfigures = false\n"
    )
    run(["mdbridge", "calibrate", "my.toml", "--out", "out"], folder, environment)
    assert summary_of(folder)["evaluations"] <= 8


# --- LAMMPS ---------------------------------------------------------------------------------

OBSERVED = """
campaign = "fields"
[md]
script = "sample.in"
steps = 20
[grid]
axes = "xy"
cells = [4, 4]
[kernel]
radius = 6.0
[observe]
every = 5
fields = ["density", "temperature"]
[checkpoint]
every_frames = 2
[output]
figures = false
vtk = false
"""


@pytest.mark.slow
@pytest.mark.parametrize("block", in_language("lammps"))
def test_a_sample_of_a_script_is_run_and_goes_on(block, place):
    folder, environment = place
    (folder / "sample.in").write_text(block.text)
    (folder / "sample.toml").write_text(OBSERVED)
    run(["mdbridge", "observe", "sample.toml", "--out", "out"], folder, environment)
    assert (folder / "out" / "fields.h5").is_file()
    # the second segment begins with the script reading a restart file
    assert list((folder / "out").rglob("run-002*"))
