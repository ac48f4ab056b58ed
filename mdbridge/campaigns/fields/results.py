"""fields.h5: all frames in one file, with named dimensions, coordinates, units and meanings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...core.units import UNIT_STYLES, UnitStyle
from ...fields.box import Box
from ...md.observe.curves import COLUMNS, strains
from ...md.observe.material import Motion
from ...md.observe.quantities import VOIGT, XYZ
from ...md.observe.wanted import FITTED, Wanted
from .layout import CURVE, LABELS, TYPE
from .run import State

FIELDS = store.Format("mdbridge-fields", 1, "mdbridge observe")
Array = NDArray[np.float64]

_KERNELS = {
    "gaussian": "exp(-4.5 s^2)",
    "cone": "1 - s",
    "paraboloid": "1 - s^2",
    "top-hat": "1",
    "quartic": "(1 - s^2)^2",
}


@dataclass(frozen=True)
class Meaning:
    """How a field is stored.

    Attributes:
        title: what it is.
        units: name of its units.
        factor: what LAMMPS's numbers are multiplied with.
        components: dimension and names of its components; none for a number.
        configuration: whether atoms count where they are ("present") or where they were ("reference").
    """

    title: str
    units: str
    factor: float = 1.0
    components: tuple[str, tuple[str, ...]] | None = None
    configuration: str = "present"


def meanings(wanted: Wanted, units: UnitStyle, types: int) -> dict[str, Meaning]:
    """Of all fields that are asked for, in their order."""
    axis, voigt, tensor = ((name, LABELS[name][0]) for name in ("axis", "voigt", "tensor"))
    # what follows is not among the quantities of present atoms
    known = {
        "displacement": Meaning(
            "displacement since the first frame, mean over the mass of the atoms that were here then"
            + ("" if wanted.filter is None else f", filtered in time with the weight {wanted.filter:g}"),
            units.length,
            1.0,
            axis,
            "reference",
        ),
        "affine_displacement": Meaning(
            "what of the displacement is the box's own", units.length, 1.0, axis, "reference"
        ),
        "deformation_gradient": Meaning(
            "best-fit deformation gradient since the first frame", "1", 1.0, tensor
        ),
        "strain": Meaning("Green-Lagrange strain of the deformation gradient", "1", 1.0, voigt),
        "D2min": Meaning(
            "mean square of the displacements that the deformation gradient leaves over", f"{units.length}^2"
        ),
    }
    for quantity in wanted.quantities(types):
        names = quantity.components
        # components of equal names share a dimension, whatever field they belong to
        dimension = {XYZ: "axis", VOIGT: "voigt"}.get(names, TYPE)
        known[quantity.name] = Meaning(
            quantity.title,
            quantity.units(units),
            quantity.factor(units),
            (dimension, names) if names else None,
        )
    return {name: known[name] for name in (*wanted.fields, *wanted.extra)}


def collect(
    path: Path,
    wanted: Wanted,
    state: State,
    frames: Sequence[Mapping[str, Any]],
    rows: Array,
    key: str,
    complete: bool,
) -> None:
    """Write the frames and the curves into one file."""
    # in two dimensions stresses and densities are per area, which their units must say
    units = UNIT_STYLES[state.units].of(state.dimension)
    grid, reference = wanted.grid, state.reference
    with store.writing(path, FIELDS, key) as file:
        file.attributes(
            complete=complete,
            natoms=state.atoms,
            units_style=state.units,
            dimension_of_space=state.dimension,
            timestep=state.timestep,
            axes=grid.axes,
            cells=list(grid.cells),
            fixed_in_the_laboratory=grid.region is not None,
            kernel=wanted.shape,
            kernel_formula=f"{_KERNELS[wanted.shape]} for s = distance / radius < 1",
            kernel_radius=wanted.radius,
            group=wanted.group,
            periodic=[bool(p) for p in state.periodic],
            fields=list(wanted.fields),
            extra=list(wanted.extra),
            stress=wanted.stress,
            place="cell i along an axis has its node at (i + 1/2)/n of origin ... origin + box edge"
            if grid.region is None
            else "cell i along an axis has its node at (i + 1/2)/n of the region",
        )
        if grid.region is not None:
            file.attributes(region=[edge for pair in grid.region for edge in pair])
        file.dimension("time", [float(f["time"]) for f in frames], units.time, "simulated time of the frame")
        _put_nodes(file, wanted, reference, units)
        _put_labels(file, wanted, state.types)
        file.put("step", [int(f["step"]) for f in frames], ("time",), "1", "timestep of the frame")
        _put_box(file, frames, units)
        # the first direction runs fastest in memory, so it comes last
        axes = tuple(grid.axes[::-1])
        for name, meaning in meanings(wanted, units, state.types).items():
            # LAMMPS mixes bar with electronvolts; the file has one unit of stress
            values = meaning.factor * np.stack([f[f"field {name}"] for f in frames])
            dims = ("time", *axes, *([meaning.components[0]] if meaning.components else []))
            # the label of a plot, and beside it all that there is to say
            label, said = meaning.title.partition(",")[0], meaning.title
            more = {"comment": said} if said != label else {}
            file.put(name, values, dims, meaning.units, label, configuration=meaning.configuration, **more)
        _put_curve(file.group(CURVE), rows, Motion(reference, reference), units)


def _put_nodes(file: store.Document, wanted: Wanted, reference: Box, units: UnitStyle) -> None:
    """Coordinates along the axes: of the nodes in the reference box, or in the laboratory."""
    grid = wanted.grid
    for number, (axis, direction) in enumerate(zip(grid.axes, grid.directions, strict=True)):
        # the coordinates of a box that deforms can only be those of one frame; box and origin tell the rest
        # what labels a plot is short: more than a word or two is cut off at its edge
        steps = (np.arange(grid.cells[number]) + 0.5) / grid.cells[number]
        if grid.region is None:
            low, length = reference.corner[direction], reference.edges[direction, direction]
            place = "of the node in the box of the first frame, if that stands upright"
        else:
            low, high = grid.region[number]
            length, place = high - low, "of the node in the laboratory"
        file.dimension(axis, low + length * steps, units.length, axis, place=place)


def _put_labels(file: store.Document, wanted: Wanted, types: int) -> None:
    """Names of components."""
    _put_label(file, "axis", "voigt")
    # labels that no dataset uses would be dimensions of nothing
    if any(name in FITTED for name in wanted.fields):
        _put_label(file, "tensor")
    if "composition" in wanted.fields:
        file.dimension(TYPE, [f"type {k}" for k in range(1, types + 1)], "1", "atom type")
    _put_label(file, "edge")


def _put_label(group: store.Group, *labels: str) -> None:
    for label in labels:
        names, what = LABELS[label]
        group.dimension(label, list(names), "1", what)


def _put_box(file: store.Document, frames: Sequence[Mapping[str, Any]], units: UnitStyle) -> None:
    boxes, origins = np.stack([f["box"] for f in frames]), np.stack([f["origin"] for f in frames])
    what = "edge vectors of the box, one a row; flips of a leaning box are undone"
    file.put("box", boxes, ("time", "edge", "axis"), units.length, what)
    file.put("origin", origins, ("time", "axis"), units.length, "corner of the box from which its edges go")


def _put_curve(group: store.Group, rows: Array, motion: Motion, units: UnitStyle) -> None:
    """The whole box in time."""
    # the nine columns behind them are the box
    table = dict(zip(COLUMNS, rows.T, strict=False))
    boxes = rows[:, len(COLUMNS) :].reshape(-1, 3, 3)
    group.dimension("time", table["time"], units.time, "simulated time")
    _put_label(group, "axis", "voigt", "plane", "edge")
    group.put("step", table["step"].astype(np.int64), ("time",), "1", "timestep")
    for name, key, unit, what in (
        ("temperature", "temp", units.temperature, "temperature, as in LAMMPS's own output"),
        ("potential_energy", "pe", units.energy, "potential energy of all atoms"),
        ("kinetic_energy", "ke", units.energy, "kinetic energy of all atoms, as in LAMMPS's own output"),
        ("atoms", "atoms", "1", "number of atoms"),
    ):
        group.put(name, table[key], ("time",), unit, what)
    # tension is positive here, pressure in LAMMPS
    stress = -units.pressure_factor * np.stack([table[f"p{c}"] for c in VOIGT], axis=1)
    what = "Cauchy stress: minus the pressure tensor of LAMMPS"
    group.put("stress", stress, ("time", "voigt"), units.stress, what)
    group.put("box", boxes, ("time", "edge", "axis"), units.length, "edge vectors, one a row, flips undone")
    deformed = strains(boxes, motion)
    group.put("stretch", deformed["stretch"], ("time", "axis"), "1", "edge of the box over that at first")
    group.put("shear", deformed["shear"], ("time", "plane"), "1", "shear components of the box's deformation")
    group.put("strain", deformed["strain"], ("time", "voigt"), "1", "Green-Lagrange strain of the box")
