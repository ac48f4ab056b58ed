"""Samples on any points, reduced to what a least-squares fit of the operator needs.

Where nothing is periodic, or the nodes are on no grid, there is no symbol.  But with a quadrature that is
consistent the weighted volume is m = Σ_k D_k M_k at every point, and the operator is quadratic in D/m,
[You2022, eq. 3.6]: with t_k and S_k, dilatation and deviatoric forces of the basis function φ_k alone,

    L u − b = (λ − μ) Σ_kl (D_k/m) (D_l/m) P_k t_l + μ Σ_k (D_k/m) S_k − b.

So the squared residuals of all samples and points are one quadratic form, made once; a loss and its slopes
cost the same whatever their number.  Only points whose family, and those of all in it, are whole take part.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ...core.errors import InputError
from ...fields.fieldset import FieldSet
from ..kernel import InfluenceFunction
from ..material import LinearPeridynamicSolid, combined_slopes
from ..operator import factors_of_shares
from . import spectra
from .classical import require_both
from .clouds import Cloud, cloud_of

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_MARGIN, _STEEP, _CUTS = 0.05, 30.0, 16  # of energies over that of a long wave, and how many at once
_SHORT = 3  # degree of the basis whose first function gives a first guess

ROUND_OFF = 1e-5
"""Of the largest load over its displacement: what has less is a wave 300 times as long, or unloaded."""


@dataclass(frozen=True)
class LocalMoments:
    """A least-squares problem equivalent to the weighted squared residuals of samples on points.

    Attributes:
        root: ``(c + 1, c + 1)``: Σ_s w_s |L u_s − b_s|²/|b_s|² = |root (p, −1)|² with x = D/m and
            p = ((λ − μ) x_k x_l for k <= l, μ x_k).
        volume: ``(M + 1,)`` M_k, the weighted volume of φ_k (Å⁴).
    """

    root: Array
    volume: Array

    def residual(self, lame: tuple[float, float], d: Array) -> tuple[Array, Array]:
        """Residuals ``(c + 1,)`` and their slopes ``(c + 1, 2 + M + 1)`` in λ + μ, μ and D."""
        values, slopes = coefficients(self.volume, lame, d)
        return self.root @ np.r_[values, -1.0], self.root[:, :-1] @ slopes


def coefficients(volume: Array, lame: tuple[float, float], d: Array) -> tuple[Array, Array]:
    """p ``(c,)`` of :class:`LocalMoments` and its slopes ``(c, 2 + M + 1)`` in λ + μ, μ and D."""
    m = volume @ d
    x = d / m
    dx = (np.eye(len(d)) - np.outer(x, volume)) / m
    upper = np.triu_indices(len(d))
    pairs = x[upper[0]] * x[upper[1]]
    d_pairs = dx[upper[0]] * x[upper[1], None] + x[upper[0], None] * dx[upper[1]]
    # what combined() makes of V and Γ, on the coefficients of V and of Γ
    volumetric, deviatoric = np.r_[pairs, 0 * x], np.r_[0 * pairs, x]
    along_bulk, along_shear = combined_slopes(volumetric, deviatoric)
    bulk, shear = lame[0] + lame[1], lame[1]
    values = bulk * along_bulk + shear * along_shear
    changes = []
    for column in range(len(d)):
        change = combined_slopes(np.r_[d_pairs[:, column], 0 * x], np.r_[0 * pairs, dx[:, column]])
        changes.append(bulk * change[0] + shear * change[1])
    slopes = np.stack([along_bulk, along_shear, *changes], axis=1)
    return values, slopes


@dataclass(frozen=True)
class LocalCuts:
    """Displacements whose energy must be positive: vᵀ L v/μ over that of a long wave, above a margin.

    Attributes:
        rows: ``(v, c)``: vᵀ L v = row p, over the eigenvalue of the long wave.
        volume: ``(M + 1,)`` M_k.
    """

    rows: Array
    volume: Array

    def residual(self, lame: tuple[float, float], d: Array) -> tuple[Array, Array]:
        """Hinges ``(v,)`` and their slopes ``(v, 2 + M + 1)`` in λ + μ, μ and D."""
        values, slopes = coefficients(self.volume, lame, d)
        energy = self.rows @ values / lame[1]
        change = self.rows @ slopes / lame[1]
        change[:, 1] -= energy / lame[1]
        active = np.where(energy < _MARGIN, -_STEEP, 0.0)
        return active * (energy - _MARGIN), active[:, None] * change


@dataclass(frozen=True)
class LocalSamples:
    """What the basis functions make of each sample, condensed: ``|L u − b| = |root (p, −1)|``.

    Attributes:
        roots: ``(s, c + 1, c + 1)``.
        size: ``(s,)`` what a sample's errors are relative to.
        volume: ``(M + 1,)`` M_k.
    """

    roots: Array
    size: Array
    volume: Array

    def moments(self, weights: Array | None = None, factor: float = 1.0) -> LocalMoments:
        """The quadratic form of all samples, with weights ``(s,)``; ``factor`` is that of the whole."""
        weight = np.ones(len(self.size)) if weights is None else weights
        scale = factor * np.sqrt(weight / weight.sum()) / self.size
        rows = (self.roots * scale[:, None, None]).reshape(-1, self.roots.shape[2])
        return LocalMoments(np.asarray(np.linalg.qr(rows, mode="r")), self.volume)


def samples_of(
    fields: FieldSet,
    horizon: float,
    degree: int,
    family: type[InfluenceFunction],
    near: LinearPeridynamicSolid | None = None,
) -> LocalSamples:
    """What each basis function makes of the samples where families are whole.

    Args:
        family: without shape parameters: K must be linear in what is learned.
        near: a model; then errors of the solution take the place of residuals.  L⁻¹ b − u = −L⁻¹ (L u − b),
            and L⁻¹ of a near model does nearly the same.

    Raises:
        InputError: as :func:`cloud_of`; the family is not linear.
    """
    # all that the samples are made of: the same nodes are other samples where the box is periodic
    kind = (horizon, degree, near and near.as_dict(), fields.scattered, fields.period is None)
    key = hashlib.blake2b(repr(kind).encode(), digest_size=16)
    for values in (fields.nodes, fields.u, fields.b, fields.box, fields.spacing):
        key.update(np.ascontiguousarray(values, dtype=float).tobytes())
    return _samples(_Keyed(key.digest() + family.name.encode(), (fields, horizon, degree, family, near)))


@dataclass(frozen=True, eq=False)
class _Keyed:
    """Arguments that are the same where their bytes are."""

    key: bytes
    arguments: tuple[FieldSet, float, int, type[InfluenceFunction], LinearPeridynamicSolid | None]

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.key == self.key


# a bootstrap asks for the same samples again and again, with other weights
@lru_cache(maxsize=6)
def _samples(keyed: _Keyed) -> LocalSamples:
    fields, horizon, degree, family, near = keyed.arguments
    if family.shape_parameters:
        raise InputError(
            "data on scattered points or with edges are learned with a kernel that is linear in its "
            f"parameters, such as 'b-spline'; '{family.name}' is not"
        )
    cloud = cloud_of(fields, horizon)
    flat = cloud.of_columns(fields.deformation)
    features, volume = _features(cloud, family, degree, flat)
    load = cloud.of_interior(fields.b)
    rows = np.stack([*features, load], axis=-1)  # (2i, s, c + 1)
    size = np.linalg.norm(load, axis=0)
    if near is not None:
        rows = cloud.inverse(cloud.matrix(near))(rows.reshape(len(rows), -1)).reshape(rows.shape)
        size = displacement_size(cloud, fields)
    else:
        amount = displacement_size(cloud, fields)
        has_load = is_loaded(load, amount)
        # without load: relative to that of a sample which is displaced as much; if all are, of a long wave
        # in a solid of modulus one, as it is in the units that models are learned in
        typical = np.median(size[has_load] / amount[has_load]) if has_load.any() else _long_wave(fields)
        size = np.where(has_load, size, amount * typical)
    roots = np.array([np.linalg.qr(rows[:, sample], mode="r") for sample in range(rows.shape[1])])
    return LocalSamples(_square(roots), size, volume)


def _features(
    cloud: Cloud, family: type[InfluenceFunction], degree: int, flat: Array
) -> tuple[list[Array], Array]:
    """P_k t_l + P_l t_k (halved where k = l) and S_k ``(2i, s)`` of displacements ``(2c, s)``; and M_k."""
    around = cloud.around
    # K is linear: its slopes are the basis
    basis = family.curve(around.radii, around.horizon, degree)(np.ones(degree + 1))[1]
    strengths = around.strengths(basis)
    begin, end = around.start[:2]
    # the same at all points: that is what the quadrature is consistent in
    volume = (around.offsets[begin:end] ** 2).sum(axis=1) @ strengths[begin:end]
    parts = [factors_of_shares(around, cloud.interior, column) for column in strengths.T]
    dilatations = [dilatation @ flat for dilatation, _, _ in parts]
    features = []
    for k in range(degree + 1):
        for other in range(k, degree + 1):
            pulled = parts[k][1] @ dilatations[other]
            features.append(pulled if k == other else pulled + parts[other][1] @ dilatations[k])
    return [*features, *(deviatoric @ flat for _, _, deviatoric in parts)], volume


def cuts_of(material: LinearPeridynamicSolid, fields: FieldSet) -> LocalCuts | None:
    """What tells a fit of a model that is not solvable of its displacements of least energy; None if it is.

    The energy is that of the symmetric part: where it is positive the eigenvalues of L are, too.
    """
    if lowest_eigenvalue(material, fields) > _MARGIN:
        return None
    cloud = cloud_of(fields, material.influence.horizon)
    values, vectors = _spectrum(material, fields, _CUTS)
    bad = vectors[:, values < 0.5 * _MARGIN]
    if not bad.shape[1]:
        return None
    flat = np.zeros((2 * len(cloud.columns), bad.shape[1]))
    flat[cloud.inside] = bad
    features, volume = _features(cloud, type(material.influence), material.influence.degree, flat)
    rows = np.stack([(bad * feature).sum(axis=0) for feature in features], axis=1)
    return LocalCuts(rows / _long_wave(fields), volume)


def errors(material: LinearPeridynamicSolid, fields: FieldSet) -> tuple[Array, Array]:
    """Relative errors ``(s,)`` of the residual and of the solution where families are whole.

    The displacements of all other points are given; in a periodic box without edges none are, and the
    mean is zero.  A sample without load there has no size for its residual, which is NaN.

    Raises:
        InputError: as :func:`cloud_of`.
    """
    cloud = cloud_of(fields, material.influence.horizon)
    matrix = cloud.matrix(material)
    load = cloud.of_interior(fields.b)
    residual = matrix @ cloud.of_columns(fields.deformation) - load
    wrong = cloud.inverse(matrix)(residual)
    amount = displacement_size(cloud, fields)
    size = np.where(is_loaded(load, amount), np.linalg.norm(load, axis=0), np.nan)
    return (
        np.linalg.norm(residual, axis=0) / size,
        np.linalg.norm(wrong, axis=0) / amount,
    )


def loaded(fields: FieldSet, horizon: float, least: float = ROUND_OFF) -> NDArray[np.bool_]:
    """Samples ``(s,)`` with a load where the equation is asked for.

    Args:
        least: as of :func:`is_loaded`.
    """
    cloud = cloud_of(fields, horizon)
    return is_loaded(cloud.of_interior(fields.b), displacement_size(cloud, fields), least)


def is_loaded(load: Array, amount: Array, least: float = ROUND_OFF) -> NDArray[np.bool_]:
    """Samples ``(s,)`` whose loads ``(2i, s)`` are more than round-off, of single precision, too.

    Args:
        amount: of their displacements ``(s,)``, over which loads are compared: a sample may be as small as it
            likes.
        least: share of the largest that is more than round-off.
    """
    size = np.linalg.norm(load, axis=0)
    moved = amount > 0
    return size > least * amount * (size[moved] / amount[moved]).max(initial=0.0)


def predicted(material: LinearPeridynamicSolid, fields: FieldSet) -> tuple[Array, NDArray[np.bool_]]:
    """Displacements ``(n, 2)`` that a model gives the first sample, and where they were solved for ``(n,)``.

    They are those without a rigid motion, as :attr:`.FieldSet.deformation`.
    """
    cloud = cloud_of(fields, material.influence.horizon)
    first = replace(fields, u=fields.u[:1], b=fields.b[:1])
    matrix = cloud.matrix(material)
    u = first.deformation
    residual = matrix @ cloud.of_columns(u) - cloud.of_interior(first.b)
    result = u[0].copy()
    result[cloud.interior] -= cloud.inverse(matrix)(residual).reshape(-1, 2)
    inside = np.zeros(len(fields.nodes), dtype=bool)
    inside[cloud.interior] = True
    return result, inside


def lowest_eigenvalue(material: LinearPeridynamicSolid, fields: FieldSet) -> float:
    """The smallest real part of an eigenvalue of L/μ where families are whole, over that of a long wave.

    The wave is as long as the data reach; translations of a periodic box are left out.  Positive, every
    load has one displacement, and motions about it are stable.
    """
    cloud = cloud_of(fields, material.influence.horizon)
    matrix = cloud.matrix(material)[:, cloud.inside] / material.lame_mu
    held = spectra.Held(csr_matrix(matrix), cloud.everywhere)
    return spectra.lowest_real_part(held) / _long_wave(fields)


def _long_wave(fields: FieldSet) -> float:
    return float((2 * np.pi / fields.box.max()) ** 2)


def _spectrum(material: LinearPeridynamicSolid, fields: FieldSet, count: int) -> tuple[Array, Array]:
    """The lowest eigenvalues of L/μ's symmetric part, over that of a long wave, and their vectors."""
    cloud = cloud_of(fields, material.influence.horizon)
    matrix = cloud.matrix(material)[:, cloud.inside] / material.lame_mu
    # twice the symmetric part
    held = spectra.Held(csr_matrix(matrix + csr_matrix(matrix.T)), cloud.everywhere)
    values, vectors = spectra.lowest(held, count)
    return 0.5 * values / _long_wave(fields), vectors


