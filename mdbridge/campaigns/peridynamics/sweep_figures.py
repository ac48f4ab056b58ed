"""Table and figure of a sweep over horizons and degrees, [You2022, Table 3 and Figure 6]."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...core.plots import BLUE, GREEN, GREY, ORANGE, RED, figure, legend_above, plain_log

ERRORS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")
LABELS = ("residual, training", "displacement, training", "residual, validation", "displacement, validation")
COLOURS = (BLUE, ORANGE, GREEN, RED)
MARKERS = ("o", "s", "^", "v")


def show(out: Console, record: dict[str, Any]) -> None:
    """Print the best horizon of each degree."""
    table = Table(title="Best horizon for each degree (Algorithm 2)", title_justify="left", padding=(0, 0))
    short = [label.replace(", ", "\n").replace("displacement", "displ.") for label in LABELS]
    for heading in ("M", "δ (Å)", *short, "AvgE", "E (TPa)", "ν"):
        table.add_column(heading, justify="right")
    best = record["best"]
    for row in record["rows"]:
        chosen = (row["M"], row["delta_A"]) == (best["degree"], best["horizon"])
        cells = [f"{row['M']}", f"{row['delta_A']:g}", *(f"{row[key]:.2%}" for key in ERRORS)]
        cells += [f"{row['AvgE']:.4f}", f"{row['E_TPa']:.4f}", f"{row['nu']:.4f}"]
        table.add_row(*cells, style="bold" if chosen else None)
    out.print(table)
    failed = [candidate for candidate in record["candidates"] if candidate["failure"]]
    for candidate in failed:
        out.print(f"failed: δ = {candidate['delta_A']:g} Å, M = {candidate['M']}: {candidate['failure']}")
    out.print(f"{len(record['candidates'])} pairs, {len(failed)} failed, {record['wall_s']:.1f} s")
    # so that the choice can be pasted into the next command
    out.print(f"chosen: --set learn.horizons_A=[{best['horizon']:g}] --set learn.degrees=[{best['degree']}]")


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
                values = [100 * row[key] for row in record["rows"]]
                panel.semilogy(degrees, values, marker + "-", ms=4, color=colour, label=label)
                for row in (paper or {}).get(title, []):
                    panel.plot(row["M"], 100 * row[key], marker, ms=4, mfc="none", color=colour, alpha=0.6)
            panel.set_xlabel("degree M")
            panel.set_xticks(degrees)
            plain_log(panel)
            panel.set_title(title)
            panel.grid(axis="y", which="both", color=GREY, alpha=0.15)
        axes[0][0].set_ylabel("relative error (%)")
        if paper:  # no data: an entry of the legend alone
            axes[0][0].plot([], [], "o", ms=4, mfc="none", color=GREY, label="open: published")
        legend_above(fig, axes[0][0], columns=3 if count > 1 else 2)
