"""Bodies of one's own, in equilibrium with a learned model: 'mdbridge solve --problem'."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from ...core import arrays, parallel, stages
from ...core.config import load
from ...core.console import console
from ...core.errors import InputError
from ...core.identity import Identity, contents
from ...core.workspace import Workspace, claim_again
from ...lps import bodies, elements, geometry
from ...lps.geometry import Body
from . import problem_output
from .problem_input import FREE, PLACE, SIDE, Boundary, Problem, formula, spacing_of
from .stored_model import Model, check_spacing, read_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# of the body's size: what lies on its left, right, lower or upper side
_ON_SIDE = 1e-6


@dataclass(frozen=True)
class Conditions:
    """A problem on the nodes of its body; all arrays ``n x 2``, displacements NaN where they are free."""

    displacement: Floats
    body_load: Floats
    facet_load: Floats


@dataclass(frozen=True)
class Solution:
    """A solved problem.

    Attributes:
        lowest: smallest energy of a wave on the nodes, over κ²: its certificate; NaN on scattered nodes.
        wall: seconds that it took.
    """

    body: Body
    conditions: Conditions
    result: bodies.Equilibrium
    lowest: float
    wall: float


def solve(
    comm: MPI.Comm,
    campaign: ModuleType,
    source: Path,
    problem_path: Path,
    out: Path,
    overrides: Sequence[str],
) -> None:
    """Solve the problem of a file with the model in ``out``; write solution.h5 there (collective).

    Args:
        campaign: the stages of the campaign of the input ``source``.

    Raises:
        InputError: anything about the problem, named.
        FileError: no model of this input there.
        SolvabilityError, ConvergenceError: as :func:`mdbridge.lps.bodies.solve_body`.
    """
    stack = contextlib.ExitStack()
    workspace = Workspace(out, getattr(campaign, "CAMPAIGN", ""))

    def enter() -> tuple[Problem, Model, Identity]:
        problem = load(problem_path, Problem)
        model = read_model(campaign, source, out, overrides)
        stack.enter_context(claim_again(workspace))
        return problem, model, _identity(problem, problem_path.parent, model, workspace)

    with stack:
        problem, model, identity = parallel.on_root(comm, enter)

        def work(folder: Path) -> None:
            solution = _solved(comm, problem, problem_path.parent, model)
            parallel.on_root(
                comm, lambda: problem_output.write(folder, identity.key, model, problem, solution)
            )

        files = problem_output.files(problem)
        stages.make(comm, workspace, stages.Product("problem", identity, files, work))
        console(comm).print(f"the solution is {out / problem_output.FILE}", soft_wrap=True, markup=False)


def _identity(problem: Problem, folder: Path, model: Model, workspace: Workspace) -> Identity:
    """What a solution is made from: the problem, the files that it names, and the model."""
    given = {"domain.nodes": problem.domain.nodes}
    if isinstance(problem.load.body, str):
        given["load.body"] = problem.load.body
    files = {key: contents(folder / name) for key, name in given.items() if name is not None}
    # another model, by whatever hand, is another material; where it is ours, its solutions go with it
    owner = workspace.owner("model.json")
    return Identity.of(
        "problem",
        problem,
        list(Problem.model_fields),
        files=files | {"model.json": model.key},
        after={} if owner is None else {"model": owner.key},
    )


def _solved(comm: MPI.Comm, problem: Problem, folder: Path, model: Model) -> Solution:
    """The solution of a problem whose files lie in ``folder`` (collective)."""
    say = console(comm).print
    start = time.monotonic()
    body = parallel.agreed(comm, lambda: make_body(problem, model, folder))
    lowest, remark = parallel.agreed(comm, lambda: check_body(body, model))
    conditions = parallel.agreed(comm, lambda: make_conditions(problem, body, folder))
    for line in remark:
        say(f"note: {line}", soft_wrap=True, markup=False)
    say(
        f"{len(body.points)} nodes, {int(body.parts.max()) + 1} bodies, mesh in "
        f"{time.monotonic() - start:.1f} s"
    )
    result = bodies.solve_body(
        comm,
        body,
        model.material,
        displacement=conditions.displacement,
        body_load=conditions.body_load,
        facet_load=conditions.facet_load,
        rtol=problem.solve.relative_tolerance,
        max_iterations=problem.solve.max_iterations,
    )
    for line in remarks(body, model, result):
        say(f"note: {line}", soft_wrap=True, markup=False)
    wall = time.monotonic() - start
    say(
        f"solved in {result.iterations} iterations, {wall:.1f} s, relative residual "
        f"{result.relative_residual:.1e}"
    )
    return Solution(body, conditions, result, lowest, wall)


def make_body(problem: Problem, model: Model, folder: Path) -> Body:
    """The nodes and the mesh.

    Args:
        folder: of the problem's file, which names of files are relative to.

    Raises:
        InputError, FileError: as :func:`.geometry.fill` and :func:`.geometry.join`.
    """
    domain, horizon = problem.domain, model.material.influence.horizon
    if domain.nodes is not None:
        points = _array(folder / domain.nodes, "nodes", None)
        return geometry.join(points, 2 * horizon + 4 * _typical(points))
    if domain.spacing is None and not model.spacings:
        raise InputError("key 'domain.spacing' is missing: the model does not say which nodes it is for")
    spacing = spacing_of(domain, model.spacings[0] if model.spacings else [])
    # a circle is the polygon through nodes on it: of an area that is too small by O(h²)
    loops = [geometry.Loop(np.array(polygon, dtype=float)) for polygon in domain.outlines]
    if domain.disc is not None:
        loops.append(geometry.disc(domain.disc.centre, domain.disc.radius, min(spacing)))
    for hole in domain.holes:
        if isinstance(hole, list):
            loops.append(geometry.Loop(np.array(hole, dtype=float), geometry.HOLE))
        else:
            loops.append(geometry.disc(hole.centre, hole.radius, min(spacing), geometry.HOLE))
    return geometry.fill(loops, spacing, 2 * horizon + 2 * max(spacing))


def check_body(body: Body, model: Model) -> tuple[float, list[str]]:
    """The smallest energy of a wave on the body's nodes, and what there is to say of the model on them.

    Raises:
        SolvabilityError, InputError: as :func:`.stored_model.check_spacing`.
    """
    if body.lattice is None:
        # no zone of a grid tells: rows without a positive diagonal and a solver that fails do
        return np.nan, []
    lowest, remark = check_spacing(model, body.lattice.spacing.tolist())
    shown = f"the smallest energy of a wave on these nodes is {lowest / model.material.lame_mu:.2g} of μ κ²"
    return lowest, [line for line in (remark, shown) if line]


def make_conditions(problem: Problem, body: Body, folder: Path) -> Conditions:
    """Loads and given displacements on the body's nodes.

    Raises:
        InputError: a boundary names nothing, or contradicts another; a formula has no finite value.
    """
    # NaN is free: zero is a displacement like any other
    displacement = np.full(body.points.shape, np.nan)
    facet_load = np.zeros(body.points.shape)
    # 0: no entry, as they are numbered from 1
    loaded = np.zeros(len(body.facets), dtype=int)
    for number, entry in enumerate(problem.boundary, 1):
        label = f"boundary {number} ({entry.edge or entry.where})"
        if entry.displacement is not None:
            _give(displacement, entry, body, label)
            continue
        facets = _facets(entry, body, label)
        twice = loaded[facets] > 0
        if twice.any():
            raise InputError(
                f"{label}: boundary {loaded[facets][twice][0]} gives a traction on the same edge"
            )
        # known by the entry's number, which a second one is told
        loaded[facets] = number
        traction = entry.traction
        assert traction is not None
        # of the outward normal, too: so a pressure needs no knowledge of the edge's shape
        parts = [formula(value, SIDE, f"{label}: traction") for value in traction]

        def at(places: Floats, normals: Floats, parts: Sequence[Any] = parts) -> Floats:
            values = dict(zip(SIDE, (*places.T, *normals.T), strict=True))
            return np.stack([part(values) for part in parts], axis=1)

        facet_load += elements.facet_loads(body, facets, at)
    return Conditions(displacement, _body_load(problem, body, folder), facet_load)


def remarks(body: Body, model: Model, result: bodies.Equilibrium) -> list[str]:
    """What a reader of the solution should know."""
    lines = []
    if result.motions:
        listed = "; ".join(motion.description for motion in result.motions)
        lines.append(
            f"nothing prevents rigid motions ({listed}); the loads are in balance, and the solution is that "
            "without them on average"
        )
    if result.unbalanced > 1e-8:
        lines.append(
            f"{result.unbalanced:.1e} of the loads were not in balance and were taken out, as accelerations"
        )
    # a learned function is that of the bulk: a reader must know how much of the body obeys it
    share = float(result.nonlocal_nodes.mean())
    reach = 2 * model.material.influence.horizon
    lines.append(
        f"{share:.0%} of the nodes are farther than 2δ = {reach:.4g} {model.length} from all boundaries "
        "and obey the "
        "nonlocal operator; the others linear elasticity with its moduli"
    )
    return lines


def _give(displacement: Floats, entry: Boundary, body: Body, label: str) -> None:
    assert entry.displacement is not None
    values = dict(zip(PLACE, body.points.T, strict=True))
    if entry.where is None:
        nodes = np.unique(body.facets[_facets(entry, body, label)])
    else:
        nodes = np.flatnonzero(formula(entry.where, PLACE, f"{label}: where").holds(values))
        if not len(nodes):
            raise InputError(f"{label}: no node is there; the body extends over {_extent(body)}")
    for axis, component in enumerate(entry.displacement):
        if component == FREE:
            continue
        given = formula(component, PLACE, f"{label}: displacement")({k: v[nodes] for k, v in values.items()})
        # two edges may share a corner, as long as they agree there
        before = displacement[nodes, axis]
        scale = max(np.abs(given).max(), np.nanmax(np.abs(before), initial=0.0))
        if np.any(np.abs(before - given) > 1e-9 * scale):
            raise InputError(f"{label}: another boundary gives other displacements along {PLACE[axis]} there")
        displacement[nodes, axis] = given


def _facets(entry: Boundary, body: Body, label: str) -> Ints:
    """Pieces of the boundary that an entry is about."""
    ends = body.points[body.facets]
    low, high = body.points.min(axis=0), body.points.max(axis=0)
    near = _ON_SIDE * float((high - low).max())
    sides = {"left": (0, low[0]), "right": (0, high[0]), "bottom": (1, low[1]), "top": (1, high[1])}
    if entry.where is not None:
        middle = ends.mean(axis=1)
        condition = formula(entry.where, PLACE, f"{label}: where")
        chosen = condition.holds(dict(zip(PLACE, middle.T, strict=True)))
    elif entry.edge in sides:
        axis, place = sides[entry.edge]
        chosen = (np.abs(ends[:, :, axis] - place) < near).all(axis=1)
    else:
        chosen = body.facet_kind == entry.edge
    if not chosen.any():
        raise InputError(
            f"{label}: no piece of the boundary is there; the body extends over {_extent(body)}, and has "
            f"{'holes' if (body.facet_kind == geometry.HOLE).any() else 'no holes'}; left, right, top and "
            "bottom are "
            "straight sides: use where for parts of others"
        )
    return np.flatnonzero(chosen)


def _body_load(problem: Problem, body: Body, folder: Path) -> Floats:
    given = problem.load.body
    if isinstance(given, list):
        parts = [formula(part, PLACE, "'load.body'") for part in given]

        def at(places: Floats) -> Floats:
            values = dict(zip(PLACE, places.T, strict=True))
            return np.stack([part(values) for part in parts], axis=1)

        # a load may jump between nodes
        return elements.node_means(body, at)
    path = folder / given
    stored = arrays.read(path)
    loads = _array(path, "b", stored)
    if "nodes" not in stored:
        if body.order is None or len(loads) != len(body.points):
            raise InputError(
                f"{path}: {len(loads)} loads without 'nodes' for a body of {len(body.points)} nodes; add "
                "an array "
                "'nodes' (n × 2) with their places"
            )
        # the body has its nodes row by row
        return loads[body.order]
    # between the file's nodes linearly, and nowhere beyond: extrapolated loads would be made up
    nodes = _array(path, "nodes", stored)
    if len(nodes) != len(loads):
        raise InputError(f"{path}: {len(nodes)} nodes, but {len(loads)} loads")
    between = np.asarray(LinearNDInterpolator(nodes, loads)(body.points))
    if not np.isfinite(between).all():
        x, y = body.points[int(np.flatnonzero(~np.isfinite(between).all(axis=1))[0])]
        raise InputError(f"{path}: its nodes do not surround the body's node at ({x:g}, {y:g})")
    return between


def _array(path: Path, name: str, stored: dict[str, Floats] | None) -> Floats:
    """An array ``(n, 2)`` of a file; the only one where there is no other."""
    stored = arrays.read(path) if stored is None else stored
    values = stored.get(name, next(iter(stored.values())) if len(stored) == 1 else None)
    if values is None or values.ndim != 2 or values.shape[1] != 2:
        shapes = ", ".join(f"{key} {value.shape}" for key, value in stored.items())
        raise InputError(f"{path}: expected an array {name!r} of shape (n, 2); it has {shapes}")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(f"{path}: row {row} of {name!r} is not finite")
    return values


def _typical(points: Floats) -> float:
    """A node spacing, roughly: of nodes that fill their bounding box."""
    return float(np.sqrt(np.ptp(points, axis=0).prod() / len(points)))


def _extent(body: Body) -> str:
    (x1, y1), (x2, y2) = body.points.min(axis=0), body.points.max(axis=0)
    return f"x = {x1:g} … {x2:g}, y = {y1:g} … {y2:g}"
