"""Equilibrium of bodies with free surfaces, tractions and given displacements, on one rank or many.

All ranks know nodes, mesh, loads and the solution; each has the operator's rows of a strip of nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core.errors import InputError, SolvabilityError
from ..core.parallel import agreed
from . import elements, moduli, stencil
from .coarsening import Coarsening, CoarseSpace
from .coupling import CoupledRows, coupled_rows, nonlocal_nodes
from .geometry import Body
from .material import LinearPeridynamicSolid
from .operator import components
from .rigid import Motion, free_motions
from .solver import indefinite, of_any_size, petsc_solver

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# How much of the loads' work on a rigid motion may be left over: what sampling smooth loads at nodes leaves.
_BALANCED = 1e-3

_RESTART = 40  # vectors that GMRES keeps


@dataclass(frozen=True)
class Equilibrium:
    """What holds a body in place and what it costs.

    Attributes:
        displacement: ``n x 2``.
        reaction: ``n x 2`` forces with which supports act on the nodes; zero where nothing is given.
        residual: ``n x 2`` forces per area that are left over, those of supports not counted as loads.
        areas: ``(n,)`` what the nodes stand for.
        relative_residual: their norm over that of the loads, in forces, at free components.
        iterations: of the Krylov solver.
        nonlocal_nodes: ``(n,)`` where the row is L; elsewhere it is linear elasticity.
        moduli: C11, C22, C12 and C66 of both.
        motions: rigid motions that nothing prevents; the solution has no momentum of any.
        unbalanced: largest share of the loads' work on such a motion that was taken out.
    """

    displacement: Floats
    reaction: Floats
    residual: Floats
    areas: Floats
    relative_residual: float
    iterations: int
    nonlocal_nodes: Mask
    moduli: dict[str, float]
    motions: Sequence[Motion]
    unbalanced: float


def solve_body(
    comm: MPI.Comm,
    body: Body,
    material: LinearPeridynamicSolid,
    *,
    displacement: Floats,
    body_load: Floats,
    facet_load: Floats | None = None,
    rtol: float = 1e-10,
    max_iterations: int = 500,
) -> Equilibrium:
    """The displacement of a body in equilibrium (collective).

    Args:
        body: of :func:`.geometry.fill` or :func:`.geometry.join`, with a ``reach`` of 2δ and two spacings.
        displacement: ``n x 2``, NaN where a component is not given.
        body_load: ``n x 2`` force per area and thickness.
        facet_load: ``n x 2`` forces of tractions, from :func:`.elements.facet_loads`.
        rtol: bound on the relative residual.

    Raises:
        InputError: shapes or numbers are not usable; a part can move rigidly and its loads make it.
        SolvabilityError: the operator is not positive.
        ConvergenceError: ``max_iterations`` do not reach ``rtol``.
    """
    count = len(body.points)
    loads = np.zeros((count, 2)) if facet_load is None else facet_load
    agreed(comm, lambda: _check(body, comm.size, displacement, body_load, loads))
    bounds = np.linspace(0, count, comm.size + 1).astype(int)
    first, last = int(bounds[comm.rank]), int(bounds[comm.rank + 1])
    fixed = np.isfinite(displacement)
    known = np.where(fixed, displacement, 0.0)
    areas = elements.areas(body)
    force = areas[:, None] * body_load + loads
    constants = agreed(comm, lambda: effective_moduli(body, material))
    motions = agreed(comm, lambda: free_motions(body, fixed))
    unbalanced = agreed(comm, lambda: _require_balance(motions, force))
    deep = nonlocal_nodes(body, material.influence.horizon)

    shift = material.lame_mu / float(np.ptp(body.points, axis=0).max()) ** 2 * areas

    def set_up() -> tuple[CoupledRows, CoarseSpace]:
        matrix = elements.elasticity(constants)
        rows = coupled_rows(body, material, deep, matrix, areas, first, last)
        if np.any(rows.diagonal <= 0):
            place = body.points[first + int(np.argmin(rows.diagonal)) // 2]
            raise SolvabilityError(
                indefinite(f"its diagonal at ({place[0]:g}, {place[1]:g}) is not positive")
            )
        # the shift is that of a wave as long as the body: it makes free bodies definite
        return rows, Coarsening(body).space(matrix, fixed, shift, first, last)

    rows, coarse = agreed(comm, set_up)
    own, read = fixed[first:last].ravel(), fixed[rows.columns].ravel()
    itself = components(np.searchsorted(rows.columns, np.arange(first, last)))
    right = force[first:last].ravel() - rows(known[rows.columns].ravel())
    right[own] = 0.0

    def apply(u: Floats) -> Floats:
        image = rows(np.where(read, 0.0, u))
        # given components stay in the system, each alone: nodes keep their pairs of unknowns
        image[own] = (rows.diagonal * u[itself])[own]
        return image

    mass = np.repeat(areas[first:last], 2)
    petsc = agreed(comm, petsc_solver)
    null = None
    if motions:
        modes = np.stack([motion.mode[first:last].ravel() for motion in motions], axis=1)
        null = petsc.NullModes(comm, modes, mass)
    try:
        with petsc.displacement_solver(
            comm,
            petsc.OperatorBlock(apply, components(rows.columns), rows.diagonal),
            petsc.CoarseOperator(
                coarse.prolongation, coarse.rows, coarse.columns, coarse.values, coarse.places
            ),
            body.points[first:last],
            periodic=False,
            # rows of two kinds side by side are not symmetric
            symmetric=not deep.any(),
            rtol=rtol,
            max_iterations=max_iterations,
            null=null,
            restart=_RESTART,
        ) as solve:
            result = of_any_size(comm, solve, right)
    except petsc.IndefiniteMatrixError as error:
        raise SolvabilityError(indefinite(str(error))) from error
    solution = known.copy()
    solution += np.where(fixed, 0.0, np.concatenate(comm.allgather(result.x)).reshape(-1, 2))
    left = force[first:last].ravel() - rows(solution[rows.columns].ravel())
    missing = np.concatenate(comm.allgather(left)).reshape(-1, 2)
    return Equilibrium(
        displacement=solution,
        reaction=np.where(fixed, -missing, 0.0),
        residual=missing / areas[:, None],
        areas=areas,
        relative_residual=result.residual,
        iterations=result.iterations,
        nonlocal_nodes=deep,
        moduli=constants,
        motions=motions,
        unbalanced=unbalanced,
    )


def effective_moduli(body: Body, material: LinearPeridynamicSolid) -> dict[str, float]:
    """C11, C22, C12 and C66 of the operator on the body's nodes; λ and μ's where they are scattered.

    Raises:
        InputError: the horizon holds too few nodes.
        SolvabilityError: long waves have negative energy.
    """
    lam, mu = material.lame_lambda, material.lame_mu
    constants = {"C11": lam + 2 * mu, "C22": lam + 2 * mu, "C12": lam, "C66": mu}
    if body.lattice is not None:
        hx, hy = map(float, body.lattice.spacing)
        grid = stencil.uniform((hx, hy), material.influence.horizon, material.quadrature)
        constants = moduli.of_grid(material, grid)
    lowest = float(np.linalg.eigvalsh(elements.elasticity(constants))[0])
    if lowest <= 0:
        shown = ", ".join(f"{name} = {value:.4g}" for name, value in constants.items())
        raise SolvabilityError(indefinite(f"its moduli {shown} allow strains of negative energy"))
    return constants


def _check(body: Body, ranks: int, displacement: Floats, *loads: Floats) -> None:
    count = len(body.points)
    for name, values in (("displacement", displacement), *(("a load", load) for load in loads)):
        if np.shape(values) != (count, 2):
            raise InputError(f"{name}: an array of shape {np.shape(values)}, expected ({count}, 2)")
    if np.isinf(displacement).any() or not all(np.isfinite(load).all() for load in loads):
        raise InputError("displacements or loads are not all finite numbers")
    if count < ranks:
        raise InputError(f"{count} nodes cannot be shared among {ranks} ranks; use fewer ranks")


def _require_balance(motions: Sequence[Motion], force: Floats) -> float:
    """The largest share of work on a free motion; refuses loads that would set a part in motion."""
    largest = 0.0
    for motion in motions:
        work = float((motion.mode * force).sum())
        gross = float((np.hypot(*motion.mode.T) * np.hypot(*force.T)).sum())
        # nothing happens to a part without loads
        share = abs(work) / gross if gross > 0 else 0.0
        largest = max(largest, share)
        if share > _BALANCED:
            raise InputError(
                f"a mechanism: nothing holds a part of the body, and its loads are not in balance "
                f"({share:.1%} of "
                f"them are left over): {motion.description}; give displacements that prevent it, or loads "
                "in balance"
            )
    return largest
