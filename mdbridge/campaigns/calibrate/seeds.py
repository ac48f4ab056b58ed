"""``mdbridge calibrate --seeds N``: the same calibration with several seeds, and what they agree on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from scipy import stats

from ... import __version__
from ...core import config, demand, files, parallel
from ...core.console import console
from ...core.errors import InputError
from ...core.identity import Identity
from ...core.stages import Piece, Product, Stage, Task, make, share
from ...core.versions import versions
from ...core.workspace import claim
from .. import demands
from . import problem, stages
from .input import CalibrateInput
from .runs import Run, medians
from .stages import CAMPAIGN

Job = tuple[str, str, int]
"""Folder, scheme and seed of a run."""

CHECKPOINTS = 8
"""Numbers of evaluations at which the schemes are compared."""

REPEATS = (
    "95 %, Student's t: where the optimum of one more seed is to be expected; the spread of the search, "
    "not of the data"
)


def run(
    comm: MPI.Comm,
    path: Path,
    out: Path,
    overrides: Sequence[str],
    seeds: int,
    resume: bool = False,
    accept_changes: bool = False,
) -> None:
    """Run ``path`` with ``seeds`` seeds from ``[ego] seed`` on, and each scheme of ``[study]`` (collective).

    Each run has a folder of its own in ``out``; study.json and figures are
    written to ``out``.  Runs are spread over the ranks; ranks beyond their
    number share runs.

    Raises:
        InputError: the input, or a record of another configuration, named.
        MdbridgeError: a run failed; the others were finished first.
    """
    out = Path(out)
    settings = parallel.on_root(comm, lambda: config.load(path, CalibrateInput, overrides))
    # the list of runs itself may be large
    demand.require(comm, demands.calibrate(settings, seeds * max(1, len(settings.study.schemes))), out)
    jobs, given = parallel.on_root(comm, lambda: _jobs(path, out, overrides, seeds, resume))
    text = parallel.on_root(comm, lambda: config.as_text(path, overrides))
    with claim(comm, out, CAMPAIGN, path, overrides, text) as workspace:
        stage = Stage("seeds", [_task(path, out, overrides, job, given, accept_changes) for job in jobs])
        # one rank a run as long as there are enough runs: the search of one seed is sequential
        share(comm, workspace, stage, "seeds", nullcontext, max(1, comm.size // len(jobs)))

        def write(staged: Path) -> None:
            parallel.on_root(comm, lambda: _finish(out, staged, jobs))

        make(comm, workspace, _comparison_of(stage, write), again=True)
        study = parallel.on_root(comm, lambda: files.read_json(out / "study.json"))
    for line in _table(study):
        console(comm).print(line, soft_wrap=True)


def _task(
    path: Path, out: Path, overrides: Sequence[str], job: Job, given: Identity, accept_changes: bool
) -> Task[MPI.Comm]:
    """One seed's calibration, which goes on where its own record ends."""
    folder, scheme, seed = job
    # the checked input is that of all jobs but for these two
    own = {"ego.scheme": scheme, "ego.seed": seed}
    identity = replace(given, values={**given.values, **own}, shown={**given.shown, **own})

    def work(group: MPI.Comm, _: object) -> dict[str, Any]:
        settings = [*overrides, f"ego.scheme='{scheme}'", f"ego.seed={seed}"]
        # its own record says how far it is, whatever --resume says of the whole
        begun = parallel.on_root(group, (out / folder / "trials.jsonl").exists)
        stages.run(group, path, out / folder, settings, begun, accept_changes)
        return {"folder": folder}

    return Task(folder, identity, work)


def _jobs(
    path: Path, out: Path, overrides: Sequence[str], seeds: int, resume: bool
) -> tuple[list[Job], Identity]:
    """All runs, and what they read; the input is checked, and that no record is in the way."""
    settings = config.load(path, CalibrateInput, overrides)
    given = stages.identity(problem.prepare(path, overrides))
    first = settings.ego.seed
    schemes = settings.study.schemes or [settings.ego.scheme]
    jobs: list[tuple[str, str, int]] = [
        (f"{scheme}-seed-{seed}", scheme, seed)
        # a scheme given twice is run once
        for scheme in dict.fromkeys(schemes)
        for seed in range(first, first + seeds)
    ]
    # before any run: hours later one would be refused, and the others done
    there = [folder for folder, _, _ in jobs if (out / folder / "trials.jsonl").exists()]
    if there and not resume:
        raise InputError(
            f"{out / there[0]}: holds a record already; go on with --resume, or choose another --out"
        )
    return jobs, given


def plan_of(out: Path, path: Path, overrides: Sequence[str], given: Identity) -> list[Piece]:
    """What a run would do of a study in ``out``, for 'mdbridge status'; nothing where none was begun.

    Args:
        out: the folder of the study.
        path, overrides: the input.
        given: what a calibration of it depends on.
    """
    begun = sorted(record.parent.name for record in out.glob("*-seed-*/trials.jsonl"))
    parts = [folder.rpartition("-seed-") for folder in begun]
    jobs = [(folder, scheme, int(seed)) for folder, (scheme, _, seed) in zip(begun, parts, strict=True)]
    if not jobs:
        return []
    stage = Stage("seeds", [_task(path, out, overrides, job, given, False) for job in jobs])
    return [stage, _comparison_of(stage, lambda staged: None)]


