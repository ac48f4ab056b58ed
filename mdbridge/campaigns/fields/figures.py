"""Figures of a campaign of fields, from fields.h5 alone."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots
from .stored import Stored, opened

Array = NDArray[np.float64]

_EMPTY = "#e6e6e6"
_SIGNED = ("displacement", "affine_displacement", "velocity", "stress", "strain", "heat_flux")
_WORDS = {
    "potential_energy": "potential energy per atom",
    "number_density": "number density",
    "affine_displacement": "displacement of the box",
    "deformation_gradient": "deformation gradient",
    "heat_flux": "heat flux",
    "D2min": "$D^2_{min}$",
}


def draw(path: Path, out: Path, shown: int) -> None:
    """Draw a figure of each field and one of the curves into ``out``.

    Args:
        path: fields.h5.
        shown: frames in the figure of a field.
    """
    with opened(path) as stored:
        # the first and the last frame are always among them
        frames = sorted({round(k) for k in np.linspace(0, len(stored.time) - 1, shown)})
        for name in stored.names:
            draw_field(stored, name, frames, out / f"field_{name}.png")
        draw_curves(stored, out / "curves.png")


def draw_field(stored: Stored, name: str, frames: list[int], path: Path) -> None:
    """A field at some frames: maps, or profiles where the grid has one direction; scales are common."""
    parts = components(stored, name)
    values = np.stack([stored.frame(name, k) for k in frames])
    if len(stored.axes) == 1:
        _profiles(stored, name, values, parts, frames, path)
    else:
        _maps(stored, name, values, parts, frames, path)


def components(stored: Stored, name: str) -> list[tuple[str, int | None]]:
    """The components of a field that its figure shows: those in the directions of the grid.

    Of a profile those that a shear along it has, too: whole vectors, and tensors' rows of its direction.
    """
    names = stored.components(name)
    if not names:
        return [("", None)]
    # its components are types, not directions
    if name == "composition":
        return [(part, k) for k, part in enumerate(names)]
    axes = set(stored.axes)
    if len(axes) == 1:
        return [(part, k) for k, part in enumerate(names) if len(part) == 1 or axes & set(part)]
    return [(part, k) for k, part in enumerate(names) if set(part) <= axes]


def _label(stored: Stored, name: str, part: str) -> str:
    unit = stored.units(name)
    words = _WORDS.get(name, name.replace("_", " "))
    shown = f"{words} {part}".strip()
    return shown if unit in ("1", "as LAMMPS's") else f"{shown} ({short(unit)})"


def short(unit: str) -> str:
    """A unit as figures have it."""
    for long, brief in (
        ("angstrom", "Å"),
        ("k_B", "$k_B$"),
        ("sigma", "σ"),
        ("epsilon", "ε"),
        ("tau", "τ"),
        ("^3", "³"),
        ("^2", "²"),
    ):
        unit = unit.replace(long, brief)
    return unit


def _caption(stored: Stored, number: int) -> str:
    load = stored.loading
    if load.kind == "none":
        return f"t = {stored.time[number]:.4g} {short(stored.units('time'))}"
    return f"${load.symbol}$ = {stored.load_at(number):.4g}"


def _limits(values: Array, signed: bool) -> tuple[float, float, str]:
    """A common scale that a few outliers do not stretch, and its colours."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0, plots.SEQUENTIAL
    # a crack tip or a lone atom would leave the rest in one colour
    low, high = np.percentile(known, (0.5, 99.5))
    # zero is the middle of the colours where a field has two signs
    if signed and low < 0.0 < high:
        most = max(-low, high)
        return -most, most, plots.DIVERGING
    # a field that is constant to round-off would show nothing but round-off
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - 0.5 * max(abs(low), 1e-12), high + 0.5 * max(abs(high), 1e-12)
    return float(low), float(high), plots.SEQUENTIAL


def _beyond(values: Array, low: float, high: float) -> str:
    """At which ends of a scale values go on: colour bars have a tip there, and only there."""
    with np.errstate(invalid="ignore"):
        below, above = bool(np.any(values < low)), bool(np.any(values > high))
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")


