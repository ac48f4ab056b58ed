"""Bodies of one's own, in equilibrium with a learned model: 'mdbridge solve --problem'."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...core import demand, memory, parallel, stages
from ...core.config import load
from ...core.console import console
from ...core.errors import ConvergenceError, InputError
from ...core.identity import Identity, contents
from ...core.workspace import Workspace, claim_again, told
from ...lps import bodies, coupling, geometry
from ...lps.geometry import Body
from . import problem_output
from .problem_conditions import Conditions, make_conditions, pairs_of
from .problem_input import Domain, Problem, spacing_of
from .stored_model import Model, check_points, check_spacing, read_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# node spacings on a hole's radius: the factor at its edge is off by 3 % with 8 of them
_RESOLVED = 6.0
# of μ κ²: below it short waves are hardly held
_SOFT = 0.05
# of all forces, out of balance: measured below 1e-2 where loads are smooth over a horizon; for a point load
# beside the local rows displacements are off by the same share (0.02, 0.13, 0.65: by 2, 10, 104 %)
_TOLD, _REFUSED = 0.01, 0.1
# node spacings: local rows bend a plate t thick 1 + 3/t² times too stiffly, 1.04 times at 7
_THIN, _EXCESS = 6.0, 3.0
# node spacings from the next node that lies deeper than in a thin plate: beyond corners of 45° and more
_BESIDE = 8.0
# λ/μ: above it local rows are too stiff also in plates that are not thin
_INCOMPRESSIBLE = 10.0
# of λ/μ, over t²: by how much, measured 0.18 to 0.21 at λ/μ = 100 and t = 10, 20
_LOCKING = 0.2
# measured: 3 kB on one rank, 3.6 on two together, at a million nodes
_BYTES_PER_NODE = 3600.0


@dataclass(frozen=True)
class Solution:
    """A solved problem.

    Attributes:
        lowest: smallest energy of a wave on the nodes, over κ²: its certificate; see :func:`check_body`.
        wall: seconds that it took.
        notes: what a reader of it should know.
    """

    body: Body
    conditions: Conditions
    result: bodies.Equilibrium
    lowest: float
    wall: float
    notes: Sequence[str] = ()


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
    # of the input's section [solve] nothing is used here: it would be dropped without a word
    for key in (text for text in overrides if text.partition("=")[0].split(".")[0].strip() == "solve"):
        raise InputError(
            f"--set {key}: is of the problems of the input {source}; that of {problem_path} has a section "
            "[solve] of its own: set it there"
        )

    def enter() -> tuple[Problem, str, Model, Identity]:
        problem, text = load(problem_path, Problem), problem_path.read_text(encoding="utf-8-sig")
        model = read_model(campaign, source, out, overrides)
        stack.enter_context(claim_again(workspace, told(comm, problem_path, overrides)))
        return problem, text, model, _identity(problem, problem_path.parent, model, workspace)

    with stack:
        problem, text, model, identity = parallel.on_root(comm, enter)

        def work(folder: Path) -> None:
            solution = _solved(comm, problem, problem_path.parent, model)
            parallel.on_root(
                comm, lambda: problem_output.write(folder, identity.key, model, problem, text, solution)
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
    parts = int(body.parts.max()) + 1
    bodies_there = "1 body" if parts == 1 else f"{parts} bodies"
    say(f"{len(body.points)} nodes, {bodies_there}, mesh in {time.monotonic() - start:.1f} s")
    try:
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
    except ConvergenceError as error:
        stiff = "" if body.lattice is None else check_spacing(model, body.lattice.spacing.tolist())[1]
        reasons = [str(error), stiff, *_nearly_incompressible(model)]
        raise ConvergenceError("; ".join(filter(None, reasons))) from error
    doubt = parallel.agreed(comm, lambda: _balance(body, model, conditions, result))
    notes = [*remarks(problem, body, model, result), *_forces(model, conditions, result), *doubt]
    for line in notes:
        say(f"note: {line}", soft_wrap=True, markup=False)
    wall = time.monotonic() - start
    say(
        f"solved in {result.iterations} iterations, {wall:.1f} s, relative residual "
        f"{result.relative_residual:.1e}"
    )
    return Solution(body, conditions, result, lowest, wall, [*remark, *notes])


def make_body(problem: Problem, model: Model, folder: Path) -> Body:
    """The nodes and the mesh.

    Args:
        folder: of the problem's file, which names of files are relative to.

    Raises:
        InputError, FileError: as :func:`.geometry.fill` and :func:`.geometry.join`.
    """
    domain, horizon = problem.domain, model.material.influence.horizon
    if domain.nodes is not None:
        points = pairs_of(folder / domain.nodes, "nodes", None)
        return geometry.join(points, 2 * horizon + 4 * _typical(points))
    if domain.spacing is None and not model.spacings:
        raise InputError("key 'domain.spacing' is missing: the model does not say which nodes it is for")
    spacing = spacing_of(domain, model.spacings[0] if model.spacings else [])
    _require_room(domain, spacing, model.length)
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


def _require_room(domain: Domain, spacing: list[float], unit: str) -> None:
    """Refuse more nodes than the machine has memory for, before any of them is made."""
    # the lattice is made in the bounding box, and cut
    corners = np.array([corner for polygon in domain.outlines for corner in polygon], dtype=float)
    if domain.disc is not None:
        corners = np.array(domain.disc.centre) + domain.disc.radius * np.array([[-1.0, -1.0], [1.0, 1.0]])
    nodes = float(np.prod(np.ptp(corners, axis=0) / spacing + 1))
    most = memory.available() / _BYTES_PER_NODE
    coarser = " × ".join(f"{h * np.sqrt(nodes / most):.3g}" for h in spacing)
    demand.require_memory(
        _BYTES_PER_NODE * nodes,
        f"a body of about {nodes:.2g} nodes",
        f"'domain.spacing' of {coarser} {unit} would do",
    )
    for hole in domain.holes:
        # a polygon through nodes on its edge, wherever the body ends
        if not isinstance(hole, list):
            edge = demand.count(2 * np.pi, hole.radius, 1 / min(spacing))
            demand.require_memory(
                _BYTES_PER_NODE * edge, f"a hole of radius {hole.radius:g}", "it is larger than the body"
            )


def check_body(body: Body, model: Model) -> tuple[float, list[str]]:
    """The smallest energy of a wave on the body's nodes, and what there is to say of the model on them.

    On scattered nodes it is that of a patch of some of them; infinite where no node has whole families.

    Raises:
        SolvabilityError, InputError: as :func:`.stored_model.check_spacing` and ``check_points``.
    """
    if body.lattice is None:
        lowest, shown = check_points(model, body)
        return lowest, [shown]
    lowest, remark = check_spacing(model, body.lattice.spacing.tolist())
    share = lowest / model.material.lame_mu
    shown = f"solvable on these nodes: the smallest energy of any wave is {share:.2g} times μ κ²"
    if share < _SOFT:
        shown += "; so soft a wave answers loads that are rough over a few nodes far more than a solid would"
    return lowest, [line for line in (remark, shown) if line]


def remarks(problem: Problem, body: Body, model: Model, result: bodies.Equilibrium) -> list[str]:
    """What a reader of the solution should know."""
    lines = []
    if result.motions:
        listed = "; ".join(motion.description for motion in result.motions)
        lines.append(
            f"nothing prevents rigid motions ({listed}); the loads are in balance, and the solution is that "
            "without them on average"
        )
    lines += [
        *_coarse_holes(problem, body),
        *_thin(body, model, result.areas),
        *_nearly_incompressible(model),
    ]
    if result.unbalanced > 1e-8:
        lines.append(
            f"{result.unbalanced:.1e} of the loads were not in balance and were taken out, as accelerations"
        )
    # a learned function is that of the bulk: a reader must know how much of the body obeys it
    share = float(result.nonlocal_nodes.mean())
    reach = coupling.reach(body, model.material.influence.horizon)
    beside = np.setdiff1d(np.flatnonzero(body.depth == 0), body.facets)
    gaps = " and from places of their lattice without a node" if len(beside) else ""
    lines.append(
        f"{share:.0%} of the nodes are farther than {reach:.4g} {model.length} (2δ and 1.1 node spacings) "
        f"from all boundaries{gaps} and obey the nonlocal operator; the others linear elasticity with its "
        "moduli"
    )
    return lines


def _forces(model: Model, conditions: Conditions, result: bodies.Equilibrium) -> list[str]:
    """With which forces the body is held, and how far they are from those that pull at it."""
    held = problem_output.supports(conditions, result)
    if not held:
        return []
    shown = "; ".join(f"{label} ({x:.5g}, {y:.5g})" for label, (x, y) in held.items())
    rest = problem_output.out_of_balance(conditions, result)
    unit = problem_output.force_unit(model)
    balance = f"out of balance by {rest:.0e} of them" if rest else "in balance"
    return [f"forces of the supports on the body ({unit}): {shown}; with the loads {balance}"]


def _balance(body: Body, model: Model, conditions: Conditions, result: bodies.Equilibrium) -> list[str]:
    """What there is to say of forces that are out of balance.

    Raises:
        InputError: by so much that it is no equilibrium.
    """
    rest = problem_output.out_of_balance(conditions, result)
    if rest <= _TOLD:
        return []
    reach = coupling.reach(body, model.material.influence.horizon)
    reason = (
        f"the forces on the body are out of balance by {rest:.0%} of them, and displacements are off by "
        "about as much: loads or given displacements vary within a few nodes where rows of both kinds meet "
        f"({reach:.4g} {model.length} from boundaries), which together are in balance as far as fields are "
        f"smooth over the horizon of {model.material.influence.horizon:.4g} {model.length}; spread "
        "'load.body' or the boundary's 'displacement' over that length, or keep it that far from there"
    )
    if rest > _REFUSED:
        raise InputError(f"no solution: {reason}")
    return [reason]


def _coarse_holes(problem: Problem, body: Body) -> list[str]:
    radii = [hole.radius for hole in problem.domain.holes if not isinstance(hole, list)]
    coarse = [radius for radius in radii if radius < _RESOLVED * body.spacing]
    if not coarse:
        return []
    return [
        f"{len(coarse)} holes, the smallest of radius {min(coarse):g}, have fewer than {_RESOLVED:g} node "
        "spacings on a radius: stresses at their edges are not resolved"
    ]


def _thin(body: Body, model: Model, areas: Floats) -> list[str]:
    """Of members so thin that the local rows bend them too little; ``areas`` ``(n,)`` are those of nodes."""
    h = body.spacing
    shallow = body.depth <= (_THIN / 2 + 1e-6) * h
    # what is deeper begins within a few spacings: of a large body these are few of its nodes
    core = body.points[~shallow & (body.depth < (_THIN / 2 + 2) * h)]
    thin = shallow.copy()
    if len(core):
        away = np.asarray(cKDTree(core).query(body.points[shallow], distance_upper_bound=_BESIDE * h)[0])
        thin[shallow] = ~np.isfinite(away)
    start, end = (body.points[body.facets[thin[body.facets].all(axis=1), k]] for k in range(2))
    if not len(start):
        return []
    # of the rectangle with this area and boundary
    quarter, area = float(np.hypot(*(end - start).T).sum()) / 4, float(areas[thin].sum())
    thickness = quarter - float(np.sqrt(max(quarter**2 - area, 0.0)))
    bends = 1 / (1 + _EXCESS * (h / thickness) ** 2)
    return [
        f"{thin.mean():.0%} of the nodes are in members {thickness:.3g} {model.length} ({thickness / h:.2g} "
        "node spacings) thick on average: where such a member bends it is too stiff, and comes to about "
        f"{bends:.0%} of its deflection (tension is exact); a finer 'domain.spacing', with a model for it, "
        f"helps: more than {_THIN:g} spacings over the thickness"
    ]


def _nearly_incompressible(model: Model) -> list[str]:
    ratio = model.material.lame_lambda / model.material.lame_mu
    if ratio <= _INCOMPRESSIBLE:
        return []
    return [
        f"λ/μ = {ratio:.3g}, nearly incompressible in the plane: rows of linear elasticity are too stiff "
        f"where strains vary, in bending by about {_LOCKING * ratio:.2g}/t² for a plate t node spacings "
        "thick, and problems may not converge; a finer 'domain.spacing', with a model for it, helps"
    ]


def _typical(points: Floats) -> float:
    """A node spacing, roughly: of nodes that fill their bounding box."""
    return float(np.sqrt(np.ptp(points, axis=0).prod() / len(points)))
