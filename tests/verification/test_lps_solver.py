"""Boundary-value problems against the symbol, exact displacements and the local limit."""

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError, InputError, SolvabilityError
from mdbridge.lps import solver, stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.operator import operator_rows

SELF = MPI.COMM_SELF
LAMBDA, MU = -0.197, 0.722


def material(horizon, *coefficients, alpha=1.0, lame=(LAMBDA, MU)):
    return LinearPeridynamicSolid(Bernstein(horizon, np.array(coefficients), (alpha,)), *lame)


def sign_changing(horizon):
    """Negative for short bonds and positive for long ones; positive definite where h = δ/4."""
    return material(horizon, -1.4, -0.8, 2.8, 1.0)


def grid(shape, spacing, perturbation=0.0):
    axes = [h * np.arange(n) for n, h in zip(shape, spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return points + np.random.default_rng(7).uniform(-perturbation, perturbation, points.shape)


def symbol_solution(material, shape, spacing, load):
    """The exact discrete solution in a periodic box, wave by wave."""
    box = np.multiply(shape, spacing)
    waves = symbol.grid_wavevectors(shape, box)
    blocks = symbol.operator(
        material, symbol.rings(stencil.uniform(spacing, material.influence.horizon), waves)
    )
    blocks[0] = np.eye(2)
    amplitude = np.fft.fft2(load.reshape(*shape, 2), axes=(0, 1)).reshape(-1, 2, 1)
    amplitude[0] = 0
    solved = np.linalg.solve(blocks, amplitude).reshape(*shape, 2)
    return np.fft.ifft2(solved, axes=(0, 1)).real.reshape(-1, 2)


def error(approximate, exact):
    return np.linalg.norm(approximate - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize(("shape", "spacing"), [((10, 12), (5.0, 5.0)), ((12, 10), (4.93, 5.04))])
def test_assembled_matrix_has_the_symbol(shape, spacing):
    solid, box = sign_changing(20.0), np.multiply(shape, spacing)
    points = grid(shape, spacing)
    waves = symbol.grid_wavevectors(shape, box)
    blocks = symbol.operator(solid, symbol.rings(stencil.uniform(spacing, 20.0), waves))
    matrix = operator_rows(points, box, solid, np.arange(len(points))).matrix().toarray()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
    expected = np.sort(np.linalg.eigvalsh(blocks).ravel())
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), expected, atol=1e-13)
    direction = np.array([0.8, -0.3])
    for wave, block in list(zip(waves, blocks, strict=True))[1::17]:
        phase = points @ wave
        for part in (np.cos(phase), np.sin(phase)):
            image = solver.apply(SELF, points, solid, (part[:, None] * direction)[None], box)[0]
            np.testing.assert_allclose(image, part[:, None] * (block @ direction), atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "spacing", "solid"),
    [
        ((20, 20), (5.0, 5.0), sign_changing(20.0)),
        ((20, 19), (4.93, 5.04), material(25.0, 1.0, 0.5, -0.3, 0.2, alpha=1.2)),
        pytest.param(
            (40, 40), (2.5, 2.5), material(25.0, 1.0, 0.5, -0.3, 0.2, alpha=1.2), marks=pytest.mark.slow
        ),
    ],
)
def test_periodic_solution_is_the_inverted_symbol(shape, spacing, solid):
    points = grid(shape, spacing)
    random = np.random.default_rng(0).standard_normal((len(points), 2))
    smooth = np.sin(2 * np.pi * points / np.multiply(shape, spacing)) + 0.5
    loads = np.stack([random, smooth])
    solution = solver.solve_periodic(SELF, points, np.multiply(shape, spacing), solid, loads, imbalance=1.0)
    for load, displacement in zip(loads, solution.displacement, strict=True):
        assert error(displacement, symbol_solution(solid, shape, spacing, load)) < 2e-9
    assert np.all(solution.residuals <= 1.01e-10)
    assert np.all(solution.iterations < 60)


def fields(points):
    """A smooth displacement of period 100 Å and the load that local elasticity asks for."""
    k = 2 * np.pi / 100
    x, y = k * points.T
    u = np.stack([np.sin(x) * np.cos(y), np.cos(x + y)], axis=1)
    gradient = -(k**2) * np.stack(
        [np.sin(x) * np.cos(y) + np.cos(x + y), np.cos(x) * np.sin(y) + np.cos(x + y)], axis=1
    )
    return u, -(LAMBDA + MU) * gradient + 2 * MU * k**2 * u


def order(errors):
    return np.log2(errors[:-1] / errors[1:])


