"""Keys of a problem's file."""

import pytest
from pydantic import ValidationError

from mdbridge.campaigns.peridynamics.problem_input import FREE, Boundary, Problem, spacing_of
from mdbridge.core.config import check
from mdbridge.core.errors import InputError

SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10]]


def read(**sections):
    return check(sections, Problem, "problem.toml")


def test_outlines_of_both_forms_and_spacings():
    single = read(domain={"outline": SQUARE, "spacing": 2})
    several = read(domain={"outline": [SQUARE, SQUARE], "spacing": [1.0, 2.0]})
    assert len(single.domain.outlines) == 1 and len(several.domain.outlines) == 2
    assert spacing_of(single.domain, []) == [2.0, 2.0]
    assert spacing_of(several.domain, []) == [1.0, 2.0]
    assert spacing_of(read(domain={"outline": SQUARE}).domain, [4.9, 5.0]) == [4.9, 5.0]


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"domain": {}}, "one of outline, disc and nodes, not none"),
        ({"domain": {"outline": SQUARE, "nodes": "n.npz"}}, "not outline and nodes"),
        ({"domain": {"nodes": "n.npz", "spacing": 1.0}}, "leave these keys out"),
        ({"domain": {"outline": SQUARE[:2]}}, "domain.outline"),
        ({"domain": {"outline": SQUARE, "spacing": -1.0}}, "domain.spacing"),
        ({"domain": {"disc": {"centre": [0, 0], "radius": 0.0}}}, "domain.disc.radius"),
        (
            {"domain": {"outline": SQUARE}, "boundary": [{"edge": "north", "traction": [0, 0]}]},
            "'left', 'right'",
        ),
        ({"domain": {"outline": SQUARE}, "boundary": [{"traction": [0, 0]}]}, "either edge or where"),
        ({"domain": {"outline": SQUARE}, "boundary": [{"edge": "left"}]}, "either traction or displacement"),
        (
            {"domain": {"outline": SQUARE}, "boundary": [{"edge": "left", "traction": [0, "free"]}]},
            "component without traction is 0",
        ),
        (
            {"domain": {"outline": SQUARE}, "boundary": [{"where": "x = 1", "traction": [0, 0]}]},
            "where = 'x = 1'",
        ),
        ({"domain": {"outline": SQUARE}, "lod": {}}, "did you mean 'load'"),
    ],
)
def test_slips_are_told_by_key(sections, words):
    with pytest.raises(InputError, match=words):
        read(**sections)


def test_a_boundary_may_leave_one_component_free_and_not_both():
    given = {"edge": "left"}
    assert Boundary.model_validate(given | {"displacement": [0.0, FREE]}).displacement == [0.0, FREE]
    with pytest.raises(ValidationError, match="both components are free"):
        Boundary.model_validate(given | {"displacement": [FREE, FREE]})
    with pytest.raises(ValidationError, match='"free" is for displacements'):
        Boundary.model_validate(given | {"traction": [0.0, FREE]})
    for wrong in ({}, {"traction": [0.0, 1.0], "displacement": [0.0, 1.0]}):
        with pytest.raises(ValidationError, match="either traction or displacement"):
            Boundary.model_validate(given | wrong)
    for place in ({}, {"edge": "left", "where": "x > 0"}):
        with pytest.raises(ValidationError, match="either edge or where"):
            Boundary.model_validate(place | {"traction": [0.0, 1.0]})
