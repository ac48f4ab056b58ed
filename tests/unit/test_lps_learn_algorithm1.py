"""Algorithm 1 on manufactured data: what each stage promises, on the training grid."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch

from mdbridge.core.errors import ConvergenceError
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.families import FAMILIES
from mdbridge.lps.learn import algorithm1, spectral
from mdbridge.lps.learn.algorithm1 import Algorithm1Settings
from mdbridge.lps.material import LinearPeridynamicSolid as Solid

# sums by the book are those of the published weights
LinearPeridynamicSolid = functools.partial(Solid, quadrature="published")
uniform = functools.partial(stencil.uniform, quadrature="published")

GRID = uniform((4.93, 5.04), 15.0)
POSITIVE = LinearPeridynamicSolid(Bernstein(15.0, np.array([1.0, 0.5, 0.2]), (1.0,)), -0.2, 0.7)
SIGN_CHANGING = LinearPeridynamicSolid(Bernstein(15.0, np.array([0.0, 2.0, -0.9]), (1.0,)), -0.2, 0.7)
# λ_min(Γ) < 0 for short waves
UNSTABLE = LinearPeridynamicSolid(Bernstein(15.0, np.array([0.0, -1.2, 2.0]), (1.0,)), -0.2, 0.7)
# a larger learning rate and fewer epochs than the paper's, to be done in seconds
SHORT = Algorithm1Settings(
    prediction_epochs=200, correction_epochs=200, correction_steps=20, learning_rate=3e-3
)
PREDICTION = replace(SHORT, prediction_epochs=1000, correction_steps=0)


def manufactured(material, grid=GRID, waves=range(4)):
    """Standing waves of both polarisations, and the loads that the material answers with them."""
    shape, box = (12, 12), 12 * grid.spacing
    x, y = (2 * np.pi * np.indices(shape) / 12).reshape(2, -1)
    shapes = [np.sin(n * x + 0.3) * np.sin(m * y + 0.7) for n in waves for m in waves if n + m]
    u = np.array([np.outer(mode, axis) for mode in shapes for axis in np.eye(2)])
    samples = spectral.transform(u, u, shape, box)
    operator = symbol.operator(material, symbol.rings(grid, samples.wavevectors))
    return replace(samples, b=np.einsum("kij,skj->ski", operator, samples.u))


def learn(samples, settings, degree=2, grid=GRID, progress=None):
    return algorithm1.learn([(spectral.moments(samples), grid)], degree, settings, progress)


def loss(material, samples, grid=GRID):
    residual, _ = spectral.errors(symbol.operator(material, symbol.rings(grid, samples.wavevectors)), samples)
    return (residual**2).mean()


def lowest(material, samples, grid=GRID):
    """The three eigenvalues of (4.6) over the training wave vectors, lengths in 10 Å."""
    rings = symbol.rings(grid, samples.wavevectors)
    g, big_g = symbol.parts(rings, material.influence(rings.radii))
    outside = np.abs(np.sin(samples.wavevectors * grid.spacing)).max(axis=1) > 1e-9  # not a corner
    return (
        100 * np.linalg.eigvalsh(big_g).min(),
        np.einsum("ki,kij,kj->k", g, np.linalg.inv(big_g), g)[outside].min(),
        100 * np.linalg.eigvalsh(big_g - 2 * g[:, :, None] * g[:, None, :]).min(),
    )


def test_prediction_recovers_a_positive_kernel():
    fit = learn(manufactured(POSITIVE), PREDICTION)
    assert fit.history[-1] < 1e-3 * fit.history[0]
    assert fit.material.lame_mu == pytest.approx(0.7, abs=0.01)
    assert fit.certificates[0].holds
    assert (fit.material.influence.coefficients >= 0).all()
    assert fit.evaluations == 1000


@pytest.mark.slow
def test_prediction_recovers_a_positive_spline_and_sets_what_it_cannot_feel():
    """Bonds begin at 4.93 Å; of 8 splines to 15 Å the first ends at 3 Å."""
    truth = replace(POSITIVE, influence=BSpline(15.0, np.array([1.0, 0.5, 0.2])))
    fit = learn(manufactured(truth), replace(PREDICTION, kernel="b-spline"), degree=7)
    assert fit.material.influence.name == "b-spline"
    assert fit.history[-1] < 1e-3 * fit.history[0]
    assert fit.material.lame_mu == pytest.approx(0.7, abs=0.02)
    d = fit.material.influence.coefficients
    assert d[0] == d[1]
    assert (d >= 0).all()
    assert fit.certificates[0].holds


def test_prediction_stays_in_the_admissible_set():
    fit = learn(manufactured(SIGN_CHANGING), PREDICTION)
    coefficients = fit.material.influence.coefficients
    assert (coefficients >= 0).all()
    assert (coefficients == 0).any()  # the projection was needed
    assert fit.material.influence.shape[0] <= 3
    assert fit.material.lame_mu >= 0
    assert fit.material.lame_lambda + fit.material.lame_mu >= 0


@pytest.mark.slow
def test_correction_lets_the_kernel_change_sign():
    samples = manufactured(SIGN_CHANGING)
    fit = learn(samples, SHORT)
    assert fit.cost * 2 < 0.01 * fit.history[SHORT.prediction_epochs // 20]
    assert fit.material.influence.coefficients.min() < 0
    assert min(lowest(fit.material, samples)) > 0
    assert fit.evaluations < 200 + 20 * 200  # it stopped because the conditions hold


@pytest.mark.slow
def test_correction_satisfies_the_conditions_where_the_best_fit_does_not():
    samples = manufactured(UNSTABLE)
    assert lowest(UNSTABLE, samples)[0] < -1
    fit = learn(samples, SHORT)
    gamma, inf_sup, cauchy_schwarz = lowest(fit.material, samples)
    assert gamma == pytest.approx(1e-4, abs=1e-5)  # ζ within ε: the condition decides
    assert inf_sup > 0
    assert cauchy_schwarz >= -1e-5


@pytest.mark.slow
def test_what_holds_on_the_training_grid_may_fail_between_its_wave_vectors():
    """Why :mod:`mdbridge.lps.learn.regression` looks at the whole zone."""
    beyond = replace(UNSTABLE, influence=replace(UNSTABLE.influence, coefficients=np.array([0.5, 2.0, -1.2])))
    samples = manufactured(beyond)
    fit = learn(samples, Algorithm1Settings(prediction_epochs=500, correction_steps=40))
    assert min(lowest(fit.material, samples)) > 0
    assert not fit.certificates[0].holds


def test_cost_and_history_are_the_loss_of_the_samples():
    samples = manufactured(SIGN_CHANGING)
    fit = learn(samples, Algorithm1Settings(prediction_epochs=100, correction_epochs=50, correction_steps=2))
    assert 2 * fit.cost == pytest.approx(loss(fit.material, samples), rel=1e-9)
    assert fit.history[-1] == 2 * fit.cost
    assert len(fit.history) == 5 + 2 * 3 + 1
    assert fit.evaluations == 200


def test_a_model_keeps_the_quadrature_of_its_grid():
    grid = uniform((4.93, 5.04), 15.0, quadrature="isotropic")
    samples = manufactured(replace(POSITIVE, quadrature="isotropic"), grid)
    fit = learn(samples, Algorithm1Settings(prediction_epochs=20, correction_steps=0), grid=grid)
    assert fit.material.quadrature == "isotropic"
    assert 2 * fit.cost == pytest.approx(loss(fit.material, samples, grid), rel=1e-9)


def test_losses_of_several_grids_add_up():
    coarse, fine = GRID, uniform((4.0, 4.2), 15.0)
    data = [(manufactured(POSITIVE, grid), grid) for grid in (coarse, fine)]
    fit = algorithm1.learn(
        [(spectral.moments(samples), grid) for samples, grid in data],
        2,
        Algorithm1Settings(prediction_epochs=100, correction_steps=0),
    )
    assert 2 * fit.cost == pytest.approx(sum(loss(fit.material, *pair) for pair in data), rel=1e-9)
    assert [certificate.spacing for certificate in fit.certificates] == [(4.93, 5.04), (4.0, 4.2)]


@pytest.mark.parametrize("kernel", FAMILIES)
def test_slopes_reach_all_parameters(kernel):
    """Through the family's curve, which torch does not see into."""
    problem = algorithm1._ConstrainedProblem(
        [(spectral.moments(manufactured(SIGN_CHANGING)), GRID)], 3, kernel
    )
    q = FAMILIES[kernel].start(3, np.random.default_rng(0))

    def loss(p):
        parts = problem.parts(p)
        return problem.loss(parts, p) + problem.conditions(parts) @ torch.tensor([0.3, 5.0, 0.2]).double()

    at = np.concatenate([[-0.2, 0.7], q, np.ones(3)])
    p = torch.tensor(at).requires_grad_()
    (slopes,) = torch.autograd.grad(loss(p), p)
    for slope, step in zip(slopes[:-3].numpy(), 1e-6 * np.eye(len(at)), strict=False):
        difference = loss(torch.tensor(at + step)) - loss(torch.tensor(at - step))
        assert slope == pytest.approx(float(difference) / 2e-6, rel=1e-5, abs=1e-7)
        assert abs(slope) > 1e-5


