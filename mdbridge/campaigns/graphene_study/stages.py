"""The study of graphene: all of the paper's tables and figures, and what goes beyond, by one command.

Every number comes from a task (see :mod:`.tasks`) that is kept in a file of its own, so the
study goes on where it was interrupted.  The data are those of two campaigns, which are
sampled first where they are not.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from ...core import parallel, store
from ...core.config import load
from ...core.console import console, progress
from ...core.errors import MdbridgeError
from ...core.files import digest, write_json, write_text
from ...core.stages import Task, run_tasks
from ...core.versions import versions
from ...fields.storage import get_fields
from ..peridynamics import stages
from ..peridynamics import sweep as graphene_sweep
from ..peridynamics.formats import DATASET
from ..peridynamics.learning import Candidate, Fields, learn_one
from ..peridynamics.problems import evaluate
from ..peridynamics.thermal import signal_to_noise
from . import checks
from . import tables as report
from .input import StudyInput

SPLITS = ("train", "val", "test")
PUBLISHED, PLAIN = "published-x1-twin", "published-x1-plain"
_BATCH = 10  # replicates of a bootstrap in one task


@dataclass(frozen=True)
class Data:
    """A set of fields to learn from.

    Attributes:
        campaign: that made it.
        fields: by split.
        variant: of the dataset.
    """

    campaign: stages.Campaign
    fields: Fields
    variant: str

    def key(self, *parts: Any) -> str:
        """Of a result made from these data and ``parts``."""
        return digest("study 2", self.campaign.pair_key, self.variant, *parts)

    def learn(self, horizon: float, degree: int, **changes: Any) -> Candidate:
        """Learn one pair with the campaign's settings, some of them changed."""
        settings = self.campaign.config.learn.model_copy(update=changes)
        return learn_one(settings, self.fields, horizon, int(degree))

    def measured(self, one: Candidate) -> dict[str, Any]:
        """The candidate with its errors on the disc, and what solving that took; failing is a result."""
        if one.material is None:
            return one.as_dict()
        errors, wall = dict(one.errors), {}
        config = self.campaign.config
        for name, fields in self.fields.items():
            if fields.shape is not None:
                continue
            start = time.monotonic()
            try:
                found = evaluate(
                    MPI.COMM_SELF, fields, one.material, config.solve, config.md.disc_inner_A, name
                )
            except MdbridgeError as error:
                return one.as_dict() | {"failure": str(error)}
            wall[name] = time.monotonic() - start
            errors[f"E_u_{name}"] = float(found["E_u"].mean())
            errors[f"E_res_{name}"] = float(found["E_res"].mean())
        return one.as_dict() | {"errors": errors, "solve_s": wall, "constants": one.material.as_dict()}


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Do what is not done yet, and write study.md, study.json and the figures."""
    start = time.monotonic()
    config = parallel.on_root(comm, lambda: load(source, StudyInput, overrides))
    names = config.campaigns
    zero, warm = (
        stages.open_campaign(comm, source.parent / file, out / folder, sets)
        for file, folder, sets in ((names.zero, "0K", names.zero_set), (names.warm, "300K", names.warm_set))
    )
    parallel.on_root(comm, lambda: checks.check_campaigns(zero.config, warm.config, source))
    for campaign in (zero, warm):
        stages.sample_campaign(campaign)
    data = _data(comm, zero, warm)
    sweeps = {label: _sweep(comm, data[label]) for label in ("0K", "300K")}
    tasks = _independent(config, data) | _with_chosen(config, data, sweeps)
    with progress(comm, "study") as tick:
        results = run_tasks(comm, tasks, out / "tasks", tick)
    models = {label: Candidate.from_dict(results[f"table4-{label}"], label) for label in _TABLE_4}
    with progress(comm, "bootstrap") as tick:
        results |= run_tasks(comm, _bootstraps(config, data, models), out / "tasks", tick)

    def write() -> None:
        record = _record(config, zero, warm, data, sweeps, results)
        record |= {"ranks": comm.size, "wall_s": time.monotonic() - start}
        write_json(out / "study.json", record)
        report.draw(record, out)
        write_text(out / "study.md", report.markdown(record))

    parallel.on_root(comm, write)
    console(comm).print(f"study: {time.monotonic() - start:.1f} s; see {out / 'study.md'}")


_TABLE_4 = ("0K", "300K-published", "300K")


def _record(
    config: StudyInput,
    zero: stages.Campaign,
    warm: stages.Campaign,
    data: dict[str, Data],
    sweeps: dict[str, graphene_sweep.Selection],
    results: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Everything that the report is made from (rank 0)."""
    both = {"0K": zero, "300K": warm}
    return {
        "sweeps": {label: sweep.as_dict() for label, sweep in sweeps.items()},
        "results": results,
        "direct": {label: _direct(campaign) for label, campaign in both.items()},
        "snr": {
            label: signal_to_noise(one.fields["train"]) for label, one in data.items() if label[:4] == "300K"
        },
        "versions": versions(),
        "input_hash": digest(config.model_dump(), zero.data_key, warm.data_key),
        "seeds": {
            "MD at 300 K": warm.config.thermal.seed if warm.config.thermal else None,
            "starts of the fits": zero.config.learn.seed,
            "bootstrap": config.bootstrap.seed,
            "scattered nodes": config.scattered.seed,
        },
        "samples": {label: _samples_of(campaign) for label, campaign in both.items()},
    }


