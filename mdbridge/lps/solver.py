"""Boundary-value problems of the linear peridynamic solid, on one rank or many.

Each rank makes and keeps only the operator's rows of its own points; points,
loads and solutions are on all ranks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..core.errors import InputError, SolvabilityError
from ..core.parallel import agreed
from .material import LinearPeridynamicSolid
from .operator import OperatorRows, components, neighbour_springs, operator_rows

if TYPE_CHECKING:
    from ..linalg.petsc import KrylovResult

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Result = TypeVar("Result")


class KrylovOptions(TypedDict, total=False):
    """When the Krylov solver ends: bound on the relative residual, and at most so many iterations."""

    rtol: float
    max_iterations: int


@dataclass(frozen=True)
class Solution:
    """Displacements and what it took to find them.

    Attributes:
        displacement: ``s x n x 2`` (Å), the same on all ranks.
        iterations: ``(s,)`` Krylov iterations.
        residuals: ``(s,)`` ‖b − L u‖/‖b‖ over the free points, with the collar's
            part on the side of b.
        moduli: C11, C22, C12 and C66 of the discretised operator (TPa), each the smallest and the largest
            over the free points: λ + 2μ, λ + 2μ, λ and μ where K, its quadrature and the points agree.
    """

    displacement: Floats
    iterations: Ints
    residuals: Floats
    moduli: dict[str, tuple[float, float]]


IMBALANCE = 1e-3
"""Largest resultant of loads in a periodic box, over the sum of their sizes, that nobody need ask for."""


def solve_periodic(
    comm: MPI.Comm,
    points: Floats,
    box: Floats,
    material: LinearPeridynamicSolid,
    loads: Floats,
    *,
    imbalance: float = IMBALANCE,
    rtol: float = 1e-10,
    max_iterations: int = 2000,
) -> Solution:
    """Solve L u = b − mean(b) in a periodic box, with mean(u) = 0 (collective).

    On scattered points L has a small resultant of its own (W_ji ≠ W_ij); there
    the equation holds up to a constant force, as small as the quadrature error.

    Args:
        points: ``n x 2`` (Å).
        box: ``(2,)`` edges (Å), each longer than 2δ.
        loads: b, ``s x n x 2`` (TPa/Å).
        imbalance: the largest resultant of the loads, over the sum of their sizes, that is taken off them:
            nothing holds a periodic box.  1 allows any.
        rtol: bound on the relative residual.

    Raises:
        InputError: shapes, box or points are not usable; loads are not in equilibrium.
        SolvabilityError: the operator is not positive.
        ConvergenceError: ``max_iterations`` do not reach ``rtol``.
    """
    agreed(comm, lambda: _require_balance(np.asarray(loads, dtype=float), imbalance))
    return _solve(comm, points, box, material, loads, None, None, rtol, max_iterations)


def solve_dirichlet(
    comm: MPI.Comm,
    points: Floats,
    free_mask: NDArray[np.bool_],
    material: LinearPeridynamicSolid,
    loads: Floats,
    collar_values: Floats,
    box: Floats | None = None,
    *,
    rtol: float = 1e-10,
    max_iterations: int = 2000,
) -> Solution:
    """Solve L u = b on the free points, with u given on the others (collective).

    Args:
        points: ``n x 2`` (Å).
        free_mask: ``(n,)`` where u is unknown.  All points within 2δ of a free
            one must be there, because its neighbours' dilatation enters.
        loads: b, ``s x n x 2`` (TPa/Å), read on the free points.
        collar_values: u, ``s x n x 2`` (Å), read on the others.
        box: ``(2,)`` edges of a periodic box (Å), or None.
        rtol: bound on the relative residual.

    Raises:
        InputError: shapes or points are not usable; the collar is too narrow.
        SolvabilityError: the operator is not positive.
        ConvergenceError: ``max_iterations`` do not reach ``rtol``.
    """
    return _solve(comm, points, box, material, loads, free_mask, collar_values, rtol, max_iterations)


def apply(
    comm: MPI.Comm,
    points: Floats,
    material: LinearPeridynamicSolid,
    displacement: Floats,
    box: Floats | None = None,
    at: NDArray[np.bool_] | None = None,
) -> Floats:
    """L u at all points, or where the mask ``at`` holds (collective).

    Args:
        displacement: u, ``s x n x 2`` (Å).
        at: ``(n,)``; without a periodic box L is defined only 2δ inside the edge.

    Returns:
        ``s x n x 2`` (TPa/Å), zero where not asked for, the same on all ranks.

    Raises:
        InputError: shapes or points are not usable, or ``at`` is too near the edge.
    """
    points, displacement = np.asarray(points, dtype=float), np.asarray(displacement, dtype=float)
    at = np.ones(len(points), dtype=bool) if at is None else _mask(at)
    # whatever may fail does so before the next collective, on all ranks
    agreed(comm, lambda: _check_input(points, box, at, comm.size, displacement=displacement))
    blocks = _partition(points, at, comm.size)

    def rows_of_this_rank() -> Floats:
        rows = operator_rows(points, box, material, blocks[comm.rank])
        values = displacement[:, rows.columns].reshape(len(displacement), -1).T
        return rows(values).T.reshape(len(displacement), -1, 2)

    part = agreed(comm, rows_of_this_rank)
    return _on_all_ranks(comm, blocks, part, np.zeros_like(displacement, dtype=float))


def _solve(
    comm: MPI.Comm,
    points: Floats,
    box: Floats | None,
    material: LinearPeridynamicSolid,
    loads: Floats,
    free_mask: NDArray[np.bool_] | None,
    collar_values: Floats | None,
    rtol: float,
    max_iterations: int,
) -> Solution:
    # integers and lists of numbers are numbers like any others
    points, loads = np.asarray(points, dtype=float), np.asarray(loads, dtype=float)
    free = np.ones(len(points), dtype=bool) if free_mask is None else _mask(free_mask)
    box = None if box is None else np.asarray(box, dtype=float)
    known = np.zeros_like(loads) if collar_values is None else np.asarray(collar_values, dtype=float)
    loads, known = _where_read(loads, free, True), _where_read(known, free, False)
    agreed(comm, lambda: _check_input(points, box, free, comm.size, loads=loads, collar_values=known))
    blocks = _partition(points, free, comm.size)
    # PETSc numbers unknowns rank by rank; −1 for those that are given
    number = np.full(len(points), -1)
    number[np.concatenate(blocks)] = np.arange(free.sum())

    def set_up() -> tuple[OperatorRows, csr_matrix]:
        rows = operator_rows(points, box, material, blocks[comm.rank])
        # a positive operator has a positive diagonal: seen before anything is set up
        if np.any(rows.diagonal() <= 0):
            raise SolvabilityError(indefinite("its diagonal is not positive"))
        return rows, _long_wave_rows(points, box, material, rows.rows, number)

    rows, local = agreed(comm, set_up)
    # The collar's displacement is known: its part of L u goes to the side of the load.
    right = loads[:, rows.rows].reshape(len(loads), -1).T
    right = right - rows(known[:, rows.columns].reshape(len(loads), -1).T)
    results = _krylov(
        comm,
        rows.restrict(free[rows.columns]),
        local,
        points[rows.rows],
        number,
        right,
        periodic=free_mask is None,
        rtol=rtol,
        max_iterations=max_iterations,
    )
    part = np.array([result.x for result in results]).reshape(len(loads), -1, 2)
    return Solution(
        _on_all_ranks(comm, blocks, part, known),
        np.array([result.iterations for result in results], dtype=int),
        np.array([result.residual for result in results]),
        _moduli(comm, rows),
    )


def _moduli(comm: MPI.Comm, rows: OperatorRows) -> dict[str, tuple[float, float]]:
    """The smallest and the largest of each modulus on all ranks (collective)."""
    assert rows.moduli is not None
    own = [(float(values.min()), float(values.max())) for values in rows.moduli]
    limits = np.array(comm.allgather(own))
    return {
        name: (float(lowest), float(highest))
        for name, lowest, highest in zip(
            rows.moduli._fields, limits[:, :, 0].min(axis=0), limits[:, :, 1].max(axis=0), strict=True
        )
    }


def _krylov(
    comm: MPI.Comm,
    operator: OperatorRows,
    local: csr_matrix,
    coordinates: Floats,
    number: Ints,
    right: Floats,
    **options: Any,
) -> "list[KrylovResult]":
    """Solve for every column of ``right`` ``2r x s`` with one set-up (collective)."""
    petsc = agreed(comm, petsc_solver)
    block = petsc.OperatorBlock(operator, components(number[operator.columns]), operator.diagonal())
    symmetric = _is_symmetric(comm, operator, number)
    try:
        with petsc.displacement_solver(
            comm, block, local, coordinates, symmetric=symmetric, **options
        ) as solve:
            return [of_any_size(comm, solve, load) for load in np.ascontiguousarray(right.T)]
    except petsc.IndefiniteMatrixError as error:
        raise SolvabilityError(indefinite(str(error))) from error


def of_any_size(comm: MPI.Comm, solve: "Callable[[Floats], KrylovResult]", load: Floats) -> "KrylovResult":
    """The solution of a load in any unit: squares of 1e200 overflow, those of 1e-200 vanish (collective)."""
    size = comm.allreduce(float(np.abs(load).max(initial=0.0)), MPI.MAX) or 1.0
    result = solve(load / size)
    return replace(result, x=result.x * size)


def _mask(values: Any) -> NDArray[np.bool_]:
    """A mask of points, also from zeros and ones; anything else is left for the check to refuse."""
    mask = np.asarray(values)
    if mask.dtype.kind in "iu" and np.isin(mask, (0, 1)).all():
        # as indices, zeros and ones would mean two points
        return mask.astype(bool)
    return mask


def _where_read(field: Floats, free: NDArray[np.bool_], of_free: bool) -> Floats:
    """A field ``s x n x 2``, zero where it is not read: what stands there may be no number at all.

    Args:
        of_free: whether it is read at the free points, or at the others.
    """
    if field.ndim != 3 or free.shape != field.shape[1:2] or free.dtype != bool:
        # left for the check to refuse
        return field
    return np.where((free == of_free)[:, None], field, 0.0)


def petsc_solver() -> ModuleType:
    """The module of the Krylov solver, which needs petsc4py: the operator's rows do not."""
    from ..linalg import petsc

    return petsc


