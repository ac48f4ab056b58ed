"""Learning a model from sets of samples, and solving with it: what a program of your own calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import ArrayLike, NDArray

from ..core.errors import InputError
from ..fields.fieldset import FieldSet
from . import families, solver, stencil
from .learn import classical, clouds, horizons, local, regression, spectral
from .learn.residuals import FitSettings
from .learn.scale import Scale
from .material import LinearPeridynamicSolid
from .quadrature import PUBLISHED

Array = NDArray[np.float64]
Data = list[tuple[spectral.Moments | local.LocalMoments | local.LocalCuts, stencil.Stencil]]

_SHORT = 2.55  # node spacings of the horizon of a first guess, on a grid
_CUTS = 20  # rounds in which displacements without energy on scattered points are told to the fit
_ROUNDS = 4  # in which errors of the solution on points are measured anew


def learn(
    fields: FieldSet | Sequence[FieldSet],
    horizon: float,
    degree: int,
    *,
    also_on: Sequence[FieldSet | ArrayLike] = (),
    long_wave_weight: float = 1.5,
    quadrature: str = PUBLISHED,
    settings: FitSettings | None = None,
) -> regression.Fit:
    """Learn a linear peridynamic solid from displacements and loads, after [You2022, eq. 4.7].

    Args:
        fields: samples on one grid, or on several; all of them train the model.
        horizon: δ (Å), at least 2.3 node spacings and less than half of each box.
        degree: M; the influence function has M + 1 coefficients.
        also_on: further node spacings, numbers, pairs hx, hy (Å), or sets that have them, on which the
            model must be consistent and solvable; samples of such sets are not read.
        long_wave_weight: exponent of a load's mean wave number, negative, in the weight of its sample; with 0
            all samples count alike.
        quadrature: what makes bonds of the influence function, one of :data:`.quadrature.QUADRATURES`;
            "consistent" for sets with edges or on scattered points.
        settings: weights, effort and the family of influence functions, see
            :class:`~mdbridge.lps.learn.residuals.FitSettings`.

    Returns:
        The fit: its ``material``, with one certificate for each node spacing, all of which hold.

    Raises:
        InputError: a set holds a sample without load or displacement or a value that is not finite, or the
            horizon does not fit it; it has edges or scattered points, and the kernel is not linear in its
            parameters or ``quadrature`` is not "consistent".
        ConvergenceError: no start leads to a solvable model.
    """
    training = [fields] if isinstance(fields, FieldSet) else list(fields)
    if not training:
        raise InputError("learn: there are no fields to learn from")
    further = [f if isinstance(f, FieldSet) else nodes_alone(f) for f in also_on]
    sets = {f"set {number}": field_set for number, field_set in enumerate([*training, *further])}
    for name, field_set in sets.items():
        check_horizon(horizon, field_set, name)
    chosen = settings or FitSettings()
    names = list(sets)[: len(training)]
    scale = scale_of({name: sets[name] for name in names}, horizon)
    scaled = scale.all_fields(sets)
    fit = fit_sets(
        scaled, names, horizon / scale.length, degree, chosen, long_wave_weight, quadrature=quadrature
    )
    return scale.fit(fit)


def fit_sets(
    sets: Mapping[str, FieldSet],
    training: Sequence[str],
    horizon: float,
    degree: int,
    settings: FitSettings,
    long_wave_weight: float,
    weights: Array | Mapping[str, Array] | None = None,
    start: LinearPeridynamicSolid | None = None,
    quadrature: str = PUBLISHED,
) -> regression.Fit:
    """Learn from sets in the units of a fit; arguments as of :func:`learn` and :func:`problem_of`.

    Raises:
        InputError, ConvergenceError: as :func:`learn`.
    """
    local_sets = any(sets[name].shape is None for name in training)
    if local_sets and settings.own_dilatation:
        raise InputError("own_dilatation is for periodic grids alone: on other points learn without it")
    if local_sets and quadrature != clouds.QUADRATURE:
        raise InputError(
            f"quadrature = '{quadrature}': sets on scattered points or with edges (shape = None) are learned "
            f"with quadrature = '{clouds.QUADRATURE}' and a kernel that is linear in its parameters, such as "
            "settings = FitSettings(kernel='b-spline')"
        )

    def problem(near: LinearPeridynamicSolid | None) -> tuple[Data, list[stencil.Stencil]]:
        return problem_of(
            sets,
            training,
            horizon,
            long_wave_weight,
            weights,
            settings.own_dilatation,
            quadrature,
            local_as=LocalAs(settings.kernel, degree, near, settings.solution_weight),
        )

    data, grids = problem(start)
    fit = regression.learn(data, grids, degree, settings, start)
    if not local_sets or not settings.solution_weight:
        return fit
    # errors of the solution are measured with a near model: it has come near when they change no more
    material = fit.material
    for _ in range(_ROUNDS):
        data, grids = problem(material)
        material = regression.refine(data, grids, degree, settings, material, 100)
    data, grids = problem(material)
    scattered = [fields for fields in sets.values() if fields.scattered]
    for _ in range(_CUTS):
        # of scattered points no zone tells: what has no energy there is told to the fit
        cuts = [cut for fields in scattered if (cut := local.cuts_of(material, fields)) is not None]
        if not cuts:
            break
        data += [(cut, grids[0]) for cut in cuts]
        material = regression.refine(data, grids, degree, settings, material, 100)
    return regression.learn(data, grids, degree, settings, material)


def refine_sets(
    sets: Mapping[str, FieldSet],
    training: Sequence[str],
    start: LinearPeridynamicSolid,
    settings: FitSettings,
    long_wave_weight: float,
    weights: Array | Mapping[str, Array],
) -> LinearPeridynamicSolid:
    """The model of samples with other weights, from one that is near; not certified."""
    degree = start.influence.degree
    data, grids = problem_of(
        sets,
        training,
        start.influence.horizon,
        long_wave_weight,
        weights,
        settings.own_dilatation,
        start.quadrature,
        local_as=LocalAs(settings.kernel, degree, start, settings.solution_weight),
    )
    return regression.refine(data, grids, degree, settings, start)


def scale_of(training: Mapping[str, FieldSet], horizon: float) -> Scale:
    """The units in which a model is learned from some sets with a ``horizon`` (Å).

    Raises:
        InputError: as :func:`transformed`; the samples do not determine λ and μ, or their loads have
            the wrong sign.
    """
    # samples of size one: squares of very large or small ones overflow or vanish
    sized = Scale(1.0, 1.0).all_fields(training)
    periodic = {name: fields for name, fields in sized.items() if fields.shape is not None}
    if periodic:
        elastic = classical.fit([transformed(fields, name) for name, fields in periodic.items()])
        classical.require_sign(elastic)
        shear = elastic.lame_mu
    else:
        # a short horizon tells more of long waves
        short = min(horizon, max(_short(fields) for fields in sized.values()))
        shear = local.elastic(list(sized.values()), short, families.family(families.LINEAR))[1]
    return Scale.of(list(training.values()), shear)


def _short(fields: FieldSet) -> float:
    """A short horizon (Å) of which every node of a set has a family."""
    return (horizons.LEAST_SCATTERED if fields.scattered else _SHORT) * float(fields.spacing.max())


def problem_of(
    sets: Mapping[str, FieldSet],
    training: Sequence[str],
    horizon: float,
    long_wave_weight: float,
    weights: Array | Mapping[str, Array] | None = None,
    alike: bool = False,
    quadrature: str = PUBLISHED,
    local_as: "LocalAs | None" = None,
) -> tuple[Data, list[stencil.Stencil]]:
    """What the regression takes: moments of the samples with their grids, and all distinct grids.

    Args:
        sets: all sets on whose nodes the model is to be used, by name.
        training: names of those that train it.
        horizon: δ (Å).
        long_wave_weight: as in :func:`learn`.
        weights: ``(s,)`` further weights of the samples, or those of each training set by name.
        alike: ask for the same answer on grids of about the same spacing.  Two influence functions
            are free enough to fit one grid and fail on another that hardly differs.
        quadrature: as in :func:`learn`.
        local_as: what is asked of sets that are no periodic grids.

    Raises:
        InputError: as :func:`transformed`.
    """
    stencils = {name: stencil_of(field_set, horizon, quadrature) for name, field_set in sets.items()}
    # equal to a millionth of an Å: one grid, certified once
    grids = list({grid.spacing.round(6).tobytes(): grid for grid in stencils.values()}.values())
    data: Data = []
    for name in training:
        own = weights[name] if isinstance(weights, Mapping) else weights
        if sets[name].shape is None and local_as is not None:
            data += [
                (part, stencils[name])
                for part in local_as.moments(sets[name], horizon, long_wave_weight, own)
            ]
            continue
        moments = spectral.moments(transformed(sets[name], name), long_wave_weight, own)
        # about the same: a box's 4.93 × 5.04 Å and a disc's 5.00 Å, not the fine nodes of 2.5 Å
        near = [g for g in grids if np.allclose(g.spacing, sets[name].spacing, rtol=0.05)]
        data += [(moments, g) for g in (near if alike else [stencils[name]])]
    return data, grids


@dataclass(frozen=True)
class LocalAs:
    """What is asked of samples that are on no periodic grid.

    Attributes:
        kernel: the family of influence functions.
        degree: M.
        near: a model that turns residuals into errors of the solution, or None.
        solution_weight: of these.
    """

    kernel: str
    degree: int
    near: LinearPeridynamicSolid | None
    solution_weight: float

    def moments(
        self, fields: FieldSet, horizon: float, long_wave_weight: float, weights: Array | None
    ) -> list[local.LocalMoments]:
        """The quadratic forms of residuals and of errors of the solution."""
        family = families.family(self.kernel)
        residual = local.samples_of(fields, horizon, self.degree, family)
        sizes = [np.linalg.norm(values, axis=(1, 2)) for values in (fields.deformation, fields.b)]
        # |u|/|b| goes with the square of the wavelength; what carries no load is as the longest that does
        squared = sizes[0] / np.maximum(sizes[1], 1e-12 * sizes[1].max() + 1e-300)
        longest = squared[local.loaded(fields, horizon)].max(initial=1e-300)
        weight = np.minimum(squared, longest) ** (0.5 * long_wave_weight)
        weight = weight if weights is None else weight * weights
        forms = [residual.moments(weight)]
        if self.near is not None and self.solution_weight:
            solution = local.samples_of(fields, horizon, self.degree, family, self.near)
            forms.append(solution.moments(weight, self.solution_weight))
        return forms


def solve(
    points: ArrayLike,
    material: LinearPeridynamicSolid,
    loads: ArrayLike,
    *,
    box: ArrayLike | None = None,
    free: ArrayLike | None = None,
    displacement: ArrayLike | None = None,
    comm: MPI.Comm = MPI.COMM_SELF,
    imbalance: float = solver.IMBALANCE,
    rtol: float = 1e-10,
    max_iterations: int = 2000,
) -> solver.Solution:
    """Solve L u = b, [You2022, eq. 3.4], in a periodic box or with given displacements around (collective).

    Args:
        points: ``n x 2`` (Å), on a grid or scattered.
        material: the model.
        loads: b, body force per volume ``s x n x 2`` (TPa/Å).
        box: ``(2,)`` edges (Å) of a periodic box, each longer than 2δ.
        free: ``(n,)`` where u is unknown; all points within 2δ of a free one must be given.
            Without it all points of a periodic box are free, and mean(u) = 0.
        displacement: u, ``s x n x 2`` (Å), read where it is not free.
        comm: the ranks that solve together; this one alone by default.
        imbalance: the largest resultant of loads in a periodic box, over the sum of their sizes, that is
            taken off them; 1 allows any.
        rtol: bound on the relative residual.
        max_iterations: of the Krylov solver.

    Raises:
        InputError: shapes, box or points are not usable; neither a box nor displacements are given.
        SolvabilityError: the operator is not positive.
        ConvergenceError: ``max_iterations`` do not reach ``rtol``.
        MissingPackageError: petsc4py is not installed.
    """
    places, b = np.asarray(points, dtype=float), np.asarray(loads, dtype=float)
    edges = None if box is None else np.asarray(box, dtype=float)
    if free is None and displacement is None:
        if edges is None:
            raise InputError(
                "solve: a body that nothing holds has no unique displacement; give 'box' where it is "
                "periodic, or 'free' and 'displacement' where its edge is held"
            )
        return solver.solve_periodic(
            comm, places, edges, material, b, imbalance=imbalance, rtol=rtol, max_iterations=max_iterations
        )
    if free is None or displacement is None:
        raise InputError("solve: 'free' and 'displacement' are given together or not at all")
    mask, known = np.asarray(free), np.asarray(displacement, dtype=float)
    if mask.dtype != bool:
        raise InputError(f"solve: 'free' is a mask of True and False, not an array of {mask.dtype}")
    return solver.solve_dirichlet(
        comm, places, mask, material, b, known, edges, rtol=rtol, max_iterations=max_iterations
    )


def nodes_alone(spacing: ArrayLike) -> FieldSet:
    """A set without samples: nodes ``spacing`` or hx, hy (Å) apart on which a model is to be used."""
    apart = np.array(np.broadcast_to(np.asarray(spacing, dtype=float), 2))
    nothing = np.empty((0, 0, 2))
    return FieldSet(
        np.empty((0, 2)), nothing, nothing, np.empty((0, 0)), [], [], np.full(2, np.inf), apart, shape=None
    )


def stencil_of(fields: FieldSet, horizon: float, quadrature: str = PUBLISHED) -> stencil.Stencil:
    """The bonds of a node on the grid of ``fields`` within ``horizon`` (Å)."""
    hx, hy = fields.spacing
    return stencil.uniform((float(hx), float(hy)), horizon, quadrature)


def transformed(fields: FieldSet, name: str) -> spectral.Samples:
    """The Fourier transform of periodic fields.

    Raises:
        InputError: they are not periodic, or hold what no fit can use; ``name`` says which set.
    """
    if fields.shape is None:
        raise InputError(f"{name}: is not periodic, so that it has no Fourier transform to learn from")
    try:
        fields.check()
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    for label, values in (("u", fields.u), ("b", fields.b)):
        # the mean is dropped, and errors are relative to what is left
        varies = np.ptp(values, axis=1).any(axis=1)
        if not varies.all():
            raise InputError(
                f"{name}: {label} of sample {int(np.argmin(varies))} is the same on all nodes: there is "
                "nothing to learn from it; leave it out"
            )
    return spectral.transform(fields.u, fields.b, fields.shape, fields.box)


def check_horizon(horizon: float, fields: FieldSet, name: str) -> None:
    """Refuse a horizon that does not fit a set of samples.

    Raises:
        InputError: it is more than half of a periodic box, or holds no neighbour.
    """
    box, spacing = fields.box, fields.spacing
    # a node would meet another one and its periodic image as two neighbours
    if fields.shape is not None and not 2 * horizon < min(box):
        raise InputError(
            f"a horizon of {horizon:g} Å does not fit '{name}', whose box is {box[0]:.2f} × {box[1]:.2f} Å: "
            f"it must be below half of its shorter edge, {min(box) / 2:.2f} Å"
        )
    if not horizon > max(spacing):
        raise InputError(
            f"a horizon of {horizon:g} Å holds no neighbour along both axes in '{name}', whose nodes are "
            f"{spacing[0]:.3g} × {spacing[1]:.3g} Å apart; use at least 2.3 node spacings"
        )