def _data(comm: MPI.Comm, zero: stages.Campaign, warm: stages.Campaign) -> dict[str, Data]:
    """All sets that anything is learned from, by label."""

    def read(campaign: stages.Campaign, variant: str, names: Sequence[str] = SPLITS) -> Fields:
        return stages.read_fields(campaign, names, variant)

    data = {
        "0K": Data(zero, read(zero, ""), ""),
        "300K": Data(warm, read(warm, ""), ""),
        "300K-published": Data(warm, read(warm, PUBLISHED), PUBLISHED),
        "300K-plain": Data(warm, read(warm, PLAIN), PLAIN),
        "0K-hybrid": Data(zero, read(zero, "", [*SPLITS, *(f"{s}_fine" for s in SPLITS)]), "hybrid"),
    }
    assert warm.config.thermal is not None
    for factor in warm.config.thermal.load_factors[1:]:
        for label, name in (("300K", "long"), ("300K-published", "published")):
            variant = f"{name}-x{factor:g}-twin"
            fields = data[label].fields | read(warm, variant, ["train"])
            data[f"{label}-x{factor:g}"] = Data(warm, fields, variant)
        variant = f"published-x{factor:g}-plain"
        fields = data["300K-plain"].fields | read(warm, variant, ["train"])
        data[f"300K-plain-x{factor:g}"] = Data(warm, fields, variant)
    return data


def _sweep(comm: MPI.Comm, data: Data) -> graphene_sweep.Selection:
    campaign = data.campaign
    with progress(comm, f"sweep {campaign.out.name}") as tick:
        return graphene_sweep.sweep(
            comm,
            campaign.config.learn,
            campaign.config.sweep,
            data.fields,
            campaign.pairs,
            campaign.pair_key,
            tick,
        )


