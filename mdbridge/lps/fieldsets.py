"""Learning a model from sets of samples, and solving with it: what a program of your own calls."""

from collections.abc import Mapping, Sequence

import numpy as np
from mpi4py import MPI
from numpy.typing import ArrayLike, NDArray

from ..core.errors import InputError
from ..fields.fieldset import FieldSet
from . import solver, stencil
from .learn import classical, regression, spectral
from .learn.residuals import FitSettings
from .learn.scale import Scale
from .material import LinearPeridynamicSolid
from .quadrature import PUBLISHED

Array = NDArray[np.float64]


def learn(
    fields: FieldSet | Sequence[FieldSet],
    horizon: float,
    degree: int,
    *,
    also_on: Sequence[FieldSet] = (),
    long_wave_weight: float = 1.5,
    quadrature: str = PUBLISHED,
    settings: FitSettings | None = None,
) -> regression.Fit:
    """Learn a linear peridynamic solid from displacements and loads on periodic grids, [You2022, eq. 4.7].

    Args:
        fields: samples on one grid, or on several; all of them train the model.
        horizon: δ (Å), at least 2.3 node spacings and less than half of each box.
        degree: M; the influence function has M + 1 coefficients.
        also_on: further sets, periodic or not, on whose node spacings the model must be
            consistent and solvable; their samples are not read.
        long_wave_weight: exponent of a load's mean wavelength in the weight of its sample; with 0
            all samples count alike.
        quadrature: what makes bonds of the influence function, one of :data:`.quadrature.QUADRATURES`.
        settings: weights, effort and the family of influence functions, see
            :class:`~mdbridge.lps.learn.residuals.FitSettings`.

    Returns:
        The fit: its ``material``, with one certificate for each node spacing, all of which hold.

    Raises:
        InputError: a set is not periodic, holds a sample without load or displacement or a value
            that is not finite, or the horizon does not fit it.
        ConvergenceError: no start leads to a solvable model.
    """
    training = [fields] if isinstance(fields, FieldSet) else list(fields)
    if not training:
        raise InputError("learn: there are no fields to learn from")
    sets = {f"set {number}": field_set for number, field_set in enumerate([*training, *also_on])}
    for name, field_set in sets.items():
        check_horizon(horizon, field_set, name)
    chosen = settings or FitSettings()
    names = list(sets)[: len(training)]
    scale = scale_of({name: sets[name] for name in names})
    data, grids = problem_of(
        scale.all_fields(sets),
        names,
        horizon / scale.length,
        long_wave_weight,
        alike=chosen.own_dilatation,
        quadrature=quadrature,
    )
    return scale.fit(regression.learn(data, grids, degree, chosen))


def scale_of(training: Mapping[str, FieldSet]) -> Scale:
    """The units in which a model is learned from some sets.

    Raises:
        InputError: as :func:`transformed`; the samples do not determine λ and μ, or their loads have
            the wrong sign.
    """
    # samples of size one: squares of very large or small ones overflow or vanish
    sized = Scale(1.0, 1.0).all_fields(training)
    elastic = classical.fit([transformed(fields, name) for name, fields in sized.items()])
    classical.require_sign(elastic)
    return Scale.of(list(training.values()), elastic.lame_mu)


def problem_of(
    sets: Mapping[str, FieldSet],
    training: Sequence[str],
    horizon: float,
    long_wave_weight: float,
    weights: Array | Mapping[str, Array] | None = None,
    alike: bool = False,
    quadrature: str = PUBLISHED,
) -> tuple[list[tuple[spectral.Moments, stencil.Stencil]], list[stencil.Stencil]]:
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

    Raises:
        InputError: as :func:`transformed`.
    """
    stencils = {name: stencil_of(field_set, horizon, quadrature) for name, field_set in sets.items()}
    # equal to a millionth of an Å: one grid, certified once
    grids = list({grid.spacing.round(6).tobytes(): grid for grid in stencils.values()}.values())
    data = []
    for name in training:
        own = weights[name] if isinstance(weights, Mapping) else weights
        moments = spectral.moments(transformed(sets[name], name), long_wave_weight, own)
        # about the same: a box's 4.93 × 5.04 Å and a disc's 5.00 Å, not the fine nodes of 2.5 Å
        near = [g for g in grids if np.allclose(g.spacing, sets[name].spacing, rtol=0.05)]
        data += [(moments, g) for g in (near if alike else [stencils[name]])]
    return data, grids


def solve(
    points: ArrayLike,
    material: LinearPeridynamicSolid,
    loads: ArrayLike,
    *,
    box: ArrayLike | None = None,
    free: ArrayLike | None = None,
    displacement: ArrayLike | None = None,
    comm: MPI.Comm = MPI.COMM_SELF,
    rtol: float = 1e-10,
    max_iterations: int = 2000,
) -> solver.Solution:
    """Solve L u = b, [You2022, eq. 3.4], in a periodic box or with given displacements around (collective).

    Args:
        points: ``n x 2`` (Å), on a grid or scattered.
        material: the model.
        loads: b, body force per area ``s x n x 2`` (TPa/Å).
        box: ``(2,)`` edges (Å) of a periodic box, each longer than 2δ.
        free: ``(n,)`` where u is unknown; all points within 2δ of a free one must be given.
            Without it all points of a periodic box are free, and mean(u) = 0.
        displacement: u, ``s x n x 2`` (Å), read where it is not free.
        comm: the ranks that solve together; this one alone by default.
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
            comm, places, edges, material, b, rtol=rtol, max_iterations=max_iterations
        )
    if free is None or displacement is None:
        raise InputError("solve: 'free' and 'displacement' are given together or not at all")
    mask, known = np.asarray(free), np.asarray(displacement, dtype=float)
    if mask.dtype != bool:
        raise InputError(f"solve: 'free' is a mask of True and False, not an array of {mask.dtype}")
    return solver.solve_dirichlet(
        comm, places, mask, material, b, known, edges, rtol=rtol, max_iterations=max_iterations
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
