"""The time filter against its closed forms, and unwrapping with LAMMPS's image flags."""

import numpy as np
import pytest

from mdbridge.coarse.timefilter import smooth_displacement, taken_up, unwrapped_displacement

ORTHOGONAL = np.diag([10.0, 12.0, 8.0])
# LAMMPS's a = (lx, 0, 0), b = (xy, ly, 0), c = (xz, yz, lz)
TILTED = np.array([[10.0, 0.0, 0.0], [2.0, 12.0, 0.0], [-1.0, 3.0, 8.0]])
WIDTHS = [(10, np.int32), (21, np.int64)]


def packed(images, bits, dtype):
    """Image flags as LAMMPS packs them: (ix + half) | (iy + half) << bits | (iz + half) << 2 bits."""
    a, b, c = (np.asarray(images, dtype=np.int64) + (1 << (bits - 1))).T
    return (a | b << bits | c << 2 * bits).astype(dtype)


def images_of(bits):
    edge = (1 << (bits - 1)) - 1
    return np.array(
        [[0, 0, 0], [1, -2, 3], [-1, 0, 1], [edge, -edge - 1, edge], [-edge - 1, edge, -edge - 1]]
    )


@pytest.mark.parametrize(("bits", "dtype"), WIDTHS)
@pytest.mark.parametrize("box", [ORTHOGONAL, TILTED])
@pytest.mark.parametrize("dimension", [2, 3])
def test_displacements_are_unwrapped_by_the_image_flags(bits, dtype, box, dimension):
    images = images_of(bits)
    random = np.random.default_rng(0)
    x, reference = random.uniform(0, 8, (5, 3)), random.uniform(0, 8, (5, dimension))
    out = np.empty((5, dimension))
    unwrapped_displacement(out, x, packed(images, bits, dtype), reference, box, bits)
    expected = (x + images @ box)[:, :dimension] - reference
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


def run(track, weight, steps, box=TILTED, bits=10, dtype=np.int32):
    """Filter atoms that move as ``track(n)`` ``(n, 2)`` (Å), wrapped into the box at every step."""
    reference = np.array([[1.0, 2.0], [9.5, 11.0]])
    smoothed = np.zeros_like(reference)
    for n in range(1, steps + 1):
        place = np.zeros((2, 3))
        place[:, :2] = reference + track(n)
        images = np.floor(place @ np.linalg.inv(box)).astype(int)
        smooth_displacement(
            smoothed, place - images @ box, packed(images, bits, dtype), reference, box, bits, weight
        )
    return smoothed


@pytest.mark.parametrize("weight", [1.0, 0.1, 0.003])
def test_a_constant_displacement_is_approached_exponentially(weight):
    constant = np.array([[0.3, -0.2], [1.5, 4.0]])
    filtered = run(lambda n: constant, weight, 50)
    np.testing.assert_allclose(filtered, constant * (1 - (1 - weight) ** 50), rtol=1e-12)
    share = 1 - (1 - weight) ** 50
    np.testing.assert_allclose(filtered, constant * share, rtol=1e-12)
    assert taken_up(weight, 50) == pytest.approx(share)


@pytest.mark.parametrize(("bits", "dtype"), WIDTHS)
@pytest.mark.parametrize("box", [ORTHOGONAL, TILTED])
def test_a_ramp_is_followed_with_a_constant_lag_across_the_boundary(box, bits, dtype):
    """U_n = v (n − (1 − ι)(1 − (1 − ι)^n)/ι) for Ũ_n = n v; the atoms leave the box several times."""
    speed, weight, steps = np.array([[0.5, -0.4], [-0.7, 0.9]]), 0.05, 80
    filtered = run(lambda n: n * speed, weight, steps, box, bits, dtype)
    remaining = (1 - weight) ** steps
    expected = speed * (steps - (1 - weight) * (1 - remaining) / weight)
    np.testing.assert_allclose(filtered, expected, rtol=1e-11)


@pytest.mark.parametrize(("bits", "dtype"), WIDTHS)
def test_three_components_are_filtered_alike(bits, dtype):
    """A weight of 1 remembers nothing: the filter then is the unwrapping."""
    images, random = images_of(bits), np.random.default_rng(1)
    x, reference = random.uniform(0, 8, (5, 3)), random.uniform(0, 8, (5, 3))
    smoothed = random.standard_normal((5, 3))
    smooth_displacement(smoothed, x, packed(images, bits, dtype), reference, TILTED, bits, 1.0)
    np.testing.assert_allclose(smoothed, x + images @ TILTED - reference, rtol=1e-12)


def test_vibrations_are_damped():
    """A cosine of many periods per memory comes out smaller by about ι/ω."""
    filtered = run(lambda n: np.full((2, 2), np.cos(1.0 * n)), 0.01, 3000)
    assert np.abs(filtered).max() < 0.015


def test_a_deforming_box_counts_with_its_present_edges():
    x, image = np.array([[1.0, 1.0, 0.0]]), packed([[1, 0, 0]], 10, np.int32)
    out = np.empty((1, 2))
    for length in (10.0, 11.0):
        unwrapped_displacement(out, x, image, np.zeros((1, 2)), np.diag([length, 12.0, 8.0]), 10)
        np.testing.assert_allclose(out, [[1.0 + length, 1.0]])
