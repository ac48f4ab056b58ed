"""Sections of the study's report: baselines beside every model, and the steps from the paper to ours."""

from ..peridynamics import baselines, published
from . import seeds, worth
from .markdown import ERRORS, HEADS, Record, percent, table

_DATA = {
    "0K": "0 K",
    "300K-published": "300 K, ι as published",
    "300K": "300 K, longer filter",
    "300K-no-twin-published": "300 K, no twin, ι as published",
    "300K-no-twin": "300 K, no twin, longer filter",
}
_STEPS = {
    "algorithm-1": "Algorithm 1, our implementation",
    "same-loss": "least squares, the same loss",
    "our-loss": "and with the solution, long waves and consistency in the loss",
    "both-signs": "both signs of each load, bond strain 0.002",
    "horizon": "our horizon and degree",
    "exact": "λ and μ from the long waves: the main job",
    "two": "an influence function of its own for the dilatation",
}


def baselines_of(record: Record) -> str:
    """The learned model and all baselines on the same samples, for each set of data."""
    rows = []
    for label, title in _DATA.items():
        # a study may leave out the campaign without a twin
        if f"baselines-{label}" not in record["results"]:
            continue
        without = label.startswith(seeds.NO_TWIN)
        model = record["results"][f"seed-{label}" if without else f"table4-{label}"]
        if not model["failure"]:
            rows.append([title, "learned", *(percent(model["errors"][key]) for key in ERRORS)])
        # in the order of the campaign's own table
        measured = record["results"][f"baselines-{label}"]
        rows += [
            [title, words, *(percent(measured[name][key]) for key in ERRORS)]
            for name, words in baselines.TITLES.items()
        ]
    return (
        "## What the model is worth: baselines\n\n"
        "On the same samples, in the same norms. Classical and gradient elasticity are exact in space (in "
        "Fourier space; on finer nodes in the disc). Gradient elasticity has four constants fitted to the "
        "training samples, the others none.\n\n" + table(["data", "model", *HEADS], rows)
    )


def waterfall(record: Record) -> str:
    """From the paper's setting to ours, step by step, with classical elasticity on both sets of data."""
    paper = published.TABLE_4["0K"]
    rows = [["the paper", *(percent(paper[key]) for key in ERRORS), f"{paper['E_TPa']}", f"{paper['nu']}"]]
    for name, words in _STEPS.items():
        label = worth.STEPS[name][0]
        result = record["results"][f"waterfall-{name}"]
        # from here on the samples are others, on which classical elasticity does better, too
        if name == "both-signs":
            rows.append(_classical(record, worth.LOUD, "classical elasticity on the data so far"))
        if result["failure"]:
            rows.append([words, f"failed: {result['failure']}", *[""] * (len(ERRORS) + 1)])
            continue
        constants = result["constants"]
        cells = [percent(result["errors"][key]) for key in ERRORS]
        where = f"{words}, δ = {result['horizon']:g} Å, M = {result['degree']}"
        rows.append([where, *cells, f"{constants['E_TPa']:.4f}", f"{constants['nu']:.4f}"])
        if name == "two":
            rows.append(_classical(record, label, "classical elasticity on the data from there"))
    return (
        "## From the paper's setting to ours\n\n"
        "0 K, nodes 5 Å apart. The first lines have the paper's setting: loads of one sign, and a bond "
        "strain of 0.018. Each line keeps what the lines above it have changed. Classical elasticity has "
        "LAMMPS's C12 and C66 and is exact in space.\n\n" + table(["step", *HEADS, "E", "ν"], rows)
    )


def _classical(record: Record, label: str, words: str) -> list[str]:
    measured = record["results"][f"baselines-{label}"]["classical"]
    lam, mu = measured["lambda_TPa"], measured["mu_TPa"]
    constants = [f"{4 * mu * (lam + mu) / (lam + 2 * mu):.4f}", f"{lam / (lam + 2 * mu):.4f}"]
    return [words, *(percent(measured[key]) for key in ERRORS), *constants]
