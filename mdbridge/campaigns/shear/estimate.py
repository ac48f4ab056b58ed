"""``--dry-run`` of a shear: its first frames, timed."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from mpi4py import MPI

from ...core import demand, parallel
from ...core.workspace import Workspace
from ...stz.equilibrium.projection import Projection
from ...stz.forwardrun import Case, forward
from ...stz.staggered import Domain
from .. import forecast
from ..forecast import Row
from .input import ShearInput
from .stages import CAMPAIGN, Campaign, asked, digests_of, prepare, solvers

_KEPT = 8
"""Doubles of a cell in a frame whose fields are kept, see :class:`~mdbridge.stz.forwardrun.Result`."""


# no error of ours: nothing must take it for a failure of the run, and keep what there is
class _Enough(Exception):
    """The first frames have told what there is to know."""


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Print the time, the memory and the disk that a run takes (collective).

    Raises:
        InputError: as the run itself would.
        FlowError: the run fails within its first frames.
    """
    demand.require(comm, asked(comm, source, overrides))
    settings, case = parallel.on_root(comm, lambda: prepare(source, overrides))
    seconds = time_frames(comm, settings, case, forecast.PATIENCE)

    # one rank looks at the folder: the others might see another state of it
    def rows() -> list[Row]:
        digests = digests_of(settings.initial, source.parent)
        campaign = Campaign(comm, settings, case, digests, Workspace(out, CAMPAIGN))
        left = {piece.name: forecast.unfinished(campaign.workspace, piece) for piece in campaign.plan()}
        # what is written from the fields afterwards costs little beside them, but for a film
        times = {campaign.run.name: seconds}
        return [Row(name, 1, 1 - len(names), times.get(name)) for name, names in left.items()]

    cells = float(case.grid.nx * case.grid.ny)
    fields = 8.0 * _KEPT * cells * len(case.kept())
    title = f"{case.grid.nx} × {case.grid.ny} cells to a strain of {case.legs[-1].end:g}"
    forecast.show(comm, title, parallel.on_root(comm, rows), fields * (2 if settings.output.vtk else 1))


def time_frames(comm: MPI.Comm, settings: ShearInput, case: Case, patience: float) -> float:
    """Seconds of the whole run on all ranks, see :func:`time_run` (collective)."""
    with solvers(comm, settings, case) as (domain, projection):
        return time_run(comm, case, domain, projection, patience)


def time_run(
    comm: MPI.Comm, case: Case, domain: Domain | None, projection: Projection | None, patience: float
) -> float:
    """Seconds of a whole run, from its frames up to a time that a person waits for (collective).

    Steps become longer and shorter as the glass yields, by less than half of their mean: what the first
    frames take says what all of them do.

    Args:
        comm: the ranks that share the domain.
        case: what is run.
        domain, projection: as in :func:`~mdbridge.stz.forwardrun.forward`.
        patience: seconds after which it is ended, with its second frame at the earliest.
    """
    ended: list[float] = []
    start = time.perf_counter()

    def note(frame: int) -> None:
        ended.append(time.perf_counter())
        # never after the first, which may compile for longer than anybody waits, and tells nothing of the
        # others.  One clock for all ranks: they end together
        if comm.bcast(ended[-1] - start) > patience and len(ended) > 1:
            raise _Enough

    with contextlib.suppress(_Enough):
        forward(case, domain, projection, note)
    # the first frame compiles, and plans the transforms; of a single one there is nothing else to go by
    begun, counted = (ended[0], len(ended) - 1) if len(ended) > 1 else (start, 1)
    return comm.bcast((ended[-1] - begun) / counted * case.last_frame)
