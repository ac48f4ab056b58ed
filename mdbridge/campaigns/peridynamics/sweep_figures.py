"""Table and figure of a sweep over horizons and degrees, [You2022, Table 3 and Figure 6]."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ...core.plots import BLUE, GREEN, GREY, ORANGE, RED, figure, legend_above, log_axis

ERRORS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")
LABELS = ("residual, training", "displacement, training", "residual, validation", "displacement, validation")
COLOURS = (BLUE, ORANGE, GREEN, RED)
MARKERS = ("o", "s", "^", "v")


@dataclass(frozen=True)
class Units:
    """In which a table is printed: Å and TPa in one unit each, and the key that takes horizons in them."""

    length: float = 1.0
    modulus: float = 1.0
    length_name: str = "Å"
    modulus_name: str = "TPa"
    key: str = "learn.horizons_A"


def show(out: Console, record: dict[str, Any], units: Units | None = None) -> None:
    """Print the best horizon of each degree, in the units of crystals if in no others."""
    units = units or Units()
    table = Table(title="Best horizon for each degree (Algorithm 2)", title_justify="left", padding=(0, 0))
    short = [label.replace(", ", "\n").replace("displacement", "displ.") for label in LABELS]
    for heading in ("M", f"δ ({units.length_name})", *short, "AvgE", f"E ({units.modulus_name})", "ν"):
        table.add_column(heading, justify="right")
    best = record["best"]
    # of a unit that is far from the numbers' size the digits after the point say nothing
    stiffness = "{:.4f}" if units.modulus_name == "TPa" else "{:.5g}"
    for row in record["rows"]:
        chosen = (row["M"], row["delta_A"]) == (best["degree"], best["horizon"])
        cells = [
            f"{row['M']}",
            f"{row['delta_A'] / units.length:g}",
            *(f"{row[key]:.2%}" if key in row else "–" for key in ERRORS),
        ]
        cells += [f"{row['AvgE']:.4f}", stiffness.format(row["E_TPa"] / units.modulus), f"{row['nu']:.4f}"]
        table.add_row(*cells, style="bold" if chosen else None)
    out.print(table)
    failed = [candidate for candidate in record["candidates"] if candidate["failure"]]
    for candidate in failed:
        length = f"{candidate['delta_A'] / units.length:g} {units.length_name}"
        out.print(f"failed: δ = {length}, M = {candidate['M']}: {candidate['failure']}")
    out.print(f"{len(record['candidates'])} pairs, {len(failed)} failed, {record['wall_s']:.1f} s")
    # so that the choice can be pasted into the next command
    horizon = f"{best['horizon'] / units.length:g}"
    out.print(f"chosen: --set {units.key}=[{horizon}] --set learn.degrees=[{best['degree']}]")


def draw(sweeps: dict[str, dict[str, Any]], path: Path, paper: dict[str, Any] | None = None) -> None:
    """Errors of the best horizon against the degree, one panel for each sweep.

    Args:
        sweeps: by title.
        paper: rows of the paper's Table 3 by the same titles, drawn pale.
    """
    count = len(sweeps)
    with figure(path, 3.7 * count + 0.3, 3.2, ncols=count, sharey=True, squeeze=False) as (fig, axes):
        for panel, (title, record) in zip(axes[0], sweeps.items(), strict=True):
            degrees = [row["M"] for row in record["rows"]]
            for key, label, colour, marker in zip(ERRORS, LABELS, COLOURS, MARKERS, strict=True):
                # of a single sample, or of samples without load, not all are known
                values = [100 * row.get(key, np.nan) for row in record["rows"]]
                if np.isnan(values).all():
                    continue
                panel.semilogy(degrees, values, marker + "-", ms=4, color=colour, label=label)
                for row in (paper or {}).get(title, []):
                    panel.plot(row["M"], 100 * row[key], marker, ms=4, mfc="none", color=colour, alpha=0.6)
            panel.set_xlabel("degree M")
            panel.set_xticks(degrees)
            log_axis(panel.yaxis)
            panel.set_title(title)
            panel.grid(axis="y", which="both", color=GREY, alpha=0.15)
        axes[0][0].set_ylabel("relative error (%)")
        if paper:  # no data: an entry of the legend alone
            axes[0][0].plot([], [], "o", ms=4, mfc="none", color=GREY, label="open: published")
        legend_above(fig, axes[0][0], columns=3 if count > 1 else 2)
