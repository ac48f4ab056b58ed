"""Samples with edges and on scattered points: the quadratic form, errors, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from own_data import LAM, MU, grid, waves

from mdbridge.core.errors import InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.lps import fieldsets
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.learn import local
from mdbridge.lps.learn.residuals import FitSettings
from mdbridge.lps.material import LinearPeridynamicSolid

HORIZON = 3.3
COEFFICIENTS = np.array([1.0, 0.7, -0.2, 0.4])
MATERIAL = LinearPeridynamicSolid(BSpline(HORIZON, COEFFICIENTS), LAM, MU, quadrature="consistent")


def fields(size=0.0, shape=(17, 16), box=False, samples=3, spacing=1.0, **keys):
    """On a grid whose nodes are moved by up to ``size`` spacings, with edges or in a box."""
    nodes = grid(shape, (spacing, spacing))
    nodes = nodes + size * spacing * np.random.default_rng(0).uniform(-1, 1, nodes.shape)
    edges = np.array(shape) * spacing
    u, b = waves(nodes, edges if box else 1.1 * edges, samples=samples, **keys)
    names, load = [str(n) for n in range(samples)], np.zeros((samples, 0))
    spacings = np.full(2, spacing)
    return FieldSet(nodes, u, b, load, [], names, edges, spacings, None, size > 0, box)


CASES = {"edges": fields(), "scattered": fields(0.2, box=True), "scattered, edges": fields(0.2)}


@pytest.mark.parametrize("case", CASES)
def test_the_form_is_the_sum_of_squared_residuals(case):
    given = CASES[case]
    cloud = local.cloud_of(given, HORIZON)
    u = given.u - given.u.mean(axis=1, keepdims=True)
    residual = cloud.matrix(MATERIAL) @ cloud.of_columns(u) - cloud.of_interior(given.b)
    load = np.linalg.norm(cloud.of_interior(given.b), axis=0)
    wanted = ((np.linalg.norm(residual, axis=0) / load) ** 2).mean()
    form = local.samples_of(given, HORIZON, 3, BSpline).moments()
    values, slopes = form.residual((LAM, MU), COEFFICIENTS)
    assert values @ values == pytest.approx(wanted, rel=1e-9)
    # the slopes by differences, in lambda + mu, mu and D
    p = np.r_[LAM + MU, MU, COEFFICIENTS]
    for column in range(len(p)):
        ahead, behind = (p + s * 1e-6 * np.eye(len(p))[column] for s in (1, -1))
        change = [form.residual((q[0] - q[1], q[1]), q[2:])[0] for q in (ahead, behind)]
        np.testing.assert_allclose(slopes[:, column], (change[0] - change[1]) / 2e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_errors_of_the_solution_are_residuals_through_the_inverse(case):
    given = CASES[case]
    _, solution = local.errors(MATERIAL, given)
    form = local.samples_of(given, HORIZON, 3, BSpline, MATERIAL)
    one_by_one = [
        np.linalg.norm(form.moments(weights).residual((LAM, MU), COEFFICIENTS)[0]) for weights in np.eye(3)
    ]
    np.testing.assert_allclose(one_by_one, solution, rtol=1e-6)


@pytest.mark.parametrize("change", [{"wraps": True}, {"spacing": np.full(2, 1.2)}, {"scattered": True}])
def test_samples_that_were_made_of_other_fields_are_not_taken(change):
    """The same nodes, displacements and loads, but as something else: in a box, or on other spacings."""
    given = fields(shape=(18, 17))
    other = replace(given, **change)
    local._samples.cache_clear()
    wanted = local.samples_of(given, HORIZON, 3, BSpline).roots
    local._samples.cache_clear()
    local.samples_of(other, HORIZON, 3, BSpline)
    np.testing.assert_array_equal(local.samples_of(given, HORIZON, 3, BSpline).roots, wanted)
    assert local._samples.cache_info().hits == 0
    local.samples_of(given, HORIZON, 3, BSpline)
    assert local._samples.cache_info().hits == 1


def test_only_whole_families_take_part():
    cloud = local.cloud_of(CASES["edges"], HORIZON)
    # two families of 3 rows reach over 6 rows from each edge
    assert len(cloud.interior) == (17 - 12) * (16 - 12) and not cloud.everywhere
    assert local.cloud_of(CASES["scattered"], HORIZON).everywhere
    with pytest.raises(InputError, match="no node has a whole family"):
        local.cloud_of(CASES["edges"], 4.3)
    hole = CASES["edges"]
    keep = np.arange(272) != 136  # in the middle
    without = replace(hole, nodes=hole.nodes[keep], u=hole.u[:, keep], b=hole.b[:, keep])
    with pytest.raises(InputError, match="no node has a whole family"):
        local.cloud_of(without, HORIZON)


def test_plane_waves_converge_on_scattered_points():
    """Residuals of smooth fields on finer and finer scattered points: at least of first order."""
    sizes = []
    for spacing in (1.0, 0.6):
        shape = (round(9 / spacing),) * 2
        given = fields(0.2, shape, box=True, spacing=spacing, highest=1, samples=2)
        horizon = HORIZON * spacing
        material = replace(MATERIAL, influence=BSpline(horizon, COEFFICIENTS))
        sizes.append(local.errors(material, given)[1].mean())
    assert 1.0 < np.log(sizes[0] / sizes[1]) / np.log(1 / 0.6) < 3.5


def test_cuts_raise_the_energy_of_what_had_none():
    given = CASES["scattered"]
    bad = replace(MATERIAL, influence=BSpline(HORIZON, np.array([1.0, -2.0, 1.0, 1.0])))
    cut = local.cuts_of(bad, given)
    assert cut is not None and local.lowest_eigenvalue(bad, given) < 0
    values, _ = cut.residual((LAM, MU), bad.influence.coefficients)
    assert values.max() > 1
    lowest = cut.rows @ local.coefficients(cut.volume, (LAM, MU), bad.influence.coefficients)[0] / MU
    # that of the symmetric part bounds those of L from below
    assert lowest.min() <= local.lowest_eigenvalue(bad, given)
    good = replace(MATERIAL, influence=BSpline(HORIZON, np.array([1.0, 0.5, 0.2, 0.0])))
    assert local.cuts_of(good, CASES["edges"]) is None


@pytest.mark.parametrize("kind", ["transverse", "longitudinal"])
def test_what_samples_do_not_determine_is_named(kind):
    words = {"transverse": "determine μ alone", "longitudinal": r"λ [+] 2μ alone"}
    with pytest.raises(InputError, match=words[kind]):
        local.elastic([fields(samples=6, kind=kind, highest=2)], 2.55, BSpline)


def test_the_first_guess_and_the_sign_of_loads():
    given = fields(samples=6, highest=2)
    lam, mu = local.elastic([given], 2.55, BSpline)
    assert mu == pytest.approx(MU, rel=0.2) and lam + mu == pytest.approx(LAM + MU, rel=0.5)
    with pytest.raises(InputError, match="multiply b by −1"):
        local.elastic([replace(given, b=-given.b)], 2.55, BSpline)
    with pytest.raises(InputError, match="linear in its parameters"):
        local.samples_of(given, 2.55, 2, Bernstein)


def test_moduli_come_out_of_a_body_with_edges():
    given = fields(samples=8, shape=(18, 18), highest=2)
    fit = fieldsets.learn(
        given, HORIZON, 6, quadrature="consistent", settings=FitSettings(starts=1, kernel="b-spline")
    )
    assert fit.material.lame_mu == pytest.approx(MU, rel=2e-3)
    assert fit.material.lame_lambda == pytest.approx(LAM, rel=1e-2)
    assert all(certificate.holds for certificate in fit.certificates)


def harmonic(given, numbers=(0.5, 1.0)):
    """Two samples in balance without any load: no divergence, no rotation."""
    x, y = given.nodes.T
    k = 2 * np.pi / given.box[0] * np.array(numbers)[:, None]
    u = np.stack([np.exp(k * x) * np.cos(k * y), -np.exp(k * x) * np.sin(k * y)], axis=-1)
    return replace(given, u=u, b=0 * u, load=np.zeros((2, 0)), names=["a", "b"])


def joined(first, second):
    """Samples of both on the same points."""
    return replace(
        first,
        u=np.concatenate([first.u, second.u]),
        b=np.concatenate([first.b, second.b]),
        names=[*first.names, *second.names],
        load=np.zeros((len(first.u) + len(second.u), 0)),
    )


def test_a_sample_without_load_has_an_error_of_its_displacement_alone():
    given = fields(samples=3)
    residual, solution = local.errors(MATERIAL, joined(given, harmonic(given)))
    alone = local.errors(MATERIAL, given)
    np.testing.assert_allclose([residual[:3], solution[:3]], alone, rtol=1e-12)
    assert np.isnan(residual[3:]).all() and (solution[3:] < 0.1).all()
    assert local.loaded(joined(given, harmonic(given)), HORIZON).tolist() == [True] * 3 + [False] * 2


def test_samples_without_load_do_not_drown_those_that_have_one():
    """Relative to what their own small forces amount to they once moved lambda by half."""
    given = fields(samples=8, shape=(18, 18), highest=2)
    settings = FitSettings(starts=1, kernel="b-spline")
    fit = fieldsets.learn(
        joined(given, harmonic(given)), HORIZON, 6, quadrature="consistent", settings=settings
    )
    assert fit.material.lame_mu == pytest.approx(MU, rel=2e-3)
    assert fit.material.lame_lambda == pytest.approx(LAM, rel=1e-2)


@pytest.mark.parametrize("share", [1e-15, 1e-10, 1e-7])
def test_round_off_is_no_load(share):
    """Its samples once had all the weight: no model was learned, or one that missed the load 500 times."""
    given = fields(samples=4)
    unloaded = joined(given, harmonic(given))
    noise = np.random.default_rng(0).standard_normal(given.b[:2].shape)
    noisy = joined(given, replace(harmonic(given), b=share * np.abs(given.b).max() * noise))
    assert local.loaded(noisy, HORIZON).tolist() == [True] * 4 + [False] * 2
    asked = fieldsets.LocalAs("b-spline", 3, MATERIAL, 3.0)
    forms = [asked.moments(each, HORIZON, 1.5, None) for each in (unloaded, noisy)]
    for wanted, form in zip(*forms, strict=True):
        squares = [root.T @ root for root in (wanted.root, form.root)]
        np.testing.assert_allclose(squares[1], squares[0], rtol=1e-4, atol=1e-6 * np.abs(squares[0]).max())


@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_a_sample_is_loaded_by_its_own_size_and_a_set_without_load_moves_nothing(size):
    given = fields(samples=8, shape=(18, 18), highest=2)
    small = np.array([size] + 7 * [1.0])[:, None, None]
    sets = {"train": replace(given, u=given.u * small, b=given.b * small), "train-2": harmonic(given)}
    assert local.loaded(sets["train"], HORIZON).all() and not local.loaded(sets["train-2"], HORIZON).any()
    assert local.elastic(list(sets.values()), 2.55, BSpline) == local.elastic([sets["train"]], 2.55, BSpline)
    scale = fieldsets.scale_of(sets, HORIZON)
    scaled = list(scale.all_fields(sets).values())
    settings = FitSettings(starts=1, kernel="b-spline")
    horizon = HORIZON / scale.length
    fit = scale.fit(fieldsets.learn(scaled, horizon, 6, quadrature="consistent", settings=settings))
    assert fit.material.lame_mu == pytest.approx(MU, rel=2e-3)
    assert fit.material.lame_lambda == pytest.approx(LAM, rel=1e-2)


def test_displacements_alone_are_refused_as_such():
    given = fields(samples=3)
    with pytest.raises(InputError, match=r"no sample has a load b .* tell ratios of moduli"):
        local.elastic([harmonic(given)], 2.55, BSpline)
    # loads at the rim alone, where the equation cannot be asked for
    inside = np.isin(np.arange(len(given.nodes)), local.cloud_of(given, 2.55).interior)
    with pytest.raises(InputError, match="two horizons from all edges"):
        local.elastic([replace(given, b=np.where(inside[:, None], 0.0, given.b))], 2.55, BSpline)


def moved(given, angle=0.01):
    """Every second sample moved and turned by much more than it is deformed."""
    arm = given.nodes - given.nodes[0]
    motion = np.array([5.0, -3.0]) + angle * np.stack([-arm[:, 1], arm[:, 0]], axis=1)
    u = given.u.copy()
    u[::2] += 100 * np.abs(given.u).max() * motion
    return replace(given, u=u)


def test_a_rigid_motion_of_a_body_with_edges_changes_neither_errors_nor_the_form():
    """It once weighed a turned sample more, and its error less: E, nu and both errors changed."""
    given = fields(samples=4)
    noise = np.random.default_rng(0).standard_normal(given.u.shape)
    given = replace(given, u=given.u + 0.005 * np.abs(given.u).max() * noise)
    np.testing.assert_allclose(local.errors(MATERIAL, moved(given)), local.errors(MATERIAL, given), rtol=1e-6)
    asked = fieldsets.LocalAs("b-spline", 3, MATERIAL, 3.0)
    for wanted, form in zip(
        *(asked.moments(each, HORIZON, 1.5, None) for each in (given, moved(given))), strict=True
    ):
        squares = [root.T @ root for root in (wanted.root, form.root)]
        np.testing.assert_allclose(squares[1], squares[0], rtol=1e-6, atol=1e-8 * np.abs(squares[0]).max())
    truth, turned = (local.predicted(MATERIAL, each)[0] for each in (given, moved(given)))
    np.testing.assert_allclose(turned, truth, atol=1e-9 * np.abs(moved(given).u).max())


def test_in_a_periodic_box_a_translation_alone_is_rigid():
    given = CASES["scattered"]
    np.testing.assert_allclose(
        local.errors(MATERIAL, moved(given, angle=0.0)), local.errors(MATERIAL, given), rtol=1e-6
    )
    assert not np.allclose(local.errors(MATERIAL, moved(given)), local.errors(MATERIAL, given), rtol=0.1)