def _long_wave_rows(
    points: Floats, box: Floats | None, material: LinearPeridynamicSolid, rows: Ints, number: Ints
) -> csr_matrix:
    """The preconditioner's local elasticity ``2r x 2N``, with columns in global numbers.

    A shift below the lowest eigenvalue of the domain, μ/(its length)², keeps it
    positive in a periodic box and where a point has no next neighbour.
    """
    springs, columns = neighbour_springs(points, box, material, rows)
    numbers = number[columns]
    entries = springs[:, components(np.flatnonzero(numbers >= 0))].tocoo()
    target = components(numbers[numbers >= 0])
    shape = (2 * len(rows), 2 * int(number.max() + 1))
    shift = material.lame_mu / np.ptp(points, axis=0).max() ** 2
    own = csr_matrix((np.full(shape[0], shift), (np.arange(shape[0]), components(number[rows]))), shape)
    return csr_matrix((entries.data, (entries.row, target[entries.col])), shape) + own


def _is_symmetric(comm: MPI.Comm, operator: OperatorRows, number: Ints) -> bool:
    """Whether xᵀ L y = yᵀ L x for two random vectors, to round-off (collective).

    So it is on uniform grids, where all points share stencil and weighted volume.
    """
    # the same vectors on all ranks; a difference of two random products shows any asymmetry
    x, y = np.random.default_rng(0).standard_normal((2, 2 * int(number.max() + 1)))
    columns, rows = components(number[operator.columns]), components(number[operator.rows])
    image_x, image_y = operator(x[columns]), operator(y[columns])
    local = [x[rows] @ image_y - y[rows] @ image_x, image_x @ image_x, image_y @ image_y]
    difference, *squares = comm.allreduce(np.array(local), MPI.SUM)
    return bool(abs(difference) <= 1e-10 * np.sqrt(max(squares) * len(x)))


