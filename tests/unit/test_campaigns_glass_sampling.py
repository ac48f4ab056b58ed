"""What segments leave behind: frames, and the state that the next one goes on from."""

import numpy as np
import pytest
from glass_files import stored

from mdbridge.campaigns.glass import sampling
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.core import store
from mdbridge.core.errors import FileError


def test_frames_up_to_a_gap_are_taken_and_the_file_says_that_it_is_not_complete(tmp_path):
    path = stored(tmp_path, 7)
    with store.reading(path, GLASS) as file:
        assert not file.attribute("complete", bool)
        assert file.get("gamma").shape == (7,)
    (tmp_path / "frame-0003.npz").unlink()
    assert [frame["gamma"] for frame in sampling.frames([tmp_path])] == [0.0, 0.025, 0.05]


def test_what_a_segment_leaves_is_read_back(tmp_path):
    chain = sampling.Chain(np.array([[1.0, 0, 0], [0.1, 2, 0], [0, 0, 3]]), 3, 70, 216, "lj")
    chain.write(tmp_path)
    again = sampling.Chain.read(tmp_path)
    assert np.array_equal(again.reference, chain.reference)
    assert (again.turns, again.offset, again.natoms, again.units) == (3, 70, 216, "lj")


def test_a_damaged_frame_is_an_error_and_no_number(tmp_path):
    stored(tmp_path, 3)
    path = tmp_path / "frame-0001.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"frame-0001\.npz: not a readable"):
        sampling.frames([tmp_path])
