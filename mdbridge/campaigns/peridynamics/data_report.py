"""Figures, summary and table of a model of one's own data, in the data's own units."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree

from ...core.digits import alike
from ...core.files import read_json
from ...core.plots import (
    BLUE,
    DIVERGING,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SEQUENTIAL,
    bare,
    figure,
    log_axis,
    magnification,
)
from ...fields.fieldset import FieldSet
from ...lps import fieldsets, moduli, stability, symbol
from ...lps.learn import local, spectral
from ...lps.material import LinearPeridynamicSolid
from . import data_baselines
from .data import OwnData
from .input import Learn

Array = NDArray[np.float64]

_PIXELS = 360  # along the longer side of a map
_CONSTANTS = (("lambda_TPa", "lambda"), ("mu_TPa", "mu"), ("E_TPa", "E"), ("nu", "nu"))


@dataclass(frozen=True)
class OwnResults:
    """A stored model and the data that it was learned from."""

    model: dict[str, Any]
    material: LinearPeridynamicSolid
    own: OwnData


def units(own: OwnData) -> dict[str, Any]:
    """The data's own units, for model.json."""
    return {
        "length": own.length_unit,
        "length_A": own.length,
        "modulus": own.modulus_unit,
        "modulus_TPa": own.modulus,
        "thickness": own.thickness,
    }


def gather(path: Path, own: OwnData) -> OwnResults:
    """Read model.json."""
    stored = read_json(path)
    return OwnResults(stored, LinearPeridynamicSolid.from_dict(stored, str(path)), own)


def summarise(results: OwnResults, settings: Learn, folds: int) -> dict[str, Any]:
    """The contents of summary.json: as of a crystal's campaign, and all once more in the data's units.

    Args:
        results: what is stored.
        settings: of the model's fit, for what one would take instead.
        folds: that the model was validated with, likewise.
    """
    model, own = results.model, results.own
    metrics, bars = model["metrics"], model["error_bars"]
    summary: dict[str, Any] = {name: value for name, value in metrics.items() if name.startswith("E_")}
    summary |= {key: model[key] for key in ("lambda_TPa", "mu_TPa", "E_TPa", "nu", "delta_A", "M")}
    summary |= {f"{name}_std": bar["std"] for name, bar in bars.items()}
    summary["error_bars"] = bars
    in_own_units: dict[str, Any] = {"length_unit": own.length_unit, "modulus_unit": own.modulus_unit}
    for stored, name in _CONSTANTS:
        # Poisson's ratio has no unit
        unit = 1.0 if name == "nu" else own.modulus
        in_own_units[name] = model[stored] / unit
        if stored in bars:
            in_own_units[f"{name}_std"] = bars[stored]["std"] / unit
    in_own_units["horizon"] = model["delta_A"] / own.length
    if own.thickness is not None:
        in_own_units |= {"thickness": own.thickness, "E_thickness": in_own_units["E"] * own.thickness}
    summary["own_units"] = in_own_units
    influence = results.material.influence
    summary |= {
        "kernel": influence.name,
        **influence.named_shape(),
        "quadrature": results.material.quadrature,
        "own_dilatation": results.material.own_dilatation is not None,
    }
    first = next(iter(own.training.values()))
    if not first.scattered:
        grid = fieldsets.stencil_of(first, influence.horizon, results.material.quadrature)
        summary["moduli_TPa"] = moduli.of_grid(results.material, grid)
    summary["samples"] = {name: len(fields.u) for name, fields in own.fields.items()}
    summary["nodes"] = {name: len(fields.nodes) for name, fields in own.fields.items()}
    others = data_baselines.measure(own, settings, folds, influence.horizon)
    # an empty table would promise what there is not
    summary |= {"baselines": others} if others else {}
    notes = [*model["notes"], *data_baselines.note(summary)]
    summary |= {"validation": model["validation"], "notes": notes}
    summary |= {"certificate": model["certificate"], "wall_s": {"learn": float(model["wall_s"])}}
    return summary | {"versions": model["versions"], "input_hash": model["input_hash"]}


SCATTER = (
    "standard errors are of the samples' scatter alone; what a learned function misses comes to that, often "
    "several times as much (docs/own_data.md, 'What comes out')"
)
"""What such a small number must not be taken for."""


