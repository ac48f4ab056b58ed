"""Campaigns on one and two ranks: samples of molecular dynamics, and a calibration of a model that sleeps.

Each trial of the sleeper takes a log-normal time, and one of the start design 10 times the usual.  The model
notes when it began and ended; from that: the share of the time that ranks waited between trials while any
were left to begin.
"""

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mpi4py import MPI

from .rows import Job, Row, timed

TITLE = "Campaigns on one and two ranks"
NOTE = "A whole command each; two ranks beside one by wall time."
INPUTS = Path(__file__).parents[2] / "inputs"
# a sheet of a few hundred atoms for a test; as shipped but for the one load at 300 K, for the table
SAMPLES = {
    "quick": ["md.cells=[8, 5]", "md.disc_radius_A=12.0", "md.disc_inner_A=6.0", "dynamics.enabled=false"],
    "whole": ["dynamics.enabled=false"],
}

MODEL = """
import json, os, time
import numpy as np
def respond(a, b, seconds, folder):
    begun, number = time.time(), int(os.environ.get("MDBRIDGE_TRIAL", -1))
    usual = seconds * float(np.random.default_rng(number + 1).lognormal(0.0, 0.3))
    # neither the reference nor the run drawn at the end is a trial
    time.sleep(0.0 if number < 0 else 10.0 * seconds if number == 3 else usual)
    t = np.linspace(0.0, 1.0, 20)
    with open(os.path.join(folder, f"{number}.json"), "w") as stream:
        json.dump([begun, time.time(), os.getpid()], stream)
    return {"y": a * t + np.exp(b * t) + 0.02 * np.cos(9.0 * t)}
"""
INPUT = """
campaign = "calibrate"
model = "sleeper:respond"
[options]
seconds = {seconds}
folder = "{folder}"
[parameters.a]
low = 0.0
high = 2.0
[parameters.b]
low = -1.0
high = 1.0
[reference.parameters]
a = 1.2
b = 0.3
[[objective]]
term = "l2"
curve = "y"
[ego]
asynchronous = true
initial = {initial}
evaluations = {evaluations}
patience = 99
[output]
figures = false
"""


def prepared(place: Path, seconds: float, trials: int) -> Path:
    """A folder with the model and its input; the input's path."""
    (place / "noted").mkdir()
    (place / "sleeper.py").write_text(MODEL)
    text = INPUT.format(
        seconds=seconds, folder=place / "noted", initial=max(trials // 4, 10), evaluations=trials
    )
    (place / "sleeper.toml").write_text(text)
    return place / "sleeper.toml"


def told(noted: Path, ranks: int, kept: int) -> dict[str, float]:
    """Times of waiting, until the last trial of the search itself began."""
    runs = sorted(
        json.loads(path.read_text()) for path in noted.glob("*.json") if not path.name.startswith("-")
    )
    # the last few are asked for one after the other: they tell the slopes
    last = sorted(begun for begun, _, _ in runs)[-kept - 1]
    waits = []
    for worker in {process for *_, process in runs}:
        own = [run for run in runs if run[2] == worker]
        waits += [after[0] - before[1] for before, after in itertools.pairwise(own) if after[0] <= last]
    first = min(run[0] for run in runs)
    return {
        "ranks": ranks,
        "trials": len(runs),
        "wall_s": max(run[1] for run in runs) - first,
        "working_s": sum(end - begun for begun, end, _ in runs),
        "median_wait_s": float(np.median(waits)),
        "largest_wait_s": float(np.max(waits)),
        "waiting_share": float(np.sum(waits)) / (ranks * (last - first)),
    }


def jobs(quick: bool) -> list[Job]:
    """Samples and sleeper, on one rank and on two."""
    size = "quick" if quick else "whole"
    # each first on one rank, which the other is told as a multiple of
    kinds = ("sleeper",) if quick else ("samples", "sleeper")
    return [Job((kind, size), ranks) for kind in kinds for ranks in (1, 2)]


def measure(comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
    """A campaign from nothing to its end, once."""
    kind, size = arguments
    place = Path(comm.bcast(tempfile.mkdtemp(prefix="bench-") if comm.rank == 0 else None))
    return samples(comm, place, size) if kind == "samples" else [sleeper(comm, place, size == "quick")]


def samples(comm: MPI.Comm, place: Path, size: str) -> list[Row]:
    """``mdbridge sample`` of graphene at 0 K."""
    from mdbridge.campaigns.peridynamics import stages

    source = INPUTS / "graphene_0K.toml"
    busy, wall = timed(comm, lambda: stages.sample(comm, source, place / "out", SAMPLES[size]))
    return [Row("samples of graphene", "mdbridge sample", [busy], [wall], comm.size, 0.0, comm.size == 1)]


def sleeper(comm: MPI.Comm, place: Path, quick: bool) -> Row:
    """``mdbridge calibrate`` of a model that sleeps."""
    from mdbridge.campaigns.calibrate import stages

    seconds, trials = (0.02, 12) if quick else (1.0, 60)
    if comm.rank == 0:
        prepared(place, seconds, trials)
    comm.barrier()
    stages.run(comm, place / "sleeper.toml", place / "out", [])
    measured = comm.bcast(told(place / "noted", comm.size, 5) if comm.rank == 0 else None)
    note = f"{measured['trials']} trials, waiting {100 * measured['waiting_share']:.1f} % of the time"
    # what it computes between trials is in the wall time alone: processor time would be that of sleeping
    what = f"calibration of a model of {seconds:g} s"
    return Row(what, "mdbridge calibrate", [measured["wall_s"]], [measured["wall_s"]], comm.size, 0.0,
               comm.size == 1, note)  # fmt: skip
