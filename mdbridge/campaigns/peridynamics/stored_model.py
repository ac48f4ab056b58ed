"""A model as it is stored, in the units of its data, and what is known of it on nodes of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from ...core import stages
from ...core.errors import FileError, InputError, SolvabilityError
from ...core.files import digest, read_json
from ...core.workspace import Workspace, read_manifest
from ...lps import moduli, stability, stencil, symbol
from ...lps.coupling import nonlocal_nodes
from ...lps.geometry import Body
from ...lps.material import LinearPeridynamicSolid
from ...lps.operator import OperatorRows, operator_rows

_OFF = 0.02  # of L: what differs more on other nodes is another material
_PATCH = 300  # scattered nodes whose energies are looked at
_STIFF = 10.0  # times the continuum's: learned functions have up to 5 where there were data
_WAVE = 8.0  # node spacings in the shortest wave that is asked for


@dataclass(frozen=True)
class Model:
    """A stored model in the units of the data that it was learned from.

    Attributes:
        spacings: node spacings that it was learned on.
        length, modulus: names of the units.
    """

    material: LinearPeridynamicSolid
    spacings: list[list[float]]
    length: str
    modulus: str
    key: str


def read_model(campaign: ModuleType, source: Path, out: Path, overrides: Sequence[str]) -> Model:
    """The model in a folder of results.

    Raises:
        FileError: there is none, or it was learned from another input.
    """
    path = out / "model.json"
    if not path.is_file():
        raise FileError(f"{path}: no such file; run 'mdbridge learn {source} --out {out}' first")
    workspace = Workspace(out, getattr(campaign, "CAMPAIGN", ""))
    # a model that somebody put there has no record, and is taken as it is
    if workspace.owner(path.name) is not None:
        # what the command line said when it was learned (--data, --set) is part of its input
        said = [*read_manifest(out)["overrides"], *overrides]
        for piece in campaign.plan_of(source, said, workspace):
            if isinstance(piece, stages.Product) and path.name in piece.files:
                stages.require(workspace, piece, "mdbridge learn")
    return of_json(read_json(path), str(path))


def of_json(stored: dict[str, Any], source: str) -> Model:
    """A model from the contents of model.json, in the units of its data.

    Raises:
        InputError: it is no model.
    """
    material = LinearPeridynamicSolid.from_dict(stored, source)
    if not np.isfinite([material.lame_lambda, material.lame_mu]).all():
        raise InputError(f"{source}: lambda_TPa and mu_TPa must be finite numbers")
    beside = {name: stored[name] for name in _Beside.model_fields if stored.get(name) is not None}
    try:
        read = _Beside.model_validate(beside)
    except ValidationError as error:
        # of pydantic's many lines the first that says something
        told = error.errors()[0]
        place = ".".join(map(str, told["loc"]))
        raise InputError(f"{source}: '{place}': {told['msg']}; see --to json-schema of export") from error
    units, grids = read.units, read.certificates
    length, modulus = units.length_A, units.modulus_TPa
    own = material.own_dilatation
    # K is that of the same shape: a factor cancels against the weighted volume
    scaled = replace(
        material,
        influence=replace(material.influence, horizon=material.influence.horizon / length),
        own_dilatation=None if own is None else replace(own, horizon=own.horizon / length),
        lame_lambda=material.lame_lambda / modulus,
        lame_mu=material.lame_mu / modulus,
    )
    spacings = [[h / length for h in grid.spacing] for grid in grids if grid.spacing]
    return Model(scaled, spacings, units.length, units.modulus, digest(stored))


class _Grid(BaseModel):
    """What is read of a certificate."""

    spacing: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = None


class _Units(BaseModel):
    """Units of the data, by name and in ours: a name without its factor would be a factor of one."""

    length: str = "angstrom"
    modulus: str = "TPa"
    length_A: float = Field(1.0, gt=0, allow_inf_nan=False)
    modulus_TPa: float = Field(1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _both(self) -> "_Units":
        for name, factor, own in (("length", "length_A", "angstrom"), ("modulus", "modulus_TPa", "TPa")):
            given = self.model_fields_set
            if name in given and factor not in given and getattr(self, name) != own:
                raise ValueError(f"has {name} = {getattr(self, name)!r}, but not the factor {factor}")
        return self


class _Beside(BaseModel):
    """What stands in model.json beside the material itself, as far as it is read."""

    units: _Units = _Units()
    certificates: list[_Grid] = []


def check_spacing(model: Model, spacing: Sequence[float]) -> tuple[float, str]:
    """The smallest energy of a wave on nodes ``spacing`` apart, over κ² (μ in the continuum), and a remark.

    On such nodes the model must be what it was learned to be: L of waves of eight node spacings and more
    that of the nearest nodes that it was learned on.

    Raises:
        SolvabilityError: some wave has negative energy there.
        InputError: the horizon holds too few or too many nodes; the model is another material there.
    """
    hx, hy = map(float, spacing)
    material = model.material
    # also on the grid that it was learned on: a model without certificate may be any
    grid = stencil.uniform((hx, hy), material.influence.horizon, material.quadrature)
    lowest = stability.require_positive(material, grid)
    stiff = stiff_waves(material, grid, model.length)
    if any(np.allclose((hx, hy), known, rtol=1e-3) for known in model.spacings):
        return lowest, stiff
    if not model.spacings:
        return lowest, "; ".join(filter(None, [_moduli_remark(model, grid), stiff]))
    nearest = min(model.spacings, key=lambda known: float(np.abs(np.log(np.divide(known, spacing))).max()))
    learned = stencil.uniform((nearest[0], nearest[1]), material.influence.horizon, material.quadrature)
    shortest = _WAVE * max(hx, hy, *nearest)
    off = symbol.departure(material, grid, learned, shortest)
    if off > _OFF:
        listed = ", ".join(f"{a:.4g} × {b:.4g}" for a, b in model.spacings)
        raise InputError(
            f"on nodes {hx:.4g} × {hy:.4g} {model.length} apart the model is another material: for waves of "
            f"{shortest:.3g} {model.length} and longer its operator is off by {off:.1%} from that on the "
            f"nodes that it was learned on ({listed}); use these, or learn it with learn.also_on = "
            f"[[{hx:.6g}, {hy:.6g}]]"
        )
    return lowest, stiff


def stiff_waves(
    material: LinearPeridynamicSolid, grid: stencil.Stencil, unit: str, in_units: float = 1.0
) -> str:
    """What there is to say of a model that makes of waves, which its data never had, a far stiffer material.

    Args:
        unit: of lengths.
        in_units: what the grid's and the material's own lengths are divided by to be in it.
    """
    over, length = stability.stiffest(material, grid)
    if over < _STIFF:
        return ""
    hx, hy, length = (value / in_units for value in (*grid.spacing, length))
    remedy = " without learn.own_dilatation, or" if material.own_dilatation is not None else ""
    return (
        f"on nodes {hx:.4g} × {hy:.4g} {unit} apart the model is {over:.0f} times as stiff as the continuum "
        f"for waves of {length:.3g} {unit}, of which the data that it was learned from say nothing: problems "
        f"may not converge there; use the nodes of the data, or learn it{remedy} from data with such waves"
    )


def check_points(model: Model, body: Body) -> tuple[float, str]:
    """The smallest energy of a displacement of scattered nodes, over that of a wave as long; and in words.

    It is looked for on a patch of them, and the words say of how many.  Of the others it tells as far as they
    are like those.

    Raises:
        SolvabilityError: it is negative.
        InputError: the model's moduli are others on these nodes.
    """
    material = model.material
    deep = np.flatnonzero(nonlocal_nodes(body, material.influence.horizon))
    if not len(deep):
        return np.inf, "no node has all of its neighbours: of the model's energies nothing can be told"
    # a Dirichlet problem on part of the nodes is a compression of that on all of them
    away = np.hypot(*(body.points[deep] - body.points[deep[np.argmax(body.depth[deep])]]).T)
    patch = np.sort(deep[np.argsort(away, kind="stable")[:_PATCH]])
    rows = operator_rows(body.points, None, material, patch)
    _require_moduli(model, rows)
    matrix = rows.restrict(np.isin(rows.columns, patch)).matrix().toarray() / material.lame_mu
    wave = (2 * np.pi / float(np.ptp(body.points[patch], axis=0).max(initial=body.spacing))) ** 2
    lowest = float(np.linalg.eigvals(matrix).real.min()) / wave
    if not lowest > 0:
        raise SolvabilityError(
            "on these scattered nodes the operator is not positive: some displacement has an energy of "
            f"{lowest:.3g} of that of a long wave; use a lattice (domain.outline, domain.spacing), or learn "
            "the model from data on nodes as scattered as these"
        )
    words = (
        f"the smallest energy of a displacement is {lowest:.2g} of that of a long wave, looked for on "
        f"{len(patch)} of the {len(body.points)} scattered nodes"
    )
    return lowest * material.lame_mu, words


def _require_moduli(model: Model, rows: OperatorRows) -> None:
    """Refuse nodes on which a quadrature makes other moduli of K, from one node to another."""
    lam, mu = model.material.lame_lambda, model.material.lame_mu
    assert rows.moduli is not None
    meant = {"C11": lam + 2 * mu, "C22": lam + 2 * mu, "C12": lam, "C66": mu}
    of_rows = rows.moduli._asdict()
    off = max(float(np.abs(of_rows[name] - meant[name]).max()) for name in meant) / (abs(lam) + 2 * mu)
    if off > _OFF:
        shown = ", ".join(f"{name} = {v.min():.4g} … {v.max():.4g}" for name, v in of_rows.items())
        raise InputError(
            f"on these scattered nodes the model's moduli are {shown} {model.modulus}, from node to node, "
            f"for λ = {lam:.4g}, μ = {mu:.4g}: its quadrature '{model.material.quadrature}' is for lattices; "
            "use one (domain.outline, domain.spacing), or learn it with learn.quadrature = 'consistent'"
        )


def _moduli_remark(model: Model, grid: stencil.Stencil) -> str:
    """Of a model that does not say which nodes it is for: its moduli there, where they are not λ and μ."""
    material, (hx, hy) = model.material, grid.spacing
    constants = moduli.of_grid(material, grid)
    lam, mu = material.lame_lambda, material.lame_mu
    meant = {"C11": lam + 2 * mu, "C22": lam + 2 * mu, "C12": lam, "C66": mu}
    # a small C12 is compared with the others: its own relative error says nothing
    off = max(abs(constants[name] - meant[name]) for name in meant) / (abs(lam) + 2 * mu)
    if off <= _OFF:
        return ""
    shown = ", ".join(f"{name} = {constants[name]:.4g} for {meant[name]:.4g}" for name in meant)
    return (
        f"on nodes {hx:.4g} × {hy:.4g} {model.length} apart the model's moduli are {shown} {model.modulus}: "
        "results are those of a solid with these moduli"
    )
