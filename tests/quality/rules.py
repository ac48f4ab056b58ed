"""Rules that hold for many files: each is one test, for thousands would take longer than they look."""

import ast
import re
import symtable
from collections.abc import Callable, Iterable, Iterator

# They say nothing of what they stand for.
VAGUE = {"found", "one", "named", "slabs", "thing", "things", "stuff", "tmp", "data2"}
# A word of prose has another, or a mark, after it; no name that is bound has, but for these two.
_BOUND = re.compile(rf"\b(?:{'|'.join(sorted(VAGUE))})\b(?! (?!in\b|if\b)\w|[.;?'\"`\[-])")

# What binds a name, and where the node has it.
_BINDERS = {
    ast.Name: "id",
    ast.Attribute: "attr",
    ast.arg: "arg",
    ast.alias: "asname",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}


def of_all(subjects: Iterable[object]) -> Callable[[Callable[[object], None]], Callable[[], None]]:
    """Turn a test of one subject into one of all of them, which tells every one that breaks the rule."""

    def decorate(rule: Callable[[object], None]) -> Callable[[], None]:
        def test() -> None:
            broken = {}
            for subject in subjects:
                try:
                    rule(subject)
                except AssertionError as error:
                    broken[str(subject) or "mdbridge"] = str(error)
            assert not broken, "\n".join(f"{subject}: {why}" for subject, why in broken.items())

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return decorate


def bound_names(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that are bound anywhere below a node, of whatever kind, with their lines."""
    for child in ast.walk(node):
        field = _BINDERS.get(type(child))
        if field and isinstance(getattr(child, "ctx", ast.Store()), ast.Store) and getattr(child, field):
            yield getattr(child, field), child.lineno


def vague_names(text: str) -> list[str]:
    """The vague names that a source text binds, with their lines."""
    if not _BOUND.search(text):  # to parse all tests takes more than a second
        return []
    return [f"line {line}: {name}" for name, line in bound_names(ast.parse(text)) if name in VAGUE]


def doubled_names(text: str) -> list[str]:
    """Functions in which a comprehension binds a name that another part of them takes from the module.

    Python 3.12.1 then takes the comprehension's, which is not there ("cannot access local variable").
    """
    tables, doubled = [symtable.symtable(text, "text", "exec")], []
    while tables:
        table = tables.pop()
        tables += table.get_children()
        if table.get_type() != "function":
            continue
        inner = [c for c in table.get_children() if c.get_name() in ("listcomp", "setcomp", "dictcomp")]
        bound = {s.get_name() for c in inner for s in c.get_symbols() if s.is_assigned()}
        taken = {s.get_name() for t in (table, *inner) for s in t.get_symbols() if s.is_global()}
        doubled += [f"line {table.get_lineno()}: {name}" for name in sorted(bound & taken)]
    return doubled
