"""index.html: one page that holds all there is to see of a folder of results, and needs nothing beside it.

It is made from what the folder holds, whatever made it: figures with the captions of
:mod:`.contents`, numbers of summary.json, the input, versions.
"""

import base64
import contextlib
import re
import shlex
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.digits import with_error
from ..core.errors import FileError, InputError, MdbridgeError
from ..core.files import read_json, write_text
from ..core.workspace import INPUT, read_manifest
from . import contents, nested
from .nested import Numbers
from .wording import NAMES, as_text, headed, units_beside, with_unit, worded

NAME = "index.html"
_MARK = "<!-- made by mdbridge -->"
_TEMPLATE = Path(__file__).with_suffix(".html")
_WIDE = 1.9  # of width to height, from which a figure has a row of its own
# told elsewhere on the page, or lists that are for programs
_NOT_SHOWN = {"versions", "version", "doubts", "input_hash", "wall_s", "made_from", "converged"}
_TITLES = {
    "fields": "Fields from molecular dynamics",
    "graphene": "From molecular dynamics to a peridynamic model",
    "peridynamics": "A peridynamic model of own data",
    "graphene-study": "Graphene: tables and figures of the study",
    "glass": "A metallic glass in shear",
    "shear": "A metallic glass by the STZ model",
    "calibrate": "A calibration",
}


@dataclass(frozen=True)
class Figure:
    """A picture and what it shows; ``data`` is the file in base64."""

    name: str
    caption: str
    width: int
    height: int
    data: str

    @property
    def wide(self) -> bool:
        """Whether it would be unreadable beside another."""
        return self.width > _WIDE * self.height


def present(folder: Path) -> None:
    """Write README.txt and index.html into a folder of results, if it is one.

    For the end of a command, whatever came before: it raises nothing that would hide that.
    """
    with contextlib.suppress(MdbridgeError, OSError, ValueError):
        campaign = read_manifest(folder)["campaign"]
        write(folder)
        contents.describe(folder, campaign)


def write(folder: Path) -> Path:
    """Write index.html into a folder of results, and return where it is.

    Raises:
        InputError: it is no folder of results, or somebody else's page is there.
        FileError: it cannot be written.
    """
    path = folder / NAME
    # read beyond the first line of HTML: a browser wants that first
    if path.exists() and _MARK not in path.read_text(errors="replace")[:200]:
        raise InputError(f"{path}: is there already, and mdbridge did not write it; move it away")
    write_text(path, page(folder))
    return path


def page(folder: Path) -> str:
    """The whole page.

    Raises:
        InputError: it is no folder of results.
    """
    from jinja2 import Environment  # what a command that draws nothing does without

    manifest = read_manifest(folder)
    campaign = manifest["campaign"]
    summary = _summary(folder)
    # autoescape: names of files, labels and inputs are the user's, and no markup
    template = Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE.read_text())
    source = manifest["source"]
    # of a calibration the input tells what it is of; its folder is called 'out' as a rule
    name = Path(source).stem if campaign == "calibrate" else folder.resolve().name
    given = [word for text in manifest["overrides"] for word in ("--set", text)]
    command = shlex.join(["mdbridge", "run", source, "--out", str(folder.resolve()), *given])
    return template.render(
        mark=_MARK,
        title=f"{_TITLES.get(campaign, campaign)}: {name}",
        subtitle=f'campaign = "{campaign}", {Path(source).name}',
        warnings=warnings(summary) if summary else [_UNFINISHED],
        figures=list(figures(folder, campaign)),
        tables=[*tables(summary), *_problem(folder)],
        files=[(name, text) for name, text in contents.listed(folder, campaign) if name != NAME],
        made=f"By mdbridge {manifest['mdbridge']}.",
        versions=sorted(summary.get("versions", {}).items()),
        commands=f"{command}\nmdbridge status {shlex.quote(str(folder.resolve()))}",
        input=_text_of(folder / INPUT),
        problem=_text_of(folder / "solution.toml"),
    )


