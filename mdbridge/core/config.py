"""TOML files -> frozen, validated models.

A model is a :class:`Section` with sections as fields.  Whatever is wrong ends
in one :class:`~mdbridge.core.errors.InputError` that names the file, the key, the
value and what is allowed.
"""

import os
import re
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from . import slips
from .errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Section(BaseModel):
    """A table of a TOML file: unknown keys are refused, values are not changed later."""

    # strict: 1.5 for a count, or "yes" for a switch, is a slip to be told, not a value to be converted
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


Model = TypeVar("Model", bound=Section)
_LARGEST = 2**24
"""Bytes of an input; numbers in bulk belong into files of their own."""
_NO_TOML = (tomllib.TOMLDecodeError, ValueError, RecursionError)
"""What Python's reader raises: the last two for integers of thousands of digits, and for tables in tables."""
Given = TypeVar("Given")


def load(path: Path, model: type[Model], overrides: Sequence[str] = ()) -> Model:
    """Read ``path`` and check it against ``model``.

    Args:
        path: the TOML file.
        model: the model of the whole file.
        overrides: ``section.key=value`` strings, the value in TOML syntax
            (a bare word is taken as a string).

    Raises:
        InputError: anything about the file, a key, a value or an override.
    """
    return check(merged(path, overrides), model, str(path))


def merged(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The raw tables of a TOML file with the overrides in them: the input as it is used."""
    data = read_toml(path)
    for text in overrides:
        _override(data, text)
    return data


def as_text(path: Path, overrides: Sequence[str] = ()) -> str:
    """The input as it is used, overrides included, in TOML."""
    return tomli_w.dumps(merged(path, overrides))


def given(value: Given | None, key: str) -> Given:
    """The value of a key that its section requires under some condition, which a validator has checked.

    Raises:
        InputError: it is not there after all.
    """
    if value is None:
        raise InputError(f"key '{key}' is missing")
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """The raw tables of a TOML file."""
    place = Path(path)
    # a device never ends, and one slip in a name would take all memory
    if place.exists() and not place.is_dir() and not place.is_file():
        raise InputError(f"{path}: is no file")
    if place.is_file() and place.stat().st_size > _LARGEST:
        raise InputError(f"{path}: has {place.stat().st_size} bytes, more than the {_LARGEST} of an input")
    try:
        # -sig: a byte-order mark, which editors on Windows put first, belongs to no key
        return tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    except (*_NO_TOML, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {_plainly(error)}") from error


def _plainly(error: Exception) -> str:
    """What is wrong with a text; of Python's own limits without advice that is for programs."""
    said = str(error)
    if "integer string conversion" in said:
        return "an integer has thousands of digits"
    twice = said.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate"))
    more = (
        "; this key stands above already, as a value or as a section, and only one of them can stay"
        if twice
        else ""
    )
    return said + more


def check(data: dict[str, Any], model: type[Model], source: str) -> Model:
    """Validate raw tables; ``source`` names them in errors."""
    try:
        return model.model_validate(data)
    except ValidationError as failure:
        lines = _lines([_explain(error, model) for error in failure.errors()])
        more = f" (and {len(lines) - 1} more: {'; '.join(lines[1:])})" if len(lines) > 1 else ""
        # from None: pydantic's own message, several lines a key, says nothing that this one does not
        raise InputError(f"{source}: {lines[0]}{more}") from None


def _override(data: dict[str, Any], text: str) -> None:
    key, separator, value = text.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not separator or not all(names):
        raise InputError(f"--set {text}: expected section.key=value, for example --set learn.method=adam")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    except _NO_TOML as error:
        raise InputError(f"--set {key.strip()}: not valid TOML: {_plainly(error)}") from error
    table = data
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {text}: '{name}' is a value, not a section")
    table[names[-1]] = parsed


def _lines(explained: Sequence[tuple[str, str]]) -> list[str]:
    """One line a place; where a value may be of several kinds, what it fails to be of each."""
    lines: list[str] = []
    places: dict[str, int] = {}
    for place, message in explained:
        if place in places:
            # which of several kinds was meant nobody knows
            lines[places[place]] = lines[places[place]].partition("; did you mean")[0]
            lines[places[place]] += f", or {message.removeprefix('must be ')}"
            continue
        if place:  # where there is none the message says it
            places[place] = len(lines)
        lines.append(f"{place}: {message}" if place else message)
    return lines


def _explain(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """One validation error: key and value, and what is allowed."""
    *parents, last = _keys(error["loc"], model) or ("",)
    where = ".".join(str(part) for part in (*parents, last))
    if error["type"] == "extra_forbidden":
        allowed = list(_model_at(model, parents).model_fields)
        hint = slips.near(str(last), allowed) or "."
        return "", f"unknown key '{where}'{hint} Allowed here: {', '.join(allowed)}"
    if error["type"] == "missing":
        return "", f"key '{where}' is missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("model_type", "dict_type"):  # the class of it is no word of the user's
        message = "must be a section, with keys of its own"
    if message.startswith("Input should be "):
        message = f"must be {message.removeprefix('Input should be ')}"
    message += _hint(error)
    if not where:
        return "", message
    if isinstance(error["input"], dict):  # a section that does not fit together
        return f"'{where}'", message
    value = repr(error["input"])
    return f"'{where}' = {value if len(value) <= 80 else value[:77] + '...'}", message


def _hint(error: ErrorDetails) -> str:
    """What was probably meant; nothing if that is not known."""
    value = error["input"]
    if error["type"] == "literal_error" and isinstance(value, str):
        allowed = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
        return slips.near(value, allowed)
    if error["type"] in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}"
    return ""


def _keys(place: Sequence[int | str], model: type[BaseModel]) -> list[int | str]:
    """Where an error is, without pydantic's names of the members of a union, which are no keys."""
    keys: list[int | str] = []
    annotation: Any = model
    for part in place:
        members = [kind for kind in _members(annotation) if kind is not type(None)]
        if len(members) > 1:
            annotation = Any  # of the member that is named nothing more is asked
            continue
        keys.append(part)
        annotation = _inside(members[0], part)
    return keys


def _members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; anything else alone."""
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _inside(annotation: Any, part: int | str) -> Any:
    """What ``X``, ``list[X]`` or ``dict[str, X]`` has at a place."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else Any
    if typing.get_origin(annotation) is typing.Annotated:
        return _inside(typing.get_args(annotation)[0], part)
    arguments = typing.get_args(annotation)
    return arguments[-1] if arguments else Any


def _model_at(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel]:
    for name in path:
        if isinstance(name, int):  # a place in a list of sections
            continue
        field = model.model_fields.get(name)
        section = _section_in(field.annotation) if field else None
        if section is None:
            break
        model = section
    return model


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The Section inside ``X``, ``X | None`` or ``list[X]``."""
    arguments = typing.get_args(annotation)
    if not arguments and isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    for argument in arguments:
        section = _section_in(argument)
        if section is not None:
            return section
    return None
