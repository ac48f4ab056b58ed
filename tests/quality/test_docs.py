"""Pages that are made from the code are those of this code, and what is said twice is the same."""

import re
from pathlib import Path

import mdbridge
from mdbridge.campaigns import reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_keys_is_that_of_the_models():
    assert (ROOT / "docs" / "keys.md").read_text() == reference.page(), "run scripts/keys"


def test_the_version_is_the_same_everywhere():
    project = (ROOT / "pyproject.toml").read_text()
    assert f'\nversion = "{mdbridge.__version__}"\n' in project
    assert f"\nversion: {mdbridge.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {mdbridge.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_an_environment_of_conda_has_what_the_package_needs():
    project = (ROOT / "pyproject.toml").read_text()
    listed = project.partition("\ndependencies = [")[2].partition("\n]\n")[0]
    needed = re.findall(r'^    "([a-z0-9-]+)', listed, flags=re.M)
    given = (ROOT / "environment.yml").read_text()
    names = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
    # tomli is for a Python whose own library lacks it
    missing = [name for name in needed if names.get(name, name) not in given and name != "tomli"]
    assert needed and missing == []
