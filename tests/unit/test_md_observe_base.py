"""Observers do nothing by themselves; plain objects are taken for what they have."""

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
