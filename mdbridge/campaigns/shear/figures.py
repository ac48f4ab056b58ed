"""Figures of a run of ``mdbridge shear``, from its run.h5 alone."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots
from . import results
from .results import StoredRun

Array = NDArray[np.float64]

CHI_STRAINS = (0.09, 0.15, 0.20, 0.35, 0.50)
"""Net strains of [Kontolati2021, Figure 5]."""

EXY_STRAINS = (0.18, 0.25, 0.35, 0.45, 0.50)
"""Net strains of [Kontolati2021, Figure 6]."""

# perceptually uniform, and monotonic in grey when printed
_MAPS = {"chi": "inferno", "Exy": "viridis"}
LABELS = {"chi": "effective temperature (K)", "Exy": "shear strain $E_{xy}$"}


def draw(store: Path, out: Path) -> None:
    """Write chi.png, strain.png and stress_strain.png.

    Args:
        store: run.h5.
        out: folder for the figures.

    Raises:
        FileError: the store cannot be read or the folder not written.
    """
    run = results.read(store)
    _maps(run, "chi", CHI_STRAINS, out / "chi.png")
    _maps(run, "Exy", EXY_STRAINS, out / "strain.png")
    _curve(run, out / "stress_strain.png")


def field(run: StoredRun, name: str) -> Array:
    """A field as it is drawn, ``(k, ny, nx)``: χ in K, E_xy."""
    return run.chi * run.e_z if name == "chi" else run.exy


def limits(values: Array) -> tuple[float, float]:
    """Colour limits that hold all values and are never empty."""
    low, high = float(np.min(values)), float(np.max(values))
    # a uniform field, as at γ = 0, has no range
    return low, max(high, low + 1e-6 * max(abs(low), 1.0))


def _nearest(strains: Array, path: Array, wanted: tuple[float, ...]) -> list[int]:
    """Indices of the kept frames next to the wanted strains; those beyond the run are left out.

    Of a run that turns, or has another sign, as many frames at equal distances along its path.
    """
    if np.any(np.diff(strains, prepend=0.0) < 0.0):
        at = path[-1] * np.arange(1, len(wanted) + 1) / len(wanted)
        return sorted({int(np.argmin(np.abs(path - length))) for length in at})
    # a run that failed early shows what it has
    reached = [g for g in wanted if g <= strains[-1] + 1e-9] or [strains[-1]]
    return sorted({int(np.argmin(np.abs(strains - g))) for g in reached})


def image(axes: Any, run: StoredRun, name: str, k: int, colours: tuple[float, float]) -> Any:
    """Draw the field ``name`` of the kept frame ``k`` between two limits of its colours; axes in nm."""
    width, height = run.box / 10.0
    picture = axes.imshow(
        field(run, name)[k],
        origin="lower",
        extent=(0.0, width, 0.0, height),
        cmap=_MAPS[name],
        vmin=colours[0],
        vmax=colours[1],
    )
    axes.set_xlabel("$X$ (nm)")
    return picture


def _maps(run: StoredRun, name: str, wanted: tuple[float, ...], path: Path) -> None:
    """One map for each wanted strain, on one colour scale."""
    shown = _nearest(run.strains, run.path, wanted)
    # one scale: fields of different strains are to be compared
    colours = limits(field(run, name)[shown])
    width = 1.7 * len(shown) + 1.0
    with plots.figure(path, width, 2.2, nrows=1, ncols=len(shown), sharey=True, squeeze=False) as (
        figure,
        axes,
    ):
        pictures = [image(panel, run, name, k, colours) for panel, k in zip(axes[0], shown, strict=True)]
        for panel, k in zip(axes[0], shown, strict=True):
            plots.bare(panel)
            panel.set_title(f"$\\gamma$ = {run.strains[k]:.2f}")
        axes[0, 0].set_ylabel("$Y$ (nm)")
        figure.colorbar(pictures[0], ax=list(axes[0]), label=LABELS[name], shrink=0.8, pad=0.01)


def _curve(run: StoredRun, path: Path) -> None:
    curves = (
        ("shear_stress", plots.BLUE, "-", "shear stress $\\langle\\sigma_{xy}\\rangle$"),
        ("dev_stress", plots.ORANGE, "--", "deviatoric stress $\\langle(s{:}s/2)^{1/2}\\rangle$"),
    )
    with plots.figure(path, 4.5, 3.2) as (_, axes):
        for name, colour, line, label in curves:
            axes.plot(run.gamma, getattr(run, name), color=colour, linestyle=line, label=label)
        axes.set_xlabel("net strain $\\gamma$")
        axes.set_ylabel("stress (GPa)")
        # a run that failed at once has frame 0 alone
        low, high = min(0.0, float(run.gamma.min())), float(run.gamma.max())
        axes.set_xlim(low, high if high > low else 1.0)
        axes.set_ylim(bottom=min(0.0, float(run.shear_stress.min())))
        axes.legend()
