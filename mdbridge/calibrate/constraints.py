"""Inequalities between parameters, as they are written: ``a < b < c``, ``x**2 + y**2 <= 1``.

Only arithmetic, a few functions and the names of parameters are read; nothing is executed.
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError

FUNCTIONS = ("sqrt", "exp", "log", "log10", "sin", "cos", "tan", "tanh", "abs")
"""Functions of one number; of torch and of numpy alike."""

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


@dataclass(frozen=True)
class Constraint:
    """One inequality, or a chain of them.

    Attributes:
        text: as it was written.
        names: of the parameters in it.
    """

    text: str
    names: tuple[str, ...]

    @classmethod
    def read(cls, text: str, known: Sequence[str]) -> "Constraint":
        """The inequality of a text.

        Raises:
            InputError: it is none, or names something else than ``known``.
        """
        tree = _tree(text)
        for comparison in tree.ops:
            if not isinstance(comparison, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                raise InputError(f"constraints: {text!r}: only <, <=, > and >= are known")
        names = dict.fromkeys(_names(tree, text))
        for name in names:
            if name not in known:
                raise InputError(
                    f"constraints: {text!r}: there is no numeric parameter {name!r}; there are "
                    f"{', '.join(known)}"
                )
        return cls(text, tuple(names))

    @property
    def count(self) -> int:
        """Number of inequalities."""
        return len(_tree(self.text).ops)

    def margins(self, values: Mapping[str, Any], module: Any = np) -> list[Any]:
        """Of each inequality, what must not be negative.

        Args:
            values: of the parameters, of any kind that has arithmetic.
            module: where its functions are from: numpy or torch.
        """
        return [margin for margin, _ in self._margins(values, module)]

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether all inequalities hold; where one has no value, it does not."""
        try:
            with np.errstate(all="ignore"):
                pairs = self._margins({name: np.float64(values[name]) for name in self.names}, np)
            return all(
                math.isfinite(margin) and bool(margin > 0.0 if strict else margin >= 0.0)
                for margin, strict in pairs
            )
        except (ArithmeticError, ValueError):
            return False

    def affine(self) -> list[tuple[dict[str, float], float]] | None:
        """Of each inequality the coefficients and the constant of its margin; None if one is not linear."""
        tree = _tree(self.text)
        sides = [_affine(side) for side in (tree.left, *tree.comparators)]
        rows = []
        for left, right, comparison in zip(sides, sides[1:], tree.ops, strict=False):
            if left is None or right is None:
                return None
            sign = 1.0 if isinstance(comparison, ast.Lt | ast.LtE) else -1.0
            difference = _combined(right, left, -1.0)
            constant = sign * difference.pop("", 0.0)
            rows.append(({name: sign * c for name, c in difference.items()}, constant))
        return rows

    def _margins(self, values: Mapping[str, Any], module: Any) -> list[tuple[Any, bool]]:
        tree = _tree(self.text)
        sides = [_value(side, values, module) for side in (tree.left, *tree.comparators)]
        pairs = []
        for left, right, comparison in zip(sides, sides[1:], tree.ops, strict=False):
            below = isinstance(comparison, ast.Lt | ast.LtE)
            pairs.append((right - left if below else left - right, isinstance(comparison, ast.Lt | ast.Gt)))
        return pairs


def _tree(text: str) -> ast.Compare:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise InputError(f"constraints: {text!r} is no inequality: {error.msg}") from error
    if not isinstance(tree, ast.Compare):
        raise InputError(f"constraints: {text!r} is no inequality: expected for example 'a < b'")
    return tree


def _names(node: ast.AST, text: str) -> list[str]:
    """Names of parameters below a node, which must be arithmetic."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return [name for side in (left, *others) for name in _names(side, text)]
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return _names(left, text) + _names(right, text)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _names(operand, text)
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in FUNCTIONS:
            return _names(argument, text)
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return []
        case ast.Name(id=name):
            return [name]
    raise InputError(
        f"constraints: {text!r}: {ast.unparse(node)!r} is not understood; allowed are + - * / **, numbers, "
        f"parameters, and {', '.join(FUNCTIONS)}"
    )


def _value(node: ast.AST, values: Mapping[str, Any], module: Any) -> Any:
    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            return _OPERATORS[type(operator)](_value(left, values, module), _value(right, values, module))
        case ast.UnaryOp(op=sign, operand=operand):
            value = _value(operand, values, module)
            return -value if isinstance(sign, ast.USub) else value
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            value = _value(argument, values, module)
            # of a constant: torch knows none
            own = math.fabs if function == "abs" else getattr(math, function)
            return own(value) if isinstance(value, int | float) else getattr(module, function)(value)
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
    raise TypeError(ast.dump(node))  # what was read is one of these


def _affine(node: ast.AST) -> dict[str, float] | None:
    """Coefficients by name, that of no name the constant; None if it is not linear."""
    match node:
        case ast.Constant(value=value):
            return {"": float(value)} if isinstance(value, int | float) else None
        case ast.Name(id=name):
            return {name: 1.0}
        case ast.UnaryOp(op=sign, operand=operand):
            inner = _affine(operand)
            return (
                None if inner is None else _combined({}, inner, -1.0 if isinstance(sign, ast.USub) else 1.0)
            )
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _affine(left), _affine(right)
            if a is None or b is None:
                return None
            if isinstance(operator, ast.Add | ast.Sub):
                return _combined(a, b, 1.0 if isinstance(operator, ast.Add) else -1.0)
            if isinstance(operator, ast.Mult) and set(a) <= {""}:
                return _combined({}, b, a.get("", 0.0))
            if isinstance(operator, ast.Mult) and set(b) <= {""}:
                return _combined({}, a, b.get("", 0.0))
            if isinstance(operator, ast.Div) and set(b) <= {""} and b.get(""):
                return _combined({}, a, 1.0 / b[""])
    return None


def _combined(a: Mapping[str, float], b: Mapping[str, float], factor: float) -> dict[str, float]:
    return {name: a.get(name, 0.0) + factor * b.get(name, 0.0) for name in {**a, **b}}