def _text_of(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _summary(folder: Path) -> dict[str, Any]:
    """What summary.json, or a study's, has; nothing where there is none yet."""
    for name in ("summary.json", "study.json"):
        try:
            return read_json(folder / name)
        except FileError:
            continue
    return {}


def _problem(folder: Path) -> Iterator[Numbers]:
    """What there is to say of a problem of one's own that was solved in the folder."""
    try:
        solution = read_json(folder / "solution.json")
    except FileError:
        return
    # it may be anybody's
    if isinstance(solution, dict) and isinstance(solution.get("notes"), list):
        # the forces of the supports are among the notes
        hidden = ("notes", "supports", "length_unit", "modulus_unit", "versions")
        unit = solution.get("modulus_unit", "")
        rows = [
            # C11 and the like; of results of earlier releases the unit is not known
            [worded(name) + (f" ({unit})" if unit and re.fullmatch(r"C\d\d", name) else ""), as_text(value)]
            for name, value in solution.items()
            if name not in hidden
        ]
        yield Numbers("The problem solved", [], rows + [["note", str(note)] for note in solution["notes"]])


def warnings(summary: dict[str, Any]) -> list[str]:
    """What one should know before believing the numbers."""
    told = [str(doubt) for doubt in (*summary.get("doubts", []), *summary.get("notes", []))]
    told += [
        f"Sample {seed} failed: {str(why).rstrip('.')}; the others went on; the same command tries it again."
        for seed, why in _failed(summary).items()
    ]
    if summary.get("complete") is False:
        reason = summary.get("failure") or "the run ended early"
        told.append(f"Not complete: {reason}.")
    return told


def _failed(summary: dict[str, Any]) -> dict[str, Any]:
    """What samples of an ensemble died of, by seed; a calibration has a number under this name."""
    failed = summary.get("failed")
    return failed if isinstance(failed, dict) else {}


def figures(folder: Path, campaign: str) -> Iterator[Figure]:
    """The figures of the top of the folder and of figures/, in the order of their captions."""
    names = [name for name, _ in contents.listed(folder, campaign) if name.endswith(".png")]
    # of a study and of a problem of one's own, whose figures have a folder
    names += sorted(f"figures/{path.name}" for path in (folder / "figures").glob("*.png"))
    for name in names:
        data = (folder / name).read_bytes()
        if size := _size(data):
            caption = contents.meaning(campaign, name) or Path(name).stem.replace("_", " ").capitalize()
            yield Figure(name, caption, *size, base64.b64encode(data).decode("ascii"))


def _size(png: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, from its first chunk; none of something else."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    # the first chunk has to be that of the size
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def tables(summary: dict[str, Any]) -> Iterator[Numbers]:
    """Numbers of a summary: single ones in one table, sections in tables of their own."""
    shown = {name: value for name, value in summary.items() if name not in _NOT_SHOWN}
    if _failed(summary):
        # told at the top
        del shown["failed"]
    if "baselines" in shown:
        errors = _errors(shown)
        yield errors
        # told there
        shown = {name: v for name, v in shown.items() if name not in (*_ERRORS, "baselines", "paper")}
    if isinstance(shown.get("best"), dict):
        yield _parameters(shown)
        shown = {name: value for name, value in shown.items() if name not in _PARAMETERS}
    if isinstance(shown.get("own_units"), dict):
        yield _in_own_units(shown["own_units"], summary.get("baselines", {}))
        shown["certificate"] = _certificate(shown)
        # the same in TPa and Å is for programs: of a plate of millimetres they are numbers with many zeros
        told = {"own_units", "nu", "delta_A", "error_bars", "moduli_TPa"}
        shown = {
            name: value
            for name, value in shown.items()
            if name not in told and not name.removesuffix("_std").endswith(("_TPa", "nu"))
        }
    known = units_beside([*shown, *(shown.get("means") or ())])
    single = [
        [with_unit(name, summary), text]
        for name, value in shown.items()
        if name not in known and (text := as_text(value))
    ]
    if single:
        yield Numbers("", [], single)
    for name, value in shown.items():
        if isinstance(value, dict) and value and name not in nested.TOLD:
            yield from _section(headed(name), value)
    # long, most of them
    yield from nested.tables(shown)


def _errors(summary: dict[str, Any]) -> Numbers:
    """Errors of a learned model beside those of what one would take instead."""
    # the same data and the same norms, but for the paper's
    models = {"learned model": summary} | summary["baselines"]
    if "paper" in summary:
        models["as published, on its own data"] = summary["paper"]
    columns = [name for name in _ERRORS if any(name in errors for errors in models.values())]

    def percent(value: Any) -> str:
        return f"{100 * value:.3g}" if isinstance(value, float) else ""

    rows = [[worded(name), *(percent(errors.get(c)) for c in columns)] for name, errors in models.items()]
    return Numbers("Relative errors (%)", ["", *map(worded, columns)], rows)


def _certificate(shown: dict[str, Any]) -> dict[str, Any]:
    """That of a model of own data, the spacing of its nodes in their unit."""
    angstrom = shown["delta_A"] / shown["own_units"]["horizon"]
    told = {}
    for name, value in shown.get("certificate", {}).items():
        if name == "spacing":
            edges = " × ".join(f"{h / angstrom:.9g}" for h in value)
            told[f"node spacing ({shown['own_units']['length_unit']})"] = edges
        # what is there for information alone looks like a certificate that failed
        elif name not in ("min_inf_sup", "inf_sup_ratio"):
            told[name] = value
    return told


def _in_own_units(values: dict[str, Any], others: dict[str, dict[str, float]]) -> Numbers:
    """Constants of a model of a user's own data, in the units of these data, with their standard errors.

    Beside them those of ``others``, which were fitted to the same samples.
    """
    length, modulus = values["length_unit"], values["modulus_unit"]
    names = {
        "E": f"Young's modulus E ({modulus})",
        "nu": "Poisson's ratio ν",
        "lambda": f"λ ({modulus})",
        "mu": f"μ ({modulus})",
        "horizon": f"horizon δ ({length})",
        "thickness": f"thickness ({length})",
        "E_thickness": f"E times the thickness ({modulus} {length})",
    }
    rows = [
        [
            words,
            with_error(values[name], values[f"{name}_std"])
            if f"{name}_std" in values
            else f"{values[name]:.5g}",
            *(f"{other[name]:.5g}" if name in other else "" for other in others.values()),
        ]
        for name, words in names.items()
        if name in values
    ]
    columns = ["", "learned model", *map(worded, others)] if others else []
    scatter = any(name.endswith("_std") for name in values)
    title = "The model, in the units of the data"
    return Numbers(f"{title} (± the scatter of the samples alone)" if scatter else title, columns, rows)


def _parameters(summary: dict[str, Any]) -> Numbers:
    """What a calibration has found, a parameter in each row."""
    columns = [name for name in _PARAMETERS if isinstance(summary.get(name), dict) and name != "units"]
    # beside the names: a column of units would be empty for most
    units = summary.get("units", {})
    rows = [
        [f"{name} ({units[name]})" if units.get(name) else name]
        + [as_text(summary[column].get(name), digits=6) for column in columns]
        for name in summary["best"]
    ]
    return Numbers("Parameters", ["", *(_PARAMETERS[column] for column in columns)], rows)


def _section(title: str, values: dict[str, Any]) -> Iterator[Numbers]:
    """A table with a row for each key, and a column for each key of what is in it."""
    # sections of sections, as baselines are, make a table with columns
    inner = [value for value in values.values() if isinstance(value, dict)]
    if inner and len(inner) == len(values):
        columns = [name for name in dict.fromkeys(key for value in inner for key in value)]
        # columns in which nothing is a number or a word are for programs
        columns = [c for c in columns if any(as_text(value.get(c)) for value in inner)]
        rows = [
            [NAMES.get(name, name), *(as_text(value.get(c)) for c in columns)]
            for name, value in values.items()
        ]
        if columns:
            yield Numbers(title, ["", *map(worded, columns)], rows)
        return
    # what stands here is often a name that the user gave
    rows = [[NAMES.get(name, name), text] for name, value in values.items() if (text := as_text(value))]
    if rows:
        yield Numbers(title, [], rows)


_UNFINISHED = "Not complete yet: 'mdbridge status' tells what is done, and the command below does the rest."
_ERRORS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test")
_PARAMETERS = {
    "best": "at the least distance",
    "estimate": "most likely",
    "intervals": "95 % interval",
    "truth": "truth",
    "error": "off by",
    "units": "",
}
