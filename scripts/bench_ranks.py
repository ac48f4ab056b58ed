"""How busy ranks are kept: a calibration of a model that only sleeps, once for long.

  mpiexec --oversubscribe -n 16 python scripts/bench_ranks.py [--seconds 8] [--rounds 5]

Each trial takes a log-normal time, and one of the start design 10 times the usual.  The model notes
when it began and ended; from that: the share of the time that ranks waited between trials while any
were left to begin.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from mpi4py import MPI

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="usual time of a trial")
    parser.add_argument("--rounds", type=int, default=5, help="trials for each rank")
    given = parser.parse_args()
    from mdbridge.campaigns.calibrate import stages

    comm = MPI.COMM_WORLD
    place = Path(comm.bcast(tempfile.mkdtemp(prefix="bench-ranks-") if comm.rank == 0 else None))
    trials = max(given.rounds * comm.size, 40)
    if comm.rank == 0:
        prepared(place, given.seconds, trials)
    comm.barrier()
    stages.run(comm, place / "sleeper.toml", place / "out", [])
    if comm.rank == 0:
        sys.stdout.write(json.dumps(told(place / "noted", comm.size, 5), indent=1) + os.linesep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
