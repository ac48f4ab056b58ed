"""From an input file to what is evaluated: units, paths, references, and what a record depends on."""

import sys

import numpy as np
import pytest

from mdbridge.campaigns.calibrate import problem
from mdbridge.core.errors import InputError

MODEL = '''
"""A model of one's own."""
import numpy as np


def scaled(a, b, points=4, table_file=None):
    """A line; with a table its values are added."""
    t = np.linspace(0.0, 1.0, points)
    more = 0.0 if table_file is None else np.loadtxt(table_file)
    return {"line": a + b * t + more, "plane": np.outer(t, t)[None] * a}


def measured(points=4, a=None):
    """A reference that would take one parameter."""
    return {"line": np.ones(points) * (10.0 if a is None else a), "plane": np.ones((1, points, points))}


def penalty(response, reference):
    """A term of one's own."""
    return float(np.abs(response["line"] - reference["line"]).max())
'''

TOML = """
campaign = "calibrate"
model = "of_one_s_own:scaled"
[parameters.a]
low = 1.0
high = 3.0
[parameters.b]
low = 0.0
high = 10.0
unit = "GPa"
[reference.parameters]
a = 2.0
b = 5.0
[[objective]]
term = "l1"
curve = "line"
weight = 0.25
[[objective]]
term = "grassmann"
field = "plane"
weight = 0.75
rank = 1
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "of_one_s_own.py").write_text(MODEL)
    (tmp_path / "in.toml").write_text(TOML)
    yield tmp_path
    sys.modules.pop("of_one_s_own", None)


def prepare(folder, *overrides):
    return problem.prepare(folder / "in.toml", overrides)


FROM_FUNCTION = [
    'reference={function="of_one_s_own:measured", options={points=4}}',
]


def test_space_reference_terms_and_search_are_those_of_the_file(folder):
    prepared = prepare(folder, "ego.seed=7", "ego.evaluations=33")
    assert prepared.space.physical(np.array([0.5, 0.5])) == pytest.approx({"a": 2.0, "b": 5.0})
    np.testing.assert_allclose(prepared.reference["line"], 2.0 + 5.0 * np.linspace(0, 1, 4))
    assert prepared.task.objective.score(prepared.reference).distance == pytest.approx(0.0, abs=1e-6)
    off = prepared.reference | {"line": prepared.reference["line"] + 0.8}
    # the mean of |0.8| over the curve, times its weight
    assert prepared.task.objective.score(off).distance == pytest.approx(0.25 * 0.8, abs=1e-6)
    assert (prepared.search.seed, prepared.search.evaluations) == (7, 33)
    assert prepared.compared is None


def test_paths_in_options_are_relative_to_the_file(folder):
    (folder / "tables").mkdir()
    (folder / "tables" / "t.txt").write_text("100 200 300 400")
    prepared = prepare(folder, "options={table_file='tables/t.txt'}")
    np.testing.assert_allclose(prepared.reference["line"][-1], 2.0 + 5.0 + 400.0)
    assert prepared.task.options["table_file"] == str(folder / "tables" / "t.txt")


def test_a_record_depends_on_contents_and_values_and_not_on_units_and_truths(folder):
    (folder / "t.txt").write_text("1 2 3 4")
    with problem.worker_for(*problem.load(folder / "in.toml")) as worker:  # one for all: a process takes time
        check_configurations(folder, worker)


def check_configurations(folder, worker):
    settings = ["options={table_file='t.txt'}"]

    def prepare(folder, *overrides):
        return problem.prepare(folder / "in.toml", overrides, worker)

    base = prepare(folder, *settings).configuration()
    same = [
        ["parameters.b.unit=bar"],
        ["parameters.a.truth=2.0"],
        ["output.figures=false"],
        ["ego.patience=3"],  # its default
        ["study.schemes=['ego']"],
    ]
    for overrides in same:
        assert prepare(folder, *settings, *overrides).configuration() == base, overrides
    others = [
        ["parameters.a.low=0.5"],
        ["ego.seed=3"],
        ["reference.parameters.a=2.5"],
        ["ego.patience=4"],
        ["objective=[{term='l2', curve='line'}]"],
    ]
    for overrides in others:
        assert prepare(folder, *settings, *overrides).configuration() != base, overrides
    (folder / "t.txt").write_text("1 2 3 5")
    changed = prepare(folder, *settings).configuration()
    assert changed["contents"] != base["contents"] and changed["reference"] != base["reference"]


def test_a_changed_source_of_the_model_or_of_a_term_is_another_configuration(folder):
    settings = ["objective=[{term='user', function='of_one_s_own:penalty'}]"]
    base = prepare(folder, *settings).configuration()
    sys.modules.pop("of_one_s_own", None)
    (folder / "of_one_s_own.py").write_text(MODEL.replace("a + b * t", "a - b * t"))
    assert prepare(folder, *settings).configuration()["sources"] != base["sources"]


def test_what_is_drawn_has_the_options_of_the_output_on_both_sides(folder):
    prepared = prepare(folder, "output.options={points=7}")
    with problem.worker_for(prepared.settings, prepared.folder) as worker:
        reference, response = problem.drawn(prepared, {"a": 1.5, "b": 4.0}, worker)
    t = np.linspace(0, 1, 7)
    np.testing.assert_allclose(reference["line"], 2.0 + 5.0 * t)
    np.testing.assert_allclose(response["line"], 1.5 + 4.0 * t)
    assert prepared.reference["line"].shape == (4,)


def test_a_reference_function_is_given_the_calibrated_parameters_that_it_takes(folder):
    prepared = prepare(folder, *FROM_FUNCTION)
    assert prepared.reference["line"].tolist() == [10.0] * 4
    with problem.worker_for(prepared.settings, prepared.folder) as worker:
        reference, response = problem.drawn(prepared, {"a": 1.5, "b": 4.0}, worker)
    assert reference["line"].tolist() == [1.5] * 4
    np.testing.assert_allclose(response["line"][-1], 5.5)


def test_a_reference_from_a_file_is_drawn_as_it_is(folder):
    np.savez(folder / "r.npz", line=np.arange(4.0), plane=np.ones((1, 4, 4)))
    prepared = prepare(folder, "reference={file='r.npz'}")
    with problem.worker_for(prepared.settings, prepared.folder) as worker:
        reference, _ = problem.drawn(prepared, {"a": 1.5, "b": 4.0}, worker)
    assert reference["line"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_known_parameters_are_compared_before_anything_is_spent(folder):
    prepared = prepare(folder, "output.compare={a=2.4, b=5.0}")
    assert prepared.compared.status == "ok"
    assert prepared.compared.score.distance == pytest.approx(0.25 * 0.4, abs=1e-6)  # the plane keeps its span


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["options={b=1.0}"], r"options\.b: is also a parameter"),
        (["reference={parameters={a=2.0}}"], r"reference\.parameters: must name a, b; missing: b"),
        (["output.compare={a=2.0, c=1.0}"], r"output\.compare: must name a, b; it names a, c"),
        (["options={table_file='no.txt'}"], r"options\.table_file = 'no\.txt': there is no .*no\.txt"),
        (["model=of_one_s_own:nothing"], "nothing"),
        (["parameters.d={low=0.0, high=1.0}"], r"parameters\.d: .* takes no such argument"),
    ],
)
def test_what_cannot_work_is_refused_with_its_key(folder, overrides, words):
    with pytest.raises(InputError, match=words):
        prepare(folder, *overrides)


PROGRAM = """
campaign = "calibrate"
options = { count = 3 }
reference = { file = "ref.csv" }
objective = [{ term = "l2", curve = "y" }]
[model]
command = "sh solve {a} {count}"
collect = { y = "stdout.txt" }
files = ["solve"]
keep = "all"
[parameters.a]
low = 1.0
high = 3.0
"""


def test_a_program_is_a_model_too(folder):
    (folder / "in.toml").write_text(PROGRAM)
    (folder / "ref.csv").write_text("y\n2\n3\n")
    (folder / "solve").write_text("echo $1 $2\n")
    prepared = prepare(folder)
    assert prepared.task.model.command == ["sh", "solve", "{a}", "{count}"]
    assert prepared.task.model.arguments.names == ("a", "count") and prepared.units == {}
    configuration = prepared.configuration()
    assert "solve" in configuration["sources"] and "keep" not in configuration["model"]
    assert prepared.task.model.kept is None
    assert prepared.task_in(folder / "out").model.kept == str(folder / "out" / "trials")
    for override, said in (
        ("model.command=['sh', 'solve', '{count}']", r"\{a\} is not in the command:"),
        ("model.template='solve'", "'solve' has no placeholder"),
        ("model.collect={}", r"'model\.collect': names no file"),
        ("model.keep='some'", r"'model\.keep' = 'some': must be"),
    ):
        with pytest.raises(InputError, match=said):
            prepare(folder, override)
    by_itself = prepare(folder, "reference={parameters={a=2.0}}")
    assert by_itself.reference["y"].tolist() == [2.0, 3.0]


def test_parameters_of_every_kind(folder):
    own = '''

def of_kinds(a, b, n, kind, c=0):
    """Says what it was given."""
    assert isinstance(n, int) and isinstance(a, float) and kind in ("x", "y")
    return {"line": np.array([a, b, n, len(kind), float(c)])}
'''
    (folder / "of_one_s_own.py").write_text(MODEL + own)
    text = """
