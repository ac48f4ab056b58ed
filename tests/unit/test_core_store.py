"""HDF5 files of ours: dimensions with names, and no number from a file that is not what was written."""

import os
import resource
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from mdbridge import __version__
from mdbridge.core import files, store
from mdbridge.core.errors import FileError
from mdbridge.core.store import seal, writer

KIND = store.Format("mdbridge-test", 3, "mdbridge test", oldest=2)
REMEDY = "move it away to have it made again by 'mdbridge test', or choose another --out"
FIELD = np.random.default_rng(0).standard_normal((3, 4, 5))


def write(path, kind=KIND):
    with store.writing(path, kind, "a key") as file:
        file.attributes(complete=True, natoms=12, weight=0.5, style="metal", box=[1.0, 2.0], extra=[])
        file.dimension("time", [0.0, 1.0, 2.5], "ps", "time of the frame")
        file.numbered("frame", 2, "number of the frame")
        file.dimension("y", np.arange(4.0), "angstrom", "y of the node")
        file.dimension("x", np.arange(5.0), "angstrom", "x of the node")
        file.dimension("component", ["x", "y"], "1", "direction")
        file.put("energy", FIELD, ("time", "y", "x"), "eV", "energy per atom", place="cell")
        file.put("inside", FIELD[0] > 0, ("y", "x"), "1", "whether a node counts")
        file.put("temperature", 300.0, (), "K", "temperature of the box")
        group = file.group("deep/curve")
        group.attributes(points=3)
        group.dimension("gamma", [0.0, 0.1], "1", "net strain")
        group.put("stress", np.ones((2, 2)), ("gamma", "component"), "GPa", "stress")
        group.put("count", [3, 4], ("gamma",), "1", "number of atoms")
    return file.sha256


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "a.h5")
    return tmp_path / "a.h5"


def test_everything_comes_back(path):
    with store.reading(path, KIND) as file:
        assert (file.key, file.version) == ("a key", 3)
        assert file.attribute("mdbridge", str) == __version__
        assert file.attribute("complete", bool) is True
        assert (file.attribute("natoms", int), file.attribute("weight", float)) == (12, 0.5)
        assert file.attribute("natoms", float) == 12.0
        np.testing.assert_array_equal(file.numbers("box", 2), [1.0, 2.0])
        assert file.attributes()["extra"] == []
        np.testing.assert_array_equal(file.get("energy", "eV", (3, None, 5)), FIELD)
        np.testing.assert_array_equal(file.get("energy", at=-1), FIELD[-1])
        np.testing.assert_array_equal(file.get("energy", at=slice(0, 2)), FIELD[:2])
        assert file.get("temperature", shape=()) == 300.0
        np.testing.assert_array_equal(file.flags("inside"), FIELD[0] > 0)
        assert file.describe("energy") == {"units": "eV", "long_name": "energy per atom", "place": "cell"}
        assert file.texts("component") == ["x", "y"]
        assert file.dimensions("energy") == ["time", "y", "x"] and file.dimensions("time") == ["time"]
        assert file.dimensions("temperature") == []
        assert file.variables() == ["energy", "inside", "temperature"]
        assert file.groups() == ["deep"] and "energy" in file and "work" not in file
        curve = file.group("deep/curve")
        assert curve.dimensions("stress") == ["gamma", "component"]
        assert curve.datasets() == ["count", "gamma", "stress"] and curve.attribute("points", int) == 3
        assert curve.integers("count").tolist() == [3, 4]


@pytest.mark.parametrize("engine", ["h5netcdf", None])
def test_xarray_names_every_dimension_and_gives_its_coordinates(path, engine):
    with xarray.open_dataset(path, engine=engine) as root:
        assert root["energy"].dims == ("time", "y", "x")
        assert root["energy"].sel(time=2.5).shape == (4, 5)
        assert root["energy"].attrs["units"] == "eV" and root["inside"].dtype == bool
        assert root["component"].values.tolist() == ["x", "y"]
        assert not [name for name in root.sizes if name.startswith("phony")]
    with xarray.open_dataset(path, engine=engine, group="deep/curve") as curve:
        assert curve["stress"].dims == ("gamma", "component")
        assert curve["gamma"].values.tolist() == [0.0, 0.1]


