"""What the stages of a campaign leave behind, and solutions.h5."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...core.files import read_json
from ...fields.fieldset import FieldSet
from ...fields.storage import get_fields
from ...lps.material import LinearPeridynamicSolid
from .formats import DATASET, SOLUTIONS
from .input import GrapheneInput
from .problems import Solved
from .published import beside

Array = NDArray[np.float64]

# one load of each split to show
SHOWN = {"train": "train-x-2-1", "val": "val-01", "test": "test-1"}


@dataclass(frozen=True)
class Results:
    """Everything that the stages left behind.

    Attributes:
        baselines: errors of models that need no learned kernel, by name, see :mod:`.baselines`.
        crystal: its name, for people.
        paper: the paper's row of the same system, where there is one.
    """

    fields: dict[str, FieldSet]
    solved: dict[str, Solved]
    baselines: dict[str, dict[str, float]]
    md: dict[str, float]
    dynamics: dict[str, Any] | None
    model: dict[str, Any]
    material: LinearPeridynamicSolid
    wall: dict[str, float]
    temperature: float
    crystal: str
    paper: Mapping[str, float] | None


def write_solutions(path: Path, key: str, solved: Mapping[str, Solved], wall: float) -> str:
    """Write solutions.h5; returns its SHA-256.

    Args:
        key: hash of what they were made from.
        solved: by split.
        wall: seconds that it took.

    Raises:
        FileError: it cannot be written.
    """
    with store.writing(path, SOLUTIONS, key) as file:
        file.attributes(wall_s=wall)
        for name, solution in solved.items():
            group = file.group(name)
            group.numbered("sample", len(solution.u), "number of the load, as in the dataset")
            group.numbered("node", solution.u.shape[1], "number of the node, as in the dataset")
            group.dimension("axis", ["x", "y"], "1", "direction")
            group.put("u", solution.u, ("sample", "node", "axis"), "angstrom", "displacement")
            group.put("inside", solution.inside, ("node",), "1", "whether errors are taken at the node")
            group.put("E_u", solution.E_u, ("sample",), "1", "relative error of the displacement")
            # no load inside the disc: its error is absolute
            unit = "TPa/angstrom" if name == "test" else "1"
            group.put("E_res", solution.E_res, ("sample",), unit, "error of the load")
            group.put("iterations", solution.iterations, ("sample",), "1", "iterations of the solver")
    return file.sha256


def read_solutions(path: Path, nodes: Mapping[str, int]) -> tuple[dict[str, Solved], float]:
    """The solutions of the splits that ``nodes`` has the number of nodes of, and the seconds they took.

    Raises:
        FileError: the file is missing, damaged, or does not fit the nodes.
    """
    with store.reading(path, SOLUTIONS) as file:
        groups = {split: (file.group(split), count) for split, count in nodes.items()}
        solved = {
            split: Solved(
                u=group.get("u", "angstrom", (None, count, 2)),
                inside=group.flags("inside", (count,)),
                E_u=group.get("E_u", "1"),
                E_res=group.get("E_res"),
                iterations=group.integers("iterations"),
            )
            for split, (group, count) in groups.items()
        }
        return solved, file.attribute("wall_s", float)


def gather(dataset: Path, model: Path, solutions: Path, baselines: Path, config: GrapheneInput) -> Results:
    """Read the four files of the campaign with the input ``config``.

    Raises:
        FileError: one is missing, damaged or of another origin.
    """
    stored, variant = read_json(model), config.learn.variant
    with store.reading(dataset, DATASET) as file:
        group = file.group(f"variants/{variant}") if variant else file
        fields = {name: get_fields(group, name) for name in SHOWN}
        known = file.attributes()
        md = {k.removeprefix("md_"): float(v) for k, v in known.items() if k.startswith("md_")}
        dynamics = _dynamics(file.group("dynamics")) if "dynamics" in file else None
        wall = {"sample": file.attribute("wall_s", float)}
        temperature = float(known.get("temperature_K", 0.0))
    # by the dataset's number of nodes: solutions of another one are refused
    solved, seconds = read_solutions(solutions, {split: len(fields[split].nodes) for split in SHOWN})
    wall |= {"learn": float(stored["wall_s"]), "solve": seconds}
    material = LinearPeridynamicSolid.from_dict(stored, str(model))
    return Results(
        fields,
        solved,
        read_json(baselines),
        md,
        dynamics,
        stored,
        material,
        wall,
        temperature,
        config.md.crystal,
        beside(config),
    )


def _dynamics(group: store.Reader) -> dict[str, Any]:
    names = ("u_zero", "u_raw", "u_filtered")
    return group.attributes() | {name: group.get(name, "angstrom", (None, 2)) for name in names}
