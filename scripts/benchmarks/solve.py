"""Bodies of up to a million nodes: iterations, time, memory, ranks; and what others take for it.

Cases: ``clamped`` (all sides held), ``free`` (a square with a hole, pulled on two sides), and for the volume
constraint of the literature, values in a collar of 2δ, ``collar``, once more by scipy with the rows of L
assembled: ``collar-cg`` (conjugate gradients, Jacobi) and ``collar-lu`` (spsolve).  ``free-fem`` is classical
elasticity on as many bilinear elements by scikit-fem and SuperLU, ``free-fem-cg`` by its conjugate
gradients: the solution of the local limit, not of the model.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from mdbridge.lps import bodies, elements, geometry
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.coupling import nonlocal_nodes
from mdbridge.lps.geometry import Body
from mdbridge.lps.material import LinearPeridynamicSolid

from .rows import Job, Row, gigabytes, timed

Floats = NDArray[np.float64]
Result = dict[str, Any]

TITLE = "Peridynamic bodies: one solve"
NOTE = (
    "From nothing to the displacement (nodes, mesh, operator, iterations), δ = 5.7 node spacings, to 1e-8. "
    "Finite elements solve the local limit, not the model."
)
HORIZON = 5.7  # node spacings, as of the models of graphene
TOLERANCE = 1e-8
# of either sign, as those that are learned
SOLID = LinearPeridynamicSolid(
    Bernstein(HORIZON, np.array([1.0, 2.0, -1.0, 1.5, -0.4]), (0.5,)), 0.3, 0.5, quadrature="isotropic"
)
# L has some 1,600 entries a row: LU of more does not fit into the memory of a desk's machine
LARGEST = {"collar-lu": 10_000, "collar-cg": 100_000}
RANKS = {"clamped": (1, 2), "free": (1, 2)}
SIZES = (10_000, 100_000, 1_000_000)
NAMES = {
    "clamped": ("all sides held", "mdbridge"),
    "free": ("a hole, pulled on two sides", "mdbridge"),
    "free-fem": ("a hole, pulled on two sides", "scikit-fem without the hole, SuperLU"),
    "free-fem-cg": ("a hole, pulled on two sides", "scikit-fem without the hole, CG"),
    "collar": ("held in a collar of 2δ", "mdbridge"),
    "collar-cg": ("held in a collar of 2δ", "scipy: rows of L, CG"),
    "collar-lu": ("held in a collar of 2δ", "scipy: rows of L, spsolve"),
}


def square(nodes: int, hole: bool) -> Body:
    """A square of about so many nodes, one apart."""
    side = float(np.sqrt(nodes) - 1 if not hole else np.sqrt(nodes / (1 - np.pi * 0.01)))
    side = float(round(side))
    loops = [geometry.Loop(np.array([[0, 0], [side, 0], [side, side], [0, side]], dtype=float))]
    if hole:
        loops.append(geometry.disc((side / 2, side / 2), side / 10, 1.0, geometry.HOLE))
    return geometry.fill(loops, (1.0, 1.0), 2 * HORIZON + 2)


def smooth(points: Floats) -> Floats:
    """A displacement ``(n, 2)`` of one wave."""
    k = 2 * np.pi / float(np.ptp(points[:, 0]))
    return np.stack([np.sin(k * points[:, 0]), np.cos(k * points[:, 1])], axis=1)


def ours(case: str, nodes: int, comm: MPI.Comm) -> Result:
    """By :func:`mdbridge.lps.bodies.solve_body`."""
    body = square(nodes, case == "free")
    given = np.full(body.points.shape, np.nan)
    load, pull = np.zeros(body.points.shape), None
    if case == "free":
        ends = body.points[body.facets]
        sides = [np.flatnonzero((ends[:, :, 0] == x).all(axis=1)) for x in body.points[:, 0][[0, -1]]]
        pull = elements.facet_loads(body, np.concatenate(sides), lambda _, normals: 1e-3 * normals)
    elif case == "clamped":
        edge = np.unique(body.facets)
        given[edge] = smooth(body.points)[edge]
    else:
        held = ~nonlocal_nodes(body, HORIZON)
        given[held] = smooth(body.points)[held]
    result = bodies.solve_body(
        comm,
        body,
        SOLID,
        displacement=given,
        body_load=load,
        facet_load=pull,
        rtol=TOLERANCE,
    )
    return {"nodes": len(body.points), "iterations": result.iterations, "answer": _norm(result.displacement)}


def assembled(case: str, nodes: int, comm: MPI.Comm) -> Result:
    """The collar's problem by scipy: the rows of L as one sparse matrix."""
    from scipy.sparse.linalg import LinearOperator, cg, spsolve

    from mdbridge.lps.operator import operator_rows

    body = square(nodes, False)
    free = nonlocal_nodes(body, HORIZON)
    rows = operator_rows(body.points, None, SOLID, np.flatnonzero(free))
    unknown = np.repeat(free[rows.columns], 2)
    u = smooth(body.points)[rows.columns].ravel()
    right = -rows(np.where(unknown, 0.0, u))
    inner = rows.restrict(free[rows.columns])
    count = 0
    if case == "collar-lu":
        u[unknown] = spsolve(inner.matrix().tocsc(), right)
    else:
        # the factors: their product alone takes 19 kB a node
        shape = (len(right), len(right))
        diagonal = inner.diagonal()

        def counted(_: Floats) -> None:
            nonlocal count
            count += 1

        u[unknown], failed = cg(
            LinearOperator(shape, matvec=inner, dtype=np.float64),
            right,
            rtol=TOLERANCE,
            M=LinearOperator(shape, matvec=lambda r: r / diagonal, dtype=np.float64),
            callback=counted,
        )
        assert not failed
    whole = smooth(body.points)
    whole[rows.columns] = u.reshape(-1, 2)
    return {"nodes": len(body.points), "iterations": count, "answer": _norm(whole)}