campaign = "calibrate"
model = "of_one_s_own:of_kinds"
constraints = ["a < n", "a*b <= 1"]
objective = [{ term = "l2", curve = "line" }]
[reference.parameters]
a = 1
n = 3
kind = "y"
[parameters]
a = { low = 0, high = 4 }
b = { value = 0.25 }
n = { low = 1, high = 9, integer = true }
kind = { values = ["x", "y"] }
c = { low = 2.0, high = 2.0 }
"""
    (folder / "in.toml").write_text(text)
    with problem.worker_for(*problem.load(folder / "in.toml")) as worker:
        prepared = problem.prepare(folder / "in.toml", ["output.compare={a=2, n=4, kind='x'}"], worker)
        assert prepared.reference["line"].tolist() == [1.0, 0.25, 3.0, 1.0, 2.0]
        assert prepared.space.names == ["a", "n", "kind"] and prepared.space.fixed == {"b": 0.25, "c": 2.0}
        assert prepared.compared.score.distance == pytest.approx(np.sqrt(2 / 5))
        for override, said in (
            ("constraints=['a > 5']", r"constraints: 'a > 5': no values within"),
            ("constraints=['a < kind']", "no numeric parameter 'kind'; there are a, n, b, c"),
            ("parameters.n={low=0.5, high=2, integer=true}", "of an integer, both are whole"),
            ("parameters.kind={values=['x']}", "give two or more"),
            ("parameters.b={value=1, low=0}", "give 'low' and 'high', or 'values'"),
            ("parameters.b={low=0}", "'high' is missing"),
            ("parameters.kind={values=['x', 'y'], integer=true}", "belong to 'low' and 'high'"),
        ):
            with pytest.raises(InputError, match=said):
                problem.prepare(folder / "in.toml", [override], worker)


def test_all_parameters_fixed_leave_nothing(folder):
    with pytest.raises(InputError, match="a, b: all are fixed"):
        prepare(folder, "parameters={a={value=1.0}, b={value=2.0}}")


def test_the_published_scheme_begins_with_as_many_points_as_the_paper(folder):
    with problem.worker_for(*problem.load(folder / "in.toml")) as worker:
        for overrides, initial in (
            (["ego.scheme='published'"], 400),
            (["ego.scheme='published'", "ego.initial=12"], 12),
            (["ego.scheme='ego'"], 40),
        ):
            assert problem.prepare(folder / "in.toml", overrides, worker).search.initial == initial
