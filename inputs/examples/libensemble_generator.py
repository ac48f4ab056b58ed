"""Calibration as a generator of the ensemble standard (gest-api), which libEnsemble, Xopt and others drive.

    python inputs/examples/libensemble_generator.py

calibrates a spring with libEnsemble on four workers, if that is installed (pip install libensemble).
"""

from pathlib import Path

import numpy as np

from mdbridge.calibrate.crowd import Crowd
from mdbridge.calibrate.settings import SearchSettings
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.trials import Trial, TrialLog

try:
    from gest_api import Generator
except ImportError:
    Generator = object


class Calibrator(Generator):
    """Gives points and takes their distances, in any order; a record makes it restartable.

    Args:
        vocs: with ``variables`` (name -> [low, high]) and one objective, which is to be minimised.
        settings: of the search.
        record: a file of trials; None for none.
    """

    returns_id = True

    def __init__(self, vocs, settings=None, record=None):
        self._validate_vocs(vocs)
        variables = {name: _bounds(domain) for name, domain in vocs.variables.items()}
        (self._objective,) = vocs.objectives
        self.space = Space({name: Parameter(low, high) for name, (low, high) in variables.items()})
        settings = settings or SearchSettings("ego", asynchronous=True)
        self._log = None
        if record is not None:
            key = {"bounds": {name: list(ends) for name, ends in variables.items()}, "seed": settings.seed}
            self._log = TrialLog(Path(record), key, resume=True)
        known = self._log.trials.values() if self._log else ()
        self.search, self._given = Crowd(self.space, settings, trials=known), {}

    def _validate_vocs(self, vocs):
        if len(vocs.objectives) != 1 or "MAXIMIZE" in str(vocs.objectives):
            raise ValueError("a calibration has one objective, which is minimised")

    def suggest(self, num_points=None):
        """Points to evaluate now, each with its number; none when the search has ended."""
        proposals = self.search.ask(num_points or 1)
        self._given |= {proposal.index: proposal for proposal in proposals}
        return [{**self.space.physical(p.unit), "_id": p.index} for p in proposals]

    def ingest(self, results):
        """Take what was found; an objective that is not finite is a failed trial."""
        for result in results:
            proposal = self._given.pop(int(result["_id"]))
            value = float(result[self._objective])
            good = bool(np.isfinite(value))
            unit, parameters = list(map(float, proposal.unit)), self.space.physical(proposal.unit)
            trial = Trial(
                proposal.index,
                proposal.phase,
                unit,
                parameters,
                "ok" if good else "failed",
                value if good else None,
                state=proposal.state,
            )
            if self._log is not None:
                self._log.append(trial)
            self.search.tell(trial)

    def finalize(self):
        """Let go of the record."""
        if self._log is not None:
            self._log.close()


def _bounds(domain):
    return tuple(map(float, getattr(domain, "domain", domain)))


def spring(point):
    """The distance of a damped spring from one with the stiffness 2 and the damping 0.3."""
    t = np.linspace(0.0, 10.0, 60)

    def curve(stiffness, damping):
        return np.exp(-damping * t / 2) * np.cos(np.sqrt(stiffness - damping**2 / 4) * t)

    found, wanted = curve(point["stiffness"], point["damping"]), curve(2.0, 0.3)
    return {"distance": float(np.sqrt(np.mean((found - wanted) ** 2)))}


def main():
    """Drive it with libEnsemble."""
    from gest_api.vocs import VOCS
    from libensemble import Ensemble
    from libensemble.alloc_funcs.start_only_persistent import only_persistent_gens
    from libensemble.specs import AllocSpecs, ExitCriteria, GenSpecs, LibeSpecs, SimSpecs

    vocs = VOCS(
        variables={"stiffness": [0.5, 10.0], "damping": [0.0, 1.0]}, objectives={"distance": "MINIMIZE"}
    )
    generator = Calibrator(vocs, SearchSettings("ego", initial=12, evaluations=24, asynchronous=True))
    ensemble = Ensemble(
        libE_specs=LibeSpecs(comms="threads", nworkers=4, gen_on_manager=True),
        gen_specs=GenSpecs(generator=generator, vocs=vocs, batch_size=4, initial_batch_size=4),
        sim_specs=SimSpecs(simulator=spring, vocs=vocs),
        alloc_specs=AllocSpecs(alloc_f=only_persistent_gens, user={"async_return": True}),
        exit_criteria=ExitCriteria(sim_max=24),
    )
    ensemble.run()
    return generator.search.best


if __name__ == "__main__":
    import sys

    sys.stdout.write(f"{main()}\n")
