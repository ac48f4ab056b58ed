"""Attached observers: when the next of them acts, and whether one does."""

import pytest

from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.watch import Watch, next_step, stride


def watch(schedule):
    observer = Observer()
    return Watch(observer, observer, schedule)


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        ([every(5)], [5, 10, 15, 20]),
        ([every(4), every(6)], list(range(2, 21, 2))),  # every step that may be due
        ([every(6, first=2)], [2, 8, 14, 20]),
        ([every(5), on([3])], list(range(1, 21))),
    ],
)
def test_lammps_s_own_formula_meets_all_steps_that_may_be_due(triggers, expected):
    """For when LAMMPS does not call back in between."""
    formula = stride([watch(trigger) for trigger in triggers])
    step, met = 0, []
    while (step := eval(formula, {"step": step})) <= 20:
        met.append(step)
    assert met == [n for n in expected if n > 0]
    assert {n for n in range(1, 21) if any(t(n) for t in triggers)} <= set(met)


def test_the_next_step_is_the_earliest_of_all_triggers():
    assert next_step([watch(every(5)), watch(on([7]))], 5) == 7
    assert next_step([watch(on([3]))], 3) is None
    assert next_step([], 3) is None


def test_a_step_is_looked_at_once_unless_it_is_set_up_again():
    seen = watch(every(5))
    assert seen.due(10)
    seen.last = 10
    assert not seen.due(10)
    assert seen.due(10, again=True)
    seen.observer.once = True
    assert not seen.due(10, again=True)
    assert not seen.due(11, again=True)
