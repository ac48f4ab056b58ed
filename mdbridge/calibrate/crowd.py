"""A search that keeps every worker busy: trials of expected improvement beside those that it waits for.

A :class:`~mdbridge.calibrate.ego.Calibration` waits for its whole batch, and for its slowest trial.
Here workers that would be idle meanwhile evaluate points of expected improvement, with all that
is under way pending, and what they find serves the search at once.  Which points these are
depends on what was done when: unlike the search alone, this goes another way each time.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .ego import Calibration
from .likelihood import Likelihood
from .refine import Groups
from .settings import Proposal, SearchSettings
from .space import Space
from .trials import Trial

Array = NDArray[np.float64]

ENOUGH = 0.8
"""Share of the start design after which the search does not wait for the rest."""

FRESH = 1.05
"""The surrogate is fitted again when the trials have become so many times as many."""

SAME = 1e-6
"""Recorded points nearer than this to one of the start design are it."""


class Crowd:
    """A search with as many trials at once as there are workers.

    Args:
        space, settings, groups, likelihood: see :class:`~mdbridge.calibrate.ego.Calibration`.
        trials: known ones; the search goes on from them, though not as it would have gone on.

    Attributes:
        trials: all that are told, by number.
    """

    def __init__(
        self,
        space: Space,
        settings: SearchSettings,
        groups: Groups | None = None,
        trials: Iterable[Trial] = (),
        likelihood: Likelihood | None = None,
    ):
        self.trials = {trial.index: trial for trial in trials}
        self._search = Calibration(space, settings, groups, (), likelihood)
        # numbers of the search's own -> ours, and what it has not seen of the record yet
        self._numbers: dict[int, int] = {}
        self._late: dict[int, int] = {}
        self._open: dict[int, Proposal] = {}
        self._issued = max(self.trials, default=-1) + 1
        # the design is the same each time: of it nothing is evaluated again, all else is known from the start
        designed = [trial for trial in self.trials.values() if trial.phase == "initial"]
        self._search.others = {k: t for k, t in self.trials.items() if t.phase != "initial"}
        self._own: list[Proposal] = []
        self._fitted: tuple[int, list[float] | None] = (0, None)
        self._take(designed)

    @property
    def done(self) -> bool:
        """Whether the search has ended and nothing is under way."""
        return self._search.done and not self._open and not self._own

    @property
    def reason(self) -> str:
        """Why it ended."""
        return self._search.reason

    @property
    def best(self) -> Trial | None:
        """The trial with the smallest distance; the earliest of equal ones."""
        answered = [t for t in self.trials.values() if t.distance is not None]
        return min(answered, key=lambda t: (t.value, t.index), default=None)

    def ask(self, free: int = 1) -> list[Proposal]:
        """Points to evaluate now, for ``free`` workers that have nothing to do: as many, if any are left."""
        self._take()
        given: list[Proposal] = []
        while self._own and len(given) < free:
            proposal = self._own.pop(0)
            number = self._number()
            self._numbers[number] = proposal.index
            given.append(replace(proposal, index=number))
        # what is left of the workers looks elsewhere, and away from all that is under way
        self._open |= {p.index: p for p in given}
        while len(given) < free and self._left > 0:
            extra = self._search.beside(self._issued, list(self._open.values()), self._hyperparameters)
            if extra is None:
                break
            if self._hyperparameters is None:
                self._fitted = (len(self.trials), extra.state)
            self._number()
            given.append(extra)
            self._open[extra.index] = extra
        self._search.under_way = self._beside
        return given

    def tell(self, trial: Trial) -> None:
        """Take note of an evaluation: the search's own, one beside it, or one that came too late for it.

        Raises:
            KeyError: its number is of nothing that is under way.
        """
        self._open.pop(trial.index)
        self.trials[trial.index] = trial
        own = self._numbers.pop(trial.index, None)
        if trial.index in self._late:  # the search has gone on without it, and has it now
            self._search.trials[self._late.pop(trial.index)] = trial
            return
        self._search.under_way = self._beside
        if own is None:
            self._search.others[trial.index] = trial
            self._search.look()
        else:
            self._search.tell(replace(trial, index=own))
            self._leave_stragglers()

    def _leave_stragglers(self) -> None:
        """Have the search go on without the last of its start design: it waits for all, and has enough."""
        design = [number for number in self._numbers if self._open[number].phase == "initial"]
        told = sum(trial.phase == "initial" for trial in self._search.trials.values())
        if self._own or not design or told < ENOUGH * (told + len(design)):
            return
        for number in design:
            own, late = self._numbers.pop(number), self._open[number]
            self._late[number] = own
            # a place without an answer until there is one: nothing else is tried there
            unit = [float(u) for u in late.unit]
            self._search.tell(Trial(own, "initial", unit, self._search.space.physical(late.unit), "timeout"))

    @property
    def _beside(self) -> int:
        """How many are under way that the search does not wait for."""
        return sum(number not in self._numbers and number not in self._late for number in self._open)

    @property
    def _left(self) -> int:
        """How many trials may be made beside those that the search asks for and keeps for its end."""
        waiting = len(self._own)
        return self._search.room - len(self.trials) - len(self._open) - waiting

    @property
    def _hyperparameters(self) -> list[float] | None:
        """Those of the last fit; None where enough has become known since for another."""
        # a fit takes several times as long as a proposal, and many workers wait for these
        count, state = self._fitted
        return state if len(self.trials) < FRESH * count else None

    def _number(self) -> int:
        self._issued += 1
        return self._issued - 1

    def _take(self, designed: list[Trial] | None = None) -> None:
        """Take what the search asks for; of its start design, what is recorded is told at once."""
        self._own += self._search.ask()
        for trial in designed or ():
            for proposal in self._own:
                if np.allclose(trial.unit, proposal.unit, rtol=0.0, atol=SAME):
                    self._own.remove(proposal)
                    self._search.tell(replace(trial, index=proposal.index))
                    break
        if designed:
            self._own += self._search.ask()
