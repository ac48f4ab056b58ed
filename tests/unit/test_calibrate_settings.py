"""Defaults of a search that records depend on: another default is another search."""

from mdbridge.calibrate.settings import SearchSettings


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
