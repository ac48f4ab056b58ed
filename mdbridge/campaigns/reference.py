"""The page of all keys of all inputs, docs/keys.md, as the models state them."""

import re

from ..core.config import Section
from ..core.keys import Key, Table, tables
from .peridynamics.problem_input import Problem
from .starters import MODELS, model_of, shown

_INTRODUCTION = """# Every key of every input

Made from the models that check the inputs (`scripts/keys`); `mdbridge init KIND` writes an input with the
same words as comments. Numbers of unit 1 have no dimension; counts, and what is no number, have no unit.
A key without a default is required, or its meaning says what its absence stands for. Any key can be given on
the command line: `--set SECTION.KEY=VALUE`. Unknown keys are refused, with the nearest name.
"""

_WHAT = {
    "fields": "fields of a LAMMPS script or a trajectory, `mdbridge observe` (docs/fields.md)",
    "peridynamics": "a model of your own displacements and loads, `mdbridge learn` (docs/own_data.md)",
    "graphene": "planar crystals, from MD to a peridynamic model, `mdbridge run` (docs/graphene.md)",
    "graphene-study": "tables and figures of two of these, `mdbridge study` (docs/graphene_study.md)",
    "glass": "a metallic glass, from melt to shear, `mdbridge run` (docs/glass.md)",
    "shear": "one run of the STZ model, `mdbridge shear` (docs/stz.md)",
    "calibrate": "parameters of your own model, `mdbridge calibrate` (docs/calibration.md)",
}


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION]
    # in the order of the register: what most people come for first
    for campaign in MODELS:
        parts.append(f'## campaign = "{campaign}"\n\nFor {_WHAT[campaign]}.\n')
        parts += _sections(model_of(campaign))
    parts.append(
        "## A problem of your own\n\nFor `mdbridge solve INPUT.toml --problem FILE` (docs/own_problem.md).\n"
    )
    parts += _sections(Problem)
    return "\n".join(parts)


def _sections(model: type[Section]) -> list[str]:
    # a section that only holds others has nothing to tell
    return [_section(table) for table in tables(model) if [k for k in table.keys if k.name != "campaign"]]


def _section(table: Table) -> str:
    absent = (
        ""
        if table.given or table.required or table.form != "table"
        else " Nothing of it happens if it is absent."
    )
    title = f"### `{table.header}`" if table.name else "### At the top of the file"
    about = f"{_cell(table.meaning)}{absent}\n\n" if table.name else ""
    rows = [_row(key) for key in table.keys if key.name != "campaign"]
    head = "| key | value | unit | default | meaning |\n|---|---|---|---|---|\n"
    return f"{title}\n\n{about}{head}" + "\n".join(rows) + "\n"


def _row(key: Key) -> str:
    default = "required" if key.required else "" if key.default is None else f"`{shown(key.default)}`"
    # inputs that are begun with have the unit behind the meaning, too
    meaning = re.sub(rf" \({re.escape(key.unit)}\)(?=[.,;:])", "", key.meaning) if key.unit else key.meaning
    return f"| `{key.name}` | {_cell(key.kind)} | {key.unit} | {_cell(default)} | {_cell(meaning)} |"


def _cell(text: str) -> str:
    # what ends a cell, or would be taken for a tag
    return text.replace("|", "\\|").replace("<", "&lt;")