def elastic(sets: Sequence[FieldSet], horizon: float, family: type[InfluenceFunction]) -> tuple[float, float]:
    """λ and μ (TPa) by least squares with an influence function that is large at short bonds alone.

    Raises:
        InputError: the samples do not determine both, have no loads, or these have the wrong sign.
    """
    # samples without load tell nothing of the size of moduli
    sets = [fields for fields in sets if loaded(fields, horizon).any()]
    if not sets:
        raise InputError(
            "no sample has a load b at the nodes where the equation can be asked for, two horizons from all "
            "edges: displacements alone tell ratios of moduli, not their size; give at least one sample with "
            "a body force there"
        )
    gram = np.zeros((3, 3))
    for fields in sets:
        samples = samples_of(fields, horizon, _SHORT, family)
        # of the first function alone: (λ − μ)/m² and μ/m, which combined() makes of λ + μ and μ, and the load
        columns = [0, (_SHORT + 1) * (_SHORT + 2) // 2, -1]
        m = float(samples.volume[0])
        bulk, shear = combined_slopes(np.array([1 / m**2, 0.0]), np.array([0.0, 1 / m]))
        change = np.array([[*bulk, 0.0], [*shear, 0.0], [0.0, 0.0, 1.0]]).T
        for root in samples.roots:
            rows = root[:, columns] @ change
            gram += rows.T @ rows / max(float(np.linalg.norm(rows[:, :2])) ** 2, 1e-300)
    # what sums over bonds make of fields without divergence is below a per cent of the rest
    require_both(sum((_divergence_and_rotation(f, horizon, family) for f in sets), np.zeros(2)), 4e-4)
    bulk_modulus, shear_modulus = np.linalg.solve(gram[:2, :2], gram[:2, 2])
    # λ + μ is told less surely: waves of few nodes have a small dilatation
    if not shear_modulus > 0:
        raise InputError(
            "least squares give μ < 0, which no stable material has: b is the body force that acts on the "
            "material, b = −div σ; multiply b by −1 if its sign is reversed, or check that u and b belong "
            "together"
        )
    return float(bulk_modulus - shear_modulus), float(shear_modulus)


def _divergence_and_rotation(fields: FieldSet, horizon: float, family: type[InfluenceFunction]) -> Array:
    """Shares ``(2,)`` that div u and curl u, as far as they vary, have of both: means over the samples."""
    cloud = cloud_of(fields, horizon)
    basis = family.curve(cloud.around.radii, horizon, _SHORT)(np.ones(_SHORT + 1))[1]
    dilatation, _, _ = factors_of_shares(cloud.around, cloud.interior, cloud.around.strengths(basis)[:, 0])
    u = fields.deformation
    # the rotation of u is the divergence of u turned by a right angle
    turned = np.stack([u[..., 1], -u[..., 0]], axis=-1)
    parts = [dilatation @ cloud.of_columns(values) for values in (u, turned)]
    power = np.array([((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in parts])
    return (power / np.maximum(power.sum(axis=0), 1e-300)).mean(axis=1)


def displacement_size(cloud: Cloud, fields: FieldSet) -> Array:
    """The norm ``(s,)`` of the displacements of the interior, without a rigid motion: it needs no load, so
    that no error may look smaller by it."""
    u = fields.deformation[:, cloud.interior]
    return np.linalg.norm((u - u.mean(axis=1, keepdims=True)).reshape(len(u), -1), axis=1)


def _square(roots: Array) -> Array:
    """Roots of few points, which have fewer rows than columns, with rows of zeros."""
    missing = roots.shape[2] - roots.shape[1]
    return np.pad(roots, ((0, 0), (0, missing), (0, 0))) if missing > 0 else roots
