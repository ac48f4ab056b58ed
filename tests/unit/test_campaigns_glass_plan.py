"""The segments of a glass campaign: durations become steps, the quench is one ramp, frames are not cut."""

import pytest

from mdbridge.campaigns.glass import plan
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core.config import check
from mdbridge.core.errors import MDError
from mdbridge.md import anneal, cuzr, script, stripe


def config(**sections):
    return check({"campaign": "glass"} | sections, GlassInput, "glass.toml")


@pytest.fixture
def ramps(monkeypatch):
    """(start, end) temperatures of the segments that are opened, without LAMMPS."""
    temperatures = []
    monkeypatch.setattr(cuzr, "resume", lambda *_: "session")
    monkeypatch.setattr(cuzr, "crystal", lambda *_: "session")
    monkeypatch.setattr(anneal, "require", lambda *_: None)
    monkeypatch.setattr(cuzr, "watch_melting", lambda _: None)
    monkeypatch.setattr(cuzr, "at_pressure", lambda _, start, end: temperatures.append((start, end)))
    return temperatures


def test_durations_are_whole_steps():
    """5 fs: 5 ps are 1000 steps; from 1300 to 100 K at 1e13 K/s it takes 120 ps."""
    segments = plan.preparation(config(), "potential")
    steps = {segment.stage: 0 for segment in segments}
    for segment in segments:
        steps[segment.stage] += segment.steps
    assert steps == {"melt": 1000, "liquid": 1000, "quench": 24000, "relax": 2000}
    faster = config(md={"quench_rate_K_per_s": 2e13, "timestep_ps": 0.0025})
    assert (
        sum(segment.steps for segment in plan.preparation(faster, "p") if segment.stage == "quench") == 24000
    )


def test_the_quench_is_one_straight_ramp_whatever_its_pieces(ramps):
    segments = plan.preparation(config(checkpoint={"every_steps": 7000}), "potential")
    for segment in segments:
        segment.open(None, "restart")
    quench = [
        (segment.steps, ramp)
        for segment, ramp in zip(segments, ramps, strict=True)
        if segment.stage == "quench"
    ]
    assert [steps for steps, _ in quench] == [7000, 7000, 7000, 3000]
    assert quench[0][1][0] == 1300.0 and quench[-1][1][1] == pytest.approx(100.0)
    for (steps, (start, end)), (_, (following, _)) in zip(
        quench, [*quench[1:], (0, (100.0, 0))], strict=True
    ):
        assert end == pytest.approx(following)
        assert (start - end) / steps == pytest.approx(0.05)  # K a step
    assert ramps[0] == (3000.0, 3000.0) and ramps[1] == (1300.0, 1300.0) and ramps[-1] == (100.0, 100.0)


def test_only_what_was_melted_is_checked_for_it():
    segments = plan.preparation(config(), "potential")
    assert [segment.check is cuzr.check_molten for segment in segments] == [True] + [False] * (
        len(segments) - 1
    )


def test_a_melt_is_cut_and_looked_at_when_all_of_it_is_over(ramps, monkeypatch):
    watched = []
    monkeypatch.setattr(cuzr, "watch_melting", watched.append)
    segments = plan.preparation(config(checkpoint={"every_steps": 400}), "potential")
    melt = [segment for segment in segments if segment.stage == "melt"]
    assert [(segment.name, segment.steps) for segment in melt] == [
        ("melt-001", 400),
        ("melt-002", 400),
        ("melt-003", 200),
    ]
    assert [segment.check is cuzr.check_molten for segment in melt] == [False, False, True]
    for segment in melt:
        segment.open(None, "restart")
    # each goes on with the places that the atoms had at the beginning
    assert len(watched) == 3 and ramps == [(3000.0, 3000.0)] * 3


