"""Figures of a glass campaign, from glass.h5 alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots, store
from .analysis import ELASTIC, Curve, stress_strain
from .formats import GLASS

Array = NDArray[np.float64]

MAPPED = (0.09, 0.18, 0.25, 0.35, 0.50)
"""Net strains of the maps; those of [Kontolati2021, Figures 9, 10]."""
_ROUND_OFF, _NOISE = 1e-6, 0.05
"""Of the largest spread of a map: below it there is nothing to see, in any map and in that at the start."""
_STAGES = {
    "melt": plots.RED,
    "liquid": plots.ORANGE,
    "quench": plots.BLUE,
    "anneal": plots.GREY,
    "relax": plots.GREEN,
    "stripe": "black",
}
"""Stages of the preparation in their order, and their colours."""
_NAMES = {
    "potential_energy": "energy per atom",
    "energy_mean_composition": "energy per atom at mean composition",
    "Exy": "$E_{xy}$",
    "D2min": "$D^2_{min}$",
}


def draw(path: Path, out: Path) -> None:
    """Draw the figures of a glass.h5 into ``out``.

    Writes maps_energy, maps_energy_mean_composition, maps_strain, maps_d2min, stress_strain,
    flow (.png), one map for every extra field, and quench.png where there is a history.

    Raises:
        FileError: glass.h5 is not there, or not what it should be.
    """
    with store.reading(path, GLASS) as file:
        known, gamma = file.attributes(), file.get("gamma")
        shown = _shown(gamma)
        box = file.get("box")[:2]
        for name, figure in (
            ("potential_energy", "maps_energy.png"),
            ("energy_mean_composition", "maps_energy_mean_composition.png"),
            ("Exy", "maps_strain.png"),
            ("D2min", "maps_d2min.png"),
            *((name, f"maps_{name}.png") for name in known["extra"]),
        ):
            _maps(file, name, gamma, shown, box, out / figure)
        curve = stress_strain(file)
        # a script need not shear
        if np.ptp(curve.gamma) > 0:
            _stress_strain(curve, known, file.units("curve/stress"), out / "stress_strain.png")
        _flow(file, gamma, box, out / "flow.png")
        if "history" in file:
            _quench(file, out / "quench.png")


def _shown(gamma: Array) -> list[int]:
    """Frames to draw: at the published strains, or evenly spread where the strain does not go that far."""
    # a little short of the last strain still has a frame near it
    if gamma.max() < 0.98 * MAPPED[-1]:
        return sorted({round(k) for k in np.linspace(0, len(gamma) - 1, 5)})
    return [int(np.abs(gamma - strain).argmin()) for strain in MAPPED]


def _maps(
    file: store.Reader,
    name: str,
    gamma: Array,
    shown: Sequence[int],
    box: Array,
    path: Path,
) -> None:
    data = file.get(name)
    unit = "" if file.units(name) == "1" else f" ({_unit(file, name)})"
    shown = _seen(shown, {k: float(np.ptp(data[k])) for k in shown})
    # one scale: maps of different strains are to be compared
    # D²min grows by decades when the glass begins to flow
    scale = plots.common_scale(data[shown], name == "D2min")
    with plots.figure(path, 1.7 * len(shown) + 1.0, 2.5, ncols=len(shown), squeeze=False, sharey=True) as (
        fig,
        axes,
    ):
        place = {"origin": "lower", "extent": (0, box[0], 0, box[1])}
        images = [
            panel.imshow(data[k], cmap=plots.SEQUENTIAL, **place, **scale)
            for k, panel in zip(shown, axes[0], strict=True)
        ]
        for k, panel in zip(shown, axes[0], strict=True):
            panel.set_title(f"$\\gamma$ = {gamma[k]:.2f}")
            panel.set_xlabel(f"$X$ ({_unit(file, 'box')})")
            plots.bare(panel)
        axes[0, 0].set_ylabel(f"$Y$ ({_unit(file, 'box')})")
        bar = fig.colorbar(images[0], ax=list(axes[0]), shrink=0.8, pad=0.01)
        # energies differ by little: an offset would hide what they are
        if "norm" not in scale:
            bar.formatter.set_useOffset(False)
        fig.suptitle(_NAMES.get(name, name) + unit, fontsize=10)


def _seen(shown: Sequence[int], spread: Mapping[int, float]) -> Sequence[int]:
    """Those of the frames whose maps have something to be seen, on the scale that all have in common.

    Strain and D²min are measured from the start: there they are thermal noise, or round-off.  As long as
    that is much against the others, its map says so; else it is empty.  A later frame is small because
    little has happened, which its map is to show.
    """
    largest = max(spread.values())
    return [k for k in shown if spread[k] > (_ROUND_OFF if k else _NOISE) * largest] or shown


def _stress_strain(curve: Curve, known: Any, unit: str, path: Path) -> None:
    peak_strain, peak = curve.peak()
    with plots.figure(path, 5.2, 3.8) as (fig, axes):
        axes.plot(curve.gamma, curve.stress, color=plots.BLUE, linewidth=0.9, label="MD")
        # a little beyond the peak; no line where the slope is none or falls
        reach = np.array([0.0, 1.15 * peak / curve.slope]) if curve.slope > 0 else np.zeros(0)
        if len(reach):
            label = f"slope up to $\\gamma$ = {ELASTIC:g}: {curve.slope:.1f} {unit}"
            axes.plot(reach, curve.offset + curve.slope * reach, color=plots.RED, linestyle="--", label=label)
        if "mu_GPa" in known:
            mu = known["mu_GPa"]
            label = f"small-strain test: $\\mu$ = {mu:.1f} ± {known['mu_error_GPa']:.1f} GPa"
            strain = np.array([0.0, 1.15 * peak / mu])
            axes.plot(strain, curve.offset + mu * strain, color="black", linestyle=":", label=label)
        axes.axhline(
            curve.flow, color=plots.GREY, linewidth=0.8, label=f"flow stress {curve.flow:.2f} {unit}"
        )
        axes.plot(peak_strain, peak, "o", color=plots.ORANGE, markersize=4, label=f"peak {peak:.2f} {unit}")
        axes.set_xlabel("net shear strain $\\gamma$")
        axes.set_ylabel(f"shear stress $\\sigma_{{xy}}$ ({unit})")
        plots.legend_above(fig, axes)


def _flow(file: store.Reader, gamma: Array, box: Array, path: Path) -> None:
    """Profiles across the box at the end: averaged along x."""
    # flow of a single frame is mostly thermal motion: the last tenth is averaged
    last = slice(-max(1, len(gamma) // 10), None)
    exy, velocity = file.get("Exy"), file.get("velocity")
    ny = exy.shape[1]
    centres, corners = (np.arange(ny) + 0.5) * box[1] / ny, np.arange(ny) * box[1] / ny
    columns = [
        (velocity[last, :, :, 0].mean(axis=(0, 2)), centres, "$v_x$ beyond the box's", "velocity"),
        (exy[-1].mean(axis=1), corners, "$E_{xy}$", ""),
        *(
            (file.get(name)[last].mean(axis=(0, 2)), centres, name, name)
            for name in ("temperature", "density")
        ),
    ]
    with plots.figure(path, 8.4, 2.8, ncols=4, sharey=True) as (_, axes):
        for panel, (values, y, label, source) in zip(axes, columns, strict=True):
            panel.plot(values, y, color=plots.BLUE)
            panel.set_xlabel(f"{label} ({_unit(file, source)})" if source else label)
            panel.locator_params(axis="x", nbins=4)
        axes[1].axvline(gamma[-1] / 2, color=plots.GREY, linestyle=":")
        # above: the curve may run anywhere
        axes[1].set_title("$\\gamma/2$ of the box: dotted")
        axes[0].set_ylabel(f"$Y$ ({_unit(file, 'box')})")


def _unit(file: store.Reader, name: str) -> str:
    return plots.unit(file.units(name))


def _quench(file: store.Reader, path: Path) -> None:
    """Temperature and energy during the preparation, and the energy over the temperature of the quench."""
    natoms, timestep = file.attribute("natoms", int), file.attribute("timestep", float)
    there = file.group("history").groups()
    stages = [name for name in _STAGES if name in there]
    with plots.figure(path, 8.4, 2.8, ncols=3) as (_, axes):
        for name in stages:
            state, colour = file.group(f"history/{name}"), _STAGES[name]
            step, temperature, energy = _with_gaps(
                *(state.get(column) for column in ("step", "temperature", "potential_energy"))
            )
            axes[0].plot(step * timestep, temperature, color=colour, label=name)
            axes[1].plot(step * timestep, energy / natoms, color=colour)
            # only here temperature changes steadily
            if name == "quench":
                axes[2].plot(temperature, energy / natoms, color=colour)
                axes[2].set_xlabel("temperature (K)")
                axes[2].set_ylabel("energy per atom (eV)")
                axes[2].set_title("quench")
        axes[0].set_ylabel("temperature (K)")
        axes[1].set_ylabel("energy per atom (eV)")
        for panel in axes[:2]:
            panel.set_xlabel("time (ps)")
        # six lines would fill the panel
        axes[0].legend(ncols=1 if len(stages) <= 4 else 2)


def _with_gaps(step: Array, *columns: Array) -> list[Array]:
    """A stage's steps and values, with NaN where another stage was in between: no line goes across that."""
    apart = np.diff(step)
    # of fewer there is no usual distance
    gaps = np.flatnonzero(apart > 2 * np.median(apart)) + 1 if len(apart) > 1 else np.zeros(0, int)
    return [np.insert(values.astype(float), gaps, np.nan) for values in (step, *columns)]
