"""Inputs to begin with, for ``mdbridge init``: what each campaign asks for, and all other keys as comments.

The comments come from the models of the inputs, so that they cannot differ from what is checked.
"""

import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

import tomli_w

from ..core.config import Section
from ..core.errors import InputError
from ..core.files import write_text
from ..core.keys import Key, Table, tables

MODELS = {
    "fields": ("fields.input", "FieldsInput"),
    "peridynamics": ("peridynamics.data_input", "PeridynamicsInput"),
    "graphene": ("peridynamics.input", "GrapheneInput"),
    "graphene-study": ("graphene_study.input", "StudyInput"),
    "glass": ("glass.input", "GlassInput"),
    "shear": ("shear.input", "ShearInput"),
    "calibrate": ("calibrate.input", "CalibrateInput"),
}
"""The ``campaign`` key of an input -> the module here with its model, and the model's name."""

STARTERS: dict[str, dict[str, Any]] = {
    "fields": {
        "campaign": "fields",
        "md": {"script": "my_script.in", "steps": 1000},
        "grid": {"axes": "xy", "cells": [8, 8]},
        "kernel": {"radius": 3.0},
        "observe": {"every": 100, "fields": ["density", "velocity", "temperature", "stress"]},
    },
    "peridynamics": {"campaign": "peridynamics", "data": {"file": "my_fields.npz"}},
    "graphene": {"campaign": "graphene"},
    "graphene-study": {"campaign": "graphene-study"},
    "glass": {"campaign": "glass"},
    "shear": {
        "campaign": "shear",
        "material": {"s_y_GPa": 1.006, "c0": 0.55, "chi_inf": 0.132},
        "initial": {"formula": "bump", "chi": 0.065, "amplitude": 0.01, "width_A": 40.0},
    },
    "calibrate": {
        "campaign": "calibrate",
        "model": "my_model:respond",
        "parameters": {
            "amplitude": {"low": 0.1, "high": 10.0, "distribution": "loguniform"},
            "time": {"low": 0.5, "high": 20.0},
        },
        "reference": {"file": "my_data.csv"},
        "objective": [{"term": "l2", "curve": "signal", "abscissa": "time", "sigma": "error"}],
        "ego": {"initial": 10, "explore": 5, "evaluations": 40},
    },
}
"""What an input of each kind asks for; all but "peridynamics", which needs data, run as they stand."""

STARTERS["program"] = STARTERS["calibrate"] | {
    "model": {
        "command": ["python", "my_program.py", "{input}", "{output}"],
        "template": "my_program.json.template",
        "collect": "result.csv",
        "files": ["my_program.py"],
    }
}

_DATA = {
    # 2 exp(−t/4) with errors of about 0.03
    "my_data.csv": """\
        time (s),signal (V),error
        0.5,1.79,0.03
        1,1.54,0.03
        2,1.23,0.03
        3,0.92,0.03
        4,0.75,0.03
        6,0.42,0.03
        8,0.29,0.03
        10,0.15,0.03
        """,
}

COMPANIONS = {
    "graphene-study": {
        "graphene_0K.toml": """\
            # Graphene at rest; 'mdbridge init graphene' writes all keys with their meanings.
            campaign = "graphene"
            """,
        "graphene_300K.toml": """\
            # Graphene at 300 K, each load a mean over a thermostatted run.
            campaign = "graphene"

            [md]
            max_bond_strain = 0.015

            [dynamics]
            enabled = false

            [thermal]
            temperature_K = 300.0
            """,
    },
    "fields": {
        "my_script.in": """\
            # A Lennard-Jones liquid, to try it; put a script of your own in its place.
            units lj
            lattice fcc 0.8442
            region box block 0 8 0 8 0 8
            create_box 1 box
            create_atoms 1 box
            mass 1 1.0
            velocity all create 1.44 87287
            pair_style lj/cut 2.5
            pair_coeff 1 1 1.0 1.0 2.5
            fix motion all nve
            """
    },
    "calibrate": {
        "my_model.py": """\
            \"\"\"A model to try it with; put your own in its place: parameters in, arrays out, by name.\"\"\"

            import numpy as np


            def respond(amplitude, time):
                t = np.linspace(0.0, 10.0, 101)
                return {"time": t, "signal": amplitude * np.exp(-t / time)}
            """,
        **_DATA,
    },
    "program": {
        "my_program.py": """\
            \"\"\"A program to try it with; it reads a file, and writes a table; put your own there.\"\"\"

            import json
            import math
            import sys

            source, target = sys.argv[1:]
            given = json.load(open(source))
            with open(target, "w") as table:
                print("time,signal", file=table)
                for n in range(101):
                    t = 0.1 * n
                    print(t, given["amplitude"] * math.exp(-t / given["time"]), sep=",", file=table)
            """,
        "my_program.json.template": """\
            {"amplitude": {amplitude}, "time": {time}}
            """,
        **_DATA,
    },
}
"""What an input of a kind names and does not come with: small files that can be replaced."""


