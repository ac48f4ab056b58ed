"""What can be known before a run: whether grid, windows and sources fit what the script has made."""

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...coarse import sums
from ...core import parallel
from ...core.errors import InputError
from ...core.units import UNIT_STYLES, UnitStyle
from ...fields.box import Box
from ...fields.grid import Lattice
from ...md.observe.present import require_seen
from ...md.observe.wanted import FITTED, Wanted
from ...md.session import Session

Array = NDArray[np.float64]

_MOST_EMPTY = 0.5
"""Part of the nodes among atoms whose windows may hold too few of them: surfaces have some, too."""


def units(session: Session) -> UnitStyle:
    """The style of the simulation.

    Raises:
        InputError: its numbers cannot be written with units.
    """
    # what LAMMPS knows beyond these has no name here, and numbers without units are worse than none
    style = str(session.lmp.extract_global("units"))
    if style not in UNIT_STYLES:
        raise InputError(f"units {style}: fields are written in the styles {', '.join(UNIT_STYLES)}")
    return UNIT_STYLES[style].of(session.atoms().dimension)


def check(comm: MPI.Comm, session: Session, wanted: Wanted) -> None:
    """Refuse a grid or a window that does not fit the atoms that there are (collective).

    Raises:
        InputError: so it is; lengths are in the script's unit.
    """
    _require_virial(session, wanted)
    atoms = session.atoms()
    unit = units(session).length
    box = Box(atoms.box(), atoms.corner(), atoms.periodic, atoms.dimension)
    wanted.grid.check(box)
    lattice = wanted.grid.place(box)
    # all nodes would see all atoms, and some of them several times
    for axis, repeats, reach in zip(
        wanted.grid.axes, lattice.repeats, lattice.reach(wanted.radius), strict=True
    ):
        period = reach if lattice.fills else wanted.radius / box.edges["xyz".index(axis)]["xyz".index(axis)]
        if repeats and period > 1.0:
            raise InputError(
                f"kernel.radius = {wanted.radius:g} {unit} is longer than the box along {axis}, "
                f"{wanted.radius / period:g} {unit}, which repeats: windows would hold all atoms; lower it"
            )

    # LAMMPS lists a free place between two groups as an empty name
    groups = [name for name in session.lmp.available_ids("group") if name]
    if wanted.group not in groups:
        raise InputError(
            f"observe.group = '{wanted.group}': the script defines no such group; it has {', '.join(groups)}"
        )
    # the group of all atoms needs no mask of bits
    chosen = np.ones(atoms.count, bool) if wanted.group == "all" else atoms.group(wanted.group)
    # of all ranks: the verdict must not depend on how the box is shared
    count = comm.allreduce(int(chosen.sum()))
    if not count:
        raise InputError(
            f"observe.group = '{wanted.group}': the group has no atoms when the script is over; LAMMPS "
            "fills a dynamic group when a run begins, so end the script with 'run 0' if it is one"
        )
    # a node in a hole of the crystal has atoms this much farther off, one in a vacuum has none
    wider = wanted.radius + spacing(box, count)
    taken, error = parallel.attempt(
        lambda: [_numbers(lattice, atoms.x[chosen], radius) for radius in (wanted.radius, wider)]
    )
    parallel.agree(comm, error)
    assert taken is not None
    # numbers of atoms add up over the ranks, whatever windows they share
    near, around = (comm.allreduce(values) for values in taken)
    if not around.any():
        raise InputError("grid.region: there are no atoms in it, nor anywhere near")
    _require(near, around, wanted, unit)
    # their weights add up to one over the nodes, so that every atom must be seen by one
    if any(quantity.whole for quantity in wanted.quantities(1)):
        _, error = parallel.attempt(lambda: _require_seen(lattice, atoms.x[chosen], wanted, unit))
        parallel.agree(comm, error)


def _require_virial(session: Session, wanted: Wanted) -> None:
    style = str(session.lmp.extract_global("pair_style") or "none")
    asked = next((name for name in wanted.fields if name in ("stress", "heat_flux")), None)
    # whose forces at contacts are in LAMMPS's pressure and in no atom's stress
    if asked is not None and style.startswith("body/"):
        raise InputError(
            f"'{asked}': LAMMPS gives atoms no stress of all that acts between bodies (pair_style {style}), "
            "so that it would not add up to the pressure; leave it out of observe.fields"
        )


def _require_seen(lattice: Lattice, x: Array, wanted: Wanted, unit: str) -> None:
    f = lattice.coordinates(x)
    require_seen(sums.node_totals(lattice, f, wanted.radius, wanted.shape), wanted.radius, unit)


def _numbers(lattice: Lattice, x: Array, radius: float) -> Array:
    """How many of this rank's atoms the windows of ``radius`` hold."""
    f = lattice.coordinates(x)
    if not lattice.fills:
        _, f, _ = sums.images(lattice, f, lattice.reach(radius))
    return sums.node_sums(lattice, f, np.ones((len(f), 1)), radius, "top-hat")[0][..., 0]


def spacing(box: Box, count: int) -> float:
    """Mean distance of atoms that fill a box."""
    return float((box.volume / max(count, 1)) ** (1.0 / box.dimension))


def _require(near: Array, around: Array, wanted: Wanted, unit: str) -> None:
    # only nodes among atoms count: those in a vacuum are NaN for a reason
    among = around > 0
    fitted = [name for name in wanted.fields if name in FITTED]
    # a gradient takes one atom more than directions, and one more leaves something over for D2min
    need = len(wanted.grid.cells) + 2 if fitted else 1
    poor = float((near[among] < need).mean())
    if poor > _MOST_EMPTY:
        what = (
            f"'{fitted[0]}' needs {need} atoms in a window"
            if fitted
            else "a field needs atoms in its windows"
        )
        raise InputError(
            f"kernel.radius = {wanted.radius:g} {unit}: {what}, and {100 * poor:.0f} % of the windows among "
            f"the atoms have fewer (the median is {np.median(near[among]):.0f}); raise the radius"
        )
