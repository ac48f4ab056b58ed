"""Figures of a campaign, from what its stages left behind."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from ...lps import fieldsets, stability, symbol
from ...lps.learn import spectral
from .results import SHOWN, Results

Array = NDArray[np.float64]


def draw(results: Results, folder: Path) -> None:
    """Draw every figure into ``folder``."""
    for name, painter in _PAINTERS.items():
        if name != DYNAMICS or results.dynamics is not None:
            painter(results, folder / name)


def expected(with_dynamics: bool) -> list[str]:
    """Names of the figures that a finished report has."""
    return [name for name in _PAINTERS if name != DYNAMICS or with_dynamics]


def _influence(results: Results, path: Path) -> None:
    """K times its distance squared over the weighted volume: a bond's share of the response."""
    material = results.material
    horizon = material.influence.horizon
    curves = [("learned", material.influence, BLUE)]
    if material.own_dilatation is not None:
        curves = [("deviatoric", material.influence, BLUE), ("dilatation", material.own_dilatation, ORANGE)]
    grid = fieldsets.stencil_of(results.fields["train"], horizon, material.quadrature)
    # K may be anything nearer to 0 than the shortest bond
    r = np.linspace(0.8 * grid.radii[0], horizon, 600)
    lowest, highest = 0.0, 0.0
    with figure(path, 4.2, 3.0) as (_, axes):
        axes.axhline(0, color=GREY, lw=0.6)
        for label, influence, colour in curves:
            m = grid.volume @ influence(grid.radii)
            axes.plot(r, influence(r) / m * 1e6, color=colour, label=label)
            shown = influence(grid.radii) / m * 1e6
            axes.plot(grid.radii, shown, "o", ms=3.5, color=RED if len(curves) == 1 else colour)
            lowest, highest = min(lowest, shown.min()), max(highest, shown.max())
        axes.plot([], [], "o", ms=3.5, color=RED if len(curves) == 1 else GREY, label="bonds of the grid")
        axes.set_xlabel("bond length r (Å)")
        axes.set_ylabel("influence function K/m (10⁻⁶ Å⁻⁴)")
        # the bonds' values set the scale: between 0.8 of the first one and it, the curve may run away
        axes.set_ylim(1.6 * lowest, 1.25 * highest)
        influence = material.influence
        axes.set_title(f"δ = {horizon:g} Å, {material.influence.describe()}")
        axes.legend()


def _convergence(results: Results, path: Path) -> None:
    # Algorithm 1 keeps its history alone
    trace = np.array(results.model["trace"] or results.model["history"])
    with figure(path, 4.2, 3.0) as (_, axes):
        axes.semilogy(np.arange(1, len(trace) + 1), trace, color=BLUE)
        axes.set_xlabel("evaluations of the loss, all starts")
        axes.set_ylabel("lowest loss so far")
        axes.set_title(
            f"{results.model['method']}, δ = {results.model['delta_A']:g} Å, M = {results.model['M']}"
        )


def _displacements(results: Results, path: Path) -> None:
    """u1 of one load of each split: MD, LPS and their difference."""
    with figure(path, 7.2, 6.6, nrows=3, ncols=3) as (fig, axes):
        for row, (split, name) in zip(axes, SHOWN.items(), strict=True):
            fields, solved = results.fields[split], results.solved[split]
            index = fields.names.index(name)
            inside = solved.inside
            md, lps = fields.u[index, :, 0].copy(), solved.u[index, :, 0]
            if fields.shape is not None:
                # as the solution, which has none; the sheet drifts, and nothing holds it
                md -= md.mean()
            limit = np.abs(md[inside]).max()
            times = magnification((lps - md)[inside], limit)
            shown = [
                (f"{load_label(name)}: MD", md),
                ("LPS", lps),
                (f"difference × {times:g}", times * (lps - md)),
            ]
            images = [_map(panel, fields, inside, u, limit) for panel, (_, u) in zip(row, shown, strict=True)]
            for panel, (title, _) in zip(row, shown, strict=True):
                panel.set_title(title)
                panel.set_xlabel("x₁ (Å)")
            row[0].set_ylabel("x₂ (Å)")
            fig.colorbar(images[-1], ax=row, label="u₁ (Å)", shrink=0.9)


def load_label(name: str) -> str:
    """What a load is, of its name in dataset.h5: ``train-x-2-1`` is a wave along x, 2 by 1 in the box."""
    split, *rest = name.split("-")
    if split == "train" and len(rest) == 3:
        return f"wave {rest[1]} × {rest[2]} along {rest[0]}"
    number = rest[0].lstrip("0") if rest else ""
    return {"val": f"discs, {number}", "test": f"free disc, {number}"}.get(split, name)


