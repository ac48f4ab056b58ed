"""glass.h5: the frames of a glass campaign in one file; and the text files of [Kontolati2021]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...core.errors import InputError, MDError
from ...core.files import write_text
from ...core.units import UNIT_STYLES, UnitStyle
from ...fields.storage import PLANE, put_plane
from . import sampling
from .formats import GLASS
from .frames import THERMO
from .input import GlassInput

Array = NDArray[np.float64]

CURVE = ("step", "gamma", *THERMO)
"""Columns of a frame's ``curve`` and of the history."""

STRESSES = ("xx", "yy", "zz", "xy", "xz", "yz")
"""Components of the stress in ``curve`` and in the history."""

_AT_REST = {
    "nonaffinity": ("squared nonaffine displacement over the squared strain, at rest", "angstrom^2"),
    "local_yield": ("shear stress that a place bears beyond that at rest", "GPa"),
}
"""What is measured once, before the shear, and its unit: of the campaign's own glass, in units metal."""


def collect(
    path: Path,
    config: GlassInput,
    frames: Sequence[Mapping[str, Any]],
    key: str,
    chain: sampling.Chain,
    history: Sequence[tuple[str, Array]],
    moduli: Mapping[str, float],
    seconds: Mapping[str, float],
    at_rest: Mapping[str, Array] | None = None,
) -> str:
    """Write frames into one file; ``complete`` tells whether it is all of them.

    Returns:
        SHA-256 of the file.
    """
    units = UNIT_STYLES[chain.units]
    with store.writing(path, GLASS, key) as file:
        _put_attributes(file, config, chain, len(frames) == config.observe.frames + 1)
        file.attributes(**moduli, **{f"seconds_{stage}": value for stage, value in seconds.items()})
        _put_axes(file, config, frames, chain, units)
        for name, field in _fields(units, config.observe.extra).items():
            values = np.stack([frame[name] for frame in frames])
            _put_field(file, name, field, units.density_factor * values if name == "density" else values)
        what = (
            "potential energy per atom less what the local composition makes of it by the types' mean "
            "energies at the first frame"
        )
        energy = np.stack([frame["potential_energy"] for frame in frames]) - _composition_part(frames)
        _put_field(file, "energy_mean_composition", _Field(units.energy, what, "cell"), energy)
        for name, values in (at_rest or {}).items():
            # measured once, before the shear: no axis of frames
            what, unit = _AT_REST[name]
            file.put(name, values, PLANE["cell"], unit, what, grid_location="cell")
        _put_curve(file.group("curve"), np.concatenate([f["curve"] for f in frames]), units, "gamma")
        for stage, rows in history:
            _put_curve(file.group(f"history/{stage}"), rows, units, "step")
    return file.sha256


def _put_attributes(file: store.Group, config: GlassInput, chain: sampling.Chain, complete: bool) -> None:
    own = config.md.script is None
    file.attributes(
        complete=complete,
        natoms=chain.natoms,
        units_style=chain.units,
        # what a script does is not known; NaN says so in a file of numbers
        max_strain=config.shear.max_strain if own else np.nan,
        rate_per_ps=config.shear.rate_per_ps if own else np.nan,
        timestep=config.md.timestep_ps if own else np.nan,
        energy_window=config.observe.energy_window,
        strain_window=config.observe.strain_window,
        extra=list(config.observe.extra),
        layout="fields are [frame, row = y, column = x(, component)] on the grid of the sheared box, x = "
        "T(gamma) X; corner (0, 0) is the box's origin, cell (0, 0) lies between corners (0, 0) and (1, 1)",
    )


def _put_axes(
    file: store.Group,
    config: GlassInput,
    frames: Sequence[Mapping[str, Any]],
    chain: sampling.Chain,
    units: UnitStyle,
) -> None:
    """The dimensions of the fields, and the box."""
    # the reference box is upright: fields are on the plane before it was sheared
    if chain.reference is None:
        raise MDError("frames were made before a state was made the reference of the strain")
    box = np.diag(chain.reference.edges)
    nx, ny = config.observe.grid
    file.dimension("gamma", [frame["gamma"] for frame in frames], "1", "net shear strain of the box")
    put_plane(file, box[:2], (ny, nx), units.length)
    file.dimension("component", ["x", "y"], "1", "direction in the plane")
    file.numbered("type", len(frames[0]["type_energy"]), "LAMMPS's atom type, less 1")
    file.dimension("direction", ["x", "y", "z"], "1", "direction")
    file.dimension("edge", ["a", "b"], "1", "edge of the box")
    file.put("box", box, ("direction",), units.length, "edges of the reference box")
    edges = np.stack([frame["edges"] for frame in frames])
    what = "in-plane edge vectors in columns, flips undone"
    file.put("edges", edges, ("gamma", "component", "edge"), units.length, what)
    file.put("step", [frame["step"] for frame in frames], ("gamma",), "1", "time step of the frame")


