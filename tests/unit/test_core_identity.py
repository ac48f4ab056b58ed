"""What a key depends on: what a task reads, and nothing else."""

from typing import Annotated

import pytest
from pydantic import Field, create_model

from mdbridge.core.config import Section
from mdbridge.core.errors import FileError
from mdbridge.core.identity import Identity, contents, reads, together


class Part(Section):
    size: Annotated[int, Field(ge=1)] = 3
    name: str = "a"


class Whole(Section):
    part: Part = Part()
    extra: Part | None = None
    many: dict[str, Part] = {}  # noqa: RUF012  (pydantic copies defaults)
    scale: float = 1.0


def test_values_at_their_default_are_left_out_and_others_are_named_whole():
    assert reads(Whole(), "part", "scale") == {}
    config = Whole(part=Part(size=5), many={"x": Part(name="b")})
    assert reads(config, "part", "many.x", "scale") == {"part.size": 5, "many.x.name": "b"}
    assert reads(config, "part.name") == {}
    assert reads(Whole(part=Part(size=3)), "part") == {}  # given, but as the default is


def test_a_section_that_is_there_counts_even_where_all_of_it_is_default():
    assert reads(Whole(extra=Part()), "extra") == {"extra": {}}
    assert reads(Whole(), "extra") == {}


def test_a_changed_section_of_a_list_is_told_by_its_place_whatever_lies_beside_it():
    """A list may hold sections and other values, as pydantic lets it."""
    model = create_model("Mixed", __base__=Section, terms=(list[dict | int], []))
    before, after = (model(terms=[{"weight": 1.0}, 3, {"weight": weight}]) for weight in (1.0, 2.0))
    assert reads(before, "terms") == {"terms.0.weight": 1.0, "terms.1": 3, "terms.2.weight": 1.0}
    old, new = (Identity.of("t", config, ("terms",)) for config in (before, after))
    assert old.differences(new) == ["terms.2.weight was 1.0, now 2.0"]


def test_a_key_that_no_input_has_is_a_mistake_of_the_declaration():
    with pytest.raises(KeyError, match=r"part\.siz"):
        reads(Whole(), "part.siz")


def test_a_new_key_with_a_default_disowns_nothing():
    newer = create_model("Part", __base__=Part, colour=(str, "red"))
    whole = create_model("Whole", __base__=Whole, part=(newer, newer()), unit=(str, "m"))
    for given in ({}, {"part": {"size": 4}, "scale": 2.0}):
        before = Identity.of("t", Whole.model_validate(given), ("part", "scale"))
        after = Identity.of("t", whole.model_validate(given), ("part", "scale", "unit"))
        assert before.key == after.key
    changed = whole.model_validate({"part": {"colour": "blue"}})
    assert Identity.of("t", changed, ("part",)).key != Identity.of("t", Whole(), ("part",)).key


@pytest.mark.parametrize(
    "other",
    [
        Identity("u"),
        Identity("t", version=2),
        Identity("t", values={"a": 1}),
        Identity("t", files={"a": "00"}),
        Identity("t", after={"a": "00"}),
    ],
)
def test_each_part_changes_the_key(other):
    assert other.key != Identity("t").key
    assert other.key == Identity.from_dict(other.as_dict()).key


def test_what_is_shown_does_not_change_the_key():
    assert Identity("t", shown={"a": 1}).key == Identity("t").key


def test_lists_of_a_record_are_the_tuples_of_an_input():
    recorded = Identity("t", values={"cell": [1.0, 2.0]}, shown={"cell": [1.0, 2.0]})
    now = Identity("t", version=2, values={"cell": (1.0, 2.0)}, shown={"cell": (1.0, 2.0)})
    assert recorded.differences(now) == ["another version of the task (1, now 2)"]


def test_of_a_hash_it_is_told_of_what_it_is_and_that_it_has_changed():
    before, now = (Identity("t", values={"sources.my.py": mark * 64, "word": mark}) for mark in "ab")
    assert before.differences(now)[0] == "my.py has changed"
    assert before.differences(now)[1].startswith("word was")
    assert Identity("t").differences(Identity("t", values={"sources.my.py": "a" * 64})) == ["my.py is new"]


def test_differences_name_the_key_and_both_values():
    before = Identity.of("t", Whole(), ("part", "scale"), files={"f": "0"})
    now = Identity.of("t", Whole(scale=2.0), ("part", "scale"), files={"f": "1"})
    assert before.differences(now) == ["scale was 1.0, now 2.0", "the file of f has changed"]
    assert now.differences(before)[0] == "scale was 2.0, now 1.0"
    assert Identity("t", after={"x": "0"}).differences(Identity("t", after={"x": "1"})) == [
        "made after another x"
    ]


def test_contents_are_those_of_the_file(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"a" * (3 << 20))
    first = contents(path)
    path.write_bytes(b"a" * (3 << 20) + b"b")
    assert contents(path) != first
    with pytest.raises(FileError, match="none"):
        contents(tmp_path / "none")


def test_together_depends_on_names_and_keys():
    a, b = Identity("a"), Identity("b")
    assert together({"x": a, "y": b}) == together({"y": b, "x": a}) != together({"x": b, "y": a})
