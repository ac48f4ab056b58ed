"""Arrays of a stranger become checked samples, or are refused by name."""

from pathlib import Path

import numpy as np
import pytest
from own_data import grid, periodic, waves

from mdbridge.campaigns.peridynamics import data
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data
from mdbridge.core.errors import InputError

SHAPE, SPACING = (8, 6), (5.0, 6.0)
UNITS = Data(length_unit="angstrom", modulus_unit="TPa")
ARRAYS = periodic(SHAPE, SPACING, samples=4)


def prepared(settings=None, **changes):
    arrays = {name: values for name, values in (ARRAYS | changes).items() if values is not None}
    return data.prepare([RawData(Path("own.npz"), arrays)], settings or UNITS)


def test_samples_come_out_as_they_are():
    own = prepared()
    train = own.fields["train"]
    train.check()
    assert train.shape == SHAPE and own.notes == [] and list(own.fields) == ["train"]
    np.testing.assert_array_equal(train.u, ARRAYS["u"])
    np.testing.assert_allclose(train.b, ARRAYS["b"], atol=1e-16)


def test_what_is_assumed_of_data_that_say_little_is_told():
    notes = prepared(Data(), box=None).notes
    assert "data.length_unit was not given: numbers are taken to be in angstrom" in notes
    assert "data.modulus_unit was not given: numbers are taken to be in TPa" in notes
    assert any("fill a rectangle without a box" in note and "data.box = [40, 36]" in note for note in notes)
    # a body that is no rectangle cannot repeat
    keep = np.arange(len(ARRAYS["nodes"])) > 0
    changes = {"nodes": ARRAYS["nodes"][keep], "u": ARRAYS["u"][:, keep], "b": ARRAYS["b"][:, keep]}
    assert prepared(box=None, **changes).notes == []


def test_what_was_taken_from_each_file_is_told():
    files = [RawData(Path(f"{name}.npz"), ARRAYS, notes=[f"{name}: left unread"]) for name in "ab"]
    notes = data.prepare(files, UNITS).notes
    assert [note for note in notes if "unread" in note] == ["a: left unread", "b: left unread"]


def test_units_of_another_file_are_taken_over_with_a_word():
    said = {"x": "mm", "bx": "GPa/mm"}
    files = [RawData(Path("a.csv"), periodic(seed=1), units=said), RawData(Path("b.npz"), ARRAYS)]
    words = "b.npz: says no units: its numbers are taken to be in {}, as another file's"
    for settings, taken in (
        (Data(), "mm and GPa"),
        (Data(length_unit="mm"), "GPa"),
        (Data(length_unit="mm", modulus_unit="GPa"), None),
    ):
        for order in (1, -1):
            notes = data.prepare(files[::order], settings).notes
            told = [note.partition("; say")[0] for note in notes if "says no units" in note]
            assert told == ([] if taken is None else [words.format(taken)])
    # one that nobody has said is told once
    notes = data.prepare([RawData(Path("a.npz"), ARRAYS)], Data()).notes
    assert not any("says no units" in note for note in notes)


def test_units_become_angstrom_and_TPa():
    own = prepared(Data(length_unit="nm", modulus_unit="MPa"))
    train = own.fields["train"]
    np.testing.assert_allclose(train.spacing, (50.0, 60.0))
    np.testing.assert_allclose(train.u, 10 * ARRAYS["u"])
    np.testing.assert_allclose(train.b, 1e-7 * ARRAYS["b"], atol=1e-22)


def test_loads_per_area_are_divided_by_the_thickness():
    own = prepared(Data(thickness=2.0, load_per="area"))
    np.testing.assert_allclose(own.fields["train"].b, ARRAYS["b"] / 2, atol=1e-16)
    with pytest.raises(ValueError, match="needs 'thickness'"):
        Data(load_per="area")


def test_the_order_of_nodes_means_nothing():
    order = np.random.default_rng(0).permutation(48)
    own = prepared(nodes=ARRAYS["nodes"][order], u=ARRAYS["u"][:, order], b=ARRAYS["b"][:, order])
    np.testing.assert_allclose(own.fields["train"].u, ARRAYS["u"])


@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, lambda v: v.astype(np.float32), lambda v: np.repeat(v, 2, axis=-1)[..., ::2]],
    ids=["Fortran order", "float32", "strided"],
)
def test_the_kind_of_arrays_means_nothing(change):
    own = prepared(**{name: change(ARRAYS[name]) for name in ("nodes", "u", "b")})
    np.testing.assert_allclose(own.fields["train"].u, ARRAYS["u"], rtol=1e-6, atol=1e-6)


