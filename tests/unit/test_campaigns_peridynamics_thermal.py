"""The campaign at finite temperature: its jobs, its variants, and what the dataset is made of."""

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI
from pydantic import ValidationError

from mdbridge.campaigns.peridynamics import sampling
from mdbridge.campaigns.peridynamics import thermal as graphene_thermal
from mdbridge.campaigns.peridynamics.formats import DATASET
from mdbridge.campaigns.peridynamics.input import (
    MD,
    Coarse,
    Dynamics,
    GrapheneInput,
    Learn,
    Loads,
    Parallel,
    Thermal,
)
from mdbridge.core import store
from mdbridge.core.errors import FileError
from mdbridge.core.workspace import Workspace
from mdbridge.fields.storage import get_fields
from mdbridge.md import loads

CONFIG = GrapheneInput(
    campaign="graphene",
    md=MD(cells=[26, 15], disc_radius_A=30.0, disc_inner_A=15.0),
    dynamics=Dynamics(enabled=False),
    thermal=Thermal(load_factors=[1.0, 0.1], elastic_seeds=2),
    learn=Learn(horizons_A=[12.5]),
)


def samples(bond=1.46):
    """Results as the tasks leave them: u is load × factor, a tenth of its square, and each filter's noise."""
    lattice = bond / CONFIG.md.planar.shortest
    box = CONFIG.md.planar.box(CONFIG.md.cells, lattice)
    noise = {name: {} for name in ("published", "long")}

    def fields(kind, response):
        averages = {}
        for suffix, grid in sampling.node_grids(CONFIG, box, disc=kind == "disc").items():
            x = grid.points()
            for name, size in (("published", 0.3), ("long", 0.1)):
                random = np.random.default_rng(len(x))
                noise[name][kind + suffix] = size * random.standard_normal(x.shape)
                averages[f"u{suffix}@{name}"] = response(x) + noise[name][kind + suffix]
            averages[f"b{suffix}"] = response(x)
        return averages

    rest = {"temperature_K": np.array(299.0), "rms_force": np.array(2.0)}
    results = {}
    for job in (task.name for task in graphene_thermal.tasks(CONFIG).tasks):
        result = None
        if job == "elastic":
            result = {"C11_TPa": np.array(1.2), "bond_A": np.array(bond), "lattice_A": np.array(lattice)}
        elif job.startswith("elastic-"):
            result = {"C11_TPa": np.array(1.1 + 0.2 * int(job[-1]))}
        elif job.startswith("unloaded"):
            result = fields(job.removeprefix("unloaded-"), np.zeros_like) | rest | {"rms_load": np.array(0.0)}
        elif result is None:
            name = job.removesuffix("-minus").removesuffix("-x0.1")
            factor = (0.1 if "-x0.1" in job else 1.0) * (-1 if job.endswith("-minus") else 1)
            kind = "disc" if job.startswith("test") else "sheet"
            all_loads = sampling.all_loads(CONFIG, box).values()
            load = next(load for split in all_loads for load in split if load.name == name)

            def response(x, load=load, factor=factor):
                return factor * load.on(x) + 0.1 * (factor * load.on(x)) ** 2

            result = fields(kind, response) | rest
            result |= {
                "rms_load": np.array(0.2 * abs(factor)),
                "parameters": np.array(list(load.parameters.values())),
                "amplitude": np.array(abs(factor)),
                "bond_strain": np.array(0.01 * abs(factor) + (0.002 if factor < 0 else 0.0)),
            }
        results[job] = result
    return box, results


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    box, results = samples()
    path = tmp_path_factory.mktemp("samples") / "dataset.h5"
    graphene_thermal.collect(CONFIG, results.__getitem__, path, "key", 1.0)
    return path, box


def read(path, name):
    with store.reading(path, DATASET) as file:
        return get_fields(file, name)


@pytest.mark.parametrize("twin", [False, True])
def test_a_filtered_field_is_that_at_rest_however_little_the_filter_remembers(twin, monkeypatch):
    """Near 0 K nothing moves: each filter, begun at nothing, must be put right for what it has not seen.

    Of 20 steps the published filter, of 0.01 a step, has taken up 18 %, the longer one 2 %.
    """
    config = CONFIG.model_copy(
        update={
            "md": MD(cells=[12, 7], disc_radius_A=15.0, disc_inner_A=8.0),
            # a rim of its own, so that averages of both kinds of runs are over the same window
            "coarse": Coarse(
                kernel="gaussian", radius_A=5.0, deviations=2.0, spacing_A=2.5, fine_spacing_A=2.5
            ),
            "thermal": Thermal(temperature_K=1e-6, duration_ps=0.01),
        }
    )
    monkeypatch.setattr(graphene_thermal, "_rms_force", lambda session: session.step)
    sampler = sampling.Sampler(config, MPI.COMM_SELF)
    try:
        if twin:
            averaged = graphene_thermal._unloaded(sampler, "sheet")
            at_rest = {"u": np.zeros_like(averaged["u@long"]), "b": np.zeros_like(averaged["b"])}
        else:
            averaged = graphene_thermal._loaded(sampler, "train", 1.0, "train-x-1-0")
            at_rest = sampling._static(sampler, "train", "train-x-1-0")
    finally:
        sampler.close()
    largest = np.abs(at_rest["u"]).max()
    assert twin or largest > 1e-3
    for name in ("published", "long"):
        np.testing.assert_allclose(averaged[f"u@{name}"], at_rest["u"], atol=2e-3 * largest + 1e-6)
    np.testing.assert_allclose(averaged["b"], at_rest["b"], atol=1e-9)
    # 0.01 ps in steps of 0.5 fs: temperature and forces are those of the same run, which ends with it
    assert averaged["rms_force"] == 20


