"""Names that a person may have meant."""

import pytest

from mdbridge.core.slips import near


@pytest.mark.parametrize(
    ("name", "allowed", "said"),
    [
        ("stres", ["strain", "stress", "err"], "; did you mean 'stress'?"),
        ("temperature", ["strain", "stress"], ""),
        ("stress", [], ""),
    ],
)
def test_the_nearest_name_is_told_and_a_far_one_is_not(name, allowed, said):
    assert near(name, iter(allowed)) == said
