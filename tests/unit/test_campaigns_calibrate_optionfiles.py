"""Options that are paths, and what their contents count by."""

import numpy as np

from mdbridge.campaigns.calibrate.optionfiles import files_of, hashed, paths


def test_paths_in_options_are_relative_to_the_file(tmp_path):
    options = {"a": "x", "out_folder": "y", "n_file": 3, "absolute_file": "/data/z"}
    expected = {"a": "x", "out_folder": str(tmp_path / "y"), "n_file": 3, "absolute_file": "/data/z"}
    assert paths(options, tmp_path) == expected


def test_a_folder_counts_by_all_that_is_in_it(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("z.txt", "deep/a.txt"):
        (tmp_path / name).write_text(name)
    assert files_of(tmp_path) == [("/deep/a.txt", tmp_path / "deep/a.txt"), ("/z.txt", tmp_path / "z.txt")]
    assert files_of(tmp_path / "z.txt") == [("", tmp_path / "z.txt")]


def test_the_hash_is_one_of_values_and_shape():
    values = np.arange(6.0)
    assert hashed(values) == hashed(values[::-1][::-1]) == hashed(values.astype(">f8"))
    assert len({hashed(values), hashed(values.reshape(2, 3)), hashed(values + 1e-12)}) == 3
