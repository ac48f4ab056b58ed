"""``mdbridge calibrate``: what is refused before anything is evaluated, and what is not."""

import calibrated_inputs
import numpy as np
import pytest
from calibrated_inputs import INPUTS, TOML, run

from mdbridge.campaigns.calibrate import problem
from mdbridge.core.errors import FileError, InputError


@pytest.fixture
def toml(tmp_path):
    return calibrated_inputs.write(tmp_path)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["parameters.c.low=0.0", "parameters.c.high=1.0"],
            r"parameters\.c: .* no such argument; it takes a, b",
        ),
        (["reference.parameters.c=0.5"], r"reference\.parameters: must name a, b; unknown: c"),
        (["options.pionts=3"], "options.pionts|takes no such argument"),
        (["parameters.a={low=1.0}"], "'high' is missing"),
        (["parameters.a.low=2.0"], r"in\.toml: parameters\.a: low = 2\.0 must lie below high = 1\.0"),
        (["model=nowhere:f"], "cannot be imported"),
        (["model=own_models:NOT_CALLABLE"], "not a function"),
        (["ego.scheme=random"], "ego.scheme"),
        (["reference.file=x.npz"], "give one of"),
        (["ego.sed=3"], "did you mean 'seed'"),
        (["output.compare={a=0.5}"], "output.compare: must name a, b"),
        (["options.table_file='no.txt'"], r"options.table_file: .* takes no such argument"),
        (['objective=[{term="grassmann", field="field", rank=[1, 1, 1]}]'], "3 ranks .* 2 snapshots"),
        (
            ['objective=[{term="grassmann", field="field", rank=7}]'],
            r"keeps the rank 7, its shape is \(5, 8\)",
        ),
        (['objective=[{term="user", function="math:sqrt"}]'], "cannot be compared with itself: TypeError"),
        (['objective=[{term="user", function="own_models:nothing_like"}]'], "not finite"),
        (['objective=[{term="l1", curve="curve", weight=0.0}]'], "weight"),
        (['objective=[{term="l2", curve="curve", weight=2.0, sigma=1.0}]'], "leave one out"),
        (['objective=[{term="l2", curve="curve", sigma=-1.0}]'], "sigma"),
        (
            ['objective=[{term="l2", curve="curve", sigma="errors"}]'],
            r"objective\.0\.sigma = 'errors': the reference has no such values; it has curve, field",
        ),
        (['objective=[{term="l1", curve="curv"}]'], r"in\.toml: objective\.0\.curve = 'curv'.*mean 'curve'"),
        (['objective=[{term="l2", curve="curve", sigma=[1.0, 2.0]}]'], r"shape \(2,\), the curve \(8,\)"),
        (['objective=[{term="grassmann", field="field", sigma="errors"}]'], "of a field it is a number"),
        (['objective=[{term="user", function="own_models:nothing_like", sigma=1.0}]'], "divide by it"),
        (['uncertainty.method="guess"'], "uncertainty.method"),
        (
            ["options.mode=raise", "reference.parameters.a=0.9"],
            "reference.parameters: .* failed: RuntimeError",
        ),
        (["options.points=two"], "its 'shapes' failed: ValueError: .*'two'"),
    ],
)
def test_bad_input_is_refused_before_the_first_evaluation(toml, tmp_path, overrides, message):
    with pytest.raises(InputError, match=message):
        run(toml, tmp_path / "out", *overrides)
    assert not (tmp_path / "out").exists()


def test_a_reference_whose_frames_do_not_match(toml, tmp_path):
    np.savez(tmp_path / "ref.npz", curve=np.ones(8), field=np.ones((3, 5, 8)))
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "ref.npz"')
    )
    with pytest.raises(
        InputError, match=r"\(3, 5, 8\), the model returns \(2, 5, 8\): the frames do not match"
    ):
        run(toml, tmp_path / "out")


def test_a_file_that_is_not_there_is_named_with_its_key(toml, tmp_path):
    text = TOML.replace(
        "[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfunction = "mdbridge.stz:published"'
    )
    toml.write_text(text + '[reference.options]\nfolder = "nowhere"\n')
    message = (
        r"reference\.options\.folder = 'nowhere': .*fetch these files .*--set reference\.options\.folder="
    )
    with pytest.raises(InputError, match=message):
        run(toml, tmp_path / "out")


def test_a_reference_that_holds_words(toml, tmp_path):
    np.savez(tmp_path / "ref.npz", curve=np.array(["a", "b"]), field=np.ones((2, 5, 8)))
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "ref.npz"')
    )
    with pytest.raises(FileError, match="'curve' is no array of numbers"):
        run(toml, tmp_path / "out")


def test_an_output_folder_that_is_a_file(toml, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FileError, match="out"):
        run(toml, tmp_path / "out")


@pytest.mark.parametrize(("mode", "message"), [("exit", r"sys\.exit\(3\)"), ("hang", "no answer in 1 s")])
def test_a_reference_run_that_does_not_return_is_told(toml, tmp_path, mode, message):
    overrides = (f"options.mode={mode}", "reference.parameters.a=0.9", "ego.time_limit_s=1")
    with pytest.raises(InputError, match=rf"reference\.parameters: own_models:line failed: {message}"):
        run(toml, tmp_path / "out", *overrides)


published = pytest.mark.skipif(
    not (INPUTS / "../../shared/data/cuzr_md").exists(),
    reason="the published CuZr fields are not where the inputs point: ../shared/data/cuzr_md",
)


@pytest.mark.parametrize(
    "name",
    [
        "examples/spring",
        "examples/cooling",
        pytest.param("calibrate_validation", marks=published),
        pytest.param("calibrate_cuzr", marks=published),
    ],
)
def test_the_inputs_shipped_are_valid(name):
    assert problem.prepare(INPUTS / f"{name}.toml").groups.weight.sum() > 0


def test_a_file_that_is_not_there_is_an_error_of_the_input_with_a_near_name(toml, tmp_path):
    (tmp_path / "tensile.csv").write_text("t,y\n0,1\n")
    toml.write_text(
        TOML.replace("[reference.parameters]\na = 0.5\nb = 0.25", '[reference]\nfile = "tensil.csv"')
    )
    message = r"in\.toml: reference\.file = 'tensil\.csv': there is no .*did you mean 'tensile\.csv'"
    with pytest.raises(InputError, match=message):
        run(toml, tmp_path / "out")
