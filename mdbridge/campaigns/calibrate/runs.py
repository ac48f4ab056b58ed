"""What is read off the records of calibrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...calibrate import trials
from ...core import plots
from ...core.files import read_json

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A record, as it is drawn.

    Attributes:
        summary: of the run, as stored.
        trials: in order.
    """

    summary: dict[str, Any]
    trials: list[trials.Trial]

    @classmethod
    def read(cls, folder: Path, record: Path | None = None) -> "Run":
        """The run of an output folder; its record of trials may lie elsewhere.

        Raises:
            FileError: a file is missing or not what it should be.
        """
        summary = read_json(folder / "summary.json")
        path = folder / "trials.jsonl" if record is None else record
        # a record may have gone on since: figures are those of the summary beside them
        return cls(summary, trials.read(path)[1][: summary["evaluations"]])

    @property
    def names(self) -> list[str]:
        """Of the parameters that are numbers and were searched."""
        values = {name: [t.parameters[name] for t in self.trials] for name in self.trials[0].parameters}
        return [
            name
            for name, each in values.items()
            # a parameter that is held fixed, or a choice, has nothing to be drawn over
            if not isinstance(each[0], str | bool) and (len(set(each)) > 1 or len(each) == 1)
        ]

    def label(self, name: str) -> str:
        """A parameter with its unit."""
        unit = plots.unit(self.summary["units"].get(name, ""))
        return f"{plots.symbol(name)} ({unit})" if unit else plots.symbol(name)

    def along(self, axis: Any, name: str, words: str = "") -> None:
        """Label an axis of a figure with a parameter; whole numbers alone have ticks where it is one."""
        axis.set_label_text(f"{words}{self.label(name)}")
        if all(isinstance(trial.parameters[name], int) for trial in self.trials):
            axis.set_major_locator(plots.ticks(5, whole=True))

    @property
    def positive(self) -> bool:
        """Whether no trial has a negative distance, so that logarithms can be drawn."""
        return all(t.value >= 0.0 for t in self.trials)

    def distance(self) -> Array:
        """The least distance after each evaluation, ``(n,)``; infinite before the first that has one."""
        return np.minimum.accumulate([t.value for t in self.trials])

    def parameter(self, name: str) -> Array:
        """The best value of a parameter after each evaluation, ``(n,)``; NaN before there is one."""
        values = np.array([t.value for t in self.trials])
        least = np.minimum.accumulate(values)
        best = np.maximum.accumulate(
            # the number of the last trial that was better than all before it; −1 before there is one
            np.where(values < np.append(np.inf, least[:-1]), np.arange(len(values)), -1)
        )
        return np.array([self.trials[k].parameters[name] if k >= 0 else np.nan for k in best])


def medians(runs: Sequence[Run], count: int) -> Array:
    """Median of the runs' least distances after 1 … ``count`` evaluations; an ended run keeps its last."""
    series = np.array(
        # at equal evaluations: a run that ended early keeps what it had reached
        [np.pad(r.distance()[:count], (0, max(count - len(r.trials), 0)), "edge") for r in runs]
    )
    return np.median(series, axis=0)
