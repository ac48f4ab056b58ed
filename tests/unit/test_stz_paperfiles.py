"""Files in the paper's format."""

import numpy as np
import pytest

from mdbridge.core.errors import FileError
from mdbridge.stz import paperfiles


def write(path, text):
    path.write_text(text)
    return path


def test_rows_are_y_and_columns_x(tmp_path):
    path = write(tmp_path / "pe", "3 2 0 1\n1 2 3\n4 5 6\n")
    assert np.array_equal(paperfiles.read_field(path), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 2\n1 2 3\n", r"rows and columns \(1, 3\), its first line says \(2, 3\)"),
        ("3 2\n1 2 3\n1 2\n", r"\(2, 2, 3\).*\(2, 3\)"),
        ("", "must begin with nx and ny"),
        ("a b\n", "must begin with nx and ny"),
        ("2 1\n1 x\n", "x"),
        ("2 1\n1 nan\n", "nan at row 0, column 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(FileError, match=message):
        paperfiles.read_field(write(tmp_path / "pe", text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="absent"):
        paperfiles.read_field(tmp_path / "absent")


def test_stress_is_the_last_column_in_gpa_with_its_sign_turned(tmp_path):
    path = write(tmp_path / "stress", "0\t1\t-64.0\n1\t1\t-10000\n")
    assert paperfiles.read_shear_stress(path) == pytest.approx([0.0064, 1.0])
