"""Files of other programs: names, tables, units, and what is refused."""

import re

import h5py
import numpy as np
import pytest
from own_data import periodic

from mdbridge.campaigns.peridynamics import data_files
from mdbridge.core.errors import FileError

ARRAYS = periodic((4, 3), (5.0, 6.0), samples=2)


def table(path, head, separator=",", unit="", order=None, box=True):
    """ARRAYS as a table of text."""
    lines = ["# from a program", "# box: 20 18"] if box else []
    lines.append(separator.join(name + unit for name in head))
    for sample, (u, b) in enumerate(zip(ARRAYS["u"], ARRAYS["b"], strict=True)):
        for n in order(sample) if order else range(12):
            values = [sample, *ARRAYS["nodes"][n], *u[n], *b[n]]
            lines.append(separator.join(f"{value:.17g}" for value in values))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


HEAD = ["sample", "x", "y", "ux", "uy", "bx", "by"]


def test_npz_and_hdf5_hold_the_same(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in ARRAYS.items():
            file[name] = values
    for name in ("a.npz", "a.h5"):
        raw = data_files.read(tmp_path / name, {})
        assert all((raw.arrays[key] == values).all() for key, values in ARRAYS.items())


def test_packed_displacements_are_those_that_they_stand_for(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in ARRAYS.items():
            file[name] = values
        del file["u"]
        file["u"] = np.rint(ARRAYS["u"] * 1e3).astype(np.int32)
        file["u"].attrs["scale_factor"] = 1e-3
    np.testing.assert_allclose(data_files.read(tmp_path / "a.h5", {}).arrays["u"], ARRAYS["u"], atol=5.1e-4)


def test_other_names_are_known_or_given(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["points"], file["disp"], file["q"] = ARRAYS["nodes"], ARRAYS["u"], ARRAYS["b"]
    with pytest.raises(FileError, match=r"has no 'b'; it has disp, points, q: expected nodes"):
        data_files.read(tmp_path / "a.h5", {})
    raw = data_files.read(tmp_path / "a.h5", {"b": "q"})
    assert (raw.arrays["b"] == ARRAYS["b"]).all() and "box" not in raw.arrays
    with pytest.raises(FileError, match=r"has no 'w', which data.names.u asks for"):
        data_files.read(tmp_path / "a.h5", {"b": "q", "u": "w"})


def test_what_was_taken_for_what_and_what_was_left_is_told(tmp_path):
    given = {"nodes": ARRAYS["nodes"], "disp": ARRAYS["u"], "load": ARRAYS["b"], "weights": ARRAYS["b"]}
    np.savez(tmp_path / "a.npz", **given, time=np.zeros(2))
    guess, left = data_files.read(tmp_path / "a.npz", {}).notes
    assert guess == "a.npz: 'disp' for u, 'load' for b: say data.names if that is not meant"
    assert left == "a.npz: left unread: time, weights"
    # what the input names needs no telling
    assert data_files.read(tmp_path / "a.npz", {"u": "disp", "b": "load"}).notes == [left]
    np.savez(tmp_path / "b.npz", **ARRAYS)
    assert not data_files.read(tmp_path / "b.npz", {}).notes
    path = table(tmp_path / "a.csv", [*HEAD[:-1], "by"])
    assert not data_files.read(path, {}).notes
    lines = [line + (",fz" if "ux" in line else ",0") for line in path.read_text().splitlines()[2:]]
    path.write_text("\n".join(lines))
    assert data_files.read(path, {}).notes == ["a.csv: left unread: fz"]


def test_two_names_for_the_same_are_refused(tmp_path):
    given = {"nodes": ARRAYS["nodes"], "disp": ARRAYS["u"], "displacement": ARRAYS["u"], "b": ARRAYS["b"]}
    np.savez(tmp_path / "a.npz", **given)
    with pytest.raises(FileError, match="displacement and disp for 'u'"):
        data_files.read(tmp_path / "a.npz", {})


@pytest.mark.parametrize("separator", [",", ";", "\t", "  "])
def test_a_table_has_a_row_for_each_node_of_each_sample(tmp_path, separator):
    def order(sample):
        return np.random.default_rng(sample).permutation(12)

    raw = data_files.read(table(tmp_path / "a.csv", HEAD, separator, order=order), {})
    for name in ("nodes", "u", "b"):
        np.testing.assert_array_equal(raw.arrays[name], ARRAYS[name])
    assert raw.arrays["box"].tolist() == [20.0, 18.0]


def test_a_table_may_say_its_units(tmp_path):
    head = ["sample", "x [mm]", "y [mm]", "u_x (mm)", "u_y (mm)", "b_x [GPa/mm]", "b_y [GPa/mm]"]
    raw = data_files.read(table(tmp_path / "a.csv", head), {})
    assert data_files.units_of(raw, None, None, "volume") == ("mm", "GPa")
    assert data_files.units_of(raw, "mm", "GPa", "volume") == ("mm", "GPa")
    with pytest.raises(FileError, match=r"column x is in mm, but data.length_unit = 'nm'"):
        data_files.units_of(raw, "nm", None, "volume")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ([*HEAD[:-1], "q"], "no column by among"),
        (["1", *HEAD[1:-1], "bx"], "no column by"),
        ([*HEAD[:-1], "bx [GPa/mm]"], "no column by"),
    ],
)
def test_a_table_without_its_columns_is_refused(tmp_path, head, words):
    with pytest.raises(FileError, match=words):
        data_files.read(table(tmp_path / "a.csv", head), {})


def test_nodes_of_samples_are_the_same_to_round_off(tmp_path):
    rng = np.random.default_rng(0)
    rows = [HEAD]
    for sample in range(2):
        for node in rng.permutation(12):
            # an x of zero too: sorted by x and then y the rows would be mixed up
            place = ARRAYS["nodes"][node] + 1e-11 * rng.standard_normal(2)
            values = (*place, *ARRAYS["u"][sample, node], *ARRAYS["b"][sample, node])
            rows.append([str(sample), *(f"{value:.17g}" for value in values)])
    (tmp_path / "a.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    raw = data_files.read(tmp_path / "a.csv", {})
    place = np.lexsort(np.round(raw.arrays["nodes"], 6).T[::-1])
    np.testing.assert_allclose(raw.arrays["nodes"][place], ARRAYS["nodes"], atol=1e-9)
    for name in ("u", "b"):
        np.testing.assert_array_equal(raw.arrays[name][:, place], ARRAYS[name])
    moved = [[*row[:2], str(float(row[2]) + 0.01), *row[3:]] if row[0] == "1" else row for row in rows]
    (tmp_path / "b.csv").write_text("\n".join(",".join(row) for row in moved), encoding="utf-8")
    with pytest.raises(FileError, match="sample 1 has 12 nodes that are not the 12"):
        data_files.read(tmp_path / "b.csv", {})


def test_decimal_commas_where_semicolons_part_cells(tmp_path):
    text = table(tmp_path / "a.csv", HEAD, ";").read_text(encoding="utf-8")
    (tmp_path / "b.csv").write_text(text.replace(".", ","), encoding="utf-8")
    np.testing.assert_array_equal(data_files.read(tmp_path / "b.csv", {}).arrays["u"], ARRAYS["u"])
    (tmp_path / "c.csv").write_text(text.replace(".", ",1,", 1), encoding="utf-8")
    with pytest.raises(FileError, match="is no number"):
        data_files.read(tmp_path / "c.csv", {})


def test_a_place_that_is_missing_names_its_row(tmp_path):
    text = table(tmp_path / "a.csv", HEAD).read_text(encoding="utf-8").splitlines()
    row = next(k for k, line in enumerate(text) if line.startswith("1,"))
    cells = text[row].split(",")
    (tmp_path / "b.csv").write_text(
        "\n".join([*text[:row], ",".join([cells[0], "nan", *cells[2:]]), *text[row + 1 :]]), encoding="utf-8"
    )
    with pytest.raises(FileError, match=r"row 13 of the table: a node's place is not finite"):
        data_files.read(tmp_path / "b.csv", {})


def test_damaged_tables_name_the_place(tmp_path):
    path = table(tmp_path / "a.csv", HEAD, box=False)
    text = path.read_text(encoding="utf-8").splitlines()
    (tmp_path / "b.csv").write_text("\n".join([*text[:3], text[3] + ",1", *text[4:]]), encoding="utf-8")
    with pytest.raises(FileError, match="row 3 of the table has 8 values"):
        data_files.read(tmp_path / "b.csv", {})
    (tmp_path / "c.csv").write_text("\n".join(text).replace("\n1,", "\n1,n", 1), encoding="utf-8")
    with pytest.raises(FileError, match="column x, row 13 of the table: 'n"):
        data_files.read(tmp_path / "c.csv", {})
    (tmp_path / "d.csv").write_text("\n".join(text[:-1]), encoding="utf-8")
    with pytest.raises(FileError, match="sample 1 has 11 nodes that are not the 12"):
        data_files.read(tmp_path / "d.csv", {})


def test_complex_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **(ARRAYS | {"u": ARRAYS["u"] + 0j}))
    with pytest.raises(FileError, match="u"):
        data_files.read(tmp_path / "a.npz", {})


def test_a_table_has_a_line_of_names_and_one_of_numbers_at_least(tmp_path):
    lines = ["sample,x,y,ux,uy,bx,by", "0,1,2,3,4,5,6"]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    arrays = data_files.read(tmp_path / "a.csv", {}).arrays
    assert (arrays["nodes"].tolist(), arrays["u"].tolist()) == ([[1.0, 2.0]], [[[3.0, 4.0]]])
    (tmp_path / "a.csv").write_text(lines[0], encoding="utf-8")
    with pytest.raises(FileError, match="has 1 lines"):
        data_files.read(tmp_path / "a.csv", {})


def test_a_set_is_of_training_or_of_validation_and_the_first_is_there(tmp_path):
    path = table(tmp_path / "a.csv", HEAD)
    remarks, (head, *rows) = path.read_text().splitlines()[:2], path.read_text().splitlines()[2:]

    def written(sets):
        lines = [*remarks, f"{head},set", *(f"{row},{sets[int(row[0])]}" for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return data_files.read(path, {}).arrays

    arrays = written(("train", "val"))
    for name in ("u", "b"):
        np.testing.assert_array_equal(arrays[name], ARRAYS[name][:1])
        np.testing.assert_array_equal(arrays[f"val_{name}"], ARRAYS[name][1:])
    with pytest.raises(FileError, match="column set: 'test': must be train or val"):
        written(("train", "test"))
    with pytest.raises(FileError, match="has samples of the set val alone"):
        written(("val", "val"))


def test_what_cannot_be_read_is_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"x,y\n\xff\xfe,1\n")
    with pytest.raises(FileError, match=r"a\.csv: is no text"):
        data_files.read(tmp_path / "a.csv", {})
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(FileError, match=r"b\.csv: cannot be read"):
        data_files.read(tmp_path / "b.csv", {})


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("bx (GPa)", "column bx is in 'GPa': expected a modulus over a length"),
        ("bx (N/mm^2)", "column bx is in 'N/mm^2': expected a modulus over a length"),
        ("bx (GPa/inch)", "column bx is in inch, but data.length_unit = 'mm'"),
        ("x (inch)", "column y is in mm, but data.length_unit = 'inch'"),
        ("ux (nm)", "column ux is in nm"),
    ],
)
def test_units_that_are_none_or_contradict_each_other_are_refused(tmp_path, column, words):
    head = ["sample", "x (mm)", "y (mm)", "ux (mm)", "uy (mm)", "bx (GPa/mm)", "by (GPa/mm)"]
    head = [column if name.split()[0] == column.split()[0] else name for name in head]
    with pytest.raises(FileError, match=re.escape(words)):
        data_files.units_of(data_files.read(table(tmp_path / "a.csv", head), {}), None, None, "volume")


