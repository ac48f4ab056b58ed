"""Sampling a planar crystal: every load is relaxed in LAMMPS and coarse-grained in place.

Each load is a task of its own; groups of ranks share them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...coarse import timefilter
from ...core import store
from ...core.errors import InputError
from ...core.identity import Identity, contents
from ...core.stages import Progress, Stage, Task, result
from ...core.units import EV_PER_A3_IN_TPA
from ...core.workspace import Workspace
from ...fields.fieldset import FieldSet
from ...fields.grid import NodeGrid
from ...fields.storage import put_fields
from ...md import loads
from ...md.crystals import PlanarCrystal, plane_box
from ...md.elastic import elastic_constants
from ...md.force_constants import ForceConstants, force_constants
from ...md.linearresponse import linear_response, scaled
from ...md.observe.displacement import SpatialAverage, TimeFilter
from ...md.observe.schedule import every, on
from ...md.relax import Crystal
from ...md.session import Session
from ...md.thermostat import temperature, thermostat
from ...md.unseen import vacancy_site
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
    # kept to be closed: a cached property does not know when it is needed last
    _sessions: list[Session] = field(default_factory=list)

    def close(self) -> None:
        """End all LAMMPS instances."""
        for session in self._sessions:
            session.close()

    @property
    def planar(self) -> PlanarCrystal:
        """What the sheet and the disc are made of."""
        return self.config.md.planar

    @cached_property
    def lattice(self) -> float:
        """The lattice constant without stress (Å)."""
        return self.planar.relaxed_lattice(self.comm)

    @cached_property
    def forces(self) -> ForceConstants:
        """At rest; they say how far an atom is felt, and what timestep resolves its motion."""
        return force_constants(self.comm, self.planar, self.lattice)

    @cached_property
    def sheet(self) -> Crystal:
        return self._crystal(self.new_sheet(), free=False)

    @cached_property
    def disc(self) -> Crystal:
        crystal = self._crystal(self.new_disc(), free=True)
        # its edge contracts: loads are measured from there
        crystal.settle(self.config.md.force_tolerance)
        return crystal

    @cached_property
    def vacant(self) -> Crystal:
        """The sheet without the atom that is farthest from its middle."""
        session = self.new_sheet()
        places = session.gather("x", 2, unwrapped=True)
        site = vacancy_site(plane_box(session))
        missing = int(session.ids()[np.linalg.norm(places - site, axis=1).argmin()])
        session.commands(f"group missing id {missing}\ndelete_atoms group missing compress yes")
        # its neighbours draw back: near enough for Newton's method
        session.minimize(force=1e-2, iterations=2000)
        session.scatter("d2_reference", session.gather("x", 2, unwrapped=True))
        crystal = self._crystal(session, free=False)
        crystal.settle(self.config.md.force_tolerance)
        return crystal

    def new_sheet(self) -> Session:
        """The periodic sheet without load, in a session of its own."""
        return self.planar.sheet(self.comm, self.config.md.cells, self.lattice)

    def new_disc(self) -> Session:
        """The free disc without load, in a session of its own."""
        return self.planar.free_disc(self.comm, self.config.md.disc_radius_A, self.lattice)

    def _crystal(self, session: Session, free: bool) -> Crystal:
        self._sessions.append(session)
        return Crystal(session, self.planar.bond_cutoff(self.lattice), self.forces.reach(), free)

    def elastic(self) -> Result:
        """The stress-free lattice and the elastic constants, straight from LAMMPS."""
        constants = elastic_constants(self.comm, self.planar, self.lattice)
        lengths = {"lattice_A": self.lattice, "bond_A": self.planar.shortest * self.lattice}
        return {name: np.array(value) for name, value in (lengths | constants).items()}

    def static(self, load: loads.Load, crystal: Crystal) -> Result:
        """Relax under one load, small enough for a linear response, and average in place."""
        md = self.config.md
        force, _ = linear_response(load, crystal, md.max_bond_strain, md.force_tolerance, md.max_nonlinearity)
        plus = self._averaged(load, crystal, force)
        return self._two_sided(load, crystal, force, plus) if self.config.loads.two_sided else plus

    def _two_sided(self, load: loads.Load, crystal: Crystal, force: Array, plus: Result) -> Result:
        """Half the difference of the answers to ``force`` and to its opposite, and how nonlinear they are."""

        def answer(factor: float) -> Result:
            crystal.relax(factor * force, self.config.md.force_tolerance)
            return self._averaged(load, crystal, factor * force)

        minus = answer(-1.0)
        # the same at half the load: what is odd and not linear is a quarter there of what it was
        upper, lower = answer(0.5), answer(-0.5)
        odd, even = 0.5 * (plus["u"] - minus["u"]), 0.5 * (plus["u"] + minus["u"])
        cubic = 4 / 3 * (odd - (upper["u"] - lower["u"]))
        result = plus | {
            name: 0.5 * (plus[name] - minus[name])
            for name in plus
            if name.partition("_")[0] in ("u", "b") and name != "bond_strain"
        }
        size = np.nansum(odd**2)
        parts = {"even": even, "odd": cubic}
        result |= {f"{name}_part": np.sqrt(np.nansum(part**2) / size) for name, part in parts.items()}
        return result | {"bond_strain": np.maximum(plus["bond_strain"], minus["bond_strain"])}

    def _averaged(self, load: loads.Load, crystal: Crystal, force: Array) -> Result:
        """The relaxed state under ``force``, averaged in place."""
        observer = self._observe(crystal, [self._average(crystal)])[0]
        reached = crystal.bond_strain(crystal.displacement)
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
            result[f"b{name}"] = averages.load * body_force_unit(grid, self.planar.thickness)
        return result

    def dynamic(self, load: loads.Load) -> Result:
        """The same load at finite temperature: raw snapshot and filtered field at the end."""
        settings = self.config.dynamics
        crystal = self.sheet
        force = scaled(load, crystal, settings.max_bond_strain)
        crystal.relax(force, self.config.md.force_tolerance)
        zero_kelvin = self._averaged(load, crystal, force)
        self.forces.check_timestep(self.planar.timestep)
        with self.new_sheet() as session:
            session.scatter("d2_reference", crystal.reference)
            session.scatter("d2_load", force)
            # from the relaxed state: the load is then felt by thermal motion alone, not by a sudden pull
            session.scatter("x", crystal.reference + crystal.displacement)
            thermostat(session, settings.temperature_K, settings.damping_ps, settings.seed)
            steps = round(settings.duration_ps / self.planar.timestep)
            raw, filtered = (self._average(crystal, smoothed) for smoothed in (False, True))
            session.attach(TimeFilter(settings.filter_weight), every(1))
            # after the filter, which has taken up the step by then
            session.attach(raw, on([steps]))
            session.attach(filtered, on([steps]))
            heat = []
            # in pieces, between which progress and temperature are taken; LAMMPS goes on where it was
            for done in range(0, steps, 400):
                session.run(min(400, steps - done))
                heat.append(temperature(session))
                self.tick(min(1.0, (done + 400) / steps))
            # in the first half energy still goes over from motion into the bonds
            half = len(heat) // 2
            taken_up = timefilter.taken_up(settings.filter_weight, steps)
            return {
                "u_zero": zero_kelvin["u"],
                "u_raw": raw.results[""].u - raw.results[""].u.mean(axis=0),
                "u_filtered": (filtered.results[""].u - filtered.results[""].u.mean(axis=0)) / taken_up,
                "temperature_K": np.array(np.mean(heat[half:])),
            }

    def _average(self, crystal: Crystal, smoothed: bool = False) -> SpatialAverage:
        coarse = self.config.coarse
        grids = self.node_grids(disc=crystal.box is None)
        return SpatialAverage(grids, coarse.radius_A, coarse.kernel, smoothed, deviations=coarse.deviations)

    def node_grids(self, disc: bool) -> dict[str, NodeGrid]:
        """Those of the sheet, or of the disc; see :func:`node_grids`."""
        return node_grids(self.config, self.planar.box(self.config.md.cells, self.lattice), disc)

    def _observe(self, crystal: Crystal, observers: list[SpatialAverage]) -> list[SpatialAverage]:
        """Have the observers act on the present state, through LAMMPS's own callback."""
        for observer in observers:
            # at whatever step the session stands
            crystal.session.attach(observer, lambda step: True)
        # forces and callbacks of the present positions, without a step
        crystal.session.run(0)
        for observer in observers:
            crystal.session.detach(observer)
        return observers


