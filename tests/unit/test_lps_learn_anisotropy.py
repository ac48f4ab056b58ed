"""Which samples are those of an isotropic solid."""

import numpy as np
import pytest

from mdbridge.lps.learn import anisotropy, spectral

SHAPE, SPACING = (32, 24), np.array([2.0, 2.2])
ISOTROPIC = np.array([[3646.7, 1276.4, 0.0], [1276.4, 3646.7, 0.0], [0.0, 0.0, 1185.15]])
ORTHOTROPIC = np.array([[4238.4, 794.7, 0.0], [794.7, 2649.0, 0.0], [0.0, 0.0, 1100.0]])


def turned(stiffness, angle):
    """The same sheet, turned: Bond's matrix for stresses in Voigt's notation."""
    c, s = np.cos(angle), np.sin(angle)
    bond = np.array([[c * c, s * s, -2 * s * c], [s * s, c * c, 2 * s * c], [s * c, -s * c, c * c - s * s]])
    return bond @ stiffness @ bond.T


def waves(stiffness, samples=12, noise=0.0):
    """Displacements of a few waves each, and the loads b = −div σ that hold them, wave by wave."""
    random = np.random.default_rng(3)
    box = SPACING * SHAPE
    nodes = np.stack(np.meshgrid(*(np.arange(n) * h for n, h in zip(SHAPE, SPACING, strict=True)),
                                 indexing="ij"), -1).reshape(-1, 2)  # fmt: skip
    u, b = np.zeros((2, samples, len(nodes), 2))
    for sample in range(samples):
        for _ in range(3):
            k = 2 * np.pi * random.integers(1, 4, 2) * random.choice([-1, 1], 2) / box
            amplitude = random.normal(size=2)
            strain = np.array(
                [k[0] * amplitude[0], k[1] * amplitude[1], k[0] * amplitude[1] + k[1] * amplitude[0]]
            )
            xx, yy, xy = stiffness @ strain
            wave = np.cos(nodes @ k + random.uniform(0, 6.0))[:, None]
            u[sample] += wave * amplitude
            b[sample] += wave * np.array([xx * k[0] + xy * k[1], xy * k[0] + yy * k[1]])
    b += noise * b.std() * random.normal(size=b.shape)
    return spectral.transform(u, b, SHAPE, box)


@pytest.mark.parametrize("stiffness", [ORTHOTROPIC, turned(ORTHOTROPIC, 0.5)])
def test_constants_of_an_anisotropic_sheet_are_its_own(stiffness):
    elastic = anisotropy.fit([waves(stiffness)])
    told = [elastic.constants[name] for name in anisotropy.CONSTANTS]
    true = [stiffness[i, j] for i, j in ((0, 0), (1, 1), (0, 1), (2, 2), (0, 2), (1, 2))]
    np.testing.assert_allclose(told, true, rtol=1e-9, atol=1e-6)
    assert elastic.misfit < 1e-10 and elastic.isotropic_misfit > 0.1


def test_an_isotropic_sheet_needs_two():
    elastic = anisotropy.fit([waves(turned(ISOTROPIC, 0.5))])
    assert elastic.isotropic_misfit < 1e-4  # its constants are given to five digits
    noisy = anisotropy.fit([waves(ISOTROPIC, noise=0.5)])
    assert noisy.misfit > 0.9 * noisy.isotropic_misfit > 0.02  # noise is none of either kind


def test_a_sample_without_long_waves_says_nothing():
    samples = waves(ORTHOTROPIC)
    samples.u[0] *= 1e-15  # of its waves only short ones are left
    samples.b[0] = 1e-13 * np.random.default_rng(1).normal(size=samples.b[0].shape)
    short = np.hypot(*samples.wavevectors.T) > 2.0
    samples.b[0][short] += 1.0
    assert anisotropy.fit([samples]).misfit < 1e-10


def test_waves_along_one_direction_do_not_tell_all():
    samples = waves(ORTHOTROPIC)
    along = samples.wavevectors[:, 1] == 0.0
    assert anisotropy.fit([spectral.Samples(SPACING, samples.wavevectors[along], samples.u[:, along],
                                            samples.b[:, along])]) is None  # fmt: skip
