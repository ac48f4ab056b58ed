"""What 'mdbridge solve --problem' leaves behind: solution.h5, what there is to say of it, a figure."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...core import store
from ...core.files import write_json, write_text
from ...core.plots import DIVERGING, SEQUENTIAL, bare, cut_out, figure
from ...core.versions import versions
from ...fields.vtk import Field, write_mesh
from ...lps import elements, recovery
from ...lps.bodies import Equilibrium
from ...lps.geometry import Body
from .formats import BODY
from .problem_conditions import Conditions
from .problem_input import Problem
from .stored_model import Model

if TYPE_CHECKING:
    from .problem import Solution

Floats = NDArray[np.float64]

FILE = "solution.h5"
NOTES = "solution.json"
INPUT = "solution.toml"
VTK = Path("vtk") / "solution.vtu"
FIGURE = Path("figures") / "solution.png"

_TENSOR = ("xx", "yy", "xy")
_PIXELS = 500  # along the longer side of a map


def files(problem: Problem) -> tuple[str, ...]:
    """What the problem's [output] asks for."""
    asked = ((VTK, problem.output.vtk), (FIGURE, problem.output.figures))
    return (FILE, NOTES, INPUT, *(path.as_posix() for path, wanted in asked if wanted))


def write(out: Path, key: str, model: Model, problem: Problem, text: str, solution: "Solution") -> None:
    """Write all that the problem's [output] asks for into a folder.

    Args:
        text: of the problem's file.

    Raises:
        FileError: a file cannot be written.
    """
    body, conditions, result = solution.body, solution.conditions, solution.result
    matrix = elements.elasticity(result.moduli)
    strain = recovery.strains(body, result.displacement)
    stress = recovery.stresses(strain, matrix)
    length, modulus = model.length, model.modulus
    fields: dict[str, tuple[Field, str]] = {
        "displacement": (Field(result.displacement, length, ("x", "y")), "displacement"),
        "strain": (Field(strain, "1", _TENSOR), "strain, of a quadratic through the nodes around"),
        "stress": (Field(stress, modulus, _TENSOR), "stress, by the moduli of the discretised operator"),
        "energy_density": (
            Field(recovery.energy_density(strain, stress), modulus),
            "half of stress times strain",
        ),
        "reaction": (
            Field(result.reaction, force_unit(model), ("x", "y")),
            "force of the support on the node, where a displacement is given: add them up",
        ),
        "residual": (
            Field(result.residual, f"{modulus}/{length}", ("x", "y")),
            "force per area that is left over; less the reaction over the node's area, where a displacement "
            "is given",
        ),
    }
    # nodes from a file go back in the file's order
    order = np.arange(len(body.points)) if body.order is None else np.argsort(body.order)
    with store.writing(out / FILE, BODY, key) as file:
        file.attributes(wall_s=solution.wall, min_operator=solution.lowest, **_facts(result))
        file.attributes(length_unit=length, modulus_unit=modulus)
        file.numbered("node", len(body.points), "number of the node")
        file.dimension("axis", ["x", "y"], "1", "direction")
        file.dimension("component", list(_TENSOR), "1", "component of a symmetric tensor")
        file.put("nodes", body.points[order], ("node", "axis"), length, "places of the nodes")
        for name, (field, words) in fields.items():
            dims = {0: (), 2: ("axis",), 3: ("component",)}[len(field.components)]
            file.put(name, field.values[order], ("node", *dims), field.units, words)
        given = np.isfinite(conditions.displacement)
        file.put("area", result.areas[order], ("node",), f"{length}2", "area that the node stands for")
        file.put("given", given[order], ("node", "axis"), "1", "whether the displacement was given")
        file.put("nonlocal", result.nonlocal_nodes[order], ("node",), "1", "whether L is its row")
    forces = {
        "supports": supports(conditions, result),
        "out_of_balance": out_of_balance(conditions, result),
    }
    units = {"length_unit": length, "modulus_unit": modulus}
    notes = {"nodes": len(body.points), **_facts(result), **forces, **units, "notes": list(solution.notes)}
    write_json(out / NOTES, notes | {"versions": versions()})
    write_text(out / INPUT, text)
    if problem.output.vtk:
        # in the mesh's own order: what a viewer shows goes by places
        cells = [body.triangles, body.quads]
        write_mesh(out / VTK, body.points, cells, {name: field for name, (field, _) in fields.items()})
    if problem.output.figures:
        _draw(out / FIGURE, body, model, result.displacement, stress)


def _facts(result: Equilibrium) -> dict[str, Any]:
    facts: dict[str, Any] = {name: value for name, value in result.moduli.items()}
    return facts | {
        "iterations": result.iterations,
        "relative_residual": result.relative_residual,
        "nonlocal_share": float(result.nonlocal_nodes.mean()),
        "free_motions": [motion.description for motion in result.motions] or "none",
        "unbalanced": result.unbalanced,
    }


