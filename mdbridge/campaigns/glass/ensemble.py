"""Many samples of one glass, which differ by their seeds: tasks of the engine, and what they say together.

Each sample is a whole campaign in a folder of its own, ``samples/seed-N``, so that it goes
on where it was interrupted.  Groups of ranks take the next sample as they become free.  A
sample that fails is recorded with what it died of, the others go on, and the next start
tries it again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ...core import console, parallel, stages
from ...core.errors import MdbridgeError
from ...core.files import read_json, write_json
from ...core.identity import Identity
from ...core.stages import Product, Progress, Stage, Task
from ...core.versions import versions
from ...core.workspace import Workspace
from . import ensemble_figures, ensemble_report
from .input import Calibrate, GlassInput

SAMPLES, RUNS = "samples", "runs"
"""Folder of the samples; stage of their whole runs."""
Work = Callable[[MPI.Comm, Path, Sequence[str]], None]
"""Does a campaign in a folder, with further overrides; on a group of ranks."""


def seeds(config: GlassInput) -> list[int]:
    """The seeds of the samples: that of the input and those after it."""
    return [config.md.seed + number for number in range(config.ensemble.seeds)]


def of_seed(config: GlassInput, seed: int) -> GlassInput:
    """The input of one sample."""
    md = config.md.model_copy(update={"seed": seed})
    # as the overrides of its folder say it
    ensemble = config.ensemble.model_copy(update={"seeds": 1})
    return config.model_copy(update={"md": md, "ensemble": ensemble})


def overrides(seed: int) -> list[str]:
    """What makes the input of a sample from that of the ensemble."""
    return [f"md.seed={seed}", "ensemble.seeds=1"]


def folder(workspace: Workspace, seed: int) -> Path:
    """Where a sample lies."""
    return workspace.root / SAMPLES / f"seed-{seed}"


def samples(workspace: Workspace, name: str, keys: Mapping[int, str], work: Work) -> Stage[MPI.Comm]:
    """The samples as tasks.

    Args:
        workspace: of the ensemble.
        name: of the stage.
        keys: of what ``work`` leads to, by seed.
        work: a whole campaign.
    """

    def do(seed: int, group: MPI.Comm, tell: Progress) -> dict[str, Any]:
        def alone() -> None:
            # several groups at once would write over each other's lines
            with console.unseen(f"seed-{seed}"):
                work(group, folder(workspace, seed), overrides(seed))

        error = parallel.attempt(alone)[1]
        # only what was agreed upon by the group: anything else ends the run, as elsewhere
        if error is not None and not isinstance(error, MdbridgeError):
            raise error
        return {"seed": seed, "failed": None if error is None else str(error)}

    return Stage(
        name,
        [
            Task(f"seed-{seed}", Identity(f"glass {name}", after={"sample": key}), partial(do, seed))
            for seed, key in keys.items()
        ],
    )


def share(comm: MPI.Comm, workspace: Workspace, stage: Stage[MPI.Comm], ranks: int) -> dict[int, str]:
    """Do the samples that are not done, and those that have failed before (collective).

    Returns:
        What the failed ones died of, by seed.

    Raises:
        MdbridgeError: all of them have failed.
    """
    parallel.on_root(comm, lambda: _forget_failures(workspace, stage))
    stages.share(comm, workspace, stage, f"{len(stage.tasks)} samples", nullcontext, ranks)
    failed = failures(stages.results(comm, workspace, stage))
    for seed, words in failed.items():
        console.console(comm).print(f"note: the sample of seed {seed} has failed: {words}", soft_wrap=True)
    if len(failed) == len(stage.tasks):
        raise MdbridgeError(
            f"all {len(failed)} samples have failed; the first: {next(iter(failed.values()))}"
        )
    return failed


def failures(results: Mapping[str, Mapping[str, Any]]) -> dict[int, str]:
    """What samples died of, by seed."""
    return {int(r["seed"]): str(r["failed"]) for r in results.values() if r["failed"] is not None}


def report(
    comm: MPI.Comm, workspace: Workspace, stage: Stage[MPI.Comm], settings: Calibrate | None = None
) -> Product:
    """Means, errors and p-values of all samples that there are, and figures.

    Args:
        settings: of the samples' calibrations, if any.
    """

    def work(made: Path) -> None:
        def write() -> None:
            failed = failures({t.name: stages.result(workspace, stage, t) for t in stage.tasks})
            numbers = [int(task.name.removeprefix("seed-")) for task in stage.tasks]
            there = {seed: folder(workspace, seed) for seed in numbers if seed not in failed}
            summaries = {seed: read_json(path / "summary.json") for seed, path in there.items()}
            told = ensemble_report.summarise(summaries, there, settings)
            ensemble_figures.draw(there, made / "ensemble_stress_strain.png")
            if told["predictors"]:
                ensemble_figures.draw_predictors(told["predictors"], made / "ensemble_predictors.png")
            ensemble_figures.draw_bands(there, made / "ensemble_bands.png")
            # JSON's keys are texts
            told["failed"] = {str(seed): words for seed, words in failed.items()}
            write_json(made / "summary.json", told | {"versions": versions()})

        parallel.on_root(comm, write)

    identity = Identity("ensemble report", after={task.name: task.identity.key for task in stage.tasks})
    return Product("report", identity, ("summary.json",), work)


def _forget_failures(workspace: Workspace, stage: Stage[MPI.Comm]) -> None:
    """Failed samples count as not done at the next start, which may have more time or other files."""
    for task in stage.tasks:
        kept = workspace.record(stage.name, task.name, task.identity.key)
        if kept is not None and kept.result["failed"] is not None:
            (workspace.root / kept.path).unlink(missing_ok=True)
