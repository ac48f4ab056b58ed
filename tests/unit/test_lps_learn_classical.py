"""The first guess of the moduli, and what samples do not determine."""

import numpy as np
import pytest
from own_data import LAM, MU, periodic

from mdbridge.core.errors import InputError
from mdbridge.lps.learn import classical, spectral


def samples(**keys):
    arrays = periodic((12, 10), (1.0, 1.7), **keys)
    return spectral.transform(arrays["u"], arrays["b"], (12, 10), arrays["box"])


def test_a_classical_solid_is_its_own_fit():
    fit = classical.fit([samples(), samples(seed=1)])
    assert fit.lame_lambda == pytest.approx(LAM, rel=1e-10)
    assert fit.lame_mu == pytest.approx(MU, rel=1e-10)
    assert fit.longitudinal + fit.transverse == pytest.approx(1.0)
    assert (fit.work > 0).all() and (fit.work <= 1).all()
    classical.require_sign(fit)


@pytest.mark.parametrize(
    ("kind", "words"), [("transverse", "determine μ alone"), ("longitudinal", "λ \\+ 2μ alone")]
)
def test_one_kind_of_waves_is_not_enough(kind, words):
    with pytest.raises(InputError, match=words):
        classical.fit([samples(kind=kind)])


def test_loads_of_the_wrong_sign_are_refused():
    right = samples()
    wrong = spectral.Samples(right.spacing, right.wavevectors, right.u, -right.b)
    with pytest.raises(InputError, match=r"12 of 12 samples do negative work .* multiply b by"):
        classical.require_sign(classical.fit([wrong]))


def test_noise_on_displacements_hardly_moves_the_guess():
    clean = samples()
    random = np.random.default_rng(0)
    noise = random.standard_normal(clean.u.shape) + 1j * random.standard_normal(clean.u.shape)
    u = clean.u + 0.02 * np.abs(clean.u).mean() * noise
    fit = classical.fit([spectral.Samples(clean.spacing, clean.wavevectors, u, clean.b)])
    assert fit.lame_mu == pytest.approx(MU, rel=0.02)
