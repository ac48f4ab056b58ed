"""``--dry-run`` of the study: its campaigns, sampled and learned from in part."""

from collections.abc import Sequence
from pathlib import Path

from mpi4py import MPI

from ...core import demand, parallel
from ...core.config import load
from ...core.workspace import Workspace
from .. import demands, forecast
from ..forecast import Row
from ..peridynamics import estimate, learning
from ..peridynamics.estimate import Measured
from ..peridynamics.stages import CAMPAIGN, Campaign, read
from ..peridynamics.sweep import pairs_to_try
from . import checks, seeds, worth
from .input import StudyInput


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Print the time, the memory and the disk that the study takes (collective).

    Raises:
        InputError: as the study itself would.
    """

    def inputs() -> tuple[StudyInput, dict[str, Campaign]]:
        config = load(source, StudyInput, overrides)
        names, beside = config.campaigns, source.parent
        given = {
            "0K": (beside / names.zero, names.zero_set),
            worth.LOUD: (beside / names.zero, [*names.zero_set, *names.loud_set]),
            "300K": (beside / names.warm, names.warm_set),
        }
        given |= {folder: (beside / file, changes) for folder, file, changes in seeds.repeated(names)}
        made = {
            label: Campaign(MPI.COMM_SELF, read(path, changes), path, Workspace(out / label, CAMPAIGN))
            for label, (path, changes) in given.items()
        }
        checks.check_campaigns(made["0K"].config, made["300K"].config, source)
        if seeds.NO_TWIN in made:
            checks.check_no_twin(made["300K"].config, made[seeds.NO_TWIN].config, source)
        return config, made

    # each rank reads: what a campaign is cannot be sent
    config, campaigns = parallel.agreed(comm, inputs)
    demand.require(comm, demands.study(config))
    for campaign in campaigns.values():
        demand.require(comm, demands.graphene(campaign.config))
    timed = [label for label in ("0K", "300K", seeds.NO_TWIN) if label in campaigns]
    measured = {label: estimate.measure(comm, campaigns[label].config) for label in timed}
    # the same crystal with larger loads, or with another seed
    measured[worth.LOUD] = measured["0K"]
    for label in campaigns.keys() - measured.keys():
        measured[label] = measured[label.partition("-seed-")[0]]

    def table() -> list[Row]:
        rows = [_samples(campaigns[label], measured[label], label, comm.size) for label in campaigns]
        rows += [_sweep(campaigns[label], measured[label], label, comm.size) for label in ("0K", "300K")]
        return [*rows, Row("tables: manufactured", len(checks.manufactured_tasks(config)), 0, None)]

    disk = sum(estimate.disk(campaigns[label], measured[label]) for label in campaigns)
    note = "the tasks of the other tables follow from the sweeps, and take about as long as these"
    forecast.show(comm, source.name, parallel.on_root(comm, table), disk, note)


def _samples(campaign: Campaign, measured: Measured, label: str, ranks: int) -> Row:
    # in one row: the kinds of three campaigns would be a page
    rows = [row for row in estimate.rows(campaign, measured, ranks) if row.what.startswith(estimate.SAMPLES)]
    seconds = sum(row.seconds or 0.0 for row in rows)
    return Row(f"{label}: samples", sum(row.tasks for row in rows), sum(row.done for row in rows), seconds)


def _sweep(campaign: Campaign, measured: Measured, label: str, ranks: int) -> Row:
    costs = [measured.learn * learning.cost(pair) for pair in pairs_to_try(campaign.config.sweep)]
    return Row(f"{label}: models of the sweep", len(costs), 0, forecast.shared(costs, ranks))