def test_a_layer_is_melted_and_settles_in_pieces_with_random_forces_of_their_own(monkeypatch):
    marked, watched, seeds = [], [], []
    monkeypatch.setattr(cuzr, "resume", lambda *_: "session")
    monkeypatch.setattr(stripe, "mark", lambda *_: marked.append(1))
    monkeypatch.setattr(stripe, "watch", lambda _: watched.append(1))
    monkeypatch.setattr(stripe, "hold_apart", lambda *given: seeds.append(given[-1]))
    monkeypatch.setattr(stripe, "come_to_rest", lambda _: None)
    monkeypatch.setattr(cuzr, "at_pressure", lambda *_: None)
    pieces = {"md": {"cells": [26, 26, 6]}, "glass": {"stripe": {}}, "checkpoint": {"every_steps": 400}}
    segments = [segment for segment in plan.preparation(config(**pieces), "p") if segment.stage == "stripe"]
    melt = [segment for segment in segments if segment.name.startswith("stripe-melt")]
    assert [segment.check is stripe.check_molten for segment in melt] == [False, False, True]
    for segment in segments:
        segment.open(None, "restart")
    assert (len(marked), len(watched)) == (1, 3)
    assert len(set(seeds)) == len(seeds) and min(seeds) > 0
    assert sum(segment.name.startswith("stripe-relax") for segment in segments) == 5


@pytest.mark.parametrize(("way", "each"), [("swap", 2.0), ("sgcmc", anneal.cost_of_a_step("sgcmc"))])
def test_exchanges_stop_the_quench_where_they_were_asked_for_and_keep_to_their_cost(monkeypatch, way, each):
    told = []
    monkeypatch.setattr(cuzr, "resume", lambda *_: "session")
    monkeypatch.setattr(cuzr, "at_pressure", lambda _, start, end: told.append((start, end)))
    monkeypatch.setattr(anneal, "stand_upright", lambda _: None)
    monkeypatch.setattr(anneal, "exchanging", lambda _, at, seed: told.append(("swap", at, seed)))
    monkeypatch.setattr(anneal, "balance", lambda _, seed: 0.25 * seed)
    monkeypatch.setattr(
        anneal, "changing", lambda _, at, seed, between: told.append(("sgcmc", at, seed, between))
    )
    given = {"anneal": way, "anneal_K": 900.0, "anneal_steps": 30000}
    segments = plan.preparation(config(glass=given, md={"seed": 5}), "potential")
    own = [segment for segment in segments if segment.stage == "anneal"]
    assert sum(segment.evaluations for segment in own) == pytest.approx(30000, rel=1e-3)
    # half of the evaluations of an exchange are trials, of semi-grand ones a few, which are no time
    assert {segment.trials for segment in segments if segment.stage == "anneal"} == {way == "swap"}
    assert not any(segment.trials for segment in segments if segment.stage != "anneal")
    # each of three segments begins with a balance
    balances = 3 * anneal.BALANCE_COST if way == "sgcmc" else 0.0
    assert sum(segment.steps for segment in own) == pytest.approx((30000 - balances) / each, abs=1)
    assert {segment.meaning for segment in own} == {2 if way == "sgcmc" else 1}
    # the whole quench is as long as without
    assert sum(segment.steps for segment in segments if segment.stage == "quench") == 24000
    for segment in segments[2:]:
        segment.open(None, "restart")
    ramps = [step for step in told if step[0] != way]
    assert ramps[0] == (1300.0, 900.0) and (900.0, 900.0) in ramps and ramps[-1] == (100.0, 100.0)
    assert (way, 900.0, 6, *([1.5] if way == "sgcmc" else [])) in told
    assert len({segment.name for segment in segments}) == len(segments)


def test_cycles_are_whole_and_come_after_the_quench():
    given = {"anneal": "cyclic", "anneal_steps": 20000}
    segments = plan.preparation(config(glass=given), "potential")
    assert [(segment.name, segment.steps) for segment in segments if segment.stage == "anneal"] == [
        ("anneal-001", 8000),
        ("anneal-002", 8000),
        ("anneal-003", 4000),
    ]
    assert [segment.stage for segment in segments[-4:]] == ["anneal", "anneal", "anneal", "relax"]


