"""HDF5 files of ours, and checked access to anybody's: the only place that imports h5py.

Every file that is written here carries the attributes ``format``, ``format_version``,
``key`` (of what it was made from) and ``mdbridge``; every dataset its ``units``, its
``long_name`` and, along each axis, a named dimension with coordinates, as HDF5
dimension scales: ``xarray.open_dataset(path, group=...)`` shows them by name.

A file ends with a seal, the SHA-256 of all bytes before it, behind what HDF5 itself
reads.  A flipped bit, a cut or an edit is seen before a single number is used, and
before damaged bytes reach the HDF5 library, which may crash on them.
"""

from .kinds import Format
from .reader import NO_UNITS, File, Reader, is_hdf5, opening, reading, stored_key
from .writer import Document, Group, writing

__all__ = [
    "NO_UNITS",
    "Document",
    "File",
    "Format",
    "Group",
    "Reader",
    "is_hdf5",
    "opening",
    "reading",
    "stored_key",
    "writing",
]