def print_table(out: Console, summary: dict[str, Any], folder: Path) -> None:
    """The constants with their error bars, and the errors."""
    own = summary["own_units"]
    table = Table(title="Linear peridynamic solid from data of one's own", title_justify="left")
    for heading in ("", "this run", "standard error"):
        table.add_column(heading, justify="right" if heading else "left")
    unit = own["modulus_unit"]
    for words, name in ((f"λ ({unit})", "lambda"), (f"μ ({unit})", "mu"), (f"Young's modulus ({unit})", "E")):
        bar = own.get(f"{name}_std")
        table.add_row(words, *((f"{own[name]:.6g}", "") if bar is None else alike(own[name], bar)))
    bar = own.get("nu_std")
    table.add_row("Poisson's ratio", *((f"{own['nu']:.5f}", "") if bar is None else alike(own["nu"], bar)))
    for split, label in (("train", "training"), ("val", "validation")):
        for kind, words in (("E_res", "residual error"), ("E_u", "displacement error")):
            if f"{kind}_{split}" in summary:
                table.add_row(f"{label}: {words}", f"{100 * summary[f'{kind}_{split}']:.3g} %", "")
    out.print(table)
    if "baselines" in summary:
        out.print(_beside_baselines(summary))
    for note in data_baselines.note(summary):
        out.print(f"note: {note}", soft_wrap=True)
    out.print(
        f"horizon {own['horizon']:.6g} {own['length_unit']}, degree {summary['M']}; validation: "
        f"{summary['validation']}; moduli are those of plane stress",
        soft_wrap=True,
    )
    if "E_std" in own:
        out.print(SCATTER, soft_wrap=True)
    out.print(f"model.json, summary.json and the figures are in {folder}", soft_wrap=True)


def _beside_baselines(summary: dict[str, Any]) -> Table:
    """Our errors and moduli, and those of elasticity with constants fitted to the same samples."""
    own = summary["own_units"]
    table = Table(
        title="Displacement errors (%), and those of constants fitted likewise", title_justify="left"
    )
    table.add_column("", no_wrap=True)
    for words in ("training", "validation", f"E ({own['modulus_unit']})", "ν"):
        table.add_column(words, justify="right", no_wrap=True)
    others = {data_baselines.TITLES[name]: row for name, row in summary["baselines"].items()}
    for words, row in {"this run": summary | own, **others}.items():
        # not the residual, in which noise of the displacements counts times k²
        both = [f"{100 * row[f'E_u_{s}']:.3g}" if f"E_u_{s}" in row else "" for s in ("train", "val")]
        table.add_row(words, *both, f"{row['E']:.5g}", f"{row['nu']:.4f}")
    return table


# --- figures ----------------------------------------------------------------------


def draw(results: OwnResults, folder: Path) -> None:
    """Draw every figure into ``folder``."""
    for name, painter in _PAINTERS.items():
        painter(results, folder / name)


def _influence(results: OwnResults, path: Path) -> None:
    """K over the weighted volume, made a number by the spacing's fourth power."""
    material, own = results.material, results.own
    influence, first = material.influence, next(iter(own.training.values()))
    # without a unit the ordinate means the same for a bridge and for graphene
    spacing = float(np.sqrt(np.prod(first.spacing)))
    grid = fieldsets.stencil_of(first, influence.horizon, material.quadrature)
    shown = [("learned", influence, BLUE)]
    if material.own_dilatation is not None:
        shown = [("deviatoric", influence, BLUE), ("dilatation", material.own_dilatation, ORANGE)]
    r = np.linspace(0.8 * float(grid.radii[0]), influence.horizon, 600)
    with figure(path, 4.2, 3.0) as (_, axes):
        axes.axhline(0, color=GREY, lw=0.6)
        limits = [0.0]
        for label, function, colour in shown:
            m = grid.volume @ function(grid.radii) / spacing**4
            bonds = grid.radii[: grid.rings]
            at_bonds, needed = function(bonds) / m, function(r[r >= bonds[0]]) / m
            axes.plot(r / own.length, function(r) / m, color=colour, label=label)
            axes.plot(bonds / own.length, at_bonds, "o", ms=3.5, color=RED, label="bonds of the grid")
            limits += [float(needed.min()), float(needed.max())]
        # left of the first bond the curve may run away, and nothing depends on it
        axes.set_ylim(1.25 * min(limits), 1.25 * max(limits))
        axes.set_xlabel(f"bond length r ({own.length_unit})")
        axes.set_ylabel("influence function K h⁴/m")
        axes.set_title(f"δ = {influence.horizon / own.length:.4g} {own.length_unit}, {influence.describe()}")
        axes.legend()


