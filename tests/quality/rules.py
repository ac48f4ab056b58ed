"""A rule for many modules as one test: two thousand tests would take longer than what they look at."""

from collections.abc import Callable, Iterable


def of_all(things: Iterable[object]) -> Callable[[Callable[[object], None]], Callable[[], None]]:
    """Turn a test of one thing into one of all of them, which tells every one that breaks the rule."""

    def decorate(rule: Callable[[object], None]) -> Callable[[], None]:
        def test() -> None:
            broken = {}
            for thing in things:
                try:
                    rule(thing)
                except AssertionError as error:
                    broken[str(thing) or "mdbridge"] = str(error)
            assert not broken, "\n".join(f"{thing}: {why}" for thing, why in broken.items())

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return decorate
