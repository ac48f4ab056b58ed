"""The type checker, which scripts/test runs, is not told to look away."""

import sys
from pathlib import Path

from rules import of_all

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("mdbridge/**/*.py"), *ROOT.glob("scripts/*.py")])
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]


@of_all(SOURCES)
def test_no_finding_is_ignored(path):
    text = path.read_text(encoding="utf-8")
    assert "type: ignore" not in text and "no_type_check" not in text, "mend the finding instead"


def test_everything_is_checked_strictly():
    assert SETTINGS["strict"] is True
    assert set(SETTINGS["files"]) == {"mdbridge", "scripts"}
    assert "exclude" not in SETTINGS and "ignore_errors" not in SETTINGS
    assert "-m mypy" in (ROOT / "scripts" / "test").read_text(encoding="utf-8")


def test_only_packages_of_others_are_exempt():
    for override in SETTINGS["overrides"]:
        assert not [name for name in override["module"] if name.startswith("mdbridge")]
        assert set(override) <= {
            "module",
            "ignore_missing_imports",
            "follow_imports",
            "follow_imports_for_stubs",
            "implicit_reexport",
        }
