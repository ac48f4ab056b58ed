"""Learning a model for pairs (δ, M), shared over ranks, and choosing among them.

Each pair is a task of its own; one that fails is recorded as failed, and the others go on.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.stats import t as student

from ...core import demand, parallel, stages
from ...core.console import console
from ...core.errors import ConvergenceError, InputError, MdbridgeError, MissingPackageError
from ...core.identity import Identity
from ...core.stages import Stage, Task
from ...core.versions import versions
from ...core.workspace import Workspace
from ...fields.fieldset import FieldSet
from ...lps import fieldsets, local, symbol
from ...lps.learn import horizons, regression, spectral
from ...lps.learn import local as points
from ...lps.learn.residuals import FitSettings
from ...lps.learn.scale import Scale
from ...lps.material import LinearPeridynamicSolid
from .input import Learn

ERRORS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")
_SMALLEST_MODULUS = 1e-4  # in the units of a fit, whose own bound is lower
Fields = dict[str, FieldSet]
Pair = tuple[float, int]
Weight = NDArray[np.float64] | None
Weights = NDArray[np.float64] | Mapping[str, NDArray[np.float64]]
_EXACT = 30.0  # least weight of the moment conditions where the moduli are not fitted


@dataclass(frozen=True)
class Candidate:
    """A learned model for one pair (δ, M), or why there is none.

    Attributes:
        horizon: δ (Å).
        degree: M.
        material: the model, or None.
        certificates: one per grid, as dictionaries.
        errors: mean relative errors by name, and AvgE once they are rated.
        failure: why there is no model.
        cost: half the sum of squares.
        history, trace: of the fit.
        wall_s: time taken (s).
        note: what a person should know of it.
    """

    horizon: float
    degree: int
    material: LinearPeridynamicSolid | None = None
    certificates: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    cost: float = 0.0
    history: list[float] = field(default_factory=list)
    trace: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    note: str = ""

    def row(self) -> dict[str, Any]:
        """One row of the table of candidates."""
        return {"delta_A": self.horizon, "M": self.degree, **self.errors, "failure": self.failure}

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a file."""
        data = {name: value for name, value in vars(self).items() if name != "material"}
        return data | {"material": None if self.material is None else self.material.as_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str) -> "Candidate":
        """The inverse of :meth:`as_dict`; ``source`` names the file in errors."""
        # records of earlier releases have no notes
        values = {name: data[name] for name in cls.__dataclass_fields__ if name != "note"}
        values["note"] = data.get("note", "")
        if values["material"] is not None:
            values["material"] = LinearPeridynamicSolid.from_dict(values["material"], source)
        return cls(**values)


@dataclass(frozen=True)
class Choice:
    """All candidates, with AvgE among their errors, and the best of them."""

    candidates: list[Candidate]
    best: Candidate

    def as_dict(self, ranks: int) -> dict[str, Any]:
        """What model.json says of any model; ``ranks`` shared the work."""
        assert self.best.material is not None
        return self.best.material.as_dict() | {
            "certificate": self.best.certificates[0],
            "certificates": self.best.certificates,
            "metrics": self.best.errors,
            "candidates": [candidate.row() for candidate in self.candidates],
            "history": self.best.history,
            "trace": self.best.trace,
            "versions": versions(),
            "wall_s": sum(candidate.wall_s for candidate in self.candidates) / ranks,
        }


@dataclass(frozen=True)
class Source:
    """Where learning takes its fields from, and what they were made from.

    Attributes:
        settings: the section [learn].
        identity: of what every pair reads: data and settings, all but the pair itself.
        fields: reads them on this rank; called where a pair is learned, at most once.
        folds: parts of the samples that validate in turn, where the data has no samples for that; 0: it has.
        unit: of the lengths that people see: its name, and how many Å it has.
    """

    settings: Learn
    identity: Identity
    fields: Callable[[], Fields]
    folds: int = 0
    unit: tuple[str, float] = ("Å", 1.0)

    def learn(self, fields: Fields, pair: Pair) -> Candidate:
        """Learn one pair, and validate it."""
        candidate = learn_pair(self.settings, fields, *pair)
        return validate(self.settings, fields, candidate, self.folds) if self.folds else candidate


def pairs_to_choose_from(settings: Learn) -> list[Pair]:
    """The baseline's pair, then all others."""
    pairs = [(settings.baseline_horizon_A, 0)]
    return pairs + [(h, m) for h in settings.horizons_A for m in settings.degrees]


