"""The files that a model consists of, so that a changed one is noticed."""

import ast
import importlib.machinery
import importlib.util
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from ..core.files import sha256


def sources(path: str, folder: str = "", version: str = "") -> dict[str, str]:
    """The files that make up the model ``package.module:name``, with the SHA-256 of each.

    These are its module and what that imports from the same place: the folder that the
    module, or its package, lies in, and the folder of the input.  Imports are read from the
    source, those inside functions too; one made with :mod:`importlib` is not seen.  Of what is
    installed the version is taken, of this package what the model declares as its own.

    Returns:
        Label -> hash or version; labels of files are relative to the place.
    """
    module = path.partition(":")[0]
    top = module.partition(".")[0]
    # this package: hashes would forbid every release to go on with a record; the model's own version says
    # it
    if top == __name__.partition(".")[0]:
        return {path: f"version {version}"} if version else {}
    origin = _origin(top)
    if origin is None or (_within(origin, sysconfig.get_path("stdlib")) and not _installed(origin)):
        return {}
    if _installed(origin):
        return {top: f"version {_version(top)}"}
    # the folder that the package lies in: modules beside it can be imported, too
    place = origin.parents[1] if origin.name == "__init__.py" else origin.parent
    places = list(dict.fromkeys([place, *([Path(folder).resolve()] if folder else [])]))
    files: dict[str, str] = {}
    known: set[str] = set()
    todo = list(_with_parents(module))
    while todo:
        name = todo.pop()
        if name in known:
            continue
        known.add(name)
        file = _origin(name)
        home = next((p for p in places if file is not None and file.is_relative_to(p)), None)
        if file is None or home is None or _installed(file):
            continue
        files[str(file.relative_to(home))] = sha256(file)
        if file.suffix == ".py":
            # what is imported belongs to the model as much as the module itself
            todo += _imported(file, name, is_package=file.name == "__init__.py")
    if version:
        files[path] = f"version {version}"
    return dict(sorted(files.items()))


def _with_parents(module: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c`` of a.b.c: importing the last runs all."""
    parts = module.split(".")
    return (".".join(parts[: k + 1]) for k in range(len(parts)))


def _origin(module: str) -> Path | None:
    """The file that a module is loaded from, without loading it; None for built-in ones and folders."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
        for depth, part in enumerate(rest, 1):
            if spec is None or spec.submodule_search_locations is None:
                return None
            name = ".".join([top, *rest[: depth - 1], part])
            # find_spec of a dotted name would import the package, and so run the user's code here
            spec = importlib.machinery.PathFinder.find_spec(name, list(spec.submodule_search_locations))
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return Path(spec.origin).resolve()


def _imported(file: Path, module: str, is_package: bool) -> list[str]:
    """Names of all modules that a source file may import, attributes taken for modules included."""
    try:
        tree = ast.parse(file.read_bytes())
    # a file that Python cannot read has no imports; the model's own error will say so
    except (SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")
            above = above[: len(above) - node.level + is_package] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [whole for name in names if name for whole in _with_parents(name)]


def _installed(file: Path) -> bool:
    return any(part in ("site-packages", "dist-packages") for part in file.parts)


def _within(file: Path, folder: str | None) -> bool:
    return folder is not None and file.is_relative_to(Path(folder).resolve())


def _version(package: str) -> str:
    try:
        distribution = metadata.packages_distributions().get(package, [package])[0]
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
