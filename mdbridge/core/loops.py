"""Loops compiled by numba, whose cache may cost time but never a run, nor a wrong number.

numba keeps what it has compiled in files beside the source or in the user's cache folder
(``NUMBA_CACHE_DIR``).  Left to itself it ends the program where no such folder can be written,
where the disk is full or a file of the cache is damaged; and it does not see that a function has
changed which a compiled one calls in another file.
"""

import hashlib
import sys
from collections.abc import Callable, Set
from types import FunctionType
from typing import Any, Literal, TypedDict, TypeVar, cast

import numba
from numba.core import caching as _caching
from numba.core import ccallback as _ccallback
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

Loop = TypeVar("Loop", bound=Callable[..., Any])

caching: Any = _caching  # which has no types
ccallback: Any = _ccallback
ir: Any = vars(_cgutils)["ir"]
carray: Any = vars(numba)["carray"]
types: Any = vars(numba)["types"]
_kept: list[Any] = []  # callbacks, which must outlive whoever calls them


class Compilation(TypedDict, total=False):
    """How functions are compiled, for several at once.

    Attributes:
        inline: "always" for a function that is to be compiled into those that call it.
        fastmath: liberties of the compiler with the order and the rounding of operations.
        error_model: "numpy" for divisions that give infinity instead of raising.
    """

    inline: Literal["always"]
    fastmath: Set[str] | bool
    error_model: Literal["python", "numpy"]


def compiled(**options: Any) -> Callable[[Loop], Loop]:
    """Have numba compile a function when it is first called, and keep that for the next process.

    Args:
        options: see :class:`Compilation`.
    """

    def compile_later(function: Loop) -> Loop:
        dispatcher: Any = numba.njit(**options)(function)
        # with NUMBA_DISABLE_JIT it is the function itself
        if dispatcher is not function:
            try:
                dispatcher._cache = _Cache(dispatcher.py_func)
            # no folder that it could write to; or a numba that keeps its cache in another way
            except (RuntimeError, OSError, AttributeError) as error:
                _tell(error)
        return cast(Loop, dispatcher)

    return compile_later


def called_back(signature: Any, function: Callable[..., None]) -> int | None:
    """Compile a function that a C library can call, and keep that for the next process.

    Args:
        signature: numba's, of C's types.
        function: to compile; it must raise nothing.

    Returns:
        Its address, valid until the process ends; None where numba may not compile it
        (``NUMBA_DISABLE_JIT``), or does not.
    """
    if numba.njit()(function) is function:
        return None
    callback: Any = ccallback.CFunc(function, (signature.args, signature.return_type), {}, {})
    try:
        callback._cache = _Cache(cast(FunctionType, function))
    except (RuntimeError, OSError, AttributeError) as error:
        _tell(error)
    try:
        callback.compile()
    except numba.core.errors.NumbaError:  # a release that knows less: all is done without
        return None
    _kept.append(callback)
    return int(callback.address)


def _to_pointer(_: Any, address: Any) -> Any:
    """A pointer to an address."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(types.int64), code


def _call(_: Any, function: Any, state: Any, step: Any, count: Any, tag: Any, x: Any, forces: Any) -> Any:
    """Call the function at an address with the six arguments of LAMMPS's callback."""
    signature = types.void(types.int64, state, step, count, tag, x, forces)

    def code(_: Any, builder: Any, __: Any, arguments: Any) -> None:
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments[1:]])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

    return signature, code


# pieces of what C calls, which have no types of Python
pointer: Any = intrinsic(_to_pointer)
call_at: Any = intrinsic(_call)


class _Cache:
    """numba's cache of a function, behind a guard; where it fails, the function is compiled, and that is all.

    Attributes:
        stamp: hash of what the function was made of; what was stored under another is not taken.
    """

    def __init__(self, function: FunctionType):
        self._cache = caching.FunctionCache(function)
        stored = self._cache._cache_file
        stored._source_stamp = self.stamp = _joined(stored._source_stamp, function)
        self.cache_path = self._cache.cache_path

    def load_overload(self, signature: object, context: object) -> Any:
        """What is stored for these types of arguments, or None; numba calls it."""
        try:
            return self._cache.load_overload(signature, context)
        except OSError as error:
            self._give_up(error)
        # cut short or damaged: the parsers raise errors of many kinds
        except Exception:
            # the list is begun anew, so that the next process need not fail at it
            self.flush()
        return None

    def save_overload(self, signature: object, result: object) -> None:
        """Store what has been compiled; numba calls it."""
        try:
            self._cache.save_overload(signature, result)
        except Exception as error:
            self._give_up(error)

    def flush(self) -> None:
        """Forget what is stored."""
        try:
            self._cache.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._cache.disable()
        _tell(error)


def _joined(own: bytes, function: FunctionType) -> bytes:
    """One hash of a function's own file, of what it calls elsewhere, and of constants that it reads."""
    total = hashlib.sha256(own)
    for name in sorted(function.__code__.co_names):
        value = function.__globals__.get(name)
        cache = getattr(value, "_cache", None)
        if isinstance(cache, _Cache):
            total.update(name.encode() + cache.stamp)
        # compiled in as they are, wherever they come from
        elif isinstance(value, bool | int | float | str | tuple):
            total.update(f"{name} = {value!r}".encode())
    return total.digest()


_told: list[str] = []


def _tell(error: Exception) -> None:
    """Say once why everything is compiled anew, on one rank: nothing but time is lost."""
    mpi = sys.modules.get("mpi4py.MPI")
    if not _told and (mpi is None or mpi.COMM_WORLD.rank == 0):
        sys.stderr.write(
            "mdbridge: compiled loops cannot be kept for the next start, which will compile them again: "
            f"{' '.join(str(error).split())}; set NUMBA_CACHE_DIR to a folder that can be written\n"
        )
    _told.append(str(error))
