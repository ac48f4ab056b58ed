"""A campaign's summary, and its table."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...fields.fieldset import FieldSet
from ...lps import fieldsets, moduli, stability
from .baselines import TITLES
from .results import Results


def summarise(results: Results) -> dict[str, Any]:
    """The contents of summary.json; ``paper`` only where the paper ran the same system."""
    summary: dict[str, Any] = {"crystal": results.crystal, "temperature_K": results.temperature}
    if results.paper is not None:
        summary["paper"] = dict(results.paper)
    for split, solution in results.solved.items():
        summary[f"E_u_{split}"] = float(solution.E_u.mean())
        name = "E_res_test_TPa_per_A" if split == "test" else f"E_res_{split}"
        summary[name] = float(solution.E_res.mean())
    md = results.md
    # E and ν of the layer in plane stress, as λ = C12, μ = C66 have them
    c11, c12 = md["C11_TPa"], md["C12_TPa"]
    summary |= {key: results.model[key] for key in ("lambda_TPa", "mu_TPa", "E_TPa", "nu", "delta_A", "M")}
    influence = results.material.influence
    summary |= {"kernel": influence.name, **influence.named_shape()}
    grid = fieldsets.stencil_of(results.fields["train"], influence.horizon, results.material.quadrature)
    summary["quadrature"] = results.material.quadrature
    # of the discretised operator: λ + 2μ, λ + 2μ, λ, μ as far as K and its quadrature agree
    summary["moduli_TPa"] = moduli.of_grid(results.material, grid)
    summary |= {f"md_{name}": value for name, value in md.items()}
    summary |= {"md_E_TPa": c11 - c12**2 / c11, "md_nu": c12 / c11}
    summary |= {"E_u_test_by_case": results.solved["test"].E_u.tolist()}
    summary |= {"baselines": results.baselines}
    nonlinear = {split: _nonlinearity(fields) for split, fields in results.fields.items()}
    if all(nonlinear.values()):
        summary["nonlinearity"] = nonlinear
    certificate = results.model["certificate"]
    summary |= {"certificate": certificate, "certified": stability.of_dict(certificate).sentence}
    summary |= {"wall_s": dict(results.wall)}
    summary |= {"versions": results.model["versions"], "input_hash": results.model["input_hash"]}
    return summary


def _nonlinearity(fields: FieldSet) -> dict[str, float]:
    """The largest even and odd parts of the answers beyond the linear one, where both sides were loaded."""
    parts = {name: f"{name}_part" for name in ("even", "odd")}
    return {
        name: float(fields.load[:, fields.columns.index(column)].max())
        for name, column in parts.items()
        if column in fields.columns
    }


def print_table(out: Console, summary: dict[str, Any], folder: Path) -> None:
    """Our numbers, and beside them the paper's where it ran the same system."""
    paper, temperature = summary.get("paper"), summary["temperature_K"]
    crystal = summary["crystal"].replace("-", " ").capitalize()
    table = Table(
        title=f"{crystal}: linear peridynamic solid from MD at {temperature:g} K", title_justify="left"
    )
    headings = ["", f"paper, {temperature:g} K", "this run", "MD directly"]
    for heading in headings if paper else (headings[0], *headings[2:]):
        table.add_column(heading, justify="right" if heading else "left")

    def add(words: str, published: str, ours: str, direct: str = "") -> None:
        table.add_row(words, *([published] if paper else []), ours, direct)

    def add_number(words: str, key: str, form: str, direct: str = "") -> None:
        add(words, format(paper[key], form) if paper else "", format(summary[key], form), direct)

    for split, label in (("train", "training"), ("val", "validation")):
        for kind, words in (("E_res", "residual error"), ("E_u", "displacement error")):
            add_number(f"{label}: {words}", f"{kind}_{split}", ".2%")
    add_number("test disc: displacement error", "E_u_test", ".2%")
    for words, key in (("Young's modulus (TPa)", "E_TPa"), ("Poisson's ratio", "nu")):
        add(words, f"{paper[key]}" if paper else "", f"{summary[key]:.4f}", f"{summary[f'md_{key}']:.4f}")
    certificate = summary["certificate"]
    for key, words in (
        ("min_gamma", "coercivity, whole zone"),
        ("min_cauchy_schwarz", "Cauchy–Schwarz, whole zone"),
        ("min_operator", "operator (TPa), whole zone"),
    ):
        # models with one and with two influence functions have different certificates
        if key in certificate:
            add(words, "grid only", f"{certificate[key]:.3g}")
    out.print(table)
    out.print(summary["certified"])
    out.print(_beside_baselines(summary))
    wall = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in summary["wall_s"].items())
    out.print(f"horizon {summary['delta_A']:g} Å, degree {summary['M']}; {wall}")
    out.print(f"summary.json, model.json, dataset.h5 and the figures are in {folder}")


def _beside_baselines(summary: dict[str, Any]) -> Table:
    """Our errors, and those of what could be taken without learning a kernel."""
    table = Table(
        title="Residual / displacement errors (%), and of others on these data", title_justify="left"
    )
    table.add_column("", no_wrap=True)
    for words in ("training", "validation", "disc"):
        table.add_column(words, justify="right", no_wrap=True)
    rows = {"this run": summary} | {TITLES[name]: row for name, row in summary["baselines"].items()}
    for words, row in rows.items():
        both = (f"{100 * row[f'E_res_{s}']:.2f} / {100 * row[f'E_u_{s}']:.2f}" for s in ("train", "val"))
        table.add_row(words, *both, f"{100 * row['E_u_test']:.2f}")
    return table
