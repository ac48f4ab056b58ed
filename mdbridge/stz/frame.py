"""The sheared frame x = T(γ) X, [Kontolati2021, eq. 35]; γ is the net strain."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float64]


class Frame(Protocol):
    """A homogeneous, area-preserving motion of the box."""

    name: str

    def matrix(self, gamma: float) -> Tensor:
        """T, ``(2, 2)``, det T = 1."""

    def velocity_gradient(self, gamma: float) -> Tensor:
        """Ṫ T⁻¹ per unit of net strain, ``(2, 2)``."""


class SimpleShear:
    """T = [[1, γ], [0, 1]]."""

    name = "simple"

    def matrix(self, gamma: float) -> Tensor:
        """T at γ."""
        return np.array([[1.0, gamma], [0.0, 1.0]])

    def velocity_gradient(self, gamma: float) -> Tensor:
        """Ṫ T⁻¹ = [[0, 1], [0, 0]]."""
        return np.array([[0.0, 1.0], [0.0, 0.0]])


class PureShear:
    """T = diag(e^{γ/2}, e^{−γ/2}): the rate of deformation has the norm of simple shear."""

    name = "pure"

    def matrix(self, gamma: float) -> Tensor:
        """T at γ."""
        return np.diag([math.exp(gamma / 2.0), math.exp(-gamma / 2.0)])

    def velocity_gradient(self, gamma: float) -> Tensor:
        """Ṫ T⁻¹ = diag(½, −½)."""
        return np.diag([0.5, -0.5])


FRAMES: dict[str, type[SimpleShear] | type[PureShear]] = {"simple": SimpleShear, "pure": PureShear}


def inverse(matrix: Tensor) -> Tensor:
    """T⁻¹ with det T = 1."""
    (a, b), (c, d) = matrix
    return np.array([[d, -b], [-c, a]])
