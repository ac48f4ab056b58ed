"""Sampling graphene: every load is relaxed in LAMMPS and coarse-grained in place.

Loads are shared over groups of ranks.  Each finished sample is a file of its
own, so that what was done before an interruption is not done again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import parallel, store
from ...core.console import Tick
from ...core.errors import FileError, InputError
from ...core.files import replacing
from ...core.units import EV_PER_A3_IN_TPA
from ...fields.fieldset import FieldSet
from ...fields.grid import NodeGrid
from ...fields.storage import put_fields
from ...md import graphene, loads
from ...md.observe.displacement import SpatialAverage, TimeFilter
from ...md.observe.schedule import every, on
from ...md.relax import Crystal
from ...md.session import Session, potential
from .formats import DATASET
from .input import GrapheneInput

Array = NDArray[np.float64]
Result = dict[str, Array]

# seconds a piece of work takes on one rank, to share it out: measured, only ratios matter
_COST = {"sheet": 0.07, "disc": 1.5, "step": 0.003}


@dataclass
class Sampler:
    """Runs the samples of one group of ranks, making each crystal when it is first needed."""

    config: GrapheneInput
    comm: MPI.Comm
    tick: Callable[[float], None] = lambda fraction: None
    _sessions: list[Session] = field(default_factory=list)

    def close(self) -> None:
        """End all LAMMPS instances."""
        for session in self._sessions:
            session.close()

    @cached_property
    def potential(self) -> Path:
        return potential(self.config.md.potential)

    @cached_property
    def bond(self) -> float:
        return graphene.equilibrium_bond(self.comm, self.config.md.bond_guess_A, self.potential)

    @cached_property
    def sheet(self) -> Crystal:
        session = graphene.sheet(self.comm, tuple(self.config.md.cells), self.bond, self.potential)  # type: ignore[arg-type]
        return self._crystal(session, free=False)

    @cached_property
    def disc(self) -> Crystal:
        session = graphene.free_disc(self.comm, self.config.md.disc_radius_A, self.bond, self.potential)
        crystal = self._crystal(session, free=True)
        crystal.settle(self.config.md.force_tolerance)
        return crystal

    def _crystal(self, session: Session, free: bool) -> Crystal:
        self._sessions.append(session)
        return Crystal(session, graphene.BOND_CUTOFF, graphene.INTERACTION, free)

    def elastic(self) -> Result:
        """The stress-free bond length and the elastic constants, straight from LAMMPS."""
        constants = graphene.elastic_constants(self.comm, self.bond, self.potential)
        return {"bond_A": np.array(self.bond)} | {name: np.array(value) for name, value in constants.items()}

    def static(self, load: loads.Load, crystal: Crystal, strain: float) -> Result:
        """Relax under one load and average the displacements and the load in place."""
        force = scaled(load, crystal, strain)
        displacement = crystal.relax(force, self.config.md.force_tolerance)
        observer = self._observe(crystal, [self._average(crystal)])[0]
        reached = crystal.bond_strain(displacement)
        if reached >= 0.02:
            raise InputError(
                f"load {load.name}: bond strain {reached:.4f} reaches 0.02; lower md.max_bond_strain"
            )
        result = {
            "parameters": np.array(list(load.parameters.values())),
            "amplitude": np.array(np.abs(force).max()),
            "bond_strain": np.array(reached),
        }
        for name, grid in observer.grids.items():
            averages = observer.results[name]
            result[f"u{name}"] = averages.u
            result[f"b{name}"] = averages.load * body_force_unit(grid)
        return result

    def dynamic(self, load: loads.Load) -> Result:
        """The same load at finite temperature: raw snapshot and filtered field at the end."""
        settings = self.config.dynamics
        zero_kelvin = self.static(load, self.sheet, settings.max_bond_strain)
        with graphene.sheet(self.comm, tuple(self.config.md.cells), self.bond, self.potential) as session:  # type: ignore[arg-type]
            crystal = self.sheet
            session.scatter("d2_reference", crystal.reference)
            session.scatter("d2_load", scaled(load, crystal, settings.max_bond_strain))
            session.scatter("x", crystal.reference + crystal.displacement)
            graphene.thermostat(session, settings.temperature_K, settings.damping_ps, settings.seed)
            steps = round(settings.duration_ps / graphene.TIMESTEP)
            raw, filtered = (self._average(crystal, smoothed) for smoothed in (False, True))
            session.attach(TimeFilter(settings.filter_weight), every(1))
            session.attach(raw, on([steps]))
            session.attach(filtered, on([steps]))
            heat = []
            for done in range(0, steps, 400):
                session.run(min(400, steps - done))
                heat.append(graphene.temperature(session))
                self.tick(min(1.0, (done + 400) / steps))
            half = len(heat) // 2
            return {
                "u_zero": zero_kelvin["u"],
                "u_raw": raw.results[""].u - raw.results[""].u.mean(axis=0),
                "u_filtered": filtered.results[""].u - filtered.results[""].u.mean(axis=0),
                "temperature_K": np.array(np.mean(heat[half:])),
            }

    def _average(self, crystal: Crystal, smoothed: bool = False) -> SpatialAverage:
        coarse = self.config.coarse
        grids = node_grids(self.config, crystal.box)
        return SpatialAverage(grids, coarse.radius_A, coarse.kernel, smoothed)

    def _observe(self, crystal: Crystal, observers: list[SpatialAverage]) -> list[SpatialAverage]:
        """Have the observers act on the present state, through LAMMPS's own callback."""
        for observer in observers:
            crystal.session.attach(observer, lambda step: True)
        crystal.session.run(0)
        for observer in observers:
            crystal.session.detach(observer)
        return observers


