"""The Gaussian process: it goes through its points, knows what it does not know, is restored exactly."""

import numpy as np
import pytest
import torch

from mdbridge.calibrate import surrogate
from mdbridge.calibrate.surrogate import Surrogate, _kernel

RANDOM = np.random.default_rng(3)
POINTS = RANDOM.random((24, 2))


def distance(points):
    """A valley along the second coordinate; the logarithm is a smooth function."""
    return np.exp(3.0 * (points[:, 0] - 0.4) ** 2 + 0.1 * np.sin(3 * points[:, 1]) - 2.0)


@pytest.fixture(scope="module")
def fitted():
    return Surrogate(POINTS, distance(POINTS))


def test_it_is_a_model_of_the_logarithm(fitted):
    mean, _ = fitted.predict(POINTS)
    assert mean == pytest.approx(np.log(distance(POINTS)), abs=0.02)
    new = RANDOM.random((50, 2))
    mean, _ = fitted.predict(new)
    assert np.abs(mean - np.log(distance(new))).max() < 0.1
    assert fitted.best == pytest.approx(-np.log(distance(POINTS)).min())


def test_errors_are_of_the_size_that_it_says():
    """Of functions drawn from a process like its own; between few points in three dimensions."""
    apart = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        waves, phases = random.normal(0, 2.5, (40, 3)), random.uniform(0, 6.3, 40)

        def field(points, waves=waves, phases=phases):
            return np.cos(points @ waves.T + phases).sum(axis=1) / np.sqrt(20)

        points, new = random.random((25, 3)), random.random((40, 3))
        mean, deviation = Surrogate(points, np.exp(field(points))).predict(new)
        apart.append((mean - field(new)) / deviation)
    assert 0.3 < np.std(apart) < 2.0


def test_it_knows_less_far_from_its_points():
    near = 0.2 * POINTS
    _, deviation = Surrogate(near, distance(near)).predict(np.array([[0.1, 0.1], [0.9, 0.9]]))
    assert deviation[1] > 5 * deviation[0]


def test_each_parameter_has_its_own_length(fitted):
    """Along the first the function bends, along the second hardly: the second's is longer."""
    length = np.exp(np.array(fitted.state)[-2:]) if min(fitted.state[-2:]) < 0 else fitted.state[-2:]
    assert len(fitted.state) >= 4
    assert length[1] > length[0]


def test_restored_from_its_state_it_predicts_the_same(fitted):
    again = Surrogate(POINTS, distance(POINTS), fitted.state, fit=False)
    for expected, predicted in zip(fitted.predict(POINTS), again.predict(POINTS), strict=True):
        np.testing.assert_allclose(expected, predicted, rtol=1e-12)
    assert again.state == fitted.state
    unfitted = Surrogate(POINTS, distance(POINTS), fit=False)
    assert unfitted.state != fitted.state


def test_points_that_failed_count_as_the_median_and_stay_out_of_the_fit(fitted):
    refused = np.array([[0.4, 0.5]])  # where it expects the least
    before = fitted.predict(refused)[0]
    penalised = fitted.with_penalty(np.repeat(refused, 30, axis=0))  # often, so that it is no noise
    after = penalised.predict(refused)[0]
    median = np.log(np.median(distance(POINTS)))
    assert before < median - 0.1
    assert after == pytest.approx(median, abs=0.02)
    assert penalised.state == fitted.state
    assert fitted.with_penalty(np.empty((0, 2))) is fitted


def test_a_distance_of_nothing_has_a_place_too():
    values = distance(POINTS)
    values[3] = 0.0
    mean, deviation = Surrogate(POINTS, values).predict(POINTS)
    assert np.isfinite(mean).all() and np.isfinite(deviation).all()
    assert mean.argmin() == 3


def test_many_points_are_predicted_in_parts(fitted):
    many = RANDOM.random((600, 2))
    mean, deviation = fitted.predict(many)
    assert mean.shape == deviation.shape == (600,)
    few = fitted.predict(many[[0, 299, 599]])
    np.testing.assert_allclose(few[0], mean[[0, 299, 599]], rtol=1e-9)
    np.testing.assert_allclose(few[1], deviation[[0, 299, 599]], rtol=1e-9)


def test_what_it_expects_is_believed_and_known_better(fitted):
    pending = np.array([[0.05, 0.95], [0.95, 0.05]])
    believing = fitted.believing(pending)
    (before, doubt), (after, less) = fitted.predict(pending), believing.predict(pending)
    assert after == pytest.approx(before, abs=0.02) and np.all(less < 0.5 * doubt)
    assert believing.state == fitted.state


def test_numbers_are_alike_by_their_distance_and_choices_where_they_are_the_same():
    """The kernel itself: the second coordinate is a choice."""
    points = torch.tensor(
        [
            [0.5, 0.25, 0.5],
            [0.6, 0.25, 0.5],
            [0.9, 0.25, 0.5],
            [0.5, 0.25, 0.9],
            [0.5, 0.3, 0.5],
            [0.5, 0.9, 0.5],
        ],
        dtype=torch.double,
    )
    with torch.no_grad():
        row = _kernel(3, [1]).double()(points).to_dense()[0]
    itself, near, far, other, choice, another = row.tolist()
    assert itself > near > far and itself > other
    assert choice == pytest.approx(another) and choice < itself
    with torch.no_grad():
        plain = _kernel(3, []).double()(points).to_dense()[0].tolist()
    assert plain[0] > plain[4] > plain[5]


@pytest.mark.parametrize(
    ("points", "cold", "warm"), [(149, 50, 50), (150, 50, 16), (299, 50, 16), (300, 30, 16)]
)
def test_the_more_points_the_fewer_iterations(points, cold, warm, monkeypatch):
    """A first fit of 400 points, and the proposal with it, are to take 1.5 s; the next fits go on from it."""
    asked = []
    monkeypatch.setattr(
        surrogate, "fit_gpytorch_mll_scipy", lambda _, options: asked.append(options["maxiter"])
    )
    many = np.random.default_rng(0).random((points, 2))
    state = Surrogate(many, distance(many)).state
    Surrogate(many, distance(many), state)
    assert asked == [cold, warm]
