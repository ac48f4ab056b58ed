"""Defaults of a search that records depend on: another default is another search."""

import pytest

from mdbridge.calibrate.settings import SearchSettings
from mdbridge.core.errors import InputError


def test_defaults_of_a_search():
    s = SearchSettings()
    assert (s.scheme, s.initial, s.design, s.explore, s.evaluations, s.batch) == (
        "ego+refine",
        40,
        "lhs",
        15,
        200,
        1,
    )
    assert (s.target, s.patience, s.stall, s.seed, s.signed, s.asynchronous) == (0.0, 3, 0, 0, False, False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scheme": "nonsense"}, r"scheme = 'nonsense': must be one of ego, ego\+refine, published"),
        ({"design": "grid"}, "design = 'grid': must be one of lhs, sobol, halton"),
        ({"initial": -1}, "initial = -1: must be 1 or more"),
        ({"explore": -1}, "explore = -1: must be 0 or more"),
        ({"evaluations": 0}, "evaluations = 0: must be 1 or more"),
        ({"batch": 0}, "batch = 0: must be 1 or more"),
        ({"target": float("nan")}, "target = nan"),
    ],
)
def test_what_is_no_search_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        SearchSettings(**given)
    assert SearchSettings(explore=0, target=-float("inf")).explore == 0
