"""Loads by a seed: as many as are said, the same again, balanced, and of the sizes that their names say."""

import numpy as np
import pytest

from mdbridge.md import unseen

BOX = np.array([98.66, 100.78])
POINTS = np.stack(np.meshgrid(*(np.linspace(-0.5, 0.5, 60, endpoint=False) * L for L in BOX)), -1).reshape(
    -1, 2
)


def test_there_are_48_loads_of_four_kinds():
    names = [load.name for load in unseen.unseen(BOX, 1)]
    assert len(names) == len(set(names)) == 48
    assert unseen.kinds(names) == [*(f"random-{n:g}" for n in unseen.LENGTHS), "dipole", "pair", "vacancy"]
    assert [load.name for load in unseen.unseen(np.ones(2), 5)] == names
    assert len({tuple(load.parameters) for load in unseen.unseen(BOX, 1)}) == 1


def test_the_seed_says_all_and_no_two_are_alike():
    first, again, other = (unseen.unseen(BOX, seed) for seed in (1, 1, 2))
    fields = [np.array([load.on(POINTS) for load in loads]) for loads in (first, again, other)]
    np.testing.assert_array_equal(fields[0], fields[1])
    flat = np.concatenate([fields[0], fields[2]]).reshape(96, -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert (flat @ flat.T - np.eye(96)).max() < 0.99
    # nothing pushes the sheet as a whole
    assert np.abs(fields[0].sum(axis=1)).max() < 1e-9 * np.abs(fields[0]).sum(axis=1).max()


@pytest.mark.parametrize("length", unseen.LENGTHS)
def test_random_fields_have_their_correlation_and_the_box_s_periods(length):
    """exp(−r²/ℓ²) along x, over many fields; longer than a part of the box they are its waves alone."""
    loads = [unseen._random_field(BOX, length, np.random.default_rng(n)) for n in range(150)]
    r = 0.7 * length
    here, there = (np.array([load(np.array([[x, 0.0]]))[0] for load in loads]) for x in (0.0, r))
    correlation = (here * there).sum() / np.sqrt((here**2).sum() * (there**2).sum())
    assert correlation == pytest.approx(np.exp(-((r / length) ** 2)), abs=0.12)
    np.testing.assert_allclose(loads[0](POINTS + BOX), loads[0](POINTS), atol=1e-9)


def test_pairs_are_two_atoms_and_damaged_sheets_are_loaded_far_from_the_damage():
    for load in unseen.unseen(BOX, 3):
        force = load.shape(POINTS)
        loaded = np.flatnonzero(np.abs(force).sum(axis=1) > 1e-6)
        if load.name.startswith("pair"):
            assert len(loaded) == 2 and np.abs(force.sum(axis=0)).max() < 1e-12
        if load.name.startswith("vacancy"):
            strong = POINTS[np.abs(force).max(axis=1) > 0.05 * np.abs(force).max()]
            away = strong - unseen.vacancy_site(BOX)
            away -= BOX * np.rint(away / BOX)
            assert np.linalg.norm(away, axis=1).min() > 25.0