def pairs_stage(source: Source, pairs: Sequence[Pair]) -> Stage[Fields]:
    """One task for each pair, without repetitions."""

    def task(pair: Pair) -> Task[Fields]:
        identity = replace(
            source.identity,
            task="learn a pair",
            values=source.identity.values | {"horizon_A": pair[0], "degree": pair[1]},
        )
        name = f"delta-{pair[0]:g}-M-{pair[1]}"
        length, angstrom = source.unit
        label = f"δ = {pair[0] / angstrom:.6g} {length}, M = {pair[1]}"
        return Task(name, identity, lambda f, _: source.learn(f, pair).as_dict(), cost(pair), label)

    return Stage("pairs", [task(pair) for pair in dict.fromkeys(pairs)])


def cost(pair: Pair) -> float:
    """Of learning a pair, roughly and in no unit: a fit takes longer with every coefficient."""
    return 4.0 + pair[1]


def choose(comm: MPI.Comm, workspace: Workspace, source: Source) -> Choice:
    """Learn all pairs and take the one with the smallest AvgE (collective).

    AvgE is the mean of the four errors, each divided by that of the baseline, a
    constant polynomial ([You2022, sec. 4.3]).

    Raises:
        InputError: a horizon does not fit the data.
        ConvergenceError: no candidate could be learned.
    """
    for horizon in source.settings.horizons_A:
        check_horizon(horizon, source.fields())
    pairs = pairs_to_choose_from(source.settings)
    # one list: the baseline is learned beside the others, on whatever ranks are free
    baseline, *candidates = learn_all(comm, workspace, source, pairs, "learn")
    rated = [rate(candidate, baseline) for candidate in candidates]
    usable = [candidate for candidate in rated if candidate.material is not None]
    if not usable:
        raise ConvergenceError(f"no model could be learned: {rated[0].failure}")
    # AvgE of the baseline is 1 by definition; it is shown beside the others
    return Choice(
        [rate(baseline, baseline), *rated], min(usable, key=lambda candidate: candidate.errors["AvgE"])
    )


def learn_all(
    comm: MPI.Comm, workspace: Workspace, source: Source, pairs: Sequence[Pair], title: str
) -> list[Candidate]:
    """Learn every pair that is not learned yet (collective); in the order of ``pairs``."""
    stage = pairs_stage(source, pairs)
    stages.share(comm, workspace, stage, title, lambda _: nullcontext(source.fields()))
    learned = stages.results(comm, workspace, stage)
    # a pair asked for twice is one task
    names = dict(zip(dict.fromkeys(pairs), (task.name for task in stage.tasks), strict=True))
    candidates = [Candidate.from_dict(learned[names[pair]], names[pair]) for pair in pairs]
    for note in dict.fromkeys(candidate.note for candidate in candidates if candidate.note):
        console(comm).print(f"note: {note}", soft_wrap=True, markup=False)
    return candidates


def learn_pair(
    settings: Learn,
    fields: Fields,
    horizon: float,
    degree: int,
    start: LinearPeridynamicSolid | None = None,
    weights: Weights | None = None,
) -> Candidate:
    """Learn one pair; failing is a result.

    Args:
        start: a model to start from, instead of random ones.
        weights: ``(s,)`` further weights of the training samples, or those of each training set by name.
    """
    begin, note = time.monotonic(), ""
    try:
        fields = fields | _further_nodes(settings)
        check_horizon(horizon, fields)
        _require_room(fields, degree)
        if settings.method != "algorithm-1":  # which is as published, with the published horizons
            horizon, note = _symmetric(horizon, fields)
        training = {name: fields[name] for name in fields if name.startswith("train")}
        scale = fieldsets.scale_of(training, horizon)
        scaled = scale.all_fields(fields)
        begun = None if start is None else scale.reduced(start)
        fit = _fit(settings, scaled, horizon / scale.length, degree, begun, weights)
        material = fit.material
        if min(material.lame_mu, material.lame_lambda + material.lame_mu) < _SMALLEST_MODULUS:
            raise ConvergenceError("λ + μ or μ came out as zero: the model is not solvable")
        errors = spectral_errors(material, scaled)
        of_points = _certify_points(material, scaled, scale)
        fit = scale.fit(fit)
    except MissingPackageError:  # says nothing about the pair, which is to be learned once it is installed
        raise
    except (MdbridgeError, ArithmeticError, ValueError) as error:  # LinAlgError is a ValueError
        words = str(error)
        if not isinstance(error, MdbridgeError):
            words = f"the fit broke down ({type(error).__name__}: {error})"
        return Candidate(horizon, degree, failure=words, wall_s=time.monotonic() - begin, note=note)
    return Candidate(
        horizon=horizon,
        degree=degree,
        material=fit.material,
        certificates=[*(asdict(certificate) for certificate in fit.certificates), *of_points],
        errors=errors,
        cost=fit.cost,
        history=fit.history,
        trace=fit.trace,
        wall_s=time.monotonic() - begin,
        note=note,
    )


