"""Keys as their models state them."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt

from mdbridge.core.config import Section
from mdbridge.core.keys import tables


class Inner(Section):
    """``[inner]``: what is inside."""

    length_A: Annotated[float, Field(gt=0, le=5)] = 2.0
    """How long (Å), see :class:`some.where.Thing`."""
    names: list[str] | str = Field(default=[])
    pair: Annotated[list[float], Field(min_length=2, max_length=2)]


class Entry(Section):
    shape: Literal["round", "square"] = "round"


class Whole(Section):
    """A whole file."""

    campaign: Literal["whole"]
    inner: Inner
    optional: Inner | None = None
    entries: list[Entry] = Field(default=[])
    labelled: dict[str, Entry] = Field(default={})
    either: int | Inner = 1
    count: PositiveInt | None = None
    table: dict[str, float | int] = Field(default={})


@pytest.fixture(scope="module")
def stated():
    return {table.header: table for table in tables(Whole)}


def test_each_section_has_its_header_and_form(stated):
    assert list(stated) == ["", "[inner]", "[optional]", "[[entries]]", "[labelled.NAME]", "[either]"]
    assert [t.required for t in stated.values()] == [True, True, False, False, False, False]
    assert not stated["[optional]"].given and stated["[[entries]]"].given


def test_types_and_ranges_in_words(stated):
    kinds = {key.name: key.kind for table in stated.values() for key in table.keys}
    assert kinds["length_A"] == "number > 0 and ≤ 5"
    assert kinds["names"] == "list of text or text"
    assert kinds["pair"] == "list of 2 × number"
    assert kinds["shape"] == '"round", "square"'
    assert kinds["either"] == "whole number, or a section"
    assert kinds["count"] == "whole number > 0"
    assert kinds["table"] == "table of number"  # of which a whole one is one


def test_defaults_and_what_is_required(stated):
    keys = {key.name: key for key in stated["[inner]"].keys}
    assert (keys["length_A"].default, keys["length_A"].required) == (2.0, False)
    assert keys["pair"].required


def test_meanings_are_for_people(stated):
    assert stated["[inner]"].meaning == "What is inside."
    assert stated["[inner]"].keys[0].meaning == "How long (Å), see some.where.Thing."
