"""The local theory inside a disc: known solutions, on nodes too coarse for differences."""

import numpy as np

from mdbridge.lps import disc
from mdbridge.lps.local import GradientElasticity

LAMBDA, MU = -0.197, 0.722
SPACING = np.array([5.0, 4.6])
# k² of two waves, and the strengths with which they come
WAVES = [(np.array([0.12, 0.05]), np.array([1.0, 0.3])), (np.array([-0.06, 0.13]), np.array([-0.4, 0.8]))]


def nodes_of_disc(reach=75.0):
    count = np.ceil(reach / SPACING).astype(int)
    lines = [step * np.arange(-n, n + 1) for step, n in zip(SPACING, count, strict=True)]
    nodes = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 2)
    # in no order of theirs: a user's nodes are not sorted
    return np.random.default_rng(1).permutation(nodes[np.hypot(*nodes.T) < reach])


def waves(nodes, elasticity):
    """Displacements and the exact loads."""
    u, b = np.zeros((1, *nodes.shape)), np.zeros((1, *nodes.shape))
    for k, direction in WAVES:
        wave = np.sin(nodes @ k + 0.4)[:, None]
        u[0] += wave * direction
        b[0] += wave * (elasticity.symbol(k[None], np.ones(2))[0] @ direction)
    return u, b


def error_of(solve, elasticity, radius=30.0):
    nodes = nodes_of_disc()
    inside = np.hypot(*nodes.T) < radius
    u, b = waves(nodes, elasticity)
    solved = solve(disc.lattice(nodes, SPACING, inside), b, u)
    np.testing.assert_array_equal(solved[:, ~inside], u[:, ~inside])
    return np.linalg.norm((solved - u)[:, inside]) / np.linalg.norm(u[:, inside])


def test_classical_elasticity_is_converged_where_differences_on_the_nodes_are_not():
    classical = GradientElasticity.classical(LAMBDA, MU)
    fine = error_of(lambda grid, b, u: disc.converged(classical, grid, 30.0, b, u), classical)
    coarse = error_of(lambda grid, b, u: disc.differences(LAMBDA, MU, grid, b, u), classical)
    assert fine < 5e-4
    assert coarse > 10 * fine


def test_gradients_are_solved_to_first_order_in_their_lengths():
    gradient = GradientElasticity(1.25, 0.72, -1.0, 0.7)
    without = GradientElasticity(1.25, 0.72)
    right = error_of(lambda grid, b, u: disc.converged(gradient, grid, 30.0, b, u), gradient)
    ignored = error_of(lambda grid, b, u: disc.converged(without, grid, 30.0, b, u), gradient)
    assert right < 0.1 * ignored
