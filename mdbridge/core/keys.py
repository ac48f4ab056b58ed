"""The keys of an input as its model states them: type, range, unit, default, meaning; for people to read."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from .config import Section

Schema = dict[str, Any]
_IN_NAMES = {
    "_K_per_s": "K/s",
    "_per_s": "1/s",
    "_per_ps": "1/ps",
    "_per_eV": "1/eV",
    "_GPa": "GPa",
    "_eV": "eV",
    "_ps": "ps",
    "_A": "Å",
    "_K": "K",
    "_s": "s",
}
"""Units by the endings of names, the longer of two that fit first."""
Form = Literal["table", "list", "named"]
"""``[name]`` once; ``[[name]]`` repeated; ``[name.LABEL]`` with labels of one's own."""


@dataclass(frozen=True)
class Key:
    """A key of a section.

    Attributes:
        name: of the key.
        kind: type and range in words.
        required: it has no default.
        default: its default; None also where it may be left out.
        meaning: what it is.
        unit: of its numbers; "1" of those without dimension, empty for counts and what is no number.
    """

    name: str
    kind: str
    required: bool
    default: Any
    meaning: str
    unit: str = ""


@dataclass
class Table:
    """A section of an input and its own keys, without those of the sections in it.

    Attributes:
        name: with the sections that it is in, ``calibrate.ego``; empty for the file's top.
        form: how often it may be there.
        required: a file without it is refused.
        given: whether it is there, with its defaults, if a file does not mention it.
        meaning: what it is.
        keys: its keys.
    """

    name: str
    form: Form
    required: bool
    given: bool
    meaning: str
    keys: list[Key] = field(default_factory=list)

    @property
    def header(self) -> str:
        """As it stands in a file."""
        if not self.name:
            return ""
        forms = {"table": f"[{self.name}]", "list": f"[[{self.name}]]", "named": f"[{self.name}.NAME]"}
        return forms[self.form]


def in_unit(text: str) -> Any:
    """What states the unit of a key whose name does not: ``Annotated[float, in_unit("length_unit")]``."""
    return Field(json_schema_extra={"unit": text})


def tables(model: type[Section]) -> list[Table]:
    """All sections of a file, its top first."""
    schema = model.model_json_schema()
    top = Table("", "table", True, True, _one_line(schema.get("description", "")))
    return list(_walk(schema, schema.get("$defs", {}), top))


def _walk(schema: Schema, definitions: dict[str, Schema], table: Table) -> Iterator[Table]:
    required = set(schema.get("required", []))
    inner: list[tuple[Schema, Table]] = []
    for name, stated in schema.get("properties", {}).items():
        section, form = _section(stated, definitions)
        values = [option for option in _options(stated) if _section(option, definitions)[0] is None]
        if section is not None:
            whole = f"{table.name}.{name}" if table.name else name
            meaning = _one_line(section.get("description", "")) or _one_line(stated.get("description", ""))
            given = table.given and stated.get("default", ...) is not None
            inner.append((section, Table(whole, form, name in required, given, meaning)))
        # what may be a value, too, as calibrate's model, is a key as well
        if section is None or [v for v in values if v.get("type") != "null"]:
            kind = " or ".join(
                dict.fromkeys(_kind(v, definitions) for v in values if v.get("type") != "null")
            )
            if section is not None:
                kind += ", or a section"
            meaning = _one_line(stated.get("description", ""))
            default, unit = stated.get("default"), _unit(name, stated, kind)
            table.keys.append(Key(name, kind, name in required, default, meaning, unit))
    yield table
    for section, below in inner:
        yield from _walk(section, definitions, below)


def _options(stated: Schema) -> list[Schema]:
    """What a value may be one of; alone where it is of one kind."""
    return stated.get("anyOf") or stated.get("oneOf") or [stated]


def _section(stated: Schema, definitions: dict[str, Schema]) -> tuple[Schema | None, Form]:
    """The section that a key holds, if it holds any."""
    for option in _options(stated):
        form: Form = "table"
        if "items" in option:
            form, option = "list", option["items"]
        elif isinstance(option.get("additionalProperties"), dict):
            form, option = "named", option["additionalProperties"]
        name = option.get("$ref", "").removeprefix("#/$defs/")
        if name and "properties" in definitions[name]:
            return definitions[name], form
    return None, "table"


def _kind(stated: Schema, definitions: dict[str, Schema]) -> str:
    """Type and range in words."""
    if "$ref" in stated:
        return _kind(definitions[stated["$ref"].removeprefix("#/$defs/")], definitions)
    several = stated.get("anyOf") or stated.get("oneOf")
    if several:
        return _either(several, definitions)
    if "const" in stated:
        return json.dumps(stated["const"])
    if "enum" in stated:
        return ", ".join(json.dumps(value) for value in stated["enum"])
    kind = stated.get("type")
    if kind == "array":
        return _list_kind(stated, definitions)
    if kind == "object":
        values = stated.get("additionalProperties")
        inside = _kind(values, definitions) if isinstance(values, dict) and values else "anything"
        return f"table of {inside}"
    return _scalar_kind(stated)


def _unit(name: str, stated: Schema, kind: str) -> str:
    """The unit that is stated, or that the name ends in."""
    said = next((option["unit"] for option in (stated, *_options(stated)) if "unit" in option), None)
    if said is not None:
        return str(said)
    # a number, not a whole one alone, nor one in the name of a choice
    if not re.search(r"(?<!whole )number", re.sub(r'"[^"]*"', "", kind)):
        return ""
    return next((unit for ending, unit in _IN_NAMES.items() if name.endswith(ending)), "1")


def _either(options: list[Schema], definitions: dict[str, Schema]) -> str:
    """What is one of several kinds, each told once; null is no value in TOML."""
    kinds = list(dict.fromkeys(_kind(v, definitions) for v in options if v.get("type") != "null"))
    # a whole number is a number
    return " or ".join(kind for kind in kinds if kind != "whole number" or "number" not in kinds)


def _scalar_kind(stated: Schema) -> str:
    words = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    text = words.get(stated.get("type", ""), "anything")
    # JSON schema's words for the ends of a range
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    limits = [f"{sign} {stated[word]:g}" for word, sign in signs.items() if word in stated]
    return " ".join([text, " and ".join(limits)]).strip()


def _list_kind(stated: Schema, definitions: dict[str, Schema]) -> str:
    low, high = stated.get("minItems", 0), stated.get("maxItems")
    count = f"{low} × " if low and low == high else "at least 1 × " if low == 1 and high is None else ""
    count = f"{low} to {high} × " if high is not None and low != high else count
    count = f"at least {low} × " if low > 1 and high is None else count
    return f"list of {count}{_kind(stated.get('items', {}), definitions)}"


def _one_line(text: str) -> str:
    """A docstring in one line, without what only a Python programmer reads."""
    plain = re.sub(r":\w+:`~?\.*([^`]*)`", r"\1", " ".join(text.split()))
    # the section's own header is told already
    said = re.sub(r"^``\[+[\w.]+\]+``[:;,.]?\s*", "", plain)
    if said != plain:  # where the sentence went on
        said = said[:1].upper() + said[1:]
    return said.replace("``", "")
