"""Pages that are made from the code are those of this code."""

from pathlib import Path

from mdbridge.campaigns import reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_keys_is_that_of_the_models():
    assert (ROOT / "docs" / "keys.md").read_text() == reference.page(), "run scripts/keys"