def model_of(campaign: str) -> type[Section]:
    """The model of a campaign's input."""
    module, name = MODELS[campaign]
    model: type[Section] = getattr(import_module(f".{module}", __package__), name)
    return model


def write(kind: str, path: Path) -> list[Path]:
    """Write an input and what goes with it beside it; what of it is there already stays.

    Raises:
        InputError: the input is there already.
        FileError: it cannot be written.
    """
    if path.exists():
        raise InputError(f"{path}: is there already; give another name")
    written = []
    for name, content in files(kind, path.name).items():
        # what is there already may be the user's own, of which the input is to speak
        place = path.parent / name
        if not place.exists():
            write_text(place, content)
            written.append(place)
    return written


def files(kind: str, name: str) -> dict[str, str]:
    """An input by the name ``name`` and what goes with it: names of files -> texts."""
    texts = {name: text(kind, name)}
    return texts | {other: textwrap.dedent(given) for other, given in COMPANIONS.get(kind, {}).items()}


def text(kind: str, name: str) -> str:
    """A whole input: what is needed, and every other key as a comment with its default."""
    lines = [
        f"# An input of mdbridge:  mdbridge run {name} --out out",
        "# A line '#key = value' shows a default; take the # away to change it.",
        "",
    ]
    starter = STARTERS[kind]
    for table in tables(model_of(starter["campaign"])):
        lines += _table(table, _there(starter, table.name))
    return "\n".join(lines).rstrip() + "\n"


def _there(starter: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]] | None:
    """What a starter has of a section: of each of its tables the label and the values."""
    inside: Any = starter
    for part in name.split(".") if name else []:
        inside = inside.get(part) if isinstance(inside, dict) else None
    if isinstance(inside, list):
        return [("", entry) for entry in inside]
    if not isinstance(inside, dict):
        return None
    # tables in it are its labels: [parameters.NAME]
    if inside and all(isinstance(value, dict) for value in inside.values()) and name:
        return list(inside.items())
    return [("", inside)]


def _table(table: Table, given: list[tuple[str, dict[str, Any]]] | None) -> list[str]:
    lines = _comment(table.meaning) if table.name else []
    header = table.header
    if given is None:
        # not in the starter: there with its defaults, or optional and absent
        off = "" if table.given and table.form == "table" and not table.required else "#"
        lines += [f"{off}{header}", *_keys(table.keys, {}), ""]
        return lines
    for number, (label, values) in enumerate(given):
        if table.name:
            lines.append(header.replace("NAME", label))
        # the other keys once: the second parameter has the same
        lines += _keys(table.keys if not number else [k for k in table.keys if k.name in values], values)
        lines.append("")
    return lines


def _keys(keys: list[Key], values: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for key in keys:
        if key.name in values and isinstance(values[key.name], dict):
            continue  # a section, which follows
        if key.name != "campaign":  # which says itself what it is
            lines += _comment(f"{key.meaning} ({key.kind})")
        if key.name in values:
            lines.append(f"{key.name} = {shown(values[key.name])}")
        elif key.default is not None:
            lines.append(f"#{key.name} = {shown(key.default)}")
        else:  # nothing that could be shown: it may be left out
            lines.append(f"#{key.name} =")
    return lines


def _comment(meaning: str) -> list[str]:
    return textwrap.wrap(meaning, 100, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def shown(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{key} = {shown(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    return tomli_w.dumps({"key": value}).removeprefix("key = ").strip()
