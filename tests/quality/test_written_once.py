"""What is written once stays so: a family of influence functions, and the formulas of the operator."""

import ast

import pytest
from rules import of_all
from test_architecture import MODULES, imports, tree

from mdbridge.lps.families import FAMILIES

# The study's manufactured solutions have the paper's K = 1/r, which is a Bernstein function.
NAMING_A_FAMILY = {"campaigns.peridynamics.baselines", "lps.families", "campaigns.graphene_study.checks"}

OPERATOR = {"lps.material"}


def products(module, number):
    """Lines that multiply or divide by a number."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            for side in (node.left, node.right):
                negative = isinstance(side, ast.UnaryOp) and isinstance(side.op, ast.USub)
                value = side.operand if negative else side
                if isinstance(value, ast.Constant) and value.value == number:
                    yield node.lineno


def differences_of_moduli(module):
    """Lines with λ − μ, by whatever name."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            left, right = (ast.unparse(side).rpartition(".")[2].lower() for side in (node.left, node.right))
            if left in ("lam", "lame_lambda", "lambda_") and right in ("mu", "lame_mu"):
                yield node.lineno


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
def test_only_the_register_names_a_family(family):
    """So a new one costs its file and a line there."""
    home = family.__module__.removeprefix("mdbridge.")
    users = {module for module in MODULES if home in imports(module)[0]}
    assert users <= NAMING_A_FAMILY
    assert "lps.families" in users


@of_all([module for module in MODULES if module.startswith(("lps", "campaigns.peridynamics"))])
def test_the_operator_is_combined_in_one_place(module):
    """C2 = 16 times the deviatoric part, and λ − μ times the dilatation's: [You2022, eq. 3.4]."""
    if module not in OPERATOR:
        assert not [*products(module, 16), *differences_of_moduli(module)]


def test_these_searches_find_what_they_look_for():
    (line,) = differences_of_moduli("lps.material")
    assert line
    assert [*products("stz.rates", 2)] or [*products("lps.symbol", 2)]
