"""The graphene campaign: sample -> learn -> solve -> report.

Each stage leaves one file that carries a key, the hash of everything it was
made from.  A stage whose file carries the right key is not done again.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from .. import dataset, parallel
from ..config import load
from ..dataset import SOLUTIONS, FieldSet
from ..errors import FileError, InputError
from ..files import digest, read_json, write_json
from ..lps import solver
from ..lps.model import LinearPeridynamicSolid
from ..md.session import potential
from ..report import graphene as figures
from ..report.console import console, progress
from . import graphene_learning, graphene_sampling, graphene_thermal
from .doctor import versions
from .graphene_input import GrapheneInput

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
    def dataset(self) -> Path:
        return self.out / "dataset.h5"

    @property
    def model(self) -> Path:
        return self.out / "model.json"

    @property
    def solutions(self) -> Path:
        return self.out / "solutions.h5"


def sample(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 1 as a command."""
    _sample(_open(comm, source, out, overrides))


def learn(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 2 as a command."""
    _learn(_open(comm, source, out, overrides))


def solve(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 3 as a command."""
    _solve(_open(comm, source, out, overrides))


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Stage 4 as a command."""
    _report(_open(comm, source, out, overrides))


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """All stages, skipping what is done."""
    campaign = _open(comm, source, out, overrides)
    for stage in (_sample, _learn, _solve, _report):
        stage(campaign)


def _open(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Campaign:
    def read() -> tuple[GrapheneInput, str]:
        config = load(source, GrapheneInput, overrides)
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


def _sample(campaign: Campaign) -> None:
    def done() -> bool:
        return dataset.stored_key(campaign.dataset) == campaign.data_key

    _stage(campaign, "sample", done, lambda: _do_sample(campaign))


def _do_sample(campaign: Campaign) -> None:
    start = time.monotonic()
    comm, config, key = campaign.comm, campaign.config, campaign.data_key
    folder = campaign.out / "samples"
    if config.thermal is None:
        make_jobs, collect = graphene_sampling.static_jobs, graphene_sampling.collect
    else:
        make_jobs, collect = graphene_thermal.jobs, graphene_thermal.collect
    with progress(comm, "sample") as tick:
        graphene_sampling.run_samples(comm, config, make_jobs(config), folder, key, tick)
    parallel.on_root(comm, lambda: collect(config, folder, key, campaign.dataset, time.monotonic() - start))


def _fields(campaign: Campaign, names: Sequence[str]) -> dict[str, FieldSet]:
    """Read groups of the dataset on all ranks; the file must be the input's."""

    def read() -> dict[str, FieldSet]:
        with dataset.reading(campaign.dataset) as file:
            _made_from_input(campaign, campaign.dataset, file.attrs["key"], campaign.data_key, "sample")
            return {name: dataset.get_fields(file, name) for name in names}

    return parallel.on_root(campaign.comm, read)


# --- learn ----------------------------------------------------------------------


def _learn(campaign: Campaign) -> None:
    def done() -> bool:
        return _json_key(campaign.model) == campaign.model_key

    _stage(campaign, "learn", done, lambda: _do_learn(campaign))


def _do_learn(campaign: Campaign) -> None:
    start = time.monotonic()
    comm, config = campaign.comm, campaign.config
    fields = _fields(campaign, _SPLITS)
    with progress(comm, "learn") as tick:
        outcome = graphene_learning.choose(comm, config.learn, fields, tick)
    best = outcome.best
    model = best.fit.material.as_dict() | {
        "certificate": asdict(best.fit.certificates[0]),
        "certificates": [asdict(one) for one in best.fit.certificates],
        "metrics": best.errors,
        "method": config.learn.method,
        "candidates": [candidate.row() for candidate in outcome.candidates],
        "history": best.fit.history,
        "trace": best.fit.trace,
        "key": campaign.model_key,
        "input_hash": digest(config.model_dump()),
        "versions": versions(),
        "wall_s": time.monotonic() - start,
    }
    parallel.on_root(comm, lambda: write_json(campaign.model, model))


def _json_key(path: Path) -> str | None:
    try:
        return read_json(path).get("key")
    except FileError:
        return None


def _material(campaign: Campaign) -> LinearPeridynamicSolid:
    def read() -> LinearPeridynamicSolid:
        if not campaign.model.exists():
            raise FileError(f"{campaign.model}: no such file; run 'mdbridge learn' first")
        stored = read_json(campaign.model)
        _made_from_input(campaign, campaign.model, stored.get("key"), campaign.model_key, "learn")
        return LinearPeridynamicSolid.from_dict(stored, str(campaign.model))

    return parallel.on_root(campaign.comm, read)


# --- solve ----------------------------------------------------------------------


def _solve(campaign: Campaign) -> None:
    def done() -> bool:
        return dataset.stored_key(campaign.solutions, SOLUTIONS) == campaign.solution_key

    _stage(campaign, "solve", done, lambda: _do_solve(campaign))


def _do_solve(campaign: Campaign) -> None:
    start = time.monotonic()
    comm, config = campaign.comm, campaign.config
    material = _material(campaign)
    found: dict[str, dict[str, Any]] = {}
    options = {"rtol": config.solve.relative_tolerance, "max_iterations": config.solve.max_iterations}
    for name, fields in _fields(campaign, _SPLITS).items():
        if fields.shape is not None:
            solution = solver.solve_periodic(comm, fields.nodes, fields.box, material, fields.b, **options)
            inside = np.ones(len(fields.nodes), dtype=bool)
            truth = fields.u - fields.u.mean(axis=1, keepdims=True)
            applied = solver.apply(comm, fields.nodes, material, fields.u, fields.box)
        else:
            inside = np.hypot(*fields.nodes.T) < config.md.disc_inner_A
            _check_collar(fields, inside, material.influence.horizon, campaign.dataset)
            solution = solver.solve_dirichlet(
                comm, fields.nodes, inside, material, fields.b, fields.u, **options
            )
            truth = fields.u
            applied = solver.apply(comm, fields.nodes, material, fields.u, at=inside)
        error = _norm((solution.displacement - truth)[:, inside]) / _norm(truth[:, inside])
        residual = _norm((applied - fields.b)[:, inside])
        found[name] = {
            "u": solution.displacement,
            "inside": inside,
            "E_u": error,
            # the disc carries no load inside, so there is nothing to divide by
            "E_res": residual / _norm(fields.b[:, inside]) if fields.shape is not None else residual,
            "iterations": solution.iterations,
        }
    wall = time.monotonic() - start
    parallel.on_root(comm, lambda: _write_solutions(campaign, found, wall))


def _check_collar(fields: FieldSet, inside: np.ndarray, horizon: float, source: Path) -> None:
    reach = np.hypot(*fields.nodes[inside].T).max() + 2 * horizon
    covered = np.hypot(*fields.nodes.T).max()
    if covered < reach:
        raise InputError(
            f"{source}: nodes of 'test' reach {covered:.1f} Å, but a horizon of {horizon:g} Å needs values "
            f"up to {reach:.1f} Å; learn with a shorter horizon or sample a larger disc"
        )


def _norm(values: np.ndarray) -> np.ndarray:
    return np.sqrt((values**2).sum(axis=(1, 2)))


def _write_solutions(campaign: Campaign, found: dict[str, dict[str, Any]], wall: float) -> None:
    with dataset.writing(campaign.solutions, campaign.solution_key, SOLUTIONS) as file:
        file.attrs["wall_s"] = wall
        for name, values in found.items():
            group = file.create_group(name)
            dataset.put(group, "u", values["u"], "angstrom")
            dataset.put(group, "inside", values["inside"], "none")
            dataset.put(group, "E_u", values["E_u"], "fraction")
            dataset.put(group, "E_res", values["E_res"], "TPa/angstrom" if name == "test" else "fraction")
            dataset.put(group, "iterations", values["iterations"], "count")


# --- report ---------------------------------------------------------------------


def _report(campaign: Campaign) -> None:
    """Collect the summary and draw what is missing; quick, so only the key is compared."""
    summary_path = campaign.out / "summary.json"
    key = digest("report 1", campaign.solution_key)
    names = figures.expected(campaign.config.dynamics.enabled)

    def check_solutions() -> None:
        found = dataset.stored_key(campaign.solutions, SOLUTIONS)
        _made_from_input(campaign, campaign.solutions, found, campaign.solution_key, "solve")

    def done() -> bool:
        return _json_key(summary_path) == key and all((campaign.out / name).exists() for name in names)

    def work() -> None:
        start = time.monotonic()
        results = figures.gather(campaign.dataset, campaign.model, campaign.solutions)
        figures.draw(results, campaign.out)
        summary = figures.summarise(results)
        summary["wall_s"]["report"] = time.monotonic() - start
        write_json(summary_path, summary | {"key": key})

    _fields(campaign, ())
    _material(campaign)
    parallel.on_root(campaign.comm, check_solutions)
    _stage(campaign, "report", done, lambda: parallel.on_root(campaign.comm, work))
    if campaign.comm.rank == 0:
        figures.print_table(console(campaign.comm), read_json(summary_path), campaign.out)
