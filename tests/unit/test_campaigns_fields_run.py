"""When frames end and atoms are looked at, and what one segment leaves to the next."""

import json

import numpy as np

from mdbridge.campaigns.fields.run import STATE, State, Times, curve, frame_name, frames_in, save
from mdbridge.md.observe.curves import COLUMNS


def test_looks_end_with_their_frame_and_never_reach_before_the_start():
    times = Times(start=50, begin=49, every=20, over=3, spacing=5, curve=10)
    steps = range(40, 100)
    assert [s for s in steps if times.framed(s)] == [50, 70, 90]
    assert [s for s in steps if times.sampled(s)] == [50, 60, 65, 70, 80, 85, 90]
    assert [s for s in steps if times.curved(s)] == [50, 60, 70, 80, 90]
    assert [times.number(s) for s in (50, 70, 90)] == [0, 1, 2]


def test_the_step_between_two_segments_belongs_to_the_first():
    later = Times(start=50, begin=70, every=20, over=3, spacing=5, curve=10)
    assert [s for s in range(60, 100) if later.framed(s)] == [90]
    assert 70 not in [s for s in range(60, 100) if later.sampled(s) or later.curved(s)]


def test_a_state_is_read_as_it_was_written(tmp_path):
    edges = np.array([[5.0, 0, 0], [1.0, 4.0, 0], [0, 0, 3.0]]).tolist()
    state = State(
        10, edges, [0.0, 1.0, 2.0], [True, False, True], 3, edges, "metal", 2, 99, 0.002, [[0.0] * 3] * 3
    )
    state.write(tmp_path)
    assert State.read(tmp_path) == state
    assert state.reference.periodic == (True, False, True)
    np.testing.assert_array_equal(state.reference.edges, edges)


def test_a_state_of_a_former_release_is_read(tmp_path):
    state = State(0, [[1.0]], [0.0], [True], 3, [[1.0]], "lj", 1, 4, 0.1)
    state.write(tmp_path)
    written = json.loads((tmp_path / STATE).read_text())
    (tmp_path / STATE).write_text(json.dumps(written | {"warnings": []}))
    assert State.read(tmp_path) == state


def test_frames_count_as_far_as_none_is_missing(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, numbers in ((first, (0, 1)), (second, (2, 4))):
        folder.mkdir()
        for number in numbers:
            save(folder / frame_name(number), {"step": np.asarray(10 * number)})
    assert [int(frame["step"]) for frame in frames_in([first, second])] == [0, 10, 20]
    save(first / "curve.npz", {"rows": np.ones((2, len(COLUMNS) + 9))})
    assert curve([first, second]).shape == (2, len(COLUMNS) + 9)
