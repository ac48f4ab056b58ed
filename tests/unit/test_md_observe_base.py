"""Observers do nothing by themselves; plain objects are taken for what they have."""

import pytest

from mdbridge.md.observe import schedule
from mdbridge.md.observe.base import Observer, adapted


def test_an_observer_does_nothing_by_itself():
    observer = Observer()
    observer.prepare(None)
    observer.local(None)
    observer.collective(None)
    observer.finish()
    assert observer.moment == "end"
    assert not observer.combines
    assert adapted(observer) is observer


def test_an_observer_combines_if_it_says_how():
    class Sums(Observer):
        def collective(self, comm):
            pass

    assert Sums().combines


def test_a_plain_object_acts_right_after_the_forces():
    class Plain:
        needs = ("d_mine",)

        def local(self, atoms):
            self.step = atoms

    plain = Plain()
    observer = adapted(plain)
    observer.local(3)
    observer.collective(None)
    assert plain.step == 3
    assert (observer.moment, observer.needs, observer.combines) == ("forces", ("d_mine",), False)


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
    )
    assert [trigger.divisor for trigger in triggers] == [5, 3, 20]
    for trigger in triggers:
        assert all(step % trigger.divisor == 0 for step in range(500) if trigger(step))
    assert schedule.divisor([schedule.every(10), schedule.every(15)]) == 5
    assert schedule.divisor([schedule.every(10), lambda step: step == 20]) == 1
    assert schedule.on([]).divisor == 1