@pytest.mark.parametrize("material", [POSITIVE, SIGN_CHANGING, UNSTABLE])
def test_conditions_are_those_of_the_symbol(material):
    samples = manufactured(material)
    problem = algorithm1._ConstrainedProblem([(spectral.moments(samples), GRID)], 2, "bernstein")
    p = torch.tensor([-0.2, 0.7, *material.influence.parameters(), 1.0, 1.0, 1.0], dtype=torch.float64)
    conditions = problem.conditions(problem.parts(p)).numpy()
    expected = np.array(lowest(material, samples)) - [1e-4, 1e-4, 0.0]
    np.testing.assert_allclose(conditions, expected, rtol=1e-5)


def test_smallest_eigenvalue_has_a_slope_even_where_both_are_equal():
    random = np.random.default_rng(0).standard_normal((3, 10))
    matrices = random[[0, 1, 1, 2]].T.reshape(-1, 2, 2)
    smallest = algorithm1._smallest_eigenvalue(torch.tensor(matrices)).numpy()
    np.testing.assert_allclose(smallest, np.linalg.eigvalsh(matrices)[:, 0])
    equal = (2.0 * torch.eye(2, dtype=torch.float64)[None]).requires_grad_()
    algorithm1._smallest_eigenvalue(equal).sum().backward()
    torch.testing.assert_close(equal.grad, 0.5 * torch.eye(2, dtype=torch.float64)[None])


