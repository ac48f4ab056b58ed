"""Expressions in input files: arithmetic and conditions on arrays, and nothing else a text could do.

simpleeval walks the parsed text and knows no attributes, no subscripts and no names but those it is given.
Here it is taught that ``and``, ``or``, ``not`` and chained comparisons hold element by element.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .requires import requires

with requires("simpleeval", "an expression in an input file"):
    import simpleeval

Array = NDArray[np.float64]


def _exactly(function: Any, count: int) -> Callable[..., Any]:
    """``function`` of ``count`` arrays and no more: numpy would take a further one for its output."""

    def checked(*arguments: Any) -> Any:
        if len(arguments) != count:
            raise TypeError(f"{function.__name__} takes {count} values, not {len(arguments)}")
        return function(*arguments)

    return checked


FUNCTIONS = {
    name: _exactly(getattr(np, name), getattr(getattr(np, name), "nin", 3))
    for name in [
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "arctan2",
        "sinh",
        "cosh",
        "tanh",
        "exp",
        "log",
        "sqrt",
        "abs",
        "sign",
        "hypot",
        "minimum",
        "maximum",
        "floor",
        "where",
    ]
}
CONSTANTS = {"pi": float(np.pi)}

_OPERATORS: dict[Any, Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.UAdd: np.positive,
    ast.USub: np.negative,
    ast.Not: np.logical_not,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_NODES = (ast.Expr, ast.UnaryOp, ast.BinOp, ast.Name, ast.Call)


class Expression:
    """A formula of some names, such as ``1e-6*cos(x/50)`` or ``x < -190 and y > 0``.

    Attributes:
        text: as it was given.
    """

    def __init__(self, text: str, names: Sequence[str], where: str):
        """Parse and try it.

        Args:
            names: what it may depend on.
            where: the key that it stands under, for errors.

        Raises:
            InputError: it is no such formula; says what it may contain.
        """
        self.text, self._names, self._where = text, tuple(names), where
        self._evaluator = _evaluator()
        try:
            self._parsed = simpleeval.SimpleEval.parse(text)
        except (SyntaxError, simpleeval.InvalidExpression, ValueError, TypeError, RecursionError) as error:
            raise self._refused(error) from error
        self._value({name: np.array([0.5, 1.0]) for name in names})

    def __call__(self, values: Mapping[str, Array]) -> Array:
        """Numbers ``(n,)`` at places where the names have the given values ``(n,)``.

        Raises:
            InputError: a value is not finite, as of a logarithm of a negative number.
        """
        shape = np.broadcast_shapes(*(np.shape(values[name]) for name in self._names))
        result = np.broadcast_to(np.asarray(self._value(values), dtype=float), shape)
        if not np.isfinite(result).all():
            index = int(np.flatnonzero(~np.isfinite(result))[0])
            place = ", ".join(f"{name} = {np.ravel(values[name])[index]:g}" for name in self._names)
            raise InputError(f"{self._where} = {self.text!r}: {result.ravel()[index]} at {place}")
        return result

    def holds(self, values: Mapping[str, Array]) -> NDArray[np.bool_]:
        """The same of a condition, ``(n,)``.

        Raises:
            InputError: see :meth:`require_condition`.
        """
        self.require_condition()
        return self(values) != 0

    def require_condition(self) -> None:
        """Refuse a formula that has a number where something holds or does not.

        Raises:
            InputError: it compares nothing.
        """
        if not _is_condition(self._parsed):
            raise InputError(
                f"{self._where} = {self.text!r}: is a number, no condition: compare it, as in x < 0"
            )

    def _value(self, values: Mapping[str, Array]) -> Any:
        self._evaluator.names = {**CONSTANTS, **values}
        try:
            with np.errstate(all="ignore"):
                # a bare name of a function is no number either: TypeError
                value = self._evaluator.eval(self.text, previously_parsed=self._parsed)
                return np.asarray(value, dtype=float)
        except (simpleeval.InvalidExpression, TypeError, ValueError, KeyError, RecursionError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> InputError:
        allowed = ", ".join((*self._names, *CONSTANTS))
        return InputError(
            f"{self._where} = {self.text!r}: no formula ({error}); it may contain numbers, {allowed}, + - "
            "* / **, "
            f"comparisons, and, or, not, and {', '.join(FUNCTIONS)}"
        )


def _is_condition(node: ast.AST) -> bool:
    """Whether a parsed text holds or does not hold."""
    match node:
        case ast.Expr(value=inner) | ast.UnaryOp(op=ast.Not(), operand=inner):
            return _is_condition(inner)
        case ast.BoolOp(values=parts):
            return all(map(_is_condition, parts))
    return isinstance(node, ast.Compare)


def _evaluator() -> Any:
    """simpleeval on arrays, reduced to arithmetic."""
    evaluator = simpleeval.SimpleEval(operators=_OPERATORS, functions=FUNCTIONS)

    def number(node: ast.Constant) -> Any:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise simpleeval.FeatureNotAvailable(f"{node.value!r} is no number")
        # as a float at once: powers of integers would grow without bounds
        return np.float64(node.value)

    def both(node: ast.BoolOp) -> Any:
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce(np.broadcast_arrays(*(evaluator._eval(part) for part in node.values)))

    def chain(node: ast.Compare) -> Any:
        terms = [evaluator._eval(part) for part in (node.left, *node.comparators)]
        held: Any = True
        for comparison, left, right in zip(node.ops, terms, terms[1:], strict=False):
            if type(comparison) not in _OPERATORS:
                raise simpleeval.FeatureNotAvailable("compare by <, <=, > or >=")
            held = np.logical_and(held, _OPERATORS[type(comparison)](left, right))
        return held

    # what is not here is refused by name: attributes, subscripts, strings, assignments
    kept = {kind: evaluator.nodes[kind] for kind in _NODES}
    evaluator.nodes = kept | {ast.BoolOp: both, ast.Compare: chain, ast.Constant: number}
    return evaluator
