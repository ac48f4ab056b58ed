"""What is calibrated: a callable of the user's, found by its name once in every process that calls it.

Any callable ``package.module:name`` will do.  Where it has them, these attributes are
read, once, here:

    shapes(**options)   -> the shape of each field and curve, so that a reference is checked without a run
    labels              field or curve -> what figures call it
    units               field or curve -> its unit
    data                what to fetch, and where, if a file is missing
    version             raised where the same parameters give another result

:func:`described` gives them to a function of one's own.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from ..core.errors import InputError
from ..core.slips import near
from .modelfiles import sources

P = ParamSpec("P")
R = TypeVar("R")
Shapes = Mapping[str, tuple[int, ...]]


class Described(Generic[P, R]):
    """A function together with what a calibration likes to know of it; called as the function is.

    Attributes: see the module.
    """

    def __init__(
        self,
        function: Callable[P, R],
        shapes: Callable[..., Shapes] | None,
        labels: Mapping[str, str],
        units: Mapping[str, str],
        data: str,
        version: str,
    ):
        self.function, self.shapes = function, shapes
        self.labels, self.units, self.data, self.version = labels, units, data, version
        # name, place and signature of the function: arguments are checked by them
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> str:
        """Pickled by its name, as functions are."""
        return self.function.__qualname__


def described(
    *,
    shapes: Callable[..., Shapes] | None = None,
    labels: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    data: str = "",
    version: str = "",
) -> Callable[[Callable[P, R]], Described[P, R]]:
    """Decorate a function that is to be calibrated; for the arguments see the module."""
    return lambda function: Described(function, shapes, labels or {}, units or {}, data, version)


@dataclass(frozen=True)
class Arguments:
    """What a callable can be given by name.

    Attributes:
        names: in order.
        required: those without a default.
        any: whether it takes others too (``**kwargs``).
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    any: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "Arguments | None":
        """Those of a function; None where Python does not know them."""
        try:
            parameters = inspect.signature(function).parameters
        # compiled callables have no signature: what they accept is seen when they are called
        except (TypeError, ValueError):
            return None
        # what can be given by name: everything comes from the keys of the input
        kept = {n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        return cls(
            tuple(kept),
            tuple(n for n, p in kept.items() if p.default is p.empty),
            any(p.kind is p.VAR_KEYWORD for p in parameters.values()),
        )

    def accepts(self, name: str) -> bool:
        """Whether an argument of this name can be given."""
        return self.any or name in self.names


@dataclass(frozen=True)
class Model:
    """A callable of the user's and what is known of it; picklable, and read without importing it.

    Attributes:
        key: of the input that names it, for messages.
        path: ``package.module:name``; the name may be dotted (``Class.method``).
        folder: that of the input, where a module of the user's may lie.
        arguments: of the callable; None where Python does not know them.
        labels, units, data: see the module.
        sources: label -> SHA-256 of each file that makes it up, see :func:`sources`.
    """

    key: str
    path: str
    folder: str
    arguments: Arguments | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def resolve(cls, key: str, path: str, folder: str) -> "Model":
        """Import the callable and read all that it says of itself.

        Raises:
            InputError: see :attr:`function`.
        """
        bare = cls(key, path, folder)
        function = bare.function
        return cls(
            key,
            path,
            folder,
            Arguments.of(function),
            _texts(bare, "labels"),
            _texts(bare, "units"),
            str(getattr(function, "data", "")),
            sources(path, folder, str(getattr(function, "version", ""))),
        )

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The callable, imported when first asked for: a process that does not call it does not import it.

        Raises:
            InputError: there is no such module, no such name, or it is not callable.
        """
        module, separator, name = self.path.partition(":")
        if not separator or not module or not name:
            raise InputError(f"{self}: expected 'package.module:function'")
        try:
            target = importlib.import_module(module)
            # before the name is looked up: it may exist in the wrong module, too
            _check_place(self, target)
            for part in name.split("."):
                target = _member(self, target, part)
        except InputError:
            raise
        # whatever the user's module does while it is imported
        except (Exception, SystemExit) as error:
            raise InputError(f"{self}: cannot be imported: {type(error).__name__}: {error}") from error
        if not callable(target):
            raise InputError(f"{self}: is a {type(target).__name__}, not a function")
        return target

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the callable."""
        return self.function(*args, **kwargs)

    def prepare(self) -> None:
        """Import the callable now."""
        _ = self.function

    def shapes(self, options: Mapping[str, Any]) -> Shapes:
        """The shapes of what it will return with these options, as far as it says.

        Raises:
            InputError: the options do not go together.
        """
        offered = getattr(self.function, "shapes", None)
        if offered is None:
            return {}
        try:
            return {str(name): tuple(map(int, shape)) for name, shape in offered(**options).items()}
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{self}: its 'shapes' failed: {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        return f"{self.key} = {self.path!r}"

    def __getstate__(self) -> dict[str, Any]:
        """All but the callable, which is found again where it is called."""
        return {name: value for name, value in self.__dict__.items() if name != "function"}


def _texts(model: Model, attribute: str) -> dict[str, str]:
    texts = getattr(model.function, attribute, {})
    if not isinstance(texts, Mapping):
        raise InputError(f"{model}: its '{attribute}' are a {type(texts).__name__}, expected a mapping")
    return {str(name): str(text) for name, text in texts.items()}


def _member(model: Model, holder: Any, name: str) -> Any:
    """What a module or a class has under a name; a name that it does not have is refused with what it has."""
    try:
        return getattr(holder, name)
    except AttributeError as error:
        where = getattr(holder, "__name__", type(holder).__name__)
        own = _own(holder)
        there = f"; it has {', '.join(own)}" if own else ""
        raise InputError(f"{model}: {where} has no {name!r}{there}{near(name, own)}") from error


def _own(holder: Any) -> list[str]:
    """What can be called in a module, an object or a class, but for what it imports for its own use."""
    home = getattr(holder, "__name__", None) if inspect.ismodule(holder) else None
    names = []
    for name, value in getattr(holder, "__dict__", {}).items():
        defined = inspect.isfunction(value) or inspect.isclass(value)
        imported = home is not None and defined and value.__module__ != home
        if callable(value) and not name.startswith("_") and not imported:
            names.append(name)
    return names


def _check_place(model: Model, module: Any) -> None:
    """Refuse a module that stands in the way of the one that lies beside the input."""
    top = model.path.partition(":")[0].partition(".")[0]
    meant = Path(model.folder, top)
    loaded = getattr(sys.modules.get(top), "__file__", None)
    for beside in (meant.with_suffix(".py"), meant / "__init__.py"):
        if beside.is_file() and not (loaded and Path(loaded).resolve() == beside.resolve()):
            raise InputError(
                f"{model}: another module {top!r} ({loaded or 'of Python itself'}) comes before {beside}; "
                "rename yours"
            )
