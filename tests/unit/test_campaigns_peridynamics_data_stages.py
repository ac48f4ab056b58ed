"""From a stranger's file to a model, through the command that does it."""

import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI
from own_data import LAM, MU, grid, periodic, waves, write

from mdbridge.campaigns.peridynamics import data, data_report, data_stages
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data
from mdbridge.core.errors import ConvergenceError, FileError, InputError

YOUNG, POISSON = 4 * MU * (LAM + MU) / (LAM + 2 * MU), LAM / (LAM + 2 * MU)


def learn(source, out, sets=(), **keys):
    data_stages.learn(MPI.COMM_SELF, source, out, sets, **keys)
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    source = write(
        folder,
        periodic((16, 15), (4.0, 4.4)),
        "degrees = [10]\nhorizons = [17.9]\nreplicates = 4",
        'length_unit = "um"\nmodulus_unit = "MPa"\nthickness = 3.0',
    )
    return source, folder / "out", learn(source, folder / "out")


def test_the_moduli_of_the_solid_come_out_in_its_units(finished):
    _, _, summary = finished
    own = summary["own_units"]
    assert own["E"] == pytest.approx(YOUNG, rel=2e-3)
    assert own["nu"] == pytest.approx(POISSON, abs=1e-3)
    assert own["E_thickness"] == pytest.approx(3 * own["E"])
    assert summary["E_TPa"] == pytest.approx(1e-6 * own["E"])
    assert summary["delta_A"] == pytest.approx(1e4 * own["horizon"]) == pytest.approx(1e4 * 17.9)
    assert max(summary[key] for key in ("E_u_train", "E_u_val", "E_res_train", "E_res_val")) < 0.01
    assert summary["validation"] == "2 folds" and own["E_std"] > 0
    assert summary["certificate"]["min_gamma"] > 0


def test_all_that_is_promised_is_there(finished):
    _, out, _ = finished
    names = {path.name for path in out.iterdir()}
    assert {"model.json", "summary.json", *data_report.FIGURES} <= names


def test_what_is_done_is_not_done_again(finished):
    source, out, summary = finished
    again = learn(source, out)
    assert again == summary
    workspace_plan = data_stages.plan_of(source, [], None)
    assert [piece.name for piece in workspace_plan] == ["pairs", "learn", "report"]


def test_data_on_the_command_line_replace_those_of_the_input(finished, tmp_path):
    source, _, _ = finished
    np.savez(tmp_path / "b.npz", **periodic(samples=1, lam=0.0, mu=1.0))
    sets = ["learn.degrees=[3]", "learn.horizons=[16.0]", "learn.replicates=0"]
    summary = learn(source, tmp_path / "out", sets, data_files=[tmp_path / "b.npz"])
    assert summary["own_units"]["mu"] == pytest.approx(1.0, rel=0.02)
    assert "E_u_val" not in summary and summary["validation"] == "none: a single sample"


def test_samples_without_load_are_told_with_the_model(tmp_path):
    nodes = grid((14, 14), (5.0, 5.0))
    u, b = waves(nodes, (77.0, 77.0), samples=6, highest=2)
    x, y = nodes.T
    still = np.stack([x**2 - y**2, -2 * x * y], axis=-1)[None] / 1e3
    arrays = {"nodes": nodes, "u": np.concatenate([u, still]), "b": np.concatenate([b, 0 * still])}
    source = write(tmp_path, arrays, "degrees = [1]\nhorizons = [12.75]\nreplicates = 0")
    summary = learn(source, tmp_path / "out")
    assert any(note.startswith("1 of 7 samples of 'train' have no load") for note in summary["notes"])
    assert summary["own_units"]["E"] == pytest.approx(YOUNG, rel=0.02)
    assert 0 < summary["E_res_train"] < 0.2 and 0 < summary["E_res_val"] < 0.2


@pytest.mark.slow
def test_several_grids_are_learned_together(finished, tmp_path):
    source, _, _ = finished
    for name, arrays in (("a", periodic()), ("b", periodic((18, 14), (4.4, 5.0), seed=3))):
        np.savez(tmp_path / f"{name}.npz", **arrays)
    files = [tmp_path / "a.npz", tmp_path / "b.npz"]
    sets = ["learn.degrees=[8]", "learn.horizons=[16.6]", "learn.replicates=0"]
    summary = learn(source, tmp_path / "out", sets, data_files=files)
    assert summary["own_units"]["E"] == pytest.approx(YOUNG, rel=1e-2)
    assert summary["samples"] == {"train": 12, "train-2": 12}