def force_unit(model: Model) -> str:
    """Of forces per thickness."""
    return f"{model.modulus} {model.length}"


def supports(conditions: Conditions, result: Equilibrium) -> dict[str, list[float]]:
    """The force, x and y, with which each boundary that gives displacements holds the body.

    What is below a millionth of all forces is what the solver left, and none.
    """
    least = 1e-6 * float(np.abs(result.reaction).sum())
    forces = {}
    for number, label in enumerate(conditions.labels, 1):
        held = conditions.held_by == number
        if held.any():
            total = (result.reaction * held).sum(axis=0)
            forces[label] = [0.0 if abs(part) < least else float(part) for part in total]
    return forces


def out_of_balance(conditions: Conditions, result: Equilibrium) -> float:
    """The resultant of all internal forces, as a share of half of the sum of loads' and supports' magnitudes.

    With supports it is what these and the loads lack to be in balance.  Rows of two kinds side by side are in
    balance as far as the field is smooth over a horizon.  What is below 1e-8, or within what the solver
    leaves of the forces of a displacement as large as this one, is none: a rigid motion has no others.
    """
    loads = result.areas[:, None] * conditions.body_load + conditions.facet_load
    gross = float(np.hypot(*loads.T).sum() + np.hypot(*result.reaction.T).sum()) / 2
    # what is left over at supports is their reaction, reversed; in a free body it spreads over all nodes
    rest = float(np.hypot(*(loads - result.areas[:, None] * result.residual).sum(axis=0)))
    stiffness = result.moduli["C11"] * float(np.abs(result.displacement).max(initial=0.0))
    left = 10 * result.relative_residual * np.sqrt(len(loads)) * stiffness
    return rest / gross if rest > max(1e-8 * gross, left) else 0.0


def boundary(body: Body) -> list[Floats]:
    """Outlines and holes of a body, each ``(n, 2)`` and closed, the body on its left."""
    following: dict[int, list[int]] = {}
    for start, end in body.facets.tolist():
        following.setdefault(start, []).append(end)
    pieces = []
    while following:
        start = at = next(iter(following))
        loop = [start]
        # a node at which two loops touch has two ways on, either of which comes back
        while at in following:
            ends = following[at]
            at_next = ends.pop()
            if not ends:
                del following[at]
            at = at_next
            loop.append(at)
        pieces.append(body.points[loop])
    return pieces


def _draw(path: Path, body: Body, model: Model, u: Floats, stress: Floats) -> None:
    """Maps of both displacements, the stresses and the stress of von Mises' plane form."""
    low, high = body.points.min(axis=0), body.points.max(axis=0)
    step = float((high - low).max()) / _PIXELS
    axes_of = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*axes_of), axis=-1)
    # each pixel shows the nearest node: a million nodes cost no more than a thousand
    _, nearest = cKDTree(body.points).query(places.reshape(-1, 2))
    # with no stress across the plane
    xx, yy, xy = stress.T
    mises = np.sqrt(xx**2 - xx * yy + yy**2 + 3 * xy**2)
    maps = {
        f"$u_x$ ({model.length})": (u[:, 0], DIVERGING),
        f"$u_y$ ({model.length})": (u[:, 1], DIVERGING),
        f"von Mises stress ({model.modulus})": (mises, SEQUENTIAL),
        f"$\\sigma_{{xx}}$ ({model.modulus})": (xx, DIVERGING),
        f"$\\sigma_{{yy}}$ ({model.modulus})": (yy, DIVERGING),
        f"$\\sigma_{{xy}}$ ({model.modulus})": (xy, DIVERGING),
    }
    extent = (low[0], axes_of[0][-1], low[1], axes_of[1][-1])
    # panels of the body's own shape, with room for a title and the numbers of an axis
    ratio = float(np.clip((high - low)[1] / (high - low)[0], 0.15, 2.0))
    with figure(path, 9.6, 2 * (2.3 * ratio + 0.9), nrows=2, ncols=3) as (fig, axes):
        edges = boundary(body)
        for axis, (title, (values, colours)) in zip(axes.ravel(), maps.items(), strict=True):
            image = values[np.asarray(nearest)].reshape(places.shape[:2])
            # a field that vanishes needs a scale, too
            limit = float(np.abs(values).max()) or 1.0
            lower = -limit if colours == DIVERGING else 0.0
            shown = axis.imshow(image, origin="lower", extent=extent, cmap=colours, vmin=lower, vmax=limit)
            # pixels know nothing of where the body ends
            cut_out(shown, edges)
            axis.set_title(title)
            bare(axis)
            axis.set_xlabel(f"x ({model.length})")
            axis.set_ylabel(f"y ({model.length})")
            bar = fig.colorbar(shown, cax=axis.inset_axes((1.03, 0.0, 0.045, 1.0)))
            # strains of crystals and stresses of rubber alike: powers of ten apart from the digits
            bar.formatter.set_powerlimits((-2, 3))
