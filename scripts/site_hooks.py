"""What mkdocs does on the way: formulas become MathML, roles of docstrings, which Sphinx reads, plain code.

Browsers draw MathML themselves, so that the site needs no script and fetches nothing.
"""

import html as entities
import re
from typing import Any

from latex2mathml.converter import convert

_ROLE = re.compile(r":(?:meth|class|func|attr|mod|data|exc):<code>~?\.*")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """The page with its formulas and without the roles."""
    return _ROLE.sub("<code>", _FORMULA.sub(_drawn, html))


def _drawn(formula: re.Match[str]) -> str:
    """A formula in MathML; one with a command that the converter does not know ends the build."""
    shown = "block" if formula[2] == "[" else "inline"
    # of several lines: the converter knows the ones of amsmath that stand alone
    latex = " ".join(entities.unescape(formula[3]).replace("{aligned}", "{align*}").split())
    drawn = convert(latex, display=shown)
    if unknown := re.search(r"\\\w*|<mi>&</mi>", drawn):
        raise ValueError(f"{unknown[0]} in the formula {latex} cannot be drawn: say it otherwise")
    return f'<div class="formula">{drawn}</div>' if shown == "block" else drawn