def periodic_error(count, solid, perturbation):
    points = grid((count, count), (100 / count,) * 2, perturbation * 100 / count)
    u, load = fields(points)
    solution = solver.solve_periodic(
        SELF, points, np.array([100.0, 100.0]), solid(3 * 100 / count), load[None], imbalance=1.0
    )
    return error(solution.displacement[0] - solution.displacement[0].mean(axis=0), u - u.mean(axis=0))


def dirichlet_error(count, solid, perturbation):
    spacing = 100 / count
    points = grid((count + 15,) * 2, (spacing,) * 2) - 7 * spacing
    free = np.all((points > 1e-9) & (points < 100 - 1e-9), axis=1)
    points = points + np.random.default_rng(3).uniform(-perturbation, perturbation, points.shape) * spacing
    u, load = fields(points)
    solution = solver.solve_dirichlet(SELF, points, free, solid(3 * spacing), load[None], u[None])
    return error(solution.displacement[0][free], u[free])


UNIFORM = [(periodic_error, 0.0), (dirichlet_error, 0.0)]
MOVED = [(dirichlet_error, 0.2), (periodic_error, 0.2)]


def slowly(cases):
    """Nodes moved at random take a sparse solve; the fast tests have it in test_lps_bodies.py."""
    return [pytest.param(*case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(("problem", "perturbation"), [*UNIFORM, *slowly(MOVED)])
def test_second_order_towards_local_elasticity(problem, perturbation):
    """δ = 3h → 0 with K = 1/r, whose moments up to the fourth the weights integrate exactly."""
    errors = np.array([problem(n, lambda delta: material(delta, 1.0), perturbation) for n in (20, 40, 80)])
    assert np.all((order(errors) > 1.7) & (order(errors) < 2.3)), order(errors)


@pytest.mark.parametrize(("problem", "perturbation"), [*UNIFORM, *slowly(MOVED)])
def test_second_order_with_any_kernel_where_the_quadrature_is_isotropic(problem, perturbation):
    """K linear in r, which the published weights do not integrate."""

    def solid(horizon):
        return replace(material(horizon, 1.0, 0.0), quadrature="isotropic")

    errors = np.array([problem(n, solid, perturbation) for n in (20, 40, 80)])
    assert np.all((order(errors) > 1.7) & (order(errors) < 2.3)), order(errors)


def test_no_order_for_a_kernel_whose_moments_are_not_exact():
    """The test above can fail: a kernel linear in r keeps the grid's anisotropy at fixed δ/h."""

    def published(delta):
        return replace(material(delta, 1.0, 0.0), quadrature="published")

    errors = np.array([periodic_error(n, published, 0.0) for n in (20, 40)])
    assert np.all(order(errors) < 1)


def disc(spacing=5.0, perturbation=0.0):
    count = 2 * int(100 / spacing) + 3
    points = grid((count, count), (spacing, spacing)) - spacing * (count // 2)
    points = points[np.hypot(*points.T) <= 100 * (1 + 1e-9)]
    return points + np.random.default_rng(5).uniform(-perturbation, perturbation, points.shape)


@pytest.mark.parametrize(
    ("perturbation", "solid", "bound"),
    [
        (0.0, sign_changing(20.0), 1e-9),
        (1.0, material(20.0, 1.0), 1e-9),  # K = 1/r: exact moments
        (1.0, replace(material(20.0, 1.0, 0.5, -0.1, alpha=0.3), quadrature="isotropic"), 1e-9),
    ],
)
def test_a_linear_displacement_is_reproduced(perturbation, solid, bound):
    points = disc(perturbation=perturbation)
    free = np.hypot(*points.T) <= 50
    u = (points @ np.array([[0.01, 0.003], [-0.02, 0.015]]) + 0.1)[None]
    solution = solver.solve_dirichlet(
        SELF, points, free, solid, np.zeros_like(u), np.where(free[:, None], 9, u)
    )
    assert np.abs(solution.displacement - u).max() < bound * np.abs(u).max()
    np.testing.assert_array_equal(solution.displacement[:, ~free], u[:, ~free])


@pytest.mark.parametrize("quadrature", ["published", "near-cell", "isotropic"])
def test_a_solution_tells_the_moduli_of_its_points(quadrature):
    """5 % too stiff for a constant K at 3.9 spacings; on scattered points from one to another."""
    constant = replace(material(19.5, 1.0, alpha=0.0), quadrature=quadrature)
    exact = {"C11": LAMBDA + 2 * MU, "C22": LAMBDA + 2 * MU, "C12": LAMBDA, "C66": MU}
    for perturbation in (0.0, 0.5):
        points = disc(perturbation=perturbation)
        free = np.hypot(*points.T) <= 50
        none = np.zeros((1, len(points), 2))
        moduli = solver.solve_dirichlet(SELF, points, free, constant, none, none).moduli
        assert set(moduli) == set(exact)
        for name, (lowest, highest) in moduli.items():
            if quadrature == "isotropic":
                assert [lowest, highest] == pytest.approx([exact[name]] * 2)
            elif perturbation:
                assert highest - lowest > 0.01 * MU
            else:
                assert lowest == pytest.approx(highest)
        if quadrature == "published" and not perturbation:
            assert moduli["C66"][0] == pytest.approx(1.051 * MU, rel=1e-3)


def test_rigid_rotation_is_reproduced_on_scattered_points_by_any_kernel():
    points = disc(perturbation=1.0)
    free = np.hypot(*points.T) <= 50
    u = (points[:, ::-1] * [0.01, -0.01])[None]
    solid = material(20.0, 1.0, 0.5, -0.3, 0.2, alpha=1.2)
    solution = solver.solve_dirichlet(SELF, points, free, solid, np.zeros_like(u), u)
    assert np.abs(solution.displacement - u).max() < 1e-9 * np.abs(u).max()


def test_solution_of_a_disc_gives_its_load_back():
    points, solid = disc(), sign_changing(20.0)
    free = np.hypot(*points.T) <= 50
    loads, collar = np.random.default_rng(6).standard_normal((2, 3, len(points), 2))
    solution = solver.solve_dirichlet(SELF, points, free, solid, loads, collar)
    image = solver.apply(SELF, points, solid, solution.displacement, at=free)
    assert not image[:, ~free].any()
    assert error(image[:, free], loads[:, free]) < 1e-9
    u = np.random.default_rng(8).standard_normal((1, len(points), 2))
    back = solver.apply(SELF, points, solid, u, at=free)
    assert error(solver.solve_dirichlet(SELF, points, free, solid, back, u).displacement, u) < 1e-8


def test_a_scattered_periodic_problem_holds_up_to_a_constant_force():
    box, solid = np.array([100.0, 100.0]), material(20.0, 1.0)
    points = grid((20, 20), (5.0, 5.0), 1.0)
    load = np.random.default_rng(9).standard_normal((1, 400, 2))
    displacement = solver.solve_periodic(SELF, points, box, solid, load, imbalance=1.0).displacement
    rest = solver.apply(SELF, points, solid, displacement, box) - load
    assert np.abs(rest - rest.mean(axis=1)).max() < 1e-9
    assert np.abs(displacement.mean(axis=1)).max() < 1e-12


def periodic(solid, count=20, **options):
    points = grid((count, count), (5.0, 5.0))
    load = np.random.default_rng(10).standard_normal((1, count**2, 2))
    return solver.solve_periodic(
        SELF, points, np.array([5.0 * count] * 2), solid, load, imbalance=1.0, **options
    )


@pytest.mark.parametrize(
    "solid",
    [
        material(20.0, 0.0, 0.7, -1.3, 0.4),  # short waves of negative energy
        material(20.0, 1.0, lame=(-2.5, 0.722)),  # λ + 2μ < 0: pressure waves
        material(20.0, 1.0, lame=(0.5, -0.1)),  # μ < 0: shear waves
    ],
)
def test_an_indefinite_operator_is_refused(solid):
    with pytest.raises(SolvabilityError, match=r"not positive definite .* solvability constraints"):
        periodic(solid)


@pytest.mark.slow
def test_scattered_points_of_negative_energy_are_refused_whatever_the_load():
    """GMRES solves on where conjugate gradients stop; truth are the dense eigenvalues."""
    box = np.array([50.0, 50.0])
    points = grid((10, 10), (5.0, 5.0), 0.3)
    wave = np.sin(2 * np.pi * points[None, :, :1] / 50.0) * [1.0, 0.0]
    wave -= wave.mean(axis=1, keepdims=True)
    for middle, stable in ((-0.4, True), (-0.9, False)):
        solid = material(16.0, 0.0, 0.7, middle, 0.4)
        rows = operator_rows(points, box, solid, np.arange(len(points)))
        lowest = np.linalg.eigvals(rows.matrix().toarray()).real.min()
        assert (lowest > -1e-9) == stable
        if stable:
            assert solver.solve_periodic(SELF, points, box, solid, wave).residuals[0] < 1e-9
        else:
            with pytest.raises(SolvabilityError, match=r"negative real parts.*solvability constraints"):
                solver.solve_periodic(SELF, points, box, solid, wave)


def test_not_converging_is_an_error():
    with pytest.raises(ConvergenceError, match="after 2 iterations"):
        periodic(sign_changing(20.0), max_iterations=2)


def test_bad_input_is_refused():
    points = disc()
    free = np.hypot(*points.T) <= 50
    good = np.zeros((1, len(points), 2))
    solid = sign_changing(20.0)

    def solve(points=points, free=free, loads=good, collar=good, solid=solid):
        solver.solve_dirichlet(SELF, points, free, solid, loads, collar)

    with pytest.raises(InputError, match=r"loads: an array of shape \(1257, 2\), expected \(s, 1257, 2\)"):
        solve(loads=good[0])
    with pytest.raises(InputError, match="finite"):
        solve(collar=good * np.nan)
    with pytest.raises(InputError, match="equally many"):
        solve(loads=np.zeros((2, len(points), 2)))
    with pytest.raises(InputError, match="no point is free"):
        solve(free=np.zeros(len(points), dtype=bool))
    with pytest.raises(InputError, match="collar of 2δ = 60 Å"):
        solve(solid=material(30.0, 1.0))


def whole_grid(count=14):
    axis = np.arange(-count, count + 1)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)


@pytest.mark.parametrize("kind", ["integers", "lists", "single precision", "four decimals"])
def test_points_of_any_numbers_with_the_horizon_on_a_ring(kind):
    """δ = 3 h exactly: rounded coordinates must not decide which nodes are neighbours."""
    spacing = {"integers": 1, "lists": 1, "single precision": 0.1, "four decimals": 4.93303}[kind]
    index = whole_grid()
    points = index * spacing
    given = {
        "integers": index,
        "lists": points.tolist(),
        "single precision": points.astype(np.float32),
        "four decimals": np.round(points, 4),
    }[kind]
    free = (np.abs(index).max(axis=1) < 6.5).astype(int).tolist()
    exact = points @ np.array([[0.01, 0.004], [-0.002, 0.007]]).T
    solid = material(3 * spacing, 1.0)
    solution = solver.solve_dirichlet(
        SELF, given, free, solid, np.zeros((1, len(index), 2), dtype=int), exact[None]
    )
    assert np.abs(solution.displacement[0] - exact).max() < 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200])