def body_force_unit(grid: NodeGrid, thickness: float) -> float:
    """TPa/Å in one eV/Å per node, at a ``thickness`` of the layer (Å)."""
    return EV_PER_A3_IN_TPA / (grid.cell_area * thickness)


@contextmanager
def sampler(comm: MPI.Comm, config: GrapheneInput) -> Iterator[Sampler]:
    """What the samples of one group of ranks share."""
    shared = Sampler(config, comm)
    try:
        yield shared
    finally:
        shared.close()


def all_loads(config: GrapheneInput, box: Array) -> dict[str, list[loads.Load]]:
    """The loads of the three splits."""
    return {
        "train": loads.training(box, config.loads.waves),
        "val": loads.validation(box),
        "test": loads.disc(config.md.disc_inner_A),
    }


# what each kind of task reads of the input, besides the crystal and its potential
_RELAXED = ("md.bond_guess_A", "md.force_tolerance", "md.max_bond_strain")
_AVERAGED = tuple(
    f"coarse.{name}" for name in ("kernel", "radius_A", "deviations", "spacing_A", "fine_spacing_A")
)
_SHEET = ("md.cells", *_RELAXED, *_AVERAGED)


def reads_of(config: GrapheneInput, kind: str) -> tuple[str, ...]:
    """Keys of the input that a ``sheet``, a ``disc`` or the ``elastic`` constants depend on."""
    if kind == "elastic":
        return ("md.bond_guess_A",)
    if kind == "sheet":
        return _SHEET
    disc = ("md.disc_radius_A", "md.disc_inner_A", *_RELAXED, *_AVERAGED, "coarse.disc_nodes")
    # the sheet's nodes follow from its box
    return (*disc, "md.cells") if config.coarse.disc_nodes == "sheet" else disc


