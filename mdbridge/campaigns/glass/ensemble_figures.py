"""Figures of what the samples of a glass say together: stress, predictors, and the bands of all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import plots, store
from ...fields import shifts
from . import predictors
from .analysis import stress_strain
from .formats import CHAIN, GLASS

Array = NDArray[np.float64]

_SURE = 0.01
"""p below which a correlation is drawn as one."""
_LOOKS = {
    "energy": (plots.GREY, "v"),
    "energy_mean_composition": (plots.BLUE, "o"),
    "density": (plots.ORANGE, "^"),
    "nonaffinity": (plots.GREEN, "s"),
    "local_yield": (plots.RED, "D"),
}
_MOST = 8
"""Samples in the figure of all bands."""
_SPREAD, _LARGE = 2.5, 3.0
"""Ends of the colours: standard deviations of the predictor, strains over their mean."""


def draw(folders: Mapping[int, Path], path: Path) -> None:
    """Stress against strain of all samples and their mean."""
    curves, unit = [], ""
    for folder in folders.values():
        with store.reading(folder / "glass.h5", GLASS) as file:
            curves.append(stress_strain(file))
            unit = file.units("curve/stress")
    with plots.figure(path, 5.2, 3.4) as (_, axes):
        for curve in curves:
            axes.plot(curve.gamma, curve.stress, color=plots.GREY, linewidth=0.6)
        # of one input: all have the same strains
        mean = np.mean([curve.stress for curve in curves], axis=0)
        axes.plot(curves[0].gamma, mean, color=plots.BLUE, label=f"mean of {len(curves)} samples")
        axes.set_xlabel("net shear strain $\\gamma$")
        axes.set_ylabel(f"shear stress $\\sigma_{{xy}}$ ({unit})")
        axes.legend(loc="lower right")


def draw_predictors(told: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """What fields at rest tell of the strain, over the strain: correlation, and held-out likelihood."""
    with plots.figure(path, 7.4, 3.6, ncols=2) as (fig, (left, right)):
        for name, at in told.items():
            colour, marker = _LOOKS[name]
            # at a strain at which no sample varies there is none
            rows = {float(strain): row for strain, row in at.items() if row["correlation"] is not None}
            if not rows:
                continue
            strains, pairs = list(rows), [row["correlation"] for row in rows.values()]
            values, p = ([pair[key] for pair in pairs] for key in ("r", "p"))
            # of a single sample there is none
            errors = [pair.get("error") or 0.0 for pair in pairs]
            look = {"fmt": marker + "-", "ms": 5, "mfc": "white", "capsize": 2, "lw": 1.0}
            left.errorbar(strains, values, errors, color=colour, label=predictors.TITLES[name], **look)
            sure = [(s, v) for s, v, chance in zip(strains, values, p, strict=True) if chance < _SURE]
            if sure:
                left.plot(*zip(*sure, strict=True), marker, ms=5, color=colour, zorder=3)
            gains = [row.get("log_likelihood_gain") for row in rows.values()]
            if all(gain is not None for gain in gains):
                errors = [row.get("log_likelihood_gain_error") or 0.0 for row in rows.values()]
                right.errorbar(strains, gains, errors, color=colour, **look)
        for axes in (left, right):
            axes.axhline(0.0, color=plots.GREY, lw=0.6)
            axes.set_xlabel("net shear strain $\\gamma$")
        left.set_ylabel("correlation with the strain")
        left.set_title(f"filled: p < {_SURE:g} by shifts")
        right.set_ylabel("gain of log-likelihood a cell")
        right.set_title("on samples held out")
        plots.legend_above(fig, left, columns=3)


def draw_bands(folders: Mapping[int, Path], path: Path) -> None:
    """The predictor at rest, and the strain of MD and calibrated model at the end, of calibrated samples."""
    chains = {seed: folder / "chain.h5" for seed, folder in folders.items() if (folder / "chain.h5").exists()}
    if not chains:
        return
    columns = [_Bands.read(seed, chain) for seed, chain in list(chains.items())[:_MOST]]
    first, count = columns[0], len(columns)
    shape = {"nrows": 3, "ncols": count, "squeeze": False, "sharex": True, "sharey": True}
    with plots.figure(path, 1.25 * count + 1.6, 4.6, **shape) as (fig, axes):
        for panels, bands in zip(axes.T, columns, strict=True):
            place = {
                "origin": "lower",
                "extent": (0, bands.box[0], 0, bands.box[1]),
                "cmap": plots.SEQUENTIAL,
            }
            panels[0].imshow(bands.soft, vmin=-_SPREAD, vmax=_SPREAD, **place)
            for panel, strain in zip(panels[1:], (bands.md, bands.model), strict=True):
                panel.imshow(strain, vmin=0.0, vmax=_LARGE, **place)
            pair = shifts.correlation(bands.md, bands.model)
            told = "" if pair is None else f"r = {pair.r:.2f}\np = {pair.p:.2g}"
            panels[0].set_title(f"seed {bands.seed}\n{told}")
            panels[2].set_xlabel("X (Å)")
        for panel in axes.flat:
            plots.bare(panel)
        for panel, words in zip(axes[:, 0], (first.what, "MD", "model"), strict=True):
            panel.set_ylabel(f"{words}\nY (Å)")
        soft, strain = axes[0, 0].images[0], axes[1, 0].images[0]
        fig.colorbar(soft, ax=axes[0], label="softness\n(standard dev.)", extend="both")
        label = f"$E_{{xy}}/(\\gamma/2)$ at $\\gamma$ = {first.gamma:g}"
        fig.colorbar(strain, ax=axes[1:], label=label, extend="max")


@dataclass(frozen=True)
class _Bands:
    """Of a calibrated sample: its predictor in standard deviations, and its last strains over their mean."""

    seed: int
    what: str
    box: Array
    gamma: float
    soft: Array
    md: Array
    model: Array

    @classmethod
    def read(cls, seed: int, path: Path) -> "_Bands":
        with store.reading(path, CHAIN) as file:
            gamma = float(file.get("strain")[-1])
            # what the map to energies makes of any predictor: soft where it is high
            rest = file.get("md/energy_at_rest")
            return cls(
                seed,
                predictors.TITLES[str(file.attributes().get("predictor", "energy"))],
                file.numbers("box_A", 2),
                gamma,
                (rest - rest.mean()) / (rest.std() or 1.0),
                file.get("md/Exy", at=-1) / (gamma / 2),
                file.get("model/Exy", at=-1) / (gamma / 2),
            )
