"""Parts of the study that need one set of data at most: manufactured solutions, scattered nodes."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.identity import Identity
from ...core.stages import Task
from ...fields.fieldset import FieldSet
from ...lps import families, stencil
from ...lps.bernstein import Bernstein
from ...lps.kernel import InfluenceFunction
from ...lps.learn import local, manufactured
from ...lps.material import LinearPeridynamicSolid
from ..peridynamics import learning, published
from ..peridynamics.input import GrapheneInput, Learn
from ..peridynamics.learning import Fields
from .input import Manufactured, Scattered, StudyInput

Array = NDArray[np.float64]
Result = dict[str, Any]

TRUE_LAME = (0.1010, 0.4545)  # of [You2022, sec. 5]


def check_campaigns(zero: GrapheneInput, warm: GrapheneInput, source: Path) -> None:
    """Refuse campaigns that are not what the study takes them for, or cannot be compared.

    Raises:
        InputError: names the key and both values.
    """
    if zero.thermal is not None:
        raise InputError(f"{source}: 'campaigns.zero' has a section [thermal]; it must be a campaign at rest")
    if warm.thermal is None:
        raise InputError(f"{source}: 'campaigns.warm' has no section [thermal]; it must have one")
    if warm.thermal.noise != "shared":
        raise InputError(
            f"{source}: 'campaigns.warm' has 'thermal.noise' = '{warm.thermal.noise}'; the study sets data "
            "with and without the twin side by side, which 'shared' alone gives"
        )
    for name, campaign, label in (("zero", zero, "0K"), ("warm", warm, "300K")):
        if published.label(campaign) != label:
            raise InputError(
                f"{source}: 'campaigns.{name}' is not of the paper's system, whose numbers the study sets "
                f"beside its own: graphene with Tersoff's carbon (SiC.tersoff) at {label[:-1]} K; "
                "a campaign of its own ('mdbridge run') takes any other"
            )
    for section, key in (
        ("md", "cells"),
        ("coarse", "spacing_A"),
        ("coarse", "radius_A"),
    ):
        cold, hot = (getattr(getattr(c, section), key) for c in (zero, warm))
        if cold != hot:
            raise InputError(
                f"{source}: '{section}.{key}' is {cold} in the campaign at rest and {hot} in the warm one; "
                "the study compares them, so they must be equal"
            )


def check_no_twin(warm: GrapheneInput, alone: GrapheneInput, source: Path) -> None:
    """Refuse a campaign without a twin that is not of the same crystal, nodes and loads, or has one.

    Raises:
        InputError: names the key and both values.
    """
    if alone.thermal is None or alone.thermal.noise != "each":
        noise = "no section [thermal]" if alone.thermal is None else "'thermal.noise' = 'shared'"
        raise InputError(
            f"{source}: 'campaigns.no_twin' has {noise}; it must have thermal.noise = \"each\", noise of its "
            'own for each load, or be left out (campaigns.no_twin = "")'
        )
    assert warm.thermal is not None
    pairs = [(f"md.{key}", getattr(warm.md, key), getattr(alone.md, key)) for key in _SAME_ATOMS]
    pairs += [
        (f"coarse.{key}", getattr(warm.coarse, key), getattr(alone.coarse, key))
        for key in ("spacing_A", "radius_A")
    ]
    pairs.append(("thermal.temperature_K", warm.thermal.temperature_K, alone.thermal.temperature_K))
    for key, value, its_own in pairs:
        if value != its_own:
            raise InputError(
                f"{source}: '{key}' is {value} in 'campaigns.warm' and {its_own} in 'campaigns.no_twin'; "
                "the study compares them, so they must be equal"
            )


_SAME_ATOMS = ("crystal", "cells", "max_bond_strain", "disc_radius_A")


# --- section 5 ------------------------------------------------------------------


def manufactured_tasks(config: StudyInput) -> dict[str, Task[MPI.Comm]]:
    """One task for each node spacing and kind of quadrature."""
    settings = config.manufactured
    read = [f"manufactured.{name}" for name in ("degrees", "horizon_A", "length_A")]
    tasks: dict[str, Task[MPI.Comm]] = {}
    for spacing in settings.spacings_A:
        for short, quadrature in (("published", "published"), ("cell", "near-cell")):
            name = f"manufactured-{spacing:g}-{short}"
            further: dict[str, Any] = {"spacing_A": spacing, "quadrature": quadrature}
            identity = Identity.of("study: manufactured", config, read, **further)
            work = partial(_manufactured, settings, spacing, quadrature)
            tasks[name] = Task(name, identity, lambda *_, work=work: work(), 15.0)
    return tasks


def _manufactured(settings: Manufactured, spacing: float, quadrature: str) -> Result:
    """Losses of the learned and of the true K = 1/r, and the learned ones themselves."""
    horizon = settings.horizon_A
    exact = partial(manufactured.continuum_symbol, lambda r: 1 / r, horizon, TRUE_LAME)
    samples = manufactured.standing_waves(spacing, settings.length_A, 0.1, exact)
    grid = stencil.uniform((spacing, spacing), horizon, quadrature)
    truth = LinearPeridynamicSolid(Bernstein(horizon, np.ones(1), (1.0,)), *TRUE_LAME, quadrature=quadrature)
    # not from 0, where 1/r is infinite
    r = np.linspace(0.02, 1.0, 50) * horizon
    learned: dict[str, Any] = {}
    held: dict[str, dict[str, float]] = {"fixed": {"alpha": 1.0}, "learned": {}}
    # each degree starts from the last one's function: the loss can only fall with M, as it must
    for kind, shape in held.items():
        rows: list[dict[str, Any]] = []
        start: InfluenceFunction | None = None
        for degree in sorted(settings.degrees):
            model, loss = manufactured.learn_positive(samples, grid, degree, shape, start)
            start = model.influence
            rows.append(
                {
                    "M": degree,
                    "loss": loss,
                    "lambda": model.lame_lambda,
                    "mu": model.lame_mu,
                    "alpha": model.influence.shape[0],
                    "K": _normalised(model.influence(r), r),
                }
            )
        learned[kind] = rows
    # the quadrature's own weight at each bond length: K W/h² is what the operator sees
    weight = np.bincount(grid.ring, grid.weights) / np.bincount(grid.ring) / spacing**2
    return {
        "true_loss": manufactured.mean_residual(truth, samples, grid),
        "learned": learned,
        "r": r.tolist(),
        "true_K": _normalised(1 / r, r),
        "ring_radii": grid.radii.tolist(),
        "ring_weight": weight.tolist(),
    }


def _normalised(values: Array, r: Array) -> list[float]:
    """Divided by ∫ K r³ dr: only the shape of K matters."""
    return (values / np.trapezoid(values * r**3, r)).tolist()


# --- scattered nodes ------------------------------------------------------------


def scattered_tasks(config: StudyInput, fields: Fields, data: Identity) -> dict[str, Task[MPI.Comm]]:
    """Learning on the uniform and on perturbed nodes, and using either model on the other."""
    settings = config.scattered
    read = [f"scattered.{name}" for name in ("horizon_A", "degree", "samples", "seed")]
    tasks: dict[str, Task[MPI.Comm]] = {}
    for size in settings.perturbations:
        name = f"scattered-{size:g}"
        # version 2: with weights that are consistent in the function K
        given = Identity.of("study: scattered", config, read, perturbation=size, after=data.after, version=2)
        # on what the fields were made from, too, of which the study's own input says nothing
        identity = replace(given, values=data.values | given.values, shown=data.shown | given.shown)
        work = partial(_scattered, settings, fields, size)
        tasks[name] = Task(name, identity, lambda *_, work=work: work(), 25.0)
    return tasks


def _scattered(settings: Scattered, fields: Fields, size: float) -> Result:
    train, val = fields["train"], fields["val"]
    random = np.random.default_rng(settings.seed)
    moved = train.nodes + size * train.spacing * random.uniform(-1, 1, train.nodes.shape)
    # spread over the loads: the first ones all act along one axis
    chosen = np.unique(np.linspace(0, len(train.u) - 1, settings.samples).round().astype(int))
    learned_from = replace(
        train,
        u=train.u[chosen],
        b=train.b[chosen],
        load=train.load[chosen],
        names=[train.names[sample] for sample in chosen],
    )
    uniform = {"train": learned_from, "val": val}
    places = {
        "uniform": uniform,
        "perturbed": {name: moved_to(each, moved) for name, each in uniform.items()},
    }
    settings_of_fit = Learn(kernel=families.LINEAR, quadrature="consistent", seed=settings.seed, starts=3)
    result: Result = {}
    for name, own in places.items():
        candidate = learning.learn_pair(settings_of_fit, own, settings.horizon_A, settings.degree)
        if candidate.material is None:
            result[name] = {"failure": candidate.failure}
            continue
        # of the assembled matrix on both: on a grid the zone says the same of all domains, and less tightly
        nodes = moved_to(learned_from, learned_from.nodes if name == "uniform" else moved)
        row: Result = {
            "constants": candidate.material.as_dict(),
            "min_operator": local.lowest_eigenvalue(candidate.material, nodes),
            "wall_s": candidate.wall_s,
            "failure": "",
        }
        for other, there in places.items():
            errors = learning.spectral_errors(candidate.material, there)
            row |= {f"{key}_{other}": value for key, value in errors.items()}
        result[name] = row
    return result


def moved_to(fields: FieldSet, points: Array) -> FieldSet:
    """Periodic samples at other points, as data on scattered points have them."""
    u, b = (at_points(fields, points, name) for name in ("u", "b"))
    return replace(fields, nodes=points, u=u, b=b, shape=None, scattered=True, wraps=True)


def at_points(fields: FieldSet, points: Array, name: str) -> Array:
    """A periodic field of ``fields`` (``"u"`` or ``"b"``) at other points, by its Fourier series.

    Exact for what the nodes resolve, and the identity at the nodes themselves.
    """
    values = getattr(fields, name)
    if fields.shape is None:
        raise InputError("only periodic fields have a Fourier series to be evaluated elsewhere")
    nx, ny = fields.shape
    spectrum = np.fft.fft2(values.reshape(len(values), nx, ny, 2), axes=(1, 2)) / (nx * ny)
    phases = []
    for axis, count in enumerate((nx, ny)):
        numbers = np.fft.fftfreq(count, 1 / count)
        k = 2 * np.pi * numbers / fields.box[axis]
        wave = np.exp(1j * np.outer(points[:, axis] - fields.nodes[0, axis], k))
        # the wave at the zone's edge stands for both of its signs
        wave[:, np.abs(numbers) * 2 == count] = wave[:, np.abs(numbers) * 2 == count].real
        phases.append(wave)
    return np.einsum("px,py,sxyi->spi", *phases, spectrum, optimize=True).real
