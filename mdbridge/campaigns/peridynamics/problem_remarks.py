"""What a reader of a solved problem should know: how much is nonlocal, what is too stiff or too coarse."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...core.errors import InputError
from ...lps import bodies, coupling
from ...lps.geometry import Body
from . import problem_output
from .problem_conditions import Conditions
from .problem_input import Problem
from .stored_model import Model

Floats = NDArray[np.float64]

# node spacings on a hole's radius: the factor at its edge is off by 3 % with 8 of them
_RESOLVED = 6.0
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
        *nearly_incompressible(model),
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


def forces(model: Model, conditions: Conditions, result: bodies.Equilibrium) -> list[str]:
    """With which forces the body is held, and how far they are from those that pull at it."""
    held = problem_output.supports(conditions, result)
    if not held:
        return []
    shown = "; ".join(f"{label} ({x:.5g}, {y:.5g})" for label, (x, y) in held.items())
    rest = problem_output.out_of_balance(conditions, result)
    unit = problem_output.force_unit(model)
    balance = f"out of balance by {rest:.0e} of them" if rest else "in balance"
    return [f"forces of the supports on the body ({unit}): {shown}; with the loads {balance}"]


def balance(body: Body, model: Model, conditions: Conditions, result: bodies.Equilibrium) -> list[str]:
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


def nearly_incompressible(model: Model) -> list[str]:
    """What there is to say of a model whose λ is many times its μ: local rows are too stiff with it."""
    ratio = model.material.lame_lambda / model.material.lame_mu
    if ratio <= _INCOMPRESSIBLE:
        return []
    return [
        f"λ/μ = {ratio:.3g}, nearly incompressible in the plane: rows of linear elasticity are too stiff "
        f"where strains vary, in bending by about {_LOCKING * ratio:.2g}/t² for a plate t node spacings "
        "thick, and problems may not converge; a finer 'domain.spacing', with a model for it, helps"
    ]