def finite_elements(case: str, nodes: int, comm: MPI.Comm) -> Result:
    """A square of bilinear elements under tension, half of it held by symmetry, by scikit-fem."""
    import skfem
    from skfem.helpers import ddot, sym_grad, trace

    count = round(np.sqrt(nodes)) - 1
    axis = np.linspace(0.0, float(count), count + 1)
    mesh = skfem.MeshQuad.init_tensor(axis, axis)
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementQuad1()))
    lam, mu = SOLID.lame_lambda, SOLID.lame_mu

    def energy(u: Any, v: Any, _: Any) -> Any:
        e, f = sym_grad(u), sym_grad(v)
        return lam * trace(e) * trace(f) + 2 * mu * ddot(e, f)

    matrix = skfem.BilinearForm(energy).assemble(basis)
    side = skfem.FacetBasis(mesh, basis.elem, facets=mesh.facets_satisfying(lambda x: x[0] == count))

    def tension(v: Any, _: Any) -> Any:
        return 1e-3 * v[0]

    load = skfem.LinearForm(tension).assemble(side)
    left = basis.get_dofs(lambda x: x[0] == 0).all("u^1")
    bottom = basis.get_dofs(lambda x: x[1] == 0).all("u^2")
    held = skfem.condense(matrix, load, D=np.union1d(left, bottom))
    if case == "free-fem-cg":
        solver = skfem.solver_iter_pcg(rtol=TOLERANCE, verbose=False)
        u = skfem.solve(*held, solver=solver)
    else:
        u = skfem.solve(*held)
    return {"nodes": int(mesh.nvertices), "iterations": 0, "answer": _norm(u)}


def _norm(values: Floats) -> float:
    return float(np.linalg.norm(values))


def jobs(quick: bool) -> list[Job]:
    """All cases of all sizes that a desk's memory holds."""
    if quick:
        return [Job((case, "1600")) for case in NAMES]
    return [
        Job((case, str(nodes)), ranks)
        for nodes in SIZES
        for case in NAMES
        if nodes <= LARGEST.get(case, SIZES[-1])
        for ranks in RANKS.get(case, (1,))
    ]


def measure(comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
    """One case on all ranks of ``comm``, once a process, so that memory is its own."""
    case, nodes = arguments[0], int(arguments[1])
    what, by = NAMES[case]
    group, reference = f"{what}, {nodes:.0e} nodes", by == "mdbridge" and comm.size == 1
    program = _program(case)
    try:
        # loaded and compiled before the clock starts: a program that solves many bodies pays that once
        program(case, 1600, comm)
    except ImportError as missing:
        return [Row(group, by, note=f"{missing.name} is not installed: scripts/requirements-bench.txt")]
    results: list[Result] = []
    busy, wall = timed(comm, lambda: results.append(program(case, nodes, comm)))
    solution = results[0]
    note = f"{solution['nodes']} nodes, norm of u {solution['answer']:.6g}"
    if solution["iterations"]:
        note += f", {solution['iterations']} iterations"
    return [Row(group, by, [busy], [wall], comm.size, gigabytes(comm), reference, note)]


def _program(case: str) -> Callable[[str, int, MPI.Comm], Result]:
    if case.startswith("collar-"):
        return assembled
    return finite_elements if case.startswith("free-fem") else ours
