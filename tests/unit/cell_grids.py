"""Grids in leaning boxes, and the sums over atoms written out in numpy, that several tests share."""

import itertools

import numpy as np

from mdbridge.fields.box import Box
from mdbridge.fields.grid import CellGrid

PROFILES = {
    "cone": lambda s: np.maximum(0.0, 1.0 - s),
    "paraboloid": lambda s: np.maximum(0.0, 1.0 - s * s),
    "gaussian": lambda s: np.where(s < 1.0, np.exp(-0.5 * (3.0 * s) ** 2), 0.0),
    "top-hat": lambda s: (s < 1.0) * 1.0,
    "quartic": lambda s: np.maximum(0.0, 1.0 - s * s) ** 2,
}
GRIDS = [
    ("x", (7,)),
    ("y", (6,)),
    ("z", (5,)),
    ("xy", (7, 5)),
    ("xz", (6, 5)),
    ("yz", (4, 6)),
    ("xyz", (5, 4, 6)),
]
UPRIGHT = np.diag([10.0, 8.0, 6.0])
LEANING = np.array([[10.0, 0.0, 0.0], [3.3, 8.0, 0.0], [-2.0, 1.5, 6.0]])


def box_of(edges, periodic=(True, True, True), dimension=3):
    return Box(edges, np.array([-1.0, 2.0, 0.5]), periodic, dimension)


def across(box, axes):
    """``(d, 3)`` an orthonormal basis of what is across the box's edges that are not resolved."""
    averaged = [axis for axis in range(3) if "xyz"[axis] not in axes]
    if not averaged:
        return np.eye(3)
    _, _, basis = np.linalg.svd(box.edges[averaged])
    return basis[len(averaged) :]


def node_places(grid, box):
    """``(nodes, 3)`` centres of the cells, the first direction running fastest."""
    steps = [(np.arange(n) + 0.5) / n for n in grid.cells]
    unit = {"x": np.eye(3)[0], "y": np.eye(3)[1], "z": np.eye(3)[2]}
    if grid.region is None:
        sides, corner = [box.edges["xyz".index(a)] for a in grid.axes], box.corner
    else:
        parts = list(zip(grid.axes, grid.region, strict=True))
        sides = [(high - low) * unit[a] for a, (low, high) in parts]
        corner = sum(low * unit[a] for a, (low, _) in parts)
    return np.array([corner + np.array(f[::-1]) @ np.array(sides) for f in itertools.product(*steps[::-1])])


def offsets(grid, box, x, images=3):
    """For every translation: its whole numbers, and ``(nodes, atoms, d)`` from the images to the nodes."""
    basis, nodes = across(box, grid.axes), node_places(grid, box)
    ranges = [
        range(-images, images + 1) if box.periodic[a] and "xyz"[a] in grid.axes else [0] for a in range(3)
    ]
    for shift in itertools.product(*ranges):
        yield np.array(shift), (nodes[:, None] - x - np.array(shift) @ box.edges) @ basis.T


def weights(grid, box, x, radius, shape, images=3):
    """``(nodes, atoms)`` τ summed over images, and the same of τ²."""
    parts = [
        PROFILES[shape](np.linalg.norm(away, axis=-1) / radius) for _, away in offsets(grid, box, x, images)
    ]
    return sum(parts), sum(part * part for part in parts)


def on_grid(grid, values):
    """Values ``(nodes, k)`` as an array of the grid's shape."""
    return np.reshape(values, (*grid.shape, -1))


def grid_of(axes, cells, region=None):
    return CellGrid(axes, cells, region)