def _require_room(fields: Fields, degree: int) -> None:
    """Refuse samples without a symbol whose products there is no memory for.

    Raises:
        InputError: says how much.
    """
    products = (degree + 1) * (degree + 2) // 2 + degree + 2
    for name, field_set in fields.items():
        samples, nodes = len(field_set.u), len(field_set.nodes)
        if field_set.shape is None and name.startswith("train"):
            # two components of eight bytes: the products, and three times as much that is made of them
            bytes_of_products = 64.0 * nodes * samples * products
            # measured: factors of L take 0.5 GB of 6,000 points
            demand.require_memory(
                bytes_of_products + 5e8 * (nodes / 6000) ** 1.5,
                f"learning a function of degree {degree} from {samples} samples on {nodes} points "
                f"of '{name}'",
                "give fewer samples or points, or lower learn.degrees",
            )


def _further_nodes(settings: Learn) -> Fields:
    """Nodes without samples, on which the model is to be used, too."""
    return {f"learn.also_on = {spacing}": fieldsets.nodes_alone(spacing) for spacing in settings.also_on_A}


def _certify_points(material: LinearPeridynamicSolid, fields: Fields, scale: Scale) -> list[dict[str, Any]]:
    """The smallest eigenvalue of L on scattered points, of which the zone of no grid tells.

    Raises:
        ConvergenceError: it is not positive.
    """
    certificates = []
    for name, field_set in fields.items():
        if not field_set.scattered:
            continue
        lowest = points.lowest_eigenvalue(material, field_set)
        if not lowest > 0:
            raise ConvergenceError(
                f"on the scattered points of '{name}' the model is not solvable: the smallest eigenvalue of "
                f"L/μ is {lowest:.3g} of that of a long wave; try another horizon or a lower degree"
            )
        spacing = [float(h) * scale.length for h in field_set.spacing]
        certificates.append({"spacing": spacing, "points": name, "min_operator_over_mu": lowest})
    return certificates


def _symmetric(horizon: float, fields: Fields) -> tuple[float, str]:
    """A horizon whose families are alike along both axes of all grids, and what to say if it is another."""
    grids = [field_set.spacing for field_set in fields.values() if not field_set.scattered]
    periods = [field_set.period for field_set in fields.values()]
    largest = min((0.5 * float(min(period)) for period in periods if period is not None), default=np.inf)
    moved = horizons.symmetric(horizon, grids, largest)
    if moved == horizon:
        return horizon, ""
    return moved, (
        f"a horizon of {horizon:g} Å lies between n hx and n hy and holds more bonds along one axis than "
        f"along the other; {moved:.6g} Å, the nearest with a symmetric family, is taken instead"
    )


def validate(settings: Learn, fields: Fields, candidate: Candidate, folds: int) -> Candidate:
    """Validate on samples that were left out in turn: E_res_val and E_u_val, where there are two or more."""
    if candidate.material is None:
        return candidate
    training = {name: field_set for name, field_set in fields.items() if name.startswith("train")}
    folds = min(folds, max(len(field_set.u) for field_set in training.values()))
    if folds < 2:
        return candidate
    left_out: dict[str, list[float]] = {}
    for fold in range(folds):
        weights = {name: (np.arange(len(f.u)) % folds != fold).astype(float) for name, f in training.items()}
        # a set with a single sample trains always: without it the set would be empty
        weights = {name: w if w.any() else np.ones(len(w)) for name, w in weights.items()}
        held = {
            f"val{name.removeprefix('train')}": _subset(training[name], w == 0)
            for name, w in weights.items()
            if not w.all()
        }
        again = refine_pair(settings, training | held, candidate, weights)
        if again is not None:
            count = sum(len(field_set.u) for field_set in held.values())
            for key in ("E_res_val", "E_u_val"):
                # of samples without load there is no residual error
                if key in again[1]:
                    left_out.setdefault(key, []).extend([again[1][key]] * count)
    if not left_out:
        return replace(candidate, note=candidate.note or "no fold could be learned: there is no validation")
    return replace(
        candidate, errors=candidate.errors | {key: float(np.mean(values)) for key, values in left_out.items()}
    )


