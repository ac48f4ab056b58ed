"""Sums of products of columns, against numpy."""

import numpy as np

from mdbridge.coarse.terms import Term, Terms, evaluate, linear, names


def table(count=7, width=6):
    random = np.random.default_rng(2)
    rows = random.standard_normal((count, width))
    rows[:, 1] = random.integers(1, 4, count)
    return rows, {"m": 0, "type": 1, "a": 2, "b": 3, "c": 5}


def evaluated(rows, places, numbers, first=0):
    """The table in two parts, as LAMMPS may write it."""
    where = {name: (int(k >= 2), k - 2 * (k >= 2)) for name, k in places.items()}
    return evaluate([rows[:, :2], rows[:, 2:]], where, Terms.of(numbers), first)


def test_products_coefficients_and_types():
    rows, places = table()
    m, kind, a, b, c = (rows[:, places[name]] for name in ("m", "type", "a", "b", "c"))
    numbers = [
        [Term()],
        [Term(("m", "a", "a")), Term(("m", "b", "b"), -2.0)],
        [Term(type=2)],
        [Term(("c",), 0.5, type=3), Term(("a",))],
        [],
    ]
    expected = [np.ones(7), m * a * a - 2.0 * m * b * b, kind == 2, 0.5 * c * (kind == 3) + a, np.zeros(7)]
    none, terms = evaluated(rows, places, numbers)
    np.testing.assert_allclose(terms, np.stack(expected, axis=1), rtol=1e-15)
    assert none.shape == (7, 0)


def test_the_first_numbers_are_a_table_of_their_own_and_other_columns_do_not_matter():
    rows, places = table()
    numbers = [[Term(("b",))], [Term(("a",))], [Term(("m", "c"))]]
    whole = evaluated(rows, places, numbers)[1]
    rows[:, [1, 4]] = np.nan
    first, rest = evaluated(rows, places, numbers, 2)
    np.testing.assert_array_equal(np.hstack([first, rest]), whole)


def test_only_what_is_asked_for_is_named_and_types_come_first():
    assert names([[Term(("m", "a"))], [Term(("a",), type=1)]]) == ["type", "m", "a"]
    assert names([[Term(("m", "a"))], [Term()]]) == ["m", "a"]


def test_a_linear_function_of_columns():
    rows, places = table()
    numbers = [linear(("a", "b", "c"), np.array([0.3, 0.0, -2.0]), 0.7, "m")]
    assert all("b" not in term.factors for term in numbers[0])  # nothing is asked for that does not count
    expected = rows[:, 0] * (0.3 * rows[:, 2] - 2.0 * rows[:, 5] + 0.7)
    np.testing.assert_allclose(evaluated(rows, places, numbers)[1][:, 0], expected, rtol=1e-14)
