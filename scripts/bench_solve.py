"""Measure bodies of up to a million nodes: iterations, time, memory, ranks; and what others take for it.

    python scripts/bench_solve.py [--quick] [--rounds N]     prints a Markdown table
    mpiexec -n 2 python scripts/bench_solve.py CASE NODES    a single measurement, as JSON

Each measurement is a process of its own, so that memory is its own, and the rounds go through all of them in
turn, so that the machine's mood from minute to minute meets all alike; the median is shown.  Wall time is
from nothing to the displacement (nodes, mesh, operator, iterations), without starting Python; processor
time is that of the busiest rank, and what counts where other programs share the machine.

Cases: ``clamped`` (all sides held), ``free`` (a square with a hole, pulled on two sides), and for the volume
constraint of the literature, values in a collar of 2δ, ``collar``, once more by scipy with the rows of L
assembled: ``collar-cg`` (conjugate gradients, Jacobi) and ``collar-lu`` (spsolve).  ``free-fem`` is classical
elasticity on as many bilinear elements by scikit-fem and SuperLU, ``free-fem-cg`` by its conjugate
gradients: the solution of the local limit, not of the model.
"""

import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from mdbridge.lps import bodies, elements, geometry
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.coupling import nonlocal_nodes
from mdbridge.lps.geometry import Body
from mdbridge.lps.material import LinearPeridynamicSolid

Floats = NDArray[np.float64]
Result = dict[str, Any]

HORIZON = 5.7  # node spacings, as of the models of graphene
TOLERANCE = 1e-8
# of either sign, as those that are learned
SOLID = LinearPeridynamicSolid(
    Bernstein(HORIZON, np.array([1.0, 2.0, -1.0, 1.5, -0.4]), (0.5,)), 0.3, 0.5, quadrature="isotropic"
)
# L has some 1,600 entries a row: LU of more does not fit into the memory of a desk's machine
LARGEST = {"collar-lu": 10_000, "collar-cg": 100_000, "free-fem": 100_000, "free-fem-cg": 100_000}
RANKS = {"clamped": (1, 2), "free": (1, 2)}
SIZES = (10_000, 100_000, 1_000_000)


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


def measure(case: str, nodes: int) -> None:
    """Run a case in this process, on all of its ranks, and print what it took as JSON."""
    comm = MPI.COMM_WORLD
    # loaded and compiled before the clock starts: a program that solves many bodies pays that once
    warm = _program(case)
    warm(case, 2500, comm)
    comm.Barrier()
    wall, processor = time.perf_counter(), time.process_time()
    result = warm(case, nodes, comm)
    took = time.perf_counter() - wall, time.process_time() - processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    ranks = comm.gather((*took, memory))
    if ranks is not None:
        walls, processors, memories = zip(*ranks, strict=True)
        result |= {"wall": max(walls), "processor": max(processors), "GB": sum(memories)}
        print(json.dumps(result))


def _program(case: str) -> Callable[[str, int, MPI.Comm], Result]:
    if case.startswith("collar-"):
        return assembled
    return finite_elements if case.startswith("free-fem") else ours


def table(quick: bool, rounds: int) -> None:
    """All cases in turn, ``rounds`` times; medians, and the ratios that are promised."""
    sizes = SIZES[:2] if quick else SIZES
    names = ("clamped", "free", "collar", "collar-cg", "collar-lu", "free-fem", "free-fem-cg")
    runs = [
        (case, nodes, ranks)
        for nodes in sizes
        for case in names
        if nodes <= LARGEST.get(case, max(sizes))
        for ranks in RANKS.get(case, (1,))
    ]
    found: dict[tuple[str, int, int], list[Result]] = {run: [] for run in runs}
    for number in range(rounds):
        for run in runs:
            print(
                f"round {number + 1} of {rounds}: {run[0]}, {run[1]} nodes, {run[2]} ranks", file=sys.stderr
            )
            found[run].append(_run(*run))
    _show(found)


def _run(case: str, nodes: int, ranks: int) -> Result:
    command = ["mpiexec", "-n", str(ranks), sys.executable, __file__, case, str(nodes)]
    job = subprocess.run(command, capture_output=True, text=True, check=False)
    if job.returncode:
        # a program that is not installed, or has no memory, is a row that says so
        return {"failed": (job.stderr.strip().splitlines() or ["?"])[-1][:80]}
    return dict(json.loads(job.stdout.strip().splitlines()[-1]))


def _show(found: dict[tuple[str, int, int], list[Result]]) -> None:
    print(f"Machine: {platform.processor() or platform.machine()}, Python {platform.python_version()}.\n")
    print("| case | nodes | ranks | iterations | wall (s) | processor (s) | µs a node | memory (GB) |")
    print("|---|---|---|---|---|---|---|---|")
    medians: dict[tuple[str, int, int], Result] = {}
    for run, results in found.items():
        good = [result for result in results if "failed" not in result]
        if not good:
            print(f"| {run[0]} | {run[1]} | {run[2]} | {results[0]['failed']} | | | | |")
            continue
        middle = {key: statistics.median(result[key] for result in good) for key in good[0]}
        medians[run] = middle
        print(
            f"| {run[0]} | {middle['nodes']:.0f} | {run[2]} | {middle['iterations']:.0f} | "
            f"{middle['wall']:.2f} | {middle['processor']:.2f} | "
            f"{1e6 * middle['processor'] / middle['nodes']:.1f} | {middle['GB']:.2f} |"
        )
    print()
    largest = max(run[1] for run in medians)
    for case in ("clamped", "free"):
        small, large = medians[case, SIZES[0], 1], medians[case, largest, 1]
        pair = medians[case, largest, 2]
        each = [result["processor"] / result["nodes"] for result in (small, large)]
        print(
            f"- {case}: iterations at {largest:.0e} nodes {large['iterations'] / small['iterations']:.2f} × "
            f"those at {SIZES[0]:.0e}, processor time a node {each[1] / each[0]:.2f} ×; two ranks are "
            f"{large['wall'] / pair['wall']:.2f} × as fast (wall), by the processor time of the busier rank "
            f"{large['processor'] / pair['processor']:.2f} ×"
        )
    for size in sorted({run[1] for run in medians}):
        answers = {run[0]: medians[run]["answer"] for run in medians if run[1] == size and "collar" in run[0]}
        spread = (max(answers.values()) - min(answers.values())) / max(answers.values())
        print(f"- {size:.0e} nodes: the answers of {', '.join(answers)} agree to {spread:.0e}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments and not arguments[0].startswith("-"):
        measure(arguments[0], int(arguments[1]))
    else:
        given = arguments.index("--rounds") + 1 if "--rounds" in arguments else 0
        table("--quick" in arguments, int(arguments[given]) if given else 3)
