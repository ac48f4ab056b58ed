"""Certificates against matrices: where they hold, problems are solvable; where they fail, one is not."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from mdbridge.core.errors import SolvabilityError
from mdbridge.lps import stability, stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.operator import components, operator_rows

H, HORIZON = 5.0, 15.0
GRID = stencil.uniform((H, H), HORIZON)


def kernel(*coefficients):
    return Bernstein(HORIZON, np.array(coefficients), (1.0,))


INVERSE = kernel(1.0)
NOT_COERCIVE = kernel(2.0, -2.0, 1.0)
NO_CAUCHY_SCHWARZ = kernel(0.0, 2.0, -1.0)  # coercive all the same
BLIND = kernel(0.0, 0.0, 1.0)  # g changes sign inside the zone
SIGN_CHANGING = kernel(-2.0, 1.0, 2.0)


def assembled(influence, points, box, rows, ratio=0.0):
    """Γ, ΦᵗΦ and L with μ = 1 and λ + μ = ``ratio``, restricted to ``rows``, dense."""
    factors = operator_rows(points, box, LinearPeridynamicSolid(influence, ratio - 1.0, 1.0), rows)
    own = components(np.searchsorted(factors.columns, factors.rows))
    pull = (factors.coupling @ factors.dilatation).toarray()[:, own]
    return factors.deviatoric.toarray()[:, own], pull, factors.matrix().toarray()[:, own]


def lattice(count):
    axis = H * np.arange(count)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def periodic(influence, count=8):
    points = lattice(count)
    return assembled(influence, points, np.full(2, H * count), np.arange(len(points)))


def dirichlet(influence, count=10, ratio=0.0):
    """A square of ``count`` × ``count`` free nodes in a collar of 2δ."""
    collar = round(2 * HORIZON / H)
    points = lattice(count + 2 * collar)
    middle = np.abs(points - points.mean(axis=0)).max(axis=1) < H * count / 2
    return assembled(influence, points, None, np.flatnonzero(middle), ratio)


def smallest(matrix):
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    return np.linalg.eigvalsh(matrix)[0]


@pytest.mark.parametrize("spacing", [(5.0, 5.0), (4.93, 5.04)])
def test_certificate_of_a_positive_kernel(spacing):
    certificate = stability.certify(INVERSE, stencil.uniform(spacing, HORIZON))
    assert certificate.holds
    assert certificate.spacing == spacing
    assert 0 < certificate.min_gamma <= 1
    assert certificate.min_gamma == pytest.approx(certificate.min_cauchy_schwarz, rel=0.01)
    assert 0 < certificate.min_inf_sup < 1 / 3
    certificate.require()


def test_long_waves_of_an_ideal_kernel_have_the_stated_eigenvalues():
    values = stability.eigenvalues(INVERSE, GRID, 1e-4 * np.array([[1.0, 0.0], [0.6, 0.8]]))
    np.testing.assert_allclose(values, [[1, 1 / 3, 1]] * 2, rtol=1e-4)


def test_violations_are_told_apart():
    coercivity, inf_sup, cauchy_schwarz = (
        stability.certify(influence, GRID) for influence in (NOT_COERCIVE, BLIND, NO_CAUCHY_SCHWARZ)
    )
    assert coercivity.min_gamma < -0.1
    assert cauchy_schwarz.min_gamma > 0.5
    assert cauchy_schwarz.min_cauchy_schwarz < -1
    assert inf_sup.inf_sup_ratio < 1e-5 < stability.certify(kernel(1.0, 0.0), GRID).inf_sup_ratio
    assert inf_sup.holds  # solvable all the same
    # what is no condition decides nothing, whatever its value
    assert replace(inf_sup, min_inf_sup=0.0).holds
    for broken in (coercivity, cauchy_schwarz):
        assert not broken.holds
        with pytest.raises(SolvabilityError, match=r"5 × 5 Å.*not provably solvable"):
            broken.require()


def test_what_is_certified_is_one_sentence():
    certificate = stability.certify(INVERSE, stencil.uniform((4.93, 5.04), HORIZON))
    assert certificate.sentence.startswith(
        "On nodes 4.93 × 5.04 Å apart every problem with given displacements"
    )
    assert certificate.sentence.endswith("has one solution, for every λ and μ with μ > 0 and λ + μ > 0.")
    assert "It is not shown" in stability.certify(NOT_COERCIVE, GRID).sentence
    assert stability.of_dict(asdict(certificate)) == certificate
    pair = stability.PairCertificate((5.0, 5.0), 0.5, 0.2)
    assert pair.sentence.endswith("for the model's own λ and μ.")
    assert stability.of_dict(asdict(pair)) == pair and not replace(pair, min_operator=-0.1).holds


def test_polishing_finds_minima_between_sampled_waves():
    coarse = stability.certify(NO_CAUCHY_SCHWARZ, GRID, 21)
    dense = stability.eigenvalues(NO_CAUCHY_SCHWARZ, GRID, symbol.zone_wavevectors(GRID.spacing, 301))
    sample = stability.eigenvalues(NO_CAUCHY_SCHWARZ, GRID, symbol.zone_wavevectors(GRID.spacing, 21))
    assert coarse.min_cauchy_schwarz == pytest.approx(dense[:, 2].min(), rel=1e-3)
    assert coarse.min_cauchy_schwarz < sample[:, 2].min()


@pytest.mark.parametrize("influence", [INVERSE, SIGN_CHANGING, NOT_COERCIVE, NO_CAUCHY_SCHWARZ])
def test_eigenvalues_are_those_of_a_periodic_grid(influence):
    gamma, pull, _ = periodic(influence)
    waves = symbol.grid_wavevectors((8, 8), np.full(2, 8 * H))[1:]
    kappa, _ = stability.scales(waves, GRID.spacing)
    values = stability.eigenvalues(influence, GRID, waves)
    # two translations at k = 0 have eigenvalue 0
    assert smallest(gamma) == pytest.approx(min(0, (values[:, 0] * kappa).min()), abs=1e-12)
    assert smallest(gamma - 2 * pull) == pytest.approx(min(0, (values[:, 2] * kappa).min()), abs=1e-12)
    certificate = stability.certify(influence, GRID)
    assert certificate.min_gamma <= values[:, 0].min() + 1e-12
    assert certificate.min_cauchy_schwarz <= values[:, 2].min() + 1e-12


@pytest.mark.parametrize("influence", [INVERSE, SIGN_CHANGING, BLIND])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 20.0])
def test_certified_kernels_give_positive_definite_dirichlet_problems(influence, ratio):
    assert stability.certify(influence, GRID).holds
    gamma, pull, whole = dirichlet(influence, ratio=ratio)
    assert smallest(gamma) > 0
    assert smallest(gamma - 2 * pull) > 0
    # L >= min(μ, (λ + μ)/2) Γ, as promised
    assert smallest(whole - min(1.0, ratio / 2) * gamma) >= -1e-13
    assert smallest(whole) > 0


def test_a_kernel_that_is_not_coercive_has_an_indefinite_dirichlet_problem():
    gamma, _, whole = dirichlet(NOT_COERCIVE, ratio=0.5)
    assert smallest(gamma) < 0
    assert smallest(whole) < 0


def test_without_cauchy_schwarz_some_moduli_are_not_solvable():
    gamma, pull, whole = dirichlet(NO_CAUCHY_SCHWARZ, ratio=0.01)
    assert smallest(gamma) > 0
    assert smallest(gamma - 2 * pull) < 0
    assert smallest(whole) < 0
    assert smallest(dirichlet(NO_CAUCHY_SCHWARZ, ratio=20.0)[2]) > 0


def test_scales_are_central_differences():
    kappa, sigma = stability.scales(np.array([[1e-3, 2e-3], [np.pi / H, np.pi / H]]), np.array([H, H]))
    np.testing.assert_allclose(kappa, [5e-6, 8 / H**2], rtol=1e-4)
    np.testing.assert_allclose(sigma, [5e-6, 0], rtol=1e-4, atol=1e-20)


def test_the_ratio_is_not_defined_at_the_corners():
    corners = np.pi / H * np.array([[1, 0], [0, 1], [1, 1]])
    assert np.isinf(stability.eigenvalues(INVERSE, GRID, corners)[:, 1]).all()


# --- a dilatation with an influence function of its own ---------------------------


def pair(deviatoric, dilatation, ratio):
    return LinearPeridynamicSolid(deviatoric, ratio - 1.0, 1.0, dilatation)


def of_pair(material, count=24):
    """Eigenvalues ``(k, 2)`` of L and Γ in a periodic box, over κ², translations left out."""
    box = np.full(2, H * count)
    points = lattice(count)
    rows = operator_rows(points, box, material, np.arange(len(points)))
    k = symbol.grid_wavevectors((count, count), box)[1:]
    kappa, _ = stability.scales(k, GRID.spacing)
    phase = np.exp(1j * k @ points.T)
    results = []
    for matrix in (rows.matrix().toarray(), rows.deviatoric.toarray()):
        # the 2 × 2 blocks of the dense matrix between plane waves
        columns = [
            [(phase * (phase.conj() @ matrix[i::2, j::2].T)).sum(axis=1) for j in range(2)] for i in range(2)
        ]
        values = np.linalg.eigvalsh(np.moveaxis(np.array(columns), 2, 0) / len(points))
        # they are all there is, with the two translations
        every = np.sort(np.append(values, [0.0, 0.0]))
        np.testing.assert_allclose(every, np.linalg.eigvalsh(matrix), atol=1e-10)
        results.append(values / kappa[:, None])
    return results


@pytest.mark.parametrize("ratio", [0.4, pytest.param(3.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("deviatoric", "dilatation"),
    [(INVERSE, SIGN_CHANGING), (SIGN_CHANGING, INVERSE), (NOT_COERCIVE, INVERSE), (INVERSE, BLIND)],
)
def test_pair_certificate_is_that_of_the_dense_matrices(deviatoric, dilatation, ratio):
    material = pair(deviatoric, dilatation, ratio)
    certificate = stability.certify_material(material, GRID)
    operator, gamma = (values.min() for values in of_pair(material))
    # the box has some of the zone's wave vectors: its minimum is no lower, and close
    for certified, dense in ((certificate.min_operator, operator), (certificate.min_gamma, gamma)):
        assert certified <= dense + 1e-9
        assert certified == pytest.approx(dense, abs=0.05 * max(1.0, abs(dense)))


@pytest.mark.parametrize(("deviatoric", "dilatation"), [(INVERSE, INVERSE), (INVERSE, SIGN_CHANGING)])
def test_the_stiffest_wave_is_that_of_the_dense_matrix(deviatoric, dilatation):
    material = pair(deviatoric, dilatation, 3.0)
    # these points of the zone are the waves of a box of 24 nodes, but for their mirror images
    over, length = stability.stiffest(material, GRID, 13)
    operator, _ = of_pair(material)
    assert over == pytest.approx(operator.max() / (2.0 + 2.0), rel=1e-9)
    assert 2 * H / np.sqrt(2) <= length <= 24 * H
    if dilatation is INVERSE:
        assert 0.9 < over < 1.1


def test_equal_influence_functions_are_one():
    single = LinearPeridynamicSolid(SIGN_CHANGING, -0.2, 0.7)
    double = LinearPeridynamicSolid(SIGN_CHANGING, -0.2, 0.7, SIGN_CHANGING)
    k = symbol.zone_wavevectors(GRID.spacing, 9)
    np.testing.assert_allclose(
        symbol.operator(single, symbol.rings(GRID, k)),
        symbol.operator(double, symbol.rings(GRID, k)),
        rtol=1e-13,
    )
    points, box = lattice(8), np.full(2, 8 * H)
    rows = [operator_rows(points, box, m, np.arange(64)).matrix() for m in (single, double)]
    assert abs(rows[0] - rows[1]).max() == 0


def test_pair_certificate_refuses_a_negative_operator():
    certificate = stability.certify_material(pair(INVERSE, INVERSE, -3.0), GRID)
    assert certificate.min_gamma > 0 > certificate.min_operator
    with pytest.raises(SolvabilityError, match=r"of L, -"):
        certificate.require()
