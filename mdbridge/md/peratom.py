"""Per-atom arrays of all atoms by their IDs, whichever rank has them and whatever is missing between."""

from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core import parallel
from ..core.errors import InputError
from . import sources

if TYPE_CHECKING:
    from .session import Session

Array = NDArray[np.float64]


def ids(session: "Session") -> NDArray[np.int64]:
    """``(N,)`` all IDs, ascending, on all ranks (collective)."""
    return np.sort(_joined(session.comm, _own_ids(session)))


def gather(session: "Session", name: str, columns: int | None, unwrapped: bool) -> Array:
    """See :meth:`.session.Session.gather`."""
    own = _own_ids(session)

    def read() -> Array:
        atoms = session.atoms()
        array = atoms.unwrapped() if name == "x" and unwrapped else atoms.array(name)
        return np.ascontiguousarray(_table(array)[:, :columns], dtype=np.float64)

    # a name may be wrong: no rank may raise while the others go into the exchange
    rows, error = parallel.attempt(read)
    parallel.agree(session.comm, error)
    assert rows is not None
    # by IDs, which may have gaps: LAMMPS's own gather takes 1 … N for granted
    return _joined(session.comm, rows)[np.argsort(_joined(session.comm, own), kind="stable")]


def masses(session: "Session") -> Array:
    """See :meth:`.session.Session.masses`."""
    own, (mass, error) = _own_ids(session), parallel.attempt(lambda: session.atoms().masses())
    parallel.agree(session.comm, error)
    assert mass is not None
    return _joined(session.comm, np.ascontiguousarray(mass))[np.argsort(_joined(session.comm, own))]


def scatter(session: "Session", name: str, values: NDArray[Any], unwrapped: bool) -> None:
    """See :meth:`.session.Session.scatter`."""
    own = _own_ids(session)
    everyone = np.sort(_joined(session.comm, own))
    table = _table(np.asarray(values))

    def write() -> None:
        if len(table) != len(everyone):
            raise InputError(f"'{name}': {len(table)} rows for {len(everyone)} atoms")
        # rows follow the order of all IDs, this rank has some of them
        mine = table[np.searchsorted(everyone, own)]
        atoms = session.atoms()
        target = _table(atoms.array(name))
        if mine.shape[1] > target.shape[1]:
            raise InputError(f"'{name}' has {target.shape[1]} columns, not {mine.shape[1]}")
        if name == "x" and unwrapped:
            place = atoms.unwrapped()
            place[:, : mine.shape[1]] = mine
            _place(session, place)
        else:
            target[:, : mine.shape[1]] = mine

    _, error = parallel.attempt(write)
    parallel.agree(session.comm, error)


def _place(session: "Session", place: Array) -> None:
    """Set unwrapped positions ``(n, 3)`` of this rank's atoms.

    Image flags stay where that leaves an atom not far outside the box: LAMMPS wraps it when it
    next rebuilds its neighbours, and until then its pairs are as they were.
    """
    atoms = session.atoms()
    box, corner = atoms.box(), atoms.corner()
    images = atoms.images
    fractional = (place - images @ box - corner) @ np.linalg.inv(box)
    # whole boxes, along periodic directions alone
    far = np.where(np.abs(fractional - 0.5) > 1.0, np.floor(fractional), 0.0)
    images += (far * np.array(atoms.periodic)).astype(np.int64)
    atoms.x[:] = place - images @ box
    bits = session.image_bits
    a, b, c = (images + (1 << (bits - 1))).T
    # flags are stored with half of their range added
    atoms.array("image")[:] = a | b << bits | c << 2 * bits


def _own_ids(session: "Session") -> NDArray[np.int64]:
    """This rank's IDs; refused on all ranks if there are none (collective)."""

    def read() -> NDArray[np.int64]:
        array = session.atoms().array("id").astype(np.int64)
        sources.require_ids(array)
        return array

    own, error = parallel.attempt(read)
    parallel.agree(session.comm, error)
    assert own is not None
    return own


def _joined(comm: MPI.Comm, rows: NDArray[Any]) -> NDArray[Any]:
    """The rows of all ranks, one rank after the other, on all of them (collective)."""
    if comm.size == 1:
        return rows
    # ranks have different numbers of atoms, and some have none
    counts = np.array(comm.allgather(rows.size))
    width = int(np.prod(rows.shape[1:]))
    whole = np.empty((counts.sum() // width, *rows.shape[1:]), rows.dtype)
    comm.Allgatherv(rows, [whole, counts])
    return whole


def _table(array: NDArray[Any]) -> NDArray[Any]:
    """A per-atom vector as a table of one column, a table as it is; a view."""
    return array if array.ndim == 2 else array[:, None]