def _candidates(results: OwnResults, path: Path) -> None:
    """Errors of all pairs (δ, M)."""
    own = results.own
    rows = [row for row in results.model["candidates"] if not row["failure"]]
    labels = [f"{row['delta_A'] / own.length:.4g}, {row['M']}" for row in rows]
    kinds = (
        ("E_res_train", "residual, training", BLUE, "o"),
        ("E_u_train", "displacement, training", ORANGE, "s"),
        ("E_res_val", "residual, validation", GREEN, "^"),
        ("E_u_val", "displacement, validation", RED, "v"),
    )
    with figure(path, 4.6, 3.0) as (_, axes):
        for key, label, colour, marker in kinds:
            known = [(text, 100 * row[key]) for text, row in zip(labels, rows, strict=True) if key in row]
            if known:
                axes.plot(*zip(*known, strict=True), marker, color=colour, label=label)
        log_axis(axes.yaxis)
        axes.set_xlabel(f"horizon δ ({own.length_unit}), degree M")
        axes.set_ylabel("relative error (%)")
        axes.legend()


_SPLITS = {"train": "training", "val": "validation"}


def _displacements(results: OwnResults, path: Path) -> None:
    """u1 of the first sample of training and validation: the data, the model, and their difference."""
    own = results.own
    # of several files the first may have no samples for validation
    firsts = {"train": own.training, "val": own.validation}
    shown = {split: next(iter(sets.values())) for split, sets in firsts.items() if sets}
    with figure(path, 7.2, 2.4 * len(shown), nrows=len(shown), ncols=3, squeeze=False) as (fig, axes):
        for row, (split, fields) in zip(axes, shown.items(), strict=True):
            truth, model, inside = predicted(results.material, fields)
            # one scale for a row: it is the comparison that counts
            limit = float(np.abs(truth[inside, 0]).max()) / own.length
            times = magnification((model - truth)[inside, 0] / own.length, limit)
            panels = (
                (f"{_SPLITS[split]}: data", truth),
                ("model", model),
                (f"difference × {times:g}", times * (model - truth)),
            )
            images = []
            nearest, far, extent = _pixels(fields.nodes[inside], fields.spacing)
            place = {"origin": "lower", "extent": np.array(extent) / own.length, "cmap": DIVERGING}
            for panel, (title, values) in zip(row, panels, strict=True):
                colours = np.where(far, np.nan, values[inside, 0][nearest] / own.length)
                images.append(panel.imshow(colours, vmin=-limit, vmax=limit, **place))
                bare(panel)
                panel.set_title(title)
                panel.set_xlabel(f"x₁ ({own.length_unit})")
            row[0].set_ylabel(f"x₂ ({own.length_unit})")
            fig.colorbar(images[-1], ax=row, label=f"u₁ ({own.length_unit})", shrink=0.9)


def _pixels(nodes: Array, spacing: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[float]]:
    """The node nearest to each pixel of a picture, which are far from all, and the picture's extent (Å)."""
    low, high = nodes.min(axis=0) - spacing / 2, nodes.max(axis=0) + spacing / 2
    step = float((high - low).max()) / _PIXELS
    x, y = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    away, nearest = cKDTree(nodes / spacing).query(np.stack(np.meshgrid(x, y), axis=-1) / spacing)
    # in node spacings: beyond a cell's corner there is no node
    return np.asarray(nearest), np.asarray(away) > 0.75, [low[0], high[0], low[1], high[1]]