_DYNAMICS = (
    "md.cells",
    "md.bond_guess_A",
    "md.force_tolerance",
    *_AVERAGED,
    *(
        f"dynamics.{name}"
        for name in (
            "load",
            "temperature_K",
            "duration_ps",
            "damping_ps",
            "filter_weight",
            "max_bond_strain",
            "seed",
        )
    ),
)


def files(config: GrapheneInput) -> dict[str, str]:
    """Contents of the files that all samples read, by the key that names them."""
    return {
        "md.potential" if label == "potential" else f"md.potential.{label}": contents(path)
        for label, path in config.md.planar.files().items()
    }


def task(
    config: GrapheneInput,
    name: str,
    keys: Sequence[str],
    cost: float,
    work: Callable[[Sampler], Result],
    **further: Any,
) -> Task[Sampler]:
    """A sample as a task of the engine."""

    # the sampler outlives the task, which brings its own progress
    def sampled(shared: Sampler, report: Progress) -> Result:
        shared.tick = report
        return work(shared)

    # what the crystal is, not its name: a key of [md] or a release may change that
    crystal = {f"crystal.{key}": value for key, value in config.md.planar.describe().items()}
    read = files(config)
    identity = Identity.of("sample", config, keys, files=read, sample=name, **crystal, **further)
    return Task(name, identity, sampled, cost)


def tasks(config: GrapheneInput) -> Stage[Sampler]:
    """The loads at rest, the elastic constants, and the one load at finite temperature.

    Raises:
        InputError: the load that is to be run at finite temperature is none of the sheet's.
    """
    jobs: dict[str, Task[Sampler]] = {}
    # said even though it is the default: samples from before that was so are one-sided, and remain so
    signs = {"loads.two_sided": True} if config.loads.two_sided else {}
    for split, split_loads in all_loads(config, np.ones(2)).items():
        kind = "disc" if split == "test" else "sheet"
        for load in split_loads:
            work = partial(_static, split=split, name=load.name)
            keys = (*reads_of(config, kind), "md.max_nonlinearity")
            jobs[load.name] = task(config, load.name, keys, (4 if signs else 1) * _COST[kind], work, **signs)
    if config.dynamics.load not in jobs or config.dynamics.load.startswith("test"):
        raise InputError(
            f"'dynamics.load' = '{config.dynamics.load}': must be a load of the periodic sheet, "
            f"train-x-0-1 … train-y-{config.loads.waves}-{config.loads.waves} or val-01 … val-10"
        )
    jobs["elastic"] = task(config, "elastic", reads_of(config, "elastic"), _COST["sheet"], Sampler.elastic)
    if config.dynamics.enabled:
        timestep = config.md.planar.timestep
        cost = _COST["step"] * config.dynamics.duration_ps / timestep
        # said since filtered displacements are those of a filter that has seen all of the past
        further = {"timestep_ps": timestep, "filter": "over what it has taken up"}
        jobs["dynamics"] = task(config, "dynamics", _DYNAMICS, cost, _dynamic, **further)
    return Stage("samples", list(jobs.values()), keep="arrays")


