"""What a user would take instead of a learned model, on the same samples and with the same norms."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.files import write_json
from ...core.parallel import on_root
from ...fields.fieldset import FieldSet
from ...lps import disc, fieldsets, local, stencil, symbol
from ...lps.bernstein import Bernstein
from ...lps.learn import spectral
from ...lps.material import LinearPeridynamicSolid
from .input import Solve
from .problems import evaluate

Array = NDArray[np.float64]
Operator = Callable[[Array, Array], Array]

TITLES = {
    "classical": "classical elasticity, LAMMPS's λ, μ",
    "gradient": "gradient elasticity, 4 fitted",
    "finite_differences": "differences, 2nd order, LAMMPS's λ, μ",
    "lps_inverse_r": "LPS, K = 1/r, LAMMPS's λ, μ",
}
"""Rows of the tables, in their order."""

# horizons of K = 1/r in node spacings, a little beyond whole ones so that no bond length falls on the edge
_REACHES = (2.3, 3.015, 4.015, 5.015, 6.015)


def write(
    comm: MPI.Comm,
    path: Path,
    fields: Mapping[str, FieldSet],
    lame: tuple[float, float],
    inner: float,
    settings: Solve,
) -> None:
    """Write baselines.json: :func:`measure`, of every model its errors (collective)."""
    measured = measure(comm, fields, lame, inner, settings)
    on_root(comm, lambda: write_json(path, measured))


def measure(
    comm: MPI.Comm,
    fields: Mapping[str, FieldSet],
    lame: tuple[float, float],
    inner: float,
    settings: Solve,
) -> dict[str, dict[str, Any]]:
    """Errors of the models that need no learning, or four constants (collective).

    Args:
        comm: the ranks that solve the peridynamic disc.
        fields: ``train`` and ``val``, periodic, and ``test``, the disc.
        lame: λ and μ from LAMMPS (TPa).
        inner: radius inside which the disc is solved (Å).
        settings: of the solver.

    Returns:
        For each name of :data:`TITLES` ``E_res_train``, ``E_u_train``, ``E_res_val``, ``E_u_val`` and
        ``E_u_test`` (relative ℓ² norms, means over samples), and the constants that it has.
    """
    samples = {name: fieldsets.transformed(fields[name], name) for name in ("train", "val")}
    test = fields["test"]
    inside = np.hypot(*test.nodes.T) < inner
    grid = disc.lattice(test.nodes, test.spacing, inside)
    classical = local.GradientElasticity.classical(*lame)
    gradient = local.fitted([samples["train"]], gradients=True)
    solid = _inverse_r(fields, samples["train"], lame, inner)

    def off(u: Array) -> float:
        errors = np.linalg.norm((u - test.u)[:, inside], axis=(1, 2))
        return float(np.mean(errors / np.linalg.norm(test.u[:, inside], axis=(1, 2))))

    def continuum(elasticity: local.GradientElasticity) -> dict[str, Any]:
        solved = disc.converged(elasticity, grid, inner, test.b, test.u)
        return _of_waves(elasticity.symbol, samples) | {"E_u_test": off(solved)}

    def differences(wavevectors: Array, spacing: Array) -> Array:
        return local.difference_symbol(*lame, wavevectors, spacing)

    return {
        "classical": continuum(classical) | {"lambda_TPa": lame[0], "mu_TPa": lame[1]},
        "gradient": continuum(gradient)
        | {
            "longitudinal_TPa": gradient.longitudinal,
            "transverse_TPa": gradient.transverse,
            "longitudinal_length2_A2": gradient.longitudinal_length2,
            "transverse_length2_A2": gradient.transverse_length2,
        },
        "finite_differences": _of_waves(differences, samples)
        | {"E_u_test": off(disc.differences(*lame, grid, test.b, test.u))},
        "lps_inverse_r": _of_waves(symbol_of(solid), samples)
        | {
            "E_u_test": float(evaluate(comm, test, solid, settings, inner, "test").E_u.mean()),
            "delta_A": solid.influence.horizon,
        },
    }


def _of_waves(operator: Operator, samples: Mapping[str, spectral.Samples]) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    for name, waves in samples.items():
        residual, solution = spectral.errors(operator(waves.wavevectors, waves.spacing), waves)
        errors |= {f"E_res_{name}": float(residual.mean()), f"E_u_{name}": float(solution.mean())}
    return errors


def symbol_of(solid: LinearPeridynamicSolid) -> Operator:
    """L(k) of a peridynamic solid, on the grid of the spacing that it is asked for."""

    def operator(wavevectors: Array, spacing: Array) -> Array:
        grid = stencil.uniform(
            (float(spacing[0]), float(spacing[1])), solid.influence.horizon, solid.quadrature
        )
        return symbol.operator(solid, symbol.rings(grid, wavevectors))

    return operator


def _inverse_r(
    fields: Mapping[str, FieldSet], train: spectral.Samples, lame: tuple[float, float], inner: float
) -> LinearPeridynamicSolid:
    """K = 1/r with the horizon, of a few, that leaves the smallest residual on the training samples."""
    spacing = max(*fields["train"].spacing, *fields["test"].spacing)
    # no bond may reach around the box, and the disc's collar must hold two horizons
    room = min(
        *(0.499 * min(fields[name].box) for name in ("train", "val")),
        0.5 * (np.hypot(*fields["test"].nodes.T).max() - inner),
    )
    horizons = [reach * spacing for reach in _REACHES if reach * spacing < room] or [1.5 * spacing]
    first = LinearPeridynamicSolid(Bernstein(horizons[0], np.ones(1), (1.0,)), *lame)

    def residual(solid: LinearPeridynamicSolid) -> float:
        return float(_of_waves(symbol_of(solid), {"train": train})["E_res_train"])

    solids = [replace(first, influence=replace(first.influence, horizon=horizon)) for horizon in horizons]
    return min(solids, key=residual)
