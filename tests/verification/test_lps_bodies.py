"""Bodies in equilibrium: patch tests, a bar, Kirsch's hole, an L, two bodies, mechanisms."""

import sys
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError, InputError, SolvabilityError
from mdbridge.lps import bodies, elements, geometry, recovery

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import bodies_for_tests as made

SELF = MPI.COMM_SELF
GRADIENT = np.array([[0.01, 0.004], [-0.002, 0.007]])
BODIES = {
    "plate with a hole": made.plate_with_hole,
    "on a rectangular lattice": lambda: made.plate_with_hole(half=22.4, spacing=(1.0, 1.2)),
    "L": made.l_shape,
    "scattered nodes": made.scattered,
    "two bodies": lambda: geometry.fill(
        [made.rectangle(0, 24, 0, 24), made.rectangle(24.5, 50, 0, 24)], (1.0, 1.0), 9.0
    ),
}
SOLIDS = {
    "1/r": made.material(),
    "constant": made.material(alpha=0.0),
    "of either sign": made.material(3.5, made.SIGN_CHANGING, 0.5),
    "of either sign, isotropic": made.material(3.5, made.SIGN_CHANGING, 0.5, quadrature="isotropic"),
}


def solve(body, solid, displacement=None, facet_load=None, body_load=None, **options):
    free = np.full(body.points.shape, np.nan)
    return bodies.solve_body(
        SELF,
        body,
        solid,
        displacement=free if displacement is None else displacement,
        body_load=np.zeros(body.points.shape) if body_load is None else body_load,
        facet_load=facet_load,
        **options,
    )


def without_rigid(body, difference):
    """What is left of a displacement when the rigid motion nearest to it is taken away."""
    x, y = body.points.T
    modes = np.zeros((len(x), 2, 3))
    modes[:, 0, 0] = modes[:, 1, 1] = 1
    modes[:, 0, 2], modes[:, 1, 2] = -y, x
    modes = modes.reshape(-1, 3)
    flat = difference.ravel()
    return (flat - modes @ np.linalg.lstsq(modes, flat, rcond=None)[0]).reshape(-1, 2)


@pytest.mark.parametrize("solid", SOLIDS)
@pytest.mark.parametrize("shape", BODIES)
def test_patch_displacement_on_part_of_the_boundary_traction_on_the_rest(shape, solid):
    body, material = BODIES[shape](), SOLIDS[solid]
    if shape == "scattered nodes" and "isotropic" not in solid and solid != "1/r":
        material = made.material(3.5, made.SIGN_CHANGING, 0.5, quadrature="isotropic")
    exact = body.points @ GRADIENT.T
    stress = made.stress_of(GRADIENT, bodies.effective_moduli(body, material))
    rim = np.isin(np.arange(len(exact)), body.facets)
    held = np.zeros(len(exact), dtype=bool)
    for part in range(int(body.parts.max()) + 1):
        own = body.parts == part
        held |= own & rim & (body.points[:, 0] < body.points[own, 0].min() + 0.3)
    loaded = np.flatnonzero(~held[body.facets].all(axis=1))
    load = elements.facet_loads(body, loaded, lambda _, normal: normal @ stress)
    result = solve(body, material, np.where(held[:, None], exact, np.nan), load, rtol=1e-11)
    assert result.nonlocal_nodes.any()
    assert np.abs(result.displacement - exact).max() < 1e-8 * np.abs(exact).max()
    strain = recovery.strains(body, result.displacement)
    np.testing.assert_allclose(strain, np.tile([0.01, 0.007, 0.001], (len(strain), 1)), atol=1e-8)


@pytest.mark.parametrize("quadrature", ["consistent", "isotropic"])
@pytest.mark.parametrize("name", made.sparse_lattices())
def test_patch_on_nodes_that_leave_places_of_their_lattice_empty(name, quadrature):
    """Rows of a full lattice would read displacements where no node is."""
    body = geometry.join(made.sparse_lattices()[name], 9.0)
    exact = body.points @ GRADIENT.T
    rim = np.isin(np.arange(len(exact)), body.facets)
    material = made.material(3.0, made.SIGN_CHANGING, 0.5, quadrature=quadrature)
    result = solve(body, material, np.where(rim[:, None], exact, np.nan))
    assert result.nonlocal_nodes.any()
    assert np.abs(result.displacement - exact).max() < 1e-8 * np.abs(exact).max()


def test_patch_tractions_all_around():
    body, material = made.plate_with_hole(), SOLIDS["of either sign"]
    stress = made.stress_of(GRADIENT, bodies.effective_moduli(body, material))
    load = elements.facet_loads(body, np.arange(len(body.facets)), lambda _, normal: normal @ stress)
    result = solve(body, material, None, load, rtol=1e-11)
    exact = body.points @ GRADIENT.T
    assert len(result.motions) == 3
    assert np.abs(without_rigid(body, result.displacement - exact)).max() < 1e-8 * np.abs(exact).max()


