"""The study of graphene: all of the paper's tables and figures, and what goes beyond, by one command.

Every number comes from a task of the engine, so the study goes on where it was interrupted.
The data are those of two campaigns, which are sampled first where they are not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from ...core import demand, parallel, stages, store
from ...core.config import as_text, load
from ...core.console import console, logging_to
from ...core.errors import MdbridgeError
from ...core.files import digest, write_json, write_text
from ...core.identity import Identity
from ...core.stages import Piece, Product, Stage, Task
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from ...fields.storage import get_fields
from .. import demands
from ..peridynamics.formats import DATASET
from ..peridynamics.input import Learn
from ..peridynamics.learning import Candidate, Fields, Source, learn_pair
from ..peridynamics.problems import evaluate
from ..peridynamics.stages import Campaign, open_campaign, read_fields, sample_campaign
from ..peridynamics.sweep import Selection, sweep
from ..peridynamics.thermal import LONG, PLAIN, PUBLISHED, TWIN, Variant, signal_to_noise, standard
from . import checks, seeds, worth
from . import tables as report
from .input import StudyInput

CAMPAIGN = "graphene-study"
HYBRID = "hybrid"
SPLITS = ("train", "val", "test")
# few enough for the ranks to share them evenly, many enough for a task to last seconds
_BATCH = 10  # replicates of a bootstrap in one task


@dataclass(frozen=True)
class Data:
    """A set of fields to learn from.

    Attributes:
        campaign: that made it.
        fields: by split.
        variant: of the dataset.
    """

    campaign: Campaign
    fields: Fields
    variant: str

    def identity(self, task: str, *disc: str, settings: Learn | None = None, **further: Any) -> Identity:
        """Of a result learned from these data, with the campaign's settings or others.

        Args:
            disc: keys of the campaign that solving on the disc reads.
        """
        variant = "" if self.variant == HYBRID else self.variant
        base = self.campaign.pairs_from(settings, variant)
        more = Identity.of("", self.campaign.config, disc) if disc else Identity("")
        # which splits are there decides what is trained on, and on which nodes
        further = {"fields": sorted(self.fields)} | further
        return replace(
            base,
            task=task,
            values=base.values | more.values | further,
            shown=base.shown | more.shown | further,
            after=base.after | ({"disc": self.campaign.disc_key} if disc else {}),
        )

    def learn(self, horizon: float, degree: int, **changes: Any) -> Candidate:
        """Learn one pair with the campaign's settings, some of them changed."""
        settings = self.campaign.config.learn.model_copy(update=changes)
        return learn_pair(settings, self.fields, horizon, int(degree))

    def measured(self, candidate: Candidate) -> dict[str, Any]:
        """The candidate with its errors on the disc, and what solving that took; failing is a result."""
        if candidate.material is None:
            return candidate.as_dict()
        errors, wall = dict(candidate.errors), {}
        config = self.campaign.config
        for name, fields in self.fields.items():
            # the periodic sets have been measured by their spectra while learning
            if fields.shape is not None:
                continue
            start = time.monotonic()
            try:
                solved = evaluate(
                    MPI.COMM_SELF, fields, candidate.material, config.solve, config.md.disc_inner_A, name
                )
            except MdbridgeError as error:
                return candidate.as_dict() | {"failure": str(error)}
            wall[name] = time.monotonic() - start
            errors[f"E_u_{name}"] = float(solved.E_u.mean())
            errors[f"E_res_{name}"] = float(solved.E_res.mean())
        return candidate.as_dict() | {
            "errors": errors,
            "solve_s": wall,
            "constants": candidate.material.as_dict(),
        }


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Do what is not done yet, and write study.md, study.json and the figures."""
    start = time.monotonic()

    def read() -> tuple[StudyInput, str]:
        return load(source, StudyInput, overrides), as_text(source, overrides)

    config, text = parallel.on_root(comm, read)
    demand.require(comm, demands.study(config), out)
    names, beside = config.campaigns, source.parent
    with claim(comm, out, CAMPAIGN, source, overrides, text) as workspace, ExitStack() as stack:

        def opened(folder: str, file: str, changes: Sequence[str]) -> Campaign:
            return stack.enter_context(open_campaign(comm, beside / file, out / folder, changes))

        # all folders are owned before anything is sampled: a wrong input is told first
        zero = opened("0K", names.zero, names.zero_set)
        warm = opened("300K", names.warm, names.warm_set)
        loud = opened(worth.LOUD, names.zero, [*names.zero_set, *names.loud_set])
        repeats = {folder: opened(folder, file, changes) for folder, file, changes in seeds.repeated(names)}

        def check() -> None:
            checks.check_campaigns(zero.config, warm.config, source)
            if seeds.NO_TWIN in repeats:
                checks.check_no_twin(warm.config, repeats[seeds.NO_TWIN].config, source)

        parallel.on_root(comm, check)
        # the short ones first: what is wrong with them is told within minutes
        for campaign in (zero, loud, warm, *repeats.values()):
            sample_campaign(campaign)
        # the last folder that was opened is that of a campaign
        with logging_to(workspace.root):
            _study(comm, config, workspace, (zero, loud, warm), repeats, start)


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What is known of a run before its sweeps, for 'mdbridge status': the report is made again each time.

    The campaigns are folders of their own, ``0K``, ``0K-loud``, ``300K`` and those of further seeds.
    """
    config = load(source, StudyInput, overrides)
    # all other tasks need the data, or what the sweeps chose
    return [Stage("tasks", list(checks.manufactured_tasks(config).values()), whole=False)]