@pytest.mark.parametrize(
    ("unit", "modulus"), [("GPa", "GPa"), ("N/mm^2", "MPa"), ("eV/A^3", "eV/A^3"), ("GPa/mm", None)]
)
def test_loads_per_area_are_in_a_modulus(tmp_path, unit, modulus):
    """A modulus was refused, and one over a length was divided by the thickness without a word."""
    head = ["sample", "x (mm)", "y (mm)", "ux (mm)", "uy (mm)", f"bx ({unit})", f"by ({unit})"]
    raw = data_files.read(table(tmp_path / "a.csv", head), {})
    if modulus is not None:
        assert data_files.units_of(raw, None, None, "area") == ("mm", modulus)
        return
    with pytest.raises(FileError, match=r"'GPa/mm', but data.load_per = 'area': expected a modulus"):
        data_files.units_of(raw, None, None, "area")


@pytest.mark.parametrize("line", ["20 18", "20,0 18,0", "20, 18", "20,18", "20,0; 18,0", "2e1 1.8e1"])
def test_the_edges_of_a_box_may_have_decimal_commas(tmp_path, line):
    path = table(tmp_path / "a.csv", HEAD, ";")
    path.write_text(path.read_text().replace("# box: 20 18", f"# box: {line}"))
    np.testing.assert_array_equal(data_files.read(path, {}).arrays["box"], [20.0, 18.0])


