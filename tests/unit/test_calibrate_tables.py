"""Tables of measurements: headers, units, missing values, and the line of what is wrong."""

import numpy as np
import pytest

from mdbridge.calibrate.tables import read
from mdbridge.core.errors import FileError, InputError


def table(tmp_path, text, name="data.csv", wanted=()):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read(path, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "time (s),load [N],err\n0,1.5,0.1\n1,,0.1\n2,-3e2,0.2\n",
        "\ufefftime (s);load [N];err\r\n0;1,5;0,1\r\n1;n/a;0,1\r\n2;-3e2;0,2;\r\n",  # as a German Excel
        "# time (s)\tload [N]\terr\n# a remark\n0\t1.5\t.1\n\n1\tNaN\t.1\n2\t-300\t.2\n",
        "time(s) load[N] err\n0.D+00 1.5D+00 .1d0\n1.0D0 - 1D-1\n2.0D+00 -3.D+2 2D-01\n",  # as Fortran
        'time (s), "load [N]" ,err\n0,1.5,0.1\n# a remark\n1,-,0.1\n2,-300,0.2\n',
    ],
)
def test_one_table_in_many_hands(tmp_path, text):
    measurements = table(tmp_path, text)
    np.testing.assert_array_equal(measurements.values["time"], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(measurements.values["load"], [1.5, np.nan, -300.0])
    np.testing.assert_array_equal(measurements.values["err"], [0.1, 0.1, 0.2])
    assert measurements.units == {"time": "s", "load": "N"}


def test_blanks_part_columns_and_words_are_no_values(tmp_path):
    measurements = table(
        tmp_path, "strain specimen stress_MPa\n0.1 left 5\n0.2 right 6\n", "data.txt", ["stress"]
    )
    np.testing.assert_array_equal(measurements.values["stress"], [5.0, 6.0])
    assert measurements.units == {"stress": "MPa"} and "specimen" not in measurements.values


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2,3,4,5", "line 4: 4 cells, but 3 columns"),
        ("2,3", "line 4: 2 cells, but 3 columns"),
        ("2,3.o,4", "line 4: y = '3.o' is no finite number"),
        ("2,inf,4", "line 4: y = 'inf' is no finite number"),
        ('"1,234",3,4', "line 4: x = '1,234' is no finite number"),
    ],
)
def test_a_bad_row_is_told_by_its_line(tmp_path, row, said):
    with pytest.raises(InputError, match="data.csv, " + said):
        table(tmp_path, f"x,y,z\n0,0,0\n\n{row}\n5,6,7\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,x\n1,2,3\n", "line 1: two columns are called 'x'"),
        ("x,,y\n1,2,3\n", "line 1: column 2 has no name"),
        ("x,y\n", "no rows of numbers"),
        ("\n\n", "holds no table"),
    ],
)
def test_a_bad_header_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        table(tmp_path, text)


@pytest.mark.parametrize("first", ["inf", "1e400", "-Infinity"])
def test_a_result_that_diverged_is_no_title(tmp_path, first):
    with pytest.raises(FileError, match=r"data\.txt: value -?inf at row 0"):
        table(tmp_path, f"{first}\n1\n2\n", "data.txt")
    assert list(table(tmp_path, "influence\n1\n2\n", "data.txt").values) == ["influence"]


def test_arrays_come_as_they_are(tmp_path):
    np.savez(tmp_path / "data.npz", stress=np.arange(3.0))
    assert read(tmp_path / "data.npz").values["stress"].tolist() == [0.0, 1.0, 2.0]
    (tmp_path / "bare.txt").write_text("1 2\n3 4\n")
    assert read(tmp_path / "bare.txt").values["bare"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