def test_the_hash_is_that_of_the_file_and_equal_contents_give_equal_bytes(tmp_path):
    first = write(tmp_path / "a.h5")
    assert first == files.sha256(tmp_path / "a.h5") == write(tmp_path / "b.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_a_large_file_goes_through_the_disk_and_reads_alike(tmp_path, monkeypatch, path):
    monkeypatch.setattr(writer, "IN_MEMORY", 10)
    monkeypatch.setattr(files, "write_bytes", None)
    assert write(tmp_path / "large.h5") == files.sha256(tmp_path / "large.h5")
    with store.reading(tmp_path / "large.h5", KIND) as large, store.reading(path, KIND) as small:
        np.testing.assert_array_equal(large.get("energy"), small.get("energy"))


# --- what is not stored -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "dims", "words"),
    [
        ("a", np.ones(3), ("x",), "3 values along 'x', which has 5"),
        ("a", np.ones((5, 5)), ("x",), "2 axes, but 1 dimensions"),
        ("a", np.ones(3), ("z",), "no dimension 'z'"),
        ("x", np.ones(5), ("x",), "stored twice"),
        ("a/b", 1.0, (), "cannot be the name"),
        ("", 1.0, (), "cannot be the name"),
        ("a", 1j, (), "complex128 are not stored"),
        ("a", [object()] * 5, ("x",), "object are not stored"),
    ],
)
def test_contents_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path, name, values, dims, words):
    with pytest.raises(ValueError, match=words), store.writing(tmp_path / "a.h5", KIND, "key") as file:
        file.numbered("x", 5, "x")
        file.put(name, values, dims, "1", "what")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("in_memory", [2**28, 10])
@pytest.mark.parametrize("size", [0, 100, 4096, 10000])
def test_a_full_disk_leaves_nothing_and_says_it_once(tmp_path, monkeypatch, capfd, in_memory, size):
    """The real thing: the kernel refuses to let the file grow."""
    monkeypatch.setattr(writer, "IN_MEMORY", in_memory)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(FileError, match=r"a\.h5: cannot be written: File too large"):
            write(tmp_path / "a.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


# --- what is not read -------------------------------------------------------------


def damaged(path, number):
    """One flipped bit, or a cut; by the number of the case."""
    random = np.random.default_rng(number)
    data = bytearray(path.read_bytes())
    if number % 4 == 0:
        return bytes(data[: random.integers(len(data))])
    data[random.integers(len(data))] ^= 1 << random.integers(8)
    return bytes(data)


def test_every_flipped_bit_and_every_cut_is_seen(path, tmp_path):
    for number in range(200):
        other = tmp_path / "other.h5"
        other.write_bytes(damaged(path, number))
        with pytest.raises(FileError, match=r"other\.h5: .*; move it away"), store.reading(other, KIND):
            pass


def changed(path, change):
    """A file of ours edited by another program, and sealed as if it were whole."""
    with h5py.File(path, "a") as file:
        change(file)
    with path.open("ab") as stream:
        stream.write(seal.seal(files.sha256(path)))


def test_a_file_changed_by_another_program_is_refused(path):
    with h5py.File(path, "a") as file:
        file.attrs["note"] = "mine"
    with pytest.raises(FileError, match=f"cut short, or changed by another program.*; {REMEDY}"):
        store.stored_key(path, KIND)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"format_version": 4, "mdbridge": "9.1"}, f"version 4 of .*, written by mdbridge 9.1; this mdbridge "
         f"{__version__} reads version 3; install a newer mdbridge, or {REMEDY}"),
        ({"format_version": 1}, f"version 1 of .* reads version 3; {REMEDY}"),
        ({"format": "mdbridge-other"}, "has the format 'mdbridge-other', expected 'mdbridge-test'; move"),
        ({"format": "mdbridge-test-1", "format_version": None}, "version 1 of .* mdbridge 0.1; "),
        ({"format": None}, "format 'none', expected 'mdbridge-test': of another program, or of mdbridge 0.1"),
        ({"format_version": "x"}, "has the format"),
        ({"key": None}, "has no attribute 'key'"),
        ({"key": 5}, "attribute 'key' = 5, expected a str"),
    ],
)  # fmt: skip
def test_other_formats_and_versions_say_both_and_what_to_do(path, attributes, words):
    def change(file):
        del file.attrs["mdbridge"]
        for name, value in attributes.items():
            if name in file.attrs:
                del file.attrs[name]
            if value is not None:
                file.attrs[name] = value

    changed(path, change)
    with pytest.raises(FileError, match=words), store.reading(path, KIND):
        pass


