"""Placeholders: which are filled, and which braces are somebody else's."""

import pytest

from mdbridge.calibrate.template import Template, filled, placeholders
from mdbridge.core.errors import InputError

NAMES = ["a", "width"]


def test_numbers_keep_all_digits_unless_a_format_is_given():
    value = 0.1 + 0.2
    text = filled("{a} {a:.3f} {width:5d}|{note}", {"a": value, "width": 7, "note": "steel"})
    first, rest = text.split(" ", 1)
    assert float(first) == value and rest == "0.300     7|steel"


def test_braces_around_no_parameter_stay():
    text = '{"a": {a}, "b": {b}} ${a} { a } {a.x} {}'
    assert filled(text, {"a": 1.5}) == '{"a": 1.5, "b": {b}} ${a} { a } {a.x} {}'
    assert placeholders(text, ["a", "b", "x"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("in.dat.template", "in.dat"),
        ("deck.inp.tpl", "deck.inp"),
        ("./sub/in.lmp.tpl", "sub/in.lmp"),
        ("sub/in.lmp", "sub/in.lmp"),
        ("../elsewhere/in.lmp.tpl", "in.lmp"),
        ("/elsewhere/in.lmp.tpl", "in.lmp"),
        ("sub/.tpl", "sub/.tpl"),
        (".tpl", ".tpl"),
    ],
)
def test_the_target_lies_beside_the_template_without_its_ending(name, target):
    assert Template(name, "", "k").target == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing here", r"'t' has no placeholder: write \{a\}"),
        ("{aa} and {x}", r"has no placeholder.*it has \{aa\}, \{x\}"),
        ("\n{{a}}", r"line 2: \{a\} stands in doubled braces"),
        ("{a:q}", r"line 1: \{a:q\}: no number has this format"),
    ],
)
def test_what_cannot_have_been_meant_is_refused(text, said):
    with pytest.raises(InputError, match=said):
        Template("t", text, "model.template").check(NAMES)
    Template("t", "{a:8.2e} {width:03d}", "model.template").check(NAMES)


def test_a_value_that_does_not_have_the_format_of_its_place_is_named():
    assert filled("{n:03d}", {"n": 7}) == "007"
    with pytest.raises(InputError, match=r"\{n:03d\}: 2\.5 does not have this format"):
        filled("{n:03d}", {"n": 2.5})
