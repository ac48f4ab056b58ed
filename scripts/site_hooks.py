"""What mkdocs does on the way: roles of docstrings, which only Sphinx reads, become plain code."""

import re
from typing import Any

_ROLE = re.compile(r":(?:meth|class|func|attr|mod|data|exc):<code>~?\.*")


def on_page_content(html: str, **_: Any) -> str:
    """The page without the roles."""
    return _ROLE.sub("<code>", html)
