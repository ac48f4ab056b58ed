"""Names say what they stand for: in the package, in its tests and in its scripts."""

import sys
from pathlib import Path

import pytest
from rules import VAGUE, doubled_names, of_all, vague_names

ROOT = Path(__file__).parents[2]
SOURCES = [
    path for folder in ("mdbridge", "tests", "scripts") for path in sorted(ROOT.glob(f"{folder}/**/*.py"))
]


OLD_TABLES = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="comprehensions have no tables of symbols of their own any more"
)


@of_all(SOURCES)
def test_names_say_what_they_stand_for(path):
    assert vague_names(path.read_text(encoding="utf-8")) == []


@OLD_TABLES
@of_all(SOURCES)
def test_comprehensions_take_no_name_that_their_function_needs(path):
    assert doubled_names(path.read_text(encoding="utf-8")) == []


@OLD_TABLES
def test_doubled_names_are_noticed():
    text = "def f():\n    pass\ndef g(r):\n    return [f for f in r], {f(n) for n in r}\n"
    assert doubled_names(text) == ["line 3: f"]
    assert doubled_names(text.replace("[f for f in r]", "[m for m in r]")) == []


def test_all_three_are_looked_at():
    folders = [path.relative_to(ROOT).parts[0] for path in SOURCES]
    assert min(folders.count(folder) for folder in ("mdbridge", "tests")) > 100
    assert folders.count("scripts") > 5


@pytest.mark.parametrize(
    "text",
    [
        "{} = 1",
        "{}, x = 1, 2",
        "x, {} = 1, 2",
        "({}\n) = 1",
        "{}: int = 1",
        "x.{} = 1",
        "for {} in x: pass",
        "[{}.y for {} in x if {}]",
        "if ({} := x): pass",
        "lambda {}: x",
        "lambda *{}: x",
        "def f({}): pass",
        "def f(x, *, {}=1): pass",
        "def {}(): pass",
        "async def {}(): pass",
        "class {}: pass",
        "with x as {}: pass",
        "import x as {}\nx",
        "from x import y as {}",
        "try: x\nexcept E as {}: pass",
        "match x:\n    case {} if x: pass",
        "match x:\n    case [*{}]: pass",
        "match x:\n    case {{1: y, **{}}}: pass",
    ],
)
def test_however_it_is_bound_a_vague_name_is_seen(text):
    for name in VAGUE:
        assert vague_names(text.replace("{}", name).replace("{{", "{").replace("}}", "}"))


def test_words_values_and_keys_are_no_names_that_are_bound():
    assert not vague_names('"""One of these is named, one was found."""\nf(x.one, found=1)[one] == "one"')