def scaled(load: loads.Load, crystal: Crystal, strain: float) -> Array:
    """Forces ``(n, 2)`` (eV/Å) of ``load``, scaled to a largest bond strain of ``strain``."""
    force = load.on(crystal.reference)
    probe = 1e-4 * crystal.respond(force)
    return force * (1e-4 * strain / crystal.bond_strain(probe))


def body_force_unit(grid: NodeGrid) -> float:
    """TPa/Å in one eV/Å per node."""
    return EV_PER_A3_IN_TPA / (grid.cell_area * graphene.THICKNESS)


@dataclass(frozen=True)
class Job:
    """A piece of sampling: what it costs (s on one rank, roughly) and how it is done."""

    cost: float
    work: Callable[[Sampler], Result]


def run_samples(
    comm: MPI.Comm, config: GrapheneInput, jobs: Mapping[str, Job], folder: Path, key: str, tick: Tick
) -> None:
    """Do all jobs that have no file in ``folder`` yet (collective)."""
    group, index, groups = parallel.split_groups(comm, config.parallel.ranks_per_sample)
    sampler = Sampler(config, group)
    plan = parallel.on_root(comm, lambda: _plan(jobs, folder, key))
    total = sum(cost for _, cost in plan) or 1.0
    costs = dict(plan)
    mine = [plan[job][0] for job in parallel.share([cost for _, cost in plan], groups)[index]]

    def report(fraction: float = 0.0, name: str = "") -> None:
        finished = sum(cost for job, cost in plan if (folder / f"{job}.npz").exists())
        tick((finished + fraction * costs.get(name, 0.0)) / total, name)

    def work() -> None:
        for name in mine:
            sampler.tick = lambda fraction, name=name: report(fraction, name)
            result = jobs[name].work(sampler)
            path = folder / f"{name}.npz"
            parallel.on_root(group, lambda path=path, result=result: save(path, key, result))
            report(0.0, name)

    _, error = parallel.attempt(work)
    sampler.close()
    parallel.agree(comm, error)
    group.Free()


def all_loads(config: GrapheneInput, box: Array) -> dict[str, list[loads.Load]]:
    """The loads of the three splits."""
    return {
        "train": loads.training(box),
        "val": loads.validation(box),
        "test": loads.disc(config.md.disc_inner_A),
    }


def static_jobs(config: GrapheneInput) -> dict[str, Job]:
    """The loads at rest, the elastic constants, and the one load at finite temperature.

    Raises:
        InputError: the load that is to be run at finite temperature is none of the sheet's.
    """
    jobs = {}
    for split, split_loads in all_loads(config, np.ones(2)).items():
        cost = _COST["disc" if split == "test" else "sheet"]
        jobs |= {load.name: Job(cost, partial(_static, split=split, name=load.name)) for load in split_loads}
    if config.dynamics.load not in jobs or config.dynamics.load.startswith("test"):
        raise InputError(
            f"'dynamics.load' = '{config.dynamics.load}': must be a load of the periodic sheet, "
            f"train-x-0-1 … train-y-5-5 or val-01 … val-10"
        )
    jobs["elastic"] = Job(_COST["sheet"], Sampler.elastic)
    if config.dynamics.enabled:
        cost = _COST["step"] * config.dynamics.duration_ps / graphene.TIMESTEP
        jobs["dynamics"] = Job(cost, _dynamic)
    return jobs


def _static(sampler: Sampler, split: str, name: str) -> Result:
    crystal = sampler.disc if split == "test" else sampler.sheet
    return sampler.static(_load(sampler, name), crystal, sampler.config.md.max_bond_strain)


def _dynamic(sampler: Sampler) -> Result:
    return sampler.dynamic(_load(sampler, sampler.config.dynamics.load))


def _load(sampler: Sampler, name: str) -> loads.Load:
    box = np.ones(2) if name.startswith("test") else sampler.sheet.box
    every_load = all_loads(sampler.config, box).values()
    return next(load for split in every_load for load in split if load.name == name)


