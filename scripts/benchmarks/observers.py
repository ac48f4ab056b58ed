"""LAMMPS with and without observers, in turn in one session, beside what a user would take instead.

Both in one session, since two sessions can differ by 15 % in speed from where their memory lies.  Times are
the processor's, so that other programs count less; on several ranks they hold what ranks wait for.

* ``filter``: a thermostatted graphene sheet with the time filter at every step and a spatial average onto
  5 Å and 2.5 Å nodes every 500 steps;
* ``fields``: five fields in the plane of that sheet, with the virial stress, on 32 × 32 nodes every 10 steps;
* ``copper``: density, velocity and virial stress on 32 × 32 × 32 nodes every 100 steps;
* ``glass``: one frame of the small glass of inputs/cuzr_small.toml, with all that its campaign takes.

The plain numpy observer is what one writes first: run one step (or a few), gather arrays, sum up in numpy.
It has the filter, or density, velocity and temperature of cells, and neither kernels nor a virial stress.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from mdbridge.fields.grid import CellGrid, NodeGrid
from mdbridge.md.crystals import planar_crystal, plane_box
from mdbridge.md.observe.displacement import SpatialAverage, TimeFilter
from mdbridge.md.observe.fields import Fields
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import Every, after, every
from mdbridge.md.observe.wanted import Wanted
from mdbridge.md.potentials import find_potentials
from mdbridge.md.session import Session
from mdbridge.md.thermostat import thermostat

from .rows import Contender, Job, Row, in_turn

Observers = list[tuple[Any, Every]]
Floats = NDArray[np.float64]

TITLE = "Observers: one step of molecular dynamics"
NOTE = "Per step. `fix ave/grid` and the numpy observer take less than ours: see observers.py."
FIVE = ("displacement", "velocity", "density", "temperature", "stress")
COPPER = """
units metal
lattice fcc 3.615
region whole block 0 28 0 28 0 28
create_box 1 whole
create_atoms 1 box
pair_style eam/alloy
pair_coeff * * Cu_mishin1.eam.alloy Cu
velocity all create 600.0 4711
fix motion all nvt temp 300.0 300.0 0.1
timestep 0.002
"""


def jobs(quick: bool) -> list[Job]:
    """The kinds of fields, on one rank and on two."""
    if quick:
        return [Job(("filter", "10", "6", "20")), Job(("fields", "10", "6", "20"))]
    each = (("filter", "39", "23", "500"), ("filter", "195", "115", "100"), ("fields", "195", "115", "50"),
            ("copper", "28", "28", "100"), ("glass",))  # fmt: skip
    return [Job(arguments, ranks) for arguments in each for ranks in (1, 2)]


def measure(comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
    """All contenders of a kind in turn."""
    if arguments[0] == "glass":
        return glass(comm, rounds)
    kind, (nx, ny, steps) = arguments[0], (int(number) for number in arguments[1:])
    with copper(comm) if kind == "copper" else sheet(comm, (nx, ny)) as session:
        if kind == "filter":
            observers, grid, often = filters(session), "20 20 1", 1
            name = "filter at each step, averages every 500"
        else:
            axes, names, often = ("xyz", ("density", "velocity", "stress"), 100) if kind == "copper" else (
                "xy", FIVE, 10)  # fmt: skip
            observers = fields(session, names, axes, often)
            grid = "32 32 32" if kind == "copper" else "32 32 1"
            name = f"{len(names)} fields every {often} steps"
        contenders: list[Contender] = [
            ("LAMMPS alone", lambda: session.run(steps, "post no")),
            ("mdbridge", lambda: watched(session, observers, steps)),
            ("fix ave/grid", lambda: averaged(session, grid, often, steps)),
            ("numpy", lambda: plainly(session, kind == "filter", often, steps)),
        ]
        rows = in_turn(comm, f"{session.natoms:,} atoms, {name}", contenders, rounds, steps)
    return rows


def filters(session: Session) -> Observers:
    """The time filter and a spatial average."""
    box = tuple(plane_box(session))
    grids = {f"{h}": NodeGrid.periodic_cells(box, h) for h in (5.0, 2.5)}
    average = SpatialAverage(grids, 10.0, "cone", smoothed=True)
    return [(TimeFilter(0.01, resume=True), every(1)), (average, every(500))]


def fields(session: Session, names: tuple[str, ...], axes: str, steps: int) -> Observers:
    """Fields in the plane of a sheet, or in a block."""
    radius = 1.5 * float(session.box()[0, 0]) / 32
    grid, material = CellGrid(axes, (32,) * len(axes)), Material()
    taken = Fields(Wanted(grid, "gaussian", radius, names), material, every(steps), lambda frame: None)
    return [(material, every(1)), (taken, every(steps))]


def watched(session: Session, observers: Observers, steps: int) -> None:
    """A run with observers, which are attached for it."""
    for observer, schedule in observers:
        # the step that a run is set up at is not one of its steps
        session.attach(observer, schedule if schedule.steps == 1 else after(session.step, schedule))
    session.run(steps, "post no")
    for observer, _ in observers:
        session.detach(observer)


def averaged(session: Session, grid: str, often: int, steps: int) -> None:
    """A run with LAMMPS's own averages in cells: density, velocity and temperature, without stress."""
    frame = max(often, min(steps, 500) // often * often)
    repeats = frame // often if often == 1 else 1
    period = frame if often == 1 else often
    session.commands(
        f"fix averages all ave/grid {often} {repeats} {period} {grid} "
        "vx vy vz density/number temp norm sample"
    )
    session.run(steps, "post no")
    session.commands("unfix averages")


def plainly(session: Session, filtered: bool, often: int, steps: int) -> None:
    """A run in pieces, with what numpy makes of gathered arrays in between."""
    smoothed: Floats | None = None
    for piece in range(max(1, steps // often)):
        # set up once: a fix may have come or gone since the last run
        session.run(often, "pre no post no" if piece else "post no")
        if filtered:
            now = session.gather("x", 3, unwrapped=True)
            smoothed = now if smoothed is None else smoothed + 0.01 * (now - smoothed)
            continue
        x, v = session.gather("x", 3), session.gather("v", 3)
        box = session.box()
        cell = np.clip((32 * (x[:, :2] / box[:2, :2].diagonal())).astype(int), 0, 31) @ np.array([32, 1])
        count = np.maximum(np.bincount(cell, minlength=1024), 1)
        mean = np.stack([np.bincount(cell, weights=axis, minlength=1024) / count for axis in v.T])
        np.bincount(cell, weights=((v - mean.T[cell]) ** 2).sum(axis=1), minlength=1024)


def sheet(comm: MPI.Comm, cells: tuple[int, int]) -> Session:
    """Graphene at 300 K."""
    session = planar_crystal("graphene").sheet(comm, cells, 2.5298)
    thermostat(session, 300.0, 0.1, 1)
    return session


def copper(comm: MPI.Comm) -> Session:
    """87,808 atoms at 300 K."""
    find_potentials()
    session = Session(comm)
    session.commands(COPPER)
    return session


def glass(comm: MPI.Comm, rounds: int) -> list[Row]:
    """The shear of the small glass: frames as its campaign takes them."""
    from mdbridge.campaigns.glass.frames import Times, attach_observers
    from mdbridge.campaigns.glass.input import GlassInput
    from mdbridge.core import config
    from mdbridge.md import cuzr
    from mdbridge.md.session import potential
    from mdbridge.md.setup import Setup

    settings = config.load(Path(__file__).parents[2] / "inputs" / "cuzr_small.toml", GlassInput)
    md, steps, frames = settings.md, settings.frame_steps, list[object]()
    nx, ny, nz = md.cells
    material = potential(md.potential)
    with cuzr.crystal(comm, (nx, ny, nz), md.temperature_K, md.seed, material, md.timestep_ps) as session:
        cuzr.in_shear(session, md.temperature_K, settings.shear.rate_per_ps, begin=True)

        def taken() -> None:
            times = Times.of(settings, session.step + steps, session.step)
            watch = attach_observers(session, settings, times, frames.append, Setup(carried={"deform"}))
            session.run(steps, "post no")
            for observer in watch.all:
                session.detach(observer)

        alone: Callable[[], object] = lambda: session.run(steps, "post no")  # noqa: E731
        name = f"{session.natoms:,} atoms, a frame of the glass every {steps} steps"
        return in_turn(comm, name, [("LAMMPS alone", alone), ("mdbridge", taken)], rounds, steps)
