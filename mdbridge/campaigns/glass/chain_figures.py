"""Figures that compare a calibrated STZ model with the MD it was calibrated to, from chain.h5 alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core import plots, store
from .formats import CHAIN

Array = NDArray[np.float64]

TEMPERATURE_AT = (0.09, 0.15, 0.20, 0.35, 0.50)
STRAIN_AT = (0.18, 0.25, 0.35, 0.45, 0.50)


def draw(path: Path, out: Path) -> None:
    """Write chain_temperature, chain_strain and chain_stress (.png), [Kontolati2021, Figures 9, 10, 11]."""
    with store.reading(path, CHAIN) as file:
        box = file.numbers("box_A", 2)
        for name, wanted, label, figure in (
            ("T_eff", TEMPERATURE_AT, "effective temperature (K)", "chain_temperature.png"),
            ("Exy", STRAIN_AT, "shear strain $E_{xy}$", "chain_strain.png"),
        ):
            _fields(file, name, wanted, box, label, out / figure)
        _stress(file, out / "chain_stress.png")


def _fields(
    file: store.Reader, name: str, wanted: Sequence[float], box: Array, label: str, path: Path
) -> None:
    """MD above, calibrated model below, one colour scale for each strain."""
    strains = file.get("strain")
    # the last one where none of the paper's is there
    shown = [k for k, strain in enumerate(strains) if np.isclose(strain, wanted).any()] or [len(strains) - 1]
    with plots.figure(
        path, 1.75 * len(shown) + 0.4, 4.4, nrows=2, ncols=len(shown), squeeze=False, sharex=True, sharey=True
    ) as (fig, axes):
        for column, k in zip(axes.T, shown, strict=True):
            pair = [file.get(f"{source}/{name}", at=k) for source in ("md", "model")]
            # one scale for both, or they could not be compared
            limits = {"vmin": min(p.min() for p in pair), "vmax": max(p.max() for p in pair)}
            place = {"origin": "lower", "extent": (0, box[0], 0, box[1])}
            images = [
                panel.imshow(values, cmap=plots.SEQUENTIAL, **place, **limits)
                for panel, values in zip(column, pair, strict=True)
            ]
            for panel in column:
                plots.bare(panel)
            bar = fig.colorbar(images[0], ax=column, orientation="horizontal", pad=0.02, aspect=15)
            # small bars: more numbers would run into each other
            bar.ax.locator_params(nbins=3)
            bar.ax.tick_params(labelsize=7)
            column[0].set_title(f"$\\gamma$ = {strains[k]:.2f}")
            column[1].set_xlabel("X (Å)")
        axes[0, 0].set_ylabel("MD\nY (Å)")
        axes[1, 0].set_ylabel("calibrated STZ\nY (Å)")
        fig.suptitle(label, fontsize=10)


def _stress(file: store.Reader, path: Path) -> None:
    gamma = file.get("gamma")
    with plots.figure(path, 4.8, 3.2) as (_, axes):
        axes.plot(gamma, file.get("md/shear_stress"), color=plots.GREY, linewidth=2.2, label="MD")
        axes.plot(
            gamma, file.get("model/shear_stress"), color=plots.RED, linestyle="--", label="calibrated STZ"
        )
        axes.set_xlabel("net shear strain $\\gamma$")
        axes.set_ylabel("shear stress $\\sigma_{xy}$ (GPa)")
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right")