def test_a_seed_decides_the_start_and_the_result():
    samples = manufactured(POSITIVE)
    settings = Algorithm1Settings(prediction_epochs=40, correction_epochs=20, correction_steps=1)
    first, again = (learn(samples, settings).history for _ in range(2))
    other = learn(samples, replace(settings, seed=1)).history
    assert first == again
    assert first != other


def test_progress_ends_at_the_last_step():
    calls = []
    settings = Algorithm1Settings(prediction_epochs=20, correction_epochs=10, correction_steps=3)
    learn(manufactured(POSITIVE), settings, progress=lambda done, note: calls.append(done))
    assert calls == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_projections_are_those_of_the_paper():
    problem = algorithm1._ConstrainedProblem(
        [(spectral.moments(manufactured(POSITIVE)), GRID)], 2, "bernstein"
    )
    for before, after in [([-2.0, 0.7, 4.0], [-0.7, 0.7, 2.999]), ([-0.2, -0.5, 1.0], [0.0, 0.0, 1.0])]:
        p = torch.tensor(before)
        problem.project(p)
        torch.testing.assert_close(p, torch.tensor(after))


def test_divergence_is_an_error():
    far = replace(SHORT, prediction_epochs=3, correction_steps=0, learning_rate=1e200)
    with pytest.raises(ConvergenceError, match="diverged"):
        learn(manufactured(POSITIVE), far)


def test_the_zero_operator_is_an_error():
    """Loads of the wrong sign drive μ to the end of its range."""
    samples = manufactured(POSITIVE)
    with pytest.raises(ConvergenceError, match="the zero operator"):
        learn(replace(samples, b=-samples.b), replace(PREDICTION, learning_rate=0.01))


class Bounded:
    """(x − 2)² with x ≤ 1 and two conditions that always hold: the multiplier of the first is −2."""

    def parts(self, p):
        return p

    def loss(self, parts, p):
        return (p[0] - 2.0) ** 2

    def conditions(self, p):
        return torch.stack([1.0 - p[0], 0.5 + 0.0 * p[0], 2.0 + 0.0 * p[0]])

    def project(self, p):
        pass


def test_multipliers_and_no_huge_penalty_hold_the_conditions(monkeypatch):
    """With ψ alone |H| = 2/ψ, and bringing ψ to 2e5 takes eleven steps."""

    def exactly(objective, project, p, epochs, rate, history):
        variable = p.detach().requires_grad_()
        newton = torch.optim.LBFGS([variable], 1.0, 200, tolerance_grad=1e-13, line_search_fn="strong_wolfe")

        def slope():
            newton.zero_grad()
            value = objective(variable)[1]
            value.backward()
            return value

        newton.step(slope)

    monkeypatch.setattr(algorithm1, "_adam", exactly)
    p = torch.tensor([2.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    settings = Algorithm1Settings(correction_epochs=1, correction_steps=30)
    steps = algorithm1._correct(Bounded(), p, settings, [], None)
    assert p[0].item() == pytest.approx(1.0, abs=1e-5)
    assert p[1:].numpy() ** 2 == pytest.approx([0.0, 0.5, 2.0], abs=1e-5)
    assert steps <= 9
