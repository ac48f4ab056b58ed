"""What stands at the top of the folder: ``dataset.h5``, ``model.json``, figures."""

import time
from pathlib import Path

from mpi4py import MPI

from .. import parallel
from ..console import console, detail
from ..errors import FileError
from ..records import Record
from ..workspace import Workspace
from .pieces import Product
from .places import in_its_log, named_as_they_will_be


@in_its_log
def make(comm: MPI.Comm, workspace: Workspace, product: Product, again: bool = False) -> Record:
    """Make a product unless it stands there, or bring it back from ``superseded/`` (collective).

    Args:
        again: make it even if it is there.

    Raises:
        InputError: somebody else's file is in the way; before any work.
        FileError: the work did not write what it promises.
    """
    key, out = product.identity.key, console(comm)

    def known() -> tuple[Record | None, str]:
        if not again:
            kept = workspace.record(product.name, product.name, key)
            if kept is not None:
                return kept, "done before"
            # somebody tried another input in between: what this one had led to lies in superseded/
            kept = workspace.restore(product.name, product.name, key)
            if kept is not None:
                return kept, "done before, for this input; brought back from superseded/"
        # before hours of work, whose result would have no place
        workspace.refuse_foreign(product.files)
        return None, ""

    record, words = parallel.on_root(comm, known)
    if record is not None:
        out.print(f"{product.name}: {words}", style="dim")
        return record
    detail(comm, f"{product.name}: begins")
    start = time.monotonic()
    # a folder of its own: figures whose names nobody promised are found in it, and half a result is never
    # at the top
    staged = parallel.on_root(comm, lambda: workspace.staging(product.name, key))
    with workspace.making(staged), named_as_they_will_be(staged, workspace.root):
        product.work(staged)

    def publish() -> Record:
        missing = [name for name in product.files if not (staged / name).exists()]
        if missing:
            raise FileError(f"{product.name}: {', '.join(missing)} was not written")
        made = Record(product.name, product.name, product.identity, seconds=time.monotonic() - start)
        return workspace.publish(made, staged)

    record = parallel.on_root(comm, publish)
    out.print(f"{product.name}: {time.monotonic() - start:.1f} s")
    return record


def require(workspace: Workspace, product: Product, command: str) -> Path:
    """The first file of a product that must have been made from this very input.

    Raises:
        FileError: it is not there, or was made from another input: which key, both values.
    """
    path = workspace.root / product.files[0]
    # the record under this very key: a file of that name may be there from another input
    if workspace.record(product.name, product.name, product.identity.key) is not None:
        return path
    other = workspace.owner(product.files[0])
    if other is None:
        state = "is not as it was written" if path.exists() else "no such file"
        raise FileError(f"{path}: {state}; run '{command}' first")
    words = "; ".join(other.identity.differences(product.identity)) or "by another task"
    raise FileError(
        f"{path}: made from another input ({words}); run '{command}' with this one first, "
        "or choose another --out"
    )
