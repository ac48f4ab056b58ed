"""A model found once: what it says of itself, what it is made of, and what is refused."""

import pickle
import sys

import numpy as np
import pytest

from mdbridge import stz
from mdbridge.calibrate.model import Model, described
from mdbridge.core.errors import InputError

SOURCE = """
import functools
import numpy as np
def plain(a, b, k=1.0, *, points=10): return {"y": k * a * np.linspace(0, 1, points) + b}
plain.labels, plain.units, plain.data = {"y": "displacement"}, {"y": "mm"}, "fetch it"
plain.shapes = lambda points=10: {"y": (points,)}
part = functools.partial(plain, k=2.0)
anything = lambda **p: {}
class Solver:
    def __call__(self, a, b): return plain(a, b)
    def method(self, a, b): return plain(a, b)
    @staticmethod
    def static(a, b): return plain(a, b)
solver = Solver()
bound = solver.method
NOT_CALLABLE = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own_solver.py").write_text(SOURCE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield tmp_path
    for name in [n for n, m in sys.modules.items() if str(tmp_path) in str(getattr(m, "__file__", ""))]:
        del sys.modules[name]


def resolve(folder, name, module="own_solver"):
    return Model.resolve("model", f"{module}:{name}", str(folder))


@pytest.mark.parametrize(
    "name", ["plain", "part", "solver", "bound", "Solver.static", "solver.method", "anything"]
)
def test_any_callable_will_do(folder, name):
    model = pickle.loads(pickle.dumps(resolve(folder, name)))
    expected = (
        {}
        if name == "anything"
        else {"y": pytest.approx(np.linspace(0, 1, 10) * (2 if name == "part" else 1))}
    )
    assert model(a=1.0, b=0.0) == expected
    assert model.arguments.accepts("a") and model.arguments.accepts("zzz") == (name == "anything")


def test_what_it_says_of_itself(folder):
    model = resolve(folder, "plain")
    assert model.arguments.names == ("a", "b", "k", "points") and model.arguments.required == ("a", "b")
    assert (model.labels["y"], model.units["y"]) == ("displacement", "mm")
    assert model.data == "fetch it" and model.shapes({"points": 3}) == {"y": (3,)}
    assert resolve(folder, "part").shapes({}) == {}
    with pytest.raises(InputError, match="its 'shapes' failed: TypeError"):
        model.shapes({"pints": 3})


def test_it_is_carried_without_being_imported(folder):
    raw = pickle.dumps(resolve(folder, "plain"))
    del sys.modules["own_solver"]
    model = pickle.loads(raw)
    assert model.labels == {"y": "displacement"} and "own_solver" not in sys.modules
    model.prepare()
    assert "own_solver" in sys.modules


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nonsense", "model = 'nonsense': expected 'package.module:function'"),
        (":f", "expected 'package.module:function'"),
        ("no_such_module:f", "cannot be imported: ModuleNotFoundError"),
        (
            "own_solver:nothing",
            r"own_solver has no .nothing.; it has plain, part, .*did you mean .anything.\?",
        ),
        ("own_solver:plian", r"own_solver has no 'plian'; it has plain, .*did you mean 'plain'\?"),
        ("own_solver:Solver.nothing", "Solver has no 'nothing'"),
        ("own_solver:NOT_CALLABLE", "is a int, not a function"),
        ("leaves:f", "cannot be imported: SystemExit"),
    ],
)
def test_what_is_no_model_is_refused(folder, path, message):
    (folder / "leaves.py").write_text("import sys\nsys.exit(1)\n")
    with pytest.raises(InputError, match=message):
        Model.resolve("model", path, str(folder))


def test_a_module_that_another_stands_in_the_way_of_is_refused(folder):
    (folder / "statistics.py").write_text("def mean(a): return {}\n")
    with pytest.raises(InputError, match=r"another module 'statistics' .*; rename yours"):
        resolve(folder, "mean", "statistics")


def test_a_described_function_is_the_function():
    @described(labels={"y": "stress"}, version="2")
    def respond(a: float, b: float = 2.0) -> float:
        """Docs."""
        return a + b

    assert respond(1.0) == 3.0 and respond.__doc__ == "Docs." and respond.labels == {"y": "stress"}
    forward = pickle.loads(pickle.dumps(stz.forward))
    assert forward is stz.forward and forward.units["shear_stress"] == "GPa"
    assert Model.resolve("model", "mdbridge.stz:forward", "").arguments.required[:2] == ("c0", "s_y")
