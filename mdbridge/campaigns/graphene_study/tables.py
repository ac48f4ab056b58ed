"""The study's report in Markdown: our numbers beside the paper's, from the record of the run alone."""

from pathlib import Path

from ..peridynamics import published
from . import table_4, worth_tables
from .figures import draw as draw_figures
from .markdown import ERRORS, HEADS, Record, failure, figure, percent, table
from .table_4 import TITLES


def draw(record: Record, folder: Path) -> None:
    """Draw every figure of the report into ``folder``."""
    draw_figures(record, folder)


def markdown(record: Record) -> str:
    """The whole report."""
    parts = [
        "# Graphene: the study\n",
        "Written by `mdbridge study`; every number below comes from that run. Errors are relative ℓ² "
        "norms, averaged over samples; in round brackets the numbers of You, Yu, Silling and D'Elia. "
        "Moduli in TPa at a thickness of 3.35 Å.\n",
        _provenance(record),
        table_4.models(record),
        worth_tables.baselines_of(record),
        worth_tables.waterfall(record),
        _table_3(record),
        _table_5(record),
        table_4.nonlinearity(record),
        _table_6(record),
        _dilatation(record),
        _algorithm_1(record),
        _manufactured(record),
        _scattered(record),
    ]
    return "\n".join(parts)


def _provenance(record: Record) -> str:
    cold, warm = (record["samples"][label] for label in ("0K", "300K"))
    thermal = warm["thermal"]
    seeds = ", ".join(f"{name} {seed}" for name, seed in record["seeds"].items())
    versions = ", ".join(f"{name} {value}" for name, value in record["versions"].items())
    return (
        f"- Loads: bond strain at most {cold['max_bond_strain']:g} at 0 K and {warm['max_bond_strain']:g} at "
        f"300 K, where each is held for {thermal['duration_ps']:g} ps (the disc's for "
        f"{thermal['disc_duration_ps']:g} ps; Langevin damping {thermal['damping_ps']:g} ps).\n"
        f"- Nodes {cold['nodes'][0]} × {cold['nodes'][1]}, "
        f"{cold['spacing_A'][0]:.3f} × {cold['spacing_A'][1]:.3f} Å.\n"
        f"- Seeds: {seeds}. Input {record['input_hash']}. Versions: {versions}.\n"
    )


def _table_3(record: Record) -> str:
    text = ["## Table 3: horizon and degree (Algorithm 2)\n"]
    for label, sweep in record["sweeps"].items():
        # by the degree: a sweep may have others than the paper
        paper = {row["M"]: row for row in published.TABLE_3[label]}
        rows = []
        for row in sweep["rows"]:
            beside = paper.get(row["M"], {})
            delta = f"{row['delta_A']:g}" + (f" ({beside['delta_A']:g})" if beside else "")
            average = f"{row['AvgE']:.3f}" + (f" ({beside['AvgE']:.3f})" if beside else "")
            cells = [f"{row['M']}", delta, *(percent(row[key], beside.get(key)) for key in ERRORS[:4])]
            # one row a degree: it names the row
            mark = "**" if row["M"] == sweep["best"]["degree"] else ""
            rows.append([f"{mark}{cell}{mark}" for cell in (*cells, average)])
        failed = [candidate for candidate in sweep["candidates"] if candidate["failure"]]
        seconds = sum(candidate["wall_s"] for candidate in sweep["candidates"])
        text.append(f"{label[:-1]} K, {len(sweep['candidates'])} pairs, {seconds:.0f} core seconds:\n")
        text.append(table(["M", "δ (Å)", *HEADS[:4], "AvgE"], rows))
        text += [f"Failed: δ = {f['delta_A']:g} Å, M = {f['M']}: {f['failure']}.\n" for f in failed]
    text.append(
        figure("study_sweeps.png", "Figure 6. Errors at the best horizon of each degree; open: published.")
    )
    return "\n".join(text)