def test_a_sample_without_its_axis_is_one():
    own = prepared(u=ARRAYS["u"][0], b=ARRAYS["b"][0])
    assert own.fields["train"].u.shape == (1, 48, 2)


def with_seam():
    nodes = grid((9, 7), SPACING)
    u, b = waves(nodes, ARRAYS["box"], samples=4)
    return {"nodes": nodes, "u": u, "b": b}


def test_nodes_at_the_seam_are_left_out():
    own = prepared(**with_seam())
    np.testing.assert_allclose(own.fields["train"].u, ARRAYS["u"], atol=1e-12)
    assert "15 nodes are others again at the seam" in own.notes[0]


def test_nodes_at_the_seam_that_differ_are_refused():
    seam = with_seam()
    seam["u"][2, -1] += 0.1
    with pytest.raises(InputError, match="one place in the periodic box, have different values"):
        prepared(**seam)


def test_samples_that_say_nothing_are_left_out_and_named():
    u, b = ARRAYS["u"].copy(), ARRAYS["b"].copy()
    u[0], b[0] = 0.0, 0.0
    u[2], b[2] = (1.0, 2.0), 0.0
    own = prepared(u=u, b=b)
    assert own.fields["train"].names == ["train-1", "train-3"]
    assert "zero everywhere: sample 0" in own.notes[0] and "a rigid motion: sample 2" in own.notes[1]
    with pytest.raises(InputError, match="zero, rigid motions or unloaded: they determine neither λ nor μ"):
        prepared(u=0 * u, b=b)


def test_a_sample_that_is_there_twice_counts_once():
    arrays = periodic(samples=3)
    twice = {name: np.concatenate([arrays[name], -2.0 * arrays[name][1:2]]) for name in "ub"}
    dataset = prepared(**arrays | twice)
    assert dataset.fields["train"].names == ["train-0", "train-1", "train-2"]
    assert any("as earlier ones again, times a number: sample 3 (" in note for note in dataset.notes)
    # the same displacement under another load is another sample, if a strange one
    twice["b"][3] *= 1.5
    assert len(prepared(**arrays | twice).fields["train"].names) == 4


def test_without_a_box_a_rotation_is_rigid_too():
    u = ARRAYS["u"].copy()
    u[1] = 3.0 + 0.01 * np.stack([-ARRAYS["nodes"][:, 1], ARRAYS["nodes"][:, 0]], axis=1)
    own = prepared(u=u, box=None)
    assert "a rigid motion: sample 1" in own.notes[-1]
    assert own.fields["train"].shape is None and own.fields["train"].period is None


def test_loads_out_of_balance_are_refused():
    b = ARRAYS["b"].copy()
    b[3] += 0.5 * b.std()
    with pytest.raises(InputError, match="sample 3 of b are not in equilibrium: their resultant is"):
        prepared(b=b)
    # what is below the bound is taken off
    b[3] = ARRAYS["b"][3] + 1e-5 * b.std()
    assert np.abs(prepared(b=b).fields["train"].b.mean(axis=1)).max() < 1e-15
    prepared(b=ARRAYS["b"] + 0.5, box=None)


def nan_in(values):
    values = values.copy()
    values.flat[5] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"u": nan_in(ARRAYS["u"])}, r"u has 1 values that are NaN or infinite, the first at \[0, 2, 1\]"),
        ({"nodes": nan_in(ARRAYS["nodes"])}, "nodes has 1 values that are NaN"),
        ({"u": np.where(np.arange(48)[:, None] == 9, 1e20, ARRAYS["u"])}, "a missing or masked value"),
        ({"nodes": ARRAYS["nodes"].T}, r"nodes has the shape \(2, 48\), expected \(n, 2\): transpose"),
        ({"nodes": ARRAYS["nodes"][:, 0]}, r"nodes has the shape \(48,\)"),
        ({"u": ARRAYS["u"].swapaxes(1, 2)}, "exchange the last two axes"),
        ({"u": ARRAYS["u"][:, :-1]}, "there are 48 nodes, but values of 47"),
        ({"u": ARRAYS["u"].reshape(4, -1)}, r"expected \(samples, 48, 2\)"),
        ({"u": ARRAYS["u"][:3]}, "3 samples of u, but 4 of b"),
        ({"u": ARRAYS["u"][:0], "b": ARRAYS["b"][:0]}, "u is empty"),
        ({"val_u": ARRAYS["u"]}, "one of val_u and val_b"),
        ({"box": np.array([45.0, 36.0])}, "8 rows of nodes along x, 5 apart, fill 40, but the periodic box"),
        ({"box": np.array([40.0])}, "expected the two edges"),
        ({"box": np.array([40.0, -36.0])}, "expected the two edges"),
        ({"box": np.array([35.0, 36.0])}, "one place in the periodic box"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes, words):
    with pytest.raises(InputError, match=words):
        prepared(**changes)


