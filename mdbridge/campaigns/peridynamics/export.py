"""A model for programs that know nothing of this one: 'mdbridge export'.

``table``
    Plain text: constants, the bonds of a grid with their strengths, and K(r)/m at many distances.  The
    bonds are all that L needs on that grid: :mod:`inputs/examples/read_table.py` applies it in 40 lines.
``json-schema``
    What stands in model.json, as a JSON schema.
``peridynamics.jl``
    K and the constants as Julia source for Peridynamics.jl's ordinary state-based material.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ... import __version__
from ...core import store
from ...core.errors import InputError
from ...core.files import read_json, write_json, write_text
from ...lps import families, moduli, quadrature, stencil
from ...lps.families import FAMILIES
from ...lps.kernel import share
from ...lps.stencil import Stencil
from .stored_model import Model, check_spacing, of_json

Floats = NDArray[np.float64]

_DISTANCES = 400  # of the tabulated K(r)/m
_COLUMNS = ("i", "j", "x", "y", "dilatation", "deviatoric")


_KERNELS = "; ".join(
    f"{name!r}: {' '.join((kernel.__doc__ or '').split())}" for name, kernel in FAMILIES.items()
)
_NAMES: dict[str, Any] = {"enum": [*FAMILIES]}


class StoredModel(BaseModel):
    """model.json: a linear peridynamic solid, with lengths in Å and moduli in TPa whatever the data's units.

    L u = (λ − μ) V u + μ Γ u, with θ_i = 2 Σ_j s_θ z·(u_j − u_i), V u = −2 Σ_j s_θ z (θ_i + θ_j) and
    Γ u = −16 Σ_j s (z ⊗ z/|z|²)(u_j − u_i); s = K W/m of each bond z, m = Σ K W |z|², and s_θ likewise with
    the dilatation's own K where there is one.
    """

    model_config = ConfigDict(title="model.json of mdbridge", extra="allow")

    lambda_TPa: float = Field(description="λ, the two-dimensional Lamé constant (C12), in TPa")
    mu_TPa: float = Field(description="μ, the shear modulus (C66), in TPa")
    delta_A: float = Field(gt=0, description="δ, the horizon, in Å")
    kernel: str = Field(families.DEFAULT, description=f"family of K; {_KERNELS}", json_schema_extra=_NAMES)
    alpha: float | None = Field(None, description="shape parameter of the families that have it")
    D: list[float] = Field(min_length=1, description="M + 1 coefficients; a common factor has no meaning")
    M: int | None = Field(None, ge=0, description="for people: one less than the number of coefficients")
    quadrature: str = Field(
        quadrature.PUBLISHED,
        description="how K W follows from K; λ and μ are moduli only together with it",
        json_schema_extra={"enum": [*quadrature.QUADRATURES]},
    )
    dilatation_kernel: str | None = Field(
        None, description="family of the dilatation's own K, where there is one", json_schema_extra=_NAMES
    )
    dilatation_alpha: float | None = Field(None, description="as alpha, of the dilatation's K")
    dilatation_D: list[float] | None = Field(None, description="as D, of the dilatation's K")
    E_TPa: float | None = Field(None, description="for people: Young's modulus 4 μ (λ + μ)/(λ + 2 μ)")
    nu: float | None = Field(None, description="for people: Poisson's ratio λ/(λ + 2 μ)")
    units: dict[str, Any] | None = Field(
        None,
        description="units of the data that it was learned from: names (length, modulus) and factors "
        "(length_A in Å, modulus_TPa in TPa); Å and TPa where absent",
    )
    certificates: list[dict[str, Any]] | None = Field(
        None, description="for each grid that it was learned on: spacing (Å) and the smallest eigenvalues"
    )


def export(path: Path, to: str, target: Path | None, spacing: list[float] | None) -> Path:
    """Write a model in another form; returns where.

    Args:
        path: of model.json.
        to: one of :data:`FORMATS`.
        target: file to write; beside the model, by a name of its own, if not given.
        spacing: of the table's grid, in the model's own unit; the first that it was learned on if not given.

    Raises:
        InputError: there is no such form, the file is no model, or no grid is known.
        FileError: a file cannot be read or written.
    """
    if to not in FORMATS:
        raise InputError(
            f"--to {to}: must be one of {', '.join(FORMATS)}, or vtk for the fields of an .h5 file"
        )
    name, write = FORMATS[to]
    # not that it is damaged: nothing is wrong with it
    if store.is_hdf5(path):
        raise InputError(f"{path}: holds fields, and no model; --to vtk writes them for ParaView")
    stored = read_json(path)
    model = of_json(stored, str(path))
    if spacing is not None and (len(spacing) != 2 or not all(0 < h < np.inf for h in spacing)):
        raise InputError(f"--spacing {spacing}: two positive lengths")
    if spacing is None and model.spacings:
        spacing = model.spacings[0]
    # beside the model, where it is looked for first
    target = path.parent / name if target is None else target
    write(target, model, spacing, str(path))
    return target


def _table(path: Path, model: Model, spacing: list[float] | None, source: str) -> None:
    material = model.material
    grid = _grid(model, spacing, source)
    # a model with waves of negative energy, or another than was learned, must not leave the house as a solid
    check_spacing(model, grid.spacing.tolist())
    # of the dilatation, then of the deviatoric part: the same where the model has one function
    volumetric, deviatoric = (
        grid.strength @ share(influence(grid.radii), grid.volume)
        for influence in (material.dilatation_influence, material.influence)
    )
    constants = {
        "lambda": material.lame_lambda,
        "mu": material.lame_mu,
        "horizon": material.influence.horizon,
        "spacing_x": grid.spacing[0],
        "spacing_y": grid.spacing[1],
        **moduli.of_grid(material, grid),
    }
    # 17 digits bring every number back as it was
    lines = [
        f"# mdbridge {__version__}: a linear peridynamic solid on a rectangular grid",
        f"# length_unit = {model.length}",
        f"# modulus_unit = {model.modulus}",
        *(f"# {key} = {value:.17g}" for key, value in constants.items()),
        "# L u = (lambda - mu) V u + mu G u at each node, sums over the bonds z = (x, y) to the nodes (i, "
        "j) away:",
        "#   theta = 2 sum dilatation z.(u' - u)       V u = -2 sum dilatation z (theta + theta')",
        "#   G u = -16 sum deviatoric (z z^T/|z|^2) (u' - u)      dilatation, deviatoric = K W/m of each "
        "bond",
        "# lambda, mu: of the model; C11, C22, C12, C66: what the sums over these bonds make of long waves",
        "# bonds: " + " ".join(_COLUMNS),
    ]
    for index, z, *strengths in zip(grid.index, grid.offsets, volumetric, deviatoric, strict=True):
        lines.append(" ".join([*map(str, index), *(f"{value:.17g}" for value in (*z, *strengths))]))
    # from the shortest bond on: nearer K may run away
    r = np.linspace(float(grid.radii[0]), material.influence.horizon, _DISTANCES)
    curves = [
        influence(r) / (grid.volume @ influence(grid.radii))
        for influence in (material.dilatation_influence, material.influence)
    ]
    lines.append(
        "# influence: r K/m of the dilatation, K/m of the deviatoric part (per length to the fourth)"
    )
    lines += [" ".join(f"{value:.17g}" for value in row) for row in zip(r, *curves, strict=True)]
    write_text(path, "\n".join(lines) + "\n")


def _schema(path: Path, model: Model, spacing: list[float] | None, source: str) -> None:
    # the model itself is read all the same: what is no model gets no schema
    write_json(
        path, StoredModel.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    )


def _julia(path: Path, model: Model, spacing: list[float] | None, source: str) -> None:
    material = model.material
    if material.own_dilatation is not None:
        raise InputError(
            f"{source}: its dilatation has an influence function of its own, and Peridynamics.jl's "
            "material has "
            "only a single one; learn one with learn.own_dilatation = false, or export a table"
        )
    horizon = material.influence.horizon
    # from the shortest bond: nearer K may run away, and nothing asks for it
    first = float(_grid(model, spacing, source).radii[0])
    s = np.linspace(first / horizon, 1.0, _DISTANCES)
    # a common factor has no meaning: Peridynamics.jl divides by a weighted volume, too
    values = material.influence(s * horizon)
    listed = ",\n    ".join(", ".join(f"{value:.12g}" for value in row) for row in np.array_split(values, 80))
    write_text(
        path,
        f"""# Written by mdbridge {__version__}: a learned influence function for Peridynamics.jl.
