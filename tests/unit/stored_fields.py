"""A fields.h5 that was made by hand, for the tests of what reads it."""

import numpy as np

from mdbridge.campaigns.fields import results
from mdbridge.campaigns.fields.run import State
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.curves import COLUMNS
from mdbridge.md.observe.quantities import TENSOR, VOIGT
from mdbridge.md.observe.wanted import Wanted

FIELDS = ["displacement", "density", "stress", "composition", "D2min", "deformation_gradient"]
COMPONENTS = {
    **dict.fromkeys(("displacement", "affine_displacement", "velocity", "box_velocity", "heat_flux"), 3),
    **dict.fromkeys(("stress", "strain"), len(VOIGT)),
    "composition": 2,
    "deformation_gradient": len(TENSOR),
}


def make(
    path,
    motion="stretch",
    axes="xy",
    cells=(4, 3),
    region=None,
    frames=3,
    dimension=3,
    units="metal",
    size=(20.0, 15.0, 10.0),
    given=None,
    atoms=None,
    fields=FIELDS,
    extra=("mine",),
):
    """Write it; fields that are not ``given`` are their frame's number plus a ramp, less a node."""
    grid = CellGrid(axes, cells, region)
    wanted = Wanted(grid, "cone", 5.0, fields, extra={name: f"c_{name}" for name in extra})
    edges = np.diag(size).astype(float)
    boxes = [edges.copy() for _ in range(frames)]
    for number, box in enumerate(boxes):
        if motion == "stretch":
            box[0, 0] *= 1.0 + 0.01 * number
        elif motion == "shear":
            box[1, 0] = 0.1 * number * box[1, 1]
    ramp = np.arange(np.prod(grid.shape), dtype=float).reshape(grid.shape)
    written = []
    for number, box in enumerate(boxes):
        frame = {"step": 100 * number, "time": 0.2 * number, "box": box, "origin": np.zeros(3)}
        for name in (*fields, *extra):
            width = COMPONENTS.get(name)
            values = ramp + number if width is None else np.repeat((ramp + number)[..., None], width, axis=-1)
            if name == "displacement":
                values[(0,) * len(cells)] = np.nan
            frame[f"field {name}"] = values if given is None or name not in given else given[name][number]
        written.append(frame)
    count = [40] * frames if atoms is None else atoms
    rows = np.array([[f["step"], f["time"], 300.0, -50.0, 5.0, count[k], *[-1e4 * k] * 6, *f["box"].ravel()]
                     for k, f in enumerate(written)])  # fmt: skip
    assert rows.shape[1] == len(COLUMNS) + 9
    periodic = [True, True, True]
    state = State(0, edges.tolist(), [0.0] * 3, periodic, dimension, edges.tolist(), units, 2, 40, 0.002)
    results.collect(path, wanted, state, written, rows, "key", True)
    return written