def test_a_node_twice_is_refused_without_a_box():
    doubled = {
        name: np.concatenate([v, v[..., :1, :]], axis=-2) for name, v in ARRAYS.items() if name != "box"
    }
    with pytest.raises(InputError, match=r"nodes 0 and 48, both at .* coincide"):
        prepared(box=None, **doubled)


def test_own_validation_samples_are_a_set():
    unseen = periodic(SHAPE, SPACING, samples=2, seed=1)
    own = prepared(val_u=unseen["u"], val_b=unseen["b"])
    assert {name: len(fields.u) for name, fields in own.fields.items()} == {"train": 4, "val": 2}


def test_a_sample_of_training_validates_nothing():
    """It was met whatever the model, and its error said nothing."""
    unseen = periodic(SHAPE, SPACING, samples=2, seed=1)
    twice = {f"val_{n}": np.concatenate([unseen[n][:1], -2 * ARRAYS[n][1:3], unseen[n][1:]]) for n in "ub"}
    own = prepared(**twice)
    assert own.fields["val"].names == ["val-0", "val-3"] and len(own.fields["val"].u) == 2
    words = "left out of val_u, as training samples again, times a number: sample 1, 2 (counted from 0)"
    assert f"own.npz: {words}" in own.notes
    # nothing is left to validate with: by folds, then
    own = prepared(val_u=ARRAYS["u"][:2], val_b=ARRAYS["b"][:2])
    assert list(own.fields) == ["train"] and "own.npz: no sample of val_u is left" in own.notes


def test_a_sample_of_training_of_another_file_validates_nothing():
    unseen = periodic(SHAPE, SPACING, samples=2, seed=1)
    first = unseen | {"val_u": ARRAYS["u"][:1], "val_b": ARRAYS["b"][:1]}
    own = data.prepare([RawData(Path("a"), first), RawData(Path("b"), ARRAYS)], UNITS)
    assert list(own.fields) == ["train", "train-2"] and "a: no sample of val_u is left" in own.notes
    # on other nodes the same numbers are other samples
    moved = ARRAYS | {"nodes": 2 * ARRAYS["nodes"], "box": 2 * ARRAYS["box"]}
    own = data.prepare([RawData(Path("a"), first), RawData(Path("b"), moved)], UNITS)
    assert list(own.fields) == ["train", "val", "train-2"]
    assert "a is 'train' (2 samples) and 'val' (1 samples)" in own.notes


def test_several_files_are_several_sets():
    other = periodic((10, 10), (4.0, 4.0), samples=2)
    own = data.prepare([RawData(Path("a"), ARRAYS), RawData(Path("b"), other)], Data())
    assert list(own.training) == ["train", "train-2"]
    assert own.fields["train-2"].shape == (10, 10)
    # else nothing says which is which
    told = [note for note in own.notes if " is '" in note]
    assert told == ["a is 'train' (4 samples)", "b is 'train-2' (2 samples)"]
    assert not any(" is '" in note for note in prepared().notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"u": ARRAYS["u"][:0], "b": ARRAYS["b"][:0]}, "u is empty"),
        ({"u": ARRAYS["u"][:3]}, "each displacement needs the load that holds it"),
        ({"u": 1e200 * ARRAYS["u"]}, "has values up to"),
        ({"b": 1e-200 * ARRAYS["b"]}, "has values up to"),
        ({"box": np.array([40.0, -36.0])}, "both positive"),
        ({"box": np.array([40.0, 36.0, 10.0])}, "expected the two edges"),
        ({"nodes": np.arange(48.0)[:, None] * [1.0, 2.0], "box": None}, "all nodes are on one line"),
    ],
)
def test_arrays_that_cannot_be_samples_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        prepared(**changes)


def test_a_box_that_is_given_twice_is_given_alike():
    assert prepared(Data(box=[40.0, 36.0])).fields["train"].shape == SHAPE
    with pytest.raises(InputError, match=r"but data\.box = \[40\.0, 36\.1\]: correct one of them"):
        prepared(Data(box=[40.0, 36.1]))