# Lengths in {model.length}, moduli in {model.modulus}.  Young's modulus and Poisson's ratio are those of a
# two-dimensional solid: of a sheet of one layer of points, one spacing h thick, with E_3D = E_2D/h where the
# model is one of force per length.  Peridynamics.jl weighs bonds by volumes of points and has the constants
# of three dimensions, so its stiffness is not exactly the learned one: calibrate E on a bar under tension.
using Peridynamics

const MDBRIDGE_HORIZON = {horizon:.12g}
const MDBRIDGE_E = {material.young:.12g}
const MDBRIDGE_NU = {material.poisson:.12g}
const MDBRIDGE_FIRST = {s[0]:.12g}  # of the horizon: the shortest bond that was learned
const MDBRIDGE_K = [
    {listed},
]

function mdbridge_kernel(δ, L)
    s = clamp((L / δ - MDBRIDGE_FIRST) / (1 - MDBRIDGE_FIRST), 0.0, 1.0) * (length(MDBRIDGE_K) - 1)
    i = min(floor(Int, s), length(MDBRIDGE_K) - 2)
    return (1 - (s - i)) * MDBRIDGE_K[i + 1] + (s - i) * MDBRIDGE_K[i + 2]
end

# material = OSBMaterial(; kernel = mdbridge_kernel)
# body = Body(material, positions, volumes)
# material!(body; horizon = MDBRIDGE_HORIZON, E = MDBRIDGE_E, nu = MDBRIDGE_NU, rho = ..., Gc = ...)
""",
    )


def _grid(model: Model, spacing: list[float] | None, source: str) -> Stencil:
    if spacing is None:
        raise InputError(f"{source}: does not say which grid it was learned on; give --spacing HX HY")
    hx, hy = spacing
    return stencil.uniform((hx, hy), model.material.influence.horizon, model.material.quadrature)


FORMATS: dict[str, tuple[str, Callable[[Path, Model, list[float] | None, str], None]]] = {
    "table": ("model_table.txt", _table),
    "json-schema": ("model_schema.json", _schema),
    "peridynamics.jl": ("model_peridynamics.jl", _julia),
}
"""Names of forms: the file's usual name, and what writes it."""
