"""Horizons and degrees that fit the data."""

from pathlib import Path

import numpy as np
import own_data
import pytest
from own_data import LAM, MU, periodic

from mdbridge.campaigns.peridynamics import data, data_plan, learning
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data, OwnLearn, OwnSweep
from mdbridge.core.errors import InputError
from mdbridge.lps.learn import clouds


def own(shape=(16, 16), spacing=(5.0, 5.0), unit="angstrom", **keys):
    raw = RawData(Path("own.npz"), periodic(shape, spacing, **keys))
    return data.prepare([raw], Data(length_unit=unit))


def test_horizons_are_multiples_of_the_larger_spacing():
    settings = data_plan.learn_settings(OwnLearn(), own((16, 20), (6.0, 4.0)))
    assert settings.horizons_A == pytest.approx([25.8, 31.2])
    assert settings.baseline_horizon_A == pytest.approx(15.3)
    # a small box leaves room for short ones alone
    assert data_plan.learn_settings(OwnLearn(), own((6, 6))).horizons_A == pytest.approx([12.75])


def test_horizons_are_in_the_unit_of_the_data():
    there = own(unit="nm")
    assert data_plan.learn_settings(OwnLearn(horizons=[17.0]), there).horizons_A == [170.0]
    assert data_plan.learn_settings(OwnLearn(horizons_A=[170.0]), there).horizons_A == [170.0]
    assert data_plan.sweep_settings(OwnSweep(horizons=[17.0], degrees=[0]), there).horizons_A == [170.0]


def test_further_nodes_are_in_the_unit_of_the_data_and_need_a_function_that_carries_over():
    there = own(unit="nm")
    settings = data_plan.learn_settings(OwnLearn(also_on=[2.5, [1.5, 2.0]]), there)
    assert settings.also_on_A == [25.0, [15.0, 20.0]]
    assert (settings.kernel, settings.quadrature) == ("b-spline", "consistent")
    assert data_plan.learn_settings(OwnLearn(also_on_A=[25.0]), there).also_on_A == [25.0]
    assert data_plan.learn_settings(OwnLearn(), there).quadrature == "published"
    with pytest.raises(InputError, match=r"learn.also_on with learn.quadrature = 'published'.*leave .* out"):
        data_plan.learn_settings(OwnLearn(also_on=[2.5], quadrature="published"), there)


def test_noise_of_the_displacements_does_not_move_the_moduli():
    """As of a camera, the same in all waves: short ones have hardly a load, but much of L."""
    arrays = periodic((10, 10), highest=2)
    noise = np.random.default_rng(0).standard_normal(arrays["u"].shape)
    arrays["u"] = arrays["u"] + 0.03 * arrays["u"].std() * noise
    there = data.prepare([RawData(Path("own.npz"), arrays)], Data())
    settings = data_plan.learn_settings(OwnLearn(horizons=[12.75], degrees=[3], starts=1), there)
    material = learning.learn_pair(settings, there.fields, 12.75, 3).material
    # nodes are few: exact displacements give λ and μ to 5 and 0.3 %, the residual alone 10 and 3 %
    assert material.lame_lambda == pytest.approx(LAM, rel=0.06)
    assert material.lame_mu == pytest.approx(MU, rel=0.01)


def test_weights_are_those_of_the_nodes_unless_given():
    on_grid = data_plan.learn_settings(OwnLearn(consistency_weight=2.0), own())
    assert (on_grid.solution_weight, on_grid.consistency_weight) == (2000.0, 2.0)
    arrays = periodic((20, 20))
    del arrays["box"]
    with_edges = data.prepare([RawData(Path("own.npz"), arrays)], Data())
    settings = data_plan.learn_settings(OwnLearn(), with_edges)
    assert (settings.solution_weight, settings.consistency_weight) == (3.0, 1.0)


@pytest.mark.parametrize("horizon", [5.0, 11.0, 40.0, 60.0])
def test_a_horizon_outside_its_bounds_is_refused(horizon):
    with pytest.raises(InputError, match=rf"horizon of {horizon:g} nm is outside .* 11.5 nm, .* below 40 nm"):
        data_plan.learn_settings(OwnLearn(horizons=[horizon]), own(unit="nm"))


@pytest.mark.parametrize("jitter", [0.3, 1.0, 2.0])
def test_the_least_horizon_of_scattered_nodes_is_enough_for_all_of_them(jitter):
    """With that of a grid, 2.3 spacings, most of their families hold too few to integrate."""
    nodes = own_data.grid((13, 12), (4.0, 4.5))
    nodes += np.random.default_rng(1).uniform(-jitter, jitter, nodes.shape)
    u, b = own_data.waves(nodes, (90.0, 80.0), samples=6)
    scattered = data.prepare([RawData(Path("own.npz"), {"nodes": nodes, "u": u, "b": b})], Data())
    data_plan.require_determined(scattered)
    least, _ = data_plan.bounds(scattered)
    assert least == pytest.approx(2.8 * scattered.fields["train"].spacing[0])
    clouds.cloud_of(scattered.fields["train"], least)


