"""A model that is wrong somewhere: coverage of the truth, what the chain finds, and what there is to find."""

import numpy as np
import pytest

from mdbridge.calibrate.discrepancy import Posterior, posterior
from mdbridge.calibrate.likelihood import Likelihood, Noise, Smooth
from mdbridge.calibrate.linear import LinearModel
from mdbridge.calibrate.terms import CurveTerm, GrassmannTerm

X = np.linspace(0.0, 2.0, 40)
# a line over the unit cube: intercept and slope from −2 to 2, the truth in the middle
DESIGN = 4.0 * np.stack([np.ones_like(X), X - 1.0], axis=1)
NOISE = 0.05
APART = np.sqrt(3.0) * np.abs(X[:, None] - X)


def process(length, random):
    """A Matérn-3/2 process of the size 0.2 and some length."""
    covariance = (1.0 + APART / length) * np.exp(-APART / length) + 1e-9 * np.eye(len(X))
    return 0.2 * np.linalg.cholesky(covariance) @ random.standard_normal(len(X))


WRONG = {
    "nowhere": lambda random: 0.0 * X,
    "a process": lambda random: process(0.3, random),
    "a wave": lambda random: 0.2 * np.sin(random.uniform(3.0, 9.0) * X + random.uniform(0.0, 6.3)),
}


def smooth():
    return Smooth(X, np.full(len(X), 1.0))


def linear(data, sigma=None, discrepancy=True):
    """The residuals of the line against data, about the truth."""
    scale = np.full(len(X), 1.0 if sigma is None else sigma)
    noise = Noise(
        "y", "gaussian", float(len(X)), scale, sigma is not None, True, 0.0, smooth() if discrepancy else None
    )
    return LinearModel(np.full(2, 0.5), -data, DESIGN, Likelihood([noise], [len(X)]))


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("sigma", [None, NOISE])
def test_coverage_of_a_model_that_is_wrong(case, sigma):
    """The intervals hold the truth; those of a model that is taken to be right rarely do."""
    held, plain, count = [], [], 50
    for seed in range(count):
        random = np.random.default_rng(seed)
        data = WRONG[case](random) + NOISE * random.standard_normal(len(X))
        ends = np.quantile(posterior(linear(data, sigma), 1500).inside, [0.025, 0.975], axis=0)
        held.append((ends[0] <= 0.5) & (ends[1] >= 0.5))
        right = linear(data, sigma, discrepancy=False)
        optimum = right.optimum()
        plain.append(np.abs(optimum - 0.5) < 2.0 * np.sqrt(np.diag(right.covariance(optimum))))
    assert np.all(np.mean(held, axis=0) >= 0.9)
    # a wave of several periods looks much like noise of a size that is estimated with the rest
    told_apart = case == "a process" or (case == "a wave" and sigma is not None)
    assert (np.mean(plain) < 0.75) == told_apart


def test_sizes_and_length_of_a_known_process():
    x = np.linspace(0.0, 10.0, 200)
    apart = np.sqrt(3.0) * np.abs(x[:, None] - x) / 0.4
    covariance = (1.0 + apart) * np.exp(-apart) + 1e-9 * np.eye(len(x))
    random = np.random.default_rng(0)
    data = 0.5 * np.linalg.cholesky(covariance) @ random.standard_normal(len(x))
    data = data + 0.1 * random.standard_normal(len(x))
    over = Smooth(x, np.ones(200))
    noise = Noise("y", "gaussian", 200.0, np.ones(200), False, True, 0.0, over)
    model = LinearModel(np.full(1, 0.5), -data, np.ones((200, 1)), Likelihood([noise], [200]))
    process = posterior(model).terms["y"]
    assert process["deviation"] == pytest.approx(0.5, rel=0.3) and process["noise"] == pytest.approx(
        0.1, rel=0.15
    )
    assert 0.25 < process["length"] < 0.7


