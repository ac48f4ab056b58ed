"""The register of families."""

import pytest

from mdbridge.lps import families
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline


def test_families_by_name():
    assert families.family("bernstein") is Bernstein
    assert families.family("b-spline") is BSpline
    assert families.family(families.DEFAULT) is Bernstein
    assert all(name == family.name for name, family in families.FAMILIES.items())


def test_an_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"kernel = 'spline': must be one of 'bernstein', 'b-spline'"):
        families.family("spline")
