"""The graphene campaign: sample -> learn -> solve -> report.

Each stage leaves one file that carries a key, the hash of everything it was
made from.  A stage whose file carries the right key is not done again.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi4py import MPI
from rich.console import Console

from ...core import parallel, store
from ...core.config import load
from ...core.console import console, progress
from ...core.errors import FileError, InputError
from ...core.files import digest, read_json, write_json
from ...core.versions import versions
from ...fields.fieldset import FieldSet
from ...fields.storage import get_fields
from ...lps.material import LinearPeridynamicSolid
from ...md.session import potential
from . import figures, sampling, thermal
from . import learning as graphene_learning
from . import sweep as graphene_sweep
from . import sweep_figures as sweep_report
from .formats import DATASET, SOLUTIONS
from .input import GrapheneInput
from .problems import check_grid, evaluate

_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Campaign:
    """A campaign's input, its folder, and the keys of its stages."""

    comm: MPI.Comm
    config: GrapheneInput
    source: Path
    out: Path
    potential: str
    """Hash of the potential's file: another one under the same name makes other samples."""

    @property
    def data_key(self) -> str:
        c = self.config
        sections = [c.md.model_dump(), c.coarse.model_dump(), c.dynamics.model_dump()]
        if c.thermal is not None:
            sections.append(c.thermal.model_dump())
        return digest("sample 1", self.potential, *sections)

    @property
    def model_key(self) -> str:
        return digest("learn 1", self.data_key, self.config.learn.model_dump())

    @property
    def solution_key(self) -> str:
        return digest("solve 1", self.model_key, self.config.solve.model_dump())

    @property
    def sweep_key(self) -> str:
        return digest("sweep 1", self.pair_key, self.config.sweep.model_dump())

    @property
    def pair_key(self) -> str:
        """Of what a single pair is learned from: everything but the list of pairs."""
        lists = {"horizons_A", "degrees", "baseline_horizon_A"}
        return digest("pairs 1", self.data_key, self.config.learn.model_dump(exclude=lists))

    @property
    def dataset(self) -> Path:
        return self.out / "dataset.h5"

    @property
    def model(self) -> Path:
        return self.out / "model.json"

    @property
    def pairs(self) -> Path:
        """Where every learned pair (δ, M) is kept."""
        return self.out / "pairs"

    @property
    def solutions(self) -> Path:
        return self.out / "solutions.h5"


