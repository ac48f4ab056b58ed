"""The three sets of loads: how many, periodic, in equilibrium, where they act."""

import numpy as np
import pytest

from mdbridge.md import loads

BOX = np.array([98.7, 100.8])


@pytest.fixture
def atoms():
    """Positions whose sums are exact for the loads' symmetry: a fine grid of the box."""
    axes = [(np.arange(240) + 0.5) / 240 * length - length / 2 for length in BOX]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.fixture
def round_atoms():
    """Positions on a disc, without symmetry."""
    random = np.random.default_rng(3)
    r, t = 100 * np.sqrt(random.random(5000)), 2 * np.pi * random.random(5000)
    return np.stack([r * np.cos(t), r * np.sin(t)], axis=1)


def test_there_are_70_10_and_4_with_names_of_their_own():
    sets = [loads.training(BOX), loads.validation(BOX), loads.disc(50.0)]
    assert [len(group) for group in sets] == [70, 10, 4]
    names = [load.name for group in sets for load in group]
    assert len(set(names)) == 84
    assert all(name.replace("-", "").isalnum() for name in names)
    for group in sets:
        assert len({tuple(load.parameters) for load in group}) == 1  # they fill the columns of one table


def test_training_waves_fit_the_box_and_act_along_one_axis(atoms):
    waves = set()
    for load in loads.training(BOX):
        force = load.on(atoms)
        parameters = load.parameters
        k = 2 * np.pi * np.array([parameters["n1"], parameters["n2"]]) / BOX
        assert np.allclose([parameters["k1_per_A"], parameters["k2_per_A"]], k)
        wave = np.cos(k[0] * atoms[:, 0]) * np.cos(k[1] * atoms[:, 1])
        assert np.abs(force[:, parameters["axis"]] - wave).max() < 1e-12
        assert np.abs(force[:, 1 - parameters["axis"]]).max() < 1e-12
        waves.add((parameters["axis"], parameters["n1"], parameters["n2"]))
    assert len(waves) == 70
    assert max(n for _, *pair in waves for n in pair) == 5


@pytest.mark.parametrize("make", [loads.training, loads.validation])
def test_loads_repeat_with_the_box(make, atoms):
    for load in make(BOX):
        for images in ([1, 0], [0, -1], [2, 3]):
            assert np.abs(load.shape(atoms + images * BOX) - load.shape(atoms)).max() < 1e-9


@pytest.mark.parametrize("make", [loads.training, loads.validation])
def test_loads_balance_by_themselves_on_a_fine_grid(make, atoms):
    """The balance belongs to the load, not to the correction that :meth:`Load.on` makes."""
    for load in make(BOX):
        assert np.abs(load.shape(atoms).mean(axis=0)).max() < 1e-5


def test_loads_balance_exactly_on_any_atoms(round_atoms):
    for load in [*loads.training(BOX), *loads.validation(BOX), *loads.disc(50.0)]:
        force = load.on(round_atoms)
        assert np.abs(force.sum(axis=0)).max() < 1e-10
        assert np.isfinite(force).all()


def test_heavier_atoms_carry_more_and_the_resultant_is_taken_away_by_mass(round_atoms):
    masses = np.random.default_rng(1).choice([10.81, 14.007], len(round_atoms))
    for load in [*loads.training(BOX)[::9], *loads.validation(BOX)[:2], *loads.disc(50.0)]:
        force = load.on(round_atoms, masses)
        mask = load.loaded(round_atoms)
        assert np.abs(force.sum(axis=0)).max() < 1e-9
        assert (force[~mask] == 0).all()
        # accelerations differ from the load's by one and the same vector, wherever it acts
        shift = masses.mean() * force[mask] / masses[mask, None] - load.shape(round_atoms)[mask]
        assert np.ptp(shift, axis=0).max() < 1e-12
        assert np.allclose(load.on(round_atoms, np.full(len(masses), 12.011)), load.on(round_atoms))


def test_validation_loads_are_bumps_in_the_middle_and_at_the_edge(atoms):
    seen = set()
    for load in loads.validation(BOX):
        axis, across, radius = (int(load.parameters[name]) for name in ("axis", "p", "R_A"))
        seen.add((axis, across, radius))
        edge = np.zeros(2)
        edge[across] = BOX[across] / 2
        at = load.shape(np.array([[0.0, 0.0], edge, -edge, 0.97 * edge]))
        assert np.allclose(at[:3, axis], [1, -1, -1], atol=1e-12)
        assert np.isclose(at[3, axis], -np.cos(np.pi / 2 * 0.03 * edge[across] / radius))
        assert np.abs(load.shape(atoms)[:, 1 - axis]).max() == 0
        apart = atoms.copy()
        apart[:, across] -= BOX[across] * np.rint(apart[:, across] / BOX[across] - 0.5) + BOX[across] / 2
        r = np.minimum(np.linalg.norm(atoms, axis=1), np.hypot(apart[:, across], atoms[:, 1 - across]))
        force = load.shape(atoms)[:, axis]
        assert np.abs(force[r > radius]).max() < 1e-12
        assert np.abs(force[r < 0.99 * radius]).min() > 0
    table = {(a, p, r) for a in (0, 1) for p in (0, 1) for r in (25, 15)} | {(0, 0, 10), (0, 1, 10)}
    assert seen == table


def test_disc_loads_leave_the_inside_alone(round_atoms):
    r, t = np.hypot(*round_atoms.T), np.arctan2(round_atoms[:, 1], round_atoms[:, 0])
    for load in loads.disc(50.0):
        force = load.on(round_atoms)
        assert (force[r <= 50] == 0).all()
        assert np.abs(force[r > 50]).max() > 0.5
    radial = loads.disc(50.0)[0].shape(round_atoms)
    assert np.allclose(radial, np.stack([np.cos(4 * t) * np.cos(t), np.cos(4 * t) * np.sin(t)], axis=1))


def test_the_third_disc_load_loses_its_resultant():
    """As printed it has a mean of 2/π along x2."""
    t = (np.arange(4000) + 0.5) / 4000 * 2 * np.pi
    ring = 75 * np.stack([np.cos(t), np.sin(t)], axis=1)
    third = loads.disc(50.0)[2]
    assert np.allclose(third.shape(ring).mean(axis=0), [0, 2 / np.pi], atol=1e-5)
    assert np.abs(third.on(ring).mean(axis=0)).max() < 1e-12


def test_disc_loads_turn_nothing():
    """No couple: otherwise a free disc could not come to rest."""
    t = (np.arange(4000) + 0.5) / 4000 * 2 * np.pi
    ring = 75 * np.stack([np.cos(t), np.sin(t)], axis=1)
    for load in loads.disc(50.0):
        force = load.on(ring)
        assert abs(np.mean(ring[:, 0] * force[:, 1] - ring[:, 1] * force[:, 0])) < 1e-10
