"""Table 4 of the report: the model at 0 K and at 300 K, with error bars, and what is not linear."""

import numpy as np

from ..peridynamics import published
from . import seeds
from .markdown import ERRORS, HEADS, Record, failure, figure, percent, table

TITLES = {
    "0K": "0 K",
    "300K-published": "300 K, ι as published",
    "300K": "300 K, longer filter",
    f"{seeds.NO_TWIN}-published": "300 K, no twin, ι as published",
    seeds.NO_TWIN: "300 K, no twin, longer filter",
}
"""Of the sets of data, by label."""


def models(record: Record) -> str:
    """Constants and errors beside the paper's; several seeds give means and standard deviations."""
    rows, errors, checks = [], [], []
    for label, title in TITLES.items():
        paper = published.TABLE_4["0K" if label == "0K" else "300K"]
        results = seeds.results_of(record, label)
        if not results:
            # a study may leave out the campaign without a twin
            failed = record["results"].get(f"table4-{label}")
            rows += [[title, failure(failed), *[""] * 6]] if failed else []
            continue
        title += f", {len(results)} seeds" if len(results) > 1 else ""
        rows.append([title, *_constants(record, label, results, paper)])
        cells = [_over_seeds(results, key, paper[key]) for key in ERRORS]
        disc, _ = seeds.mean_and_spread(results, "errors", "E_res_test")
        errors.append([title, *cells, f"{disc:.1e} ({paper['E_res_test']:g})"])
        means = (seeds.mean_and_spread(results, "errors", key)[0] / paper[key] for key in ERRORS)
        checks.append([title, *(f"{ratio:.2f}" for ratio in means)])
        if label == "0K":
            rows.append(direct_row("LAMMPS directly, 0 K", record["direct"]["0K"]))
    rows.append(direct_row("LAMMPS directly, 300 K", record["direct"]["300K"]))
    stress = 1e3 * record["direct"]["300K"]["thermal_stress_TPa"]
    return (
        "## Table 4: the model at 0 K and at 300 K\n\n"
        + table(["data", "δ (Å)", "M", "α", "λ", "μ", "E", "ν"], rows)
        + "\n"
        + table(["data", *HEADS, "E_res disc"], errors)
        + "\nOur error over the paper's:\n\n"
        + table(["data", *HEADS], checks)
        + "\nE_res on the disc is absolute, as in the paper: ours in TPa/Å, the paper's in a unit that it "
        "does not give. With several seeds of the MD: means and standard deviations over them. ± of λ, μ, "
        "E and ν is one standard deviation, over training sets drawn anew (bootstrap over the loads) and "
        "over seeds together; of LAMMPS's own constants the standard error over seeds. Without a twin "
        "means as the paper sampled: noise of its own for each load, and nothing subtracted. At 300 K the "
        f"sheet keeps the box of 0 K, under a thermal stress of {stress:.2f} GPa.\n\n"
        + figure(
            "study_influence.png",
            "Figure 7. Learned influence functions over their weighted volume, times r³, from the shortest "
            "bond on. Left: 0 K and 300 K. Right: three levels of the load at 300 K.",
        )
    )


def _constants(record: Record, label: str, results: list[Record], paper: dict[str, float]) -> list[str]:
    """Pair, α, and λ, μ, E, ν with error bars of all that is drawn anew: loads and seeds."""
    first, drawn = results[0], spread(record, label)
    alpha = f"{first['constants']['alpha']:.3f}" if "alpha" in first["constants"] else ""  # splines have none
    cells = [f"{first['horizon']:g}", f"{first['degree']}", alpha]
    for key in seeds.CONSTANTS:
        value, over_seeds = seeds.mean_and_spread(results, "constants", key)
        # loads and noise are drawn independently of each other
        parts = [part for part in (drawn[key] if drawn else None, over_seeds) if part is not None]
        bar = f" ± {np.hypot.reduce(parts):.4f}" if parts else ""
        cells.append(f"{value:.4f}{bar} ({paper[key]:g})")
    return cells


def _over_seeds(results: list[Record], key: str, paper: float) -> str:
    mean, spread = seeds.mean_and_spread(results, "errors", key)
    bar = "" if spread is None else f" ± {100 * spread:.2f}"
    return f"{100 * mean:.2f}{bar} % ({100 * paper:.2f})"


def spread(record: Record, label: str) -> dict[str, float] | None:
    """Standard deviations of λ, μ, E and ν over the bootstrap's replicates."""
    drawn = [
        row
        for name, result in record["results"].items()
        # "300K" must not take the replicates of "300K-published"
        if name.startswith(f"bootstrap-{label}-") and name[len(f"bootstrap-{label}-") :].isdigit()
        for row in result["constants"]
    ]
    # one replicate has no spread
    if len(drawn) < 2:
        return None
    return dict(zip(("lambda_TPa", "mu_TPa", "E_TPa", "nu"), np.std(drawn, axis=0, ddof=1), strict=True))


def direct_row(title: str, direct: dict[str, float]) -> list[str]:
    """LAMMPS's own constants as a row of the table, with the errors of what is derived from them."""
    c11, c12, c66 = (direct[f"C{i}_TPa"] for i in (11, 12, 66))
    # plane stress in the layer, of an isotropic crystal
    young, nu = c11 - c12**2 / c11, c12 / c11
    cells = [title, "", "", "", f"{c12:.4f}", f"{c66:.4f}", f"{young:.4f}", f"{nu:.4f}"]
    if "sd_C11_TPa" in direct:
        s11, s12, s66 = (direct[f"sd_C{i}_TPa"] for i in (11, 12, 66))
        # errors carried over to first order: ∂E/∂C11 = 1 + ν², ∂E/∂C12 = −2ν, ∂ν/∂C12 = 1/C11, ∂ν/∂C11 =
        # −ν/C11
        s_young, s_nu = np.hypot((1 + nu**2) * s11, 2 * nu * s12), np.hypot(s12, nu * s11) / c11
        # at rest LAMMPS's constants come without noise, and without a standard deviation
        cells[4:] = [f"{c12:.4f} ± {s12:.4f}", f"{c66:.4f} ± {s66:.4f}"]
        cells += [f"{young:.4f} ± {s_young:.4f}", f"{nu:.4f} ± {s_nu:.4f}"]
    return cells


def nonlinearity(record: Record) -> str:
    """What two signs and reduced loads say of the answers' even and odd parts."""
    rows = [
        [name, percent(shares["mean"]), percent(shares["largest"])]
        for name, shares in record["nonlinearity"].items()
    ]
    return (
        "## What is not linear\n\n"
        "Shares of the training answers, over the loads. At 0 K load by load. At 300 K the even part is that "
        "of the answers to b and −b beyond the unloaded run; the odd part is what the answer to a load has "
        "beyond 1/f of the answer to f of it, over 1 − f²: both hold the noise that is left, so that they "
        "are bounds.\n\n" + table(["data, part", "mean", "largest"], rows)
    )
