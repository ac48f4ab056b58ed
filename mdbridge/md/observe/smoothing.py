"""The time filter of displacements from the reference that the material has, [You2022, eq. 2.10]."""

from typing import TYPE_CHECKING

import numpy as np

from ...coarse import timefilter
from .base import Atoms, Moment, Observer
from .material import ORIGIN, Array, Material

if TYPE_CHECKING:
    from ..session import Session

SMOOTHED = "d2_mdbridge_smoothed"
"""Per-atom array of the filtered displacements; it migrates with the atoms and is kept in restart files."""


class Smoothing(Observer):
    """Filters the displacements of all atoms; attach it to every step, after its ``material``.

    The first step it sees is n = 0 of the equation, where U = 0, unless it goes on from a restart file.

    Args:
        weight: ι of the equation, in (0, 1].
        material: gives atoms their reference.
        shift: ``(3, 3)`` of a run that goes on.

    Attributes:
        shift: ``(3, 3)`` by how much more the images beyond each edge have moved, filtered alike.
    """

    moment: Moment = "forces"

    def __init__(self, weight: float, material: Material, shift: Array | None = None):
        self.weight, self.material = weight, material
        # an atom that appears has been displaced by nothing yet
        self.states = (SMOOTHED,)
        self._resumed, self._started = shift is not None, False
        self.shift = np.zeros((3, 3)) if shift is None else shift

    def prepare(self, session: "Session") -> None:
        """Define the array; after ``read_restart`` it has what the file holds of it."""
        if not session.defines(SMOOTHED):
            session.commands(f"fix mdbridge_smoothed all property/atom {SMOOTHED} 3 writedata no")
        self.needs = (ORIGIN, SMOOTHED)

    def local(self, atoms: Atoms) -> None:
        smoothed, x, image, origin = atoms.arrays((SMOOTHED, "x", "image", ORIGIN))
        if not self._started:
            self._started = True
            # the state that goes on has this step already: it is that of the restart file
            if not self._resumed:
                # of a filter before this one the atoms may still have the state
                smoothed[:] = 0.0
            return
        timefilter.smooth_displacement(
            smoothed,
            x,
            image,
            origin,
            atoms.box(),
            atoms.image_bits,
            self.weight,
        )
        # linear, so the filter of an image is that of its atom plus that of the shift
        self.shift = self.shift + self.weight * (self.material.look(atoms).shift - self.shift)