def _table_5(record: Record) -> str:
    noise = {"two-sided": "both signs", "twin": "twin subtracted"}[record["noise"]]
    kinds = {
        "300K-published": f"ι as published, {noise}",
        "300K": f"longer filter, {noise}",
        "300K-twin": "longer filter, twin subtracted",
        "300K-plain": "ι as published, noise left in",
    }
    rows = []
    for level, paper in enumerate(published.TABLE_5):
        errors = [percent(paper[key]) for key in ERRORS]
        rows.append(
            [f"paper {level + 1}", f"{paper['snr']:.4f}", f"{paper['E_TPa']}", f"{paper['nu']}", *errors]
        )
    for kind, title in kinds.items():
        for label, snr in record["snr"].items():
            # "300K" begins the labels of the other kinds, too
            if label != kind and not label.startswith(f"{kind}-x"):
                continue
            name = f"table4-{label}" if f"table4-{label}" in record["results"] else f"table5-{label}"
            result = record["results"][name]
            # the label of the whole load names no factor
            factor = label.partition("-x")[2] or "1"
            if result["failure"]:
                rows.append([f"{title}, × {factor}", f"{snr:.4f}", failure(result), *[""] * 6])
                continue
            constants = result["constants"]
            cells = [f"{constants['E_TPa']:.4f}", f"{constants['nu']:.4f}"]
            rows.append(
                [
                    f"{title}, × {factor}",
                    f"{snr:.4f}",
                    *cells,
                    *(percent(result["errors"][k]) for k in ERRORS),
                ]
            )
    return (
        "## Table 5: thermal noise\n\n"
        "Training loads × 1 and reduced; validation and disc at × 1 with the same filter. SNR as in "
        "section 6.3. The runs under a load and under its opposite, and the unloaded twin, have the same "
        "velocities and random forces. So the noise, which does not depend on the load, cancels in half the "
        "difference of both signs and in the difference to the twin, whatever the load. Without either the "
        "thermal motion of the long waves, which no filter of 0.05 ps removes, is in the data.\n\n"
        + table(["training data", "SNR", "E", "ν", *HEADS], rows)
    )


def _table_6(record: Record) -> str:
    rows = []
    for name, result in record["results"].items():
        if not name.startswith("hybrid-"):
            continue
        kind = "one K" if name.endswith("one") else "own K of the dilatation"
        where = f"δ = {result['horizon']:g} Å, M = {result['degree']}, {kind}"
        if result["failure"]:
            rows.append([where, failure(result), "", "", "", ""])
            continue
        for grid, suffix in (("fine", "_fine"), ("coarse", "")):
            # the paper's horizon for this table
            paper = published.TABLE_6[grid] if result["horizon"] == 12.5 else {}
            spacing = "2.5" if grid == "fine" else "5"
            keys = ("E_res_val", "E_u_val", "E_u_test")
            cells = [percent(result["errors"][f"{key}{suffix}"], paper.get(key)) for key in keys]
            rows.append([where, spacing, *cells, f"{result['constants']['E_TPa']:.4f}"])
    return (
        "## Table 6: one model for nodes 5 Å and 2.5 Å apart\n\n"
        "Trained at 0 K on both grids together.\n\n"
        + table(["model", "evaluated on (Å)", "E_res val", "E_u val", "E_u disc", "E"], rows)
    )


def _dilatation(record: Record) -> str:
    rows = []
    for name, result in record["results"].items():
        if not name.startswith("dilatation-"):
            continue
        _, label, _, _, kind = name.split("-")
        functions = "1" if kind == "one" else "2"
        cells = [label, f"{result['horizon']:g}", f"{result['degree']}", functions]
        if result["failure"]:
            rows.append([*cells, failure(result), *[""] * 9])
            continue
        # M + 1 coefficients and a shape parameter each
        coefficients = (result["degree"] + 2) * int(functions)
        # of one function G decides, of two the operator itself
        lowest = min(c.get("min_operator", c["min_gamma"]) for c in result["certificates"])
        rows.append(
            [
                *cells,
                f"{coefficients}",
                *(percent(result["errors"][key]) for key in ERRORS),
                f"{result['constants']['E_TPa']:.4f}",
                f"{result['constants']['nu']:.4f}",
                f"{result['wall_s']:.1f}",
                f"{result['solve_s']['test']:.2f}",
                f"{lowest:.3f}",
            ]
        )
    heads = ["data", "δ (Å)", "M", "functions", "parameters", *HEADS, "E", "ν"]
    heads += ["learning (s)", "solving the disc (s)", "certificate"]
    return (
        "## Beyond the paper: an influence function of its own for the dilatation\n\n"
        "The operator keeps its bonds, so it costs the same at the same horizon. Lines with half the degree "
        "have about as many parameters as one function, lines with a shorter horizon fewer bonds. "
        "Solvability: L and G positive on the whole zone; given is the smallest λ_min/κ², of L in TPa or, "
        "for one function, of G.\n\n"
        + table(heads, rows)
        + "\n"
        + figure(
            "study_dilatation.png",
            "Errors with one influence function and with two, against the horizon, at 0 K and 300 K.",
        )
    )


