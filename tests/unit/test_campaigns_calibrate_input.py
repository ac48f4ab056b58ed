"""The input of ``mdbridge calibrate``: terms, sources, and defaults that are those of the search."""

from dataclasses import fields

import pytest

from mdbridge.calibrate import ego
from mdbridge.campaigns.calibrate.input import CalibrateInput, EgoInput, ParameterInput
from mdbridge.core.config import check
from mdbridge.core.errors import InputError

BASE = {
    "campaign": "calibrate",
    "model": "a:b",
    "parameters": {"a": {"low": 0.0, "high": 1.0}},
    "reference": {"file": "r.npz"},
    "objective": [{"term": "l1", "curve": "stress"}],
}
PROGRAM = {"command": "solve {a}", "collect": "out.csv"}


def made(**changes):
    return check(BASE | changes, CalibrateInput, "in.toml")


def test_the_smallest_input_has_one_term_of_weight_1():
    config = made()
    assert config.objective[0].weight == 1.0
    assert config.output.figures and config.study.schemes == []


def test_defaults_of_the_search_are_those_of_the_library():
    settings = next(
        settings_class
        for name in ("SearchSettings", "Settings")
        if (settings_class := getattr(ego, name, None)) is not None
    )()
    shared = {field.name for field in fields(settings)} & set(EgoInput.model_fields)
    assert {"scheme", "initial", "evaluations", "explore", "patience", "seed"} <= shared
    assert {n: getattr(settings, n) for n in shared} == {n: getattr(EgoInput(), n) for n in shared}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": []}, "objective"),
        ({"objective": [{"term": "l1", "field": "x"}]}, "the term 'l1' needs 'curve'"),
        ({"objective": [{"term": "l2"}]}, "the term 'l2' needs 'curve'"),
        ({"objective": [{"term": "grassmann", "curve": "x"}]}, "the term 'grassmann' needs 'field'"),
        ({"objective": [{"term": "user"}]}, "the term 'user' needs 'function'"),
        ({"objective": [{"term": "l1", "curve": "x", "weight": -1.0}]}, "greater than 0"),
        ({"objective": [{"term": "grassmann", "field": "x", "rank": 0}]}, "rank"),
        (
            {"objective": [{"term": "user", "function": "a:c", "discrepancy": "few"}]},
            "is for fields and curves",
        ),
        (
            {"objective": [{"term": "grassmann", "field": "x", "discrepancy": "smooth"}]},
            "of a field it can be",
        ),
        (
            {
                "objective": [{"term": "l2", "curve": "x", "discrepancy": "smooth"}],
                "uncertainty": {"method": "norms"},
            },
            "'discrepancy' of a term belongs to uncertainty.method = \"likelihood\"",
        ),
        (
            {
                "objective": [
                    {"term": "l2", "curve": "x"},
                    {"term": "l2", "curve": "y", "discrepancy": "few"},
                ],
                "uncertainty": {"method": "norms"},
            },
            "'discrepancy' of a term belongs to uncertainty.method = \"likelihood\"",
        ),
        ({"objective": [{"term": "user", "function": "a:c", "sigma": 1.0}]}, "is for fields and curves"),
        ({"objective": [{"term": "grassmann", "field": "x", "sigma": "s"}]}, "of a field it is a number"),
        ({"objective": [{"term": "grassmann", "field": "x", "abscissa": "t"}]}, "'abscissa' is for curves"),
        ({"model": PROGRAM | {"command": ""}}, "names no program"),
        ({"model": PROGRAM | {"command": []}}, "names no program"),
        ({"model": PROGRAM | {"command": ["", "x"]}}, "names no program"),
        ({"objective": [{"term": "grassmann", "field": "x", "tolerance": 1.0}]}, "less than 1"),
        ({"reference": {}}, "give one of 'reference.parameters'"),
        ({"reference": {"file": "a", "function": "b:c"}}, "give one of"),
        ({"ego": {"scheme": "ego+"}}, "ego.scheme"),
        ({"ego": {"patience": 0}}, "ego.patience"),
        ({"parameters": {"a": {"low": 0.0}}}, "parameters.a': 'high' is missing"),
        ({"parameters": {"a": {"values": []}}}, "give two or more different 'values'"),
        ({"model": PROGRAM | {"collect": "../out.csv"}}, "'../out.csv' leads out of the folder of a trial"),
        ({"model": PROGRAM | {"collect": {"y": "/tmp/out.csv:y"}}}, "'/tmp/out.csv:y' leads out"),
        ({"model": PROGRAM | {"files": ["mesh", "a/../../b"]}}, "model.*'a/../../b' leads out"),
        ({"study": {"schemes": ["ego", "best"]}}, "study.schemes.1"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_key(changes, words):
    with pytest.raises(InputError, match=words):
        made(**changes)


@pytest.mark.parametrize("rank", ["larger", "reference", "infinite", 3, [1, 2, 3]])
def test_every_rule_of_ranks_is_taken(rank):
    assert made(objective=[{"term": "grassmann", "field": "x", "rank": rank}]).objective[0].rank == rank


def test_a_model_gets_numbers_of_the_kind_that_its_parameter_is():
    real = ParameterInput(low=0, high=3)
    whole = ParameterInput(low=0, high=3, integer=True)
    choice = ParameterInput(values=[1, 2, "three"])
    assert [type(part.cast(2)) for part in (real, whole, choice)] == [float, int, int]
    assert choice.cast("three") == "three" and real.cast(2.5) == 2.5
    # equal bounds hold a parameter, as its value does
    assert ParameterInput(low=2, high=2, integer=True).held == 2
    assert type(ParameterInput(low=2, high=2, integer=True).held) is int
    assert ParameterInput(value="three").held == "three"
    assert real.held is None and choice.held is None


def test_a_known_scatter_is_the_weight_of_least_squares_alone():
    curve, field = {"curve": "y", "sigma": 0.1}, {"term": "grassmann", "field": "f", "sigma": 0.1}
    with pytest.raises(InputError, match="leave one out"):
        check(BASE | {"objective": [curve | {"term": "l2", "weight": 2.0}]}, CalibrateInput, "in.toml")
    for term in (curve | {"term": "l2"}, curve | {"term": "l1", "weight": 2.0}, field | {"weight": 2.0}):
        assert check(BASE | {"objective": [term]}, CalibrateInput, "in.toml").objective[0].sigma == 0.1
