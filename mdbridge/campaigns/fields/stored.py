"""fields.h5, read: frames, where their nodes are, and how the box has been loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core import store
from .results import FIELDS

Array = NDArray[np.float64]

_LOADED = 1e-3
"""A stretch or a shear below this is breathing, not loading."""
ROUND_OFF = 1e-12
"""What is smaller than this, against the numbers that it was computed from, is shown as zero."""


@dataclass(frozen=True)
class Loading:
    """How the box is loaded most.

    Attributes:
        kind: "stretch", "shear" or "none".
        direction: "x", …, or "xy", ….
        symbol: of its measure, for figures.
        values: ``(n,)`` the measure at the points of the curves: stretch, shear, or time.
    """

    kind: str
    direction: str
    symbol: str
    values: Array


class Stored:
    """An open file of fields."""

    def __init__(self, file: store.File):
        self.file = file
        self.axes = file.attribute("axes", str)
        self.fixed = file.attribute("fixed_in_the_laboratory", bool)
        self.dimension = file.attribute("dimension_of_space", int)
        self.time = file.get("time", finite=True)
        self.step = file.integers("step", shape=(len(self.time),))
        self._boxes = file.get("box", shape=(len(self.time), 3, 3), finite=True)
        self._origins = file.get("origin", shape=(len(self.time), 3), finite=True)

    @cached_property
    def names(self) -> list[str]:
        """Names of the fields."""
        known = self.file.attributes()
        # in the order of the input, extras last
        listed = [*_listed(known["fields"]), *_listed(known["extra"])]
        return [name for name in listed if name in self.file]

    def units(self, name: str) -> str:
        """Units of a dataset."""
        return self.file.units(name)

    def title(self, name: str) -> str:
        """Meaning of a dataset."""
        return str(self.file.describe(name)["long_name"])

    def frame(self, name: str, number: int) -> Array:
        """``([nz,] ny, nx[, k])`` a field of one frame."""
        # one frame at a time: the whole series may not fit into memory
        return self.file.get(name, at=number)

    def components(self, name: str) -> list[str]:
        """Names of a field's components; none for a number."""
        if self.frame(name, 0).ndim == len(self.axes):
            return []
        label = {
            "composition": "atom_type",
            "stress": "voigt",
            "strain": "voigt",
            "deformation_gradient": "tensor",
        }
        return self.file.texts(label.get(name, "axis"))

    def cell(self, number: int) -> tuple[Array, Array]:
        """``(d, 3)`` edges of the grid of a frame, and ``(3,)`` its corner."""
        directions = ["xyz".index(axis) for axis in self.axes]
        if not self.fixed:
            return self._boxes[number][directions], self._origins[number]
        cell, corner = np.zeros((len(directions), 3)), np.zeros(3)
        for row, (axis, direction) in enumerate(zip(self.axes, directions, strict=True)):
            nodes = self.file.get(axis)
            cell[row, direction], corner[direction] = self._length(row, nodes), 0.0
            corner[direction] = nodes[0] - 0.5 * cell[row, direction] / len(nodes)
        return cell, corner

    def _length(self, row: int, nodes: Array) -> float:
        """Length of a region along an axis; a single cell does not tell it by its node."""
        low, high = self.file.numbers("region", 2 * len(self.axes)).reshape(-1, 2)[row]
        return float(high - low)

    @cached_property
    def loading(self) -> Loading:
        """What the box as a whole is subjected to."""
        curve = self.file.group("curve")
        stretch, shear = curve.get("stretch"), curve.get("shear")
        most, turned = np.abs(stretch - 1.0).max(axis=0), np.abs(shear).max(axis=0)
        periodic = np.array(self.file.attributes()["periodic"], dtype=bool)
        # a box that is wrapped around its atoms breathes with the farthest of them
        most = np.where(periodic, most, 0.0)
        if max(most.max(), turned.max()) < _LOADED:
            return Loading("none", "", "t", curve.get("time"))
        # a box that does both is called by what it does more
        if turned.max() >= most.max():
            plane = ("xy", "xz", "yz")[int(turned.argmax())]
            measure = shear[:, int(turned.argmax())]
            # a title that says 1e-17 of a box that is upright says nothing
            measure = np.where(np.abs(measure) <= ROUND_OFF, 0.0, measure)
            return Loading("shear", plane, f"\\gamma_{{{plane}}}", measure)
        axis = "xyz"[int(most.argmax())]
        return Loading("stretch", axis, f"\\lambda_{axis}", stretch[:, int(most.argmax())])

    def load_at(self, number: int) -> float:
        """The measure of the load at a frame."""
        steps = self.file.group("curve").integers("step")
        # frames and points of the curves need not be the same steps
        return float(np.interp(self.step[number], steps, self.loading.values))


@contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """Open a file of fields.

    Raises:
        FileError: it is none, or damaged.
    """
    with store.reading(path, FIELDS) as file:
        yield Stored(file)


def _listed(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