def test_a_bar_under_its_own_weight_stretches_by_rho_g_over_2e():
    """σ(x) = b (l − x): u(l) = b l²/(2 E) for a bar that may contract sideways."""
    body = geometry.fill([made.rectangle(0, 60, 0, 24)], (1.0, 1.0), 9.0)
    material = made.material(3.0, made.SIGN_CHANGING, 0.5, lame=(0.0, 0.5), quadrature="isotropic")  # ν = 0
    displacement = np.full(body.points.shape, np.nan)
    displacement[body.points[:, 0] < 1e-9] = 0.0
    result = solve(body, material, displacement, body_load=np.tile([1e-3, 0.0], (len(body.points), 1)))
    x = body.points[:, 0]
    np.testing.assert_allclose(
        result.displacement[:, 0], 1e-3 * (60 * x - x**2 / 2) / material.young, atol=4e-4
    )
    assert np.abs(result.displacement[:, 1]).max() < 2e-4 * 1.8
    assert np.all(result.reaction[x > 1e-9] == 0)
    np.testing.assert_allclose(result.reaction.sum(axis=0), [-1e-3 * 60 * 24, 0], rtol=1e-4, atol=1e-6)


def kirsch(count, ratio=3.0, half=80.0, radius=16.0):
    """The factor at the hole and the displacement's error, with the exact stress on the outer edges."""
    h = radius / count
    material = made.material(ratio * h)
    outer, hole = made.rectangle(-half, half, -half, half), geometry.disc((0, 0), radius, h, geometry.HOLE)
    body = geometry.fill([outer, hole], (h, h), 2 * ratio * h + 2 * h)

    def polar(points):
        angle = np.arctan2(points[:, 1], points[:, 0])
        return (radius / np.hypot(*points.T)) ** 2, np.cos(2 * angle), np.cos(4 * angle), angle

    def traction(points, normal):
        q, two, four, angle = polar(points)
        xx = 1 - q * (1.5 * two + four) + 1.5 * q**2 * four
        yy = -q * (0.5 * two - four) - 1.5 * q**2 * four
        xy = -q * (0.5 * np.sin(2 * angle) + np.sin(4 * angle)) + 1.5 * q**2 * np.sin(4 * angle)
        return np.stack(
            [xx * normal[:, 0] + xy * normal[:, 1], xy * normal[:, 0] + yy * normal[:, 1]], axis=1
        )

    edges = np.flatnonzero(body.facet_kind == geometry.OUTLINE)
    result = solve(body, material, None, elements.facet_loads(body, edges, traction))
    q, two, _, angle = polar(body.points)
    r, k, mu = np.hypot(*body.points.T), (3 - material.poisson) / (1 + material.poisson), material.lame_mu
    along = r * (k - 1) + 2 * r * two + 2 * q * r * (1 + (k + 1) * two - q * two)
    across = -2 * r * np.sin(2 * angle) * (1 + q * (k - 1) + q**2)
    exact = np.stack(
        [along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)],
        axis=1,
    ) / (8 * mu)
    error = without_rigid(body, result.displacement - exact)
    stress = recovery.stresses(
        recovery.strains(body, result.displacement), elements.elasticity(result.moduli)
    )
    top = int(np.argmin(np.hypot(*(body.points - [0, radius]).T)))
    return stress[top, 0], float(np.linalg.norm(error) / np.linalg.norm(exact)), result


def test_the_factor_at_a_hole_tends_to_kirsch_s():
    """At δ/h = 3 fixed; 3 % at 16 nodes on the radius, and displacements of second order."""
    coarse, fine = kirsch(8), kirsch(16)
    assert abs(fine[0] - 3) < 0.03 * 3
    assert 1.0 < np.log2(abs(coarse[0] - 3) / abs(fine[0] - 3)) < 3.0
    assert 1.7 < np.log2(coarse[1] / fine[1]) < 2.6
    assert fine[2].nonlocal_nodes.mean() > 0.7


def test_two_bodies_that_do_not_touch_do_not_feel_each_other():
    body, material = BODIES["two bodies"](), SOLIDS["of either sign"]
    right = body.points[:, 0] > 24.2
    displacement = np.full(body.points.shape, np.nan)
    displacement[body.points[:, 1] < 1e-9] = 0.0
    load = np.where(right[:, None], [1e-3, 0.0], 0.0)
    result = solve(body, material, displacement, body_load=load)
    assert np.abs(result.displacement[~right]).max() < 1e-10 * np.abs(result.displacement).max()


def test_an_l_shape_in_equilibrium_with_its_load():
    """The reactions of its clamped edge are the load's resultant and moment."""
    body, material = made.l_shape(), made.material()
    held = body.points[:, 1] < 1e-9
    load = np.tile([1e-3, 0.0], (len(body.points), 1))
    given = np.where(held[:, None], [0.0, 0.0], np.nan)
    result = solve(body, material, given, body_load=load)
    load, reaction = load * elements.areas(body)[:, None], result.reaction
    assert np.all(reaction[~held] == 0)
    # rows of two kinds are in balance as far as the field is smooth on the scale of the horizon
    np.testing.assert_allclose(-reaction.sum(axis=0), load.sum(axis=0), rtol=0.02, atol=2e-2)
    moments = [(body.points[:, 0] * f[:, 1] - body.points[:, 1] * f[:, 0]).sum() for f in (-reaction, load)]
    assert moments[0] == pytest.approx(moments[1], rel=0.02)
    assert np.abs(result.residual[~held]).max() < 1e-8


