"""What the model is worth: baselines beside it, and what each step from the paper's setting to ours buys."""

from functools import partial
from typing import TYPE_CHECKING, Any

from mpi4py import MPI

from ...core import store
from ...core.stages import Task
from ..peridynamics import baselines
from ..peridynamics.formats import DATASET

if TYPE_CHECKING:
    from .stages import Data

LOUD = "0K-loud"
"""The data of loads of one sign as large as the paper's."""
MEASURED = ("0K", "300K-published", "300K", "300K-no-twin-published", "300K-no-twin", LOUD)
"""Data that the baselines are measured on."""
PAPERS, OURS = 0, 1
"""Places of the paper's pair (δ, M) and of ours in the study's 'compare.steps'."""

_FREE: dict[str, Any] = {"long_waves": "free", "own_dilatation": False}
SAME_LOSS: dict[str, Any] = {
    "solution_weight": 0.0,
    "consistency_weight": 0.0,
    "long_wave_weight": 0.0,
    "long_waves": "free",
}
"""Settings of a fit that leave of its loss what the paper's (4.1) has."""

STEPS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "algorithm-1": (LOUD, PAPERS, {"method": "algorithm-1"}),
    "same-loss": (LOUD, PAPERS, {**SAME_LOSS, "own_dilatation": False}),
    "our-loss": (LOUD, PAPERS, _FREE),
    "both-signs": ("0K", PAPERS, _FREE),
    "horizon": ("0K", OURS, _FREE),
    "exact": ("0K", OURS, {"long_waves": "exact", "own_dilatation": False}),
    "two": ("0K", OURS, {"long_waves": "exact", "own_dilatation": True}),
}
"""From the paper's setting to ours: data, place of the pair and settings of each step."""


def baseline_tasks(data: "dict[str, Data]", keys: tuple[str, ...]) -> dict[str, Task[MPI.Comm]]:
    """The models that need no learning, or four constants, on each set of data that is there.

    Args:
        data: by label.
        keys: of a campaign that solving on the disc reads.
    """
    tasks: dict[str, Task[MPI.Comm]] = {}
    for label in MEASURED:
        # a study may leave out data that it does not need
        if label not in data:
            continue
        chosen = data[label]
        identity = chosen.identity("study: baselines", *keys, settings=None)
        work = partial(_baselines, chosen)
        tasks[f"baselines-{label}"] = Task(f"baselines-{label}", identity, lambda *_, work=work: work(), 10.0)
    return tasks


def _baselines(data: "Data") -> dict[str, Any]:
    config = data.campaign.config
    # at 300 K LAMMPS's constants are those of the temperature
    with store.reading(data.campaign.out / "dataset.h5", DATASET) as file:
        lame = file.attribute("md_C12_TPa", float), file.attribute("md_C66_TPa", float)
    fields = {name: data.fields[name] for name in ("train", "val", "test")}
    return baselines.measure(MPI.COMM_SELF, fields, lame, config.md.disc_inner_A, config.solve)
