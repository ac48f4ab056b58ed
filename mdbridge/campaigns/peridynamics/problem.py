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

from ...core import demand, memory, parallel, stages
from ...core.config import load
from ...core.console import console
from ...core.errors import ConvergenceError, InputError
from ...core.identity import Identity, contents
from ...core.workspace import Workspace, claim_again, told
from ...lps import bodies, geometry
from ...lps.geometry import Body
from . import problem_output, problem_remarks
from .problem_conditions import Conditions, make_conditions, pairs_of
from .problem_input import Domain, Problem, spacing_of
from .stored_model import Model, check_points, check_spacing, read_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# of μ κ²: below it short waves are hardly held
_SOFT = 0.05
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
        reasons = [str(error), stiff, *problem_remarks.nearly_incompressible(model)]
        raise ConvergenceError("; ".join(filter(None, reasons))) from error
    doubt = parallel.agreed(comm, lambda: problem_remarks.balance(body, model, conditions, result))
    said = problem_remarks.remarks(problem, body, model, result)
    notes = [*said, *problem_remarks.forces(model, conditions, result), *doubt]
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


def _typical(points: Floats) -> float:
    """A node spacing, roughly: of nodes that fill their bounding box."""
    return float(np.sqrt(np.ptp(points, axis=0).prod() / len(points)))
