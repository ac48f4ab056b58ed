"""run.h5 of ``mdbridge shear``: every dataset with its unit and its place on the grid."""

from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from ...core.files import replacing
from ...stz.model import PS_PER_S
from ...stz.solver import Case, Result


def write(path: Path, case: Case, result: Result, complete: bool) -> None:
    """Write a result; ``complete`` tells whether it reached the last frame.

    Raises:
        FileError: the folder cannot be written.
    """
    per_ps = case.rate / PS_PER_S  # velocities of a result are per unit of strain
    table = {
        # name: (values, unit, what, grid location)
        "gamma": (result.gamma, "1", "net shear strain", "mean"),
        "shear_stress": (result.shear_stress, "GPa", "mean of the physical sigma_xy", "mean"),
        "dev_stress": (result.dev_stress, "GPa", "mean of sqrt(s:s/2)", "mean"),
        "plastic_power": (result.plastic_power * per_ps, "GPa/ps", "mean of sigma : D_pl", "mean"),
        "frames": (result.frames, "1", "indices into gamma at which the fields are kept", "none"),
        "Exy": (result.exy, "1", "Green-Lagrange shear strain", "corner"),
        "chi": (result.chi, "1", "effective temperature", "cell"),
        "velocity": (
            result.velocity * per_ps,
            "angstrom/ps",
            "velocity (x, y) beyond that of the frame",
            "corner",
        ),
        "stress": (result.stress, "GPa", "sigma_xx, sigma_xy, sigma_yy, sigma_zz", "cell"),
    }
    with replacing(path) as temporary, h5py.File(temporary, "w") as store:
        for name, (values, unit, what, location) in table.items():
            data = store.create_dataset(name, data=values)
            data.attrs.update(units=unit, long_name=what, grid_location=location)
        store.attrs.update(
            complete=complete,
            frame=case.frame,
            rate_per_s=case.rate,
            max_strain=case.max_strain,
            tolerance=case.tolerance,
            box_A=np.array([case.grid.lx, case.grid.ly]),
            boundary=case.grid.boundary,
            layout="fields are [frame, (component,) row = y, column = x]; corner (0, 0) is the box's origin, "
            "cell (0, 0) lies between corners (0, 0) and (1, 1)",
            **{f"material_{name}": value for name, value in asdict(case.material).items()},
        )
