"""Where to look next: the largest expected improvement, by its closed form on a fine grid."""

import numpy as np
import pytest
from scipy.stats import norm

from mdbridge.calibrate import acquisition
from mdbridge.calibrate.surrogate import Surrogate

POINTS = np.array([[0.1, 0.2], [0.9, 0.1], [0.4, 0.6], [0.2, 0.9], [0.7, 0.8], [0.55, 0.3], [0.95, 0.95]])
NOTHING = np.empty((0, 2))


def distance(points):
    return np.exp(4.0 * ((points - [0.65, 0.5]) ** 2).sum(axis=1))


@pytest.fixture(scope="module")
def surrogate():
    return Surrogate(POINTS, distance(POINTS))


def improvement(surrogate, points):
    """E max(least − f, 0) of the logarithm f, [Kontolati2021, eq. 20], for a minimum."""
    mean, deviation = surrogate.predict(points)
    least = np.log(distance(POINTS)).min()
    z = (least - mean) / deviation
    return deviation * (z * norm.cdf(z) + norm.pdf(z))


def propose(surrogate, pending=NOTHING, seed=(1, 7)):
    return acquisition.propose(surrogate, POINTS[5], pending, list(seed))


def test_it_is_where_improvement_is_expected_most(surrogate):
    proposal = propose(surrogate)
    axis = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    values = improvement(surrogate, grid)
    assert improvement(surrogate, proposal[None])[0] >= 0.999 * values.max()
    assert np.abs(proposal - grid[values.argmax()]).max() < 0.02
    assert ((proposal >= 0) & (proposal <= 1)).all()


def test_a_seed_decides(surrogate):
    first, again = propose(surrogate), propose(surrogate)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, propose(surrogate, seed=(2, 7)))


def test_torch_s_own_random_numbers_are_left_alone(surrogate):
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    propose(surrogate)
    assert torch.equal(torch.rand(3), expected)


def test_it_keeps_away_from_points_under_evaluation(surrogate):
    first = propose(surrogate)
    second = propose(surrogate, pending=first[None])
    assert np.abs(second - first).max() > 0.03


def test_many_points_under_evaluation_are_believed(surrogate):
    first = propose(surrogate)
    others = np.random.default_rng(1).random((acquisition.MANY, 2))
    second = propose(surrogate, pending=np.vstack([first, others]))
    assert np.abs(second - first).max() > 0.03


def test_candidates_are_everywhere_and_near_the_best_point():
    everywhere, near = acquisition._candidates(np.array([0.3, 1.0]), [1, 2])
    assert everywhere.shape == (512, 2) and near.shape == (128, 2)
    for part in (everywhere, near):
        assert ((part >= 0) & (part <= 1)).all()
    assert all(np.histogram(column, 8, (0, 1))[0].min() == 64 for column in everywhere.T)  # Sobol's are even
    apart = np.abs(near - [0.3, 1.0]).max(axis=1)
    assert np.median(apart) < 0.1 and apart.min() < 5e-3 and apart.max() > 0.3
