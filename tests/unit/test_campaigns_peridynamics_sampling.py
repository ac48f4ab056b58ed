"""Samples of a small sheet: their fields are those of elasticity, in the units that are said."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import sampling
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.core.config import check
from mdbridge.core.errors import InputError
from mdbridge.fields.grid import NodeGrid
from mdbridge.md import loads


def config(**sections):
    """336 atoms; 12 × 12 nodes 2.5 Å apart, and fine ones of half that distance."""
    data = {
        "campaign": "graphene",
        "md": {"cells": [12, 7], "disc_radius_A": 15.0, "disc_inner_A": 8.0},
        "coarse": {"radius_A": 5.0, "spacing_A": 2.5, "fine_spacing_A": 1.25},
        "learn": {"horizons_A": [6.0]},
        "dynamics": {"enabled": False},
    }
    return check(data | sections, GrapheneInput, "small.toml")


WAVES = {"train-x-1-0": (0, 0), "train-y-0-1": (1, 1), "train-y-1-0": (0, 1)}
"""Name: axis of the wave, direction of the force."""


@pytest.fixture(scope="module")
def sampler():
    with sampling.sampler(MPI.COMM_SELF, config()) as opened:
        yield opened


@pytest.fixture(scope="module")
def samples(sampler):
    return {name: sampling._static(sampler, "train", name) for name in WAVES}


@pytest.fixture(scope="module")
def elastic(sampler):
    return {name: float(value) for name, value in sampler.elastic().items()}


def amplitude(values, x):
    """Of cos x, with the mean left out."""
    return 2 * (values * np.cos(x)).mean()


@pytest.mark.parametrize("suffix", ["", "_fine"])
def test_long_waves_answer_with_the_elastic_constants(sampler, samples, elastic, suffix):
    """b/(k² u) is C11 along and C66 across; the wave of 30 Å is a little too long to be short."""
    grid = sampler.node_grids(disc=False)[suffix]
    for name, (axis, component) in WAVES.items():
        k = 2 * np.pi / sampler.sheet.box[axis]
        wave = k * grid.points()[:, axis]
        u, b = (amplitude(samples[name][q + suffix][:, component], wave) for q in "ub")
        modulus = elastic["C11_TPa"] if axis == component else elastic["C66_TPa"]
        assert b / (k**2 * u) == pytest.approx(modulus, rel=0.04)
        assert np.abs(samples[name]["u" + suffix][:, 1 - component]).max() < 0.02 * abs(u)


def test_loads_are_in_equilibrium_and_reach_the_strain_that_is_asked_for(samples):
    for sample in samples.values():
        assert np.abs(sample["b"].sum(axis=0)).max() < 1e-9 * np.abs(sample["b"]).sum()
        assert sample["bond_strain"] <= 0.002 * 1.05
        assert sample["amplitude"] > 0
    largest = max(float(sample["bond_strain"]) for sample in samples.values())
    assert largest > 0.001


def test_fine_nodes_share_the_load_of_the_coarse_ones(sampler, samples):
    """Four to one: the same force per area, smoothed over the same radius."""
    for sample in samples.values():
        ratio = np.abs(sample["b_fine"]).max() / np.abs(sample["b"]).max()
        assert ratio == pytest.approx(1.0, abs=0.05)


def test_a_body_force_is_a_force_over_the_volume_of_a_node():
    grid = NodeGrid((0.0, 0.0), (2.0, 5.0), (3, 3), True)
    # 1 eV/Å over 10 Å² × 4 Å is 0.025 eV/Å⁴, and 1 eV/Å³ is 160.2 GPa
    assert sampling.body_force_unit(grid, 4.0) == pytest.approx(0.025 * 0.1602176634)


@pytest.mark.parametrize("weight", [0.1, 0.005])
def test_near_0_K_the_snapshot_and_the_filtered_field_are_those_at_rest(weight):
    """Over 100 steps a filter of 0.1 a step has seen all but 3e-5, one of 0.005 has seen 39 %."""
    dynamics = {
        "load": "train-x-1-0",
        "temperature_K": 1e-6,
        "duration_ps": 0.05,
        "filter_weight": weight,
        "max_bond_strain": 0.004,
    }
    settings = config(dynamics=dynamics)
    ticks = []
    with sampling.sampler(MPI.COMM_SELF, settings) as sampler:
        sampler.tick = ticks.append
        fields = sampling._dynamic(sampler)
    zero = fields["u_zero"] - fields["u_zero"].mean(axis=0)
    largest = np.abs(zero).max()
    assert largest > 1e-3
    for name in ("u_raw", "u_filtered"):
        np.testing.assert_allclose(fields[name], zero, atol=2e-3 * largest)
    assert ticks[-1] == 1.0 and fields["temperature_K"] < 1.0


def test_nodes_of_the_disc_reach_beyond_it_and_one_is_at_its_centre():
    grids = sampling.node_grids(config(), np.array([30.0, 30.0]), disc=True)
    for grid, spacing in ((grids[""], 2.5), (grids["_fine"], 1.25)):
        points = grid.points()
        assert not grid.periodic and grid.spacing == (spacing, spacing)
        assert np.hypot(*points.T).min() == 0.0
        assert points.max() == 20.0  # 15 Å and the radius of smoothing


def test_nodes_of_the_disc_may_be_those_of_the_sheet():
    """One lattice for both, so that a model need serve no other; whose box says what it is."""
    settings = config(coarse=config().coarse.model_dump() | {"disc_nodes": "sheet"})
    box = np.array([31.0, 29.0])
    for suffix, sheet in sampling.node_grids(settings, box, disc=False).items():
        disc = sampling.node_grids(settings, box, disc=True)[suffix]
        assert disc.spacing == sheet.spacing and disc.spacing[0] != disc.spacing[1]
        points = disc.points()
        assert not disc.periodic and np.hypot(*points.T).min() == 0.0
        assert (20.0 - np.array(disc.spacing) < points.max(axis=0)).all() and points.max() <= 20.0


def test_nodes_of_the_disc_redo_the_disc_alone():
    def keys(nodes, cells=(12, 7)):
        md = {"cells": list(cells), "disc_radius_A": 15.0, "disc_inner_A": 8.0}
        settings = config(md=md, coarse=config().coarse.model_dump() | {"disc_nodes": nodes})
        return {task.name: task.identity.key for task in sampling.tasks(settings).tasks}

    def changed(before, after):
        return {name for name in before if before[name] != after[name]}

    discs = {f"test-{n}" for n in (1, 2, 3, 4)}
    assert changed(keys("square"), keys("sheet")) == discs
    # the sheet's lattice follows from its box
    assert not discs & changed(keys("square"), keys("square", (16, 9)))
    assert discs < changed(keys("sheet"), keys("sheet", (16, 9)))


def test_nodes_without_mass_are_left_out():
    grid, applied = NodeGrid.centred(2.0, 1.0), loads.disc(1.0)[:2]
    inside = np.hypot(*grid.points().T) < 2.1
    field = np.where(inside[:, None], grid.points(), np.nan)
    sample = {"u": field, "b": 0 * grid.points(), "parameters": np.array([1.0, 1.0])}
    sample |= {"amplitude": np.array(0.5), "bond_strain": np.array(0.001)}
    fields = sampling.field_set(grid, applied, [sample, sample], "")
    assert len(fields.nodes) == inside.sum() == 13
    np.testing.assert_array_equal(fields.u[0], fields.nodes)
    assert fields.shape is None and fields.box.tolist() == [4.0, 4.0]
    assert fields.columns == ["case", "inner_A", "amplitude_eV_per_A", "max_bond_strain"]
    assert fields.load.tolist() == [[1.0, 1.0, 0.5, 0.001]] * 2
    assert fields.names == ["test-1", "test-2"]


def test_every_load_is_a_task_and_the_dear_ones_are_the_disc_s():
    stage = sampling.tasks(config())
    names = {task.name: task for task in stage.tasks}
    assert len(names) == len(stage.tasks) == 70 + 10 + 4 + 1
    assert names["test-1"].cost > 10 * names["val-01"].cost
    warm = sampling.tasks(config(dynamics={"enabled": True}))
    assert {task.name for task in warm.tasks} - set(names) == {"dynamics"}
    learned = sampling.learned_from(config(), stage)
    assert len(learned) == 80 and not [name for name in learned if name.startswith("test")]


@pytest.mark.parametrize("load", ["test-1", "train-x-0-0", "none"])
def test_a_load_that_is_none_of_the_sheet_s_cannot_be_run_warm(load):
    with pytest.raises(InputError, match=r"'dynamics\.load' = .*must be a load of the periodic sheet"):
        sampling.tasks(config(dynamics={"enabled": True, "load": load}))


@pytest.fixture(scope="module")
def both_sides():
    """One load at two sizes, from both sides."""
    answers = []
    for strain in (0.004, 0.008):
        md = {"cells": [12, 7], "disc_radius_A": 15.0, "disc_inner_A": 8.0, "max_bond_strain": strain}
        given = config(md=md | {"max_nonlinearity": 1.0}, loads={"two_sided": True})
        with sampling.sampler(MPI.COMM_SELF, given) as opened:
            answers.append(sampling._static(opened, "train", "train-x-1-0"))
    return answers


def test_both_sides_tell_the_orders_of_what_is_not_linear(both_sides):
    """Beside the linear answer the even part goes with the load, the odd one with its square."""
    small, large = both_sides
    assert 0.9 < np.log2(large["even_part"] / small["even_part"]) < 1.1
    assert 1.8 < np.log2(large["odd_part"] / small["odd_part"]) < 2.2
    # what is left is told in the right size: the linear answer extrapolated from both loads
    linear = (4 * small["u"] / small["amplitude"] - large["u"] / large["amplitude"]) / 3
    left = np.linalg.norm(large["u"] / large["amplitude"] - linear) / np.linalg.norm(linear)
    assert large["odd_part"] == pytest.approx(left, rel=0.1)


def test_the_half_difference_of_both_sides_has_no_even_part(both_sides):
    """At a longitudinal wave of bond strain 0.008 the crystal is softer by 4 % where it is stretched."""
    nonlinear = both_sides[1]
    assert nonlinear["even_part"] > 20 * nonlinear["odd_part"]
    assert nonlinear["b"].sum() == pytest.approx(0.0, abs=1e-9 * np.abs(nonlinear["b"]).sum())
    assert set(nonlinear) >= {"u", "u_fine", "b", "b_fine"}


def test_more_waves_are_more_loads_and_the_same_ones_keep_their_names():
    few, many = (sampling.tasks(config(loads={"waves": waves})).tasks for waves in (3, 4))
    assert len(few) == 2 * 15 + 15 and len(many) == 2 * 24 + 15
    keys = {task.name: task.identity.key for task in many}
    assert all(keys[task.name] == task.identity.key for task in few)


def test_samples_of_one_side_are_never_taken_for_those_of_both():
    """Both sides are the default: still their identity says so, as that of older samples does not."""
    both, one_sided = (sampling.tasks(config(loads={"two_sided": sides})).tasks for sides in (True, False))
    assert [task.identity.key for task in sampling.tasks(config()).tasks] == [
        task.identity.key for task in both
    ]
    differ = {a.name for a, b in zip(both, one_sided, strict=True) if a.identity.key != b.identity.key}
    assert differ == {task.name for task in both} - {"elastic"}
    assert not any("loads.two_sided" in task.identity.values for task in one_sided)
    assert both[0].cost > one_sided[0].cost


def test_the_window_is_that_of_the_input(sampler, monkeypatch):
    coarse = {
        "kernel": "gaussian",
        "radius_A": 7.5,
        "deviations": 5.0,
        "spacing_A": 2.5,
        "fine_spacing_A": 1.25,
    }
    monkeypatch.setattr(sampler, "config", config(coarse=coarse))
    average = sampler._average(sampler.sheet)
    assert (average.shape, average.radius, average.deviations) == ("gaussian", 7.5, 5.0)
