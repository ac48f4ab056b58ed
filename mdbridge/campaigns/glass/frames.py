"""The observers of a glass, which are those of any fields, and the frames that are made of what they find."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.units import UNIT_STYLES
from ...fields.box import Box
from ...fields.grid import CellGrid
from ...md.observe.base import Observer
from ...md.observe.bytype import TypeMeans
from ...md.observe.curves import COLUMNS, PRESSURES, Curves
from ...md.observe.fields import Fields
from ...md.observe.guard import LossGuard
from ...md.observe.material import BoxMotion, Material
from ...md.observe.schedule import Schedule, Trigger, after, before, every
from ...md.observe.wanted import Wanted
from ...md.session import Session
from ...md.setup import Setup
from .input import GlassInput

Array = NDArray[np.float64]
Frame = dict[str, Any]

THERMO = ("temperature", "potential_energy", "volume", "xx", "yy", "zz", "xy", "xz", "yz")
"""What a curve holds after the step and the net strain: in LAMMPS's units, pressures last."""

_WINDOWS, _STRAINS, _TYPES = "windows", "strains", "types"
_UPRIGHT = 1e-9


@dataclass(frozen=True)
class Times:
    """When frames end, when atoms are looked at for them, and when the box is.

    Attributes:
        offset: the step of the first frame.
        begin: nothing before the step after this one: it belongs to the segment before.
        frame, samples, spacing, curve: steps of a frame, looks at the atoms for it, steps between two
            looks, and steps between two points of the curve.
    """

    offset: int
    begin: int
    frame: int
    samples: int
    spacing: int
    curve: int

    @classmethod
    def of(cls, config: GlassInput, offset: int, begin: int) -> "Times":
        """Those of a campaign."""
        observe, frame = config.observe, config.frame_steps
        return cls(offset, begin, frame, observe.samples, observe.sample_every, frame // observe.curve_points)

    @property
    def sampled(self) -> Trigger:
        """When the atoms are looked at."""
        return after(self.begin, before(every(self.frame, self.offset), self.samples, self.spacing))

    @property
    def framed(self) -> Trigger:
        """When a frame ends."""
        return after(self.begin, every(self.frame, self.offset))

    @property
    def curved(self) -> Trigger:
        """When the whole box is looked at."""
        return after(self.begin, every(self.curve, self.offset))


def wanted(config: GlassInput) -> tuple[Wanted, Wanted]:
    """The fields of the windows of energy, at the centres of the cells, and of strain, at their corners."""
    observe = config.observe
    cells, cutoff = (observe.grid[0], observe.grid[1]), observe.cutoff
    # exp(-r²/2c²) up to the cutoff, [Kontolati2021, eq. 37]
    decay = 0.5 * cutoff * cutoff
    windows = Wanted(
        CellGrid("xy", cells),
        "gaussian",
        cutoff * observe.energy_window,
        ("potential_energy", "density", "velocity", "temperature", "composition"),
        extra=observe.extra,
        decay=decay,
        peculiar=True,
    )
    strains = Wanted(
        CellGrid("xy", cells, corners=True),
        "gaussian",
        cutoff * observe.strain_window,
        ("strain", "D2min"),
        decay=decay,
    )
    return windows, strains


class Frames:
    """Puts together what the observers hand over of a frame, which need not be at once (rank 0).

    Args:
        config: whose windows these are.
        curves: gives the points of the curve up to the frame.
        keep: called with each frame that is complete.
    """

    def __init__(self, config: GlassInput, curves: Curves, keep: Callable[[Frame], None]):
        self._config, self._curves, self._keep = config, curves, keep
        self._parts: dict[int, dict[str, Frame]] = {}
        self._rows: Array | None = None

    def part(self, name: str) -> Callable[[Frame], None]:
        """What takes one observer's part of a frame."""

        def add(frame: Frame) -> None:
            parts = self._parts.setdefault(frame["step"], {})
            parts[name] = frame
            if len(parts) == 3:
                self._keep(self._whole(self._parts.pop(frame["step"])))

        return add

    def _whole(self, parts: dict[str, Frame]) -> Frame:
        windows, strains = parts[_WINDOWS]["fields"], parts[_STRAINS]["fields"]
        observe, step = self._config.observe, parts[_WINDOWS]["step"]
        _require(windows["potential_energy"], "energy_window", observe.energy_window)
        _require(strains["D2min"], "strain_window", observe.strain_window)
        box, curve = parts[_STRAINS]["box"], rows(self._curves.take(), self._curves.material)
        # a frame that had to wait for the flow of its box leaves later points to the next one
        curve = curve if self._rows is None else np.concatenate([self._rows, curve])
        self._rows = curve[curve[:, 0] > step]
        require_upright(box)
        return {
            "step": step,
            "gamma": _shear(box, self._curves.material),
            "edges": np.array([[box[0, 0], box[1, 0]], [0.0, box[1, 1]]]),
            **windows,
            "velocity": windows["velocity"][..., :2],
            # types first: a map for each
            "composition": np.moveaxis(windows["composition"], -1, 0),
            "Exy": strains["strain"][..., 3],
            "D2min": strains["D2min"],
            **parts[_TYPES]["means"],
            "curve": curve[curve[:, 0] <= step],
        }


@dataclass(frozen=True)
class Attached:
    """The observers of a segment.

    Attributes:
        material: follows the box and the atoms.
        windows: the fields that may wait for the flow of the box.
        all: everything that was attached.
    """

    material: Material
    windows: Fields
    all: tuple[Observer, ...]

    def flush(self, comm: MPI.Comm) -> None:
        """Take what still waits to be taken (collective)."""
        self.windows.flush(comm)


def attach_observers(
    session: Session,
    config: GlassInput,
    times: Times,
    keep: Callable[[Frame], None],
    known: Setup,
    reference: Box | None = None,
    followed: Array | None = None,
) -> Attached:
    """Attach everything that makes frames.

    Args:
        session: whose atoms.
        config: the whole input.
        times: of the frames.
        keep: called on rank 0 with each frame.
        known: what the session's script has set up.
        reference, followed: of a run that goes on; the state of the first look if absent.

    Raises:
        InputError: a box or units that fields are not taken of, or an extra field that is not defined.
    """
    check_units(session)
    require_upright(session.box())
    material = Material(reference, followed, known.flows)
    curves = Curves(material)
    frames = Frames(config, curves, keep)
    of_energy, of_strain = wanted(config)
    windows = Fields(of_energy, material, times.framed, frames.part(_WINDOWS))
    strains = Fields(of_strain, material, times.framed, frames.part(_STRAINS))
    types = TypeMeans(times.framed, frames.part(_TYPES))
    observers: list[tuple[Observer, Schedule]] = [
        (LossGuard(known.loses), every(1)),
        (material, every(1)),
        # before the frames, which take its points
        (curves, times.curved),
        (windows, times.sampled),
        (types, times.sampled),
        (strains, times.framed),
    ]
    for observer, schedule in observers:
        session.attach(observer, schedule)
    return Attached(material, windows, tuple(observer for observer, _ in observers))


def box_of(session: Session) -> Box:
    """The box of a simulation now."""
    atoms = session.atoms()
    return Box(atoms.box().copy(), atoms.corner().copy(), atoms.periodic, atoms.dimension)


def rows(taken: Array, motion: BoxMotion) -> Array:
    """``(n, 2 + k)`` points of a curve: step, net strain and :data:`THERMO`.

    Args:
        taken: ``(n, m)`` the rows of :class:`..md.observe.curves.Curves`.
        motion: knows the reference box.
    """
    places = {name: k for k, name in enumerate(COLUMNS)}
    edges = taken[:, len(COLUMNS) :].reshape(-1, 3, 3)
    columns = [taken[:, places["step"]], np.array([_shear(box, motion) for box in edges])]
    columns += [
        taken[:, places["temp"]],
        taken[:, places["pe"]],
        np.prod(np.einsum("nii->ni", edges), axis=1),
    ]
    columns += [taken[:, places[name]] for name in PRESSURES]
    return np.stack(columns, axis=1)


def _shear(edges: Array, motion: BoxMotion) -> float:
    """The net shear strain of the followed ``edges``: the xy component of T = H H₀⁻¹."""
    assert motion.motion is not None
    return float((edges.T @ np.linalg.inv(motion.motion.reference.edges.T))[0, 1])


def check_units(session: Session) -> None:
    """Refuse what cannot be written with units, and boxes that do not repeat in the plane.

    Raises:
        InputError: so it is.
    """
    units = session.lmp.extract_global("units")
    if units not in UNIT_STYLES:
        raise InputError(f"units {units}: the observers know the styles {', '.join(UNIT_STYLES)}")
    periodic = session.lmp.extract_box()[5]
    if not (periodic[0] and periodic[1]):
        raise InputError(
            "the box must be periodic along x and y ('boundary p p …'): the windows go around it; "
            "'mdbridge observe' takes fields of any box"
        )


def require_upright(box: Array) -> None:
    """Refuse a box that leans along z.

    Raises:
        InputError: so it is.
    """
    if abs(box[2, 0]) + abs(box[2, 1]) > _UPRIGHT * box[2, 2]:
        raise InputError(
            "the third edge of the box leans (xz or yz is not 0); fields are averaged along z, "
            "which must stand on the plane of the shear; 'mdbridge observe' takes fields of any box"
        )


def _require(values: Array, key: str, window: float) -> None:
    # what a script's own computes give may be NaN for reasons of its own
    if not np.isfinite(values).all():
        raise InputError(
            f"observe.{key}: a window of {window:g} leaves grid points without enough atoms; raise the "
            "window or its cutoff"
        )
