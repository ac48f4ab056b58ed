"""A model that only fails is told at once, not after all of the budget is spent on it."""

import re
from pathlib import Path

from ...calibrate.evaluate import Outcome
from ...calibrate.trials import Trial
from ...core.errors import MdbridgeError
from ...core.files import write_text

FIRST = 10
"""So many trials that fail alike end a search that has had no other."""

FILE = "failure.txt"
"""What the model said, and its traceback, in the folder of the results."""

_FOLDER = re.compile(r"mdbridge-(?:model|trial)-\w+")
_NUMBER = re.compile(r"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?")


class Watch:
    """Sees the trials as they end.

    Args:
        out: folder for :data:`FILE`.
        known: the trials of a record that is continued; these alone end nothing.
    """

    def __init__(self, out: Path, known: list[Trial]):
        self._path = out / FILE
        # one that has answered shows that the model can
        self._over = any(t.distance is not None for t in known)
        failed = [t for t in known if t.status in ("failed", "timeout")]
        self._count, self._kinds = len(failed), {_kind(t.status, t.message) for t in failed}

    def see(self, outcome: Outcome) -> None:
        """Take note of a trial.

        Raises:
            MdbridgeError: it and all before have failed alike, and they are :data:`FIRST` or more.
        """
        # a model that refuses parameters works: others may suit it
        if self._over or outcome.refused:
            return
        if outcome.score is not None:
            self._over = True
            return
        # numbers apart: the same trouble at other parameters is the same
        self._count += 1
        self._kinds.add(_kind(outcome.status, outcome.message))
        if len(self._kinds) > 1:
            self._over = True
        elif self._count >= FIRST:
            self._stop(outcome)

    def _stop(self, outcome: Outcome) -> None:
        parts = (outcome.message, outcome.trace, f"It said:\n{outcome.said}" if outcome.said else "")
        write_text(self._path, "\n\n".join(part.strip() for part in parts if part) + "\n")
        said = f"; it said: {outcome.said.strip().splitlines()[-1]}" if outcome.said.strip() else ""
        raise MdbridgeError(
            f"the model has failed alike in all of the first {self._count} trials: {outcome.status}: "
            f"{outcome.message}{said}; all of it is in {self._path}. Mend the model and start again "
            "with another --out; parameters that make no sample are told by raising an InputError of mdbridge"
        )


def _kind(status: str, message: str) -> str:
    """A message without its numbers, which are those of the parameters, and without names of folders."""
    # each process and each run of a program has a folder of its own
    return f"{status}: {_NUMBER.sub('#', _FOLDER.sub('folder', message))}"
