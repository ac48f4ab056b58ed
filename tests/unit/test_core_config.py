"""Configuration: what is read, and one line for whatever is wrong."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from mdbridge.core.config import Section, check, load, merged, read_toml
from mdbridge.core.errors import InputError


class Inner(Section):
    depth: Annotated[int, Field(ge=0)] = 0


class Grid(Section):
    name: str
    spacing: Annotated[float, Field(gt=0)] = 5.0
    inner: Inner = Inner()


class Learn(Section):
    method: Literal["adam", "least-squares"] = "adam"
    degrees: Annotated[list[int], Field(min_length=1)] = Field(default_factory=list)
    enabled: bool = True
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> "Learn":
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self


class Campaign(Section):
    title: str = "none"
    learn: Learn = Learn()
    grids: list[Grid] = Field(default_factory=list)
    option: Grid | None = None


@pytest.fixture
def write(tmp_path):
    def to_file(text: str) -> Path:
        path = tmp_path / "campaign.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def refusal(write, text, *overrides):
    """The message with which the text is refused; always one line that begins with the source."""
    path = write(text)
    with pytest.raises(InputError) as caught:
        load(path, Campaign, overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    if message.startswith(f"{path}: "):
        return message.removeprefix(f"{path}: ")
    assert message.startswith("--set ")
    return message


def test_values_and_defaults(write):
    loaded = load(write('title = "a"\n[learn]\nlow = -1\n[[grids]]\nname = "fine"'), Campaign)
    assert (loaded.title, loaded.grids[0].name) == ("a", "fine")
    assert (loaded.learn.low, loaded.learn.high) == (-1.0, 1.0)
    assert loaded.option is None
    with pytest.raises(ValueError, match="frozen"):
        loaded.title = "b"


def test_unknown_key_with_a_suggestion(write):
    message = refusal(write, "[learn]\nmethods = 'adam'")
    assert message == (
        "unknown key 'learn.methods'; did you mean 'method'? "
        "Allowed here: method, degrees, enabled, low, high"
    )


def test_unknown_key_without_a_likeness(write):
    assert refusal(write, "zzz = 1") == "unknown key 'zzz'. Allowed here: title, learn, grids, option"


@pytest.mark.parametrize(
    ("text", "where", "allowed"),
    [
        ("[[grids]]\nname='a'\n[[grids]]\nname='b'\nspacng=1.0", "grids.1.spacng", "name, spacing, inner"),
        ("[[grids]]\nname='a'\n[grids.inner]\ndeph=1", "grids.0.inner.deph", "depth"),
        ("[option]\nname='a'\n[option.inner]\ndeph=1", "option.inner.deph", "depth"),
    ],
)
def test_unknown_keys_in_nested_sections_name_those_allowed_there(write, text, where, allowed):
    message = refusal(write, text)
    assert message.startswith(f"unknown key '{where}'; did you mean ")
    assert message.endswith(f"Allowed here: {allowed}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title = 3", "'title' = 3: must be a valid string"),
        ("[learn]\nenabled = 1", "'learn.enabled' = 1: must be a valid boolean"),
        ("[learn]\nlow = true", "'learn.low' = True: must be a valid number"),
        ("[learn]\ndegrees = [1, 2.5]", "'learn.degrees.1' = 2.5: must be a valid integer"),
        ("[learn]\nmethod = 'sgd'", "'learn.method' = 'sgd': must be 'adam' or 'least-squares'"),
        ("[learn]\nlow = nan", "'learn.low' = nan: must be a finite number"),
        ("[[grids]]\nname = 'a'\nspacing = -2.5", "'grids.0.spacing' = -2.5: must be greater than 0"),
        ("[[grids]]\nspacing = 2.5", "key 'grids.0.name' is missing"),
        ("learn = 3", "'learn' = 3: must be"),
        ('grids = "a\\nb"', r"'grids' = 'a\nb': must be a valid list"),
        ("[learn]\ndegrees = []", "'learn.degrees' = []: List should have at least 1 item"),
        ("[learn]\nlow = 2", "'learn': low must not exceed high"),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(write, text, expected):
    assert expected in refusal(write, text)


def test_long_values_are_quoted_in_short(write):
    assert len(refusal(write, f"[learn]\nmethod = '{500 * 'x'}'")) < 200


def test_all_mistakes_are_told_at_once(write):
    message = refusal(write, "title = 3\n[learn]\nenabled = 'yes'\nx = 1")
    assert "'title'" in message
    assert "and 2 more" in message
    assert "'learn.enabled'" in message
    assert "'learn.x'" in message


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("learn.high=2.5", 2.5),
        ("learn.high = 3", 3.0),
        ("title=bare word", "bare word"),
        ("title='quoted'", "quoted"),
        ("learn.degrees=[1, 2]", [1, 2]),
        ("learn.enabled=false", False),
        ("learn.method=least-squares", "least-squares"),
        ("title=a=b", "a=b"),
    ],
)
def test_overrides_take_the_place_of_what_the_file_says(write, override, value):
    loaded = load(write("title = 'file'\n[learn]\nhigh = 7.0"), Campaign, [override])
    name = override.partition("=")[0].strip().split(".")
    for part in name:
        loaded = getattr(loaded, part)
    assert loaded == value


def test_the_last_override_wins(write):
    assert load(write(""), Campaign, ["title=a", "title=b"]).title == "b"


def test_an_override_of_one_key_keeps_the_others(write):
    loaded = load(write("[learn]\nlow = 0.5"), Campaign, ["learn.high=2.0"])
    assert (loaded.learn.low, loaded.learn.high) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("title", "--set title: expected section.key=value"),
        ("=3", "expected section.key=value"),
        ("learn.=3", "expected section.key=value"),
        ("title.x=3", "'title' is a value, not a section"),
        ("learn.hihg=3", "unknown key 'learn.hihg'; did you mean 'high'?"),
    ],
)
def test_wrong_overrides_are_refused(write, override, expected):
    assert expected in refusal(write, "title = 'a'", override)


def test_files_that_cannot_be_read(tmp_path, write):
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read: No such file"):
        read_toml(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_toml(tmp_path)
    with pytest.raises(InputError, match="not valid TOML"):
        read_toml(write("title = "))
    with pytest.raises(
        InputError, match=r"Cannot overwrite .* stands above already, as a value or as a section"
    ):
        read_toml(write('model = "a:b"\n[model]\ncommand = "c"\n'))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not valid TOML"):
        read_toml(binary)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_no_whole_number_either(write, value):
    with pytest.raises(InputError, match=r"learn.degrees.0"):
        load(write(f"[learn]\ndegrees = [{value}]"), Campaign)


def test_raw_tables_are_checked_under_a_given_name():
    assert check({"title": "a"}, Campaign, "here").title == "a"
    with pytest.raises(InputError, match=r"^here: 'title' = 1"):
        check({"title": 1}, Campaign, "here")


def test_a_value_in_the_place_of_a_section_is_said_in_the_user_s_words():
    with pytest.raises(InputError, match=r"'several' = 4: must be a section, with keys of its own$"):
        check({"several": 4}, Outer, "a.toml")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes("\ufeffname = 'jörg'\r\n".encode())
    assert read_toml(path) == {"name": "jörg"}


class Several(Section):
    """Values of more than one kind."""

    rank: Literal["larger", "smaller"] | Annotated[int, Field(gt=0)] | list[Annotated[int, Field(gt=0)]] = 1
    potential: str | dict[str, str] | None = None


class Outer(Section):
    several: Several = Several()
    many: list[Several] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"several": {"potential": 3}},
            "'several.potential' = 3: must be a valid string, or a section, with keys of its own",
        ),
        (
            {"many": [{}, {"potential": 3}]},
            "'many.1.potential' = 3: must be a valid string, or a section, with keys of its own",
        ),
        (
            {"several": {"rank": 0}},
            "'several.rank' = 0: must be 'larger' or 'smaller', or greater than 0, or a valid list",
        ),
        ({"several": {"rank": "large"}}, "'several.rank' = 'large': must be 'larger' or 'smaller', or "),
    ],
)
def test_a_value_of_several_kinds_is_named_by_its_key_alone(data, message):
    """Not by names that are nowhere in the file, as 'several.potential.str'."""
    with pytest.raises(InputError) as caught:
        check(data, Outer, "a.toml")
    assert str(caught.value).startswith(f"a.toml: {message}")
    assert "more" not in str(caught.value)


def test_several_unknown_keys_are_told_one_by_one():
    with pytest.raises(InputError, match=r"unknown key 'a'.* \(and 1 more: unknown key 'b'"):
        check({"a": 1, "b": 2}, Outer, "a.toml")


def test_inputs_that_would_never_end_are_refused(tmp_path):
    with pytest.raises(InputError, match="/dev/zero: is no file"):
        read_toml(Path("/dev/zero"))
    path = tmp_path / "large.toml"
    with path.open("wb") as stream:
        stream.truncate(2**24 + 1)
    with pytest.raises(InputError, match=r"large\.toml: has 16777217 bytes, more than"):
        read_toml(path)


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 100_000], ids=["digits", "depth"])
def test_what_the_reader_cannot_take_is_no_valid_input(tmp_path, text):
    path = tmp_path / "in.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"not valid TOML: (an integer has thousands of digits|maximum rec)"):
        read_toml(path)
    path.write_text("")
    with pytest.raises(InputError, match=r"--set x: not valid TOML"):
        merged(path, [text])
