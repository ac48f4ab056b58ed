"""The families of influence functions by name; a new one is registered by a line here."""

from .bernstein import Bernstein
from .bspline import BSpline
from .kernel import InfluenceFunction

FAMILIES: dict[str, type[InfluenceFunction]] = {kernel.name: kernel for kernel in (Bernstein, BSpline)}
DEFAULT = Bernstein.name  # also of files that name none
LINEAR = BSpline.name  # where K must be linear in all that is learned


def family(name: str) -> type[InfluenceFunction]:
    """The family ``name``.

    Raises:
        ValueError: there is none of that name; lists those there are.
    """
    if name not in FAMILIES:
        raise ValueError(f"kernel = {name!r}: must be one of {', '.join(map(repr, FAMILIES))}")
    return FAMILIES[name]