@pytest.mark.parametrize("order", [1, -1])
def test_samples_for_validation_of_any_file_take_the_place_of_folds(tmp_path, order):
    """Of a later file alone they once were replaced by folds without a word."""
    unseen = periodic(seed=1, samples=2)
    files = [periodic(), periodic() | {"val_u": unseen["u"], "val_b": unseen["b"]}]
    for name, arrays in zip("ab", files[::order], strict=True):
        source = write(tmp_path, arrays, name=f"{name}.npz")
    with data_stages.open_campaign(
        MPI.COMM_SELF, source, tmp_path / "out", ["data.file=['a.npz','b.npz']"]
    ) as campaign:
        assert campaign.source_of_pairs.folds == 0


@pytest.mark.slow
def test_the_commands_of_the_documentation_give_its_numbers(tmp_path):
    examples = Path(__file__).parents[2] / "inputs" / "examples"
    for name in ("own_fields.py", "own_fields.toml"):
        shutil.copy(examples / name, tmp_path)
    subprocess.run([sys.executable, "own_fields.py"], cwd=tmp_path, check=True)
    summary = learn(tmp_path / "own_fields.toml", tmp_path / "out")
    assert summary["own_units"]["E"] == pytest.approx(4 * 26 * 86 / 112, rel=5e-4)
    assert summary["own_units"]["nu"] == pytest.approx(60 / 112, rel=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "box"), [(0.0, False), (0.15, True)])
def test_edges_and_scattered_points_are_learned_from(tmp_path, size, box):
    nodes = grid((15, 15), (4.0, 4.0))
    nodes = nodes + 4.0 * size * np.random.default_rng(0).uniform(-1, 1, nodes.shape)
    u, b = waves(nodes, np.full(2, 60.0 if box else 67.0), samples=6, highest=2)
    arrays = {"nodes": nodes, "u": u, "b": b} | ({"box": np.full(2, 60.0)} if box else {})
    source = write(tmp_path, arrays, "degrees = [6]\nhorizons = [13.2]\nreplicates = 0")
    summary = learn(source, tmp_path / "out")
    assert summary["own_units"]["E"] == pytest.approx(YOUNG, rel=0.02 if box else 2e-3)
    assert summary["kernel"] == "b-spline" and summary["quadrature"] == "consistent"
    assert summary["E_u_train"] < 0.03


@pytest.mark.slow
def test_a_sweep_tries_all_pairs(tmp_path):
    source = write(
        tmp_path, periodic(samples=6), "replicates = 0\n[sweep]\nhorizons = [13.0, 16.6]\ndegrees = [0, 4]"
    )
    data_stages.learn(MPI.COMM_SELF, source, tmp_path / "out", [], sweep=True)
    record = json.loads((tmp_path / "out" / "sweep.json").read_text(encoding="utf-8"))
    assert len(record["candidates"]) == 4 and not any(row["failure"] for row in record["candidates"])


def test_a_model_that_explains_little_says_so(tmp_path, capsys):
    """Of a solid that is stiffer along y."""
    arrays = periodic((12, 12))
    arrays["b"] = arrays["b"] * [1.0, 1.6]
    source = write(tmp_path, arrays, "degrees = [4]\nhorizons = [16.6]\nreplicates = 0")
    summary = learn(source, tmp_path / "out")
    assert any("not those of a single isotropic" in note for note in summary["notes"])
    assert "note: the model misses" in capsys.readouterr().err


def test_noise_is_told_sooner_where_there_are_no_waves():
    errors = {"E_res_train": 0.06, "E_u_train": 0.12}
    arrays = periodic((8, 8), samples=1)
    on_grid = data.prepare([RawData(Path("own.npz"), dict(arrays))], Data())
    del arrays["box"]
    with_edges = data.prepare([RawData(Path("own.npz"), arrays)], Data())
    assert data_stages._misfit(errors, on_grid) == []
    (note,) = data_stages._misfit(errors, with_edges)
    assert "misses 6% of the loads and 12% of the displacements" in note
    assert "by more than their error bars" in note
    assert data_stages._misfit(dict.fromkeys(errors, 0.02), with_edges) == []


def test_loads_of_the_wrong_sign_end_in_an_error(tmp_path):
    arrays = periodic(samples=4)
    source = write(tmp_path, arrays | {"b": -arrays["b"]})
    with pytest.raises((InputError, ConvergenceError), match=r"sign is reversed"):
        data_stages.learn(MPI.COMM_SELF, source, tmp_path / "out", [])
    assert not (tmp_path / "out" / "model.json").exists()