def _partition(points: Floats, chosen: NDArray[np.bool_], size: int) -> list[Ints]:
    """Share the chosen points over ``size`` ranks in compact pieces, along a Morton curve."""
    indices = np.flatnonzero(chosen)
    cells = points[indices] - points[indices].min(axis=0)
    # 16 bits an axis, which are interleaved: neighbours on the curve are neighbours in the plane
    cells = (cells / (cells.max() or 1.0) * 0xFFFF).astype(np.int64)
    code = sum(((cells[:, axis] >> bit) & 1) << (2 * bit + axis) for bit in range(16) for axis in range(2))
    pieces = np.array_split(indices[np.argsort(code, kind="stable")], size)
    # rows are made for ascending points
    return [np.sort(piece) for piece in pieces]


def _on_all_ranks(comm: MPI.Comm, blocks: list[Ints], part: Floats, values: Floats) -> Floats:
    """``values`` ``s x n x 2`` with every rank's ``part`` put at its points (collective)."""
    result = values.copy()
    for block, piece in zip(blocks, comm.allgather(part), strict=True):
        result[:, block] = piece
    return result


def _check_input(
    points: Floats, box: Floats | None, chosen: NDArray[np.bool_], ranks: int, **fields: Floats
) -> None:
    """Refuse arrays of the wrong shape or with values that are no numbers."""
    count = len(points)
    wanted: dict[str, tuple[NDArray[Any], tuple[int | str, ...]]] = {
        "points": (points, (count, 2)),
        "the mask of points": (chosen, (count,)),
        **{name: (field, ("s", count, 2)) for name, field in fields.items()},
    }
    if box is not None:
        wanted["box"] = (box, (2,))
    for name, (array, shape) in wanted.items():
        given = np.shape(array)
        fits = len(given) == len(shape) and all(b in (a, "s") for a, b in zip(given, shape, strict=True))
        if not fits:
            raise InputError(f"{name}: an array of shape {given}, expected ({', '.join(map(str, shape))})")
        if not np.all(np.isfinite(array)):
            raise InputError(f"{name}: not all values are finite numbers")
    if len({len(field) for field in fields.values()}) > 1:
        raise InputError("loads and collar_values are not equally many")
    if chosen.dtype != bool:
        raise InputError(f"the mask of points: of {chosen.dtype}, expected true or false for each point")
    if not chosen.any():
        raise InputError("no point is free: there is nothing to solve for")
    if not ranks <= np.sum(chosen):
        raise InputError(
            f"{np.sum(chosen)} free points cannot be shared among {ranks} ranks; use fewer ranks"
        )


