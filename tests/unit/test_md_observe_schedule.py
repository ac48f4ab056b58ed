"""Triggers: the steps on which observers act, and the next of them."""

import pytest

from mdbridge.md.observe import schedule


def test_every_counts_from_its_first_step():
    assert [step for step in range(13) if schedule.every(4)(step)] == [0, 4, 8, 12]
    assert [step for step in range(-4, 13) if schedule.every(4, first=2)(step)] == [2, 6, 10]
    assert [step for step in range(5) if schedule.every(1)(step)] == [0, 1, 2, 3, 4]


def test_on_acts_on_the_listed_steps_whatever_lists_them():
    trigger = schedule.on(step for step in (7, 3))
    assert [step for step in range(10) if trigger(step)] == [3, 7]
    assert [step for step in range(10) if trigger(step)] == [3, 7]  # a generator is read once


@pytest.mark.parametrize("steps", [0, -1])
def test_an_interval_that_is_none_is_refused(steps):
    with pytest.raises(ValueError, match=rf"every\({steps}\): the interval must be at least 1"):
        schedule.every(steps)


def test_triggers_know_their_next_step():
    cases = {
        schedule.every(5): [5, 10, 15],
        schedule.every(5, first=12): [12, 17, 22],
        schedule.on([3, 7]): [3, 7, None],
    }
    for trigger, expected in cases.items():
        step = 0
        for following in expected:
            step = schedule.following(trigger, step)
            assert step == following
            assert step is None or trigger(step)
    assert schedule.following(lambda step: step % 7 == 3, 3) == 10
    assert not schedule.every(5, first=12)(10)


@pytest.mark.parametrize("trigger", [schedule.every(3), schedule.every(5, first=4), schedule.on([2, 3, 9])])
def test_the_next_step_is_the_first_after_it_that_acts(trigger):
    """As by looking at each."""
    for step in range(9):
        expected = next((n for n in range(step + 1, 60) if trigger(n)), None)
        assert schedule.following(trigger, step) == expected


def test_a_trigger_that_never_acts_has_no_next_step(monkeypatch):
    monkeypatch.setattr(schedule, "_LOOK_AHEAD", 100)
    assert schedule.following(lambda step: False, 0) is None
    assert schedule.following(lambda step: step == 100, 0) == 100
    assert schedule.following(lambda step: step == 101, 0) is None


def test_averages_end_on_the_frames():
    trigger = schedule.before(schedule.every(100, first=300), count=3, spacing=20)
    steps = [step for step in range(700) if trigger(step)]
    assert steps == [260, 280, 300, 360, 380, 400, 460, 480, 500, 560, 580, 600, 660, 680]
    step, walked = 0, []
    while step < 680:
        step = schedule.following(trigger, step)
        walked.append(step)
    assert walked == steps
    with pytest.raises(ValueError, match="do not fit"):
        schedule.before(schedule.every(100), count=6, spacing=20)


def test_triggers_know_what_divides_their_steps():
    triggers = (
        schedule.every(15, first=40),
        schedule.on([6, 9]),
        schedule.before(schedule.every(100), 2, 20),
        schedule.before(schedule.every(100), 3, 30),
        schedule.before(schedule.every(100), 1, 30),
    )
    assert [trigger.divisor for trigger in triggers] == [5, 3, 20, 10, 100]
    for trigger in triggers:
        assert all(step % trigger.divisor == 0 for step in range(500) if trigger(step))
    assert schedule.divisor([schedule.every(10), schedule.every(15)]) == 5
    assert schedule.divisor([schedule.every(10), lambda step: step == 20]) == 1
    assert schedule.on([]).divisor == 1
