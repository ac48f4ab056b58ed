"""Observers do nothing by themselves; plain objects are taken for what they have."""

from types import SimpleNamespace

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


def test_a_plain_object_has_all_that_an_observer_may_have():
    """What an observer says of itself is not passed over in silence where a plain object says it."""
    own = vars(Observer)
    properties = {name for name, value in own.items() if isinstance(value, property)}
    names = {name for name in own if not name.startswith("_")} - properties
    values = {name: object() for name in names}
    observer = adapted(SimpleNamespace(**values))
    assert {name: getattr(observer, name) for name in names} == values
    assert observer.combines and observer.welcomes


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
