"""The best-fit deformation gradient: exact for affine motions, beyond box flips; what scatter does to it."""

import numpy as np
import pytest

from mdbridge.coarse import strain, window

BITS = 10
SHAPE = (5, 7)
BOX = np.diag([32.0, 28.0, 12.0])


def lattice():
    """``(n, 3)`` places in the box, of a crystal that is not in line with the grid."""
    axes = [(np.arange(n) + 0.3) * length / n for n, length in zip((11, 9, 4), np.diag(BOX), strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def flags(a, b, c):
    half = 1 << (BITS - 1)
    return (a + half) | (b + half) << BITS | (c + half) << 2 * BITS


def wrap(x, box):
    """Wrapped positions and packed image flags in a box given by its edges, one a row."""
    images = np.floor(x @ np.linalg.inv(box)).astype(int)
    packed = [flags(*image) for image in images]
    return x - images @ box, np.array(packed, dtype=np.int32)


def fit(x, box, edges, reference, width=5.0, cutoff=3.0, corner=(0.0, 0.0, 0.0)):
    """F and D²min of unwrapped positions ``x`` in LAMMPS's ``box``, followed as ``edges``."""
    wrapped, image = wrap(x, box)
    s, u = np.empty((len(x), 2)), np.empty((len(x), 3))
    stretch = BOX[2, 2] / box[2, 2]
    corner, edges0 = np.array(corner), BOX[:2, :2].copy()
    strain.place(s, u, wrapped + corner, image, reference, corner, box, edges, edges0, stretch, BITS)
    moments = np.zeros((*SHAPE, window.MOMENTS))
    window.add_moments(moments, s, u, edges, edges0, 0.0, width, cutoff * width)
    return strain.best_fit(moments, edges, edges0)


@pytest.mark.parametrize("gamma", [0.0, 0.013, 0.49, 0.55, 1.3, -2.2])
def test_affine_shear_gives_the_exact_strain_beyond_flips(gamma):
    x = lattice()
    affine = np.array([[1.0, gamma, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    edges = affine[:2, :2] @ BOX[:2, :2]
    box = BOX.copy()
    box[1, 0] = edges[0, 1] - round(edges[0, 1] / BOX[0, 0]) * BOX[0, 0]  # as 'fix deform' flips it
    gradient, d2min = fit(x @ affine.T, box, edges, x, corner=(3.0, -2.0, 1.0))
    green = strain.green_lagrange(gradient)
    assert np.allclose(green[..., 0, 1], gamma / 2, rtol=0, atol=1e-12)
    assert np.allclose(green[..., 1, 1], gamma**2 / 2, rtol=0, atol=1e-11)
    assert d2min.max() < 1e-10


def test_a_stretched_and_sheared_box_is_the_affine_map():
    x = lattice()
    affine = np.array([[1.07, 0.21, 0.0], [0.0, 0.95, 0.0], [0.0, 0.0, 1.02]])
    edges = affine[:2, :2] @ BOX[:2, :2]
    box = np.diag(np.diag(affine) * np.diag(BOX))
    box[1, 0] = edges[0, 1]
    gradient, d2min = fit(x @ affine.T, box, edges, x)
    assert np.allclose(gradient, affine[:2, :2], rtol=0, atol=1e-12)
    assert d2min.max() < 1e-10


def test_a_uniform_drift_through_the_boundaries_is_no_strain():
    x = lattice()
    gradient, d2min = fit(x + np.array([45.0, -70.0, 13.0]), BOX, BOX[:2, :2].copy(), x)
    assert np.allclose(gradient, np.eye(2), rtol=0, atol=1e-12)
    assert d2min.max() < 1e-10


def test_a_long_wave_of_displacement_is_seen_as_its_filtered_gradient():
    # u_x = a sin(kY): the window scales the wave, and the fit is exact to second order in a
    x, width, amplitude, k = lattice(), 4.0, 0.01, 2 * np.pi / BOX[1, 1]
    moved = x.copy()
    moved[:, 0] += amplitude * np.sin(k * x[:, 1])
    gradient, _ = fit(moved, BOX, BOX[:2, :2].copy(), x, width=width, cutoff=6.0)
    y = np.arange(SHAPE[0]) * BOX[1, 1] / SHAPE[0]
    # regression of sin kY on Y under a Gaussian: k cos(kY₀) exp(−k²c²/2)
    expected = amplitude * k * np.cos(k * y) * np.exp(-((k * width) ** 2) / 2)
    assert np.allclose(gradient[..., 0, 1], expected[:, None], rtol=0, atol=0.02 * amplitude * k)


def test_scatter_makes_d2min_and_leaves_the_mean_strain():
    # scatter of 1 Å in each direction would weaken F by 1/c² if x were regressed on X
    random, gamma, width = np.random.default_rng(3), 0.4, 5.0
    found, d2mins = [], []
    for _ in range(40):
        x = lattice()
        reference = x + random.normal(size=x.shape)
        affine = np.array([[1.0, gamma, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        edges = affine[:2, :2] @ BOX[:2, :2]
        box = BOX.copy()
        box[1, 0] = edges[0, 1]
        gradient, d2min = fit(x @ affine.T, box, edges, reference, width=width)
        found.append(gradient[..., 0, 1].mean())
        d2mins.append(d2min.mean())
    error = np.std(found) / np.sqrt(len(found))
    assert error < 0.005
    assert abs(np.mean(found) - gamma) < 4 * error + 0.003
    # 3 Å² less what the six fitted numbers of the plane and three of z take
    assert 2.8 < np.mean(d2mins) < 3.0


def test_turning_the_crystal_is_no_strain():
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert np.allclose(strain.green_lagrange(turn), 0.0, atol=1e-15)
    stretch = np.array([[1.1, 0.2], [0.0, 0.9]])
    assert np.allclose(strain.green_lagrange(turn @ stretch), strain.green_lagrange(stretch), atol=1e-15)
