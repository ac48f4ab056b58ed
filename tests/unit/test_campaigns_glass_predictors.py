"""Predictors of where a glass shears, on fields of which one knows what they tell."""

import numpy as np
import pytest
from glass_files import stored

from mdbridge.campaigns.glass import predictors
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.core import store
from mdbridge.core.errors import InputError

ROWS = 32


def band(row, width=3.0, columns=8):
    away = (np.arange(ROWS) - row + ROWS / 2) % ROWS - ROWS / 2
    return np.repeat(np.exp(-0.5 * (away / width) ** 2)[:, None], columns, axis=1)


def test_soft_places_are_high_whatever_the_sign_of_what_was_measured(tmp_path):
    with store.reading(stored(tmp_path), GLASS) as file:
        np.testing.assert_array_equal(predictors.softness(file, "density"), -file.get("density")[0])
        np.testing.assert_array_equal(predictors.softness(file, "energy"), file.get("potential_energy")[0])
        assert predictors.softness(file, "nonaffinity") is None


def test_another_predictor_takes_mean_and_spread_of_the_energies():
    random = np.random.default_rng(0)
    energy, other = -5 + 0.01 * random.normal(size=(2, 6, 8))
    mapped = predictors.as_energy(1e4 * other, energy)
    assert mapped.mean() == pytest.approx(energy.mean()) and mapped.std() == pytest.approx(energy.std())
    assert np.corrcoef(mapped.ravel(), other.ravel())[0, 1] == pytest.approx(1.0)
    with pytest.raises(InputError, match=r"'calibrate\.predictor': the field does not vary"):
        predictors.as_energy(np.full((6, 8), 4.4) + 1e-15 * other, energy)


def test_the_rank_of_the_band_s_place_is_the_part_of_the_rows_as_high():
    fields = [band(10)] * 3
    assert predictors.band_rank(fields, [band(10)] * 3) == {
        "mean": 1 / ROWS,
        "p": pytest.approx(1 / ROWS**3),
    }
    # at the least soft place all rows are as high
    assert predictors.band_rank(fields, [band(26)] * 3) == {"mean": 1.0, "p": pytest.approx(1.0)}


def test_of_bands_that_know_nothing_of_the_predictor_ranks_are_uniform():
    random = np.random.default_rng(4)
    p_values = []
    for _ in range(200):
        rows = random.integers(0, ROWS, 4)
        p_values.append(
            predictors.band_rank([band(10, 3.0 + 0.1 * r) for r in rows], [band(r) for r in rows])["p"]
        )
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.06)


def test_what_helps_with_unseen_samples_gains_and_what_does_not_loses():
    random = np.random.default_rng(2)
    places = random.integers(0, ROWS, 6)
    strains = [0.1 * (1 + band(r) + 0.1 * random.normal(size=(ROWS, 8))) for r in places]
    right = predictors.held_out_gains([band(r) for r in places], strains)
    chance = [
        predictors.held_out_gains([band(r) for r in random.integers(0, ROWS, 6)], strains) for _ in range(40)
    ]
    assert len(right) == 6 and min(right) > 0.5 > 0.05 > np.mean(chance)
    # by hand: two samples, the map fitted to either and tried on the other
    two = predictors.held_out_gains([band(r) for r in places[:2]], strains[:2])
    assert min(two) > 0.5
    assert predictors.held_out_gains([band(3)], [band(3)]) == []


def test_the_table_has_all_that_the_samples_have(tmp_path):
    paths = [stored(tmp_path), stored(tmp_path)]
    correlations = predictors.table(paths)
    assert set(correlations) == {"energy", "energy_mean_composition", "density"}
    assert list(correlations["energy"]) == ["0.05", "0.1", "0.2", "0.3", "0.4", "0.5"]
    assert correlations["density"]["0.1"]["correlation"] is None  # it does not vary
    row = correlations["energy_mean_composition"]["0.2"]
    assert row["correlation"]["n"] == 2 and 0 < row["correlation"]["p"] < 0.2
    # of two that are the same
    assert row["log_likelihood_gain"] > 0 == row["log_likelihood_gain_error"]
    assert row["band_rank"]["mean"] <= 0.5


def test_the_gain_has_the_error_of_its_mean(tmp_path, monkeypatch):
    monkeypatch.setattr(predictors, "held_out_gains", lambda fields, bands: [0.1, 0.4, 0.4])
    row = predictors.table([stored(tmp_path)] * 3)["energy"]["0.4"]
    assert row["log_likelihood_gain"] == pytest.approx(0.3)
    assert row["log_likelihood_gain_error"] == pytest.approx(0.1)  # √(0.03) over √3
