"""What a campaign lists: pieces of work, each with the identity that says what it reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from ..identity import Identity

Context = TypeVar("Context")


class Progress(Protocol):
    """Report that ``fraction`` (of 1) of the task at hand is done."""

    def __call__(self, fraction: float) -> None: ...


@dataclass(frozen=True)
class Task(Generic[Context]):
    """An independent piece of work.

    Attributes:
        name: of its files; unique in its stage.
        identity: what it reads.
        work: gives a JSON-able dictionary, or arrays by name; it gets what the stage's
            ``setup`` made for the group of ranks, over which alone it may communicate.
        cost: roughly, in any unit; the most expensive are given out first.
        label: what a person sees while it runs; its name if empty.
    """

    name: str
    identity: Identity
    work: Callable[[Context, Progress], Mapping[str, Any]]
    cost: float = 1.0
    label: str = ""


@dataclass(frozen=True)
class Stage(Generic[Context]):
    """Independent tasks of one kind.

    Attributes:
        name: of their folder.
        tasks: in any order.
        keep: whether their results are small JSON-able dictionaries or arrays.
        whole: whether these are all of them; if further ones wait for results, 'clean' must not take
            what is there of those for another input's.
    """

    name: str
    tasks: Sequence[Task[Context]]
    keep: Literal["json", "arrays"] = "json"
    whole: bool = True


@dataclass(frozen=True)
class Link:
    """A task of a chain.

    Attributes:
        name: of its folder; unique in its chain.
        identity: what it reads; the link before is added by the chain.
        work: fills a folder (collective), given the folder of the link before or None, and
            tells how many units of its cost are done; gives a small JSON-able note.
        cost: in the unit in which it reports.
        label: what a person sees while it runs.
        passing: name of the file that only the next link needs.
    """

    name: str
    identity: Identity
    work: Callable[[Path, Path | None, Callable[[float], None]], Mapping[str, Any]]
    cost: float
    label: str
    passing: str = ""


@dataclass(frozen=True)
class Links:
    """A chain as a piece of a plan.

    Attributes:
        name: of its folder.
        links: from :func:`chained`.
    """

    name: str
    links: Sequence[Link]


@dataclass(frozen=True)
class Product:
    """What stands at the top of the folder.

    Attributes:
        name: of the stage, as people see it.
        identity: what it was made from.
        files: names that it promises; further ones (figures) may be beside them.
        work: writes them into a folder (collective).
        begun: what of it is there where it is not done, in words, for people.
    """

    name: str
    identity: Identity
    files: tuple[str, ...]
    work: Callable[[Path], None]
    begun: Callable[[], str] = lambda: ""


Piece = Stage[Any] | Links | Product
"""What a campaign's plan consists of."""


def pieces_of_work(piece: Piece) -> Iterator[tuple[str, Identity]]:
    """Name and identity of each task of a piece."""
    if isinstance(piece, Product):
        yield piece.name, piece.identity
    else:
        for task in piece.tasks if isinstance(piece, Stage) else piece.links:
            yield task.name, task.identity
