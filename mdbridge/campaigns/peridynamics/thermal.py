"""A planar crystal at finite temperature: the mean response to constant loads.

Each run starts from the relaxed state of its load and is observed by two time
filters at once ([You2022, eq. 2.10]): the published one and a longer one.

The thermal noise of a filtered displacement does not depend on the load.  Two ways of
taking it away share velocities and random forces between runs, the subtraction technique
of nonequilibrium molecular dynamics:

* both signs of a load: half the difference of the answers to b and −b, in which every even
  order of the crystal's nonlinearity cancels with the noise;
* an unloaded twin of each crystal, whose displacement is subtracted.  Its own mean is zero in
  the periodic sheet, so it biases nothing, and in the free disc it is the thermal expansion,
  which is not the load's doing.

A strong thermostat keeps the trajectories together.  The fields are kept with either, and
with none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...coarse import timefilter
from ...core import store
from ...core.errors import InputError
from ...core.files import digest
from ...core.identity import Identity
from ...core.stages import Stage, Task
from ...fields.fieldset import FieldSet
from ...fields.storage import put_fields
from ...md import loads
from ...md.elastic import thermal_elastic_constants
from ...md.linearresponse import scaled
from ...md.observe.displacement import SpatialAverage, TimeFilter
from ...md.observe.schedule import every, on
from ...md.relax import Crystal
from ...md.session import Session
from ...md.thermostat import temperature, thermostat
from .formats import DATASET
from .input import GrapheneInput, Thermal
from .sampling import (
    Array,
    Result,
    Sampler,
    all_loads,
    body_force_unit,
    field_set,
    node_grids,
    reads_of,
    task,
)

PUBLISHED, LONG = "published", "long"
BOTH_SIGNS, TWIN, PLAIN = "two-sided", "twin", "plain"
_CHUNK = 200  # steps between two reports of progress
# seconds of one step on one rank; only ratios matter
_COST = {"sheet": 0.0027, "disc": 0.0085, "elastic": 0.0003}


@dataclass(frozen=True)
class Variant:
    """One way to make the fields of the same runs.

    Attributes:
        filter: PUBLISHED or LONG.
        factor: of the loads.
        noise: how the thermal noise is taken away: BOTH_SIGNS, TWIN, or PLAIN, not at all.
    """

    filter: str
    factor: float
    noise: str

    @property
    def name(self) -> str:
        """As learn.variant has it."""
        return f"{self.filter}-x{self.factor:g}-{self.noise}"


def standard(config: GrapheneInput) -> Variant:
    """The variant at the top of the dataset."""
    without = TWIN if _settings(config).noise == "shared" else PLAIN
    return Variant(LONG, 1.0, BOTH_SIGNS if config.loads.two_sided else without)


def variants(config: GrapheneInput) -> Iterator[Variant]:
    """All variants; those of reduced loads have a training split only."""
    for factor in _settings(config).load_factors:
        for name in (LONG, PUBLISHED):
            if config.loads.two_sided:
                yield Variant(name, factor, BOTH_SIGNS)
            # a twin with other noise would take nothing away
            for noise in (TWIN, PLAIN) if _settings(config).noise == "shared" else (PLAIN,):
                yield Variant(name, factor, noise)


def tasks(config: GrapheneInput) -> Stage[Sampler]:
    """The runs of a campaign."""
    settings = _settings(config)
    timestep = config.md.planar.timestep
    cost = {kind: _COST[kind] * _steps(settings, timestep, kind == "disc") for kind in ("sheet", "disc")}
    runs: list[Task[Sampler]] = []

    def add(name: str, kind: str, cost: float, work: Callable[[Sampler], Result]) -> None:
        runs.append(
            task(config, name, (*reads_of(config, kind), *_READS[kind]), cost, work, timestep_ps=timestep)
        )

    for kind in ("sheet", "disc") if settings.noise == "shared" else ():
        work = partial(_unloaded, kind=kind)
        add(f"unloaded-{kind}", kind, cost[kind], work)
    for split, factor, load in _runs(config):
        kind = "disc" if split == "test" else "sheet"
        for sign in (1, -1) if config.loads.two_sided else (1,):
            work = partial(_loaded, split=split, factor=sign * factor, name=load.name)
            add(_job_name(load.name, sign * factor), kind, cost[kind], work)
    runs.append(task(config, "elastic", reads_of(config, "elastic"), 0.1, Sampler.elastic))
    elastic_steps = 7 * settings.elastic_ps / timestep
    for n in range(settings.elastic_seeds):
        work = partial(_elastic, number=n)
        add(f"elastic-{n}", "elastic", _COST["elastic"] * elastic_steps, work)
    return Stage("samples", runs, keep="arrays")


_BATH = ("thermal.temperature_K", "thermal.damping_ps", "thermal.seed", "thermal.noise")
_FILTERS = ("thermal.published_filter", "thermal.filter")
# what each kind of run reads of the input, besides the crystal, its potential and its timestep
_READS = {
    "sheet": (*_BATH, *_FILTERS, "thermal.duration_ps"),
    "disc": (*_BATH, *_FILTERS, "thermal.disc_duration_ps"),
    "elastic": (*_BATH, "thermal.elastic_ps"),
}


def learned_from(config: GrapheneInput, stage: Stage[Sampler], variant: str) -> dict[str, Identity]:
    """Identities of the runs that one variant's training and validation fields are made from."""
    chosen = next((v for v in variants(config) if v.name == variant), standard(config))
    # what is subtracted is a part of the data
    names = {"unloaded-sheet"} if chosen.noise == TWIN else set()
    for split, factor, load in _runs(config):
        if (split == "train" and factor == chosen.factor) or split == "val":
            signs = (1, -1) if chosen.noise == BOTH_SIGNS else (1,)
            names |= {_job_name(load.name, sign * factor) for sign in signs}
    return {t.name: t.identity for t in stage.tasks if t.name in names}


