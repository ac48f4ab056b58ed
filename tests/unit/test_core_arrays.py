"""Users' arrays: read from whatever they are in, or refused by name."""

import os
import pickle

import h5py
import numpy as np
import pytest

from mdbridge.core import arrays
from mdbridge.core.errors import FileError

FIELD = np.random.default_rng(0).standard_normal((3, 4))


def hdf5(path, **content):
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
        file.create_group("notes")


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.h5", "a.nc", "a.txt", "a.csv", "a"])
def test_arrays_are_read_by_content_whatever_the_name(tmp_path, name):
    path = tmp_path / name
    if name == "a.npz":
        np.savez_compressed(path, a=FIELD.astype("f4"))
    elif name == "a.npy":
        np.save(path, FIELD)
    elif name in ("a.h5", "a.nc"):
        hdf5(path, a=FIELD)
    else:
        np.savetxt(path, FIELD, delimiter="," if name == "a.csv" else " ", header="of mine", fmt="%.17g")
    contents = arrays.read(path)
    assert list(contents) == ["a"] and contents["a"].dtype == float
    np.testing.assert_allclose(contents["a"], FIELD, rtol=1e-6)


class Nasty:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "a.npy", np.array([Nasty()]), allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=np.array([Nasty()], dtype=object), allow_pickle=True)
    (tmp_path / "a.txt").write_bytes(pickle.dumps(Nasty()))
    for name in ("a.npy", "a.npz", "a.txt"):
        with pytest.raises(FileError, match=name):
            arrays.read(tmp_path / name)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: np.savez(p, curve=np.array(["a", "b"])), "'curve' is no array of numbers: it holds <U1"),
        (lambda p: np.savez(p, curve=np.ones(2) * 1j), "'curve' is no array of numbers: it holds complex128"),
        (lambda p: hdf5(p, curve=[1j]), "'curve' holds complex128, expected real numbers"),
        (lambda p: hdf5(p, curve=["a"]), "'curve' holds object, expected real numbers"),
        (lambda p: p.write_text("1 2\n3\n"), "rows of equal length"),
        (lambda p: p.write_text(""), "rows of equal length"),
        (lambda p: p.write_text("1 2\n3 x\n"), "x"),
        (lambda p: p.write_text("1 2\n3 inf\n"), "value inf at row 1, column 1"),
        (lambda p: p.write_bytes(bytes(range(128, 256))), "not a text file of numbers"),
        (lambda p: p.mkdir(), "is no file"),
        (lambda p: os.mkfifo(p), "is no file"),
        (lambda p: None, "no such file"),
    ],
)
def test_what_is_wrong_is_one_error_that_names_the_file(tmp_path, make, words):
    path = tmp_path / "a.npz"
    make(path)
    with pytest.raises(FileError, match=rf"a\.npz: .*{words}"):
        arrays.read(path)


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.h5"])
def test_damage_is_a_file_error_and_no_traceback(tmp_path, name):
    """Of what somebody else wrote not every flipped bit can be seen; what is seen has the file's name."""
    path = tmp_path / name
    hdf5(path, a=FIELD) if name == "a.h5" else (np.savez if name == "a.npz" else np.save)(path, FIELD)
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for number in range(150):
        data = bytearray(whole)
        if number % 3:
            data[random.integers(len(data))] ^= 1 << random.integers(8)
        else:
            data = data[: random.integers(len(data))]
        path.write_bytes(data)
        try:
            contents = arrays.read(path)
        except FileError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert all(values.dtype == float for values in contents.values())
    assert refused > 50


@pytest.mark.parametrize("name", ["file", "allow_pickle", "x"])
def test_an_array_may_have_any_name(tmp_path, name):
    values = np.arange(6.0).reshape(2, 3)
    arrays.save(tmp_path / "a.npz", {name: values, "other": np.array(["x", "yy"])})
    kept = arrays.load(tmp_path / "a.npz")
    assert sorted(kept) == sorted([name, "other"])
    assert np.array_equal(kept[name], values)