def _independent(config: StudyInput, data: dict[str, Data]) -> dict[str, Task]:
    """What does not depend on the sweeps."""
    tasks: dict[str, Task] = {}

    def add(name: str, label: str, pair: Sequence[float], cost: float, **changes: Any) -> None:
        one = data[label]
        tasks[name] = Task(
            cost, one.key(name, *pair, changes), lambda: one.measured(one.learn(*pair, **changes))
        )

    compared = zip(("0K", "300K-published"), config.compare.algorithm_1, strict=True)
    for label, pair in compared:
        same_loss = {"solution_weight": 0.0, "consistency_weight": 0.0, "long_wave_weight": 0.0}
        add(f"algorithm1-{label}", label, pair, 25.0, method="algorithm-1")
        add(f"algorithm1-{label}-same-loss", label, pair, 3.0, **same_loss)
        add(f"algorithm1-{label}-default", label, pair, 3.0)
    for label in ("0K", "300K"):
        for horizon, degree in config.compare.own_dilatation:
            name = f"dilatation-{label}-{horizon:g}-{degree:g}"
            add(f"{name}-one", label, (horizon, degree), 3.0)
            add(f"{name}-two", label, (horizon, degree), 8.0, own_dilatation=True)
            add(f"{name}-half", label, (horizon, degree // 2), 6.0, own_dilatation=True)
    for horizon, degree in config.compare.hybrid:
        name = f"hybrid-{horizon:g}-{degree:g}"
        add(f"{name}-one", "0K-hybrid", (horizon, degree), 15.0)
        add(f"{name}-two", "0K-hybrid", (horizon, degree), 25.0, own_dilatation=True)
    tasks |= checks.manufactured_tasks(config.manufactured)
    tasks |= checks.scattered_tasks(config.scattered, data["0K"].fields, data["0K"].key("scattered"))
    return tasks


def _with_chosen(
    config: StudyInput, data: dict[str, Data], sweeps: dict[str, graphene_sweep.Selection]
) -> dict[str, Task]:
    """Tables 4 and 5: at the pairs that the sweeps chose."""
    tasks: dict[str, Task] = {}
    for label, one in data.items():
        if label == "0K-hybrid":
            continue
        best = sweeps["0K" if label == "0K" else "300K"].best
        pair = (best.horizon, best.degree)
        name = f"table4-{label}" if label in _TABLE_4 else f"table5-{label}"
        tasks[name] = Task(
            5.0, one.key("chosen", *pair), lambda one=one, pair=pair: one.measured(one.learn(*pair))
        )
    return tasks


def _bootstraps(config: StudyInput, data: dict[str, Data], models: dict[str, Candidate]) -> dict[str, Task]:
    settings = config.bootstrap
    tasks = {}
    for label, model in models.items():
        if model.material is None:
            continue
        for first in range(0, settings.replicates, _BATCH):
            drawn = range(first, min(first + _BATCH, settings.replicates))
            key = data[label].key("bootstrap", settings.seed, list(drawn), model.as_dict()["material"])
            work = _bootstrap(data[label], model, settings.seed, drawn)
            tasks[f"bootstrap-{label}-{first}"] = Task(10.0, key, work)
    return tasks


def _bootstrap(data: Data, model: Candidate, seed: int, drawn: range):
    def work() -> dict[str, Any]:
        count = len(data.fields["train"].u)
        constants, failed = [], 0
        for replicate in drawn:
            random = np.random.default_rng([seed, replicate])
            times = random.multinomial(count, np.full(count, 1 / count)).astype(float)
            settings = data.campaign.config.learn
            one = learn_one(settings, data.fields, model.horizon, model.degree, model.material, times)
            if one.material is None:
                failed += 1
                continue
            m = one.material
            constants.append([m.lame_lambda, m.lame_mu, m.young, m.poisson])
        return {"constants": constants, "failed": failed}

    return work


def _direct(campaign: stages.Campaign) -> dict[str, float]:
    """The elastic constants that LAMMPS gave directly, with standard errors where there are any."""
    with store.reading(campaign.dataset, DATASET) as file:
        known = file.attributes()
        found = {k.removeprefix("md_"): float(v) for k, v in known.items() if k.startswith("md_")}
        found["sample_wall_s"] = file.attribute("wall_s", float)
    return found


def _samples_of(campaign: stages.Campaign) -> dict[str, Any]:
    with store.reading(campaign.dataset, DATASET) as file:
        strain = file.attribute("max_bond_strain", float)
        train = get_fields(file, "train")
        settings = campaign.config.thermal
        return {
            "nodes": list(train.shape or ()),
            "spacing_A": train.spacing.tolist(),
            "max_bond_strain": strain,
            "thermal": None if settings is None else settings.model_dump(),
        }