def bootstrap(
    comm: MPI.Comm, settings: Learn, fields: Fields, candidate: Candidate, replicates: int, seed: int
) -> dict[str, dict[str, float]]:
    """Standard errors of λ, μ, E and ν from fits to samples drawn anew, started at the model (collective).

    Ranks share the fits; what is drawn does not depend on their number.

    The 95 % are those of Student's t about the model's own value: of few samples, drawn with replacement, the
    spread is too small by √(1 − 1/n), and quantiles of it cover less than they say.

    Returns:
        By constant the standard deviation ``std`` and the 95 % interval ``low``, ``high`` (TPa, ν without
        unit); nothing where there are fewer than three samples, or where two fits in three fail.
    """
    training = {name: field_set for name, field_set in fields.items() if name.startswith("train")}
    if candidate.material is None or sum(len(f.u) for f in training.values()) < 3 or not replicates:
        return {}
    random = np.random.default_rng(seed)
    draws = [
        {
            name: random.multinomial(len(f.u), np.full(len(f.u), 1 / len(f.u))).astype(float)
            for name, f in training.items()
        }
        for _ in range(replicates)
    ]

    def fit(weights: Mapping[str, NDArray[np.float64]]) -> tuple[float, float, float, float] | None:
        again = refine_pair(settings, training, candidate, weights)
        if again is None:
            return None
        m = again[0]
        return m.lame_lambda, m.lame_mu, m.young, m.poisson

    own = parallel.agreed(comm, lambda: [fit(weights) for weights in draws[comm.rank :: comm.size]])
    shared = comm.allgather(own)
    # in the order of the draws: sums over them are the same on any number of ranks
    fits = [shared[n % comm.size][n // comm.size] for n in range(replicates)]
    drawn = [constants for constants in fits if constants is not None]
    if 3 * len(drawn) < replicates:
        return {}
    count = sum(len(f.u) for f in training.values())
    m = candidate.material
    known = {"lambda_TPa": m.lame_lambda, "mu_TPa": m.lame_mu, "E_TPa": m.young, "nu": m.poisson}
    spreads = dict(zip(known, np.array(drawn).std(axis=0, ddof=1), strict=True))
    reach = float(student.ppf(0.975, count - 1)) * np.sqrt(count / (count - 1))
    return {
        name: {
            "std": float(spreads[name]),
            "low": float(value - reach * spreads[name]),
            "high": float(value + reach * spreads[name]),
        }
        for name, value in known.items()
    }


def _subset(fields: FieldSet, chosen: np.ndarray) -> FieldSet:
    """Some samples of a set."""
    names = [name for name, taken in zip(fields.names, chosen, strict=True) if taken]
    return replace(fields, u=fields.u[chosen], b=fields.b[chosen], load=fields.load[chosen], names=names)


def _fit(
    settings: Learn,
    fields: Fields,
    horizon: float,
    degree: int,
    start: LinearPeridynamicSolid | None,
    weights: Weights | None,
) -> regression.Fit:
    # as published: all samples count alike
    power = 0.0 if settings.method == "algorithm-1" else settings.long_wave_weight
    # "train_fine" too, where it was read: that is the hybrid training of section 6.4
    training = [name for name in fields if name.startswith("train")]
    if settings.method == "algorithm-1":
        from ...lps.learn import algorithm1  # brings in torch, which takes seconds to import

        if any(fields[name].shape is None for name in training):
            raise InputError("learn.method = 'algorithm-1' is for periodic grids alone")
        data, _ = fieldsets.problem_of(
            fields, training, horizon, power, weights, settings.own_dilatation, settings.quadrature
        )
        spectra = [(part, grid) for part, grid in data if isinstance(part, spectral.Moments)]
        return algorithm1.learn(
            spectra, degree, algorithm1.Algorithm1Settings(seed=settings.seed, kernel=settings.kernel)
        )
    options = _options(settings, {name: fields[name] for name in training}, weights)
    return fieldsets.fit_sets(
        fields, training, horizon, degree, options, power, weights, start, settings.quadrature
    )


def _options(settings: Learn, training: Fields, weights: Weights | None) -> FitSettings:
    consistency, lame = settings.consistency_weight, None
    if settings.long_waves == "exact":
        # moduli of the kernel on its nodes that are not quite λ and μ would spoil what is held exact
        consistency = max(consistency, _EXACT)
        lame = local.long_wave_limit(*_long_waves(training, weights))
    return FitSettings(
        solution_weight=settings.solution_weight,
        consistency_weight=consistency,
        starts=settings.starts,
        seed=settings.seed,
        strict_inf_sup=settings.strict_inf_sup,
        own_dilatation=settings.own_dilatation,
        kernel=settings.kernel,
        lame=lame,
    )


def _long_waves(training: Fields, weights: Weights | None) -> tuple[list[spectral.Samples], list[Weight]]:
    """The periodic training sets in Fourier space, and the weights of their samples.

    Raises:
        InputError: none is periodic.
    """
    periodic = [name for name, field_set in training.items() if field_set.shape is not None]
    if not periodic:
        raise InputError(
            "'learn.long_waves' = 'exact': needs samples that are periodic, on a grid; use 'free'"
        )
    given = weights if isinstance(weights, Mapping) else {name: weights for name in periodic}
    return [fieldsets.transformed(training[name], name) for name in periodic], [given[n] for n in periodic]


def refine_pair(
    settings: Learn, fields: Fields, candidate: Candidate, weights: Weights
) -> tuple[LinearPeridynamicSolid, dict[str, float]] | None:
    """A model of the samples with other weights, from a candidate's, and its errors; None if there is
    none."""
    assert candidate.material is not None
    try:
        training = {name: fields[name] for name in fields if name.startswith("train")}
        scale = fieldsets.scale_of(training, candidate.horizon)
        scaled = scale.all_fields(fields | _further_nodes(settings))
        material = fieldsets.refine_sets(
            scaled,
            list(training),
            scale.reduced(candidate.material),
            _options(settings, {name: scaled[name] for name in training}, weights),
            settings.long_wave_weight,
            weights,
        )
        return scale.enlarged(material), spectral_errors(material, scaled)
    except (MdbridgeError, ArithmeticError, ValueError):  # as in learn_pair: other draws go on
        return None


def spectral_errors(material: LinearPeridynamicSolid, fields: Fields) -> dict[str, float]:
    """Mean relative errors of residual and solution on all periodic sets, and the loss (4.1), by name.

    Raises:
        InputError: no training sample has a load, which its residual could be compared with.
    """
    residuals: dict[str, list[np.ndarray]] = {}
    solutions: dict[str, list[np.ndarray]] = {}
    for name, field_set in fields.items():
        # of a crystal's disc the node spacing alone counts here
        if field_set.shape is None and not name.startswith(("train", "val")):
            continue
        # "train" and "train-2", of several files, are one split
        split = name.partition("-")[0]
        if field_set.shape is None:
            residual, solution = points.errors(material, field_set)
            # samples without load have no relative residual
            residual = residual[points.loaded(field_set, material.influence.horizon)]
        else:
            sample = fieldsets.transformed(field_set, name)
            grid = fieldsets.stencil_of(field_set, material.influence.horizon, material.quadrature)
            operator = symbol.operator(material, symbol.rings(grid, sample.wavevectors))
            residual, solution = spectral.errors(operator, sample)
        residuals.setdefault(split, []).append(residual)
        solutions.setdefault(split, []).append(solution)
    errors = {}
    for split, of_sets in residuals.items():
        residual = np.concatenate(of_sets)
        errors[f"E_u_{split}"] = float(np.concatenate(solutions[split]).mean())
        if len(residual):
            errors[f"E_res_{split}"] = float(residual.mean())
            errors[f"loss_{split}"] = float((residual**2).mean())
        elif split == "train":
            raise InputError(
                "no training sample has a load where the equation can be asked for, two horizons from all "
                "edges: lower learn.horizons, or give loads there"
            )
    return errors


def check_horizon(horizon: float, fields: Fields) -> None:
    """Refuse a horizon that does not fit the data.

    Raises:
        InputError: it is more than half of a periodic box, or holds no neighbour.
    """
    for name, field_set in fields.items():
        fieldsets.check_horizon(horizon, field_set, name)


def rate(candidate: Candidate, baseline: Candidate) -> Candidate:
    """Add AvgE; without a baseline the errors are averaged as they are."""
    if candidate.material is None:
        return candidate
    # the baseline may not have been learned
    scale = baseline.errors or dict.fromkeys(ERRORS, 1.0)
    # a single sample leaves nothing to validate with
    known = [key for key in ERRORS if key in candidate.errors and key in scale]
    average = float(np.mean([candidate.errors[key] / scale[key] for key in known]))
    return replace(candidate, errors=candidate.errors | {"AvgE": average})