def _settings(config: GrapheneInput) -> Thermal:
    assert config.thermal is not None
    return config.thermal


def _steps(settings: Thermal, timestep: float, disc: bool) -> int:
    return round((settings.disc_duration_ps if disc else settings.duration_ps) / timestep)


def _runs(config: GrapheneInput) -> Iterator[tuple[str, float, loads.Load]]:
    """Split, factor and load of every loaded run."""
    for split, split_loads in all_loads(config, np.ones(2)).items():
        # levels of noise are a matter of the training
        for factor in _settings(config).load_factors if split == "train" else [1.0]:
            for load in split_loads:
                yield split, factor, load


def _job_name(load: str, factor: float) -> str:
    size = "" if abs(factor) == 1.0 else f"-x{abs(factor):g}"
    return f"{load}{size}{'-minus' if factor < 0 else ''}"


def _elastic(sampler: Sampler, number: int) -> Result:
    settings = _settings(sampler.config)
    sampler.forces.check_timestep(sampler.planar.timestep)
    constants = thermal_elastic_constants(
        sampler.comm,
        sampler.planar,
        sampler.lattice,
        temperature=settings.temperature_K,
        damping=settings.damping_ps,
        duration=settings.elastic_ps,
        seed=settings.seed + 10 * (number + 1),
    )
    return {name: np.array(value) for name, value in constants.items()}


def _unloaded(sampler: Sampler, kind: str) -> Result:
    crystal = sampler.sheet if kind == "sheet" else sampler.disc
    # the same path as the loaded runs, with no load: velocities and random forces come in the same order
    still = np.zeros_like(crystal.reference)
    return _run(sampler, crystal, still, still, _settings(sampler.config).seed)


def seed_of(settings: Thermal, load: str, factor: float) -> int:
    """Of velocities and random forces of a run; that of the opposite load is the same."""
    if settings.noise == "shared":
        return settings.seed
    # by the name: the same whatever other loads there are; even, as the bath takes the next number, too
    return settings.seed + 2 * (int(digest(load, abs(factor))[:8], 16) % 200_000_000 + 1)


