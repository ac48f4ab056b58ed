"""What is in a folder of results."""

from typing import get_args

import pytest

from mdbridge.campaigns import MODULES, contents
from mdbridge.campaigns.fields.input import Name


def test_every_campaign_has_its_files():
    assert set(contents.FILES) == set(MODULES)


@pytest.mark.parametrize(
    ("campaign", "name", "words"),
    [
        ("fields", "field_density.png", "Mass density, at a few times"),
        ("fields", "field_csym.png", "A field of one's own"),  # of [observe.extra]
        ("glass", "maps_strain.png", "Local shear strain"),  # a name before the pattern maps_*
        ("glass", "maps_csym.png", "A further field"),
        ("glass", "maps_csym.svg", "for a journal"),
        ("calibrate", "ego-seed-3/", "one seed"),
        ("graphene", "solution.h5", "a problem of one's own"),
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
