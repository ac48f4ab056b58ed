"""The figures of the study, from the record of the run alone."""

from pathlib import Path
from typing import Any

import numpy as np

from ...core.plots import BLUE, GREEN, GREY, ORANGE, RED, figure, legend_above, log_axis
from ...lps import stencil
from ...lps.material import LinearPeridynamicSolid
from ..peridynamics import published, sweep_figures

FIGURES = ("study_sweeps.png", "study_influence.png", "study_dilatation.png", "study_manufactured.png")


def draw(record: dict[str, Any], folder: Path) -> None:
    """Draw every figure into ``folder/figures``."""
    sweeps = {f"{label[:-1]} K": selection for label, selection in record["sweeps"].items()}
    paper = {f"{label[:-1]} K": rows for label, rows in published.TABLE_3.items()}
    sweep_figures.draw(sweeps, folder / "figures" / FIGURES[0], paper)
    for name, painter in zip(FIGURES[1:], (_influence, _dilatation, _manufactured), strict=True):
        painter(record, folder / "figures" / name)


def _influence(record: dict[str, Any], path: Path) -> None:
    """K over its weighted volume, from the shortest bond on: nearer to 0 nothing determines it."""
    results = record["results"]
    left = {
        "0 K": "table4-0K",
        "300 K, ι as published": "table4-300K-published",
        "300 K, longer filter": "table4-300K",
    }
    right = {
        f"SNR {record['snr'][name.partition('-')[2]]:.3f}": name
        for name in results
        if name == "table4-300K" or name.startswith("table5-300K-x")
    }
    spacing = tuple(record["samples"]["0K"]["spacing_A"])
    with figure(path, 7.4, 3.0, ncols=2, sharey=True) as (_, axes):
        for panel, curves in zip(axes, (left, right), strict=True):
            panel.axhline(0, color=GREY, lw=0.6)
            styles = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (RED, ":", "^"))
            for (label, name), (colour, style, mark) in zip(curves.items(), styles, strict=False):
                if results[name]["failure"]:
                    continue
                solid = LinearPeridynamicSolid.from_dict(results[name]["constants"], name)
                influence = solid.influence
                grid = stencil.uniform(spacing, influence.horizon, solid.quadrature)
                volume = grid.volume @ influence(grid.radii)
                # from just below the shortest bond on: no data say what K is nearer to 0
                for r, look in (
                    (
                        np.linspace(0.97 * grid.radii[0], influence.horizon, 600),
                        {"ls": style, "label": label},
                    ),
                    (grid.radii, {"ls": "", "marker": mark, "ms": 2.5}),
                ):
                    panel.plot(r, influence(r) * r**3 / volume, color=colour, **look)
            panel.set_xlabel("bond length r (Å)")
            panel.legend()
        axes[0].set_ylabel("K r³/m (1/Å)")
        axes[0].set_title("0 K and 300 K;  marks: bonds of the grid")
        axes[1].set_title("300 K, levels of the load")


def _dilatation(record: dict[str, Any], path: Path) -> None:
    rows = [
        (name.split("-")[1], name.split("-")[-1], result)
        for name, result in record["results"].items()
        if name.startswith("dilatation-") and not result["failure"]
    ]
    with figure(path, 8.6, 3.0, ncols=2, sharey=True) as (_, axes):
        for panel, label in zip(axes, ("0K", "300K"), strict=True):
            for kind, words, style in (
                ("one", "one function", "o-"),
                ("half", "two, as many parameters", "s:"),
                ("two", "two functions", "^--"),
            ):
                points = sorted(
                    (result["horizon"], result["errors"])
                    for where, k, result in rows
                    if (where, k) == (label, kind)
                )
                for key, colour, what in (
                    ("E_res_train", BLUE, "residual, training"),
                    ("E_u_val", RED, "displacement, validation"),
                    ("E_u_test", GREEN, "displacement, disc"),
                ):
                    values = [100 * errors[key] for _, errors in points]
                    # the words for the colours once, those for the marks once
                    name = what if kind == "one" else None
                    panel.semilogy([h for h, _ in points], values, style, ms=4, color=colour, label=name)
                # no data: an entry of the legend in a neutral colour
                panel.plot([], [], style, ms=4, color=GREY, label=words)
            panel.set_xlabel("horizon δ (Å)")
            panel.set_title(f"{label[:-1]} K")
            panel.grid(axis="y", which="both", color=GREY, alpha=0.15)
            log_axis(panel.yaxis)
        axes[0].set_ylabel("relative error (%)")
        axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _manufactured(record: dict[str, Any], path: Path) -> None:
    by_quadrature: dict[str, dict[float, dict[str, Any]]] = {"published": {}, "cell": {}}
    for name, result in record["results"].items():
        if name.startswith("manufactured-"):
            _, spacing, quadrature = name.split("-")
            by_quadrature[quadrature][float(spacing)] = result
    columns = [("published", "fixed"), ("published", "learned"), ("cell", "fixed"), ("cell", "learned")]
    degrees: set[int] = set()  # of the drawn functions: one, unless a spacing was learned with others
    with figure(path, 9.6, 5.4, nrows=2, ncols=4, sharey="row") as (fig, axes):
        for (quadrature, kind), top, bottom in zip(columns, axes[0], axes[1], strict=True):
            for (spacing, result), colour in zip(
                sorted(by_quadrature[quadrature].items(), reverse=True),
                (BLUE, ORANGE, GREEN, RED, GREY),
                strict=False,
            ):
                rows = result["learned"][kind]
                top.semilogy(
                    [row["M"] for row in rows], [row["loss"] for row in rows], "o-", ms=3, color=colour
                )
                top.axhline(result["true_loss"], color=colour, ls="--", lw=0.8)
                row = min(rows, key=lambda row: abs(row["M"] - 5))
                degrees.add(row["M"])
                r = np.array(result["r"])
                weight = np.interp(r, result["ring_radii"], result["ring_weight"])
                seen = np.array(row["K"]) * weight * r**3
                inside = r >= result["ring_radii"][0]
                label = f"h = {spacing:g} Å"
                # normalised alike: only the shape of K matters
                bottom.plot(r[inside], (seen / np.trapezoid(seen, r))[inside], color=colour, label=label)
            # the true K is the same for all of them
            any_spacing = next(iter(by_quadrature[quadrature].values()))
            r = np.array(any_spacing["r"])
            true = np.array(any_spacing["true_K"]) * r**3
            bottom.plot(r, true / np.trapezoid(true, r), "k--", lw=1.0, label="K = 1/r")
            words = "smallest weights" if quadrature == "published" else "weights near a cell's"
            top.set_title(f"{words}\nα {'= 1' if kind == 'fixed' else 'learned'}")
            top.set_xlabel("degree M")
            bottom.set_xlabel("bond length r (Å)")
        axes[0][0].set_ylabel("relative residual")
        chosen = ", ".join(map(str, sorted(degrees)))
        axes[1][0].set_ylabel(f"K r³ W/h², integral 1 (1/Å), M = {chosen}")
        axes[1][0].set_ylim(0, None)
        # a line of that kind stands above for each spacing, in its colour
        axes[1][-1].plot([], [], color=GREY, ls="--", lw=0.8, label="above, dashed: K = 1/r itself")
        legend_above(fig, axes[1][-1], 6)