def test_a_mechanism_is_named():
    body, material = BODIES["two bodies"](), made.material()
    displacement = np.full(body.points.shape, np.nan)
    displacement[body.points[:, 0] < 1e-9] = 0.0
    with pytest.raises(
        InputError, match=r"a mechanism: .*the part at x = 24.5 … 50, y = 0 … 24 moves along \(1, 0\)"
    ):
        solve(body, material, displacement, body_load=np.tile([1e-3, 0.0], (len(body.points), 1)))


@pytest.mark.parametrize("lame", [(0.3, -0.5), (-0.6, 0.5)])
def test_moduli_of_negative_energy_are_refused(lame):
    with pytest.raises(SolvabilityError, match="negative energy"):
        solve(
            made.plate_with_hole(),
            made.material(lame=lame),
            np.zeros((1, 2)).repeat(len(made.plate_with_hole().points), 0),
        )


@pytest.mark.slow
@pytest.mark.parametrize("clamped", [False, True])
def test_iterations_do_not_grow_with_the_number_of_nodes(clamped):
    """δ = 5.7 h, from some 4,000 to some 60,000 nodes; a million take 35 and 29 (docs/own_problem.md)."""
    solid = made.material(5.7, made.SIGN_CHANGING, 0.5)
    iterations = []
    for size in (60, 240):
        hole = geometry.disc((size / 2, size / 2), size / 10, 1.0, geometry.HOLE)
        body = geometry.fill([made.rectangle(0, size, 0, size), hole], (1.0, 1.0), 14.0)
        x, y = body.points.T
        if clamped:
            load = np.stack([np.sin(2 * np.pi * x / size) * np.sin(np.pi * y / size), 0 * x], axis=1) / size
            given = np.full(body.points.shape, np.nan)
            given[np.unique(body.facets)] = 0.0
            result = solve(body, solid, given, body_load=load, rtol=1e-8)
        else:
            ends = body.points[body.facets][:, :, 0]
            sides = np.flatnonzero((ends < 1e-9).all(axis=1) | (ends > size - 1e-9).all(axis=1))
            pull = elements.facet_loads(body, sides, lambda _, normal: normal * [1e-3, 0])
            result = solve(body, solid, None, pull, rtol=1e-8)
        iterations.append(result.iterations)
    assert iterations[1] <= 1.3 * iterations[0], iterations
    assert iterations[1] < 45


def test_a_solution_that_does_not_converge_is_told_with_its_place():
    body = made.plate_with_hole()
    right = np.flatnonzero((body.points[body.facets][:, :, 0] > 22 - 1e-9).all(axis=1))
    given = np.full(body.points.shape, np.nan)
    given[body.points[:, 0] < -22 + 1e-9] = 0.0
    pull = elements.facet_loads(body, right, lambda _, normal: 1e-3 * normal)
    with pytest.raises(ConvergenceError, match=r"after 3 iterations .* the largest at \(-?\d"):
        solve(body, made.material(), given, pull, max_iterations=3)


@pytest.mark.parametrize("factor", [1e-200, 1e160])
def test_the_displacement_is_linear_in_loads_of_any_size(factor):
    # squares of these overflow, or vanish, inside the solver
    body = geometry.fill([made.rectangle(0, 12, 0, 12)], (1.0, 1.0), 9.0)
    pull = elements.facet_loads(body, np.arange(len(body.facets)), lambda _, n: 1e-3 * n)
    usual = solve(body, SOLIDS["1/r"], facet_load=pull).displacement
    other = solve(body, SOLIDS["1/r"], facet_load=factor * pull).displacement
    np.testing.assert_allclose(other / factor, usual, rtol=0, atol=1e-9 * np.abs(usual).max())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("displacement", np.zeros((3, 2)), r"displacement: an array of shape \(3, 2\), expected"),
        ("body_load", np.zeros((3, 2)), r"a load: an array of shape \(3, 2\), expected"),
        ("facet_load", np.zeros(4), r"a load: an array of shape \(4,\), expected"),
        ("displacement", np.inf, "are not all finite numbers"),
        ("body_load", np.nan, "are not all finite numbers"),
        ("facet_load", np.inf, "are not all finite numbers"),
    ],
)
def test_arrays_that_do_not_fit_the_body_are_refused(name, value, words):
    body = made.scattered(9, 0.1)
    whole = {key: np.zeros(body.points.shape) for key in ("displacement", "body_load", "facet_load")}
    given = whole | {name: whole[name] + value if np.isscalar(value) else value}
    with pytest.raises(InputError, match=words):
        bodies.solve_body(SELF, body, made.material(), **given)
