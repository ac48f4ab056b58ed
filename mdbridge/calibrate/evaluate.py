"""What is done with a model in a process of its own: describe it, call it, compare what it returns.

Everything here is picklable and is called through a :class:`~mdbridge.calibrate.worker.Worker`;
only plain arrays and numbers come back.
"""

import copy
import os
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core.errors import InputError
from .collect import OtherUnit
from .likelihood import Likelihood
from .model import Model, Shapes
from .objective import Objective, Score
from .program import TRIAL, Program
from .refine import Groups
from .response import Array, InvalidResponse, Response, real
from .serve import Failure
from .trials import Status
from .worker import Answer


@dataclass(frozen=True)
class Outcome:
    """What an evaluation gave; see :class:`~mdbridge.calibrate.trials.Trial`.

    Attributes:
        trace: the traceback of what a model raised.
        refused: whether the model said itself that the parameters make no sample.
        between: what the interpolation of curves may cost, see :meth:`.objective.Objective.between`; told of
            runs that are no trials.
        hopeless: whether it failed for something that parameters hardly mend, as a unit.
    """

    status: Status
    score: Score | None = None
    seconds: float = 0.0
    host: str = field(default_factory=socket.gethostname)
    message: str = ""
    said: str = ""
    trace: str = ""
    refused: bool = False
    between: Mapping[str, float] = field(default_factory=dict)
    hopeless: bool = False

    @classmethod
    def of(cls, answer: Answer) -> "Outcome":
        """What became of a call of :class:`Evaluation`, also where it had no end."""
        failure = answer.failure
        if failure is not None:
            status: Status = "timeout" if failure.kind == "timeout" else "failed"
            return cls(
                status, None, answer.seconds, message=failure.text, said=answer.said, trace=failure.trace
            )
        outcome: Outcome = answer.value
        # what a model prints is kept only where it may tell why
        said = "" if outcome.status == "ok" else answer.said
        return replace(outcome, said=said)


def describe(pairs: Sequence[tuple[str, str]], folder: str) -> list[Model]:
    """The models of pairs (key, ``package.module:name``)."""
    return [Model.resolve(key, path, folder) for key, path in pairs]


Calibrated = Model | Program
"""What is calibrated: a callable of the user's, or a program."""


def shapes(model: Calibrated, options: Mapping[str, Any]) -> Shapes:
    """See :meth:`Model.shapes`."""
    return model.shapes(options)


def respond(model: Calibrated, arguments: Mapping[str, Any], compared: Collection[str] = ()) -> Response:
    """Call a model, in no trial; the fields and curves that it returns, other things left out.

    Args:
        model, arguments: what is called, and with what.
        compared: names that must be arrays of real numbers, as they are compared.

    Raises:
        InputError: it returned no mapping, or no array under a name that is compared.
    """
    _quiet()
    os.environ.pop(TRIAL, None)
    response = model(**arguments)
    if not isinstance(response, Mapping):
        raise InputError(
            f"{model.path} returned a {type(response).__name__}, expected a mapping from names to arrays"
        )
    kept: dict[str, Array] = {}
    for name, values in response.items():
        try:
            kept[str(name)] = real(str(name), values)
        except InvalidResponse as error:
            # trials do not look at it either: a word, an object, a complex spectrum for a person
            if name in compared:
                raise InputError(f"{model.path} returned something that is no response: {error}") from error
    return kept


def grouping(objective: Objective, reference: Response) -> tuple[Objective, Groups, Likelihood]:
    """How residuals make up the distance and how they scatter, from the reference compared with itself.

    Returns:
        The objective, told which of its numbers may be negative; the grouping; the likelihood.

    Raises:
        InputError: it cannot be.
    """
    try:
        objective = objective.knowing_signs(reference)
        # a reference that cannot be compared with itself would fail every trial
        objective.score(reference)
        return objective, objective.groups(reference), objective.likelihood(reference)
    except InvalidResponse as error:
        raise InputError(f"reference: compared with itself: {error}") from error
    except Exception as error:  # a term of the user's own
        raise InputError(
            f"objective: the reference cannot be compared with itself: {type(error).__name__}: {error}"
        ) from error


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a model: its options, and what its response is compared with."""

    model: Calibrated
    options: Mapping[str, Any]
    objective: Objective

    def prepare(self) -> None:
        """Import the user's code."""
        _quiet()
        self.model.prepare()
        self.objective.prepare()

    def __call__(self, parameters: Mapping[str, float], number: int | None = None) -> Outcome:
        """Run the model at ``parameters`` and compare; whatever it raises is in the outcome.

        Args:
            parameters: by name.
            number: of the trial, which the model finds in its environment; None if it is none.
        """
        start = time.perf_counter()
        os.environ.pop(TRIAL, None)
        if number is not None:
            os.environ[TRIAL] = str(number)
        score, message, trace, refused, hopeless = None, "", "", False, False
        between: Mapping[str, float] = {}
        status: Status = "ok"
        try:
            # copies: a model that changes a list among its options would meet it changed at the next trial
            response = self.model(**parameters, **copy.deepcopy(dict(self.options)))
            score = self.objective.score(response)
            if number is None:
                between = self.objective.between(response)
        except (InputError, InvalidResponse) as error:  # the parameters make no sample
            status, message, refused = "invalid", str(error), isinstance(error, InputError)
        # a model that calls sys.exit costs its own trial, nothing else
        except (Exception, SystemExit) as error:
            failure = Failure.of(error)
            status, message, trace = "failed", failure.text, failure.trace
            hopeless = isinstance(error, OtherUnit)
        seconds = time.perf_counter() - start
        return Outcome(
            status,
            score,
            seconds,
            message=message,
            trace=trace,
            refused=refused,
            between=between,
            hopeless=hopeless,
        )


def _quiet() -> None:
    """A model may overflow on its way to a response that is refused."""
    np.seterr(all="ignore")