def _comparison_of(stage: Stage[MPI.Comm], write: Callable[[Path], None]) -> Product:
    """The study, made of all its runs."""
    after = {task.name: task.identity.key for task in stage.tasks}
    return Product("comparison", Identity("seeds", after=after), ("study.json",), write)


def _finish(out: Path, staged: Path, jobs: Sequence[Job]) -> None:
    """Write study.json and the figures (rank 0)."""
    from . import seeds_figures as figures

    schemes: dict[str, list[Run]] = {}
    for folder, scheme, _ in jobs:
        schemes.setdefault(scheme, []).append(Run.read(out / folder))
    study = {
        "version": __version__,
        "folders": [folder for folder, _, _ in jobs],
        "schemes": {scheme: _agreement(runs) for scheme, runs in schemes.items()},
        "at_equal_evaluations": _comparison(schemes),
        "versions": versions(),
    }
    files.write_json(staged / "study.json", study)
    figures.draw(staged, schemes)


def _agreement(runs: Sequence[Run]) -> dict[str, Any]:
    """What the seeds found, and how far apart."""
    summaries = [run.summary for run in runs]
    distances = np.array([s["distance"] for s in summaries])
    truth, compared = summaries[0]["truth"] or {}, summaries[0]["compared"]
    parameters = {}
    for name in runs[0].names:
        values = np.array([s["best"][name] for s in summaries])
        parameters[name] = _spread(values)
        if name in truth:
            inside = [
                s["intervals"][name][0] <= truth[name] <= s["intervals"][name][1]
                for s in summaries
                # a run with too few trials has none
                if s["intervals"]
            ]
            parameters[name] |= {
                "truth": truth[name],
                "largest_error": float(np.abs(values - truth[name]).max()),
                "intervals_that_hold_the_truth": f"{sum(inside)} of {len(inside)}",
            }
    return {
        "runs": [
            {key: s[key] for key in ("seed", "best", "distance", "evaluations", "failed", "wall_s")}
            for s in summaries
        ],
        "distance": _spread(distances),
        "compared": compared,
        "not_above_compared": None if compared is None else int(np.sum(distances <= compared["distance"])),
        "evaluations": _spread(np.array([s["evaluations"] for s in summaries], dtype=float)),
        "parameters": parameters,
        "interval_from": REPEATS,
    }


def _spread(values: np.ndarray) -> dict[str, Any]:
    """Least, mean, largest, standard deviation, and the 95 % prediction interval of one more."""
    count, mean = len(values), float(values.mean())
    spread: dict[str, Any] = {"least": float(values.min()), "mean": mean, "largest": float(values.max())}
    if count > 1:
        deviation = float(values.std(ddof=1))
        # √(1 + 1/n): of one more, not of the mean
        half = float(stats.t.ppf(0.975, count - 1)) * deviation * np.sqrt(1.0 + 1.0 / count)
        spread |= {"deviation": deviation, "interval": [mean - half, mean + half]}
    return spread


def _comparison(schemes: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Median and largest of the least distances of each scheme at equal numbers of evaluations."""
    longest = max(len(run.trials) for runs in schemes.values() for run in runs)
    counts = np.unique(np.linspace(0, longest, CHECKPOINTS + 1).astype(int))[1:]  # from 1 on
    comparison: dict[str, Any] = {"evaluations": counts.tolist()}
    for scheme, runs in schemes.items():
        comparison[scheme] = {
            "median": medians(runs, longest)[counts - 1].tolist(),
            "largest": [max(float(run.distance()[: int(n)][-1]) for run in runs) for n in counts],
        }
    return comparison


def _table(study: Mapping[str, Any]) -> list[str]:
    """What a person reads at the end."""
    lines = []
    for scheme, agreement in study["schemes"].items():
        least, largest = agreement["distance"]["least"], agreement["distance"]["largest"]
        lines.append(f"{scheme}, {len(agreement['runs'])} seeds: distance {least:.5g} to {largest:.5g}")
        if agreement["compared"] is not None:
            lines.append(
                f"  {agreement['not_above_compared']} of them not above "
                f"{agreement['compared']['distance']:.5g}, that of output.compare"
            )
        for name, spread in agreement["parameters"].items():
            truth = f", truth {spread['truth']:g}" if "truth" in spread else ""
            lines.append(f"  {name}: {spread['least']:.6g} to {spread['largest']:.6g}{truth}")
    compared = study["at_equal_evaluations"]
    for k, count in enumerate(compared["evaluations"]):
        texts = (f"{scheme} {compared[scheme]['median'][k]:.3g}" for scheme in study["schemes"])
        lines.append(f"median distance after {count} evaluations: {', '.join(texts)}")
    return lines
