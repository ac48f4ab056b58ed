"""Made-up calibrations for the tests of their figures and of studies over seeds."""

from mdbridge.calibrate.trials import Trial
from mdbridge.campaigns.calibrate.runs import Run


def trial(index, distance, a, b, phase="ego"):
    """A trial of parameters ``a`` and ``b``; failed where there is no ``distance``."""
    status = "failed" if distance is None else "ok"
    return Trial(index, phase, [a, b / 10], {"a": a, "b": b}, status, distance)


def run(distances=(None, 5.0, 3.0, None, 4.0, 3.0, 2.0), **changes):
    """Trials whose ``a`` counts them and whose ``b`` is ten times that; ``changes`` of the summary."""
    trials = [trial(k, d, 0.1 * k, float(k), "initial" if k < 3 else "ego") for k, d in enumerate(distances)]
    best = min((trial for trial in trials if trial.distance is not None), key=lambda trial: trial.distance)
    summary = {
        "best": best.parameters,
        "distance": best.distance,
        "evaluations": len(trials),
        "failed": sum(trial.distance is None for trial in trials),
        "seed": 0,
        "units": {"a": "GPa"},
        "truth": {"a": 0.55},
        "compared": {"distance": 2.5},
        "valley": [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 9.0}],
        "intervals": {"a": [0.5, 0.7], "b": [5.0, 7.0]},
        "wall_s": 1.0,
    }
    return Run(summary | changes, trials)
