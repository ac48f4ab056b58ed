"""Observers for running simulations: the time filter and the spatial average.

Both rely on per-atom arrays that LAMMPS moves between ranks with the atoms, so
neither needs communication but for the final sum over ranks.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy import sparse

from ...coarse import kernels, timefilter
from ...core.errors import InputError
from ...fields.grid import NodeGrid
from .base import Atoms, Filtering, Moment, Observer

if TYPE_CHECKING:
    from ..session import Session

Array = NDArray[np.float64]


class TimeFilter(Observer):
    """Smooth displacements in time, [You2022, eq. 2.10]; attach it to every step.

    The state is a per-atom array, which migrates with the atoms and goes into
    LAMMPS's restart files.  The first step it sees is n = 0 of the equation, where
    U = 0, unless it goes on from a restart.

    Args:
        weight: ι of the equation, in (0, 1].
        resume: keep the state that the atoms carry, which is that of the first step it sees.
        array: the per-atom array of the state; two filters on one run need two.
    """

    moment: Moment = "forces"
    references = ("d2_reference",)
    once = True

    def __init__(self, weight: float, resume: bool = False, array: str = "d2_smoothed"):
        self.weight, self.array = weight, array
        self.needs, self.states = ("d2_reference", array), (array,)
        self._arrays = (array, "x", "image", "d2_reference")
        self._resumed, self._started = resume, False

    def local(self, atoms: Atoms) -> None:
        smoothed, x, image, reference = atoms.arrays(self._arrays)
        if not self._started:
            self._started = True
            # the state that goes on has this step already: it is that of the restart
            if not self._resumed:
                # n = 0 of the equation: what arrays hold when they are made is arbitrary
                smoothed[:] = 0.0
            return
        timefilter.smooth_displacement(
            smoothed,
            x,
            image,
            reference,
            atoms.box(),
            atoms.image_bits,
            self.weight,
        )

    def filtering(self) -> Filtering | None:
        return Filtering(self.array, self._arrays[-1], self.weight) if self._started else None


@dataclass(frozen=True)
class Averages:
    """Node fields of one step.

    Attributes:
        step: the timestep.
        density: ``(n,)`` ρ, smoothed mass per node (g/mol), [You2022, eq. 2.2].
        u: ``(n, 2)`` smoothed displacement (Å), NaN where there is no mass, [You2022, eq. 2.3, 2.11].
        load: ``(n, 2)`` smoothed external force per node (eV/Å), [You2022, eq. 2.2].
    """

    step: int
    density: Array
    u: Array
    load: Array


class SpatialAverage(Observer):
    """Average displacements and loads in space onto nodes, [You2022, eq. 2.2, 2.3, 2.11].

    The plane is that of x and y, in the periodic box as it is when the observer is attached, which may
    lean in it (xy).  Arrays of three columns are taken by their components in the plane.

    Args:
        grids: the node grids, by name; a periodic one fills a box as wide and high as LAMMPS's.
        radius: R (Å).
        shape: smoothing function, one of :data:`..coarse.kernels.SHAPES`.
        smoothed: average filtered displacements rather than the present ones.
        array: the per-atom array that holds them.
        deviations: standard deviations of the Gaussian to its radius.

    Attributes:
        results: for each grid, the averages of the last step it acted on; on all ranks.
    """

    moment: Moment = "forces"
    references = ("d2_reference",)

    def __init__(
        self,
        grids: dict[str, NodeGrid],
        radius: float,
        shape: str,
        smoothed: bool = False,
        array: str = "d2_smoothed",
        deviations: float = 3.0,
    ):
        self.grids, self.radius, self.shape = grids, radius, shape
        self.deviations = deviations
        self.smoothed = array if smoothed else None
        self.states = ("d2_load",)
        self.needs = ("d2_reference", "d2_load") + ((array,) if smoothed else ())
        self.results: dict[str, Averages] = {}
        self._reference = np.empty((0, 2))
        self._tilt = 0.0
        self._weights: dict[str, sparse.csc_array] = {}
        self._sums: dict[str, Array] = {}
        self._step = 0

    def prepare(self, session: "Session") -> None:
        """Take notice of the box, over whose boundaries the weights go."""
        box = session.box()
        self._tilt = float(box[1, 0])
        for name, grid in self.grids.items():
            # images a different distance away would be summed as if nothing were wrong
            if grid.periodic and not np.allclose(grid.box, np.diag(box)[:2], rtol=1e-6, atol=0.0):
                raise InputError(
                    f"the grid '{name}' fills a box of {grid.box[0]:g} × {grid.box[1]:g}, but the "
                    f"simulation's is {box[0, 0]:g} × {box[1, 1]:g}; make it of that"
                )

    def local(self, atoms: Atoms) -> None:
        mass = atoms.masses()[:, None]
        # one product with the weights for all fields: mass, its displacement, the load
        u, load = self._displacement(atoms)[:, :2], atoms.array("d2_load")[:, :2]
        columns = np.hstack([mass, mass * u, load])
        self._update_weights(atoms.array("d2_reference"))
        self._sums = {name: weights @ columns for name, weights in self._weights.items()}
        self._step = atoms.step

    def collective(self, comm: MPI.Comm) -> None:
        for name, sums in self._sums.items():
            # sums of masses and of mass times displacement: divided only after all ranks have been added up
            comm.Allreduce(MPI.IN_PLACE, sums)
            density = sums[:, 0]
            # 0/0 where no atom is near: NaN, as promised
            with np.errstate(invalid="ignore"):
                u = sums[:, 1:3] / density[:, None]
            self.results[name] = Averages(self._step, density, u, sums[:, 3:5])

    def _displacement(self, atoms: Atoms) -> Array:
        if self.smoothed is not None:
            return atoms.array(self.smoothed)
        u = np.empty_like(atoms.array("d2_reference"))
        timefilter.unwrapped_displacement(
            u,
            atoms.array("x"),
            atoms.array("image"),
            atoms.array("d2_reference"),
            atoms.box(),
            atoms.image_bits,
        )
        return u

    def _update_weights(self, reference: Array) -> None:
        """The weights depend on reference positions alone: redo them only after atoms have moved ranks."""
        # the same atoms in the same order: no atom has changed ranks since
        if self._weights and np.array_equal(reference, self._reference):
            return
        self._reference = reference.copy()
        places, decay = self._reference[:, :2], 0.5 * self.deviations**2
        self._weights = {
            name: kernels.weights(places, grid, self.radius, self.shape, self._tilt, decay)
            for name, grid in self.grids.items()
        }