def _map(axes: Any, fields: FieldSet, inside: NDArray[np.bool_], values: Array, limit: float) -> Any:
    """Nodal values as cells on the grid, blank outside."""
    origin = fields.nodes.min(axis=0)
    cell = np.rint((fields.nodes - origin) / fields.spacing).astype(int)
    # blank where there is no node: the disc fills no rectangle
    image = np.full(cell.max(axis=0) + 1, np.nan)
    image[tuple(cell[inside].T)] = values[inside]
    edges = [
        o + h * (np.arange(n + 1) - 0.5) for o, h, n in zip(origin, fields.spacing, image.shape, strict=True)
    ]
    mesh = axes.pcolormesh(*edges, image.T, cmap=DIVERGING, vmin=-limit, vmax=limit, rasterized=True)
    bare(axes)
    if fields.shape is None:
        reach = 1.1 * np.abs(fields.nodes[inside]).max()
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
    return mesh


def _dispersion(results: Results, path: Path) -> None:
    """Moduli of longitudinal and transverse waves: the symbol against the MD response."""
    fields = results.fields["train"]
    grid = fieldsets.stencil_of(fields, results.material.influence.horizon, results.material.quadrature)
    assert fields.shape is not None  # the training samples are periodic
    samples = spectral.transform(fields.u, fields.b, fields.shape, fields.box)
    with figure(path, 7.2, 3.0, ncols=2, sharey=True) as (_, axes):
        for axis, panel in enumerate(axes):
            edge = np.pi / fields.spacing[axis]
            k = np.zeros((240, 2))
            # not 0, where modulus is 0/0
            k[:, axis] = np.linspace(1e-3, 1, 240) * edge
            operator = (
                symbol.operator(results.material, symbol.rings(grid, k)) / (k[:, axis] ** 2)[:, None, None]
            )
            for kind, component, constant, colour in (
                ("longitudinal", axis, "C11_TPa", BLUE),
                ("transverse", 1 - axis, "C66_TPa", ORANGE),
            ):
                panel.plot(k[:, axis], operator[:, component, component], color=colour, label=f"{kind}, LPS")
                points = np.array(list(_response(fields, samples, axis, component)))
                panel.plot(*points.T, "o", ms=4, mfc="none", color=colour, label=f"{kind}, MD")
                panel.axhline(results.md[constant], color=GREY, lw=0.7, ls="--")
            reach = fields.load[:, 3 + axis].max()
            # beyond: what the model makes of waves that it was not shown
            panel.axvspan(reach, edge, color=GREY, alpha=0.12, lw=0)
            if axis == 1:
                panel.text(reach + 0.01, 0.03, "beyond the\ntraining loads", fontsize=7, color=GREY)
            panel.set_xlabel(f"wave number k{'₁₂'[axis]} (1/Å)")
            panel.set_ylim(0, None)
            panel.set_xlim(0, edge)
        axes[0].set_ylabel("modulus b/(k² u) (TPa)")
        axes[0].legend(
            loc="lower left",  # below the transverse waves
            ncols=2,
            fontsize=7,
            title="dashed: elastic constants of LAMMPS",
            title_fontsize=7,
        )


def _response(
    fields: FieldSet, samples: spectral.Samples, axis: int, component: int
) -> Iterator[tuple[float, float]]:
    """(k, b/(k² u)) of the training loads along one axis that act on one component."""
    # as many waves as 'loads.waves' has asked for
    for n in count(1):
        waves = (n, 0) if axis == 0 else (0, n)
        name = f"train-{'xy'[component]}-{waves[0]}-{waves[1]}"
        if name not in fields.names:
            return
        index = fields.names.index(name)
        # the wave vector that the load has, of either sign
        at = np.argmax((np.abs(samples.b[index]) ** 2).sum(axis=1))
        k = float(np.linalg.norm(samples.wavevectors[at]))
        yield k, float((samples.b[index, at, component] / samples.u[index, at, component]).real) / k**2


