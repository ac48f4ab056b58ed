"""A campaign with a planar crystal: sample -> learn -> solve -> report."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ...core import demand, parallel, stages, store
from ...core.config import as_text, load
from ...core.console import console
from ...core.errors import InputError
from ...core.files import digest, read_json, write_json
from ...core.identity import Identity, reads, together
from ...core.stages import Piece, Product, Stage
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from ...fields.fieldset import FieldSet
from ...fields.storage import get_fields
from ...lps.material import LinearPeridynamicSolid
from .. import demands
from . import baselines, figures, learning, results, sampling, sweep_figures, thermal
from . import sweep as sweeps
from .formats import DATASET
from .input import GrapheneInput, Learn
from .problems import Solved, check_grid, evaluate
from .sampling import Sampler
from .summary import print_table, summarise

_SPLITS = ("train", "val", "test")
CAMPAIGN = "graphene"


@dataclass(frozen=True)
class Campaign:
    """A campaign's input, its folder, and its pieces of work."""

    comm: MPI.Comm
    config: GrapheneInput
    source: Path
    workspace: Workspace

    @property
    def out(self) -> Path:
        """The folder of the results."""
        return self.workspace.root

    @cached_property
    def samples(self) -> Stage[Sampler]:
        """One task for each load, and those for LAMMPS's own constants."""
        return (sampling if self.config.thermal is None else thermal).tasks(self.config)

    @cached_property
    def dataset(self) -> Product:
        """All samples in one file."""
        # no sample reads how ranks share the work; 'enabled' is told by the samples that there are
        # nor is a potential known by its path: its contents are told by them, as is what crystal it is
        md = ("md.cells", "md.disc_radius_A", "md.disc_inner_A", "md.max_bond_strain")
        keys = (*md, "coarse", "dynamics", "thermal")
        identity = Identity.of(
            "dataset", self.config, keys, after={t.name: t.identity.key for t in self.samples.tasks}
        )
        return Product("sample", identity, ("dataset.h5",), lambda folder: _collect(self, folder))

    def data(self, variant: str = "") -> Identity:
        """What the training and validation fields of a variant of the dataset were made from."""
        if self.config.thermal is None:
            taken = sampling.learned_from(self.config, self.samples)
        else:
            taken = thermal.learned_from(self.config, self.samples, variant)
        # all but the name: what is the same for all samples, said once
        values = {k: v for t in taken.values() for k, v in t.values.items() if k != "sample"}
        shown = {k: v for t in taken.values() for k, v in t.shown.items() if k != "sample"}
        after = {"training and validation samples": together(taken)}
        return Identity("data", 1, values | {"variant": variant}, {}, after, shown | {"variant": variant})

    def pairs_from(self, settings: Learn | None = None, variant: str | None = None) -> Identity:
        """What any pair (δ, M) is learned from: the data, and the settings without the lists of pairs."""
        settings = settings or self.config.learn
        data = self.data(settings.variant if variant is None else variant)
        # a longer list of pairs must not redo those that it had; the variant is told by the data
        lists = {"horizons_A", "degrees", "baseline_horizon_A", "variant"}
        keys = [name for name in Learn.model_fields if name not in lists]
        chosen = {f"learn.{name}": value for name, value in reads(settings, *keys).items()}
        everything = {f"learn.{name}": getattr(settings, name) for name in keys}
        # the model must serve the disc's nodes, of which its samples do not tell
        chosen |= reads(self.config, "coarse.disc_nodes")
        everything["coarse.disc_nodes"] = self.config.coarse.disc_nodes
        # version 2: horizons in lopsided gaps are moved, and fits have units of their own
        return replace(
            data, task="pairs", version=2, values=data.values | chosen, shown=data.shown | everything
        )

    @property
    def disc_key(self) -> str:
        """Of the samples of the free disc."""
        # the disc's samples solve nothing but the disc: other loads redo no model
        of_disc = ("test-", "unloaded-disc")
        return together({t.name: t.identity for t in self.samples.tasks if t.name.startswith(of_disc)})

    @cached_property
    def pairs(self) -> Stage[learning.Fields]:
        """The pairs that 'learn' chooses from."""
        # without fields: only identities are asked for here
        source = learning.Source(self.config.learn, self.pairs_from(), dict)
        return learning.pairs_stage(source, learning.pairs_to_choose_from(self.config.learn))

    @cached_property
    def model(self) -> Product:
        """The chosen pair's model."""
        base = self.pairs_from()
        lists = Identity.of(
            "", self.config, ("learn.horizons_A", "learn.degrees", "learn.baseline_horizon_A")
        )
        identity = replace(
            base, task="model", values=base.values | lists.values, shown=base.shown | lists.shown
        )
        return Product("learn", identity, ("model.json",), lambda folder: _learn(self, folder))

    @cached_property
    def solutions(self) -> Product:
        """The boundary-value problems of all samples, solved with the model."""
        identity = Identity.of(
            "solutions",
            self.config,
            ("solve", "md.disc_radius_A", "md.disc_inner_A"),
            after={"model": self.model.identity.key, "disc": self.disc_key},
        )
        return Product("solve", identity, ("solutions.h5",), lambda folder: _solve(self, folder))

    @cached_property
    def baselines(self) -> Product:
        """What classical elasticity and others make of the same samples."""
        identity = Identity.of(
            "baselines",
            self.config,
            ("solve", "md.disc_inner_A"),
            # the gradients' constants are fitted to the training samples that the model is learned from
            after={"dataset": self.dataset.identity.key, "data": self.data().key},
        )
        return Product("baselines", identity, ("baselines.json",), lambda folder: _baselines(self, folder))

    @cached_property
    def summary(self) -> Product:
        """Table and figures."""
        after = {
            product.name: product.identity.key for product in (self.solutions, self.dataset, self.baselines)
        }
        names = ("summary.json", *figures.expected(self.config.dynamics.enabled))
        return Product(
            "report", Identity("report", 4, after=after), names, lambda folder: _report(self, folder)
        )

    def plan(self) -> list[Piece]:
        """Everything that a whole run does, in order."""
        return [
            self.samples,
            self.dataset,
            self.pairs,
            self.model,
            self.solutions,
            self.baselines,
            self.summary,
        ]