def test_an_older_version_that_is_still_known_is_read(path):
    changed(path, lambda file: file.attrs.update(format_version=2))
    with store.reading(path, KIND) as file:
        assert file.version == 2


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda f: f.get("work"), "'work' is missing; there is complex, component"),
        (lambda f: f.get("deep/curve/work"), "'deep/curve/work' is missing"),
        (lambda f: f.get("deep"), "'deep' is no dataset"),
        (lambda f: f.group("energy"), "'energy' is no group"),
        (lambda f: f.get("energy", units="J"), "'energy' is in 'eV', expected 'J'"),
        (lambda f: f.get("energy", shape=(3, 4)), r"'energy' has the shape \(3, 4, 5\), expected \(3, 4\)"),
        (lambda f: f.get("energy", shape=(None, 4, 6)), r"expected \(any, 4, 6\)"),
        (lambda f: f.get("energy", at=7), "'energy' cannot be read"),
        (lambda f: f.get("component"), "'component' holds object, expected real numbers"),
        (lambda f: f.texts("time"), "'time' holds float64, expected texts"),
        (lambda f: f.integers("energy"), "'energy' holds float64, expected integers"),
        (lambda f: f.flags("frame"), None),
        (lambda f: f.group("deep/curve").flags("count"), "'deep/curve/count' holds other numbers than 0"),
        (lambda f: f.attribute("style", float), "attribute 'style' = 'metal', expected a float"),
        (lambda f: f.attribute("none", float), "has no attribute 'none'"),
        (lambda f: f.attribute("natoms", bool), "attribute 'natoms' = 12, expected a bool"),
        (lambda f: f.numbers("box", 3), r"attribute 'box' = \[1.0, 2.0\], expected 3 numbers"),
        (lambda f: f.get("unfinished", finite=True), r"'unfinished' is nan at \(1,\)"),
        (lambda f: f.get("complex"), "'complex' holds complex128, expected real numbers"),
        (lambda f: f.get("elsewhere"), "'elsewhere' is a link to another place"),
        (lambda f: "elsewhere" in f, "'elsewhere' is a link to another place"),
        (lambda f: f.get("soft"), "'soft' is a link to another place"),
        (lambda f: f.get("external"), "'external' has its values in another file"),
        (lambda f: f.get("empty"), "'empty' holds nothing"),
    ],
)  # fmt: skip
def test_what_is_not_as_expected_is_named_with_both(path, ask, words):
    def change(file):
        file["unfinished"] = [1.0, np.nan]
        file["complex"] = [1j]
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "a")
        file["soft"] = h5py.SoftLink("/energy")
        file["empty"] = h5py.Empty("f8")
        file.create_dataset("external", shape=(2,), dtype="f8", external=[("/etc/passwd", 0, 16)])

    changed(path, change)
    with store.reading(path, KIND) as file:
        if words is None:
            assert ask(file).tolist() == [False, True]
            return
        with pytest.raises(FileError, match=f"a.h5: .*{words}.*; {REMEDY}"):
            ask(file)


