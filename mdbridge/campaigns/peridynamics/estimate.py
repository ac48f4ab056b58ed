"""``--dry-run`` of a planar crystal's campaign: a sample of each kind and one model, timed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from ...core import demand, parallel
from ...core.stages import Task
from ...core.workspace import Workspace
from .. import demands, forecast
from ..forecast import Row, timed
from . import learning, sampling, thermal
from .input import GrapheneInput
from .learning import Fields
from .sampling import Sampler
from .stages import CAMPAIGN, Campaign, read

SAMPLES = "samples"
"""What the rows of samples begin with."""
_TIMED = 3
"""Samples of a kind that are timed."""
_LOADS = 10
"""Training loads that are relaxed: enough for a model to be learned from, which says what one takes."""
_SHORT_PS = 0.2
"""Length of the runs at finite temperature that are timed."""


@dataclass(frozen=True)
class Measured:
    """What small parts of a campaign take.

    Attributes:
        setup: seconds in which a group of ranks makes its crystals.
        rates: by kind of sample the seconds of one unit of its tasks' cost.
        bytes: of one sample's result, by kind.
        learn: seconds of one unit of a pair's cost.
    """

    setup: float
    rates: dict[str, float]
    bytes: dict[str, float]
    learn: float


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Print the time, the memory and the disk that a campaign takes (collective).

    Raises:
        InputError: as the run itself would.
    """
    config = parallel.on_root(comm, lambda: read(source, overrides))
    demand.require(comm, demands.graphene(config))
    measured = measure(comm, config)

    def plan() -> tuple[list[Row], float]:
        campaign = Campaign(MPI.COMM_SELF, config, source, Workspace(out, CAMPAIGN))
        return rows(campaign, measured, comm.size), disk(campaign, measured)

    table, kept = parallel.on_root(comm, plan)
    forecast.show(comm, f"{source.name}: {np.prod(config.md.cells):,} cells", table, kept)


def kind_of(name: str) -> str:
    """The kind of a sample by its name: those of a kind differ in length alone."""
    if name.startswith(("test", "unloaded-disc")):
        return "disc"
    if name == "dynamics":
        return name
    return "elastic" if name.startswith("elastic") else "sheet"


