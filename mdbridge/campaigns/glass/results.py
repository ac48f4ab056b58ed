"""glass.h5: the frames of a glass campaign in one file; and the text files of [Kontolati2021]."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.files import write_text
from ...core.units import UNIT_STYLES, UnitStyle
from ...fields import fieldset
from ...md.observe.glass import THERMO
from . import sampling
from .input import GlassInput

GLASS = "mdbridge-glass-1"
Array = NDArray[np.float64]

CURVE = ("step", "gamma", *THERMO)
"""Columns of a frame's ``curve`` and of the history."""


def collect(
    path: Path,
    config: GlassInput,
    frames: Sequence[Mapping[str, Any]],
    key: str,
    chain: sampling.Chain,
    history: Sequence[tuple[str, Array]],
    moduli: Mapping[str, float],
    seconds: Mapping[str, float],
) -> None:
    """Write frames into one file; ``complete`` tells whether it is all of them."""
    complete = len(frames) == config.observe.frames + 1
    units = UNIT_STYLES[chain.units]
    with fieldset.writing(path, key, GLASS) as file:
        file.attrs.update(
            complete=complete,
            natoms=chain.natoms,
            units_style=chain.units,
            max_strain=config.shear.max_strain if config.md.script is None else np.nan,
            rate_per_ps=config.shear.rate_per_ps if config.md.script is None else np.nan,
            timestep=config.md.timestep_ps if config.md.script is None else np.nan,
            energy_window=config.observe.energy_window,
            strain_window=config.observe.strain_window,
            extra=list(config.observe.extra),
            layout="fields are [frame, row = y, column = x] on the grid of the sheared box, x = T(gamma) X; "
            "corner (0, 0) is the box's origin, cell (0, 0) lies between corners (0, 0) and (1, 1)",
            **moduli,
            **{f"seconds_{stage}": value for stage, value in seconds.items()},
        )
        put = _Writer(file, units)
        edges = np.stack([frame["edges"] for frame in frames])
        reference = chain.reference
        put("box", np.diag(reference), units.length, "edges of the reference box", "none")
        put("edges", edges, units.length, "in-plane edge vectors in columns, flips undone", "none")
        for name, (unit, what, place) in _fields(units, config.observe.extra).items():
            factor = units.density_factor if name == "density" else 1.0
            put(name, factor * np.stack([frame[name] for frame in frames]), unit, what, place)
        fields = np.stack([frame["potential_energy"] for frame in frames])
        put(
            "energy_mean_composition",
            fields - _composition_part(frames),
            units.energy,
            "potential energy per atom less what the local composition alone makes of it at the first frame",
            "cell",
        )
        _put_curve(put, np.concatenate([frame["curve"] for frame in frames]), units)
        for stage, rows in history:
            put(f"history/{stage}", rows, "as LAMMPS's", "state during the preparation", "none")
            file[f"history/{stage}"].attrs["columns"] = list(CURVE)


class _Writer:
    """Stores arrays with unit, meaning and place on the grid."""

    def __init__(self, file: h5py.File, units: UnitStyle):
        self.file = file

    def __call__(self, name: str, values: Any, unit: str, what: str, place: str) -> None:
        data = fieldset.put(self.file, name, values, unit)
        data.attrs.update(long_name=what, grid_location=place)


def _fields(units: UnitStyle, extra: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """Name → unit, meaning, place on the grid."""
    squared = f"{units.length}^2"
    return {
        "step": ("1", "time step of the frame", "none"),
        "gamma": ("1", "net shear strain of the box", "mean"),
        "potential_energy": (units.energy, "potential energy per atom", "cell"),
        "Exy": ("1", "Green-Lagrange shear strain", "corner"),
        "D2min": (squared, "mean square of what the best-fit deformation leaves over", "corner"),
        "velocity": (units.velocity, "velocity (x, y) beyond that of the box", "cell"),
        "density": (units.density, "mass density", "cell"),
        "temperature": (units.temperature, "kinetic temperature about the local mean velocity", "cell"),
        "composition": ("1", "number fraction of each atom type", "cell"),
        "type_energy": (units.energy, "mean potential energy of the atoms of each type", "none"),
        "type_fraction": ("1", "fraction of the atoms of each type", "none"),
        **{name: ("as LAMMPS's", f"window average of {source}", "cell") for name, source in extra.items()},
    }


def _composition_part(frames: Sequence[Mapping[str, Any]]) -> Array:
    """What the local composition alone adds to the energy, with the types' energies of the first frame."""
    first = frames[0]
    part = [np.tensordot(first["type_energy"], f["composition"], axes=1) for f in frames]
    return np.stack(part) - first["type_energy"] @ first["type_fraction"]


def _put_curve(put: _Writer, rows: Array, units: UnitStyle) -> None:
    table = dict(zip(CURVE, rows.T, strict=True))
    put("curve/gamma", table["gamma"], "1", "net shear strain", "mean")
    put("curve/step", table["step"], "1", "time step", "none")
    put("curve/temperature", table["temperature"], units.temperature, "of the whole box", "mean")
    put("curve/potential_energy", table["potential_energy"], units.energy, "of the whole box", "mean")
    tensor = -units.pressure_factor * np.stack(
        [table[c] for c in ("xx", "yy", "zz", "xy", "xz", "yz")], axis=1
    )
    put("curve/stress", tensor, units.stress, "Cauchy stress xx, yy, zz, xy, xz, yz of the whole box", "mean")


def write_paper_files(store: Path, folder: Path) -> None:
    """Write pe.MD.n, Exy.MD.n and stress_rand2_matlab.txt, as :mod:`..stz.paperfiles` reads them.

    The columns of the last are step, temperature (K), potential energy (eV), and the
    pressures xx, yy, zz, xy (bar); one row a point of the curve.

    Raises:
        InputError: the units are not the paper's.
    """
    with fieldset.reading(store, GLASS) as file:
        if file.attrs["units_style"] != "metal":
            raise InputError("the paper's text files are in eV and bar; the script must use 'units metal'")
        for name, stem, digits in (("potential_energy", "pe", 8), ("Exy", "Exy", 10)):
            for number, values in enumerate(file[name]):
                ny, nx = values.shape
                lines = [f"{nx} {ny} 0 1", *(" ".join(f"{v:.{digits}f}" for v in row) for row in values)]
                write_text(folder / f"{stem}.MD.{number}", "\n".join(lines) + "\n")
        curve = file["curve"]
        bar = -curve["stress"][:] / UNIT_STYLES["metal"].pressure_factor
        columns = [curve["step"], curve["temperature"], curve["potential_energy"], *bar.T[:4]]
        rows = ("\t".join(f"{v:.8g}" for v in row) for row in zip(*columns, strict=True))
        write_text(folder / "stress_rand2_matlab.txt", "\n".join(rows) + "\n")
