"""Inputs that nobody wrote: whatever a key holds, it is taken or refused by name, without a traceback."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.campaigns.shear.input import ShearInput
from mdbridge.core.config import check
from mdbridge.core.errors import InputError

CASES = int(os.environ.get("MDBRIDGE_FAULT_CASES", "25"))

NUMBERS = some.integers() | some.floats() | some.sampled_from([0, -1, 1e308, 5e-324, 10**400])
PLAIN = NUMBERS | some.booleans() | some.text(max_size=8)
VALUES = some.recursive(
    PLAIN,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def tables(model):
    """Tables with keys of the model, each of any value or of further keys of its section."""
    keys = {}
    for name, field in model.model_fields.items():
        section = field.annotation if hasattr(field.annotation, "model_fields") else None
        keys[name] = VALUES if section is None else tables(section) | VALUES
    return some.fixed_dictionaries({}, optional=keys)


@pytest.mark.parametrize("model", [FieldsInput, GlassInput, ShearInput])
def test_an_input_is_taken_or_refused_by_name(model):
    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(tables(model))
    def refused_or_taken(data):
        try:
            check(data, model, "in.toml")
        except InputError as error:
            assert str(error).startswith("in.toml: ")

    refused_or_taken()