def _plan(jobs: Mapping[str, Job], folder: Path, key: str) -> list[tuple[str, float]]:
    """Names and costs of the work that is left; files that are of no use are removed."""
    left = {name: job.cost for name, job in jobs.items() if load_sample(folder / f"{name}.npz", key) is None}
    useless = [folder / f"{name}.npz" for name in left]  # damaged, or of another input
    remnants = folder.glob(".*.part")  # of a process that was killed while it wrote
    for path in (*useless, *remnants):
        if path.exists():
            path.unlink()
    return list(left.items())


def save(path: Path, key: str, result: Result) -> None:
    """Write one sample, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, key=np.array(key), **result)


def load_sample(path: Path, key: str) -> Result | None:
    """Read one sample; None if it is not there, damaged, or made from another input."""
    try:
        with np.load(path) as stored:
            if str(stored["key"]) != key:
                return None
            return {name: stored[name] for name in stored.files if name != "key"}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def collect(config: GrapheneInput, folder: Path, key: str, path: Path, wall: float) -> None:
    """Gather the samples' files into the dataset (rank 0).

    Raises:
        FileError: the dataset cannot be written.
    """
    elastic = require(folder, "elastic", key)
    box = box_of(config, float(elastic["bond_A"]))
    with store.writing(path, DATASET, key) as file:
        file.attributes(wall_s=wall, max_bond_strain=config.md.max_bond_strain)
        file.attributes(**{f"md_{name}": float(value) for name, value in elastic.items()})
        for split, split_loads in all_loads(config, box).items():
            samples = [require(folder, load.name, key) for load in split_loads]
            for suffix, grid in node_grids(config, None if split == "test" else box).items():
                put_fields(file, split + suffix, field_set(grid, split_loads, samples, suffix))
        if config.dynamics.enabled:
            put_dynamics(file, config, require(folder, "dynamics", key))


def put_dynamics(file: store.Group, config: GrapheneInput, dynamics: Result) -> None:
    """Store the one load at finite temperature beside its twin at rest, on the nodes of ``train``."""
    group = file.group("dynamics")
    group.attributes(
        load=config.dynamics.load,
        temperature_K=float(dynamics["temperature_K"]),
        filter_weight=config.dynamics.filter_weight,
    )
    group.numbered("node", len(dynamics["u_zero"]), "number of the node, as in 'train'")
    group.dimension("axis", ["x", "y"], "1", "direction")
    for name, what in (("zero", "at 0 K"), ("raw", "of a snapshot"), ("filtered", "after the time filter")):
        group.put(f"u_{name}", dynamics[f"u_{name}"], ("node", "axis"), "angstrom", f"displacement {what}")


def box_of(config: GrapheneInput, bond: float) -> Array:
    """``(2,)`` edges of the periodic sheet (Å)."""
    return np.array([np.sqrt(3.0), 3.0]) * bond * config.md.cells


def node_grids(config: GrapheneInput, box: Array | None) -> dict[str, NodeGrid]:
    """The coarse (``""``) and the fine nodes of the periodic box, or of the free disc where there is none.

    In the box the fine grid divides the cells of the coarse one, so both fill it.
    """
    coarse = config.coarse
    if box is None:
        reach = config.md.disc_radius_A + coarse.radius_A
        return {
            "": NodeGrid.centred(reach, coarse.spacing_A),
            "_fine": NodeGrid.centred(reach, coarse.fine_spacing_A),
        }
    grid = NodeGrid.periodic_cells(tuple(box), coarse.spacing_A)  # type: ignore[arg-type]
    return {"": grid, "_fine": grid.refined(max(1, round(coarse.spacing_A / coarse.fine_spacing_A)))}


def field_set(grid: NodeGrid, split_loads: list[loads.Load], samples: list[Result], suffix: str) -> FieldSet:
    """Fields on the nodes that hold any mass."""
    u = np.stack([sample[f"u{suffix}"] for sample in samples])
    held = np.isfinite(u).all(axis=(0, 2))
    nodes = grid.points()[held]
    return FieldSet(
        nodes=nodes,
        u=u[:, held],
        b=np.stack([sample[f"b{suffix}"] for sample in samples])[:, held],
        load=np.stack([[*s["parameters"], s["amplitude"], s["bond_strain"]] for s in samples]),
        columns=[*split_loads[0].parameters, "amplitude_eV_per_A", "max_bond_strain"],
        names=[load.name for load in split_loads],
        box=grid.box if grid.periodic else np.ptp(nodes, axis=0),
        spacing=np.array(grid.spacing),
        shape=grid.shape if grid.periodic else None,
    )


def require(folder: Path, name: str, key: str) -> Result:
    """Read a sample that must be there."""
    found = load_sample(folder / f"{name}.npz", key)
    if found is None:
        raise FileError(f"{folder / name}.npz: missing or damaged; run 'mdbridge sample' again")
    return found
