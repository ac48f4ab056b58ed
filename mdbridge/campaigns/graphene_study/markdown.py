"""Pieces of Markdown that all sections of the study's report are made of."""

from collections.abc import Sequence
from typing import Any

from .figures import FIGURES

Record = dict[str, Any]
ERRORS = ("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test")
HEADS = ("E_res train", "E_u train", "E_res val", "E_u val", "E_u disc")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: its heads, and its rows of as many cells."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def percent(value: float | None, paper: float | None = None) -> str:
    """A share in percent; in round brackets the paper's."""
    text = "–" if value is None else f"{100 * value:.2f} %"
    return text if paper is None else f"{text} ({100 * paper:.2f})"


def figure(name: str, caption: str) -> str:
    """A figure of the report with its caption."""
    # a link to a figure that nobody draws would be found by readers only
    assert name in FIGURES
    return f"![{caption}](figures/{name})\n\n*{caption}*\n"


def failure(row: Record) -> str:
    """What went wrong with a result, or nothing."""
    return f"failed: {row['failure']}" if row["failure"] else ""