def _algorithm_1(record: Record) -> str:
    rows = []
    titles = {
        "": "Algorithm 1",
        "-same-loss": "least squares, the same loss",
        "-default": "least squares, default",
    }
    for label in ("0K", "300K-published"):
        for suffix, title in titles.items():
            result = record["results"][f"algorithm1-{label}{suffix}"]
            cells = [TITLES[label], f"{result['horizon']:g}", f"{result['degree']}", title]
            if result["failure"]:
                rows.append([*cells, failure(result), *[""] * 7])
                continue
            certificates = result["certificates"]
            holds = all(c["min_gamma"] > 0 and c["min_cauchy_schwarz"] >= 0 for c in certificates)
            loss = result["errors"]["loss_train"]
            rows.append(
                [
                    *cells,
                    f"{loss:.2e}",
                    *(percent(result["errors"][key]) for key in ERRORS),
                    f"{result['constants']['E_TPa']:.3f}",
                    f"{result['wall_s']:.1f}",
                    "yes" if holds else "no",
                ]
            )
    heads = [
        "data",
        "δ (Å)",
        "M",
        "optimiser",
        "loss (4.1)",
        *HEADS,
        "E",
        "time (s)",
        "solvable on the zone",
    ]
    return (
        "## Algorithm 1 as published against least squares\n\n"
        'Same data, horizon and degree. The loss is the mean of the squared relative residuals; "the same '
        'loss" leaves out our other terms, and keeps the solvability conditions on the whole zone, where '
        "Algorithm 1 has them at the training waves.\n\n" + table(heads, rows)
    )


def _manufactured(record: Record) -> str:
    rows = []
    solutions = {n: r for n, r in record["results"].items() if n.startswith("manufactured-")}
    for name, solution in solutions.items():
        _, spacing, quadrature = name.split("-")
        for kind in ("fixed", "learned"):
            losses = {row["M"]: row["loss"] for row in solution["learned"][kind]}
            last = solution["learned"][kind][-1]
            rows.append(
                [
                    spacing,
                    "smallest (published)" if quadrature == "published" else "nearest to a cell",
                    kind,
                    f"{solution['true_loss']:.2e}",
                    *(f"{losses[m]:.2e}" for m in losses),
                    f"{last['lambda']:.4f}",
                    f"{last['mu']:.4f}",
                ]
            )
    # the columns of the first task: all of one input have the same degrees
    degrees = [f"M = {row['M']}" for row in next(iter(solutions.values()))["learned"]["fixed"]]
    heads = ["h (Å)", "quadrature weights", "α", "true K", *degrees, "λ (0.1010)", "μ (0.4545)"]
    return (
        "## Section 5: manufactured solutions, K = 1/r\n\n"
        "Loads of the continuum; positive influence functions; relative residuals. The loss falls with M and "
        "stays below that of the true K, which bears the quadrature's error. At a fixed horizon the "
        "published quadrature, the weights of smallest norm, does not converge as h → 0: the loss of the "
        "true K grows. The weights nearest to the area of a cell, which satisfy the same conditions, do "
        "converge. With h the loss of the learned K falls less regularly: on the coarsest nodes a few bond "
        "lengths are fitted by as many coefficients. The learned K nears 1/r, but for its rim. λ and μ are "
        "those of the largest M.\n\n"
        + table(heads, rows)
        + "\n"
        + figure(
            "study_manufactured.png",
            "Figures 2 and 3. Top: loss against M for each node spacing, dashed that of the true K. Bottom: "
            "the learned influence function times the quadrature's weight over h², which is what the "
            "operator sees.",
        )
    )


def _scattered(record: Record) -> str:
    rows = []
    for task, result in record["results"].items():
        if not task.startswith("scattered-"):
            continue
        for name in ("uniform", "perturbed"):
            row, cells = result[name], [task.removeprefix("scattered-"), name]
            if row["failure"]:
                rows.append([*cells, failure(row), *[""] * 6])
                continue
            for other in ("uniform", "perturbed"):
                errors = [percent(row[f"{key}_{other}"]) for key in ERRORS[:4]]
                ends = [f"{row['constants']['E_TPa']:.4f}", f"{row['min_operator']:.3f}"]
                rows.append([*cells, other, *errors, *ends])
    heads = [
        "moved by (h)",
        "learned on",
        "used on",
        *HEADS[:4],
        "E",
        "smallest eigenvalue of L/μ, own nodes",
    ]
    return (
        "## Scattered nodes\n\n"
        "The 0 K fields at perturbed nodes (by their Fourier series). The kernel is a B-spline and the "
        "quadrature `consistent`: each node has strengths of its own, linear in the function K, with the "
        "moments of its integral (docs/own_data.md). The eigenvalue, the smallest real part, is over that of "
        "the longest wave; where it is not positive some loads have no stable answer on these nodes.\n\n"
        + table(heads, rows)
    )