def learned_from(config: GrapheneInput, stage: Stage[Sampler]) -> dict[str, Identity]:
    """Identities of the samples that learning takes: those of the periodic sheet."""
    # names do not depend on the box, which is not known before LAMMPS has been asked
    names = {load.name for s in ("train", "val") for load in all_loads(config, np.ones(2))[s]}
    return {t.name: t.identity for t in stage.tasks if t.name in names}


def _static(sampler: Sampler, split: str, name: str) -> Result:
    crystal = sampler.disc if split == "test" else sampler.sheet
    return sampler.static(_load(sampler, name), crystal)


def _dynamic(sampler: Sampler) -> Result:
    return sampler.dynamic(_load(sampler, sampler.config.dynamics.load))


def _load(sampler: Sampler, name: str) -> loads.Load:
    # the disc's loads know no box, and the sheet need not be made for them
    box = None if name.startswith("test") else sampler.sheet.box
    every_load = all_loads(sampler.config, np.ones(2) if box is None else box).values()
    return next(load for split in every_load for load in split if load.name == name)


def stored(workspace: Workspace, stage: Stage[Sampler]) -> Callable[[str], Result]:
    """Reads finished samples by name."""
    by_name = {task.name: task for task in stage.tasks}
    return lambda name: result(workspace, stage, by_name[name])


def collect(
    config: GrapheneInput, sample: Callable[[str], Result], path: Path, key: str, wall: float
) -> None:
    """Gather the samples into the dataset (rank 0).

    Raises:
        FileError: the dataset cannot be written, or a sample is not there.
    """
    # first: the box follows from the relaxed lattice constant
    elastic = sample("elastic")
    box = config.md.planar.box(config.md.cells, float(elastic["lattice_A"]))
    with store.writing(path, DATASET, key) as file:
        file.attributes(wall_s=wall, max_bond_strain=config.md.max_bond_strain)
        file.attributes(**{f"md_{name}": float(value) for name, value in elastic.items()})
        for split, split_loads in all_loads(config, box).items():
            samples = [sample(load.name) for load in split_loads]
            for suffix, grid in node_grids(config, box, disc=split == "test").items():
                put_fields(file, split + suffix, field_set(grid, split_loads, samples, suffix))
        if config.dynamics.enabled:
            put_dynamics(file, config, sample("dynamics"))


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


def node_grids(config: GrapheneInput, box: Array, disc: bool) -> dict[str, NodeGrid]:
    """The coarse (``""``) and the fine nodes of the periodic sheet, or those of the free disc.

    In the box the fine grid divides the cells of the coarse one, so both fill it.

    Args:
        config: the input.
        box: ``(2,)`` edges of the sheet (Å).
        disc: whether the nodes of the disc are asked for.
    """
    coarse = config.coarse
    grid = NodeGrid.periodic_cells((float(box[0]), float(box[1])), coarse.spacing_A)
    sheet = {"": grid, "_fine": grid.refined(max(1, round(coarse.spacing_A / coarse.fine_spacing_A)))}
    if not disc:
        return sheet
    reach = config.md.disc_radius_A + coarse.radius_A
    if coarse.disc_nodes == "sheet":
        return {suffix: NodeGrid.centred(reach, of.spacing) for suffix, of in sheet.items()}
    return {
        "": NodeGrid.centred(reach, coarse.spacing_A),
        "_fine": NodeGrid.centred(reach, coarse.fine_spacing_A),
    }


def field_set(grid: NodeGrid, split_loads: list[loads.Load], samples: list[Result], suffix: str) -> FieldSet:
    """Fields on the nodes that hold any mass."""
    u = np.stack([sample[f"u{suffix}"] for sample in samples])
    # the share of each answer that is not linear, where both sides were loaded
    parts = [name for name in ("even_part", "odd_part") if name in samples[0]]
    # a node that no atom is near has no mean: NaN, in any of the samples
    held = np.isfinite(u).all(axis=(0, 2))
    nodes = grid.points()[held]
    return FieldSet(
        nodes=nodes,
        u=u[:, held],
        b=np.stack([sample[f"b{suffix}"] for sample in samples])[:, held],
        load=np.stack(
            [[*s["parameters"], *(s[name] for name in ("amplitude", "bond_strain", *parts))] for s in samples]
        ),
        columns=[*split_loads[0].parameters, "amplitude_eV_per_A", "max_bond_strain", *parts],
        names=[load.name for load in split_loads],
        box=grid.box if grid.periodic else np.ptp(nodes, axis=0),
        spacing=np.array(grid.spacing),
        shape=grid.shape if grid.periodic else None,
    )
