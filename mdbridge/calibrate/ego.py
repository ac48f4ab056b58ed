"""Grassmannian EGO as ask and tell, [Kontolati2021, Algorithm 1], with refinement.

The search is a generator of batches of points; a batch is proposed when all
earlier ones are known.  Each proposal is a function of the settings, its number
and the earlier trials alone (its randomness comes from the seed and the
number), so that a search restored from its trials goes on as if never stopped.
"""

import itertools
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileError, InputError
from . import sampling
from .likelihood import Likelihood
from .numbers import descend
from .refine import Groups, Options, refine
from .settings import Proposal, SearchSettings, descent
from .slices import Slice, bottom
from .space import Space
from .trials import Status, Trial
from .uncertainty import around, differences, needed

Array = NDArray[np.float64]
SPENT = "the budget is spent"

IMPROVEMENT = 1e-3
"""Relative decrease of the distance that counts as improvement."""

_POLISH = {"radius": 0.03, "difference": 2e-3}
"""A refinement that improved is begun again from its end with these: its slopes were of a larger region."""

COARSE = 3e-3
"""Trust region at which the first descent of a number ends."""

_Batches = Generator[list[Proposal], None, None]


class Calibration:
    """A search for the smallest distance.

    Args:
        space: the parameters.
        settings: of the search.
        groups: how residuals make up the distance; None where trials carry no
            residuals: refinements then go by the distance alone.
        trials: known ones, to go on from.
        likelihood: of the residuals: the last trials are then those that its intervals need, for which
            some of the budget is kept; without it, differences beside the best one.

    Example:
        Evaluate all that :meth:`ask` gives, in any order, :meth:`report` or
        :meth:`tell` each, and repeat until :attr:`done`.
    """

    def __init__(
        self,
        space: Space,
        settings: SearchSettings,
        groups: Groups | None = None,
        trials: Iterable[Trial] = (),
        likelihood: Likelihood | None = None,
    ):
        self.space, self.settings, self.groups, self.likelihood = space, settings, groups, likelihood
        self.trials: dict[int, Trial] = {}
        # what is recorded and was not asked for yet, and what of it never will be
        self._known = {trial.index: trial for trial in trials}
        self._former: list[Trial] = []
        self._open: dict[int, Proposal] = {}
        self._handed: set[int] = set()
        # made while the search waited for its own, see :mod:`~mdbridge.calibrate.crowd`
        self.others: dict[int, Trial] = {}
        self.under_way, self._counted = 0, 0
        self.done, self._ending = False, False
        self.reason = ""
        # a generator keeps the place in the search; restored, it is run again through the known trials
        self._batches = self._search()
        self._advance()

    def ask(self) -> list[Proposal]:
        """All points that can be evaluated now and were not given before; may be empty."""
        new = [p for index, p in sorted(self._open.items()) if index not in self._handed]
        self._handed.update(p.index for p in new)
        return new

    def tell(self, trial: Trial) -> None:
        """Report an evaluation of a point that was given.

        Raises:
            KeyError: it was not asked for, or is known already.
        """
        # first: an unknown number is the caller's mistake, and must change nothing
        self._open.pop(trial.index)
        self.trials[trial.index] = trial
        if not self._open:
            self._advance()

    def report(self, proposal: Proposal, distance: float | None, residual: Array | None = None) -> None:
        """Report what was found at a point that was given.

        Args:
            proposal: the point.
            distance: of the model from the reference, zero or more; None where the model gave no answer.
            residual: ``(m,)`` what the distance is made of, for a search that has groups.

        Raises:
            InputError: the distance is negative or not a number, or residuals are missing.
        """
        least = -math.inf if self.settings.signed else 0.0
        if distance is not None and not (least <= distance < math.inf and math.isfinite(distance)):
            raise InputError(
                f"distance = {distance} of trial {proposal.index}: must be finite and >= 0; "
                "report None where there is none"
            )
        if distance is not None and self.groups is not None and residual is None:
            raise InputError(f"trial {proposal.index} has no residuals, which a search with groups needs")
        unit = [float(u) for u in proposal.unit]
        status: Status = "failed" if distance is None else "ok"
        self.tell(
            Trial(
                proposal.index,
                proposal.phase,
                unit,
                self.space.physical(proposal.unit),
                status,
                distance,
                residual=residual,
                state=proposal.state,
            )
        )

    @property
    def best(self) -> Trial | None:
        """The trial with the smallest distance; the earliest of equal ones."""
        return min(self._answered(), key=lambda t: (t.value, t.index), default=None)

    @property
    def room(self) -> int:
        """How many trials there may be before those that are kept for the end."""
        return 0 if self._ending else self.settings.evaluations - self._kept_for_slopes()

    @property
    def _count(self) -> int:
        """Trials that are spent, those beside the search included."""
        return len(self.trials) + len(self.others) + self.under_way

    def beside(self, index: int, pending: list[Proposal], state: list[float] | None) -> Proposal | None:
        """A point of expected improvement that is not waited for, while ``pending`` are under way.

        Args:
            index: its number.
            pending: what is under way.
            state: hyperparameters of the surrogate; fitted if None.
        """
        return self._improve(pending, index, state)

    def look(self) -> None:
        """Take note of :attr:`others`: they may be what was missing."""
        if not self._open and not self.done:
            self._advance()

    def _answered(self) -> list[Trial]:
        everyone = [*sorted(self.trials.items()), *sorted(self.others.items())]
        return [t for _, t in everyone if t.distance is not None]

    def _advance(self) -> None:
        """Take the next batch, using what is known of it, until something is left to evaluate."""
        while not self._open:
            self._check_end()
            try:
                batch = next(self._batches)
            except StopIteration:
                self.reason = self.reason or "nothing left to try"
                if not self._ending:
                    self._ending, self._batches = True, self._slopes()
                    continue
                self._keep(*self._known)  # a record may hold more than this budget: its best is not forgotten
                self.done = True
                return
            for proposal in batch[: max(self.settings.evaluations - self._count, 0)]:
                known = self._known.pop(proposal.index, None)
                if known is None:
                    self._open[proposal.index] = proposal
                    continue
                if not _at(known, proposal.unit):
                    raise FileError(
                        f"trial {known.index} of the record is not where this version of the package would "
                        "look; go on with the version that made it, or start again"
                    )
                self.trials[known.index] = known

    def _numbers(self) -> Iterator[int]:
        """Free numbers for what is proposed next, in order.

        Where the record has trials of another end there, of a smaller budget or a larger target, these keep
        their numbers: they are paid for, and known from here on.
        """
        for number in itertools.count():
            known = self._known.get(number)
            if known is not None and (known.phase == "slopes") != self._ending:
                self._keep(number)
            elif number not in self.trials:
                yield number

    def _keep(self, *numbers: int) -> None:
        """Take over trials of the record that this search does not ask for."""
        kept = {number: self._known.pop(number) for number in numbers}
        self.trials |= kept
        self._former += kept.values()

    def _check_end(self) -> None:
        """Turn to the last batch where a stopping rule holds."""
        best = self.best
        if self._ending:
            return
        if self._count >= self.settings.evaluations - self._kept_for_slopes():
            self.reason = SPENT
        elif best is not None and best.value <= self.settings.target:
            self.reason = "the target is reached"
        else:
            return
        self._ending, self._batches = True, self._slopes()

    # the search ---------------------------------------------------------------

    def _search(self) -> _Batches:
        s = self.settings
        points = sampling.start(self.space, s.design, s.initial, s.seed)
        yield [Proposal(k, "initial", unit) for k, unit in enumerate(points)]
        # a quadratic model takes 2d + 1 trials before it is of any use
        short = self.groups is None and s.left < descent(len(self.space.free))
        if not s.refines or short:
            yield from self._explore(s.evaluations)
            return
        yield from self._explore(s.explore)
        starts: list[Array] = []
        failures = 0
        while failures < s.patience:
            before = self.best
            yield from self._refine(starts)
            best = self.best
            improved = before is None or (best is not None and _better(best.value, before.value))
            failures = 0 if improved else failures + 1
            if improved and best is not None:
                # without residuals by the square, which is smooth where a distance comes near zero
                yield from self._descend(best, replace(s.options, **_POLISH), power=1 if s.signed else 2)
            # more is known by now: a few trials show whether there is another basin
            yield from self._explore(max(s.explore // 3, 1))
        self.reason = f"{failures} refinements without improvement"

    def _kept_for_slopes(self) -> int:
        """How many trials of the budget are left for :meth:`_slopes`, if it is not too small for that."""
        s, wanted = self.settings, len(self.space.names) + 3
        if not s.refines or self.groups is None or self.likelihood is None:
            return 0
        # none are made where there will be no intervals
        if self.likelihood.untold(len(self.space.free)):
            return 0
        return wanted if s.left >= 2 * wanted else 0

    def _slopes(self) -> _Batches:
        """The trials beside the best one that tell how far its parameters are determined."""
        # with other stopping rules than those of the record the search ends elsewhere
        self._keep(*[number for number, known in self._known.items() if known.phase != "slopes"])
        best = self.best
        if best is None or best.residual is None or not self.settings.refines or self.groups is None:
            return
        here = Slice(self.space, np.array(best.unit))
        if not len(self.space.free):
            return
        if self.likelihood is not None and self.likelihood.told:
            batches = self._likely_slopes(self.likelihood, here)
        else:
            batches = differences(here.down(here.point))
        for points in batches:
            allowed: Sequence[Array] = (
                list(here.up(np.array(points)[here.feasible(points)])) if points else []
            )
            yield self._beside_the_best(allowed)

    def _beside_the_best(self, points: Sequence[Array]) -> list[Proposal]:
        """Proposals at points of the last batches, but for those that an earlier end has had."""
        proposals, numbers = [], self._numbers()
        for unit in points:
            if any(_at(trial, unit) for trial in self._former):
                continue
            for number in numbers:
                known = self._known.get(number)
                if known is None or _at(known, unit):
                    proposals.append(Proposal(number, "slopes", unit))
                    break
                self._keep(number)
        return proposals

    def _likely_slopes(self, likelihood: Likelihood, here: Slice) -> Generator[list[Array], None, None]:
        """What the intervals need; then, of a budget that is spent anyway, the rest."""
        yield from needed(lambda: here.trials(self._answered()), likelihood)
        for factor in (-1.0, 0.5, -0.5, 2.0):
            if self.reason == SPENT and self._count < self.settings.evaluations:
                yield around(here.trials(self._answered()), likelihood, factor)

    def _explore(self, count: int) -> _Batches:
        """``count`` trials by expected improvement."""
        s, last, least = self.settings, 0, np.inf
        for start in range(0, count, s.batch):
            # those made meanwhile have explored as well; one of its own keeps the search from spinning
            if start and s.refines and start + len(self.others) - self._counted >= count:
                break
            best = self.best
            if best is not None and _better(best.value, least):
                least, last = best.value, start
            if not s.refines and s.stall and start - last >= s.stall:
                self.reason = f"{s.stall} trials without improvement"
                return
            batch: list[Proposal] = []
            room = max(min(s.batch, count - start, s.evaluations - self._count), 0)
            for number in list(itertools.islice(self._numbers(), room)):
                # one fit for a batch: nothing has become known since
                state = batch[-1].state if batch else None
                proposal = self._improve(batch, number, state)
                if proposal is not None:
                    batch.append(proposal)
            if not batch:
                self.reason = "every combination has been tried"
                return
            yield batch
        self._counted = len(self.others)

    def _improve(
        self, pending: list[Proposal], index: int, state: list[float] | None = None
    ) -> Proposal | None:
        """The next point by expected improvement, or the recorded one; None if there is no other.

        The hyperparameters are those of ``state``; fitted if None.
        """
        known = self._known.get(index)
        if known is not None and known.phase == "ego":
            return Proposal(index, "ego", np.array(known.unit), known.state)
        answered = self._answered()
        if len(answered) < 2:  # nothing to learn from yet
            random = np.random.default_rng([self.settings.seed, index])
            return Proposal(index, "ego", sampling.single(self.space, random))
        from . import acquisition, mixed, published, surrogate  # heavy

        told = [*sorted(self.trials.items()), *sorted(self.others.items())]
        fit = state is None
        if fit:  # warm: from where the last fit ended
            state = next((t.state for _, t in reversed(told) if t.state), None)
        points, values = np.array([t.unit for t in answered]), np.array([t.value for t in answered])
        if self.settings.signed:
            values = values - offset(values)
        seed, under_way = [self.settings.seed, index], np.array([p.unit for p in pending])
        if self.settings.scheme == "published":  # it is sequential: what is under way it does not know
            # it has no model of failures: they count as the median, or it would stay where the model fails
            refused = [t.unit for _, t in told if t.distance is None]
            everywhere = np.vstack([points, np.reshape(refused, (-1, points.shape[1]))])
            penalised = np.append(values, np.full(len(refused), np.median(values)))
            best = published.propose(self.space, everywhere, penalised, seed, self.settings.samples)
            return Proposal(index, "ego", best)
        fitted = surrogate.Surrogate(points, values, state, fit=fit, categories=self.space.categories)
        model = fitted.with_penalty(np.array([t.unit for _, t in told if t.distance is None]))
        region = None
        if not self.space.plain:
            tried = np.array([t.unit for _, t in told] + [p.unit for p in pending])
            region = mixed.MixedRegion(self.space, tried, seed)
        unit = acquisition.propose(model, points[np.argmin(values)], under_way, seed, region)
        return None if unit is None else Proposal(index, "ego", unit, fitted.state)

    def _refine(self, starts: list[Array]) -> _Batches:
        """Descend from the best point that is apart from all earlier ``starts`` (extended)."""
        explored = [t for t in self._answered() if t.phase not in ("refine", "slopes")]
        start = bottom(self.space, explored, starts)
        if start is None:
            return
        starts.append(np.array(start.unit))
        end = yield from self._descend(start, self.settings.options)
        # the end too: another descent into the same basin would find the same floor
        starts.append(np.array(end.unit))

    def _descend(
        self, start: Trial, options: Options, power: int = 1
    ) -> Generator[list[Proposal], None, Trial]:
        """Refine from ``start``; the best trial on the way.

        Args:
            start, options: of the refinement.
            power: see :func:`~mdbridge.calibrate.numbers.descend`, where there are no residuals.
        """
        here = Slice(self.space, np.array(start.unit))
        if not len(self.space.free):  # whole numbers and choices have no slopes
            return start
        limits = here.margins if self.space.constraints else None
        search: Generator[list[Array], Any, None]
        # a number alone has no slopes of what it is made of
        alone = start.residual is None or len(start.residual) < 2 or self.groups is None
        if alone:
            if options.radius > _POLISH["radius"]:  # its last digits are for the best basin alone
                options = replace(options, smallest=COARSE)
            search = descend(here.down(here.point), start.value, options, limits, power)
        else:
            assert start.residual is not None and self.groups is not None
            search = refine(here.down(here.point), start.residual, self.groups, options, limits)
        points = next(search, None)
        end = start
        while points:
            allowed = here.feasible(points)
            asked = [here.up(unit) for unit, inside in zip(points, allowed, strict=True) if inside]
            numbers = list(itertools.islice(self._numbers(), len(asked)))
            if asked:
                yield [Proposal(k, "refine", unit) for k, unit in zip(numbers, asked, strict=True)]
            told = [self.trials[k] for k in numbers]
            end = min([end, *told], key=lambda t: t.value)
            answers = iter(told)
            try:
                replies = [next(answers) if inside else None for inside in allowed]
                answer = "distance" if alone else "residual"
                points = search.send([None if t is None else getattr(t, answer) for t in replies])
            except StopIteration:
                break
        return end


def offset(values: Array) -> float:
    """What to take from values of any sign so that they have logarithms: a bit less than the least."""
    least = float(values.min())
    spread = float(np.median(values)) - least
    return least - 0.01 * (spread or max(abs(least), 1.0))


def _at(trial: Trial, unit: Array) -> bool:
    """Whether a trial is of this point."""
    # other machines sum in another order: places agree to round-off, not to the last bit
    return bool(np.allclose(trial.unit, unit, rtol=0.0, atol=1e-6))


def _better(value: float, before: float) -> bool:
    """Whether the decrease counts as improvement."""
    return value < before - IMPROVEMENT * (abs(before) if np.isfinite(before) else 0.0)
