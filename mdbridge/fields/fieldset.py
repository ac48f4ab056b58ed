"""Coarse-grained fields on nodes: plain data, checked, and as an xarray Dataset."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray

LENGTH, LOAD, PARAMETERS = "angstrom", "TPa/angstrom", "see 'parameter'"
"""Units of displacements, of loads, and of the loads' parameters: their names say those."""


@dataclass(frozen=True)
class FieldSet:
    """Samples on one set of nodes.

    Attributes:
        nodes: ``n x 2`` (Å).
        u: ``s x n x 2`` displacements (Å).
        b: ``s x n x 2`` loads (TPa/Å).
        load: ``s x p`` parameters of the loads.
        columns: names of the p parameters.
        names: names of the s loads.
        box: ``(2,)`` box edges (Å), or of the nodes' bounding box where nothing is periodic.
        spacing: ``(2,)`` node spacings (Å).
        shape: number of nodes along x and y where they fill a periodic box, else None.
        scattered: whether the nodes are on no grid; ``spacing`` is that of one as dense.
        wraps: whether the box is periodic; by default where the nodes fill it as a grid.
    """

    nodes: NDArray[np.float64]
    u: NDArray[np.float64]
    b: NDArray[np.float64]
    load: NDArray[np.float64]
    columns: list[str]
    names: list[str]
    box: NDArray[np.float64]
    spacing: NDArray[np.float64]
    shape: tuple[int, int] | None
    scattered: bool = False
    wraps: bool = False

    @property
    def period(self) -> NDArray[np.float64] | None:
        """``(2,)`` the edges (Å) of the periodic box, or None."""
        return self.box if self.wraps or self.shape is not None else None

    @property
    def deformation(self) -> NDArray[np.float64]:
        """``s x n x 2`` displacements (Å) without their rigid motion."""
        return without_rigid_motion(self.nodes, self.u, self.period is None)

    def check(self) -> None:
        """Raise ValueError, with both values, where nodes, box and arrays contradict each other."""
        count = len(self.nodes)
        for label, array in (("u", self.u), ("b", self.b)):
            if array.ndim != 3 or array.shape[1:] != (count, 2):
                raise ValueError(f"{label} has the shape {array.shape}, but there are {count} nodes")
            if not np.isfinite(array).all():
                raise ValueError(f"{label} has values that are not finite")
        if self.u.shape != self.b.shape:
            raise ValueError(f"{len(self.u)} samples of u, but {len(self.b)} of b")
        if self.shape is None:
            return
        nx, ny = self.shape
        if nx * ny != count:
            raise ValueError(f"{count} nodes do not fill a grid of {nx} × {ny}")
        whole = self.spacing * self.shape
        # a box and spacings that disagree would give wave vectors of another box, and no error anywhere
        if not np.allclose(whole, self.box, rtol=1e-6):
            raise ValueError(
                f"{nx} × {ny} nodes {self.spacing[0]:.6g} × {self.spacing[1]:.6g} Å apart fill "
                f"{whole[0]:.6g} × {whole[1]:.6g} Å, but the box is {self.box[0]:.6g} × {self.box[1]:.6g} Å"
            )
        index = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), indexing="ij"), axis=-1).reshape(-1, 2)
        # node by node: a transform takes the order of the nodes for granted
        away = np.abs(self.nodes - self.nodes[0] - index * self.spacing)
        if away.max() > 1e-6 * self.spacing.max():
            node = int(away.max(axis=1).argmax())
            wanted = self.nodes[0] + index[node] * self.spacing
            raise ValueError(
                f"node {node} is at ({self.nodes[node, 0]:.6g}, {self.nodes[node, 1]:.6g}) Å, but the grid "
                f"has it at ({wanted[0]:.6g}, {wanted[1]:.6g}) Å"
            )

    def to_xarray(self) -> "xarray.Dataset":
        """The fields as an :class:`xarray.Dataset` with the dimensions sample, node, axis and parameter.

        From here on datasets have maps and grids as ``dataset.mdbridge``, see :mod:`.plotting`.
        """
        import xarray

        # by its name: what learns from fields depends on nothing that draws
        importlib.import_module(".plotting", __package__)

        def said(units: str, what: str) -> dict[str, str]:
            return {"units": units, "long_name": what}

        columns = {"long_name": "what a column of 'load' holds, with its unit"}
        return xarray.Dataset(
            {
                "nodes": (("node", "axis"), self.nodes, said(LENGTH, "position of the node")),
                "u": (("sample", "node", "axis"), self.u, said(LENGTH, "displacement")),
                "b": (("sample", "node", "axis"), self.b, said(LOAD, "load")),
                "load": (("sample", "parameter"), self.load, said(PARAMETERS, "parameters of the load")),
            },
            {"sample": self.names, "axis": ["x", "y"], "parameter": ("parameter", self.columns, columns)},
            {"box": self.box, "spacing": self.spacing},
        )


def without_rigid_motion(
    nodes: NDArray[np.float64], u: NDArray[np.float64], turns: bool
) -> NDArray[np.float64]:
    """Displacements ``(s, n, 2)`` of nodes ``(n, 2)`` without the rigid motion that is nearest to them.

    Args:
        turns: whether rotations are rigid motions, too, as they are where nothing is periodic.
    """
    if not u.size:
        return u
    deformed = np.asarray(u - u.mean(axis=1, keepdims=True))
    if not turns:
        return deformed
    arm = nodes - nodes.mean(axis=0)
    turn = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
    angle = np.einsum("sni,ni->s", deformed, turn) / (turn**2).sum()
    return np.asarray(deformed - angle[:, None, None] * turn)
