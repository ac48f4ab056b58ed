"""The engine of all campaigns: is it done? share it over ranks, run it, record it, go on where it was left.

A campaign lists pieces of work, each with the :class:`~..identity.Identity` that says what
it reads; everything else happens here.  There are three shapes of work:

- :func:`share`: independent tasks, given out to groups of ranks as they become free;
- :func:`chain`: tasks one after the other, each going on from the files of the one before;
- :func:`make`: what stands at the top of the folder (``dataset.h5``, ``model.json``, figures).

A task counts as done when its record is there, under its key, and its files are as they
were written.
"""

from .chains import chain, chained, link_folder, unfinished_folder
from .independent import result, results, seconds, share
from .pieces import Link, Links, Piece, Product, Progress, Stage, Task, pieces_of_work
from .products import make, require

__all__ = [
    "Link",
    "Links",
    "Piece",
    "Product",
    "Progress",
    "Stage",
    "Task",
    "chain",
    "chained",
    "link_folder",
    "make",
    "pieces_of_work",
    "require",
    "result",
    "results",
    "seconds",
    "share",
    "unfinished_folder",
]
