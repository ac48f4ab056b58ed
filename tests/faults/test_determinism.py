"""The same input twice: the same bits; on other ranks the digits that docs/reliability.md states."""

import forked
import pytest
import small_inputs
from launch import command_lines
from launcher import deviations, results
from test_glass_faults import TINY


def melted(folder):
    """A glass that is melted and quenched here: too long for the digits of two trajectories to agree."""
    return [small_inputs.glass(folder, text=TINY)]


def learned(folder):
    """A model of data of one's own, and a body in equilibrium with it."""
    small_inputs.own_data.write(folder, small_inputs.own_data.periodic(shape=(12, 12), samples=4))
    (folder / "body.toml").write_text(small_inputs.BODY)
    commands = (["learn"], ["solve", "--problem", folder / "body.toml"])
    return [
        small_inputs.Case(folder, [verb, "in.toml", "--out", "out", *options]) for verb, *options in commands
    ]


def searched(folder):
    """A calibration without its figures, which take longer than the search."""
    return [small_inputs.calibrate(folder, text=small_inputs.CALIBRATE + "[output]\nfigures = false\n")]


KINDS = {
    "shear": lambda folder: [small_inputs.shear(folder)],
    "calibrate": searched,
    "observe": lambda folder: [small_inputs.observe(folder)],
    "glass": melted,
    "graphene": lambda folder: [small_inputs.graphene(folder)],
    "peridynamics": learned,
}
"""The commands of each kind of campaign, one after the other in one folder."""

DIGITS = {
    "shear": 1e-13,
    "calibrate": 0.0,
    "observe": 1e-12,
    # two trajectories of a melt part: what stays is their statistics
    "glass": float("inf"),
    "graphene": 1e-12,
    "peridynamics": 1e-10,
}
"""Relative differences that docs/reliability.md allows between one rank and two."""


OF_THE_RANKS = ("restart", "iterations", "relative_residual")
"""What differs with them: a restart file has the atoms rank by rank, and iterations end where they may."""


def whole(case):
    """The words of a command, none of which depends on the folder it is started in."""
    return [case.folder / word if word in ("in.toml", "out") else word for word in case.arguments]


def comparable(out):
    """The results in a folder, trials by their number, without the key of a model that tells its time."""
    values = results(out)
    if "trials.jsonl" in values:
        header, *trials = values["trials.jsonl"]
        # they are recorded as they end
        in_order = sorted(trials, key=lambda line: line["content"]["trial"]["index"])
        values["trials.jsonl"] = [header, *in_order]
    if "solution.h5" in values:
        values["solution.h5"].pop("@key")
    return values


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
            made_by_kind[kind] = [comparable(case.out)]
    twice = {kind: [KINDS[kind](tmp_path_factory.mktemp("two") / n) for n in "ab"] for kind in kinds}
    # one job: ranks that start anew would take longer than all of it
    commands = [whole(case) for folders in twice.values() for cases in folders for case in cases]
    said = command_lines(2, *commands, timeout=300)
    assert [code for code, _ in said] == [0] * len(said), said
    return {kind: made_by_kind[kind] + [comparable(cases[0].out) for cases in twice[kind]] for kind in kinds}


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_twice_and_to_the_stated_digits_on_other_ranks(made, kind):
    alone, two, again = made[kind]
    assert alone and alone.keys() == two.keys() == again.keys()
    assert {name for name in two if two[name] != again[name]} == set()
    worst = {k: v for k, v in deviations(two, alone).items() if not k.endswith(OF_THE_RANKS)}
    assert {name: value for name, value in worst.items() if value > DIGITS[kind]} == {}
