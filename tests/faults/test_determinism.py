"""The same input twice: the same bits; on other ranks the digits that docs/reliability.md states."""

import forked
import pytest
import small_inputs
from launch import command_lines
from launcher import deviations, results

KINDS = {"observe": lambda folder: [small_inputs.observe(folder)]}
"""The commands of each kind of campaign, one after the other in one folder."""

DIGITS = {"observe": 1e-12}
"""Relative differences that docs/reliability.md allows between one rank and two."""


def whole(case):
    """The words of a command, none of which depends on the folder it is started in."""
    return [case.folder / word if word in ("in.toml", "out") else word for word in case.arguments]


@pytest.fixture(scope="module")
def made(request, tmp_path_factory):
    """Results of each kind that is asked for: on one rank, and twice on two."""
    tests = [item for item in request.session.items if item.module is request.module]
    kinds = [kind for kind in KINDS if any(f"[{kind}]" in item.name for item in tests)]
    made_by_kind = {}
    for kind in kinds:
        for case in KINDS[kind](tmp_path_factory.mktemp("one") / "a"):
            outcome = forked.run(case.arguments, case.folder)
            assert outcome.code == 0, outcome
            made_by_kind[kind] = [results(case.out)]
    twice = {kind: [KINDS[kind](tmp_path_factory.mktemp("two") / n) for n in "ab"] for kind in kinds}
    # one job: ranks that start anew would take longer than all of it
    commands = [whole(case) for folders in twice.values() for cases in folders for case in cases]
    said = command_lines(2, *commands, timeout=300)
    assert [code for code, _ in said] == [0] * len(said), said
    return {kind: made_by_kind[kind] + [results(cases[0].out) for cases in twice[kind]] for kind in kinds}


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_twice_and_to_the_stated_digits_on_other_ranks(made, kind):
    alone, two, again = made[kind]
    assert alone and alone.keys() == two.keys() == again.keys()
    assert {name for name in two if two[name] != again[name]} == set()
    worst = deviations(two, alone)
    assert {name: value for name, value in worst.items() if value > DIGITS[kind]} == {}
