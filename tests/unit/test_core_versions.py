"""What a result was made with."""

import importlib.metadata
import re
import sys
from pathlib import Path

import numpy

import mdbridge
from mdbridge.core import versions


def test_the_stack_is_listed_with_its_versions():
    stack = versions.versions()
    assert stack["mdbridge"] == mdbridge.__version__
    assert stack["python"] == ".".join(map(str, sys.version_info[:3]))
    assert stack["numpy"] == numpy.__version__
    assert list(stack) == ["mdbridge", "python", *(n for n in versions.PACKAGES if n in stack)]


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGES", ("numpy", "no-such-package-of-ours"))
    assert set(versions.versions()) == {"mdbridge", "python", "numpy"}


def test_it_knows_every_package_that_ours_depends_on():
    """As pyproject.toml lists them: a result must not hide what it was made with."""
    text = (Path(mdbridge.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]
    # without those that old Pythons need in place of their own library
    needed = set(re.findall(r'^ *"([a-z0-9_-]+)[^;\n]*$', block, re.MULTILINE))
    assert needed - set(versions.PACKAGES) == set()


def test_the_version_is_that_of_the_package(monkeypatch):
    text = (Path(mdbridge.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.*)"', text, re.MULTILINE)[1] == mdbridge.__version__
    if "mdbridge" in {distribution.name for distribution in importlib.metadata.distributions()}:
        assert importlib.metadata.version("mdbridge") == mdbridge.__version__
