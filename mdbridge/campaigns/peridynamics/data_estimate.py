"""``--dry-run`` of learning from data of one's own: the baseline's model, timed."""

from collections.abc import Sequence
from pathlib import Path

from mpi4py import MPI

from ...core import parallel
from ...core.workspace import Workspace
from .. import forecast
from ..forecast import Row, timed
from . import learning
from .data_stages import CAMPAIGN, Campaign, read


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Print the time, the memory and the disk that learning takes (collective).

    Raises:
        FileError, InputError: as learning itself would.
    """
    config, files, own = parallel.on_root(comm, lambda: read(source, overrides))
    campaign = Campaign(comm, config, source, Workspace(out, CAMPAIGN), files, own)
    rate, replicate = _measure(comm, campaign)

    def rows() -> list[Row]:
        stage, replicates = campaign.pairs, config.learn.replicates
        left = forecast.unfinished(campaign.workspace, stage)
        costs = [rate * task.cost for task in stage.tasks if task.name in left]
        models = Row(
            "models", len(stage.tasks), len(stage.tasks) - len(costs), forecast.shared(costs, comm.size)
        )
        # the products' own work: error bars from samples drawn anew; figures
        bars = -(-replicates // comm.size) * replicate
        times: dict[str, float | None] = {campaign.model.name: bars, campaign.summary.name: None}
        return [
            models,
            *(
                Row(
                    product.name,
                    1,
                    1 - len(forecast.unfinished(campaign.workspace, product)),
                    times[product.name],
                )
                for product in (campaign.model, campaign.summary)
            ),
        ]

    samples = sum(len(fields.u) for fields in own.fields.values())
    # figures, and a model of a few kilobytes
    forecast.show(comm, f"{source.name}: {samples} samples", parallel.on_root(comm, rows), 1e6)


def _measure(comm: MPI.Comm, campaign: Campaign) -> tuple[float, float]:
    """Seconds of one unit of a pair's cost, and of one fit to samples drawn anew (collective)."""
    settings, fields, source = campaign.settings, campaign.own.fields, campaign.source_of_pairs
    # the pair with the fewest coefficients beside the baseline, which every choice is measured against
    baseline, *others = learning.pairs_to_choose_from(settings)
    pair = min(others, key=learning.cost)
    # the first one compiles
    learning.learn_pair(settings, fields, *baseline)
    made: list[learning.Candidate] = []
    rate = timed(lambda: made.append(source.learn(fields, pair))) / learning.cost(pair)
    own, seed = campaign.own.training, campaign.config.learn.seed
    # two: there is no standard deviation of one
    replicate = 0.5 * timed(lambda: learning.bootstrap(MPI.COMM_SELF, settings, own, made[0], 2, seed))
    return comm.allreduce(rate, MPI.MAX), comm.allreduce(replicate, MPI.MAX)