def _study(
    comm: MPI.Comm,
    config: StudyInput,
    workspace: Workspace,
    campaigns: tuple[Campaign, Campaign, Campaign],
    repeats: dict[str, Campaign],
    start: float,
) -> None:
    zero, loud, warm = campaigns
    data = _data(zero, warm) | {worth.LOUD: Data(loud, read_fields(loud, SPLITS), "")}
    for folder, campaign in repeats.items():
        for suffix, filtered in seeds.FILTERS.items():
            variant = seeds.variant_of(campaign, filtered)
            data[f"{folder}{suffix}"] = Data(campaign, read_fields(campaign, SPLITS, variant), variant)
    selections = {label: _sweep(comm, data[label]) for label in ("0K", "300K")}

    def done(name: str, tasks: Mapping[str, Task[MPI.Comm]]) -> dict[str, dict[str, Any]]:
        stage = Stage("tasks", list(tasks.values()))
        stages.share(comm, workspace, stage, name, nullcontext)
        return stages.results(comm, workspace, stage)

    results = done("study", _independent(config, data) | _with_chosen(config, data, selections))
    models = {label: Candidate.from_dict(results[f"table4-{label}"], label) for label in _TABLE_4}
    # after the models, from which every replicate starts
    results |= done("bootstrap", _bootstraps(config, data, models))
    record = parallel.on_root(comm, lambda: _record(config, zero, warm, data, selections, results))
    record |= {"ranks": comm.size, "wall_s": time.monotonic() - start}

    def write(folder: Path) -> None:
        def work() -> None:
            write_json(folder / "study.json", record)
            report.draw(record, folder)
            write_text(folder / "study.md", report.markdown(record))

        parallel.on_root(comm, work)

    # the report is quick, and its numbers are those of the tasks
    identity = Identity("study", after={"results": digest(results)})
    product = Product("study", identity, ("study.json", "study.md"), write)
    stages.make(comm, workspace, product, again=True)
    console(comm).print(f"see {workspace.root / 'study.md'}", soft_wrap=True)


_TABLE_4 = ("0K", "300K-published", "300K")


