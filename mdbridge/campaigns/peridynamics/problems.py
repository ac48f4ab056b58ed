"""The boundary-value problems of the graphene samples, solved with a learned model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.errors import InputError
from ...fields.fieldset import FieldSet
from ...lps import solver
from ...lps.material import LinearPeridynamicSolid
from .input import Solve

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Solved:
    """What the learned model gives under the s loads of a split, on its n nodes.

    Attributes:
        u: ``s x n x 2`` displacements (Å).
        inside: ``n``, where errors are taken.
        E_u: ``s`` relative errors of the displacement.
        E_res: ``s`` errors of the load: relative, or absolute (TPa/Å) on the disc.
        iterations: ``s``, of the solver.
    """

    u: Array
    inside: NDArray[np.bool_]
    E_u: Array
    E_res: Array
    iterations: NDArray[np.int64]


def evaluate(
    comm: MPI.Comm,
    fields: FieldSet,
    material: LinearPeridynamicSolid,
    settings: Solve,
    inner: float,
    name: str,
) -> Solved:
    """Solve the problems of all samples of a set and compare with the MD (collective).

    The periodic sheet is solved as it is, the free disc inside ``inner`` (Å) with the
    MD's displacements around it.

    Args:
        name: of the set, for errors.

    Raises:
        InputError: the nodes of the disc do not reach two horizons around what is solved.
    """
    options: solver.KrylovOptions = {
        "rtol": settings.relative_tolerance,
        "max_iterations": settings.max_iterations,
    }
    if fields.shape is not None:
        # the stage that made or read the data has said what resultant they may have
        solution = solver.solve_periodic(
            comm, fields.nodes, fields.box, material, fields.b, imbalance=1.0, **options
        )
        inside = np.ones(len(fields.nodes), dtype=bool)
        # nothing holds the sheet, so that its mean displacement is no answer to the load
        truth = fields.u - fields.u.mean(axis=1, keepdims=True)
        applied = solver.apply(comm, fields.nodes, material, fields.u, fields.box)
    else:
        inside = np.hypot(*fields.nodes.T) < inner
        _check_collar(fields, inside, material.influence.horizon, name)
        solution = solver.solve_dirichlet(comm, fields.nodes, inside, material, fields.b, fields.u, **options)
        truth = fields.u
        applied = solver.apply(comm, fields.nodes, material, fields.u, at=inside)
    residual = _norm((applied - fields.b)[:, inside])
    return Solved(
        u=solution.displacement,
        inside=inside,
        E_u=_norm((solution.displacement - truth)[:, inside]) / _norm(truth[:, inside]),
        # the disc carries no load inside: there is nothing to divide by
        E_res=residual / _norm(fields.b[:, inside]) if fields.shape is not None else residual,
        iterations=solution.iterations,
    )


def check_grid(certificates: Sequence[dict[str, Any]], fields: FieldSet, name: str) -> None:
    """Refuse nodes on which the model was neither learned nor certified.

    Raises:
        InputError: shows the spacings of both.
    """
    known = [tuple(certificate["spacing"]) for certificate in certificates]
    if not any(np.allclose(fields.spacing, spacing, rtol=1e-3) for spacing in known):
        listed = ", ".join(f"{x:.4g} × {y:.4g}" for x, y in known)
        raise InputError(
            f"the nodes of '{name}' are {fields.spacing[0]:.4g} × {fields.spacing[1]:.4g} Å apart, but the "
            f"model is for nodes {listed} Å apart: a model belongs to its node spacing; learn it on these"
        )


def _check_collar(fields: FieldSet, inside: NDArray[np.bool_], horizon: float, name: str) -> None:
    reach = np.hypot(*fields.nodes[inside].T).max() + 2 * horizon
    covered = np.hypot(*fields.nodes.T).max()
    if covered < reach:
        raise InputError(
            f"{name}: nodes reach {covered:.1f} Å, but a horizon of {horizon:g} Å needs values "
            f"up to {reach:.1f} Å; learn with a shorter horizon or sample a larger disc"
        )


def _norm(values: Array) -> Array:
    return np.sqrt((values**2).sum(axis=(1, 2)))