def rows(campaign: Campaign, measured: Measured, ranks: int) -> list[Row]:
    """The table of a campaign whose parts have been measured; for one rank."""
    samples, pairs = campaign.samples, campaign.pairs
    left = forecast.unfinished(campaign.workspace, samples)
    groups = max(1, ranks // campaign.config.parallel.ranks_per_sample)
    kinds = dict.fromkeys(kind_of(task.name) for task in samples.tasks)
    taken = {t.name: t.cost * measured.rates[kind_of(t.name)] for t in samples.tasks if t.name in left}
    table = []
    for kind in kinds:
        names = [t.name for t in samples.tasks if kind_of(t.name) == kind]
        seconds = sum(taken.get(name, 0.0) for name in names) / groups
        table.append(Row(f"{SAMPLES}: {kind}", len(names), len(names) - len(left & set(names)), seconds))
    if taken:
        # groups wait for the last of them, and each makes crystals of its own
        waiting = forecast.shared(taken.values(), groups) - sum(taken.values()) / groups
        table.append(Row(f"{SAMPLES}: crystals at rest, and waiting", 0, 0, measured.setup + waiting))
    unlearned = forecast.unfinished(campaign.workspace, pairs)
    costs = [measured.learn * task.cost for task in pairs.tasks if task.name in unlearned]
    table.append(
        Row("models", len(pairs.tasks), len(pairs.tasks) - len(costs), forecast.shared(costs, ranks))
    )
    for product in (campaign.solutions, campaign.baselines, campaign.summary):
        table.append(Row(product.name, 1, 1 - len(forecast.unfinished(campaign.workspace, product)), None))
    return table


def disk(campaign: Campaign, measured: Measured) -> float:
    """Bytes of a campaign's results: samples, and the dataset that they are gathered in."""
    return 2.0 * sum(measured.bytes[kind_of(task.name)] for task in campaign.samples.tasks)


def measure(comm: MPI.Comm, config: GrapheneInput) -> Measured:
    """Do and time a few samples and one model (collective)."""
    short = _shortened(config)
    group = parallel.split_groups(comm, config.parallel.ranks_per_sample)
    try:
        with sampling.sampler(group, short) as sampler:
            setup, rates, sizes = _time_samples(comm, short, sampler)
            fields = _fields(config, sampler)
    finally:
        group.Free()
    # the one that is over first; others are told by their costs
    pair = (config.learn.horizons_A[0], min(config.learn.degrees))
    # all ranks at once, as they will: they share memory and caches
    seconds = timed(lambda: learning.learn_pair(config.learn, fields, *pair))
    return Measured(setup, rates, sizes, comm.allreduce(seconds / learning.cost(pair), MPI.MAX))


def _shortened(config: GrapheneInput) -> GrapheneInput:
    """The campaign with runs at finite temperature that are over soon."""
    brief = {"duration_ps": _SHORT_PS}
    # what is long in a campaign is long for its statistics, of which none are needed here
    changes: dict[str, Any] = {"dynamics": config.dynamics.model_copy(update=brief)}
    if config.thermal is not None:
        brief |= {"disc_duration_ps": _SHORT_PS, "elastic_ps": _SHORT_PS}
        changes["thermal"] = config.thermal.model_copy(update=brief)
    return config.model_copy(update=changes)


def _time_samples(
    comm: MPI.Comm, config: GrapheneInput, sampler: Sampler
) -> tuple[float, dict[str, float], dict[str, float]]:
    """Seconds of what is made once; rates and sizes by kind (collective)."""
    stage = (sampling if config.thermal is None else thermal).tasks(config)
    by_kind: dict[str, list[Task[Sampler]]] = {}
    for task in stage.tasks:
        by_kind.setdefault(kind_of(task.name), []).append(task)
    setup, rates, sizes = 0.0, dict[str, float](), dict[str, float]()
    for kind, tasks in by_kind.items():
        # spread over all of them: the first loads are those of the longest waves
        chosen = tasks[:: -(-len(tasks) // _TIMED)]
        times, made = list[float](), dict[str, Any]()
        for task in [chosen[0], *chosen]:
            start = time.perf_counter()
            made = dict(task.work(sampler, _silent))
            times.append(time.perf_counter() - start)
        # the first call makes the crystal, and compiles
        later = float(np.mean(times[1:]))
        setup += max(0.0, times[0] - later)
        rates[kind] = comm.allreduce(later / float(np.mean([t.cost for t in chosen])), MPI.MAX)
        sizes[kind] = float(sum(np.asarray(a).nbytes for a in made.values()))
    return comm.allreduce(setup, MPI.MAX), rates, sizes


def _silent(fraction: float) -> None:
    """Progress of what is over soon."""


def _fields(config: GrapheneInput, sampler: Sampler) -> Fields:
    """As many samples as the campaign has, of a few loads at rest: a model of them takes what any does."""
    still = config.model_copy(
        update={
            "thermal": None,
            "loads": config.loads.model_copy(update={"two_sided": False}),
            "md": config.md.model_copy(update={"max_bond_strain": min(0.002, config.md.max_bond_strain)}),
        }
    )
    # its crystals are those of the samples before
    sampler.config = still
    fields: Fields = {}
    for split, loads in sampling.all_loads(
        still, sampler.planar.box(config.md.cells, sampler.lattice)
    ).items():
        crystal = sampler.disc if split == "test" else sampler.sheet
        # of the disc the nodes alone count
        chosen = loads[:: max(1, len(loads) // {"train": _LOADS, "val": 2, "test": 1}[split])]
        answers = [sampler.static(load, crystal) for load in chosen]
        samples = [answers[n % len(answers)] for n in range(len(loads))]
        for suffix, grid in sampler.node_grids(disc=split == "test").items():
            # the fine ones are learned from in a hybrid training alone
            if not suffix or config.learn.hybrid:
                fields[split + suffix] = sampling.field_set(grid, loads, samples, suffix)
    return fields