def test_every_load_and_both_twins_are_run_once():
    jobs = {task.name: task for task in graphene_thermal.tasks(CONFIG).tasks}
    assert len(jobs) == 2 * (2 * 70 + 10 + 4) + 2 + 3
    some = {"unloaded-sheet", "unloaded-disc", "train-x-1-0", "train-x-1-0-x0.1", "val-01", "test-4"}
    opposite = {"train-x-1-0-minus", "train-x-1-0-x0.1-minus", "val-01-minus", "test-4-minus"}
    assert some | opposite <= set(jobs)
    one_sided = CONFIG.model_copy(update={"loads": Loads(two_sided=False)})
    alone = {task.name: task.identity.key for task in graphene_thermal.tasks(one_sided).tasks}
    assert len(alone) == 2 * 70 + 10 + 4 + 2 + 3
    # what was run with one sign is one half of what is run with both
    assert alone == {name: jobs[name].identity.key for name in alone}
    assert jobs["test-1"].cost > jobs["val-01"].cost


def test_with_noise_of_its_own_each_load_has_a_seed_and_there_is_no_twin():
    settings = CONFIG.thermal.model_copy(update={"noise": "each"})
    config = CONFIG.model_copy(update={"thermal": settings})
    jobs = {task.name: task.identity.key for task in graphene_thermal.tasks(config).tasks}
    shared = {task.name: task.identity.key for task in graphene_thermal.tasks(CONFIG).tasks}
    assert set(shared) - set(jobs) == {"unloaded-sheet", "unloaded-disc"}
    assert not [name for name, key in jobs.items() if key == shared[name] and not name.startswith("elastic")]
    seeds = {
        (split, factor, load.name): graphene_thermal.seed_of(settings, load.name, factor)
        for split, factor, load in graphene_thermal._runs(config)
    }
    # the bath takes a seed and the next one: no two runs share either
    assert len({seed // 2 for seed in seeds.values()}) == len(seeds) and max(seeds.values()) < 900_000_000
    assert graphene_thermal.seed_of(settings, "val-01", -1.0) == graphene_thermal.seed_of(
        settings, "val-01", 1.0
    )
    assert graphene_thermal.seed_of(CONFIG.thermal, "val-01", 1.0) == CONFIG.thermal.seed
    # nothing can be subtracted: the variants are those of both signs, and the plain ones
    assert {variant.noise for variant in graphene_thermal.variants(config)} == {"two-sided", "plain"}
    one_sided = config.model_copy(update={"loads": Loads(two_sided=False)})
    assert graphene_thermal.standard(one_sided).noise == "plain"
    assert graphene_thermal.standard(config).noise == "two-sided"


def test_without_a_twin_the_dataset_has_the_noise(tmp_path):
    settings = CONFIG.thermal.model_copy(update={"noise": "each"})
    config = CONFIG.model_copy(update={"thermal": settings, "loads": Loads(two_sided=False)})
    box, results = samples()
    results = {name: result for name, result in results.items() if not name.startswith("unloaded")}
    graphene_thermal.collect(config, results.__getitem__, tmp_path / "dataset.h5", "key", 1.0)
    fields = read(tmp_path / "dataset.h5", "train")
    wanted = np.array(
        [load.on(fields.nodes) + 0.1 * load.on(fields.nodes) ** 2 for load in loads.training(box)]
    )
    noise = fields.u - (wanted - wanted.mean(axis=1, keepdims=True))
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    assert "even_part" not in fields.columns


def test_half_the_timestep_takes_twice_the_steps():
    def costs(timestep):
        config = CONFIG.model_copy(update={"md": CONFIG.md.model_copy(update={"timestep_ps": timestep})})
        return {task.name: task.cost for task in graphene_thermal.tasks(config).tasks}

    default, half = costs(None), costs(0.00025)
    for name in ("train-x-1-0", "test-1", "unloaded-sheet", "elastic-0"):
        assert half[name] == pytest.approx(2 * default[name], rel=1e-3)
    assert half["elastic"] == default["elastic"]
    assert graphene_thermal._steps(CONFIG.thermal, 0.0005, disc=False) == 2000


@pytest.mark.parametrize("group", ["", "variants/published-x1-two-sided/"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_both_signs_take_noise_and_even_orders_away(stored, group, split):
    path, box = stored
    fields = read(path, group + split)
    even = fields.load[:, fields.columns.index("even_part")]
    largest = fields.load[:, fields.columns.index("max_bond_strain")]
    applied = sampling.all_loads(CONFIG, box)[split]
    for u, b, part, load in zip(fields.u, fields.b, even, applied, strict=True):
        linear = load.on(fields.nodes)
        centred = linear - linear.mean(axis=0) if split != "test" else linear
        np.testing.assert_allclose(u, centred, atol=1e-12)
        np.testing.assert_allclose(b, linear, atol=1e-12)
        assert part == pytest.approx(0.1 * np.linalg.norm(linear**2) / np.linalg.norm(linear), rel=1e-9)
    # the larger of the strains of both signs
    np.testing.assert_allclose(largest, 0.012)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_twin_takes_the_noise_alone(stored, split):
    path, box = stored
    fields = read(path, f"variants/published-x1-twin/{split}")
    for u, load in zip(fields.u, sampling.all_loads(CONFIG, box)[split], strict=True):
        wanted = load.on(fields.nodes) + 0.1 * load.on(fields.nodes) ** 2
        if split != "test":
            wanted = wanted - wanted.mean(axis=0)
        np.testing.assert_allclose(u, wanted, atol=1e-12)


def test_without_the_twin_each_filter_has_its_noise(stored):
    path, box = stored
    for name, size in (("published", 0.3), ("long", 0.1)):
        plain = read(path, f"variants/{name}-x0.1-plain/train")
        linear = np.array([0.1 * load.on(plain.nodes) for load in loads.training(box)])
        wanted = linear + 0.1 * linear**2
        noise = plain.u - (wanted - wanted.mean(axis=1, keepdims=True))
        assert np.abs(noise - noise[0]).max() < 1e-12  # it does not depend on the load
        assert noise.std() == pytest.approx(size, rel=0.1)
        assert np.abs(noise.mean(axis=1)).max() < 1e-12  # nor does the sheet drift


def test_reduced_loads_have_a_training_split_only_and_their_own_signal_to_noise(stored):
    path, _ = stored
    assert graphene_thermal.signal_to_noise(read(path, "train")) == pytest.approx(0.1)
    assert graphene_thermal.signal_to_noise(read(path, "variants/long-x0.1-twin/train")) == pytest.approx(
        0.01
    )
    with pytest.raises(FileError, match="val"):
        read(path, "variants/long-x0.1-twin/val")


def test_signal_to_noise_weighs_samples_by_their_forces(stored):
    fields = read(stored[0], "train")
    load = fields.load[:2].copy()
    load[:, -2:] = [[3.0, 10.0], [4.0, 10.0]]
    assert graphene_thermal.signal_to_noise(replace(fields, load=load)) == pytest.approx(5 / np.sqrt(200))


def test_elastic_constants_are_those_of_the_temperature_with_an_error(stored):
    with store.reading(stored[0], DATASET) as file:
        assert file.attributes()["md_C11_TPa"] == pytest.approx(1.2)
        assert file.attributes()["md_sd_C11_TPa"] == pytest.approx(0.1)  # 0.2 apart: a standard error of 0.1
        assert file.attributes()["md_0K_C11_TPa"] == pytest.approx(1.2)
        assert file.attributes()["md_bond_A"] == pytest.approx(1.46)
        assert file.attributes()["md_lattice_A"] == pytest.approx(1.46 * np.sqrt(3))


def test_a_missing_run_is_named_and_nothing_is_written(tmp_path):
    stage = graphene_thermal.tasks(CONFIG)
    sample = sampling.stored(Workspace(tmp_path, "graphene"), stage)
    with pytest.raises(FileError, match="elastic is missing or damaged; run the same command again"):
        graphene_thermal.collect(CONFIG, sample, tmp_path / "d.h5", "key", 1.0)
    assert not (tmp_path / "d.h5").exists()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"thermal": {"load_factors": [0.5, 0.1]}}, "must begin with 1.0"),
        ({"thermal": {"load_factors": [1.0, 0.1, 0.1]}}, "each given once"),
        ({"thermal": {"temperature_K": 0.0}}, "greater than 0"),
        ({"thermal": {"filter": 1.5}}, "less than or equal to 1"),
        ({"thermal": {}, "parallel": {"ranks_per_sample": 2}}, "ranks_per_sample = 2.*must be 1"),
        ({"thermal": {}, "dynamics": {"enabled": True}}, "set it to false"),
        ({"learn": {"own_dilatation": True, "method": "algorithm-1"}}, "own_dilatation = true: goes with"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(section, words):
    with pytest.raises(ValidationError, match=words):
        GrapheneInput.model_validate({"campaign": "graphene", "dynamics": {"enabled": False}} | section)


def test_the_rules_for_ranks_hold_only_with_a_thermostat():
    assert GrapheneInput(campaign="graphene", parallel=Parallel(ranks_per_sample=2)).thermal is None
