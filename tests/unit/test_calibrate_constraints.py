"""Inequalities as they are written."""

import numpy as np
import pytest
import torch

from mdbridge.calibrate.constraints import Constraint
from mdbridge.core.errors import InputError

KNOWN = ["a", "b", "c"]


def read(text):
    return Constraint.read(text, KNOWN)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("a < b < c", (1, 2, 3), (1, 3, 2)),
        ("a < b", (1, 2, 0), (2, 2, 0)),  # strict
        ("a <= b", (2, 2, 0), (2.1, 2, 0)),
        ("c >= 2*a - b/4", (1, 4, 1), (1, 4, 0.9)),
        ("a**2 + b**2 <= 25", (3, 4, 0), (3, 4.1, 0)),
        ("log10(a) > -9", (1e-8, 0, 0), (1e-10, 0, 0)),
        ("sqrt(a) < 2", (3, 0, 0), (-1, 0, 0)),  # no value: does not hold
        ("1/a > 0", (1, 0, 0), (0, 0, 0)),
        ("abs(a - b) < exp(-c)", (1, 1.3, 1), (1, 1.4, 1)),
    ],
)
def test_a_constraint_holds_inside_and_not_outside(text, inside, outside):
    constraint = read(text)
    assert constraint.holds(dict(zip(KNOWN, inside, strict=True)))
    assert not constraint.holds(dict(zip(KNOWN, outside, strict=True)))


def test_margins_of_torch_are_those_of_numpy_and_have_slopes():
    constraint = read("a*b + sin(c) < 3 <= exp(a)")
    values = {"a": 1.3, "b": 0.7, "c": 0.2}
    tensors = {n: torch.tensor(v, dtype=torch.double, requires_grad=True) for n, v in values.items()}
    expected = [3 - (1.3 * 0.7 + np.sin(0.2)), np.exp(1.3) - 3]
    assert [float(m) for m in constraint.margins(values)] == pytest.approx(expected)
    margins = constraint.margins(tensors, torch)
    assert [float(m.detach()) for m in margins] == pytest.approx(expected) and constraint.count == 2
    margins[0].backward()
    assert float(tensors["a"].grad) == pytest.approx(-0.7)


def test_linear_ones_are_known_as_such():
    (row,) = read("2*(a - b)/4 + 1 < -c*3").affine()
    assert row == (pytest.approx({"a": -0.5, "b": 0.5, "c": -3.0}), pytest.approx(-1.0))
    first, second = read("a < b <= 5").affine()
    assert first == ({"b": 1.0, "a": -1.0}, 0.0) and second == ({"b": -1.0}, 5.0)
    # of a lower bound, too, what must not be negative
    assert read("a > 0.5").affine() == [({"a": 1.0}, -0.5)]
    assert read("b - 2 >= a").affine() == [({"b": 1.0, "a": -1.0}, -2.0)]
    for text in ("a*b < 1", "a**2 < 1", "1/a > 1", "abs(a) < 1"):
        assert read(text).affine() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a < d", "no numeric parameter 'd'; there are a, b, c"),
        ("a + b", "no inequality"),
        ("a <", "no inequality"),
        ("a == b", "only <, <=, > and >="),
        ("__import__('os').system('x') < 1", "is not understood"),
        ("a.real < 1", "'a.real' is not understood"),
        ("max(a, b) < 1", "is not understood"),
        ("a < True", "'True' is not understood"),
    ],
)
def test_all_else_is_refused(text, said):
    with pytest.raises(InputError, match=said):
        read(text)
