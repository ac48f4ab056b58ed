"""h5py, imported here alone: where it is missing or broken, one line says so."""

from ..requires import requires

with requires("h5py", "reading and writing of results"):
    import h5py

__all__ = ["h5py"]
