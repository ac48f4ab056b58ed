"""The input of the study of graphene."""

from pathlib import Path

import pytest

from mdbridge.campaigns.graphene_study.input import StudyInput
from mdbridge.core.config import check, load
from mdbridge.core.errors import InputError

INPUTS = Path(__file__).parents[2] / "inputs"


def made(**sections):
    return check({"campaign": "graphene-study"} | sections, StudyInput, "study.toml")


def test_the_input_that_ships_names_campaigns_that_are_there():
    config = load(INPUTS / "graphene_study.toml", StudyInput)
    assert all((INPUTS / name).is_file() for name in (config.campaigns.zero, config.campaigns.warm))


def test_defaults_compare_what_the_paper_chose():
    """δ = 20 Å with M = 10 at rest and 15 at 300 K, and the hybrid set at 12.5 Å."""
    assert made().compare.algorithm_1 == [[20.0, 10], [20.0, 15]]
    assert [12.5, 5] in made().compare.hybrid


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"bootstrap": {"replicates": 1}}, "bootstrap.replicates"),
        ({"manufactured": {"spacings_A": [5.0]}}, "manufactured.spacings_A"),
        ({"manufactured": {"degrees": [0, 61]}}, "manufactured.degrees.1"),
        ({"scattered": {"perturbations": [0.5]}}, r"'scattered\.perturbations\.0' = 0\.5: must be less"),
        ({"scattered": {"samples": 1}}, "scattered.samples"),
        ({"compare": {"hybrid": [[12.5, 2.5]]}}, r"compare\.hybrid: 2\.5 is no degree"),
        ({"compare": {"algorithm_1": [[20.0, 10]] * 3}}, "must hold two pairs"),
        ({"campaign": "graphene"}, "campaign"),
    ],
)
def test_what_is_none_of_it_is_refused(sections, words):
    with pytest.raises(InputError, match=words):
        made(**sections)


def test_a_degree_of_0_and_nodes_that_stay_are_taken():
    made(compare={"own_dilatation": [[12.5, 0]]}, scattered={"perturbations": [0.0]})