def predicted(material: LinearPeridynamicSolid, fields: FieldSet) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Displacement of the first sample, what the model makes of its load, and where that is known.

    Returns:
        ``(n, 2)``, ``(n, 2)`` (Å) and ``(n,)``.
    """
    if fields.shape is None:
        u, inside = local.predicted(material, fields)
        return fields.deformation[0], u, inside
    everywhere = np.ones(len(fields.nodes), dtype=bool)
    samples = fieldsets.transformed(fields, "the data")
    grid = fieldsets.stencil_of(fields, material.influence.horizon, material.quadrature)
    operator = symbol.operator(material, symbol.rings(grid, samples.wavevectors))
    spectrum = np.zeros((len(fields.nodes), 2), dtype=complex)
    spectrum[1:] = np.einsum("kij,kj->ki", np.linalg.inv(operator), samples.b[0])
    assert fields.shape is not None
    u = np.fft.ifft2(spectrum.reshape(*fields.shape, 2), axes=(0, 1), norm="ortho").real.reshape(-1, 2)
    return fields.u[0] - fields.u[0].mean(axis=0), u, everywhere


def _dispersion(results: OwnResults, path: Path) -> None:
    """Moduli of longitudinal and transverse waves, of the model and of all waves of the data."""
    own, material = results.own, results.material
    periodic = next((f for f in own.training.values() if f.shape is not None), None)
    fields = periodic or next(iter(own.training.values()))
    with figure(path, 4.6, 3.2) as (_, axes):
        axes.set_xlabel(f"wave number k (1/{own.length_unit})")
        axes.set_ylabel(f"modulus b/(k² u) ({own.modulus_unit})")
        grid = fieldsets.stencil_of(fields, material.influence.horizon, material.quadrature)
        k = np.zeros((240, 2))
        # not 0, where the modulus is 0/0
        k[:, 0] = np.linspace(1e-3, 1, 240) * np.pi / fields.spacing[0]
        operator = symbol.operator(material, symbol.rings(grid, k))
        points: list[tuple[Array, Array]] = []
        if periodic is not None and periodic.shape is not None:
            points = _responses(spectral.transform(periodic.u, periodic.b, periodic.shape, periodic.box))
        else:
            axes.set_title("the model; data with edges hold no single waves", fontsize=8)
        for kind, (label, colour) in enumerate((("longitudinal", BLUE), ("transverse", ORANGE))):
            values = operator[:, kind, kind] / k[:, 0] ** 2 / own.modulus
            axes.plot(k[:, 0] * own.length, values, color=colour, label=f"{label}, model along x₁")
            for at, value in points[kind : kind + 1]:
                # rings: a good model runs through their middles, and would hide dots
                axes.plot(
                    at * own.length, value / own.modulus, "o", ms=4, mfc="none", color=colour, label="data"
                )
        if points:
            known = max(float(at.max()) for at, _ in points) * own.length
            end = float(k[-1, 0]) * own.length
            if known < 0.95 * end:
                # what no sample has said: a curve there is the kernel's alone
                axes.axvspan(known, end, color=GREY, alpha=0.15, lw=0, label="no waves in the data")
        axes.set_ylim(0, None)
        axes.legend(fontsize=7)


def _responses(samples: spectral.Samples) -> list[tuple[Array, Array]]:
    """|k| and b/(k² u) of waves that the data hold, along k and across it."""
    k = samples.wavevectors
    size = np.hypot(*k.T)
    direction = k / size[:, None]
    across = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    result = []
    for axis in (direction, across):
        u, b = (np.einsum("ski,ki->sk", field, axis) for field in (samples.u, samples.b))
        power = (np.abs(u) ** 2).sum(axis=0)
        # where the data hold next to nothing the ratio is noise
        strong = power > 1e-4 * power.max()
        # samples together, each wave once: the least-squares ratio
        ratio = (u.conj() * b).real.sum(axis=0)[strong] / power[strong] / size[strong] ** 2
        result.append((size[strong], ratio))
    return result


def _solvability(results: OwnResults, path: Path) -> None:
    """The smallest eigenvalue of the operator over the zone of the first grid."""
    own, material = results.own, results.material
    first = next(iter(own.training.values()))
    grid = fieldsets.stencil_of(first, material.influence.horizon, material.quadrature)
    edge = np.pi / first.spacing
    axes_k = [np.linspace(-e, e, 121) for e in edge]
    k = np.stack(np.meshgrid(*axes_k, indexing="ij"), axis=-1).reshape(-1, 2)
    # both the eigenvalue and κ² vanish there; nearby is their limit
    k[np.all(np.abs(k) < 1e-9 * edge.max(), axis=1)] = 1e-4 * edge.max()
    values = stability.operator_eigenvalues(material, grid, k)[:, 1] / own.modulus
    with figure(path, 4.2, 3.4) as (fig, axes):
        places = [axis * own.length for axis in axes_k]
        image = axes.pcolormesh(*places, values.reshape(121, 121).T, cmap=SEQUENTIAL, vmin=0, rasterized=True)
        bare(axes)
        axes.set_xlabel(f"k₁ (1/{own.length_unit})")
        axes.set_ylabel(f"k₂ (1/{own.length_unit})")
        axes.set_title(f"least: {values.min():.4g} {own.modulus_unit}")
        fig.colorbar(
            image, ax=axes, label=f"smaller eigenvalue of L over κ² ({own.modulus_unit})", shrink=0.85
        )


_PAINTERS: dict[str, Callable[[OwnResults, Path], None]] = {
    "influence.png": _influence,
    "candidates.png": _candidates,
    "displacements.png": _displacements,
    "dispersion.png": _dispersion,
    "solvability.png": _solvability,
}
FIGURES = tuple(_PAINTERS)