def test_without_a_discrepancy_the_chain_gives_the_normal_posterior():
    random = np.random.default_rng(4)
    model = linear(NOISE * random.standard_normal(len(X)), NOISE, discrepancy=False)
    drawn, optimum = posterior(model), model.optimum()
    deviation = np.sqrt(np.diag(model.covariance(optimum)))
    assert drawn.mean == pytest.approx(optimum, abs=0.1 * deviation.max())
    assert np.sqrt(np.diag(drawn.covariance)) == pytest.approx(deviation, rel=0.08)


def test_terms_of_unknown_noise_weigh_as_their_own_scatter_says():
    """Two curves of the same line, one ten times as noisy: weighted least squares, from 1600 residuals."""
    random = np.random.default_rng(5)
    count, sizes = 20 * len(X), np.array([NOISE, 10 * NOISE])
    design = np.tile(DESIGN, (20, 1))
    residual = np.concatenate([size * random.standard_normal(count) for size in sizes])
    noises = [Noise(name, "gaussian", float(count), np.ones(count), False) for name in "yz"]
    model = LinearModel(
        np.full(2, 0.5), residual, np.tile(design, (2, 1)), Likelihood(noises, [count, count])
    )
    expected = np.linalg.inv(design.T @ design * (sizes**-2).sum())
    assert np.diag(posterior(model, 1500).covariance) == pytest.approx(np.diag(expected), rel=0.3)


def test_a_band_holds_what_is_measured_next_of_a_wrong_model():
    held = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        truth = WRONG["a wave"](random)
        data, later = (truth + NOISE * random.standard_normal(len(X)) for _ in range(2))
        # the band is of residuals: model minus data, whose zero are the data
        low, high = posterior(linear(data), 1500).bands["y"]
        held.append(np.mean((low <= later - data) & (later - data <= high)))
        # most of what is left over is known: the band is that of the noise, not of the discrepancy
        assert np.median(high - low) < 8.0 * NOISE
    assert np.mean(held) > 0.88


def test_points_beyond_the_cube_are_left_out_unless_there_are_few_others():
    points = np.array([[0.5], [0.6], [1.5]])
    assert Posterior(points, {}, {}).inside.ravel() == pytest.approx([0.5, 0.6])
    assert Posterior(np.full((30, 1), 1.5), {}, {}).inside.ravel() == pytest.approx(np.ones(30))


def test_snapshots_that_are_wrong_alike_count_once():
    rows, columns = np.mgrid[0:1:6j, 0:1:5j]
    field = np.stack([np.sin(2 * rows) * columns + 0.3 * columns**2, np.cos(3 * rows) * (1 + columns)])
    term = GrassmannTerm("f", {"f": field}, [2, 1], sigma=0.1, discrepancy="few")
    noise, random = term.noise([]), np.random.default_rng(0)
    shape = random.standard_normal(6)
    alike = np.concatenate([np.outer(shape, [1.0, -2.0]).ravel(), 3.0 * shape])
    assert noise.smooth.modes(alike) == pytest.approx(1.0)
    apart = np.linalg.qr(random.standard_normal((6, 3)))[0]
    assert noise.smooth.modes(np.concatenate([apart[:, :2].ravel(), apart[:, 2]])) == pytest.approx(3.0)
    # residuals are relative to the first singular values, and of no known size
    values = np.linalg.svd(field[0], compute_uv=False)
    assert noise.scale[:2] == pytest.approx(values[0] / values[:2]) and not noise.known


def test_a_curves_discrepancy_is_in_the_unit_of_the_curve():
    data = {"x": X[::-1], "y": np.where(X > 1.9, np.nan, X)}
    shape = CurveTerm("y", data, "l2", 0.2, "x", discrepancy="smooth").noise([]).smooth
    assert np.all(np.diff(shape.places) > 0.0) and len(shape.places) == np.sum(X <= 1.9)
    assert shape.weights == pytest.approx(np.full(len(shape.places), 5.0))
    assert CurveTerm("y", data, "l2").noise([]).smooth is None