def test_a_box_without_room_is_refused():
    with pytest.raises(InputError, match=r"too small: a horizon needs 2.3 node spacings, 11.5"):
        data_plan.learn_settings(OwnLearn(), own((4, 4), samples=2, highest=1))


def test_samples_bound_the_degree():
    # three waves, each of one displacement: two numbers each
    few = own(samples=1, seed=5)
    assert data_plan.equations(few) == 6
    assert data_plan.learn_settings(OwnLearn(), few).degrees == [3]
    with pytest.raises(
        InputError, match=r"1 training samples determine 6 numbers, .* lower learn.degrees to 3"
    ):
        data_plan.learn_settings(OwnLearn(degrees=[12]), few)
    # the same sample twice says no more; another does
    assert data_plan.equations(own(samples=2, seed=5)) > 6


def test_data_without_long_waves_are_told():
    assert data_plan.long_wave_note(own()) == []
    (note,) = data_plan.long_wave_note(own((6, 6), samples=4, highest=1))
    assert "the longest wave of the data is 6 node spacings long" in note


def test_a_sweep_leaves_out_what_the_samples_do_not_determine():
    few = own(samples=1, seed=5)
    assert data_plan.sweep_settings(OwnSweep(), few).degrees == [0]
    assert len(data_plan.sweep_settings(OwnSweep(), own()).horizons_A) == 4


def test_validation_is_by_folds_as_far_as_samples_allow():
    assert data_plan.validation(own(), 5) == "5 folds"
    assert data_plan.validation(own(samples=3), 5) == "3 folds"
    assert data_plan.validation(own(samples=1), 5) == "none: a single sample"


def test_samples_for_validation_of_all_files_are_counted():
    seen, *unseen = (periodic(samples=samples, seed=samples) for samples in (4, 2, 3))
    files = [seen | {"val_u": each["u"], "val_b": each["b"]} for each in unseen]
    raw = [RawData(Path(f"{number}.npz"), arrays) for number, arrays in enumerate([seen, *files])]
    assert data_plan.validation(data.prepare(raw, Data()), 5) == "5 samples of the data's own"


@pytest.mark.parametrize(("numbers", "degree"), [(0, 0), (3, 0), (4, 1), (6, 3), (99, 12)])
def test_few_numbers_allow_the_largest_degree_that_they_determine(monkeypatch, numbers, degree):
    """λ, μ and α take a number each, and of D one is the scale; a constant is tried whatever there is."""
    monkeypatch.setattr(data_plan, "equations", lambda _: numbers)
    assert data_plan._default_degrees(None) == [degree]


def test_data_that_are_not_isotropic_are_told():
    there = own(unit="nm")
    assert data_plan.isotropy_note(there) == []
    (fields,) = there.training.values()
    fields.b[..., 1] *= 1.3  # stiffer along y
    (note,) = data_plan.isotropy_note(there)
    assert "not those of an isotropic solid: C11" in note and "C26" in note


def test_samples_without_load_are_told():
    nodes = own_data.grid((14, 14), (5.0, 5.0))
    u, b = own_data.waves(nodes, (77.0, 77.0), samples=4)
    x, y = nodes.T
    still = np.stack([x**2 - y**2, -2 * x * y], axis=-1)[None] / 1e3
    arrays = {"nodes": nodes, "u": np.concatenate([u, still]), "b": np.concatenate([b, 0 * still])}
    edged = data.prepare([RawData(Path("own.npz"), arrays)], Data())
    (note,) = data_plan.unloaded_note(edged, 12.75)
    assert note.startswith("1 of 5 samples of 'train' have no load two horizons from all edges")
    assert data_plan.unloaded_note(own(), 12.75) == []
    # round-off of single precision is no load; a little more is one, and a word tells that it is small
    stiffness = np.abs(b).max() / np.abs(u).max()
    size = stiffness * np.abs(still).max() * np.random.default_rng(0).standard_normal(still.shape)
    for share, told in ((1e-7, "have no load"), (1e-4, "have a load two horizons from")):
        arrays["b"] = np.concatenate([b, share * size])
        edged = data.prepare([RawData(Path("own.npz"), arrays)], Data())
        (note,) = data_plan.unloaded_note(edged, 12.75)
        assert note.startswith(f"1 of 5 samples of 'train' {told}")