@dataclass(frozen=True)
class _Field:
    units: str
    what: str
    place: str = "none"
    along: tuple[str, ...] = ()


def _fields(units: UnitStyle, extra: Mapping[str, str]) -> dict[str, _Field]:
    return {
        "potential_energy": _Field(units.energy, "potential energy per atom", "cell"),
        "Exy": _Field("1", "Green-Lagrange shear strain", "corner"),
        "D2min": _Field(
            f"{units.length}^2", "mean square of what the best-fit deformation leaves over", "corner"
        ),
        "velocity": _Field(units.velocity, "velocity beyond that of the box", "cell", ("component",)),
        "density": _Field(units.density, "mass density", "cell"),
        "temperature": _Field(units.temperature, "kinetic temperature about the local mean velocity", "cell"),
        "composition": _Field("1", "number fraction of each atom type", "cell", ("type",)),
        "type_energy": _Field(
            units.energy, "mean potential energy of the atoms of each type", along=("type",)
        ),
        "type_fraction": _Field("1", "fraction of the atoms of each type", along=("type",)),
        **{
            name: _Field("as LAMMPS's", f"window average of {source}", "cell")
            for name, source in extra.items()
        },
    }


def _put_field(file: store.Group, name: str, field: _Field, values: Array) -> None:
    if name == "composition":
        # types last, as components are
        values = np.moveaxis(values, 1, -1)
    dims = ("gamma", *PLANE.get(field.place, ()), *field.along)
    file.put(name, values, dims, field.units, field.what, grid_location=field.place)


def _composition_part(frames: Sequence[Mapping[str, Any]]) -> Array:
    """What the local composition alone adds to the energy, with the types' energies of the first frame."""
    # energies of the types at rest: what shear adds later must stay in the field
    first = frames[0]
    part = [np.tensordot(first["type_energy"], f["composition"], axes=1) for f in frames]
    # so that the mean of the energy stays what it is
    return np.stack(part) - first["type_energy"] @ first["type_fraction"]


def _put_curve(group: store.Group, rows: Array, units: UnitStyle, along: str) -> None:
    """State of the whole box, one row of :data:`CURVE` a point; ``along`` is its coordinate."""
    table = dict(zip(CURVE, rows.T, strict=True))
    what = {"gamma": "net shear strain", "step": "time step"}
    group.dimension(along, table[along], "1", what[along])
    other = "step" if along == "gamma" else "gamma"
    group.put(other, table[other], (along,), "1", what[other])
    group.dimension("stress_component", STRESSES, "1", "component of the stress")
    for name, unit in (
        ("temperature", units.temperature),
        ("potential_energy", units.energy),
        ("volume", f"{units.length}^3"),
    ):
        group.put(name, table[name], (along,), unit, f"{name.replace('_', ' ')} of the whole box")
    # LAMMPS's pressures are minus the stress
    tensor = -units.pressure_factor * np.stack([table[part] for part in STRESSES], axis=1)
    what_stress = "Cauchy stress of the whole box, tension positive"
    group.put("stress", tensor, (along, "stress_component"), units.stress, what_stress)


def write_paper_files(path: Path, folder: Path) -> None:
    """Write pe.MD.n, Exy.MD.n and stress_rand2_matlab.txt, as :mod:`mdbridge.stz.paperfiles` reads them.

    The columns of the last are step, temperature (K), potential energy (eV), and the
    pressures xx, yy, zz, xy (bar); one row a point of the curve.

    Raises:
        InputError: the units are not the paper's.
    """
    with store.reading(path, GLASS) as file:
        if file.attribute("units_style", str) != "metal":
            raise InputError("the paper's text files are in eV and bar; the script must use 'units metal'")
        for name, stem, digits in (("potential_energy", "pe", 8), ("Exy", "Exy", 10)):
            for number, values in enumerate(file.get(name)):
                ny, nx = values.shape
                lines = [f"{nx} {ny} 0 1", *(" ".join(f"{v:.{digits}f}" for v in row) for row in values)]
                write_text(folder / f"{stem}.MD.{number}", "\n".join(lines) + "\n")
        curve = file.group("curve")
        # back to pressures in bar, as the published file has them
        bar = -curve.get("stress", "GPa") / UNIT_STYLES["metal"].pressure_factor
        # bar.T[:4]: xx, yy, zz, xy; readers take the last column for σ_xy
        columns = [*(curve.get(name) for name in ("step", "temperature", "potential_energy")), *bar.T[:4]]
        rows = ("\t".join(f"{v:.8g}" for v in row) for row in zip(*columns, strict=True))
        write_text(folder / "stress_rand2_matlab.txt", "\n".join(rows) + "\n")
