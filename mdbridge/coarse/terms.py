"""Numbers that atoms give as sums of products of the columns of tables, evaluated within compiled loops.

A table of atoms has a row for each of them, as LAMMPS writes it; taking columns out of it, and
multiplying them, reads all of its memory once for every array that is made.  Given as terms, the
numbers are made atom by atom where they are summed, and the tables are read once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

TYPE = "type"
"""The column of the types of atoms."""

_BLOCK = 64
MOST_TABLES = 8
"""That :func:`evaluate` takes at a time."""
MOST_FACTORS = 3
"""Of a term: mass times two velocities."""


@dataclass(frozen=True)
class Term:
    """A coefficient times the product of some columns.

    Attributes:
        factors: names of the columns, :data:`MOST_FACTORS` at most; none for the coefficient alone.
        coefficient: what their product is multiplied with.
        type: it counts for atoms of this type alone; 0 for all of them.
    """

    factors: tuple[str, ...] = ()
    coefficient: float = 1.0
    type: int = 0


Sum = Sequence[Term]
"""One number of an atom: the sum of these."""


def linear(names: Sequence[str], slope: Array, start: float, *factors: str) -> list[Term]:
    """The terms of (``start`` + Σ slope · names) times ``factors``."""
    parts = [Term((*factors, n), float(a)) for n, a in zip(names, slope, strict=True) if a != 0.0]
    return [*parts, Term(factors, float(start))]


@dataclass(frozen=True)
class Terms:
    """Several numbers of an atom, for :func:`evaluate`.

    Attributes:
        names: the columns that are asked for; first that of the types, if it is.
        factors: ``(t, 3)`` which of these each term is the product of; their number stands for 1.
        numbers: ``(t, 2)`` to which number each is added, and the type of the atoms that it counts for.
        coefficients: ``(t,)``.
        count: how many numbers there are.
    """

    names: tuple[str, ...]
    factors: Whole
    numbers: Whole
    coefficients: Array
    count: int

    @classmethod
    def of(cls, sums: Sequence[Sum]) -> "Terms":
        """The terms of several sums, one for each number."""
        flat = [(number, term) for number, whole in enumerate(sums) for term in whole]
        asked = {name: k for k, name in enumerate(names(sums))}
        factors = np.full((len(flat), MOST_FACTORS), len(asked), dtype=np.int64)
        for row, (_, term) in zip(factors, flat, strict=True):
            row[: len(term.factors)] = [asked[name] for name in term.factors]
        numbers = np.array([(number, term.type) for number, term in flat], dtype=np.int64).reshape(-1, 2)
        coefficients = np.array([term.coefficient for _, term in flat], dtype=np.float64)
        return cls(tuple(asked), factors, numbers, coefficients, len(sums))


def names(sums: Iterable[Sum]) -> list[str]:
    """The columns that are asked for, each once; first ``type``, if it is among them."""
    flat = [term for whole in sums for term in whole]
    types = [TYPE] if any(term.type for term in flat) else []
    return list(dict.fromkeys([*types, *(name for term in flat for name in term.factors)]))


def evaluate(
    tables: Sequence[Array], places: Mapping[str, tuple[int, int]], terms: Terms, first: int = 0
) -> tuple[Array, Array]:
    """The numbers of all atoms: the first ``first`` of them, and the rest.

    Args:
        tables: ``(n, k)`` each, :data:`MOST_TABLES` at most.
        places: of each name of ``terms`` its table, and the column in it.
        terms: the numbers.
        first: how many of them are wanted in an array of their own.

    Returns:
        ``(n, first)`` and ``(n, terms.count - first)``.
    """
    count = len(tables[0])
    parts = np.empty((count, first)), np.empty((count, terms.count - first))
    where = np.array([places[name] for name in terms.names], dtype=np.int64).reshape(-1, 2)
    # always as many and of one kind, lest the loop be compiled for each number of them
    whole = tuple(_readable(table) for table in (*tables, *[np.empty((0, 0))] * (MOST_TABLES - len(tables))))
    _evaluate(*parts, whole, where, terms.factors, terms.numbers, terms.coefficients)
    return parts


def _readable(table: Array) -> Array:
    """A table, or a copy of it, as those of a mapped file are: whole rows, and not to be written."""
    view = np.ascontiguousarray(table, dtype=np.float64).view()
    view.flags.writeable = False
    return view


@compiled()
def _evaluate(
    first: Array,
    rest: Array,
    tables: tuple[Array, ...],
    where: Whole,
    factors: Whole,
    numbers: Whole,
    coefficients: Array,
) -> None:
    used, split, count = len(where), first.shape[1], first.shape[0]
    # so many atoms at a time that the innermost loop takes several at once; a 1 stands for factors not there
    block = np.ones((used + 1, _BLOCK))
    values = np.empty((split + rest.shape[1], _BLOCK))
    for start in range(0, count, _BLOCK):
        some = min(_BLOCK, count - start)
        for c in range(used):
            table, column = tables[where[c, 0]], where[c, 1]
            for i in range(some):
                block[c, i] = table[start + i, column]
        values[:] = 0.0
        for t in range(len(coefficients)):
            into, k, kind = values[numbers[t, 0]], coefficients[t], numbers[t, 1]
            x, y, z = block[factors[t, 0]], block[factors[t, 1]], block[factors[t, 2]]
            if kind == 0:
                for i in range(_BLOCK):
                    into[i] += k * (x[i] * y[i] * z[i])
            else:
                # the types are in the first column, if anywhere
                for i in range(some):
                    if block[0, i] == kind:
                        into[i] += k * (x[i] * y[i] * z[i])
        for i in range(some):
            for c in range(split):
                first[start + i, c] = values[c, i]
            for c in range(rest.shape[1]):
                rest[start + i, c] = values[split + c, i]