def _require_balance(loads: Floats, imbalance: float) -> None:
    """Refuse loads that push a whole periodic box; shapes are looked at later."""
    if loads.ndim != 3 or not np.isfinite(loads).all():
        return
    # by the largest first: sums of tiny or huge numbers would lose theirs
    tiny = np.finfo(float).tiny
    scaled = loads / np.maximum(np.abs(loads).max(axis=(1, 2), initial=0.0, keepdims=True), tiny)
    resultant = np.linalg.norm(scaled.sum(axis=1), axis=-1)
    share = resultant / np.maximum(np.linalg.norm(scaled, axis=-1).sum(axis=-1), tiny)
    if share.size and share.max() > imbalance:
        raise InputError(
            f"loads: those of sample {share.argmax()} are not in equilibrium: their resultant is "
            f"{share.max():.2g} of the sum of their sizes, at most {imbalance:g} is allowed, and nothing "
            "holds a periodic box; subtract their mean, or give imbalance = 1 to have it subtracted here"
        )


def indefinite(evidence: str) -> str:
    """What to say of an operator that is not positive."""
    return (
        f"the operator is not positive definite ({evidence}): some displacement of these points has negative "
        "energy, so the equilibrium is not unique or not stable; the influence function changes sign too "
        "strongly, or λ + 2μ or μ is not positive: learn it with the solvability constraints "
        "[You2022, eqs. 4.3-4.5] on this grid"
    )
