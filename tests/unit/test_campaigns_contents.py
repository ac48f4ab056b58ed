"""What is in a folder of results."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import pytest

from mdbridge.campaigns import MODULES, contents
from mdbridge.campaigns.calibrate import failing
from mdbridge.campaigns.fields.input import Name

ROOT = Path(contents.__file__).parent
PICTURE = re.compile(r"[\w/*]+\.(png|gif)")


def pictures(text):
    """Names of figures and animations in a source text; what is filled in there is a star."""
    nodes = [*ast.walk(ast.parse(text))]
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    # the parts of a text that is joined are no names of their own
    parts = {id(part) for node in joined for part in node.values}
    texts = ["".join(p.value if isinstance(p, ast.Constant) else "*" for p in node.values) for node in joined]
    constants = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in parts]
    texts += [value for value in constants if isinstance(value, str)]
    return {text for text in texts if PICTURE.fullmatch(text)}


def owners(path):
    """The campaigns in whose folders a module draws."""
    if path.parent.name != "peridynamics":
        return [path.parent.name.replace("_", "-")]
    # a problem of one's own is solved with any model
    if path.name.startswith("problem"):
        return ["graphene", "peridynamics"]
    return ["peridynamics" if path.name.startswith("data") else "graphene"]


def drawn():
    """Campaigns, and the names of the figures that their code draws."""
    for path in sorted(ROOT.glob("*/*.py")):
        for campaign in owners(path):
            for name in pictures(path.read_text(encoding="utf-8")):
                yield campaign, name


def captions(campaign):
    """Its table of files, by the names that code gives figures in a folder of their own, too."""
    known = contents.FILES[campaign]
    if campaign in ("graphene", "peridynamics"):
        known = known | contents.SOLVED
    return {name.removeprefix("figures/"): text for name, text in known.items()}


def test_every_campaign_has_its_files():
    assert set(contents.FILES) == set(MODULES)


def test_every_figure_that_is_drawn_has_a_caption():
    # by its name where the code has that: a pattern would give a new figure words that are none of its own
    without = {(c, name) for c, name in drawn() if "*" not in name and name not in captions(c)}
    assert without == set()
    filled = {(c, name.replace("*", "mine")) for c, name in drawn() if "*" in name}
    assert {(c, name) for c, name in filled if contents.meaning(c, name) is None} == set()


def test_every_caption_is_of_a_figure_that_is_drawn():
    made = {campaign: {name for c, name in drawn() if c == campaign} for campaign in MODULES}
    for campaign, names in made.items():
        assert names, campaign
        told = {name for name in captions(campaign) if PICTURE.fullmatch(name)}
        assert {name for name in told if not any(fnmatch(name, pattern) for pattern in names)} == set()


def test_names_of_figures_are_seen_in_tables_calls_and_texts_that_are_filled_in():
    text = 'FIGURES = {"a.png": f}\ndraw(out / f"b_{name}.png", "of c.png")\nx = Path("d") / "e.gif"'
    assert pictures(text) == {"a.png", "b_*.png", "e.gif"}


def test_folders_of_arrays_are_explained():
    """Of stages whose results lie in a folder of their own, not in a record."""
    stages = re.compile(r'Stage\("(\w+)", [^\n]*keep="arrays"\)')
    kept = {
        (campaign, f"{name}/")
        for path in sorted(ROOT.glob("*/*.py"))
        for name in stages.findall(path.read_text(encoding="utf-8"))
        for campaign in owners(path)
    }
    assert ("glass", "predictors/") in kept
    assert {(c, name) for c, name in kept if name not in contents.FILES[c]} == set()


@pytest.mark.parametrize(
    ("campaign", "name", "words"),
    [
        ("fields", "field_density.png", "Mass density, at a few times"),
        ("fields", "field_csym.png", "A field of one's own"),  # of [observe.extra]
        ("glass", "maps_strain.png", "Local shear strain"),  # a name before the pattern maps_*
        ("glass", "maps_csym.png", "A further field"),
        ("glass", "maps_csym.svg", "for a journal"),
        ("calibrate", "ego-seed-3/", "one seed"),
        ("calibrate", failing.FILE, "what the model said"),
        ("graphene", "solution.h5", "a problem of one's own"),
        ("peridynamics", "figures/solution.png", "of the problem that was solved"),
        ("graphene-study", "300K-no-twin-seed-7/", "another seed"),
        ("shear", "records/", "made from"),
    ],
)
def test_files_are_explained_by_their_names_and_patterns(campaign, name, words):
    assert words in contents.meaning(campaign, name)


def test_of_a_density_there_is_nothing_grey():
    """It is zero where there are no atoms; a mean over them is none."""
    told = {name: contents.meaning("fields", f"field_{name}.png") for name in get_args(Name)}
    without = {name for name, words in told.items() if "grey" not in words}
    assert without == {"density", "number_density"}


def test_what_is_not_ours_is_not_described(tmp_path):
    assert contents.meaning("shear", "thesis.tex") is None and contents.meaning("shear", "my.svg") is None
    (tmp_path / "thesis.tex").touch()
    (tmp_path / "run.h5").touch()
    (tmp_path / "vtk").mkdir()
    contents.describe(tmp_path, "shear")
    text = (tmp_path / contents.README).read_text()
    assert "run.h5" in text and "vtk/" in text and "thesis" not in text


def test_somebody_elses_readme_stays(tmp_path):
    (tmp_path / contents.README).write_text("mine")
    contents.describe(tmp_path, "shear")
    assert (tmp_path / contents.README).read_text() == "mine"
    (tmp_path / contents.README).unlink()
    contents.describe(tmp_path, "shear")
    contents.describe(tmp_path, "shear")  # our own is renewed
    assert (tmp_path / contents.README).read_text().startswith("What mdbridge")


@pytest.mark.parametrize("field", get_args(Name))
def test_every_field_is_called_by_its_name(field):
    assert "of one's own" not in contents.meaning("fields", f"field_{field}.png")