def test_what_is_no_file_of_ours_is_said(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "empty.h5").touch()
    (tmp_path / "folder.h5").mkdir()
    os.mkfifo(tmp_path / "pipe.h5")
    for name, words in {
        "text.h5": "not a readable HDF5 file",
        "empty.h5": "not a readable HDF5 file",
        "folder.h5": "is no file",
        "pipe.h5": "is no file",
        "absent.h5": "no such file; run 'mdbridge test' first",
    }.items():
        with pytest.raises(FileError, match=f"{name}: {words}"), store.reading(tmp_path / name, KIND):
            pass
    assert store.stored_key(tmp_path / "absent.h5", KIND) is None
    with pytest.raises(FileError, match="/dev/zero: is no file"), store.opening(Path("/dev/zero")):
        pass


def test_a_file_of_somebody_else_is_read_with_checks(tmp_path):
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["u"] = np.ones(3, dtype="f4")
    with store.opening(tmp_path / "theirs.h5") as theirs:
        assert theirs.get("u").dtype == float and theirs.units("u") == "none"
        with pytest.raises(FileError, match="'u' is in 'none', expected 'angstrom'; give another file"):
            theirs.get("u", units="angstrom")


def theirs(folder, stored, **attributes):
    """A dataset of another program, with attributes of netCDF; opened."""
    with h5py.File(folder / "theirs.h5", "w") as file:
        file["u"] = stored
        file["u"].attrs.update(attributes)
    return store.opening(folder / "theirs.h5")


def test_packed_numbers_are_unpacked_and_fill_values_are_none(tmp_path):
    """They were taken as they are stored: moduli came out a factor off without a word."""
    stored = np.array([[1, 2], [-99, 4], [5, 6]], dtype=np.int16)
    with theirs(tmp_path, stored, scale_factor=0.5, add_offset=[10.0], _FillValue=np.int16(-99)) as file:
        expected = np.array([[10.5, 11.0], [np.nan, 12.0], [12.5, 13.0]])
        np.testing.assert_array_equal(file.get("u"), expected)
        np.testing.assert_array_equal(file.get("u", at=1), expected[1])
        with pytest.raises(FileError, match=r"'u' is nan at \(1, 0\), expected finite numbers"):
            file.get("u", finite=True)
        with pytest.raises(
            FileError, match="'u' is packed, with the attribute 'add_offset', expected integers"
        ):
            file.integers("u")


@pytest.mark.parametrize("name", ["_FillValue", "missing_value"])
def test_a_fill_value_of_double_precision_is_found_among_single_ones(tmp_path, name):
    with theirs(tmp_path, np.array([1.0, 1e20, 3.0], dtype="f4"), **{name: 1e20}) as file:
        np.testing.assert_array_equal(file.get("u"), [1.0, np.nan, 3.0])
    # what xarray writes with numbers that have none missing
    with theirs(tmp_path, np.array([1.0, 2.0]), **{name: np.nan}) as file:
        np.testing.assert_array_equal(file.get("u"), [1.0, 2.0])


@pytest.mark.parametrize(("name", "value"), [("scale_factor", "2"), ("add_offset", [1.0, 2.0])])
def test_packing_that_is_no_number_is_refused(tmp_path, name, value):
    with (
        theirs(tmp_path, np.ones(2), **{name: value}) as file,
        pytest.raises(FileError, match=f"'u' has the attribute '{name}' = .*, expected a number"),
    ):
        file.get("u")


def test_what_xarray_packs_is_read_as_xarray_reads_it(tmp_path):
    values = xarray.Dataset({"u": ("n", np.array([1.0, np.nan, 3.0]))})
    packing = {"dtype": "int16", "scale_factor": 0.25, "add_offset": 2.0, "_FillValue": -1}
    values.to_netcdf(tmp_path / "packed.nc", engine="h5netcdf", encoding={"u": packing})
    with store.opening(tmp_path / "packed.nc") as file:
        np.testing.assert_array_equal(file.get("u"), [1.0, np.nan, 3.0])
