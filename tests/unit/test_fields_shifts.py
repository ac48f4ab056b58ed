"""Correlations of periodic fields and their p-values by cyclic shifts."""

import numpy as np
import pytest
from scipy import stats

from mdbridge.fields import shifts


def smooth(random, shape=(16, 12), modes=3):
    """A random field of few waves, as coarse-grained ones are; its place in the box is arbitrary."""
    spectrum = np.zeros(shape, complex)
    spectrum[:modes, :modes] = random.normal(size=(modes, modes)) + 1j * random.normal(size=(modes, modes))
    return np.fft.ifft2(spectrum).real


def banded(random, rows=64, columns=4):
    """A field that varies along y alone."""
    wave = np.fft.irfft(np.r_[0, random.normal(size=3) + 1j * random.normal(size=3)], rows)
    return np.repeat(wave[:, None], columns, axis=1)


def test_all_shifts_are_those_of_brute_force():
    random = np.random.default_rng(1)
    field, other = random.normal(size=(2, 5, 6)) + 3.0
    result = shifts.correlation(field, other)
    for rows in range(5):
        for columns in range(6):
            rolled = np.roll(other, (rows, columns), axis=(0, 1))
            expected = np.corrcoef(field.ravel(), rolled.ravel())[0, 1]
            assert result.all[rows, columns] == pytest.approx(expected, abs=1e-12)
    assert result.r == pytest.approx(np.corrcoef(field.ravel(), other.ravel())[0, 1])
    assert result.p == np.mean(result.all >= result.r - 1e-9)


@pytest.mark.parametrize("make", [smooth, banded])
def test_of_unrelated_fields_p_is_uniform(make):
    """Too often small would call chance a finding; Kolmogorov and Smirnov's test of 400 pairs."""
    random = np.random.default_rng(7)
    p_values = [shifts.correlation(make(random), make(random)).p for _ in range(400)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    # the correlations themselves are far from none
    values = [abs(shifts.correlation(make(random), make(random)).r) for _ in range(100)]
    assert np.mean(values) > 0.2


def test_a_band_has_the_p_of_its_rows_however_many_columns_it_has():
    y = 2 * np.pi * np.arange(32) / 32
    for columns in (1, 4, 32):
        band = np.repeat(np.cos(y)[:, None], columns, axis=1)
        exact = shifts.correlation(band, 3 * band + 5)
        assert (exact.r, exact.p) == (pytest.approx(1.0), 1 / 32)
        # one row beside its place: as good as that one and as the other side's
        assert shifts.correlation(band, np.roll(band, 1, axis=0)).p == 3 / 32
        assert shifts.correlation(band, -band).p == 1.0


def test_of_fields_that_agree_in_both_directions_p_is_one_of_all_cells():
    field = smooth(np.random.default_rng(3))
    assert shifts.correlation(field, 3 * field + 1).p == pytest.approx(1 / field.size)


def test_a_field_that_does_not_vary_has_no_correlation():
    field = np.random.default_rng(0).normal(size=(4, 4))
    assert shifts.correlation(field, np.full((4, 4), 0.1)) is None
    # what round-off makes of a constant
    assert shifts.correlation(np.full((4, 4), -5.0) + 1e-15 * field, field) is None


@pytest.mark.parametrize(
    ("other", "message"),
    [(np.zeros((4, 5)), r"not \(4, 4\) and \(4, 5\)"), (np.full((4, 4), np.nan), "must be finite")],
)
def test_other_fields_are_refused(other, message):
    with pytest.raises(ValueError, match=message):
        shifts.correlation(np.eye(4), other)


def test_several_samples_together_say_what_each_alone_cannot():
    y = 2 * np.pi * np.arange(32) / 32
    band = np.repeat(np.cos(y)[:, None], 4, axis=1)
    single = shifts.correlation(band, np.roll(band, 1, axis=0))
    mean, p = shifts.together([single] * 3)
    assert mean == pytest.approx(single.r)
    # of 32³ combinations those that are as good on average, counted one by one
    rows = np.cos(y)
    sums = (rows[:, None, None] + rows[:, None] + rows) / 3
    assert p == pytest.approx(np.mean(sums >= mean - 1e-9), rel=0.15)
    assert shifts.together([single]) == (single.r, single.p)
    with pytest.raises(ValueError, match="no sample"):
        shifts.together([])


def test_of_unrelated_samples_together_p_is_uniform():
    random = np.random.default_rng(11)
    p_values = [
        shifts.together([shifts.correlation(banded(random), banded(random)) for _ in range(4)], 500, seed)[1]
        for seed in range(200)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