def sample(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 1 as a command."""
    sample_campaign(open_campaign(comm, source, out, overrides))


def learn(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str], sweep: bool = False) -> None:
    """Stage 2 as a command; with ``sweep`` Algorithm 2 over all pairs of the section [sweep]."""
    campaign = open_campaign(comm, source, out, overrides)
    if sweep:
        run_sweep(campaign)
    else:
        _learn(campaign)


def solve(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 3 as a command."""
    _solve(open_campaign(comm, source, out, overrides))


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 4 as a command."""
    _report(open_campaign(comm, source, out, overrides))


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """All stages, skipping what is done."""
    campaign = open_campaign(comm, source, out, overrides)
    for stage in (sample_campaign, _learn, _solve, _report):
        stage(campaign)


def open_campaign(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Campaign:
    """Read and check the input (collective)."""

    def read() -> tuple[GrapheneInput, str]:
        config = load(source, GrapheneInput, overrides)
        beside = source.parent / config.md.potential  # a path in a file is relative to the file
        if beside.is_file():
            md = config.md.model_copy(update={"potential": str(beside.resolve())})
            config = config.model_copy(update={"md": md})
        return config, hashlib.sha256(potential(config.md.potential).read_bytes()).hexdigest()

    config, potential_hash = parallel.on_root(comm, read)
    return Campaign(comm, config, source, out, potential_hash)


def _stage(campaign: Campaign, name: str, done: Callable[[], bool], work: Callable[[], None]) -> None:
    """Do a stage unless it is done; say which."""
    out = console(campaign.comm)
    if parallel.on_root(campaign.comm, done):
        out.print(f"[dim]{name}: done before[/dim]")
        return
    start = time.monotonic()
    work()
    out.print(f"{name}: {time.monotonic() - start:.1f} s")


def _made_from_input(campaign: Campaign, path: Path, found: str | None, key: str, stage: str) -> None:
    """A later stage takes only what this very input led to."""
    if found != key:
        raise FileError(
            f"{path}: made from another input than {campaign.source}; "
            f"run 'mdbridge {stage}' first, or choose another --out"
        )


# --- sample ---------------------------------------------------------------------


def sample_campaign(campaign: Campaign) -> None:
    """Stage 1, unless it is done."""

    def done() -> bool:
        return store.stored_key(campaign.dataset, DATASET) == campaign.data_key

    _stage(campaign, "sample", done, lambda: _do_sample(campaign))


def _do_sample(campaign: Campaign) -> None:
    start = time.monotonic()
    comm, config, key = campaign.comm, campaign.config, campaign.data_key
    folder = campaign.out / "samples"
    if config.thermal is None:
        make_jobs, collect = sampling.static_jobs, sampling.collect
    else:
        make_jobs, collect = thermal.jobs, thermal.collect
    with progress(comm, "sample") as tick:
        sampling.run_samples(comm, config, make_jobs(config), folder, key, tick)
    parallel.on_root(comm, lambda: collect(config, folder, key, campaign.dataset, time.monotonic() - start))


def read_fields(campaign: Campaign, names: Sequence[str], variant: str | None = None) -> dict[str, FieldSet]:
    """Read groups of the dataset on all ranks; the file must be the input's.

    Args:
        variant: another variant of the dataset than ``learn.variant``.

    Raises:
        FileError: the file is not there, not the input's, or lacks a group.
    """
    chosen = campaign.config.learn.variant if variant is None else variant
    prefix = f"variants/{chosen}" if chosen else ""

    def read() -> dict[str, FieldSet]:
        with store.reading(campaign.dataset, DATASET) as file:
            _made_from_input(campaign, campaign.dataset, file.key, campaign.data_key, "sample")
            available = file.group("variants").groups() if "variants" in file else []
            if chosen and chosen not in available:
                raise InputError(
                    f"'learn.variant' = '{chosen}': {campaign.dataset} has "
                    f"{', '.join(available) or 'no variants'}"
                )
            chosen_group = file.group(prefix) if chosen else file
            missing = [name for name in names if name not in chosen_group]
            if chosen and missing:
                raise InputError(
                    f"'learn.variant' = '{chosen}': has no {', '.join(missing)} (only "
                    f"{', '.join(chosen_group.groups())}); whole are the standard and the x1 variants"
                )
            return {name: get_fields(chosen_group, name) for name in names}

    return parallel.on_root(campaign.comm, read)


def training_fields(campaign: Campaign) -> dict[str, FieldSet]:
    """The groups that learning takes: the disc's for its node spacing alone."""
    names = (*_SPLITS, *(f"{split}_fine" for split in _SPLITS)) if campaign.config.learn.hybrid else _SPLITS
    return read_fields(campaign, names)


# --- learn ----------------------------------------------------------------------


def _learn(campaign: Campaign) -> None:
    def done() -> bool:
        return _json_key(campaign.model) == campaign.model_key

    _stage(campaign, "learn", done, lambda: _do_learn(campaign))


def _do_learn(campaign: Campaign) -> None:
    start = time.monotonic()
    comm, config = campaign.comm, campaign.config
    fields = training_fields(campaign)
    with progress(comm, "learn") as tick:
        outcome = graphene_learning.choose(
            comm, config.learn, fields, campaign.pairs, campaign.pair_key, tick
        )
    best = outcome.best
    assert best.material is not None
    model = best.material.as_dict() | {
        "certificate": best.certificates[0],
        "certificates": best.certificates,
        "metrics": best.errors,
        "method": config.learn.method,
        "candidates": [candidate.row() for candidate in outcome.candidates],
        "history": best.history,
        "trace": best.trace,
        "key": campaign.model_key,
        "input_hash": digest(config.model_dump()),
        "versions": versions(),
        "wall_s": time.monotonic() - start,
    }
    parallel.on_root(comm, lambda: write_json(campaign.model, model))


def run_sweep(campaign: Campaign) -> None:
    """Algorithm 2 over all pairs of the section [sweep]: sweep.json, sweep.png and a table."""
    comm, config = campaign.comm, campaign.config
    path = campaign.out / "sweep.json"

    def work() -> None:
        start = time.monotonic()
        fields = training_fields(campaign)
        with progress(comm, "sweep") as tick:
            found = graphene_sweep.sweep(
                comm, config.learn, config.sweep, fields, campaign.pairs, campaign.pair_key, tick
            )
        made = {"key": campaign.sweep_key, "versions": versions(), "wall_s": time.monotonic() - start}
        parallel.on_root(comm, lambda: write_json(path, found.as_dict() | made))

    def done() -> bool:
        return _json_key(path) == campaign.sweep_key

    _stage(campaign, "sweep", done, work)
    parallel.on_root(comm, lambda: sweep_report.show(console(comm), read_json(path), campaign.out))


def _json_key(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        return read_json(path).get("key")
    except FileError as error:
        Console(stderr=True).print(f"[yellow]{error}[/yellow]; it is made again")
        return None


def _material(campaign: Campaign) -> tuple[LinearPeridynamicSolid, list[dict[str, Any]]]:
    """The learned model and its certificates."""

    def read() -> tuple[LinearPeridynamicSolid, list[dict[str, Any]]]:
        if not campaign.model.exists():
            raise FileError(f"{campaign.model}: no such file; run 'mdbridge learn' first")
        stored = read_json(campaign.model)
        _made_from_input(campaign, campaign.model, stored.get("key"), campaign.model_key, "learn")
        material = LinearPeridynamicSolid.from_dict(stored, str(campaign.model))
        return material, stored["certificates"]

    return parallel.on_root(campaign.comm, read)


# --- solve ----------------------------------------------------------------------


def _solve(campaign: Campaign) -> None:
    def done() -> bool:
        return store.stored_key(campaign.solutions, SOLUTIONS) == campaign.solution_key

    _stage(campaign, "solve", done, lambda: _do_solve(campaign))


def _do_solve(campaign: Campaign) -> None:
    start = time.monotonic()
    comm, config = campaign.comm, campaign.config
    material, certificates = _material(campaign)
    found: dict[str, dict[str, Any]] = {}
    for name, fields in read_fields(campaign, _SPLITS).items():
        where = f"{campaign.dataset}: {name}"
        check_grid(certificates, fields, where)
        found[name] = evaluate(comm, fields, material, config.solve, config.md.disc_inner_A, where)
    wall = time.monotonic() - start
    parallel.on_root(comm, lambda: _write_solutions(campaign, found, wall))


def _write_solutions(campaign: Campaign, found: dict[str, dict[str, Any]], wall: float) -> None:
    with store.writing(campaign.solutions, SOLUTIONS, campaign.solution_key) as file:
        file.attributes(wall_s=wall)
        for name, values in found.items():
            group = file.group(name)
            group.numbered("sample", len(values["u"]), "number of the load, as in the dataset")
            group.numbered("node", values["u"].shape[1], "number of the node, as in the dataset")
            group.dimension("axis", ["x", "y"], "1", "direction")
            group.put("u", values["u"], ("sample", "node", "axis"), "angstrom", "displacement")
            group.put("inside", values["inside"], ("node",), "1", "whether errors are taken at the node")
            group.put("E_u", values["E_u"], ("sample",), "1", "relative error of the displacement")
            unit = "TPa/angstrom" if name == "test" else "1"
            group.put("E_res", values["E_res"], ("sample",), unit, "error of the load")
            group.put("iterations", values["iterations"], ("sample",), "1", "iterations of the solver")


# --- report ---------------------------------------------------------------------


def _report(campaign: Campaign) -> None:
    """Collect the summary and draw what is missing; quick, so only the key is compared."""
    summary_path = campaign.out / "summary.json"
    key = digest("report 1", campaign.solution_key)
    names = figures.expected(campaign.config.dynamics.enabled)

    def check_solutions() -> None:
        found = store.stored_key(campaign.solutions, SOLUTIONS)
        _made_from_input(campaign, campaign.solutions, found, campaign.solution_key, "solve")

    def done() -> bool:
        return _json_key(summary_path) == key and all((campaign.out / name).exists() for name in names)

    def work() -> None:
        start = time.monotonic()
        results = figures.gather(
            campaign.dataset, campaign.model, campaign.solutions, campaign.config.learn.variant
        )
        figures.draw(results, campaign.out)
        summary = figures.summarise(results)
        summary["wall_s"]["report"] = time.monotonic() - start
        write_json(summary_path, summary | {"key": key})

    read_fields(campaign, ())
    _material(campaign)
    parallel.on_root(campaign.comm, check_solutions)
    _stage(campaign, "report", done, lambda: parallel.on_root(campaign.comm, work))
    if campaign.comm.rank == 0:
        figures.print_table(console(campaign.comm), read_json(summary_path), campaign.out)
