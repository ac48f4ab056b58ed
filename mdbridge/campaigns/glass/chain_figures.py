"""Figures that compare a calibrated STZ model with the MD it was calibrated to, from chain.h5 alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core import plots, store
from ...fields import shifts
from . import predictors
from .analysis import at_centres
from .formats import CHAIN

Array = NDArray[np.float64]

MODEL = "calibrated STZ"
TEMPERATURE_AT = (0.09, 0.15, 0.20, 0.35, 0.50)
STRAIN_AT = (0.18, 0.25, 0.35, 0.45, 0.50)


def draw(path: Path, out: Path) -> None:
    """Write chain_temperature, chain_strain, chain_stress (.png), [Kontolati2021, Figures 9, 10, 11], and
    chain_bands.png."""
    with store.reading(path, CHAIN) as file:
        box = file.numbers("box_A", 2)
        for name, wanted, label, figure in (
            ("T_eff", TEMPERATURE_AT, "effective temperature (K)", "chain_temperature.png"),
            ("Exy", STRAIN_AT, "shear strain $E_{xy}$", "chain_strain.png"),
        ):
            _fields(file, name, wanted, box, label, out / figure)
        _stress(file, out / "chain_stress.png")
        last = {name: file.get(f"{source}/Exy", at=-1) for name, source in (("MD", "md"), (MODEL, "model"))}
        what = predictors.TITLES[str(file.attributes().get("predictor", "energy"))]
        gamma = float(file.get("strain")[-1])
        bands(out / "chain_bands.png", box, file.get("md/energy_at_rest"), last, gamma, what)


def bands(
    path: Path, box: Array, energy: Array, strains: Mapping[str, Array], gamma: float, what: str = "energy"
) -> None:
    """What the energies say, what the MD does, and what the model can do: maps, and their means of rows.

    Args:
        path: of the figure.
        box: edges in Å.
        energy: at rest, at centres of cells, ``(ny, nx)``, in eV an atom.
        strains: E_xy at corners, ``(ny, nx)``, of the MD and of the model, by their names.
        gamma: the net strain of these.
        what: the energies are; another predictor is mapped to their mean and spread.
    """
    maps = {f"{what} at rest": 1e3 * (energy - energy.mean())} | {
        f"$E_{{xy}}$, {name}": at_centres(strain) for name, strain in strains.items()
    }
    # both strains on one scale; the energy has its own
    limits = [None, *2 * [(min(s.min() for s in strains.values()), max(s.max() for s in strains.values()))]]
    height = np.linspace(0, box[1], len(energy), endpoint=False) + 0.5 * box[1] / len(energy)
    # maps keep the shape of the box: those of a tall one are narrow
    wide = min(2.6, max(1.3, 3.0 * box[0] / box[1]))
    layout = {"ncols": 4, "sharey": True, "width_ratios": [wide, wide, wide, 2.2]}
    with plots.figure(path, 3 * wide + 3.2, 3.9, **layout) as (fig, axes):
        first, *_ = maps.values()
        styles = zip((plots.GREY, "black", plots.RED), ("-", "-", "--"), strict=True)
        for panel, (name, values), limit, (colour, line) in zip(
            axes[:3], maps.items(), limits, styles, strict=True
        ):
            low, high = limit or (values.min(), values.max())
            place = {"origin": "lower", "extent": (0, box[0], 0, box[1]), "aspect": "equal"}
            image = panel.imshow(values, cmap=plots.SEQUENTIAL, vmin=low, vmax=high, **place)
            plots.bare(panel)
            bar = fig.colorbar(image, ax=panel, orientation="horizontal", pad=0.02)
            unit = "meV an atom" if what.startswith("energy") else "mapped to meV an atom"
            bar.set_label(f"{unit}, less the mean" if values is first else f"$\\gamma$ = {gamma:.2f}")
            bar.ax.locator_params(nbins=3)
            panel.set_title(
                f"{name}\n"
                + (
                    ""
                    if values is first
                    else f"with the {what.partition(' at ')[0]}:\n{_agreement(first, values)}"
                )
            )
            panel.set_xlabel("X (Å)")
            rows = values.mean(axis=1)
            axes[3].plot(
                (rows - rows.mean()) / (rows.std() or 1.0), height, color=colour, ls=line, label=name
            )
        axes[0].set_ylabel("Y (Å)")
        axes[3].set_xlabel("mean of a row, less the mean\n(in standard deviations)")
        axes[3].set_title(
            f"{list(strains)[-1]} and {next(iter(strains))}\n{_agreement(*list(maps.values())[1:])}"
        )
        plots.legend_above(fig, axes[3], 3)


def _agreement(field: Array, other: Array) -> str:
    """Correlation of two fields, and what it is worth."""
    shifted = shifts.correlation(field, other)
    return "no correlation" if shifted is None else f"r = {shifted.r:.2f}, p = {shifted.p:.2g}"


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
        axes[1, 0].set_ylabel(f"{MODEL}\nY (Å)")
        fig.suptitle(label, fontsize=10)


def _stress(file: store.Reader, path: Path) -> None:
    gamma = file.get("gamma")
    with plots.figure(path, 4.8, 3.2) as (_, axes):
        axes.plot(gamma, file.get("md/shear_stress"), color=plots.GREY, linewidth=2.2, label="MD")
        axes.plot(gamma, file.get("model/shear_stress"), color=plots.RED, linestyle="--", label=MODEL)
        axes.set_xlabel("net shear strain $\\gamma$")
        axes.set_ylabel("shear stress $\\sigma_{xy}$ (GPa)")
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right")