def test_units_in_brackets_stand_between_blanks_too(tmp_path):
    head = ["sample", "x [mm]", "y [mm]", "ux[mm]", "uy (mm)", "bx [GPa / mm]", "by [GPa/mm]"]
    raw = data_files.read(table(tmp_path / "a.txt", head, " "), {})
    assert data_files.units_of(raw, None, None, "volume") == ("mm", "GPa")
    np.testing.assert_allclose(raw.arrays["u"], ARRAYS["u"])


@pytest.mark.parametrize(
    ("unit", "known"),
    [
        ("N/mm^3", ("mm", "MPa")),
        ("N/m³", ("m", "Pa")),
        ("kN/m3", ("m", "kPa")),
        ("kN/mm^3", ("mm", "GPa")),
        ("N/mm^2/mm", ("mm", "MPa")),
    ],
)
def test_newtons_per_volume_are_a_modulus_over_a_length(tmp_path, unit, known):
    head = [*HEAD[:5], f"bx [{unit}]", f"by [{unit}]"]
    raw = data_files.read(table(tmp_path / "a.csv", head), {})
    assert data_files.units_of(raw, None, None, "volume") == known


def test_names_of_arrays_are_not_those_of_a_table_s_columns(tmp_path):
    """They were dropped without a word."""
    with pytest.raises(FileError, match=r"a\.csv: data.names = \{'u': 'ux'\} is for arrays of .npz and HDF5"):
        data_files.read(table(tmp_path / "a.csv", HEAD), {"u": "ux"})