def test_a_stripe_is_marked_once_molten_cooled_in_one_ramp_and_left_to_rest(monkeypatch):
    told = []
    monkeypatch.setattr(cuzr, "resume", lambda *_: "session")
    monkeypatch.setattr(cuzr, "at_pressure", lambda _, start, end: told.append(("all", start, end)))
    for name in ("mark", "watch", "hold_apart", "come_to_rest"):
        monkeypatch.setattr(plan.stripe, name, lambda _, *given, name=name: told.append((name, *given)))
    # 2,900 K at 1e14 K/s take 5,800 steps
    given = config(glass={"stripe": {"centre": 0.3}}, checkpoint={"every_steps": 4000}, md={"seed": 7})
    segments = plan.preparation(given, "potential")
    own = segments[len(plan.preparation(config(), "potential")) + 3 :]  # its quench is cut in 6, not 3
    assert [(segment.name, segment.steps) for segment in own] == [
        ("stripe-melt", 1000),
        ("stripe-quench-001", 4000),
        ("stripe-quench-002", 1800),
        ("stripe-relax", 2000),
    ]
    assert [segment.check is stripe.check_molten for segment in own] == [True, False, False, False]
    for segment in own:
        segment.open(None, "restart")
    middle = pytest.approx(3000.0 - 2900.0 * 4000 / 5800)
    assert told == [
        ("mark", 0.3, 0.25),
        ("watch",),
        ("hold_apart", 3000.0, 3000.0, 100.0, 7),
        ("hold_apart", 3000.0, middle, 100.0, 9),
        ("hold_apart", middle, pytest.approx(100.0), 100.0, 11),
        ("all", 100.0, 100.0),
        ("come_to_rest",),
    ]


def test_shear_begins_once_and_goes_on_at_frames(monkeypatch):
    begun = []
    monkeypatch.setattr(cuzr, "resume", lambda *_: "session")
    monkeypatch.setattr(cuzr, "in_shear", lambda _, temperature, rate, begin: begun.append((rate, begin)))
    made = config(checkpoint={"every_frames": 40})
    hold, *shear = plan.production(made, "potential", None, None)
    assert (hold.stage, hold.steps, hold.marks, hold.observed) == ("hold", made.hold_steps, True, True)
    assert [segment.steps for segment in shear] == [40 * 500, 40 * 500, 20 * 500]
    assert not any(segment.marks for segment in shear) and all(segment.observed for segment in shear)
    for segment in shear:
        segment.open(None, "restart")
    assert begun == [(0.002, True), (0.002, False), (0.002, False)]
    assert len({segment.name for segment in (hold, *shear)}) == 4
    # what atoms had lost at the boundary between two segments is made anew, and only that
    assert [segment.meaning for segment in (hold, *shear)] == [2, 3, 3, 3]
    single = plan.production(config(checkpoint={"every_frames": 100}), "potential", None, None)
    assert [segment.meaning for segment in single] == [2, 2]


@pytest.mark.parametrize(
    ("text", "pieces", "meaning"), [("run ${restart}", [40, 40, 20], 2), ("fix a all b remap v", [100], 3)]
)
def test_a_script_that_cannot_go_on_is_one_piece(tmp_path, monkeypatch, text, pieces, meaning):
    (tmp_path / "my.in").write_text(text)
    made = config(md={"script": "my.in", "steps": 5000}, checkpoint={"every_frames": 40})
    segments = plan.production(made, "potential", tmp_path / "a.toml", tmp_path / "out")
    assert plan.preparation(made, "potential") == []
    assert [segment.steps for segment in segments] == [50 * n for n in pieces]
    assert {segment.meaning for segment in segments} == {meaning}
    assert [segment.marks for segment in segments] == [True] + [False] * (len(pieces) - 1)
    started = []
    monkeypatch.setattr(script, "start", lambda *a: started.append(a))
    segments[0].open("ranks", "the restart file")
    assert started == [("ranks", tmp_path / "my.in", tmp_path / "out" / "lammps.log", {}, "the restart file")]


@pytest.mark.parametrize(
    ("total", "size", "pieces"), [(10, 3, [3, 3, 3, 1]), (9, 3, [3, 3, 3]), (2, 3, [2]), (0, 3, [])]
)
def test_pieces_add_up(total, size, pieces):
    assert plan._pieces(total, size) == pieces


def test_a_segment_that_goes_on_needs_what_was_left_to_it():
    _, liquid, *_ = plan.preparation(config(), "potential")
    with pytest.raises(MDError, match="no restart file to go on from"):
        liquid.open(None, None)