def _solvability(results: Results, path: Path) -> None:
    """The conditions' eigenvalues over the zone, and where the training waves lie."""
    fields, material = results.fields["train"], results.material
    grid = fieldsets.stencil_of(fields, material.influence.horizon, material.quadrature)
    edge = np.pi / fields.spacing
    axes_k = [np.linspace(-e, e, 161) for e in edge]
    k = np.stack(np.meshgrid(*axes_k, indexing="ij"), axis=-1).reshape(-1, 2)
    # all conditions are ratios that vanish over κ² there; nearby is their limit
    k[np.all(np.abs(k) < 1e-9, axis=1)] = 1e-6
    coercivity = r"coercivity, $\lambda_{\min}(G)/\kappa^2$"
    if material.own_dilatation is None:
        # without the inf-sup ratio, infinite at the corners
        values = stability.eigenvalues(material.influence, grid, k)[:, [0, 2]]
        other = r"Cauchy–Schwarz, $\lambda_{\min}(G-2gg^T)/\kappa^2$"
    else:
        values = stability.operator_eigenvalues(material, grid, k)
        other = r"operator, $\lambda_{\min}(L)/\kappa^2$ (TPa)"
    with figure(path, 7.2, 3.2, ncols=2) as (fig, panels):
        for which, (panel, title) in enumerate(zip(panels, (coercivity, other), strict=True)):
            image = panel.pcolormesh(
                *axes_k, values[:, which].reshape(161, 161).T, cmap=SEQUENTIAL, vmin=0, rasterized=True
            )
            waves = np.unique(np.abs(fields.load[:, 3:5]), axis=0)
            panel.plot(*waves.T, ".", ms=2.5, color="white")
            panel.set_title(f"{title}\nsmallest: {values[:, which].min():.3f}")
            panel.set_xlabel("k₁ (1/Å)")
            bare(panel)
            fig.colorbar(image, ax=panel)
        panels[0].set_ylabel("k₂ (1/Å);  dots: training loads")


def _time_filter(results: Results, path: Path) -> None:
    """u1 at finite temperature: raw snapshot, filtered, and the 0 K twin."""
    dynamics, fields = results.dynamics, results.fields["train"]
    assert dynamics is not None
    zero = dynamics["u_zero"] - dynamics["u_zero"].mean(axis=0)
    inside = np.ones(len(fields.nodes), dtype=bool)
    limit = np.abs(dynamics["u_raw"][:, 0]).max()
    temperature = f"{dynamics['temperature_K']:.0f} K"
    panels = [
        (dynamics["u_raw"], f"{temperature}, snapshot"),
        (dynamics["u_filtered"], f"{temperature}, filtered"),
    ]
    with figure(path, 7.6, 2.5, ncols=3) as (fig, axes):
        images = []
        for panel, (u, title) in zip(axes, [*panels, (zero, "0 K")], strict=True):
            images.append(_map(panel, fields, inside, u[:, 0], limit))
            if u is not zero:
                title += f"\n{np.linalg.norm(u - zero) / np.linalg.norm(zero):.1%} from 0 K"
            panel.set_title(title)
            panel.set_xlabel("x₁ (Å)")
        axes[0].set_ylabel("x₂ (Å)")
        fig.colorbar(images[-1], ax=axes, label="u₁ (Å)", shrink=0.85)


def _errors(results: Results, path: Path) -> None:
    """Errors of all candidates (δ, M)."""
    rows = [row for row in results.model["candidates"] if not row["failure"]]
    labels = [f"{row['delta_A']:g}, {row['M']}" for row in rows]
    pairs = [(row["delta_A"], row["M"]) for row in rows]
    chosen = (results.model["delta_A"], results.model["M"])
    with figure(path, 4.6, 3.0) as (_, axes):
        for key, label, colour, marker in (
            ("E_res_train", "residual, training", BLUE, "o"),
            ("E_u_train", "displacement, training", ORANGE, "s"),
            ("E_res_val", "residual, validation", GREEN, "^"),
            ("E_u_val", "displacement, validation", RED, "v"),
        ):
            axes.plot(labels, [100 * row[key] for row in rows], marker, color=colour, label=label)
        if chosen in pairs:
            # a label that is there twice has one place
            k = list(dict.fromkeys(labels)).index(labels[pairs.index(chosen)])
            axes.axvspan(k - 0.4, k + 0.4, color=GREY, alpha=0.25, linewidth=0, zorder=0, label="chosen")
        log_axis(axes.yaxis)
        axes.set_xlabel("horizon δ (Å), degree M")
        axes.set_ylabel("relative error (%)")
        axes.legend()


DYNAMICS = "time_filter.png"
_PAINTERS: dict[str, Callable[[Results, Path], None]] = {
    "influence.png": _influence,
    "convergence.png": _convergence,
    "candidates.png": _errors,
    "displacements.png": _displacements,
    "dispersion.png": _dispersion,
    "solvability.png": _solvability,
    DYNAMICS: _time_filter,
}