def test_solutions_grow_with_loads_of_any_size(size):
    points = np.stack(np.meshgrid(np.arange(16), np.arange(16)), -1).reshape(-1, 2)
    wave = np.stack([np.sin(2 * np.pi * points[:, 0] / 16), 0 * points[:, 0]], axis=1)[None]
    box, solid = np.array([16, 16]), material(3.5, 1.0)
    unit = solver.solve_periodic(SELF, points, box, solid, wave).displacement
    scaled = solver.solve_periodic(SELF, points, box, solid, size * wave).displacement
    np.testing.assert_allclose(scaled / size, unit, atol=1e-12 * np.abs(unit).max())


def test_isolated_points_and_twins_are_told_by_place():
    index = whole_grid()
    free = np.abs(index).max(axis=1) < 6.5

    def solve(extra, is_free):
        points = np.concatenate([index, [extra]])
        zero = np.zeros((1, len(points), 2))
        return solver.solve_dirichlet(SELF, points, np.append(free, is_free), material(3.5, 1.0), zero, zero)

    with pytest.raises(InputError, match=r"1 isolated points, the first at \(200, 0\)"):
        solve([200.0, 0.0], True)
    with pytest.raises(InputError, match=r"coincide to within 1e-05 Å at \(0, 1e-05\)"):
        solve([0.0, 1e-5], True)
    with pytest.raises(InputError, match="no point is free"):
        solver.solve_dirichlet(
            SELF,
            index,
            np.zeros(len(index), dtype=bool),
            material(3.5, 1.0),
            *np.zeros((2, 1, len(index), 2)),
        )


def test_loads_that_push_a_whole_periodic_box_are_refused_unless_asked_for():
    points, box, solid = grid((20, 20), (5.0, 5.0)), np.array([100.0, 100.0]), material(20.0, 1.0)
    wave = np.stack([np.sin(2 * np.pi * points[:, 0] / 100.0), 0 * points[:, 0]], axis=1)
    loads = np.stack([wave, wave + np.array([0.0, 0.01])])
    with pytest.raises(InputError, match=r"those of sample 1 are not in equilibrium.*0\.016 of"):
        solver.solve_periodic(SELF, points, box, solid, loads)
    displacements = solver.solve_periodic(SELF, points, box, solid, loads, imbalance=0.02).displacement
    # nothing holds the box: the part that is taken off would have moved it as a whole
    np.testing.assert_allclose(displacements[1], displacements[0], atol=1e-9 * np.abs(displacements[0]).max())
