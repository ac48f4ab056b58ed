"""The external loads of the graphene study, [You2022, sec. 6.1].

A load is a direction field of unit amplitude on reference positions; the
amplitude is chosen when it is applied, from the bond strain that it causes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

WAVES = 5
"""Largest number of waves per box edge in the training loads."""

Field = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Shape = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Load:
    """One load.

    Attributes:
        name: unique within the campaign, also a file name.
        parameters: what defines it, for the record.
        shape: maps positions ``(n, 2)`` (Å) to force directions ``(n, 2)``.
        loaded: maps positions to a mask ``(n,)`` of the atoms that may carry load;
            the resultant is removed evenly over these.
    """

    name: str
    parameters: dict[str, float]
    shape: Field
    loaded: Callable[[NDArray[np.float64]], NDArray[np.bool_]] = field(
        default=lambda x: np.ones(len(x), dtype=bool)
    )

    def on(
        self, positions: NDArray[np.float64], masses: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Self-equilibrated forces ``(n, 2)`` on all atoms at ``positions`` ``(n, 2)``.

        A load is a field of accelerations: atoms side by side carry it in proportion to their ``masses``
        ``(n,)`` (any unit, by default all the same), and so does what balances its resultant.
        Displacements are averaged with the masses as well [You2022, eq. 2.3], which makes the coarse
        response to loads its own adjoint, as that of a continuum is.
        """
        weight = np.ones(len(positions)) if masses is None else masses / masses.mean()
        mask = self.loaded(positions)
        shape = np.where(mask[:, None], self.shape(positions), 0.0)
        if mask.any():
            # weighted as the load is: then the sum of forces is zero, to round-off
            shape[mask] -= np.average(shape[mask], axis=0, weights=weight[mask])
        return weight[:, None] * shape


def training(box: NDArray[np.float64], waves: int = WAVES) -> list[Load]:
    """The loads of [You2022, eq. 6.2] with the periods of the actual ``box`` ``(2,)`` (Å).

    Up to ``waves`` waves along each edge: 70 loads with the paper's five.
    """
    loads = []
    for axis in range(2):
        for n1 in range(waves + 1):
            for n2 in range(waves + 1):
                if n1 or n2:
                    k = 2 * np.pi * np.array([n1, n2]) / box
                    name = f"train-{'xy'[axis]}-{n1}-{n2}"
                    parameters = {"axis": axis, "n1": n1, "n2": n2, "k1_per_A": k[0], "k2_per_A": k[1]}
                    loads.append(Load(name, parameters, _standing_wave(k, axis)))
    return loads


def validation(box: NDArray[np.float64]) -> list[Load]:
    """The 10 loads of [You2022, Table 1] on discs, in the actual ``box`` ``(2,)`` (Å)."""
    loads = []
    for number, (axis, across, radius) in enumerate(
        [(a, 0, r) for r, a in [(25, 0), (25, 1), (15, 0), (15, 1), (10, 0)]]
        + [(a, 1, r) for r, a in [(25, 0), (25, 1), (15, 0), (15, 1), (10, 0)]],
        start=1,
    ):
        parameters: dict[str, float] = {"axis": axis, "p": across, "R_A": radius}
        loads.append(Load(f"val-{number:02d}", parameters, _discs(box, axis, across, radius)))
    return loads


def disc(inner: float) -> list[Load]:
    """The 4 loads of [You2022, Table 2] outside the radius ``inner`` (Å).

    The third has a resultant as printed, 2/π of its amplitude along x2, which
    would push a free disc away: :meth:`Load.on` removes it over the annulus.
    """
    shapes: list[Shape] = [
        lambda t: (np.cos(4 * t) * np.cos(t), np.cos(4 * t) * np.sin(t)),
        lambda t: (np.sign(np.cos(4 * t)) * np.cos(t), np.sign(np.cos(4 * t)) * np.sin(t)),
        lambda t: (np.zeros_like(t), np.sign(np.sin(t)) * np.sin(t)),
        lambda t: (np.sin(3 * t) * np.sin(t), np.sin(3 * t) * np.cos(t)),
    ]
    return [
        Load(
            f"test-{number}",
            {"case": number, "inner_A": inner},
            partial(_by_angle, shape),
            lambda x: np.hypot(*x.T) > inner,
        )
        for number, shape in enumerate(shapes, start=1)
    ]


def _by_angle(shape: Shape, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Components of a force that depends on the direction of a place alone."""
    return np.stack(shape(np.arctan2(x[:, 1], x[:, 0])), axis=1)


def _standing_wave(k: NDArray[np.float64], axis: int) -> Field:
    def shape(x: NDArray[np.float64]) -> NDArray[np.float64]:
        force = np.zeros_like(x)
        force[:, axis] = np.cos(k[0] * x[:, 0]) * np.cos(k[1] * x[:, 1])
        return force

    return shape


def _discs(box: NDArray[np.float64], axis: int, across: int, radius: float) -> Field:
    """Bumps cos(π r / 2R): one at the centre, an opposite one on the box's edge, in two halves."""

    def shape(x: NDArray[np.float64]) -> NDArray[np.float64]:
        # the nearest image: the bumps go through the boundary
        x = x - box * np.rint(x / box)
        force = np.zeros_like(x)
        for j in (-1, 0, 1):
            centre = np.zeros(2)
            centre[across] = j * box[across] / 2
            r = np.linalg.norm(x - centre, axis=1)
            # +1 in the middle, −1 on both edges, which are one place
            force[:, axis] += (-1) ** j * np.cos(np.pi / 2 * np.minimum(1.0, r / radius))
        return force

    return shape
