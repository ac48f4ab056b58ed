"""'mdbridge holdout': the finished model on 48 loads that no choice has seen, beside the baselines.

The loads follow from a seed that is given on the command line.  Nothing is learned here, and nothing chosen.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ...core import parallel, stages, store
from ...core.console import console
from ...core.errors import InputError
from ...core.files import read_json, write_json
from ...core.identity import Identity
from ...core.stages import Product, Stage
from ...fields.fieldset import FieldSet
from ...lps import fieldsets, local
from ...lps.learn import spectral
from ...lps.material import LinearPeridynamicSolid
from ...md import unseen
from . import baselines, sampling
from .formats import DATASET
from .sampling import Sampler
from .stages import Campaign, open_campaign

Array = NDArray[np.float64]


def holdout(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str], seed: int) -> None:
    """Sample the loads of ``seed`` and measure the model of the folder on them (collective).

    Raises:
        InputError: the campaign is at a finite temperature.
        FileError: there is no model yet.
    """
    with open_campaign(comm, source, out, overrides) as campaign:
        if campaign.config.thermal is not None:
            raise InputError(
                f"{source}: 'mdbridge holdout' takes loads at rest; give an input without [thermal]"
            )
        # frozen: what is not there is not made here
        parallel.on_root(comm, lambda: _require(campaign))
        runs = _runs(campaign, seed)
        stages.share(
            comm, campaign.workspace, runs, "holdout", lambda group: sampling.sampler(group, campaign.config)
        )
        stages.make(comm, campaign.workspace, _product(campaign, runs, seed))
        parallel.on_root(comm, lambda: _show(console(comm), read_json(campaign.out / "holdout.json")))


def _require(campaign: Campaign) -> None:
    stages.require(campaign.workspace, campaign.model, "mdbridge learn")
    stages.require(campaign.workspace, campaign.baselines, "mdbridge solve")


def _runs(campaign: Campaign, seed: int) -> Stage[Sampler]:
    config = campaign.config
    signs = {"loads.two_sided": True} if config.loads.two_sided else {}
    keys = (*sampling.reads_of(config, "sheet"), "md.max_nonlinearity")
    runs = []
    # names do not depend on the box, which is not known before LAMMPS has been asked
    for load in unseen.unseen(np.ones(2), seed):
        work = partial(_sampled, seed=seed, name=load.name)
        runs.append(sampling.task(config, f"{load.name}-of-{seed}", keys, 1.0, work, seed=seed, **signs))
    return Stage("holdout", runs, keep="arrays")


def _sampled(sampler: Sampler, seed: int, name: str) -> sampling.Result:
    box = sampler.planar.box(sampler.config.md.cells, sampler.lattice)
    load = next(load for load in unseen.unseen(box, seed) if load.name == name)
    damaged = unseen.kind_of(name) == unseen.VACANCY
    return sampler.static(load, sampler.vacant if damaged else sampler.sheet)


def _product(campaign: Campaign, runs: Stage[Sampler], seed: int) -> Product:
    after = {task.name: task.identity.key for task in runs.tasks}
    after |= {"model": campaign.model.identity.key, "baselines": campaign.baselines.identity.key}
    identity = Identity("holdout", after=after)

    def work(folder: Path) -> None:
        parallel.on_root(
            campaign.comm, lambda: write_json(folder / "holdout.json", _measure(campaign, runs, seed))
        )

    return Product("holdout", identity, ("holdout.json",), work)


def _measure(campaign: Campaign, runs: Stage[Sampler], seed: int) -> dict[str, Any]:
    """Errors of the model and of the baselines, by kind of load and over all (rank 0)."""
    workspace = campaign.workspace
    stored = sampling.stored(workspace, runs)
    dataset = stages.require(workspace, campaign.dataset, "mdbridge sample")
    with store.reading(dataset, DATASET) as file:
        lattice = file.attribute("md_lattice_A", float)
    box = campaign.config.md.planar.box(campaign.config.md.cells, lattice)
    loads = unseen.unseen(box, seed)
    grid = sampling.node_grids(campaign.config, box, disc=False)[""]
    fields = sampling.field_set(grid, loads, [stored(f"{load.name}-of-{seed}") for load in loads], "")
    path = stages.require(workspace, campaign.model, "mdbridge learn")
    solid = LinearPeridynamicSolid.from_dict(read_json(path), str(path))
    others = read_json(stages.require(workspace, campaign.baselines, "mdbridge solve"))
    errors = measured(fields, operators(solid, others))
    kinds = unseen.kinds(fields.names)
    # a mean over all would hide that single atoms are beyond any smooth model
    of_kind = np.array([unseen.kind_of(name) for name in fields.names])
    return {
        "seed": seed,
        "loads": {kind: int((of_kind == kind).sum()) for kind in kinds},
        "errors": {
            name: {
                kind: {"E_res": float(res[chosen].mean()), "E_u": float(off[chosen].mean())}
                for kind, chosen in [
                    ("all", np.ones(len(res), dtype=bool)),
                    *((k, of_kind == k) for k in kinds),
                ]
            }
            for name, (res, off) in errors.items()
        },
    }


def operators(
    solid: LinearPeridynamicSolid, others: Mapping[str, Mapping[str, float]]
) -> dict[str, baselines.Operator]:
    """L(k) of the model and of those baselines that have no horizon, by name.

    Args:
        solid: the model.
        others: as baselines.json has them, with their constants.
    """
    plain, fitted = others["classical"], others["gradient"]
    lame = plain["lambda_TPa"], plain["mu_TPa"]
    gradient = local.GradientElasticity(
        fitted["longitudinal_TPa"],
        fitted["transverse_TPa"],
        fitted["longitudinal_length2_A2"],
        fitted["transverse_length2_A2"],
    )
    return {
        "learned": baselines.symbol_of(solid),
        "classical": local.GradientElasticity.classical(*lame).symbol,
        "gradient": gradient.symbol,
        "finite_differences": lambda k, spacing: local.difference_symbol(*lame, k, spacing),
    }


def measured(fields: FieldSet, models: Mapping[str, baselines.Operator]) -> dict[str, tuple[Array, Array]]:
    """Relative errors ``(s,)`` of residual and of displacement on periodic samples, by model."""
    waves = fieldsets.transformed(fields, "holdout")
    return {
        name: spectral.errors(operator(waves.wavevectors, waves.spacing), waves)
        for name, operator in models.items()
    }


def _show(out: Console, record: dict[str, Any]) -> None:
    table = Table(
        title=f"Residual / displacement errors (%) on {sum(record['loads'].values())} unseen loads, seed "
        f"{record['seed']}",
        title_justify="left",
    )
    titles = {"learned": "learned, frozen"} | baselines.TITLES
    table.add_column("loads")
    for name in record["errors"]:
        table.add_column(titles[name].partition(",")[0], justify="right")
    for kind in ("all", *record["loads"]):
        rows = (record["errors"][name][kind] for name in record["errors"])
        table.add_row(kind, *(f"{100 * row['E_res']:.2f} / {100 * row['E_u']:.2f}" for row in rows))
    out.print(table)