def sample(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 1 as a command."""
    with open_campaign(comm, source, out, overrides) as campaign:
        sample_campaign(campaign)


def learn(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str], sweep: bool = False) -> None:
    """Stage 2 as a command; with ``sweep`` Algorithm 2 over all pairs of the section [sweep]."""
    with open_campaign(comm, source, out, overrides) as campaign:
        # the sweep is a product of its own, beside the model
        if sweep:
            run_sweep(campaign)
        else:
            stages.make(comm, campaign.workspace, campaign.model)


def solve(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 3 as a command."""
    with open_campaign(comm, source, out, overrides) as campaign:
        stages.make(comm, campaign.workspace, campaign.solutions)
        stages.make(comm, campaign.workspace, campaign.baselines)


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 4 as a command: drawn again whatever is there."""
    with open_campaign(comm, source, out, overrides) as campaign:
        stages.make(comm, campaign.workspace, campaign.summary, again=True)
        _show(campaign)


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """All stages, skipping what is done."""
    with open_campaign(comm, source, out, overrides) as campaign:
        sample_campaign(campaign)
        for product in (campaign.model, campaign.solutions, campaign.baselines, campaign.summary):
            stages.make(comm, campaign.workspace, product)
        _show(campaign)


@contextmanager
def open_campaign(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Iterator[Campaign]:
    """Read and check the input, and own its folder (collective)."""
    config, text = parallel.on_root(comm, lambda: (read(source, overrides), as_text(source, overrides)))
    demand.require(comm, demands.graphene(config), out)
    with claim(comm, out, CAMPAIGN, source, overrides, text) as workspace:
        campaign = Campaign(comm, config, source, workspace)
        parallel.on_root(comm, lambda: len(campaign.samples.tasks))  # a wrong load is told before any work
        yield campaign


def read(source: Path, overrides: Sequence[str]) -> GrapheneInput:
    """The checked input; the potentials that lie beside it with their paths."""
    config = load(source, GrapheneInput, overrides)
    config = config.model_copy(update={"md": config.md.beside(source.parent)})
    config.md.planar.pair_commands()  # lines and files that do not go together are told before any work
    return config


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'."""
    config = read(source, overrides)
    demand.require(MPI.COMM_SELF, demands.graphene(config))
    return Campaign(MPI.COMM_SELF, config, source, workspace).plan()


# --- sample ---------------------------------------------------------------------


def sample_campaign(campaign: Campaign) -> None:
    """Stage 1, unless it is done."""
    workspace = campaign.workspace
    stages.make(campaign.comm, workspace, campaign.dataset)
    # of the training samples it was learned from a model knows the keys alone, not that of the dataset
    parallel.on_root(campaign.comm, lambda: workspace.retire("learn", campaign.model.identity.key))


def _collect(campaign: Campaign, folder: Path) -> None:
    comm, config, workspace = campaign.comm, campaign.config, campaign.workspace
    ranks = config.parallel.ranks_per_sample
    stages.share(
        comm, workspace, campaign.samples, "sample", lambda group: sampling.sampler(group, config), ranks
    )

    def write() -> None:
        wall = stages.seconds(workspace, campaign.samples) / max(1, comm.size // ranks)
        collect = (sampling if config.thermal is None else thermal).collect
        stored = sampling.stored(workspace, campaign.samples)
        collect(config, stored, folder / "dataset.h5", campaign.dataset.identity.key, wall)

    parallel.on_root(comm, write)


def read_fields(campaign: Campaign, names: Sequence[str], variant: str | None = None) -> dict[str, FieldSet]:
    """Read groups of the dataset on all ranks; the file must be the input's.

    Args:
        variant: another variant of the dataset than ``learn.variant``.

    Raises:
        FileError: the file is not there, not the input's, or lacks a group.
    """
    chosen = campaign.config.learn.variant if variant is None else variant
    prefix = f"variants/{chosen}" if chosen else ""

    def read_groups() -> dict[str, FieldSet]:
        path = stages.require(campaign.workspace, campaign.dataset, "mdbridge sample")
        with store.reading(path, DATASET) as file:
            available = file.group("variants").groups() if "variants" in file else []
            if chosen and chosen not in available:
                raise InputError(
                    f"'learn.variant' = '{chosen}': {path} has {', '.join(available) or 'no variants'}"
                )
            chosen_group = file.group(prefix) if chosen else file
            missing = [name for name in names if name not in chosen_group]
            if chosen and missing:
                raise InputError(
                    f"'learn.variant' = '{chosen}': has no {', '.join(missing)} (only "
                    f"{', '.join(chosen_group.groups())}); whole are the standard and the x1 variants"
                )
            return {name: get_fields(chosen_group, name) for name in names}

    return parallel.on_root(campaign.comm, read_groups)


def training_fields(campaign: Campaign) -> dict[str, FieldSet]:
    """The groups that learning takes: the disc's for its node spacing alone."""
    names = (*_SPLITS, *(f"{split}_fine" for split in _SPLITS)) if campaign.config.learn.hybrid else _SPLITS
    return read_fields(campaign, names)


# --- learn ----------------------------------------------------------------------


def _source(campaign: Campaign) -> learning.Source:
    fields = training_fields(campaign)
    return learning.Source(campaign.config.learn, campaign.pairs_from(), lambda: fields)


def _learn(campaign: Campaign, folder: Path) -> None:
    comm, config = campaign.comm, campaign.config
    outcome = learning.choose(comm, campaign.workspace, _source(campaign))
    model = outcome.as_dict(comm.size) | {
        "method": config.learn.method,
        "key": campaign.model.identity.key,
        "input_hash": digest(config.model_dump()),
    }
    parallel.on_root(comm, lambda: write_json(folder / "model.json", model))


def run_sweep(campaign: Campaign) -> None:
    """Algorithm 2 over all pairs of the section [sweep]: sweep.json, sweep.png and a table."""
    comm, workspace = campaign.comm, campaign.workspace

    def work(folder: Path) -> None:
        selection = sweeps.sweep(comm, workspace, _source(campaign), campaign.config.sweep)
        wall = sum(candidate.wall_s for candidate in selection.candidates) / comm.size

        def write() -> None:
            record = selection.as_dict() | {"versions": versions(), "wall_s": wall}
            write_json(folder / "sweep.json", record)
            sweep_figures.draw({"": record}, folder / "sweep.png")

        parallel.on_root(comm, write)

    base, lists = campaign.pairs_from(), Identity.of("", campaign.config, ("sweep",))
    identity = replace(base, task="sweep", values=base.values | lists.values, shown=base.shown | lists.shown)
    stages.make(comm, workspace, Product("sweep", identity, ("sweep.json", "sweep.png"), work))
    parallel.on_root(comm, lambda: sweep_figures.show(console(comm), read_json(campaign.out / "sweep.json")))


def _material(campaign: Campaign) -> tuple[LinearPeridynamicSolid, list[dict[str, Any]]]:
    """The learned model and its certificates."""

    def read_model() -> tuple[LinearPeridynamicSolid, list[dict[str, Any]]]:
        path = stages.require(campaign.workspace, campaign.model, "mdbridge learn")
        stored = read_json(path)
        return LinearPeridynamicSolid.from_dict(stored, str(path)), stored["certificates"]

    return parallel.on_root(campaign.comm, read_model)


# --- solve ----------------------------------------------------------------------


def _solve(campaign: Campaign, folder: Path) -> None:
    comm, config = campaign.comm, campaign.config
    start = MPI.Wtime()
    material, certificates = _material(campaign)
    solved: dict[str, Solved] = {}
    for name, fields in read_fields(campaign, _SPLITS).items():
        where = f"{campaign.out / 'dataset.h5'}: {name}"
        check_grid(certificates, fields, where)
        solved[name] = evaluate(comm, fields, material, config.solve, config.md.disc_inner_A, where)
    wall = MPI.Wtime() - start
    key = campaign.solutions.identity.key
    parallel.on_root(comm, lambda: results.write_solutions(folder / "solutions.h5", key, solved, wall))


def _baselines(campaign: Campaign, folder: Path) -> None:
    comm, config = campaign.comm, campaign.config

    def lame() -> tuple[float, float]:
        path = stages.require(campaign.workspace, campaign.dataset, "mdbridge sample")
        with store.reading(path, DATASET) as file:
            return file.attribute("md_C12_TPa", float), file.attribute("md_C66_TPa", float)

    constants = parallel.on_root(comm, lame)
    fields = read_fields(campaign, _SPLITS)
    inner = config.md.disc_inner_A
    baselines.write(comm, folder / "baselines.json", fields, constants, inner, config.solve)


# --- report ---------------------------------------------------------------------


def _report(campaign: Campaign, folder: Path) -> None:
    """Collect the summary and draw the figures."""

    def work() -> None:
        start = MPI.Wtime()
        workspace = campaign.workspace
        dataset = stages.require(workspace, campaign.dataset, "mdbridge sample")
        model = stages.require(workspace, campaign.model, "mdbridge learn")
        solutions = stages.require(workspace, campaign.solutions, "mdbridge solve")
        others = stages.require(workspace, campaign.baselines, "mdbridge solve")
        gathered = results.gather(dataset, model, solutions, others, campaign.config)
        figures.draw(gathered, folder)
        summary = summarise(gathered)
        # the other stages' are in their files
        summary["wall_s"]["report"] = MPI.Wtime() - start
        write_json(folder / "summary.json", summary)

    parallel.on_root(campaign.comm, work)


def _show(campaign: Campaign) -> None:
    def work() -> None:
        summary = read_json(campaign.out / "summary.json")
        print_table(console(campaign.comm), summary, campaign.out)

    parallel.on_root(campaign.comm, work)