def _record(
    config: StudyInput,
    zero: Campaign,
    warm: Campaign,
    data: dict[str, Data],
    sweeps: dict[str, Selection],
    results: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Everything that the report is made from (rank 0)."""
    both = {"0K": zero, "300K": warm}
    return {
        "sweeps": {label: sweep.as_dict() for label, sweep in sweeps.items()},
        "results": results,
        "direct": {label: _direct(campaign) for label, campaign in both.items()},
        "snr": {
            label: signal_to_noise(chosen.fields["train"])
            for label, chosen in data.items()
            if label[:4] == "300K" and not seeds.is_repeat(label)
        },
        "nonlinearity": seeds.nonlinearity(data, standard(warm.config).noise),
        "versions": versions(),
        "input_hash": digest(config.model_dump(), zero.dataset.identity.key, warm.dataset.identity.key),
        "seeds": {
            "MD at 300 K": _md_seeds(warm, config),
            "starts of the fits": zero.config.learn.seed,
            "bootstrap": config.bootstrap.seed,
            "scattered nodes": config.scattered.seed,
        },
        "samples": {label: _samples_of(campaign) for label, campaign in both.items()},
        "noise": standard(warm.config).noise,
    }


def _md_seeds(warm: Campaign, config: StudyInput) -> str:
    # check_campaigns has seen to it
    assert warm.config.thermal is not None
    return ", ".join(f"{seed}" for seed in (warm.config.thermal.seed, *config.campaigns.md_seeds))


def _data(zero: Campaign, warm: Campaign) -> dict[str, Data]:
    """All sets that anything is learned from, by label."""

    def read(campaign: Campaign, variant: str, names: Sequence[str] = SPLITS) -> Fields:
        return read_fields(campaign, names, variant)

    noise = standard(warm.config).noise

    def of(filtered: str, factor: float, noise: str) -> Data:
        variant = Variant(filtered, factor, noise)
        name = "" if variant == standard(warm.config) else variant.name
        # reduced loads have a training split alone; validation and disc are those of the whole loads
        if factor != 1.0:
            return Data(warm, of(filtered, 1.0, noise).fields | read(warm, name, ["train"]), name)
        return Data(warm, read(warm, name), name)

    data = {
        "0K": Data(zero, read(zero, ""), ""),
        "300K": of(LONG, 1.0, noise),
        "300K-published": of(PUBLISHED, 1.0, noise),
        "300K-plain": of(PUBLISHED, 1.0, PLAIN),
        "0K-hybrid": Data(zero, read(zero, "", [*SPLITS, *(f"{s}_fine" for s in SPLITS)]), HYBRID),
    }
    # the other way of taking the noise away, beside it
    if noise != TWIN:
        data["300K-twin"] = of(LONG, 1.0, TWIN)
    # check_campaigns has seen to it
    assert warm.config.thermal is not None
    for factor in warm.config.thermal.load_factors[1:]:
        data[f"300K-x{factor:g}"] = of(LONG, factor, noise)
        data[f"300K-published-x{factor:g}"] = of(PUBLISHED, factor, noise)
        data[f"300K-plain-x{factor:g}"] = of(PUBLISHED, factor, PLAIN)
    return data


def _sweep(comm: MPI.Comm, data: Data) -> Selection:
    campaign = data.campaign
    source = Source(campaign.config.learn, campaign.pairs_from(), lambda: data.fields)
    return sweep(comm, campaign.workspace, source, campaign.config.sweep, f"sweep {campaign.out.name}")


def _learned(
    name: str, data: Data, pair: Sequence[float], cost: float, **changes: Any
) -> dict[str, Task[MPI.Comm]]:
    """One pair, learned with some settings changed and measured on the disc."""
    settings = data.campaign.config.learn.model_copy(update=changes)
    identity = data.identity(
        "study: a pair", *_DISC, settings=settings, horizon_A=float(pair[0]), degree=int(pair[1])
    )
    work = partial(data.learn, float(pair[0]), int(pair[1]), **changes)
    return {name: Task(name, identity, lambda *_: data.measured(work()), cost)}


_DISC = ("solve", "md.disc_radius_A", "md.disc_inner_A")


def _independent(config: StudyInput, data: dict[str, Data]) -> dict[str, Task[MPI.Comm]]:
    """What does not depend on the sweeps."""
    tasks: dict[str, Task[MPI.Comm]] = {}
    compared = zip(("0K", "300K-published"), config.compare.algorithm_1, strict=True)
    for label, pair in compared:
        name = f"algorithm1-{label}"
        tasks |= _learned(name, data[label], pair, 25.0, method="algorithm-1")
        tasks |= _learned(f"{name}-same-loss", data[label], pair, 3.0, **worth.SAME_LOSS)
        tasks |= _learned(f"{name}-default", data[label], pair, 3.0)
    for label in ("0K", "300K"):
        for horizon, degree in config.compare.own_dilatation:
            # two functions of half the degree have as many coefficients as one
            name, half = f"dilatation-{label}-{horizon:g}-{degree:g}", (horizon, degree // 2)
            tasks |= _learned(f"{name}-one", data[label], (horizon, degree), 3.0)
            tasks |= _learned(f"{name}-two", data[label], (horizon, degree), 8.0, own_dilatation=True)
            tasks |= _learned(f"{name}-half", data[label], half, 6.0, own_dilatation=True)
    for horizon, degree in config.compare.hybrid:
        name = f"hybrid-{horizon:g}-{degree:g}"
        tasks |= _learned(f"{name}-one", data["0K-hybrid"], (horizon, degree), 15.0)
        tasks |= _learned(f"{name}-two", data["0K-hybrid"], (horizon, degree), 25.0, own_dilatation=True)
    # from the paper's setting to ours
    for step, (label, place, changes) in worth.STEPS.items():
        tasks |= _learned(f"waterfall-{step}", data[label], config.compare.steps[place], 6.0, **changes)
    tasks |= worth.baseline_tasks(data, _DISC)
    tasks |= checks.manufactured_tasks(config)
    identity = data["0K"].campaign.data()
    return tasks | checks.scattered_tasks(config, data["0K"].fields, identity)


def _with_chosen(
    config: StudyInput, data: dict[str, Data], selections: dict[str, Selection]
) -> dict[str, Task[MPI.Comm]]:
    """Tables 4 and 5: at the pairs that the sweeps chose."""
    tasks: dict[str, Task[MPI.Comm]] = {}
    for label, chosen in data.items():
        # Table 6 and the steps from the paper have pairs of their own
        if label in ("0K-hybrid", worth.LOUD):
            continue
        best = selections["0K" if label == "0K" else "300K"].best
        name = f"table4-{label}" if label in _TABLE_4 else f"table5-{label}"
        name = f"seed-{label}" if seeds.is_repeat(label) else name
        tasks |= _learned(name, chosen, (best.horizon, best.degree), 5.0)
    return tasks


def _bootstraps(
    config: StudyInput, data: dict[str, Data], models: dict[str, Candidate]
) -> dict[str, Task[MPI.Comm]]:
    settings = config.bootstrap
    tasks: dict[str, Task[MPI.Comm]] = {}
    for label, model in models.items():
        if model.material is None:
            continue
        for first in range(0, settings.replicates, _BATCH):
            drawn = range(first, min(first + _BATCH, settings.replicates))
            identity = data[label].identity(
                "study: a bootstrap",
                seed=settings.seed,
                replicates=list(drawn),
                start=digest(model.as_dict()["material"]),
            )
            name, draw = f"bootstrap-{label}-{first}", _bootstrap(data[label], model, settings.seed, drawn)
            tasks[name] = Task(name, identity, lambda *_, draw=draw: draw(), 10.0)
    return tasks


def _bootstrap(data: Data, model: Candidate, seed: int, drawn: range) -> Callable[[], dict[str, Any]]:
    def work() -> dict[str, Any]:
        count = len(data.fields["train"].u)
        constants, failed = [], 0
        for replicate in drawn:
            # by the replicate's number: the same draws however many are in a task
            random = np.random.default_rng([seed, replicate])
            # how often each load was drawn, as weights: no sample need be copied
            times = random.multinomial(count, np.full(count, 1 / count)).astype(float)
            settings = data.campaign.config.learn
            candidate = learn_pair(settings, data.fields, model.horizon, model.degree, model.material, times)
            if candidate.material is None:
                failed += 1
                continue
            m = candidate.material
            constants.append([m.lame_lambda, m.lame_mu, m.young, m.poisson])
        return {"constants": constants, "failed": failed}

    return work


def _direct(campaign: Campaign) -> dict[str, float]:
    """The elastic constants that LAMMPS gave directly, with standard errors where there are any."""
    with store.reading(campaign.out / "dataset.h5", DATASET) as file:
        known = file.attributes()
        direct = {k.removeprefix("md_"): float(v) for k, v in known.items() if k.startswith("md_")}
        direct["sample_wall_s"] = file.attribute("wall_s", float)
    return direct


def _samples_of(campaign: Campaign) -> dict[str, Any]:
    with store.reading(campaign.out / "dataset.h5", DATASET) as file:
        strain = file.attribute("max_bond_strain", float)
        train = get_fields(file, "train")
        settings = campaign.config.thermal
        return {
            "nodes": list(train.shape or ()),
            "spacing_A": train.spacing.tolist(),
            "max_bond_strain": strain,
            "thermal": None if settings is None else settings.model_dump(),
        }
