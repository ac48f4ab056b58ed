"""Algorithm 2 of [You2022]: which horizon and degree, from all pairs of a sweep."""

from dataclasses import dataclass
from typing import Any

from mpi4py import MPI

from ...core.errors import ConvergenceError
from ...core.workspace import Workspace
from .input import Sweep
from .learning import Candidate, Pair, Source, learn_all, rate


@dataclass(frozen=True)
class Selection:
    """What a sweep says.

    Attributes:
        candidates: all pairs, failed ones too.
        rows: for each degree the best horizon, rated.
        best: the row with the smallest AvgE.
    """

    candidates: list[Candidate]
    rows: list[Candidate]
    best: Candidate

    def as_dict(self) -> dict[str, Any]:
        """For a file: the tables and the chosen model."""
        return {
            "candidates": [candidate.row() | {"wall_s": candidate.wall_s} for candidate in self.candidates],
            "rows": [candidate.row() | _constants(candidate) for candidate in self.rows],
            "best": self.best.as_dict(),
        }


def pairs_to_try(settings: Sweep) -> list[Pair]:
    """All pairs of the section [sweep]."""
    return [(h, m) for m in settings.degrees for h in settings.horizons_A]


def sweep(
    comm: MPI.Comm, workspace: Workspace, source: Source, settings: Sweep, title: str = "sweep"
) -> Selection:
    """Learn all pairs (collective, resumable) and select."""
    return select(learn_all(comm, workspace, source, pairs_to_try(settings), title))


def select(candidates: list[Candidate]) -> Selection:
    """For each M the δ with the smallest training residual; among those the smallest AvgE.

    AvgE is normalised with the smallest degree that could be learned, in the paper M = 0.

    Raises:
        ConvergenceError: no pair could be learned.
    """
    usable = [candidate for candidate in candidates if candidate.material is not None]
    if not usable:
        raise ConvergenceError(f"no pair of the sweep could be learned; the first: {candidates[0].failure}")
    degrees = sorted({candidate.degree for candidate in usable})
    rows = [
        min(
            (candidate for candidate in usable if candidate.degree == m),
            key=lambda candidate: candidate.errors["E_res_train"],
        )
        for m in degrees
    ]
    # M = 0 may have failed; then the next degree serves
    rows = [rate(candidate, rows[0]) for candidate in rows]
    return Selection(candidates, rows, min(rows, key=lambda candidate: candidate.errors["AvgE"]))


def _constants(candidate: Candidate) -> dict[str, float]:
    assert candidate.material is not None
    return {"E_TPa": candidate.material.young, "nu": candidate.material.poisson}
