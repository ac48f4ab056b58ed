"""VTK (ParaView) export of a run of ``mdbridge shear``, from its run.h5 alone.

One structured grid per kept frame, in the deformed box x = T X, and a .pvd
collection whose time is the length of the strain's path: the net strain of a run in one direction.
"""

from pathlib import Path

import numpy as np

from ...fields.vtk import Field, write_grid, write_series
from ...stz.frame import FRAMES
from . import results


def export(store: Path, folder: Path) -> None:
    """Write ``folder/run.pvd`` and one .vts per kept frame.

    Raises:
        FileError: the store cannot be read or the folder not written.
    """
    run = results.read(store)
    motion = FRAMES[run.frame]()
    pieces = []
    for k, gamma in enumerate(run.strains):
        name = f"frame_{run.frames[k]:05d}.vts"
        # the edges of the box, one a row, carried along by T
        edges = np.zeros((2, 3))
        edges[:, :2] = (motion.matrix(float(gamma)) @ np.diag(run.box)).T
        fields = {
            "chi": Field(run.chi[k], "1"),
            "stress": Field(run.stress[k], "GPa", results.STRESSES),
            "Exy": Field(run.exy[k], "1", place="corner"),
            "velocity": Field(run.velocity[k], "angstrom/ps", ("x", "y"), place="corner"),
        }
        write_grid(folder / name, edges, fields)
        pieces.append((float(run.path[k]), name))
    write_series(folder / "run.pvd", pieces)
