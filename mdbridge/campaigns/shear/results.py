"""run.h5 of ``mdbridge shear``: every dataset with its unit and its place on the grid."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...fields.storage import PLANE, put_plane
from ...stz.forwardrun import Case, Result
from ...stz.ratelaw import PS_PER_S

Array = NDArray[np.float64]

RUN = store.Format("mdbridge-shear", 1, "mdbridge shear")
STRESSES = ("xx", "xy", "yy", "zz")


def write(path: Path, case: Case, result: Result, complete: bool, key: str = "") -> str:
    """Write a result; returns the SHA-256 of the file.

    Args:
        complete: whether it reached the last frame.
        key: hash of the input.

    Raises:
        FileError: the folder cannot be written.
    """
    # what a result has per unit of strain, and of each leg at its own rate
    per_ps = np.array([case.rate_at(n) for n in range(len(result.gamma))]) / PS_PER_S
    # components last: a frame is then an array of vectors or tensors
    velocity = np.moveaxis(result.velocity * per_ps[result.frames][:, None, None, None], 1, -1)
    stress = np.moveaxis(result.stress, 1, -1)
    curve, fields = ("gamma",), "field_gamma"
    with store.writing(path, RUN, key) as file:
        file.attributes(
            complete=complete,
            frame=case.frame,
            rate_per_s=case.rate,
            max_strain=case.legs[-1].end,
            tolerance=case.tolerance,
            box_A=np.array([case.grid.lx, case.grid.ly]),
            boundary=case.grid.boundary,
            layout="fields are [frame, row = y, column = x(, component)]; corner (0, 0) is the box's origin, "
            "cell (0, 0) lies between corners (0, 0) and (1, 1)",
            **{f"material_{name}": value for name, value in asdict(case.material).items()},
        )
        file.dimension("gamma", result.gamma, "1", "net shear strain")
        file.dimension(fields, result.gamma[result.frames], "1", "net shear strain of the kept fields")
        file.dimension("velocity_component", ["x", "y"], "1", "direction")
        file.dimension("stress_component", STRESSES, "1", "component of the stress")
        put_plane(file, (case.grid.lx, case.grid.ly), case.grid.shape, "angstrom")
        file.put("frames", result.frames, (fields,), "1", "indices into gamma at which the fields are kept")
        file.put("path", result.path, curve, "1", "length of the path of the shear strain")
        file.put("shear_stress", result.shear_stress, curve, "GPa", "mean of the physical sigma_xy")
        file.put("dev_stress", result.dev_stress, curve, "GPa", "mean of sqrt(s:s/2)")
        # power per unit of strain times the rate
        file.put("plastic_power", result.plastic_power * per_ps, curve, "GPa/ps", "mean of sigma : D_pl")
        for name, values, units, what, place, component in (
            ("Exy", result.exy, "1", "Green-Lagrange shear strain", "corner", ()),
            ("chi", result.chi, "1", "effective temperature", "cell", ()),
            ("velocity", velocity, "angstrom/ps", "velocity beyond that of the frame", "corner",
             ("velocity_component",)),
            ("stress", stress, "GPa", "stress", "cell", ("stress_component",)),
        ):  # fmt: skip
            dims = (fields, *PLANE[place], *component)
            file.put(name, values, dims, units, what, grid_location=place)
    return file.sha256


@dataclass(frozen=True)
class StoredRun:
    """What is drawn of a run.

    Attributes:
        gamma, shear_stress, dev_stress: ``(n,)`` net strain, mean stresses (GPa).
        path: ``(k,)`` length of the strain's path at the kept fields.
        strains, frames: ``(k,)`` net strain of the kept fields, their place in ``gamma``.
        exy, chi: ``(k, ny, nx)`` at corners, in cells.
        velocity: ``(k, ny, nx, 2)`` at corners, in Å/ps.
        stress: ``(k, ny, nx, 4)`` in cells, in GPa.
        box: ``(2,)`` undeformed edges in Å.
        frame: the motion of the box, a name of :data:`..stz.frame.FRAMES`.
        e_z: K for one unit of χ.
    """

    gamma: Array
    shear_stress: Array
    dev_stress: Array
    strains: Array
    path: Array
    frames: NDArray[np.int64]
    exy: Array
    chi: Array
    velocity: Array
    stress: Array
    box: Array
    frame: str
    e_z: float


def read(path: Path) -> StoredRun:
    """Read a run.h5.

    Raises:
        FileError: it is not there, not of this kind, or damaged.
    """
    with store.reading(path, RUN) as file:
        gamma, frames = file.get("gamma"), file.integers("frames")
        # every turn is a frame
        along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(gamma)))])
        return StoredRun(
            gamma=gamma,
            shear_stress=file.get("shear_stress", "GPa"),
            dev_stress=file.get("dev_stress", "GPa"),
            strains=file.get("field_gamma"),
            path=along[frames],
            frames=frames,
            exy=file.get("Exy"),
            chi=file.get("chi"),
            velocity=file.get("velocity", "angstrom/ps"),
            stress=file.get("stress", "GPa"),
            box=file.numbers("box_A", 2),
            frame=file.attribute("frame", str),
            e_z=file.attribute("material_e_z", float),
        )