def _maps(
    stored: Stored,
    name: str,
    values: Array,
    parts: list[tuple[str, int | None]],
    frames: list[int],
    path: Path,
) -> None:
    """One row a component, one column a frame; three directions are cut in the middle of the last."""
    first, second = stored.axes[0], stored.axes[1]
    spans = [_extent(_corners(stored, k)) for k in frames]
    # panels share their axes: the largest box decides their shape
    width = max(x for x, _ in spans)
    height = max(y for _, y in spans)
    panel = 1.9 if len(frames) > 3 else 2.4
    # slender boxes keep room for their labels
    tall = float(np.clip(panel * height / width, 0.5, 3.0))
    rows, columns = len(parts), len(frames)
    length = short(stored.units("box"))
    size = (panel * columns + 1.2, (tall + 0.35) * rows + 0.7)
    with plots.figure(path, *size, nrows=rows, ncols=columns, squeeze=False, sharex=True, sharey=True) as (
        fig,
        axes,
    ):
        for row, (part, index) in zip(axes, parts, strict=True):
            chosen = values if index is None else values[..., index]
            if len(stored.axes) == 3:
                # a plane shows what a projection would smear
                chosen = chosen[:, chosen.shape[1] // 2]
            low, high, colours = _limits(chosen, name in _SIGNED or index is not None)
            beyond = _beyond(chosen, low, high)
            images = [
                _map(panel, _corners(stored, number), field, (low, high), colours)
                for panel, number, field in zip(row, frames, chosen, strict=True)
            ]
            bar = fig.colorbar(images[-1], ax=list(row), pad=0.01, aspect=18, extend=beyond)
            bar.ax.tick_params(labelsize=7)
            bar.set_label(_label(stored, name, part), fontsize=8)
            row[0].set_ylabel(f"{second} ({length})")
        for top, number in zip(axes[0], frames, strict=True):
            top.set_title(_caption(stored, number))
        for bottom in axes[-1]:
            bottom.set_xlabel(f"{first} ({length})")
        if len(stored.axes) == 3:
            fig.suptitle(f"cut in the middle of {stored.axes[2]}", fontsize=8)


def _map(panel: Any, corners: Array, field: Array, limits: tuple[float, float], colours: str) -> Any:
    """One frame; nodes without atoms are grey."""
    image = panel.pcolormesh(
        corners[..., 0], corners[..., 1], field, vmin=limits[0], vmax=limits[1], cmap=colours
    )
    # NaN is drawn as nothing: what is behind it shows where there are no atoms
    panel.set_facecolor(_EMPTY)
    plots.bare(panel)
    panel.locator_params(nbins=3)
    panel.tick_params(labelsize=7)
    return image


def _corners(stored: Stored, number: int) -> Array:
    """``(n2 + 1, n1 + 1, 2)`` corners of the cells of a frame, in the plane of the first two directions."""
    cell, corner = stored.cell(number)
    shape = stored.frame(stored.names[0], number).shape[: len(stored.axes)]
    plane = ["xyz".index(axis) for axis in stored.axes[:2]]
    steps = [np.linspace(0.0, 1.0, n + 1) for n in shape[-2:]]
    f = np.stack(np.meshgrid(*steps, indexing="ij")[::-1], axis=-1)
    place: Array = (f @ cell[:2] + corner)[..., plane]
    return place


def _extent(corners: Array) -> tuple[float, float]:
    x, y = (float(np.ptp(corners[..., k])) for k in (0, 1))
    return x, y


def _profiles(
    stored: Stored,
    name: str,
    values: Array,
    parts: list[tuple[str, int | None]],
    frames: list[int],
    path: Path,
) -> None:
    """One panel a component, one line a frame."""
    axis = stored.axes
    direction = "xyz".index(axis)
    with plots.figure(path, 3.4 * len(parts) + 0.4, 2.9, ncols=len(parts), squeeze=False) as (_, axes):
        # from dark to light in time; the lightest end is hard to see on white
        shades = plots.pyplot().get_cmap(plots.SEQUENTIAL)(np.linspace(0.0, 0.9, len(frames)))
        for panel, (part, index) in zip(axes[0], parts, strict=True):
            chosen = values if index is None else values[..., index]
            for field, number, shade in zip(chosen, frames, shades, strict=True):
                cell, corner = stored.cell(number)
                place = corner[direction] + cell[0, direction] * (np.arange(len(field)) + 0.5) / len(field)
                panel.plot(place, field, color=shade, label=_caption(stored, number))
            panel.set_xlabel(f"{axis} ({short(stored.units('box'))})")
            panel.set_ylabel(_label(stored, name, part))
        axes[0][0].legend()


def draw_curves(stored: Stored, path: Path) -> None:
    """The whole box: stress against the load, and how box, temperature and energy change."""
    curve, load = stored.file.group("curve"), stored.loading
    time, unit = curve.get("time"), short(curve.units("time"))
    stress, names = curve.get("stress"), curve.texts("voigt")
    colours = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.RED, plots.GREY, "black")
    with plots.figure(path, 8.4, 5.2, nrows=2, ncols=2) as (_, axes):
        first, second, third, fourth = axes.ravel()
        # components that are noise would hide those that are not, and crowd the legend
        seen = [k for k in range(6) if np.abs(stress[:, k]).max() > 0.02 * np.abs(stress).max()]
        for k in seen:
            first.plot(load.values, stress[:, k], color=colours[k], label=f"$\\sigma_{{{names[k]}}}$")
        what = {"stretch": "stretch", "shear": "shear"}.get(load.kind)
        first.set_xlabel(f"{what} ${load.symbol}$" if what else f"time ({unit})")
        first.set_ylabel(f"stress ({short(curve.units('stress'))})")
        if seen:
            first.legend(ncols=2)
        # in two dimensions the third edge is not of the system
        for k, axis in enumerate("xyz"[: stored.dimension]):
            second.plot(time, curve.get("stretch")[:, k], color=colours[k], label=f"$\\lambda_{axis}$")
        sheared = curve.get("shear")
        for k, plane in enumerate(curve.texts("plane")):
            if np.abs(sheared[:, k]).max() > 1e-6:
                second.plot(
                    time, 1.0 + sheared[:, k], color=colours[3 + k], label=f"$1 + \\gamma_{{{plane}}}$"
                )
        second.set_ylabel("stretch of the box")
        second.legend()
        third.plot(time, curve.get("temperature"), color=plots.RED)
        third.set_ylabel(f"temperature ({short(curve.units('temperature'))})")
        fourth.plot(time, curve.get("potential_energy") / curve.get("atoms"), color=plots.BLUE)
        fourth.set_ylabel(f"energy per atom ({short(curve.units('potential_energy'))})")
        for panel in (second, third, fourth):
            panel.set_xlabel(f"time ({unit})")
            # energies differ in their last digits: an offset in the corner is overlooked
            panel.ticklabel_format(useOffset=False)