def _loaded(sampler: Sampler, split: str, factor: float, name: str) -> Result:
    md = sampler.config.md
    crystal = sampler.disc if split == "test" else sampler.sheet
    box = np.ones(2) if crystal.box is None else crystal.box
    load = next(each_load for each_load in all_loads(sampler.config, box)[split] if each_load.name == name)
    force = factor * scaled(load, crystal, md.max_bond_strain)
    displacement = crystal.relax(force, md.force_tolerance)
    strain = crystal.bond_strain(displacement)
    if strain >= 0.02:
        raise InputError(f"load {name}: bond strain {strain:.4f} reaches 0.02; lower md.max_bond_strain")
    seed = seed_of(_settings(sampler.config), name, factor)
    return _run(sampler, crystal, force, displacement, seed) | {
        "parameters": np.array(list(load.parameters.values())),
        "amplitude": np.array(np.abs(force).max()),
        "bond_strain": np.array(strain),
    }


def _run(sampler: Sampler, crystal: Crystal, force: Array, displacement: Array, seed: int) -> Result:
    """Dynamics under ``force`` from ``displacement`` (both of all atoms); the filtered fields at the end."""
    settings, coarse = _settings(sampler.config), sampler.config.coarse
    sampler.forces.check_timestep(sampler.planar.timestep)
    steps = _steps(settings, sampler.planar.timestep, disc=crystal.box is None)
    grids = sampler.node_grids(disc=crystal.box is None)
    # a fresh session with the same atoms under the same IDs
    with sampler.new_disc() if crystal.box is None else sampler.new_sheet() as session:
        # cutting a disc takes steps of its own: the filters count from here
        session.commands("reset_timestep 0\nfix filters all property/atom d2_published 2 d2_long 2")
        session.scatter("d2_reference", crystal.reference)
        session.scatter("d2_load", force)
        session.scatter("x", crystal.reference + displacement)
        thermostat(session, settings.temperature_K, settings.damping_ps, seed)
        weights = {PUBLISHED: settings.published_filter, LONG: settings.filter}
        observers = {}
        for name, weight in weights.items():
            session.attach(TimeFilter(weight, array=f"d2_{name}"), every(1))
            observers[name] = SpatialAverage(
                grids, coarse.radius_A, coarse.kernel, True, f"d2_{name}", coarse.deviations
            )
            session.attach(observers[name], on([steps]))
        heat = []
        for done in range(0, steps, _CHUNK):
            session.run(min(_CHUNK, steps - done))
            heat.append(temperature(session))
            sampler.tick(min(1.0, (done + _CHUNK) / steps))
        # while the bath is still there: _rms_force takes it away
        result = {
            "temperature_K": np.array(np.mean(heat[len(heat) // 2 :])),
            "rms_load": np.array(np.sqrt((force**2).sum(axis=1).mean())),
            "rms_force": np.array(_rms_force(session)),
        }
    for grid_name, grid in grids.items():
        for name, observer in observers.items():
            averages = observer.results[grid_name]
            result[f"u{grid_name}@{name}"] = averages.u / timefilter.taken_up(weights[name], steps)
            result[f"b{grid_name}"] = averages.load * body_force_unit(grid, sampler.planar.thickness)
    return result


def _rms_force(session: Session) -> float:
    """Of the atoms' interaction and load together (eV/Å), without the thermostat's own forces."""
    session.commands("unfix bath")
    session.run(0)
    return float(np.sqrt((session.gather("f", 2) ** 2).sum(axis=1).mean()))


# --- the dataset ------------------------------------------------------------------


def collect(
    config: GrapheneInput, sample: Callable[[str], Result], path: Path, key: str, wall: float
) -> None:
    """Gather the samples into the dataset (rank 0).

    Raises:
        FileError: the dataset cannot be written, or a sample is not there.
    """
    settings = _settings(config)
    rest = sample("elastic")
    box = config.md.planar.box(config.md.cells, float(rest["lattice_A"]))
    with store.writing(path, DATASET, key) as file:
        file.attributes(
            wall_s=wall,
            max_bond_strain=config.md.max_bond_strain,
            temperature_K=settings.temperature_K,
            duration_ps=settings.duration_ps,
            damping_ps=settings.damping_ps,
            filters=[settings.published_filter, settings.filter],
        )
        for name, value in rest.items():
            label = f"md_{name}" if name in ("lattice_A", "bond_A") else f"md_0K_{name}"
            file.attributes(**{label: float(value)})
        elastic = [sample(f"elastic-{n}") for n in range(settings.elastic_seeds)]
        for name in elastic[0]:
            values = [float(run[name]) for run in elastic]
            # of the mean over seeds
            error = np.std(values, ddof=1) / np.sqrt(len(values))
            file.attributes(**{f"md_{name}": np.mean(values), f"md_sd_{name}": error})
        kinds = ("sheet", "disc") if settings.noise == "shared" else ()
        twins = {kind: sample(f"unloaded-{kind}") for kind in kinds}
        for variant in variants(config):
            for split, split_loads in all_loads(config, box).items():
                if variant.factor != 1.0 and split != "train":
                    continue
                twin = twins.get("disc" if split == "test" else "sheet")
                runs = [_signs(sample, load.name, variant) for load in split_loads]
                top = variant == standard(config)
                for suffix, grid in node_grids(config, box, disc=split == "test").items():
                    # fine nodes are for the hybrid training, on the standard fields
                    if suffix and not top:
                        continue
                    chosen = [_chosen(both, twin, variant, suffix) for both in runs]
                    fields = field_set(grid, split_loads, chosen, suffix)
                    group = f"{split}{suffix}" if top else f"variants/{variant.name}/{split}{suffix}"
                    put_fields(file, group, _described(fields, [both[0] for both in runs]))


def _signs(sample: Callable[[str], Result], load: str, variant: Variant) -> list[Result]:
    """The answers to a load and, where the variant takes both signs, to its opposite."""
    signs = (1, -1) if variant.noise == BOTH_SIGNS else (1,)
    return [sample(_job_name(load, sign * variant.factor)) for sign in signs]


def _chosen(both: list[Result], twin: Result | None, variant: Variant, suffix: str) -> Result:
    """A sample as :func:`.sampling.field_set` takes it: one displacement under one load."""
    key = f"u{suffix}@{variant.filter}"
    plus, minus = both[0], both[-1]
    if variant.noise != BOTH_SIGNS:
        u = plus[key] - twin[key] if variant.noise == TWIN and twin is not None else plus[key]
        return plus | {f"u{suffix}": u}
    odd = 0.5 * (plus[key] - minus[key])
    chosen = plus | {
        f"u{suffix}": odd,
        f"b{suffix}": 0.5 * (plus[f"b{suffix}"] - minus[f"b{suffix}"]),
        "bond_strain": np.maximum(plus["bond_strain"], minus["bond_strain"]),
    }
    if twin is not None:
        # what the answers to both signs have in common, beyond what the unloaded crystal does
        even = 0.5 * (plus[key] + minus[key]) - twin[key]
        chosen["even_part"] = np.sqrt(np.nansum(even**2) / np.nansum(odd**2))
    return chosen


def _described(fields: FieldSet, samples: list[Result]) -> FieldSet:
    """Add temperature and the two levels of force to the record of the loads, and remove the mean drift."""
    names = ("temperature_K", "rms_load", "rms_force")
    extra = np.array([[float(sample[name]) for name in names] for sample in samples])
    # the sheet drifts as a whole; the disc is solved with the MD's own values around it
    u = fields.u - fields.u.mean(axis=1, keepdims=True) if fields.shape is not None else fields.u
    columns = [*fields.columns, "temperature_K", "rms_load_eV_per_A", "rms_force_eV_per_A"]
    return replace(fields, u=u, load=np.hstack([fields.load, extra]), columns=columns)


def signal_to_noise(fields: FieldSet) -> float:
    """SNR of a set of samples, [You2022, sec. 6.3]: rms load over rms load and interaction."""
    load, force = (fields.load[:, fields.columns.index(f"rms_{n}_eV_per_A")] for n in ("load", "force"))
    return float(np.sqrt((load**2).sum() / (force**2).sum()))