def test_loads_of_other_displacements_end_in_an_error(tmp_path):
    arrays = periodic(samples=8)
    source = write(tmp_path, arrays | {"b": np.roll(arrays["b"], 1, axis=0)}, "degrees = [4]\nreplicates = 0")
    with pytest.raises((InputError, ConvergenceError)):
        data_stages.learn(MPI.COMM_SELF, source, tmp_path / "out", [])


@pytest.mark.parametrize(("kind", "words"), [("transverse", "μ alone"), ("longitudinal", "λ [+] 2μ alone")])
def test_constants_that_the_data_do_not_determine_are_named(tmp_path, kind, words):
    source = write(tmp_path, periodic(kind=kind))
    with pytest.raises((InputError, ConvergenceError), match=words):
        data_stages.learn(MPI.COMM_SELF, source, tmp_path / "out", [])


def test_a_file_that_is_not_there_is_named(tmp_path):
    source = write(tmp_path, periodic())
    with pytest.raises(FileError, match=r"data.file = 'no.npz': there is no file"):
        data_stages.read(source, ["data.file=no.npz"])
    with pytest.raises(InputError, match=r"no data: give data.file, or --data FILE"):
        data_stages.read(source, ["data.file=[]"])


@pytest.mark.parametrize("key", ["horizons", "horizons_A"])
def test_the_advice_of_a_sweep_has_the_key_of_the_input(tmp_path, key):
    """Both keys together are refused."""
    learn = f"{key} = [{13.0 if key == 'horizons' else 130.0}]"
    data = 'length_unit = "nm"\nmodulus_unit = "GPa"'
    source = write(tmp_path, periodic(), learn, data)
    with data_stages.open_campaign(MPI.COMM_SELF, source, tmp_path / "out", []) as campaign:
        units = data_stages._units(campaign)
    assert units.key == f"learn.{key}" and units.modulus_name == "GPa"
    assert (units.length, units.length_name) == ((10.0, "nm") if key == "horizons" else (1.0, "Å"))


@pytest.mark.parametrize(
    ("command", "more", "expected"),
    [
        ("learn", {}, ["determined", "told", "model", "summary", "shown"]),
        ("learn", {"sweep": True}, ["determined", "told", "sweep", "swept"]),
        ("run", {}, ["determined", "told", "model", "summary", "shown"]),
        ("report", {}, ["summary again", "shown"]),
    ],
)
def test_a_command_does_its_pieces_in_order(monkeypatch, tmp_path, command, more, expected):
    """What the data do not determine is told before any work."""
    done = []
    (tmp_path / "sweep.json").write_text("{}")
    workspace = SimpleNamespace(root=tmp_path)
    campaign = SimpleNamespace(
        workspace=workspace, own=None, model="model", summary="summary", sweep=lambda: "sweep"
    )
    monkeypatch.setattr(data_stages, "open_campaign", lambda *_: nullcontext(campaign))
    for module, name, words in (
        (data_stages.data_plan, "require_determined", "determined"),
        (data_stages.data, "tell", "told"),
        (data_stages, "_units", None),
        (data_stages.sweep_figures, "show", "swept"),
        (data_stages, "_show", "shown"),
    ):
        monkeypatch.setattr(module, name, lambda *_, words=words: words and done.append(words))

    def make(comm, workspace, product, again=False):
        done.append(product + (" again" if again else ""))

    monkeypatch.setattr(data_stages.stages, "make", make)
    getattr(data_stages, command)(MPI.COMM_SELF, Path("a.toml"), Path("out"), [], **more)
    assert done == expected


def test_an_input_with_files_of_the_command_line_says_so(monkeypatch):
    asked = []

    def opened(comm, source, out, overrides):
        asked.append(overrides)
        raise FileError("far enough")

    monkeypatch.setattr(data_stages, "open_campaign", opened)
    for files in ((), (Path("a.csv"), Path("b.csv"))):
        with pytest.raises(FileError, match="far enough"):
            data_stages.learn(MPI.COMM_SELF, Path("a.toml"), Path("out"), ["x=1"], data_files=files)
    assert asked[0] == ["x=1"] and asked[1][0] == "x=1" and len(asked[1]) == 2
    assert "a.csv" in asked[1][1] and "b.csv" in asked[1][1]
